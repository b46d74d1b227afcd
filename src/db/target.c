/*
 * Where connections lead. A connection string may name several hosts (libpq manual, 34.1.1.3): the server wants the one
 * that is the primary, wherever that is by now. libpq tries them in their order and, without blocking, waits for one that
 * does not answer as long as it is allowed to altogether; hence the order begins elsewhere after each failure.
 */
#include <stdio.h>

#include "internal.h"

/* A search's shape decides how it is done, not its values: planned once, it need not be planned again. */
const char *db__search_options(const struct config *c, struct arena *a)
{
    return arena_printf(a, "-c plan_cache_mode=force_generic_plan -c statement_timeout=%lld",
                        (long long)(c->search_timeout / 1000));
}

static int count(const char *list)
{
    int n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* A list that begins with its turn-th element. */
static const char *turned(struct arena *a, const char *list, int turn)
{
    const char *at = list;
    while (turn-- > 0)
        at = strchr(at, ',') + 1;
    return at == list ? list : arena_printf(a, "%s,%.*s", at, (int)(at - list - 1), list);
}

static void add(struct db__target *t, const char *keyword, const char *value)
{
    int n = 0;
    while (t->keywords[n])
        n++;
    t->keywords[n] = keyword;
    t->values[n] = value;
}

static const char *const lists[] = {"host", "hostaddr", "port"};
enum { LISTS = sizeof lists / sizeof lists[0] };

/* What the connection string says of the hosts, NULL: nothing; values in the caller's options. */
static PQconninfoOption *parse(const char *conninfo, const char *values[LISTS], int *hosts)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    *hosts = 1;
    for (int i = 0; i < LISTS; i++)
        values[i] = NULL;
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        for (int i = 0; i < LISTS; i++)
            if (o->val && *o->val && strcmp(o->keyword, lists[i]) == 0) {
                values[i] = o->val;
                if (count(o->val) > *hosts && i < 2)
                    *hosts = count(o->val);
            }
    return options;
}

int db__hosts(const char *conninfo)
{
    const char *values[LISTS];
    int hosts;
    PQconninfoFree(parse(conninfo, values, &hosts));
    return hosts;
}

static void add_hosts(struct db__target *t, struct arena *a, const char *conninfo, int turn)
{
    const char *values[LISTS], *copies[LISTS] = {0};
    int hosts;
    PQconninfoOption *options = parse(conninfo, values, &hosts);
    for (int i = 0; i < LISTS; i++)
        if (values[i] && hosts > 1 && count(values[i]) == hosts)
            copies[i] = turned(a, arena_strdup(a, values[i]), turn % hosts);
    PQconninfoFree(options);
    for (int i = 0; i < LISTS; i++)
        if (copies[i])
            add(t, lists[i], copies[i]);
}

void db__target(const struct config *c, struct arena *a, bool replica, const char *more, int turn,
                struct db__target *out)
{
    /* Every statement has an index to go by: where the planner thinks otherwise, its estimate is wrong. To start
     * parallel workers takes longer than a search may. */
    const char *options =
        arena_printf(a,
                     "-c statement_timeout=%lld -c timezone=UTC -c jit=off -c synchronous_commit=on "
                     "-c enable_seqscan=off -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0 "
                     "-c default_transaction_isolation=read\\ committed %s",
                     (long long)(c->db_statement_timeout / 1000), more);
    const char *conninfo = arena_strdup(a, replica ? c->db_replicas : c->db_conninfo);
    *out = (struct db__target){0};
    /* what the connection string may say otherwise: a host that is gone without a word is noticed within seconds; and
     * a primary that takes no writes (default_transaction_read_only) still is one */
    add(out, "keepalives_idle", "10");
    add(out, "keepalives_interval", "5");
    add(out, "keepalives_count", "3");
    add(out, "tcp_user_timeout", "20000");
    add(out, "target_session_attrs", replica ? "prefer-standby" : "primary");
    add(out, "dbname", conninfo); /* expanded: a connection string or an URI */
    add_hosts(out, a, conninfo, turn);
    add(out, "application_name", "kagari");
    add(out, "client_encoding", "UTF8");
    add(out, "connect_timeout", "5");
    add(out, "options", options);
}
