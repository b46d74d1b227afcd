/* src/audit/internal.h: what the files of the module share. */
#ifndef KAGARI_AUDIT_INTERNAL_H
#define KAGARI_AUDIT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit/audit.h"
#include "crypto/jwt.h"

/* ---- ring.c: records in a mapped file ---------------------------------------------------------------------------- */

/*
 * One writer at a time and one reader at a time; they do not wait for each other. What was put is in the kernel's memory
 * and outlives the process; it outlives the machine after audit__ring_sync().
 */
struct audit__ring;
#define AUDIT__RING "ring-"
/* A file of its own in dir; dir NULL: memory alone. */
bool audit__ring_new(const char *dir, size_t room, struct audit__ring **out, struct err *err) NODISCARD;
/* What a server has left that is no more. ERR_CONFLICT: another process has it. */
bool audit__ring_adopt(const char *path, struct audit__ring **out, struct err *err) NODISCARD;
void audit__ring_close(struct audit__ring *r);                                         /* an empty one goes */
bool audit__ring_put(struct audit__ring *r, const void *record, size_t len) NODISCARD; /* false: no room */
int64_t audit__ring_id(const struct audit__ring *r);  /* of the file, for ever */
size_t audit__ring_room(const struct audit__ring *r); /* bytes */
size_t audit__ring_used(const struct audit__ring *r);
/* The reader: from the oldest record on. Records stay until they are dropped. */
struct audit__cursor {
    uint64_t at, seq;
};
void audit__ring_first(const struct audit__ring *r, struct audit__cursor *c);
bool audit__ring_next(const struct audit__ring *r, struct audit__cursor *c, struct str *record);
void audit__ring_drop(struct audit__ring *r, const struct audit__cursor *upto);
bool audit__ring_durable(const struct audit__ring *r); /* it is a file */
bool audit__ring_sync(struct audit__ring *r);          /* to the disk */

/* ---- event.c: entries and words as records ------------------------------------------------------------------------ */

enum { AUDIT__EVENT = 1, AUDIT__WORD = 2 };
enum { AUDIT__AGENT = 1, AUDIT__SHAPE = 2 };
enum { AUDIT__PATS = 256, AUDIT__TEXT = 1024, AUDIT__RECORD = 64 + 8 * AUDIT__PATS + 256 + AUDIT__TEXT };

struct audit__entry {
    int64_t at_us, agent, shape;
    int32_t shown, ver;
    int16_t rtype, op, status, purpose, find;
    struct str id, request; /* request: 16 bytes or a text */
    const int64_t *pats;
    size_t n_pats;
};
struct audit__word {
    int16_t kind;
    int64_t key;
    struct str text;
};
size_t audit__entry_write(const struct audit__entry *e, uint8_t out[AUDIT__RECORD]);
size_t audit__word_write(const struct audit__word *w, uint8_t out[AUDIT__RECORD]);
/* What a record is; 0: damaged. What it points to is the record's, but for pats, which the arena has. */
int audit__record_read(struct arena *a, struct str record, struct audit__entry *e, struct audit__word *w);
/* A word's key. */
int64_t audit__word_key(int16_t kind, struct str text);
/* An agent as a text, a JSON array: cut to AUDIT__TEXT bytes at most. */
size_t audit__agent_text(const struct audit_who *who, char out[AUDIT__TEXT]);
/* X-Request-Id as it is kept. */
struct str audit__request_bytes(struct str text, uint8_t room[17]);
struct str audit__request_text(struct arena *a, struct str bytes);

/* ---- filter.c: which blocks may have a key ------------------------------------------------------------------------- */

/* Bytes are a power of two, in the order of get_bit(). bits.s NULL: of few keys there is none, and any may be there. */
struct audit__filter {
    struct str bits;
    uint8_t *room;
    int64_t added[16]; /* lately: the same few agents and kinds come again and again; 0 is none */
};
void audit__filter_init(struct audit__filter *f, struct arena *a, size_t n); /* for n keys */
void audit__filter_add(struct audit__filter *f, int64_t key); /* h of a patient, key of an agent … */
int64_t audit__filter_resource(int16_t rtype, struct str id);
int64_t audit__filter_op(int16_t op);
/* " AND …" of a block a: it may have one of these. */
void audit__filter_where(const int64_t *keys, size_t n, struct sql *q);

/* ---- chain.c ------------------------------------------------------------------------------------------------------ */

/* A block as it is in the database: the columns of its canonical form, and how many entries it has. */
#define AUDIT__BLOCK                                                                                         \
    "b.pos, b.k, b.lo, b.hi, b.tenant, b.keys, b.at, b.agent, b.pat, b.shape, b.shown, b.ver, b.rtype, "     \
    "b.op, b.status, b.purpose, b.rid, b.request, b.several, b.pats, cardinality(b.at)"
