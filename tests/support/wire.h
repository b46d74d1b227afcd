/*
 * tests/support/wire.h: a front end on real sockets, with a handler whose answers a test can foresee, and a
 * client that sends exactly the bytes it is told.
 *
 *   /echo        the request's body
 *   /info…       method, path, query, origin, peer, tls and id, a line each
 *   /bytes?n     n bytes of JSON
 *   /later?us    "later", from another thread, after that time
 *   anything     "hello"
 */
#ifndef KAGARI_TEST_WIRE_H
#define KAGARI_TEST_WIRE_H

#include "http/http.h"
#include "support/test.h"

struct wire {
    struct arena a;
    struct config config;
    char dir[64]; /* for certificates and sockets; removed with the rest */
    struct loop *loops[4];
    void *threads[4];
    int n_loops;
    struct http_server *server;
    int port;
};

/* Settings of a test ("http.max_body=1k"), between wire_init() and wire_start(). */
void wire_init(struct wire *w);
void wire_set(struct wire *w, const char *key, const char *value);
/* Writes a new certificate into the folder and names it in the settings. */
void wire_certificate(struct wire *w);
void wire_start(struct wire *w, int n_loops);
void wire_stop(struct wire *w);

int wire_connect(const struct wire *w);               /* blocking; 10 s at most in each call */
bool wire_send(int fd, const char *data, size_t len); /* false: the server has closed */
static inline void wire_text(int fd, const char *text)
{
    wire_send(fd, text, strlen(text));
}

struct wire_response {
    int status;
    char head[8192]; /* status line and headers */
    char *body;      /* the next response frees it */
    size_t len;
};
/* Reads one response; false at the end of the connection. head_only: of a HEAD request. */
bool wire_read(int fd, struct wire_response *r, bool head_only);
/* A header's value within head, or NULL; static memory. */
const char *wire_header(const struct wire_response *r, const char *name);
bool wire_closed(int fd); /* the server has closed; waits for that */

#endif
