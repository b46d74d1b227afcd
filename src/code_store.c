#include "code_store.h"

#include <stdio.h>

#include "base/hash.h"
#include "conformance/conformance.h"
#include "store/store.h"

enum { PIECE = 1 << 20 };

struct code_store {
    struct db_conn *conn;
    struct store *store;
    const struct fhir_type *type;
    const struct search_registry *registry;
};

static void release(void *store)
{
    store_free(store);
}

bool code_store_open(struct arena *a, const struct config *c, struct db_conn *conn, struct code_store **out,
                     struct err *err)
{
    struct code_store *s = ARENA_NEW(a, struct code_store);
    const struct fhir_defs *defs;
    const struct conformance_view *codes;
    s->conn = conn;
    if (!fhir_defs_load(a, &defs, err) || !conformance_definitions(a, defs, &codes, err) ||
        !search_registry_new(a, defs, codes, &s->registry, err) || !store_new(c, defs, conn, &s->store, err))
        return false;
    arena_cleanup(a, release, s->store);
    s->type = fhir_type(defs, "CodeSystem");
    *out = s;
    return true;
}

/* ---- the CodeSystem --------------------------------------------------------------------------------------- */

static struct str id_of(struct arena *a, const char *url, const char *version)
{
    static const struct hash_key fixed = {0x636f6465, 0x7379737465};
    return str_of(arena_printf(a, "imported-%016llx",
                               (unsigned long long)hash_strs(&fixed, str_of(url), str_of(version))));
}

static json *resource(struct arena *a, const struct terminology_head *head, struct str id, const char *image,
                      uint32_t concepts)
{
    json *o = json_object(a), *extensions = json_array(a), *extension = json_push(extensions, json_object(a));
    json_add_string(a, o, "resourceType", "CodeSystem");
    json_add(a, o, "id", json_string_n(a, id));
    json_add(a, o, "extension", extensions);
    json_add_string(a, extension, "url", CONFORMANCE_IMAGE);
    json_add_string(a, extension, "valueString", image);
    json_add_string(a, o, "url", head->url);
    if (head->version)
        json_add_string(a, o, "version", head->version);
    if (head->name)
        json_add_string(a, o, "title", head->name);
    json_add_string(a, o, "status", "active");
    json_add(a, o, "caseSensitive", json_bool(a, head->case_sensitive));
    json_add_string(a, o, "content", "not-present"); /* in the resource */
    json_add(a, o, "count", json_int(a, concepts));
    return o;
}

/* The image that the stored CodeSystem names; NULL: there is none. */
static bool current_image(struct code_store *s, struct arena *a, struct str id, const char **image,
                          struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    struct store_version v;
    json *node;
    *image = NULL;
    store_read_plan(s->store, s->type, id, &q);
    if (!db_exec(s->conn, a, &q, &rows, err))
        return false;
    struct str content;
    if (!store_read_reply(rows, &v) || v.deleted)
        return true;
    if (!store_open(s->store, a, s->type, id, v.text, &content, err) ||
        !json_parse(a, content, INT16_MAX, &node, err))
        return false;
    json_each (extension, json_get(node, "extension"))
        if (strcmp(json_get_string(extension, "url"), CONFORMANCE_IMAGE) == 0)
            *image = json_get_string(extension, "valueString");
    return true;
}

static bool put_resource(struct code_store *s, struct arena *a, json *node, struct str id, struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    struct store_written written;
    struct store_update u = {
        .w = {.type = s->type, .id = id}, .may_create = true, .words = true, .op = STORE_PUT};
    if (!search_index(s->registry, store_tenant(s->store), a, node, s->type, STR(""), &u.w.index, err))
        return false;
    store_content(s->store, a, node, s->type, id, &u.w.content);
    store_update_plan(s->store, &u, &q);
    if (!db_exec(s->conn, a, &q, &rows, err))
        return false;
    enum store_outcome is = store_update_reply(&u, rows, &written);
    return is == STORE_UPDATED || is == STORE_CREATED ||
           err_set(err, ERR_CONFLICT, "Somebody else has changed this CodeSystem meanwhile: import it again");
}

/* ---- the image -------------------------------------------------------------------------------------------- */

