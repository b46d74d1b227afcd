/*
 * What each interaction costs, without a clock: round trips, statements, JSON parses, calls of malloc, and how often a
 * resource's bytes are copied. A change that makes one dearer fails here; one that makes it cheaper lowers the table.
 *
 * Everything is warm: the connections have their statements prepared, the dictionary of the search index has the words.
 */
#include "support/flow.h"

#include <unistd.h>

enum { WARM = 4, SMALL = 4, BULK = 300 * 1000, ENTRIES = 20 };

static void begin(void)
{
    flow_suite_begin();
    flow_base("db.workers=1");
    flow_base("db.search_connections=1");
}

/* ---- the requests: {} stands for a number that is another one each time ------------------------------------------ */

/* Data is not indexed and not looked into: what grows with it is copies. */
static const char *document(const char *id, size_t bulk)
{
    char *data = arena_alloc(flow_arena(), bulk + 1);
    memset(data, 'A', bulk);
    data[bulk] = '\0';
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"DocumentReference\"%s,\"status\":\"current\",\"identifier\":[{\"system\":"
        "\"http://x.test/doc\",\"value\":\"d\"}],\"content\":[{\"attachment\":{\"contentType\":"
        "\"text/plain\",\"data\":\"%s\"}}]}",
        id ? arena_printf(flow_arena(), ",\"id\":\"%s\"", id) : "", data);
}

/* Each test is a process of its own. */
static const char *next_id(void)
{
    static int turn;
    return arena_printf(flow_arena(), "g%d-%d", (int)getpid(), turn++);
}

static const char *path_of(const char *id)
{
    return arena_printf(flow_arena(), "DocumentReference/%s", id);
}

/* Something to work on, of that size. */
static const char *stored(size_t bulk)
{
    const char *id = next_id();
    ck_status(flow_put(path_of(id), document(id, bulk)), 201);
    return id;
}

static const struct flow_answer *do_read(size_t bulk)
{
    return flow_get(path_of(stored(bulk)));
}

static const struct flow_answer *do_vread(size_t bulk)
{
    return flow_get(arena_printf(flow_arena(), "%s/_history/1", path_of(stored(bulk))));
}

static const struct flow_answer *do_create(size_t bulk)
{
    return flow_post("DocumentReference", document(NULL, bulk));
}

static const struct flow_answer *do_create_by_put(size_t bulk)
{
    const char *id = next_id();
    return flow_put(path_of(id), document(id, bulk));
}

static const struct flow_answer *do_update(size_t bulk)
{
    const char *id = stored(SMALL);
    return flow_put(path_of(id), document(id, bulk));
}

static const struct flow_answer *do_delete(size_t bulk)
{
    return flow_delete(path_of(stored(bulk)));
}

static const struct flow_answer *do_history(size_t bulk)
{
    return flow_get(arena_printf(flow_arena(), "%s/_history", path_of(stored(bulk))));
}

static const struct flow_answer *do_search(size_t bulk)
{
    return flow_get(arena_printf(flow_arena(), "DocumentReference?_id=%s", stored(bulk)));
}

static const struct flow_answer *do_search_token(size_t bulk)
{
    (void)bulk; /* finds some of all */
    return flow_get("DocumentReference?identifier=http://x.test/doc|d&_count=2");
}

static const struct flow_answer *do_include(size_t bulk)
{
    return flow_get(arena_printf(flow_arena(), "DocumentReference?_id=%s&_include=DocumentReference:subject",
                                 stored(bulk)));
}

static const struct flow_answer *do_conditional_create(size_t bulk)
{
    return flow("POST", "DocumentReference",
                arena_printf(flow_arena(), "If-None-Exist: identifier=http://x.test/new|%s\n", next_id()),
                document(NULL, bulk));
}

static const struct flow_answer *do_conditional_update(size_t bulk)
{
    const char *id = stored(SMALL);
    return flow_put(arena_printf(flow_arena(), "DocumentReference?_id=%s", id), document(id, bulk));
}

