#include "package_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/distil.h"
#include "crypto/digest.h"
#include "fhir/package.h"
#include "store/store.h"
#include "validate/validate.h"

enum { ID_SIZE = 29, DIGEST = 32, JSON_DEPTH = 200 };

struct package_store {
    struct db_conn *conn;
    struct store *store;
    const struct fhir_defs *defs;
    const struct search_registry *registry;
    const struct validator *validator;
};

static void release(void *store)
{
    store_free(store);
}

bool package_store_open(struct arena *a, const struct config *c, struct db_conn *conn,
                        struct package_store **out, struct err *err)
{
    struct package_store *s = ARENA_NEW(a, struct package_store);
    const struct conformance_view *definitions;
    s->conn = conn;
    if (!fhir_defs_load(a, &s->defs, err) || !conformance_definitions(a, s->defs, &definitions, err) ||
        !search_registry_new(a, s->defs, definitions, &s->registry, err) ||
        !validator_new(a, s->defs, definitions, &s->validator, err) ||
        !store_new(c, s->defs, conn, &s->store, err))
        return false;
    arena_cleanup(a, release, s->store);
    *out = s;
    return true;
}

static int32_t tenant(const struct package_store *s)
{
    return store_tenant(s->store)->id;
}

/* ---- what there is ---------------------------------------------------------------------------------------- */

bool package_store_list(struct package_store *s, struct arena *a, struct package_stored **list, size_t *n,
                        struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "SELECT json_build_object('name', p.name, 'version', p.version, 'canonical', p.canonical, "
             "'dependencies', p.depends::json)::text, to_char(p.installed, 'YYYY-MM-DD'), "
             "(SELECT count(*) FROM package_resource r WHERE r.tenant = p.tenant AND r.name = p.name AND "
             "r.version = p.version) FROM package p WHERE p.tenant = $%d ORDER BY p.name, p.version",
             sql_int4(&q, tenant(s)));
    if (!db_exec(s->conn, a, &q, &rows, err))
        return false;
    *n = (size_t)db_count(rows);
    *list = ARENA_ARRAY(a, struct package_stored, *n);
    for (int i = 0; i < db_count(rows); i++) {
        (*list)[i].installed = db_text(rows, i, 1).s;
        (*list)[i].resources = db_int8(rows, i, 2);
        if (!conformance_package_about(a, db_text(rows, i, 0), &(*list)[i].about, err))
            return false;
    }
    return true;
}

/* All that are there but one. */
static bool others(struct package_store *s, struct arena *a, const char *name, const char *version,
                   struct conformance_package **list, size_t *n, struct err *err)
{
    struct package_stored *all;
    size_t n_all;
    if (!package_store_list(s, a, &all, &n_all, err))
        return false;
    *list = ARENA_ARRAY(a, struct conformance_package, n_all + 1);
    *n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (strcmp(all[i].about.name, name) != 0 || strcmp(all[i].about.version, version) != 0)
            (*list)[(*n)++] = all[i].about;
    return true;
}

/* One at a time, whichever server it is on: what it depends on stays. */
static bool begin(struct package_store *s, struct arena *a, struct err *err)
{
    struct sql q = {.a = a};
    sql_init(&q, a, NULL);
    sql_addf(&q, "SELECT pg_advisory_xact_lock(hashtext('kagari packages'), $%d)", sql_int4(&q, tenant(s)));
    return db_begin(s->conn, err) && db_exec(s->conn, a, &q, NULL, err);
}

/* ---- what a file is --------------------------------------------------------------------------------------- */

struct glance {
    struct arena *a;
    struct conformance_package *about;
    bool found;
};

static bool glance(void *arg, struct str name, struct str content, struct err *err)
{
    struct glance *g = arg;
    if (!str_is(name, "package.json"))
        return true;
    content = (struct str){arena_strndup(g->a, content.s, content.len), content.len};
    g->found = conformance_package_about(g->a, content, g->about, err);
    return false;
}

