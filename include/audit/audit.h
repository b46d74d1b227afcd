/*
 * audit/audit.h: who did what with whose data. Entries are narrow typed rows: there is no call that takes a body, a search
 * value or a name.
 *
 * audit_put() copies an entry into a ring in a mapped file, where it survives the process from the moment the call returns;
 * no system call, well below a microsecond. A thread ships the rings to PostgreSQL in blocks, exactly once, and seals what
 * is there: SHA-256 over each block in the order of the log, up to the oldest transaction under way; signed
 * anchors go to the database and to a file beside it. No request waits for any of that.
 *
 * docs/audit.md
 */
#ifndef KAGARI_AUDIT_AUDIT_H
#define KAGARI_AUDIT_AUDIT_H

#include "base/config.h"
#include "db/db.h"
#include "fhir/defs.h"

/* What was done. The numbers are stored: never change one. */
enum audit_op {
    AUDIT_UNSAID = 0, /* of an interaction that says nothing: a mistake that the tests find */
    AUDIT_OPEN = 1,   /* needs no entry: says nothing of anybody's data */
    AUDIT_READ = 2,
    AUDIT_VREAD = 3,
    AUDIT_CREATE = 4,
    AUDIT_UPDATE = 5,
    AUDIT_PATCH = 6,
    AUDIT_DELETE = 7,
    AUDIT_SEARCH_TYPE = 8,
    AUDIT_SEARCH_SYSTEM = 9,
    AUDIT_HISTORY_INSTANCE = 10,
    AUDIT_HISTORY_TYPE = 11,
    AUDIT_HISTORY_SYSTEM = 12,
    AUDIT_OPERATION = 13,
    AUDIT_BUNDLE = 14,  /* a batch or transaction as a whole; its entries have entries of their own */
    AUDIT_UNKNOWN = 15, /* a URL that there is not */
    /* of security */
    AUDIT_LOGIN = 32,
    AUDIT_LOGOUT = 33,
    AUDIT_TOKEN_ISSUED = 34,
    AUDIT_TOKEN_REVOKED = 35,
    AUDIT_EMERGENCY = 36, /* access was widened (break-glass) */
    AUDIT_CONSENT = 37,   /* an authorisation was given */
    AUDIT_LOST = 48,      /* entries that there was no room for: shown says how many */
};

/* http://terminology.hl7.org/CodeSystem/v3-ActReason. The numbers are stored. */
enum audit_purpose { AUDIT_NO_PURPOSE, AUDIT_TREAT, AUDIT_ETREAT, AUDIT_HOPERAT, AUDIT_HRESCH, AUDIT_PATRQT };

/* Who. Empty where not known. */
struct audit_who {
    struct str subject, client, issuer;
    struct str level;   /* "patient", "user", "system" */
    struct str address; /* of the caller */
};

/* find: whose data it was the database finds when the entry comes there: by type and id, or by pats, which are the k of
 * resources then. */
struct audit_event {
    enum audit_op op;
    int status; /* of HTTP */
    int64_t at_us;
    const struct fhir_type *type; /* NULL: none */
    struct str id;                /* s NULL: none */
    int32_t ver;                  /* 0: none */
    int32_t shown;                /* resources in the answer */
    const int64_t *pats;          /* h of the patients whose data it was, each once */
    size_t n_pats;
    enum audit_find { AUDIT_FIND_NOT, AUDIT_FIND_BY_ID, AUDIT_FIND_BY_K } find;
    enum audit_purpose purpose;
    struct str shape;   /* "Patient?name&birthdate"; s NULL: none */
    struct str request; /* X-Request-Id */
};

struct audit;

/* directory of the rings: audit.directory. rings: how many threads' worth; ring i is shared by those that name it. The
 * database is not needed yet. */
bool audit_new(const struct config *c, int rings, struct audit **out, struct err *err) NODISCARD;
/* From now on the thread ships and seals, with a connection of its own. c must outlive it. patient: the number of the
 * type Patient. */
bool audit_start(struct audit *a, const struct config *c, int32_t tenant, int16_t patient,
                 struct err *err) NODISCARD;
void audit_configure(struct audit *a, const struct config *c); /* after a reload; c must outlive a */
void audit_free(struct audit *a);                              /* ships what it can */

/*
 * Any thread. False: there is no room, and audit.when_full says that the answer must not be given then. Also true when
 * the entry was lost and that is allowed: it is counted, and the log will say so.
 */
bool audit_put(struct audit *a, int ring, const struct audit_who *who, const struct audit_event *e) NODISCARD;
/* There is no room, and nothing is to be answered meanwhile. */
bool audit_refuses(struct audit *a);
/* The key under which an agent is named in rows that others write; what it stands for is on its way to the database. */
int64_t audit_agent(struct audit *a, int ring, const struct audit_who *who);

/* For health: entries that could not be kept since the start, and bytes in use of all. */
struct audit_state {
    int64_t lost, pending_bytes, room_bytes;
    bool durable;  /* the rings are files */
    bool refusing; /* full, and audit.when_full = refuse */
};
void audit_state(struct audit *a, struct audit_state *out);

/* For tests, instead of audit_start(): without a thread, and one turn of its work: ships all that is there and seals all
 * that may be sealed. */
bool audit_begin(struct audit *a, const struct config *c, int32_t tenant, int16_t patient,
                 struct err *err) NODISCARD;
bool audit_turn(struct audit *a, struct err *err) NODISCARD;

#endif