static const struct flow_answer *do_patch(size_t bulk)
{
    return flow("PATCH", path_of(stored(bulk)), "Content-Type: application/json-patch+json\n",
                "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"superseded\"}]");
}

static const struct flow_answer *transaction(const char *type, size_t bulk, int entries)
{
    struct buf b;
    buf_init(&b, flow_arena(), 4096);
    for (int i = 0; i < entries; i++)
        buf_addf(&b, "%s{\"resource\":%s,\"request\":{\"method\":\"POST\",\"url\":\"DocumentReference\"}}",
                 i ? "," : "", document(NULL, i ? SMALL : bulk));
    return flow_post("",
                     arena_printf(flow_arena(),
                                  "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":[%s]}", type, b.s));
}

static const struct flow_answer *do_transaction(size_t bulk)
{
    return transaction("transaction", bulk, 1);
}

static const struct flow_answer *do_transaction_of_many(size_t bulk)
{
    return transaction("transaction", bulk, ENTRIES);
}

/* Updates, after the first time. */
static const struct flow_answer *do_transaction_of_puts(size_t bulk)
{
    struct buf b;
    buf_init(&b, flow_arena(), 4096);
    for (int i = 0; i < ENTRIES; i++) {
        const char *id = arena_printf(flow_arena(), "put%d", i);
        buf_addf(&b, "%s{\"resource\":%s,\"request\":{\"method\":\"PUT\",\"url\":\"DocumentReference/%s\"}}",
                 i ? "," : "", document(id, i ? SMALL : bulk), id);
    }
    return flow_post("", arena_printf(flow_arena(),
                                      "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[%s]}",
                                      b.s));
}

/* Conditional references, each to another resource: one statement finds all of them. */
static const struct flow_answer *do_transaction_of_references(size_t bulk)
{
    struct buf b;
    buf_init(&b, flow_arena(), 4096);
    for (int i = 0; i < ENTRIES; i++) {
        flow_put(arena_printf(flow_arena(), "Practitioner/reference%d", i),
                 arena_printf(
                     flow_arena(),
                     "{\"resourceType\":\"Practitioner\",\"id\":\"reference%d\",\"identifier\":[{\"system\":"
                     "\"http://x.test/reference\",\"value\":\"%d\"}]}",
                     i, i));
        buf_addf(
            &b,
            "%s{\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"author\":{\"reference\":"
            "\"Practitioner?identifier=http://x.test/"
            "reference|%d\"}},\"request\":{\"method\":\"POST\",\"url\":"
            "\"Basic\"}}",
            i ? "," : "", i);
    }
    (void)bulk;
    return flow_post("", arena_printf(flow_arena(),
                                      "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[%s]}",
                                      b.s));
}

static const struct flow_answer *do_batch_of_many(size_t bulk)
{
    return transaction("batch", bulk, ENTRIES);
}

/* ---- what they may cost ------------------------------------------------------------------------------------------ */

/*
 * trips, statements, parsed (anew, for their plan needs the values), json: exactly. mallocs: at most, one more
 * than were seen where the request's arena takes blocks; copies: at
 * most, of the bulk of one resource in the request's arena, in tenths; sent and received: exactly, copies of it on their
 * way to PostgreSQL and back.
 */
static const struct guard {
    const char *name;
    const struct flow_answer *(*run)(size_t bulk);
    int status;
    int trips, statements, parsed, json, mallocs, copies, sent, received;
} guards[] = {
    {"read", do_read, 200, 1, 1, 0, 0, 0, 0, 0, 1},
    {"vread", do_vread, 200, 1, 1, 0, 0, 0, 0, 0, 1},
    {"create", do_create, 201, 1, 1, 0, 1, 1, 40, 1, 0},
    {"create by PUT", do_create_by_put, 201, 1, 1, 0, 1, 2, 50, 1, 0},
    {"update", do_update, 200, 1, 1, 0, 1, 2, 50, 1, 0},
    {"delete", do_delete, 204, 1, 1, 0, 0, 0, 0, 0, 0},
    {"history", do_history, 200, 1, 1, 1, 0, 0, 30, 0, 1},
    {"search by id", do_search, 200, 1, 1, 0, 0, 0, 10, 0, 1},
    {"search by token", do_search_token, 200, 1, 1, 0, 0, 0, 0, 0, 0},
    {"search with _include", do_include, 200, 1, 1, 0, 1, 3, 20, 0, 1},
    {"conditional create", do_conditional_create, 201, 5, 5, 1, 1, 3, 50, 1, 0},
    {"conditional update", do_conditional_update, 200, 5, 5, 1, 1, 3, 50, 1, 0},
    {"patch", do_patch, 200, 2, 2, 0, 2, 3, 60, 1, 1},
    {"transaction of 1", do_transaction, 200, 3, 3, 0, 1, 3, 40, 1, 0},
    {"transaction of 20", do_transaction_of_many, 200, 3, 3, 0, 1, 5, 40, 1, 0},
    {"transaction of 20 PUTs", do_transaction_of_puts, 200, 4, 4, 0, 1, 6, 50, 1, 0},
    {"transaction of 20 references", do_transaction_of_references, 200, 4, 4, 1, 1, 6, 0, 0, 0},
    {"batch of 20", do_batch_of_many, 200, 1, 1, 0, 1, 6, 40, 1, 0},
};

/* Rounded: headers and numbers do not count. */
static int copies_of(int64_t small, int64_t large, int unit)
{
    return (int)(((large - small) * unit + BULK / 2) / BULK);
}

START_TEST(test_interactions)
{
    const struct guard *g = &guards[_i];
    for (int i = 0; i < WARM; i++)
        ck_status(g->run(SMALL), g->status);
    const struct cost c = g->run(SMALL)->cost;
    const struct cost large = g->run(BULK)->cost;
    const int copies = copies_of(c.arena, large.arena, 10), sent = copies_of(c.sent, large.sent, 1),
              received = copies_of(c.received, large.received, 1);
    const bool same = c.trips == g->trips && c.statements == g->statements && c.json == g->json &&
                      c.parsed == g->parsed && sent == g->sent && received == g->received;
    ck_assert_msg(same && c.mallocs <= g->mallocs && copies <= g->copies,
                  "%s: %d trips (%d), %d statements (%d), %d parsed anew (%d), %d JSON parses (%d), %d "
                  "mallocs (%d), %d "
                  "tenths copied (%d), %d times sent (%d) and %d received (%d)",
                  g->name, (int)c.trips, g->trips, (int)c.statements, g->statements, (int)c.parsed, g->parsed,
                  (int)c.json, g->json, (int)c.mallocs, g->mallocs, copies, g->copies, sent, g->sent,
                  received, g->received);
}
END_TEST

/* What cost.c asks of every statement of every test. */
START_TEST(test_what_does_not_name_its_tenant_is_found)
{
    ck_assert_ptr_null(cost_untenanted("SELECT content FROM res WHERE tenant = $1 AND rid = $2"));
    ck_assert_ptr_null(
        cost_untenanted("SELECT FROM res r JOIN res_history h ON h.tenant = r.tenant WHERE r.tenant = $1"));
    ck_assert_str_eq(cost_untenanted("SELECT content FROM res WHERE rid = $2"), "res");
    ck_assert_str_eq(cost_untenanted("SELECT FROM res r JOIN res_history h ON h.k = r.k WHERE r.tenant = $1"),
                     "res_history");
    ck_assert_str_eq(cost_untenanted("UPDATE job SET state = 1 WHERE id = $1"), "job");
    ck_assert_ptr_null(cost_untenanted("SELECT x.res FROM resources"));
}
END_TEST

Suite *suite_flow_guards(void)
{
    Suite *s = suite_create("flow/guards");
    TCase *tc = tcase_create("guards");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_loop_test(tc, test_interactions, 0, sizeof guards / sizeof guards[0]);
    suite_add_tcase(s, tc);
    tc = tcase_create("tenants");
    tcase_add_test(tc, test_what_does_not_name_its_tenant_is_found);
    suite_add_tcase(s, tc);
    return s;
}