bool package_store_about(struct arena *a, const char *path, struct conformance_package *out, struct err *err)
{
    struct glance g = {.a = a, .about = out};
    struct err why;
    bool read = fhir_package_read(a, path, glance, &g, &why);
    return g.found || (read ? err_set(err, ERR_INVALID, "%s: it has no package/package.json", path)
                            : err_set(err, why.kind, "%s: %s", path, why.msg));
}

/* ---- install: what the files say --------------------------------------------------------------------------- */

struct part {
    uint8_t name[DIGEST], content[DIGEST];
};

struct packed {
    struct arena *a;
    struct part *parts;
    size_t n, cap;
};

static bool add_part(void *arg, struct str name, struct str content, struct err *err)
{
    struct packed *p = arg;
    (void)err;
    struct part *part = ARENA_PUSH(p->a, p->parts, p->n, p->cap);
    crypto_sha256(name.s, name.len, part->name);
    crypto_sha256(content.s, content.len, part->content);
    return true;
}

static int by_name(const void *x, const void *y)
{
    return memcmp(x, y, sizeof(struct part));
}

/* In whatever order and however packed. */
static bool digest(struct arena *a, const char *path, uint8_t out[DIGEST], struct err *err)
{
    struct packed p = {.a = a};
    if (!fhir_package_read(a, path, add_part, &p, err))
        return false;
    qsort(p.parts, p.n, sizeof *p.parts, by_name);
    crypto_sha256(p.parts, sizeof *p.parts * p.n, out);
    return true;
}

/* ---- install: one resource --------------------------------------------------------------------------------- */

