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
    const char *keywords[8], *values[8];
};
void db__target(const struct config *c, struct arena *a, struct db__target *out);

/* Names of the statements that one connection has prepared. Names are static strings: compared by address. */
struct db__prepared {
    const char *names[64];
    int n;
};
bool db__prepared_has(const struct db__prepared *p, const char *name);
void db__prepared_add(struct db__prepared *p, const char *name);
void db__prepared_remove(struct db__prepared *p, const char *name);

#endif
