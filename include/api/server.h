/* api/server.h: the whole server: loops, PostgreSQL, keys, definitions, workers, wired together. */
#ifndef KAGARI_API_SERVER_H
#define KAGARI_API_SERVER_H

#include "base/config.h"
#include "conformance/current.h"
#include "consent/consent.h"
#include "search/current.h"
#include "store/store.h"

/* What works beside the requests, on rows of the database; api does not know what it is. */
struct server_background {
    /* Before the first request. ERR_BUSY: PostgreSQL is not there, try again. */
    bool (*start)(const struct config *c, const struct fhir_defs *d, struct search_current *search,
                  struct conformance_current *conformance, struct consent_current *consent, struct store *s,
                  void **out, struct err *err);
    void (*stop)(void *background);
};

/*
 * Serves until SIGTERM or SIGINT, then answers what it has begun and returns true. SIGHUP reads *from again.
 * PostgreSQL may be away at the start and at any time later. The main thread calls it, before any other
 * thread exists (signals). ready, when not NULL, is called once, when the port accepts requests and
 * PostgreSQL is there; it must not block.
 */
bool server_run(const struct config_source *from, const struct server_background *background,
                void (*ready)(void *arg, int port), void *arg, struct err *err) NODISCARD;

#endif
