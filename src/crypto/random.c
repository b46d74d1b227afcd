#include "crypto/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Straight from the kernel: it knows about fork, and needs no state of ours. */
void crypto_random(void *out, size_t len)
{
    for (char *p = out; len > 0;) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR) {
            perror("kagari: getrandom");
            abort();
        }
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

/* A system call for 128 identifiers, not for each. */
static _Thread_local uint8_t pool[2048];
static _Thread_local size_t left;

/* The forking thread is the only one in the child. */
static void forget_pool(void)
{
    left = 0;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_pool);
}

void crypto_uuid(char out[37])
{
    static pthread_once_t watching = PTHREAD_ONCE_INIT;
    static const char digit[] = "0123456789abcdef";

    if (left == 0) {
        pthread_once(&watching, watch_forks);
        crypto_random(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= 16;
    uint8_t *b = pool + left;
    b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digit[b[i] >> 4];
        *out++ = digit[b[i] & 15];
    }
    *out = '\0';
}
