/*
 * audit/write.h: the entries of writes. They are brought by the statement that writes, as one block of the log: a write is
 * there exactly when its entry is. What is answered otherwise, failed writes included, is for audit_put().
 */
#ifndef KAGARI_AUDIT_WRITE_H
#define KAGARI_AUDIT_WRITE_H

#include "audit/audit.h"

/* Who writes a resource and why; op AUDIT_UNSAID: that is nobody's business, as of what the server does by itself. */
struct audit_write {
    int64_t agent; /* audit_agent() */
    enum audit_op op;
    enum audit_purpose purpose;
    struct str request; /* audit_request() */
};

/* X-Request-Id as entries have it. */
struct str audit_request(struct arena *a, const char *id);

/* What may be among the entries, by which questions pass over the block. */
struct audit_key {
    int64_t agent, pat;
    int16_t op, rtype;
    struct str id;
};

/*
 * ", au AS (INSERT …)" behind the WITH of a statement. from: "SELECT …" of agent, pat (0: nobody's), ver, rtype, op, status,
 * purpose, rid and request of what has been written. k: a number that no other statement of the transaction has, nor one
 * of the n - 1 behind it. tenant: the number of that parameter. keys NULL: not known before.
 */
void audit_write_add(struct sql *q, int tenant, int64_t k, const struct audit_key *keys, size_t n,
                     const char *from);

#endif
