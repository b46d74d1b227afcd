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

/* Where to connect, with the settings of our sessions, and more of them (" -c x=y"); for PQconnectdbParams(…, 1). */
struct db__target {
    const char *keywords[8], *values[8];
};
void db__target(const struct config *c, struct arena *a, const char *more, struct db__target *out);
/* More settings, of a connection for searches. */
const char *db__search_options(const struct config *c, struct arena *a);

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
