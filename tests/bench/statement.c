/*
 * statement: prints the statements that the server itself runs for a read and for a create, for pgbench to repeat.
 *
 *     statement CONFIG RESOURCE.json…
 *
 * One line of JSON each: {"k":N,"text":"…","params":[{"type":N,"binary":true,"data":"hex"},…]}, type as in base/sql.h. First
 * the read of the first resource, then the create of each; their code and text values are taken as known to the
 * dictionary, as they are to a server that has run for a while.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "fhir/defs.h"
#include "search/index.h"
#include "store/store.h"

static void print(const struct sql *q, int64_t k)
{
    struct arena *a = q->a;
    printf("{\"k\":%lld,\"text\":%.*s,\"params\":[", (long long)k,
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

static bool create(struct arena *a, struct store *s, const struct search_registry *registry,
                   const struct fhir_defs *defs, const char *path, bool first, struct err *err)
{
    struct str text;
    json *resource;
    struct store_write w = {0}, *const one = &w;
    struct sql q = {.a = a};
    if (!config_read_file(a, path, 1 << 20, &text, err) || !json_parse(a, text, 64, &resource, err))
        return false;
    w.type = fhir_resource(defs, str_of(json_get_string(resource, "resourceType")));
    w.id = str_of(json_get_string(resource, "id"));
    if (!search_index(registry, store_tenant(s), a, resource, w.type, STR("http://127.0.0.1/fhir"), &w.index,
                      err))
        return false;
    store_content(a, resource, w.id, &w.content);
    if (first) {
        store_read_plan(s, w.type, w.id, &q);
        print(&q, 0);
    }
    store_committed(s, &one, 1);
    store_create_plan(s, &one, 1, false, &q);
    print(&q, w.k);
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
              store_new(&c, conn, &s, &err);
    for (int i = 2; ok && i < argc; i++)
        ok = create(&a, s, registry, defs, argv[i], i == 2, &err);
    if (!ok)
        fprintf(stderr, "statement: %s %s\n", err.msg, err.detail);
    if (s)
        store_free(s);
    if (conn)
        db_close(conn);
    arena_release(&a);
    return !ok;
}
