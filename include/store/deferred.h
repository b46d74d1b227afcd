/*
 * store/deferred.h: requests that are answered later (Prefer: respond-async), in a table that every server of the database
 * reads. Statements only, as in store.h. Answers are sealed with what they are about (identity.seal).
 */
#ifndef KAGARI_STORE_DEFERRED_H
#define KAGARI_STORE_DEFERRED_H

#include "store/store.h"

/* Of whom: all tokens of one owner share what is allowed to him; only one with the same rights is told the answer. */
struct store_deferred_owner {
    struct str who, rights;
};

/* Inside a transaction, a statement of its own before the next: one request of that owner at a time. */
void store_defer_lock_plan(const struct store *s, struct str who, struct sql *q);
/* One row when there is room for it: less than max of that owner, under way or kept. Drops what has expired. */
void store_defer_plan(const struct store *s, struct str id, const struct store_deferred_owner *of,
                      int64_t max, int64_t keep_us, struct sql *q);
/* Its answer, to be kept from now on. No row (int4): nobody waits for it any more. */
void store_deferred_done_plan(const struct store *s, struct str id, struct str content, bool manifest,
                              int64_t keep_us, struct sql *q);
/* A file that a manifest names; n counts from 0. Its row (text) is told when the answer is there. */
void store_deferred_file_plan(const struct store *s, struct str id, int n, struct str content, struct sql *q);
void store_deferred_read_file_plan(const struct store *s, struct str id, int n,
                                   const struct store_deferred_owner *of, struct sql *q);
/* Nobody works on it any more, and nobody will. */
void store_deferred_lost_plan(const struct store *s, struct str id, struct sql *q);
/* A row when it is still wanted. */
void store_deferred_wanted_plan(const struct store *s, struct str id, struct sql *q);
/* One row when it was there. */
void store_deferred_drop_plan(const struct store *s, struct str id, const struct store_deferred_owner *of,
                              struct sql *q);
/* Says that these are in hand, and drops what has expired. Much more often than every STORE_DEFERRED_ALIVE_S seconds. */
void store_deferred_alive_plan(const struct store *s, const struct str *ids, size_t n, struct sql *q);

enum { STORE_DEFERRED_ALIVE_S = 60 };

struct store_deferred {
    bool there;
    bool alive;         /* under way: a server has it in hand */
    int64_t expires_us; /* when content is forgotten */
    struct str content; /* s NULL: under way */
    bool manifest;      /* of files, not a Bundle */
};
void store_deferred_plan(const struct store *s, struct str id, const struct store_deferred_owner *of,
                         struct sql *q);
bool store_deferred_reply(const struct store *s, struct arena *a, struct str id, const struct db_rows *rows,
                          struct store_deferred *out, struct err *err) NODISCARD;
/* out->s NULL: there is none. */
bool store_deferred_file_reply(const struct store *s, struct arena *a, struct str id, int n,
                               const struct db_rows *rows, struct str *out, struct err *err) NODISCARD;

#endif
