/* src/store/internal.h: what the files of the module share. */
#ifndef KAGARI_STORE_INTERNAL_H
#define KAGARI_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/cache.h"

/* Keys of idx_dict known to be in the database; bounded, emptied when full. */
struct store__known {
    pthread_mutex_t lock;
    uint64_t *slots;
    size_t n, size;
};

/* Requests under way may still read what a refresh replaced: it is freed a minute later. */
struct store__stats {
    struct search_stats stats;
    const struct store__stats *older;
    int64_t replaced_us;
    struct search_stats_entry common[];
};

struct store__retired {
    struct identity_keys *keys;
    struct store__retired *before;
};

struct store {
    struct search_tenant tenant;                   /* but for its blind keys */
    _Atomic(const struct search_tenant *) current; /* with them; older ones stay in a */
    int blind;                                     /* the number of the newest one … */
    bool blind_writes, blind_done;                 /* … and how far it is, in *current */
    struct arena a;                                /* for what lives as long */
    const struct fhir_defs *defs;
    const struct identity_policy *policy; /* NULL: nothing is sealed */
    _Atomic(struct identity_keys *) keys; /* NULL: nothing was ever sealed */
    struct store__retired *retired;       /* those before them, which requests under way may use */
    const char *kek_path;
    _Atomic int64_t last_k;
    int64_t node;
    struct store__known known;
    int64_t epoch; /* hash of the database's, when its dictionary was last believed; 0: not seen yet */
    _Atomic(const struct store__stats *) stats; /* newest first */
    _Atomic int text;                           /* enum search_text: what all that is stored has */
    _Atomic bool old_form;
    struct store__cache *cache;       /* NULL: off */
    struct store__follower *follower; /* of other servers' writes; NULL: none */
};

/* sealing.c */
bool store__sealing_begin(struct store *s, const struct config *c, struct db_conn *conn,
                          struct err *err) NODISCARD;
void store__sealing_end(struct store *s);
bool store__not_the_key(const struct store *s, struct err *err);
/* blind.c: the tenant, when its blind keys have changed. */
bool store__blind_refresh(struct store *s, struct arena *a, struct db_conn *conn, struct err *err) NODISCARD;
/* From when on nobody writes by an older blind key any more, after one was made: also who began before. */
#define STORE__BLIND_RIPE "30 seconds"
bool store__make_key(struct store *s, struct arena *a, struct db_conn *conn, int number,
                     struct err *err) NODISCARD;
/* The newest in the database; *ripe: every server has it, and seals with it. */
bool store__newest_key(struct store *s, struct arena *a, struct db_conn *conn, int *number, bool *ripe,
                       struct err *err) NODISCARD;
/* As it is stored. */
struct str store__content_kept(struct arena *a, const struct store_content *c, int32_t ver, int64_t lu_us);
/* A parameter, NULL when nothing is sealed. */
int store__sealed(struct sql *q, const struct store_content *c);

bool store__index_state_begin(struct store *s, struct db_conn *conn, struct err *err) NODISCARD;
bool store__index_state_read(struct store *s, struct db_conn *conn, struct err *err) NODISCARD;

/* A new surrogate: milliseconds since 2024, node, counter. Unique, roughly growing, without asking the
 * database. */
int64_t store__next_k(struct store *s);

bool store__known_has(struct store__known *k, uint64_t v);
void store__known_add(struct store__known *k, uint64_t v);
void store__known_forget(struct store__known *k);
uint64_t store__dict_id(const struct fhir_type *type, const struct search_index_dict *d);

/* ---- cache.c: see store/cache.h ----------------------------------------------------------------------- */

struct store__cache *store__cache_new(const struct config *config, struct hash_key key);
void store__cache_free(struct store__cache *c);
/* A statement of this arena writes it, now or later. */
void store__cache_mark(const struct store *s, struct arena *a, const struct fhir_type *type, struct str id);
/* Somebody has written this version. */
void store__cache_changed(struct store__cache *c, int16_t rtype, struct str id, int32_t ver);
void store__cache_clear(struct store__cache *c);
/* What was committed before a moment, and by transactions below seen, has been told. since_us 0: nothing has. */
void store__cache_known(struct store__cache *c, int64_t since_us, int64_t seen);
void store__cache_quiet(struct store__cache *c, int64_t until_us);

/* ---- follow.c ----------------------------------------------------------------------------------------- */

bool store__follow_start(const struct store *s, const struct config *config, struct store__follower **out,
                         struct err *err) NODISCARD;
void store__follow_stop(struct store__follower *f);

/* ---- sides.c ------------------------------------------------------------------------------------------ */

/* Rows as columns: each is one array parameter. */
struct store__column {
    enum sql_type type;
    size_t n, cap;
    union {
        int64_t *int8;
        int32_t *int4;
        int16_t *int2;
        struct str *str;
    };
};
void store__put_int(struct arena *a, struct store__column *c, int64_t v);
void store__put_str(struct arena *a, struct store__column *c, struct str v);
void store__add_unnest(struct sql *q, const struct store__column *c, int n); /* "unnest($1::int8[], …)" */

enum { STORE__SIDES = 7, STORE__SIDE_COLUMNS = 15 /* the last one: n */ };

/* The rows of side tables that a write brings. */
struct store__sides {
    struct store__column columns[STORE__SIDES][STORE__SIDE_COLUMNS];
    unsigned present; /* bit by table */
};
/* words: also those that the dictionary lacks. known_k: of the resources; else the statement finds it. */
struct store__sides *store__collect_sides(struct store *s, struct arena *a, struct store_write *const *w,
                                          size_t n, bool known_k, bool words);
/* A CTE for each table. own: the one that has n and k of the resources, NULL: their k is known; changed: " WHERE …". */
void store__add_inserts(struct sql *q, const struct store__sides *sides, int tenant, const char *own,
                        const char *changed);
/* CTEs by which the rows of a resource go, and of those that it contains. from: the one that has its k; where: " AND …". */
void store__add_deletes(struct sql *q, int tenant, const char *from, const char *where);

#endif
