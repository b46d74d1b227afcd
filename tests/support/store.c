#include "support/store.h"

#include <stdio.h>
#include <unistd.h>

static struct err err;
static struct arena made;
static const struct fhir_defs *defs;
static const struct conformance_view *codes;
static const struct search_registry *registry;
static char key_file[] = "/tmp/kagari-key-XXXXXX", seal_file[] = "/tmp/kagari-key-XXXXXX";
static const char *conninfo;
static struct test_store t;

static void make_key(char *path, const char *key)
{
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    FILE *f = fdopen(mkstemp(path), "w");
    ck_assert_int_gt(fputs(key, f), 0);
    fclose(f);
}

void test_store_suite_begin(void)
{
    arena_init(&made, 0);
    ck_ok(fhir_defs_load(&made, &defs, &err));
    ck_ok(conformance_definitions(&made, defs, &codes, &err));
    ck_ok(search_registry_new(&made, defs, codes, &registry, &err));
    conninfo = test_database_new(&made);
    make_key(key_file, "00112233445566778899aabbccddeeff\n");
    make_key(seal_file, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
}

void test_store_suite_end(void)
{
    test_database_drop();
    unlink(key_file);
    unlink(seal_file);
    arena_release(&made);
}

void test_store_begin(void)
{
    arena_init(&t.a, 0);
    config_defaults(&t.config, &t.a);
    t.config.db_conninfo = conninfo;
    t.config.store_hash_key = key_file;
    t.config.identity_seal = getenv("KAGARI_TEST_SEAL") != NULL;
    t.config.identity_key = seal_file;
    t.defs = defs;
    ck_ok(db_open(&t.config, &t.c, &err));
    ck_ok(store_new(&t.config, defs, t.c, &t.s, &err));
}

void test_store_end(void)
{
    store_free(t.s);
    db_close(t.c);
    arena_release(&t.a);
}

struct test_store *test_store(void)
{
    return &t;
}

struct store_write *test_write(const char *resource)
{
    json *node = test_json(&t.a, resource);
    const char *id = json_get_string(node, "id");
    char fresh[37];
    struct store_write *w = ARENA_NEW(&t.a, struct store_write);
    store_new_id(fresh);
    w->type = fhir_type(defs, json_get_string(node, "resourceType"));
    w->id = str_of(arena_strdup(&t.a, id ? id : fresh));
    json_put(&t.a, node, "id", json_string_n(&t.a, w->id));
    ck_ok(search_index(registry, store_tenant(t.s), &t.a, node, w->type, STR("https://k.test/fhir"),
                       &w->index, &err));
    store_content(t.s, &t.a, node, w->type, w->id, &w->content);
    return w;
}

struct store_written test_create(struct store_write *w)
{
    struct sql q = {.a = &t.a};
    const struct db_rows *rows;
    struct store_written out;
    store_create_plan(t.s, &w, 1, true, &q);
    ck_ok(db_exec(t.c, &t.a, &q, &rows, &err));
    ck_ok(store_create_reply(rows, &out, &err));
    return out;
}

enum store_outcome test_update(struct store_update *u, struct store_written *out)
{
    struct sql q = {.a = &t.a};
    const struct db_rows *rows;
    struct store_written ignored;
    u->op = u->op ? u->op : STORE_PUT;
    store_update_plan(t.s, u, &q);
    ck_ok(db_exec(t.c, &t.a, &q, &rows, &err));
    return store_update_reply(u, rows, out ? out : &ignored);
}

enum store_outcome test_put(const char *resource)
{
    return test_update(&(struct store_update){.w = *test_write(resource), .may_create = true, .words = true},
                       NULL);
}

enum store_outcome test_delete(const char *type, const char *id, int32_t if_match)
{
    struct sql q = {.a = &t.a};
    const struct db_rows *rows;
    struct store_written out;
    store_delete_plan(t.s, fhir_type(defs, type), str_of(id), if_match, &(struct audit_write){0}, &q);
    ck_ok(db_exec(t.c, &t.a, &q, &rows, &err));
    return store_delete_reply(if_match, rows, &out);
}

bool test_read(const char *type, const char *id, struct store_version *out)
{
    struct sql q = {.a = &t.a};
    const struct db_rows *rows;
    store_read_plan(t.s, fhir_type(defs, type), str_of(id), &q);
    ck_ok(db_exec(t.c, &t.a, &q, &rows, &err));
    return store_read_reply(rows, out);
}
