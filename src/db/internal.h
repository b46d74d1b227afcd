/* src/db/internal.h: what the files of the module share. */
#ifndef KAGARI_DB_INTERNAL_H
#define KAGARI_DB_INTERNAL_H

#include <libpq-fe.h>

#include "db/db.h"

/* A statement's parameters in libpq's form; arrays in the arena. */
struct db__params {
    int n;
    Oid *types;
    const char **values;
    int *lengths, *formats;
};
void db__params(const struct sql *q, struct arena *a, struct db__params *out);

/* Where the arena will own a result: taken before there is one, as an allocation may jump out. */
PGresult **db__place(struct arena *a);
/* Rows of a result, which then belongs to the arena. */
const struct db_rows *db__rows(PGresult **place, PGresult *r);

/* Fills err from a failed result (or, r NULL, from a lost connection). Returns false. */
bool db__error(const PGresult *r, struct err *err);
bool db__ok(const PGresult *r);

/* Where to connect, with the settings of our sessions; for PQconnectdbParams(…, 1). */
struct db__target {
    const char *keywords[16], *values[16];
};
/* db.conninfo, where only a primary will do, or db.replicas, where a standby is preferred. more: further settings
 * (" -c x=y"). turn: which of several hosts is tried first, so that one that does not answer is not waited for again. */
void db__target(const struct config *c, struct arena *a, bool replica, const char *more, int turn,
                struct db__target *out);
int db__hosts(const char *conninfo); /* how many there are to choose from; 1: nothing to choose */
/* More settings, of a connection for searches. */
const char *db__search_options(const struct config *c, struct arena *a);

/*
 * How far a replica is, as one connection to it was told. Transactions below `seen` have ended and are replayed: a
 * snapshot that is taken there from now on has them.
 */
struct db__position {
    int64_t seen, fresh_us; /* 0: not known; until then its data are not older than they may be (monotonic) */
    int64_t asked_us;
    bool asked; /* the answer is on its way */
    struct arena a;
    struct sql q;
};
const struct sql *db__position_ask(struct db__position *p);
/* rows NULL: it failed. */
void db__position_read(struct db__position *p, const struct db_rows *rows, int64_t max_lag_us);
bool db__position_reached(const struct db__position *p, int64_t position, int64_t now_us);

/*
 * The statements that one connection has prepared, the oldest first. The code knows few by name; of those named by
 * their text, whose number clients determine, the oldest make room.
 */
enum { DB__NAME = 24, DB__NAMED = 128, DB__BY_TEXT = 64 };
struct db__prepared {
    char names[DB__NAMED + DB__BY_TEXT][DB__NAME];
    int n, by_text;
};
/* The name under which a statement is prepared, NULL: none. */
const char *db__name(const struct sql *q, char made[DB__NAME]);
bool db__prepared_has(const struct db__prepared *p, const char *name);
void db__prepared_add(struct db__prepared *p, const char *name);
void db__prepared_remove(struct db__prepared *p, const char *name);
/* Before adding: true when the statement `forgotten` has to be deallocated. */
bool db__prepared_make_room(struct db__prepared *p, const char *name, char forgotten[DB__NAME]);

#endif