/* What speaks about definitions; anything else in a package is an example. */
static bool is_definition(const char *type)
{
    static const char *const types[] = {"CapabilityStatement",
                                        "CompartmentDefinition",
                                        "GraphDefinition",
                                        "ImplementationGuide",
                                        "Library",
                                        "MessageDefinition",
                                        "NamingSystem",
                                        "OperationDefinition",
                                        "SearchParameter",
                                        "StructureMap"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return conformance_kind_named(type) < CONFORMANCE_N_KINDS;
}

struct installing {
    struct package_store *s;
    struct arena *a; /* until the commit */
    struct arena file;
    const char *path;
    struct conformance_package about;
    package_progress progress;
    struct store_write **writes;
    size_t n, cap;
};

static void id_of(const struct conformance_package *p, struct str file, char out[ID_SIZE])
{
    uint8_t hash[DIGEST];
    char text[600];
    int n = snprintf(text, sizeof text, "%s\n%s\n%.*s", p->name, p->version,
                     (int)(file.len < 300 ? file.len : 300), file.s);
    crypto_sha256(text, (size_t)n, hash);
    memcpy(out, "pkg-", 5);
    for (int i = 0; i < 12; i++)
        snprintf(out + 4 + 2 * i, 3, "%02x", hash[i]);
}

/* What extensions may stand where is not asked: packages use those of other versions of FHIR too. */
static json *without_extensions(struct arena *a, const json *node)
{
    if (!json_is_object(node) && !json_is_array(node))
        return json_copy(a, node);
    json *out = json_is_array(node) ? json_array(a) : json_object(a);
    json_each (child, node) {
        bool named = json_is_object(node);
        if (named && (strcmp(child->string, "extension") == 0 ||
                      strcmp(child->string, "modifierExtension") == 0 || child->string[0] == '_'))
            continue;
        json *kept = without_extensions(a, child);
        if (json_count(child) && !json_count(kept)) /* it had nothing else */
            continue;
        if (named)
            json_add(a, out, child->string, kept);
        else
            json_push(out, kept);
    }
    return out;
}

/* Published packages have texts that are empty, codes that R4 does not know, and the like: they are taken as they are.
 * What is not even built like a resource is refused. */
static bool is_built(const struct installing *w, struct str file, const struct issues *found, struct err *err)
{
    for (size_t i = 0; i < found->n; i++) {
        const struct issue *issue = &found->list[i];
        if (issue->severity <= ISSUE_ERROR && strcmp(issue->code, "structure") == 0)
            return err_set(err, ERR_INVALID, "%s: %.*s: %s: %s", w->path,
                           (int)(file.len < 100 ? file.len : 100), file.s,
                           issue->expression ? issue->expression : "", issue->text);
    }
    return true;
}

/* What a server reads of it at its start. */
static bool note(struct installing *w, const struct fhir_type *type, struct str id, json *resource,
                 struct err *err)
{
    struct package_store *s = w->s;
    struct sql q = {.a = &w->file};
    enum conformance_kind kind = conformance_kind_named(type->name);
    struct str kept = {NULL, 0};
    if (kind < CONFORMANCE_N_KINDS)
        kept = json_text(&w->file, conformance_trim(&w->file, kind, resource, false));
    sql_init(&q, q.a, "package-note");
    sql_addf(&q,
             "INSERT INTO package_resource (tenant, rtype, rid, name, version, kept) VALUES ($%d, $%d, $%d, "
             "$%d, $%d, $%d)",
             sql_int4(&q, tenant(s)), sql_int2(&q, (int16_t)type->id), sql_text(&q, id),
             sql_text(&q, str_of(w->about.name)), sql_text(&q, str_of(w->about.version)), sql_text(&q, kept));
    return db_exec(s->conn, q.a, &q, NULL, err);
}

/* They come last, so that others who need the same wait for the commit alone. */
static void keep_words(struct installing *w, const struct store_write *write)
{
    const struct search_index *x = &write->index;
    struct store_write *kept = ARENA_NEW(w->a, struct store_write);
    kept->type = write->type;
    kept->index.dicts = ARENA_ARRAY(w->a, struct search_index_dict, x->n_dicts);
    for (size_t i = 0; i < x->n_dicts; i++) {
        kept->index.dicts[i] = x->dicts[i];
        kept->index.dicts[i].val.s = arena_strndup(w->a, x->dicts[i].val.s, x->dicts[i].val.len);
    }
    kept->index.n_dicts = x->n_dicts;
    *ARENA_PUSH(w->a, w->writes, w->n, w->cap) = kept;
}

static bool put(struct installing *w, const struct fhir_type *type, json *resource, const char *id_text,
                struct err *err)
{
    struct package_store *s = w->s;
    struct str id = str_of(id_text);
    struct sql q = {.a = &w->file};
    const struct db_rows *rows;
    struct store_written written;
    struct store_update u = {.w = {.type = type, .id = id}, .may_create = true, .op = STORE_PUT};
    json_put(&w->file, resource, "id", json_string_n(&w->file, id));
    if (!note(w, type, id, resource, err) || !search_index(s->registry, store_tenant(s->store), &w->file,
                                                           resource, type, STR(""), &u.w.index, err))
        return false;
    store_content(s->store, &w->file, resource, type, id, &u.w.content);
    store_update_plan(s->store, &u, &q);
    if (!db_exec(s->conn, &w->file, &q, &rows, err))
        return false;
    enum store_outcome is = store_update_reply(&u, rows, &written);
    keep_words(w, &u.w);
    if (w->progress)
        w->progress(&w->about, w->n);
    return is == STORE_UPDATED || is == STORE_CREATED ||
           err_set(err, ERR_CONFLICT,
                   "Somebody else has changed the same resources meanwhile: install it again");
}

static bool install_file(void *arg, struct str name, struct str content, struct err *err)
{
    struct installing *w = arg;
    struct validate_options o = {.level = VALIDATE_STRUCTURE, .lenient = true};
    struct issues found;
    struct err cause;
    json *resource;
    char id[ID_SIZE];
    arena_clear(&w->file);
    if (str_is(name, "package.json"))
        return true;
    if (str_starts(content, STR("\xef\xbb\xbf")))
        content = (struct str){content.s + 3, content.len - 3};
    if (!json_parse(&w->file, content, JSON_DEPTH, &resource, &cause))
        return err_set(err, cause.kind, "%s: %.*s: %s", w->path, (int)(name.len < 100 ? name.len : 100),
                       name.s, cause.msg);
    const char *type = json_get_string(resource, "resourceType");
    o.expected = type && is_definition(type) ? fhir_resource(w->s->defs, str_of(type)) : NULL;
    if (!o.expected)
        return true;
    issues_init(&found, &w->file);
    validate_resource(w->s->validator, &w->file, without_extensions(&w->file, resource), &o, &found);
    if (!is_built(w, name, &found, err))
        return false;
    id_of(&w->about, name, id);
    return put(w, o.expected, resource, id, err);
}

/* ---- install: the whole ------------------------------------------------------------------------------------ */

static bool known_digest(struct package_store *s, struct arena *a, const struct conformance_package *p,
                         struct str *out, struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    *out = (struct str){NULL, 0};
    sql_init(&q, a, NULL);
    sql_addf(&q, "SELECT digest FROM package WHERE tenant = $%d AND name = $%d AND version = $%d",
             sql_int4(&q, tenant(s)), sql_text(&q, str_of(p->name)), sql_text(&q, str_of(p->version)));
    if (!db_exec(s->conn, a, &q, &rows, err))
        return false;
    if (db_count(rows))
        *out = db_text(rows, 0, 0);
    return true;
}

static bool register_package(struct package_store *s, struct arena *a, const struct conformance_package *p,
                             const uint8_t *hash, struct err *err)
{
    struct sql q = {.a = a};
    json *depends = json_object(a);
    for (size_t i = 0; i < p->n_dependencies; i++)
        json_add_string(a, depends, p->dependencies[i].name, p->dependencies[i].version);
    sql_init(&q, a, NULL);
    sql_addf(
        &q,
        "INSERT INTO package (tenant, name, version, canonical, depends, digest) VALUES ($%d, $%d, $%d, $%d, "
        "$%d, $%d)",
        sql_int4(&q, tenant(s)), sql_text(&q, str_of(p->name)), sql_text(&q, str_of(p->version)),
        sql_text(&q, str_of(p->canonical)), sql_text(&q, json_text(a, depends)), sql_bytea(&q, hash, DIGEST));
    return db_exec(s->conn, a, &q, NULL, err);
}

static bool install(struct installing *w, const uint8_t *hash, enum package_result *result, struct err *err)
{
    struct package_store *s = w->s;
    struct conformance_package *list;
    struct str there;
    struct sql words = {.a = w->a};
    size_t n;
    if (!known_digest(s, w->a, &w->about, &there, err))
        return false;
    *result = there.s ? PACKAGE_WAS_THERE : PACKAGE_INSTALLED;
    if (there.s)
        return (there.len == DIGEST && memcmp(there.s, hash, DIGEST) == 0) ||
               err_set(err, ERR_RULE,
                       "Another package is installed as %s %s: remove it first (kagari package remove %s %s)",
                       w->about.name, w->about.version, w->about.name, w->about.version);
    if (!others(s, w->a, w->about.name, w->about.version, &list, &n, err))
        return false;
    const struct conformance_dependency *missing = conformance_package_missing(&w->about, list, n);
    if (missing)
        return err_set(err, ERR_RULE, "%s %s depends on %s %s, which is not installed: install it first",
                       w->about.name, w->about.version, missing->name, missing->version);
    return fhir_package_read(w->a, w->path, install_file, w, err) &&
           (w->n || err_set(err, ERR_INVALID, "%s: there is no conformance resource in it", w->path)) &&
           register_package(s, w->a, &w->about, hash, err) &&
           (!store_words_plan(s->store, w->writes, w->n, &words) ||
            db_exec(s->conn, w->a, &words, NULL, err));
}

bool package_store_install(struct package_store *s, const char *path, package_progress progress,
                           struct package_stored *out, enum package_result *result, struct err *err)
{
    struct arena a;
    uint8_t hash[DIGEST];
    arena_init(&a, 0);
    struct installing w = {.s = s, .a = &a, .path = path, .progress = progress};
    arena_init(&w.file, 0);
    bool ok = package_store_about(&a, path, &w.about, err) && digest(&a, path, hash, err) &&
              begin(s, &a, err) && install(&w, hash, result, err) && db_commit(s->conn, err);
    if (!ok)
        db_rollback(s->conn);
    out->resources = (int64_t)w.n;
    arena_release(&w.file);
    arena_release(&a);
    return ok;
}

/* ---- remove ------------------------------------------------------------------------------------------------ */

static bool still_needed(struct package_store *s, struct arena *a, const char *name, const char *version,
                         struct err *err)
{
    struct conformance_package *list, gone = {.name = name, .version = version};
    size_t n;
    if (!others(s, a, name, version, &list, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        list[n] = gone; /* there is room for it */
        if (conformance_package_missing(&list[i], list, n) &&
            !conformance_package_missing(&list[i], list, n + 1))
            return err_set(err, ERR_RULE, "%s %s depends on it: remove that first", list[i].name,
                           list[i].version);
    }
    return true;
}

static bool delete_one(struct package_store *s, struct arena *a, int16_t rtype, struct str id,
                       struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    struct store_written written;
    store_delete_plan(s->store, fhir_resource_by_id(s->defs, rtype), id, STORE_ANY_VERSION,
                      &(struct audit_write){0}, &q);
    if (!db_exec(s->conn, a, &q, &rows, err))
        return false;
    enum store_outcome is = store_delete_reply(STORE_ANY_VERSION, rows, &written);
    return is == STORE_UPDATED || is == STORE_ABSENT ||
           err_set(err, ERR_CONFLICT,
                   "Somebody else has changed the same resources meanwhile: remove it again");
}

static bool remove_all(struct package_store *s, struct arena *a, const char *name, const char *version,
                       struct err *err)
{
    struct sql q = {.a = a}, gone = {.a = a};
    const struct db_rows *rows, *packages;
    struct arena one;
    bool ok = true;
    sql_init(&gone, a, NULL);
    sql_addf(&gone, "DELETE FROM package WHERE tenant = $%d AND name = $%d AND version = $%d RETURNING 1",
             sql_int4(&gone, tenant(s)), sql_text(&gone, str_of(name)), sql_text(&gone, str_of(version)));
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "DELETE FROM package_resource WHERE tenant = $%d AND name = $%d AND version = $%d RETURNING "
             "rtype, rid",
             sql_int4(&q, tenant(s)), sql_text(&q, str_of(name)), sql_text(&q, str_of(version)));
    if (!db_exec(s->conn, a, &gone, &packages, err) || !db_exec(s->conn, a, &q, &rows, err))
        return false;
    if (db_count(packages) == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no package %s %s (kagari package list)", name, version);
    for (int i = 0; ok && i < db_count(rows); i++) {
        arena_init(&one, 0);
        ok = delete_one(s, &one, db_int2(rows, i, 0), db_text(rows, i, 1), err);
        arena_release(&one);
    }
    return ok;
}

bool package_store_remove(struct package_store *s, const char *name, const char *version, struct err *err)
{
    struct arena a;
    arena_init(&a, 0);
    bool ok = begin(s, &a, err) && still_needed(s, &a, name, version, err) &&
              remove_all(s, &a, name, version, err) && db_commit(s->conn, err);
    if (!ok)
        db_rollback(s->conn);
    arena_release(&a);
    return ok;
}
