/*
 * Positions of replicas. A position is the id of a transaction: the statement that writes knows it, so it costs no round
 * trip, whereas the place of its commit in the write-ahead log is known after the commit only. Standbys tell in their
 * snapshots which transactions have ended: all below xmin (which of those above are under way, they do not tell).
 *
 * How old its data are is known by the last commit that was replayed. On a primary where nobody writes it would seem to
 * age: servers report every few seconds that they are alive, which is a commit.
 */
#include "base/clock.h"
#include "internal.h"

enum { POSITION_SEEN, POSITION_LAG };

const struct sql *db__position_ask(struct db__position *p)
{
    p->asked = true;
    p->asked_us = clock_mono_us();
    sql_init(&p->q, &p->a, "position");
    sql_adds(
        &p->q,
        "SELECT pg_snapshot_xmin(pg_current_snapshot()), CASE WHEN pg_is_in_recovery() THEN (extract(epoch "
        "FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000000)::int8 ELSE 0 END");
    return &p->q;
}

void db__position_read(struct db__position *p, const struct db_rows *rows, int64_t max_lag_us)
{
    const bool known = rows && !db_null(rows, 0, POSITION_LAG);
    p->seen = known ? db_int8(rows, 0, POSITION_SEEN) : 0;
    p->fresh_us = known ? p->asked_us + max_lag_us - db_int8(rows, 0, POSITION_LAG) : 0;
    p->asked = false;
    arena_clear(&p->a);
}

bool db__position_reached(const struct db__position *p, int64_t position, int64_t now_us)
{
    return p->seen > position && now_us < p->fresh_us;
}