static bool put_pieces(struct code_store *s, const char *name, struct str image, struct err *err)
{
    bool ok = true;
    for (size_t at = 0, n = 0; ok && at < image.len; at += PIECE, n++) {
        struct arena a;
        arena_init(&a, 0);
        struct sql q = {.a = &a};
        sql_init(&q, &a, "code-image-put");
        sql_addf(
            &q,
            "INSERT INTO code_system_image (tenant, id, n, data) VALUES ($%d, $%d, $%d, $%d) ON CONFLICT DO "
            "NOTHING",
            sql_int4(&q, store_tenant(s->store)->id), sql_text(&q, str_of(name)), sql_int4(&q, (int32_t)n),
            sql_bytea(&q, image.s + at, image.len - at < PIECE ? image.len - at : PIECE));
        ok = db_exec(s->conn, &a, &q, NULL, err);
        arena_release(&a);
    }
    return ok;
}

static bool drop_pieces(struct code_store *s, struct arena *a, const char *name, struct err *err)
{
    struct sql q = {.a = a};
    sql_init(&q, a, "code-image-drop");
    sql_addf(&q, "DELETE FROM code_system_image WHERE tenant = $%d AND id = $%d",
             sql_int4(&q, store_tenant(s->store)->id), sql_text(&q, str_of(name)));
    return db_exec(s->conn, a, &q, NULL, err);
}

bool code_store_put(struct code_store *s, struct arena *a, const struct terminology_head *head,
                    struct str image, bool *changed, struct err *err)
{
    const struct terminology_system *system;
    const char *old;
    char name[33];
    struct str id = id_of(a, head->url, head->version ? head->version : "");
    terminology_image_name(image, name);
    if (!terminology_image_open(a, image, &system, err) || !current_image(s, a, id, &old, err))
        return false;
    *changed = !old || strcmp(old, name) != 0;
    if (!*changed)
        return true;
    if (!db_begin(s->conn, err))
        return false;
    json *node = resource(a, head, id, name, terminology_concepts(system));
    if (put_pieces(s, name, image, err) && put_resource(s, a, node, id, err) &&
        (!old || drop_pieces(s, a, old, err)) && db_commit(s->conn, err))
        return true;
    db_rollback(s->conn);
    return false;
}

/* ---- what there is ---------------------------------------------------------------------------------------- */

bool code_store_list(struct code_store *s, struct arena *a, struct code_stored **list, size_t *n,
                     struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(
        &q,
        "SELECT r.rid, r.content::json->>'url', coalesce(r.content::json->>'version', ''), "
        "coalesce((r.content::json->>'count')::int8, 0), coalesce((SELECT sum(octet_length(i.data)) FROM "
        "code_system_image i WHERE i.tenant = r.tenant AND i.id = r.content::json->'extension'->0->>"
        "'valueString'), 0)::int8 FROM res r WHERE r.tenant = $%d AND r.rtype = $%d AND NOT r.deleted AND "
        "r.rid LIKE 'imported-%%' ORDER BY 2, 3",
        sql_int4(&q, store_tenant(s->store)->id), sql_int2(&q, (int16_t)s->type->id));
    if (!db_exec(s->conn, a, &q, &rows, err))
        return false;
    *n = (size_t)db_count(rows);
    *list = ARENA_ARRAY(a, struct code_stored, *n);
    for (size_t i = 0; i < *n; i++)
        (*list)[i] = (struct code_stored){db_text(rows, (int)i, 0).s, db_text(rows, (int)i, 1).s,
                                          db_text(rows, (int)i, 2).s, db_int8(rows, (int)i, 3),
                                          db_int8(rows, (int)i, 4)};
    return true;
}

bool code_store_remove(struct code_store *s, struct arena *a, const char *url, const char *version,
                       struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    struct store_written written;
    const char *image;
    struct str id = id_of(a, url, version);
    if (!current_image(s, a, id, &image, err))
        return false;
    if (!image)
        return err_set(err, ERR_NOT_FOUND, "No code system of this URL and version has been imported");
    if (!db_begin(s->conn, err))
        return false;
    store_delete_plan(s->store, s->type, id, STORE_ANY_VERSION, &(struct audit_write){0}, &q);
    if (db_exec(s->conn, a, &q, &rows, err) &&
        store_delete_reply(STORE_ANY_VERSION, rows, &written) == STORE_UPDATED &&
        drop_pieces(s, a, image, err) && db_commit(s->conn, err))
        return true;
    db_rollback(s->conn);
    return false;
}