enum audit__block_column {
    BLOCK_POS,
    BLOCK_K,
    BLOCK_LO,
    BLOCK_HI,
    BLOCK_AGENT = 7,
    BLOCK_SHAPE = 9,
    BLOCK_COLUMNS = 20,
    BLOCK_ENTRIES = BLOCK_COLUMNS
};
enum { AUDIT__LINK = 32, AUDIT__MARK = 4 };
void audit__canonical(struct buf *b, const struct db_rows *rows, int row);
/* link becomes that of the chain after this block. */
void audit__chain(struct buf *scratch, const struct db_rows *rows, int row, uint8_t link[AUDIT__LINK]);
void audit__chain_start(int32_t tenant, uint8_t link[AUDIT__LINK]);
struct str audit__hex(struct arena *a, const uint8_t *bytes, size_t n);

struct audit__seal {
    int64_t n, pos, k; /* n 0: there is none yet */
    uint8_t link[AUDIT__LINK];
};

/* Rows of seals: their columns. Marks: AUDIT__MARK bytes of the chain after each of its blocks. */
enum audit__seal_column { SEAL_N, SEAL_POS, SEAL_K, SEAL_LINK, SEAL_MARKS };
struct audit__fault {
    enum {
        FAULT_NONE,
        FAULT_GAP, /* seals from … upto are missing */
        FAULT_REMOVED,
        FAULT_ADDED,
        FAULT_ALTERED,
        FAULT_LINK
    } kind;
    int64_t from, upto;
    int64_t pos, k; /* of the first block that is not as it was */
};
/* Reads the blocks of one seal and goes on along the chain; with a fault, at what the seal says. each: for blocks that are
 * as they were; NULL: none. */
bool audit__walk(struct db_conn *c, struct arena *a, int32_t tenant, const struct db_rows *seals, int row,
                 struct audit__seal *at, void (*each)(void *arg, const struct db_rows *rows, int row),
                 void *arg, struct audit__fault *fault, struct err *err) NODISCARD;
/* Where the log begins: after what was removed when its time was over, or at its start. */
bool audit__cut_of(struct db_conn *c, struct arena *a, int32_t tenant, const struct jwks *keys,
                   struct audit__seal *out, struct err *err) NODISCARD;
/* The end of the chain. */
bool audit__last_seal(struct db_conn *c, struct arena *a, int32_t tenant, struct audit__seal *out,
                      struct err *err) NODISCARD;

/* ---- anchor.c: signed statements ----------------------------------------------------------------------------------- */

enum { AUDIT__ANCHOR = 1, AUDIT__CUT = 2 };
const char *audit__directory(const struct config *c); /* NULL: there is none */
/* The key of audit.key, or that of the directory; make: when it is not there. pem.s NULL: there is none. */
bool audit__key(const struct config *c, struct arena *a, bool make, struct str *pem,
                struct err *err) NODISCARD;
bool audit__sign(struct arena *a, struct str pem, int32_t tenant, int kind, const struct audit__seal *s,
                 struct str *token, struct err *err) NODISCARD;
/* keys NULL: the signature is not looked at. False: it is not one of these keys, of this tenant and kind, or not an anchor at all. */
bool audit__check(const struct jwks *keys, struct arena *a, struct str token, int32_t tenant, int kind,
                  struct audit__seal *out, struct err *err) NODISCARD;
/* The last anchor, in the file `head`; all of them, in `anchors`. */
bool audit__keep_head(struct arena *a, const char *dir, struct str token, struct err *err) NODISCARD;
bool audit__keep_anchor(struct arena *a, const char *dir, struct str token, struct err *err) NODISCARD;

/* ---- render.c ---------------------------------------------------------------------------------------------------------- */

enum { AUDIT__OPS = 32 };
size_t audit__ops_of(char action, int16_t ops[AUDIT__OPS]); /* those whose AuditEvent.action it is */

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

struct audit__known; /* words that a ring has carried */

struct audit__lane {
    pthread_mutex_t lock; /* of who puts */
    struct audit__ring *ring;
    struct audit__known *known;
    _Atomic int64_t lost;
    int64_t told; /* of them, so many are in the log */
};

struct audit {
    _Atomic(const struct config *) config;
    struct arena a;
    const char *dir; /* NULL: memory alone */
    int n;
    struct audit__lane *lanes;
    /* of the thread */
    const struct config *fixed;
    int32_t tenant;
    struct db_conn *conn;
    struct arena turn;
    bool holds; /* the lock of the one that seals */
    struct audit__seal last;
    bool knows_last;
    bool took_left;  /* what other servers have left is shipped */
    int16_t patient; /* the type */
    int64_t anchored_us, head_n, head_us, cut_us, synced_us, told_lost;
    struct str key; /* PEM; s NULL: none */
    atomic_bool full;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
};

/* ship.c: all records of a ring that are there now. */
bool audit__ship(struct audit *a, struct audit__ring *r, struct err *err) NODISCARD;
/* seal.c: what may be sealed, if nobody else does; anchors; what is over goes. */
bool audit__seal_all(struct audit *a, struct err *err) NODISCARD;
/* "$n::int8 + xid" is the position of what a transaction writes. */
#define AUDIT__ERA "(SELECT n << 48 FROM feed_epoch)"

#endif
