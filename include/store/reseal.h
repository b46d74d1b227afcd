/*
 * store/reseal.h: all that is stored, sealed with the newest data key, while servers read and write. Rows change where they
 * stand: neither versions nor index rows know of it. Nothing but the rows says how far it has come, so whoever begins
 * anew after a crash goes on with what is left. One thread.
 */
#ifndef KAGARI_STORE_RESEAL_H
#define KAGARI_STORE_RESEAL_H

#include "store/store.h"

struct store_reseal {
    int number;          /* of the key that seals */
    bool made;           /* it was made for this; else an earlier run was not done with it */
    bool ripe;           /* every server has it; before that there is nothing to do but wait */
    int64_t done, total; /* rows; done may come to be more */
    int table;
    int64_t after_k;
    int32_t after_ver;
    int64_t left; /* rows of this pass that somebody else held */
};

/* A new data key, unless some rows have not come to the newest one yet. Refuses a database that is not sealed. */
bool store_reseal_begin(struct store *s, struct arena *a, struct db_conn *conn, struct store_reseal *out,
                        struct err *err) NODISCARD;
/* The next rows. *ended: all have the key. */
bool store_reseal_step(struct store *s, struct arena *a, struct db_conn *conn, struct store_reseal *r,
                       bool *ended, struct err *err) NODISCARD;

/*
 * Keys that another key-encryption key of the file had wrapped, wrapped by the first, in one statement. Nothing else
 * changes, and servers that run do not notice. *changed of *total; ERR_INVALID: one was wrapped by none of the file, and
 * nothing was done.
 */
bool store_rewrap(struct store *s, struct arena *a, struct db_conn *conn, int *changed, int *total,
                  struct err *err) NODISCARD;

/*
 * A new blind key (docs/identity.md), by which sealed values are hashed in the search index; or how far the newest one is. It is
 * asked for and written by servers as they come to know it; a $reindex of all types that begins when it is ripe brings
 * it to everything.
 */
struct store_blind {
    int number;
    bool made;       /* now */
    int seconds;     /* until it is ripe; 0: it is */
    int64_t indexed; /* by the $reindex that is under way; -1: there is none */
    int64_t total;
};
bool store_blind_begin(struct store *s, struct arena *a, struct db_conn *conn, struct store_blind *out,
                       struct err *err) NODISCARD;

#endif
