/* tests/support/certificate.h: certificates of clients and people, and two authorities of the same name, of which the
 * tests trust the first. Shaped like those of Japan's public certificates for individuals: who it is, is a number. */
#ifndef KAGARI_TEST_CERTIFICATE_H
#define KAGARI_TEST_CERTIFICATE_H

#include "base/str.h"

enum certificate_by { BY_AUTHORITY, BY_STRANGER, BY_ITSELF };

struct certificate {
    enum certificate_by by;
    const char *name;    /* CN */
    const char *usage;   /* NULL: "clientAuth" */
    const char *alt;     /* subjectAltName, "DNS:x"; NULL: none */
    int from_days, days; /* valid from then, for so long; days 0: 10 */
    int serial;
};
/* DER. */
struct str certificate_new(struct arena *a, struct certificate how);
/* PEM of the authority; with revoked > 0 a list of revocations with that number behind it. */
struct str certificate_authority(struct arena *a, enum certificate_by by, int revoked);
/* As RFC 4514 writes its subject. */
const char *certificate_subject(struct arena *a, const char *name);

#endif
