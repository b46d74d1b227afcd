/*
 * statement: prints the statements that the server itself runs, for pgbench to repeat.
 *
 *     statement CONFIG RESOURCE.json…
 *
 * Of each resource the read, the create, the update and the delete, a line of JSON each: {"op":"read","k":N,"text":"…",
 * "params":[{"type":N,"binary":true,"data":"hex"},…]}, type as in base/sql.h. Its code and text values are taken as known
 * to the dictionary, as they are to a server that has run for a while.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "fhir/defs.h"
#include "search/index.h"
#include "store/store.h"

static void print(const char *op, const struct sql *q, int64_t k)
{
    struct arena *a = q->a;
    printf("{\"op\":\"%s\",\"k\":%lld,\"text\":%.*s,\"params\":[", op, (long long)k,
           STR_FMT(json_text(a, json_string_n(a, buf_str(&q->text)))));
    for (size_t i = 0; i < q->n; i++) {
        const struct sql_param *p = &q->params[i];
        printf("%s{\"type\":%d,\"binary\":%s,\"data\":", i ? "," : "", p->type, p->binary ? "true" : "false");
        if (!p->data) {
            printf("null}");
            continue;
        }
        putchar('"');
        for (int j = 0; j < p->len; j++)
            printf("%02x", (unsigned char)p->data[j]);
        printf("\"}");
    }
    puts("]}");
}

static bool statements(struct arena *a, struct store *s, const struct search_registry *registry,
                       const struct fhir_defs *defs, const char *path, struct err *err)
{
    struct str text;
    json *resource;
    struct store_update u = {.may_create = true, .op = STORE_PUT};
    struct store_write *const w = &u.w;
    const struct audit_write audit = {.agent = 1, .op = AUDIT_CREATE, .request = STR("yardstick")};
    struct sql q = {.a = a};
    if (!config_read_file(a, path, 1 << 20, &text, err) || !json_parse(a, text, 64, &resource, err))
        return false;
    w->type = fhir_resource(defs, str_of(json_get_string(resource, "resourceType")));
    w->id = str_of(json_get_string(resource, "id"));
    w->audit = audit;
    if (!search_index(registry, store_tenant(s), a, resource, w->type, STR("http://127.0.0.1/fhir"),
                      &w->index, err))
        return false;
    store_content(s, a, resource, w->type, w->id, &w->content);
    store_committed(s, &w, 1);
    store_read_plan(s, w->type, w->id, &q);
    print("read", &q, 0);
    store_create_plan(s, &w, 1, false, &q);
    print("create", &q, w->k);
    store_update_plan(s, &u, &q);
    print("update", &q, w->k);
    store_delete_plan(s, w->type, w->id, STORE_ANY_VERSION, &audit, &q);
    print("delete", &q, 0);
    return true;
}

int main(int argc, char **argv)
{
    struct arena a;
    struct config_source from = {0};
    struct config c;
    struct db_conn *conn = NULL;
    struct store *s = NULL;
    const struct fhir_defs *defs;
    const struct conformance_view *codes;
    const struct search_registry *registry;
    struct err err;
    arena_init(&a, 0);
    if (argc < 3) {
        fputs("Usage: statement CONFIG RESOURCE.json…\n", stderr);
        return 2;
    }
    from.file = argv[1];
    bool ok = config_read(&from, &a, &c, &err) && fhir_defs_load(&a, &defs, &err) &&
              conformance_definitions(&a, defs, &codes, &err) &&
              search_registry_new(&a, defs, codes, &registry, &err) && db_open(&c, &conn, &err) &&
              store_new(&c, defs, conn, &s, &err);
    for (int i = 2; ok && i < argc; i++)
        ok = statements(&a, s, registry, defs, argv[i], &err);
    if (!ok)
        fprintf(stderr, "statement: %s %s\n", err.msg, err.detail);
    if (s)
        store_free(s);
    if (conn)
        db_close(conn);
    arena_release(&a);
    return !ok;
}
