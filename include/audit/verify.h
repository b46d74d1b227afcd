/* audit/verify.h: is the log what was written? Reads all of it. */
#ifndef KAGARI_AUDIT_VERIFY_H
#define KAGARI_AUDIT_VERIFY_H

#include "db/db.h"

struct audit_verify {
    int32_t tenant;
    struct str
        jwks; /* public keys of the anchors, a JWK Set; s NULL: signatures and files are not looked at */
    const char *dir; /* where anchors are kept outside the database; NULL: nowhere */
    void (*fault)(void *arg, const char *text);               /* for each one found */
    void (*progress)(void *arg, int64_t entries, int64_t of); /* NULL: nobody wants to know */
    void *arg;
};

struct audit_verified {
    int64_t entries, expected, seals, anchors, faults;
    int64_t unsealed; /* entries after the last seal: of the last second, or nobody seals */
};

/* False: it could not be done. Faults are in *out. */
bool audit_verify(struct db_conn *conn, const struct audit_verify *o, struct audit_verified *out,
                  struct err *err) NODISCARD;

#endif
