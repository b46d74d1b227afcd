/* crypto/cert.h: a self-signed certificate for development. */
#ifndef KAGARI_CRYPTO_CERT_H
#define KAGARI_CRYPTO_CERT_H

#include "base/err.h"
#include "base/str.h"

/* P-256, for localhost, 127.0.0.1 and ::1, valid `days` days; both PEM. The key is wiped with the arena. */
bool cert_self_signed(struct arena *a, int days, struct str *cert, struct str *key,
                      struct err *err) NODISCARD;

#endif
