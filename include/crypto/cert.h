/* crypto/cert.h: a self-signed certificate for development; certificates by which callers prove who they are. */
#ifndef KAGARI_CRYPTO_CERT_H
#define KAGARI_CRYPTO_CERT_H

#include "base/err.h"
#include "base/str.h"

/* P-256, for localhost, 127.0.0.1 and ::1, valid `days` days; both PEM. The key is wiped with the arena. */
bool cert_self_signed(struct arena *a, int days, struct str *cert, struct str *key,
                      struct err *err) NODISCARD;

/*
 * What TLS hands over of a caller: certificates (DER) one behind the other, the caller's own first. That the caller has
 * its key is TLS's to know.
 */
enum { CERT_MAX = 64 * 1024 }; /* bytes of all of them */
/* SHA-256 of the first one (RFC 8705, 3.1: x5t#S256). False: there is none. */
bool cert_thumbprint(struct str certs, uint8_t out[32]);
/* The first one alone; len 0: there is none. */
struct str cert_first(struct str certs);

struct cert_names {
    const char *subject, *issuer; /* RFC 4514, UTF-8: "CN=Sato Hanako,O=Clinic,C=JP" */
    const char *serial;           /* hex digits, upper case */
    const char *common_name;      /* NULL: none */
    struct cert_alt {
        enum cert_alt_kind { CERT_DNS, CERT_URI, CERT_IP, CERT_EMAIL } kind;
        const char *value;
    } * alts; /* subjectAltName */
    size_t n_alts;
};
/* Of the first one. */
bool cert_read(struct arena *a, struct str certs, struct cert_names *out, struct err *err) NODISCARD;
/* The first certificate of a text (PEM) as DER. */
bool cert_from_pem(struct arena *a, struct str pem, struct str *out, struct err *err) NODISCARD;

/*
 * Is the first one a client's that these authorities (PEM) vouch for, now? The others may help to get from it to them.
 * Lists of revocations (CRL) among the authorities are held against it; an authority with a list needs one that is not
 * out of date.
 */
bool cert_verify(struct arena *a, struct str authorities, struct str certs, struct err *err) NODISCARD;

#endif
