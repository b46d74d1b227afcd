/* crypto/cert.h: a self-signed certificate for development, and random bytes, on OpenSSL. */
#ifndef KAGARI_CRYPTO_CERT_H
#define KAGARI_CRYPTO_CERT_H

#include "base/err.h"
#include "base/str.h"

/* P-256, for localhost, 127.0.0.1 and ::1, valid `days` days; both PEM. */
bool cert_self_signed(struct arena *a, int days, struct str *cert, struct str *key, struct err *err) NODISCARD;
void crypto_random(void *out, size_t len);  /* ends the process when the system has no randomness */
void crypto_uuid(char out[37]);             /* version 4 */

#endif
