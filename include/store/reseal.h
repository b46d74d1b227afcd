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
 * Data keys that another key-encryption key of the file had wrapped, wrapped by the first, in one statement. Nothing else
 * changes, and servers that run do not notice. *changed of *total; ERR_INVALID: one was wrapped by none of the file, and
 * nothing was done.
 */
bool store_rewrap(struct store *s, struct arena *a, struct db_conn *conn, int *changed, int *total,
                  struct err *err) NODISCARD;

#endif
