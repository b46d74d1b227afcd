/*
 * db/db.h: PostgreSQL through libpq: rows, a synchronous connection, the asynchronous connections of one
 * event loop, and the pool of worker threads that own a connection each. The only user of libpq.
 *
 * Statements come as struct sql (base/sql.h). A named one is prepared once a connection; an unnamed one is
 * planned anew with its values each time. Results are binary.
 *
 * All connections lead to the primary, whichever of the hosts in db.conninfo that is, and find it again when another one
 * has become it; but for those to db.replicas.
 *
 * Errors: ERR_BUSY when PostgreSQL is away or out of resources, ERR_TIMEOUT when a statement ran too long,
 * ERR_CONFLICT for unique violations, deadlocks and serialisation failures, ERR_INTERNAL otherwise.
 * err.detail holds the SQLSTATE and the constraint, never the message: PostgreSQL quotes values in it.
 */
#ifndef KAGARI_DB_DB_H
#define KAGARI_DB_DB_H

#include "base/config.h"
#include "base/loop.h"
#include "base/sql.h"

/* ---- rows: owned by the arena given with the statement ------------------------------------------------ */
struct db_rows;
int db_count(const struct db_rows *r);
bool db_null(const struct db_rows *r, int row, int column);
bool db_bool(const struct db_rows *r, int row, int column);
int16_t db_int2(const struct db_rows *r, int row, int column);
int32_t db_int4(const struct db_rows *r, int row, int column);
int64_t db_int8(const struct db_rows *r, int row, int column);
int64_t db_timestamptz(const struct db_rows *r, int row, int column); /* µs since 1970 */
struct str db_text(const struct db_rows *r, int row, int column); /* NUL-terminated; s NULL for SQL NULL */
size_t db_int8_array(const struct db_rows *r, int row, int column, struct arena *a, int64_t **out);

/* ---- one synchronous connection: belongs to one thread ------------------------------------------------- */
struct db_conn;
bool db_open(const struct config *c, struct db_conn **out, struct err *err) NODISCARD;
void db_close(struct db_conn *c);
/* A connection lost outside a transaction is opened again first. rows may be NULL. */
bool db_exec(struct db_conn *c, struct arena *a, const struct sql *q, const struct db_rows **rows,
             struct err *err) NODISCARD;
/* Text without parameters, several statements at once allowed; for migrations and transaction control. */
bool db_run(struct db_conn *c, const char *text, struct err *err) NODISCARD;
bool db_begin(struct db_conn *c, struct err *err) NODISCARD;
/* False: nothing was committed or, with ERR_BUSY, nobody knows. */
bool db_commit(struct db_conn *c, struct err *err) NODISCARD;
void db_rollback(struct db_conn *c); /* nothing to do outside a transaction */
bool db_in_transaction(const struct db_conn *c);
/* Begins one that shows what was there when its first statement began, and writes nothing. */
bool db_begin_snapshot(struct db_conn *c, struct err *err) NODISCARD;
/* The connection is lost or its transaction has failed: nothing more can be done in it. */
bool db_failed(const struct db_conn *c);
/* The last failure is one that another attempt may not meet (deadlock, serialisation). */
bool db_retryable(const struct db_conn *c);
/* How PostgreSQL runs the statement as prepared: EXPLAIN's JSON, without values. run: with what really happened. */
bool db_explain(struct db_conn *c, struct arena *a, const struct sql *q, bool run, struct str *out,
                struct err *err) NODISCARD;
/* Statements from now on are searches, or not: they have search.timeout, and are planned once a shape. Whoever gives the
 * connection to another sets it back; it takes effect with the next statement, which a change costs a round trip. */
void db_search_mode(struct db_conn *c, bool on);
int64_t db_search_timeout(const struct db_conn *c); /* µs */
/* Ends the statement that is running, which fails with ERR_TIMEOUT. Any thread; takes as long as connecting does. */
void db_cancel(struct db_conn *c);

/* ---- the connections of one event loop: belong to its thread ------------------------------------------- */
enum db_lane {
    DB_READ,   /* one pipelined connection, for reads by primary key only: a slow one would hold up all */
    DB_SEARCH, /* db.search_connections, one statement each at a time */
    DB_WRITE,  /* db.write_connections, one statement each at a time, each its own transaction */
    DB_REPLICA_READ, /* the first two, to replicas: for db_submit_replica() */
    DB_REPLICA_SEARCH,
};

struct db_async;
/* err NULL: rows are valid until the arena is cleared. Otherwise rows is NULL. */
typedef void (*db_done_fn)(void *arg, const struct db_rows *rows, const struct err *err);

struct db_async *db_async_new(const struct config *c, struct loop *l);
void db_async_free(struct db_async *d);        /* after its loop has ended */
bool db_async_ready(const struct db_async *d); /* any thread: every lane has a connection */
/* Never blocks; q and a stay the caller's until fn is called, which may be before db_submit() returns. */
void db_submit(struct db_async *d, enum db_lane lane, struct arena *a, const struct sql *q, db_done_fn fn,
               void *arg);
/* The same at a replica that has everything which the transaction `position` (an xid) wrote, and whose data are at most
 * db.replica_max_lag old. False: there is none now that is free, and nothing was done. A failure there says nothing of
 * the primary. */
bool db_submit_replica(struct db_async *d, enum db_lane lane, int64_t position, struct arena *a,
                       const struct sql *q, db_done_fn fn, void *arg) NODISCARD;

/* ---- worker threads -------------------------------------------------------------------------------------
 */
struct db_pool;
/* conn NULL: the job could not be done in time, or there is no connection; err says why. */
typedef void (*db_job_fn)(void *arg, struct db_conn *conn, const struct err *err);
bool db_pool_new(const struct config *c, struct db_pool **out, struct err *err) NODISCARD;
void db_pool_free(struct db_pool *p); /* the queued jobs are done first */
/* False with ERR_BUSY when the queue is full. */
bool db_pool_submit(struct db_pool *p, db_job_fn fn, void *arg, struct err *err) NODISCARD;

/* ---- schema ---------------------------------------------------------------------------------------------
 */
/* Applies the embedded migrations of sql/ that the database lacks, under a lock, each in its transaction. */
bool db_migrate(struct db_conn *c, void (*progress)(const char *name), struct err *err) NODISCARD;
/* Refuses a database without, with a half, a changed or a newer schema, saying what to do. */
bool db_check_schema(struct db_conn *c, struct err *err) NODISCARD;

#endif
