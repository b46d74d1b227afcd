/* api/server.h: the whole server: loops, PostgreSQL, keys, definitions, workers, wired together. */
#ifndef KAGARI_API_SERVER_H
#define KAGARI_API_SERVER_H

#include "base/config.h"

/*
 * Serves until SIGTERM or SIGINT, then answers what it has begun and returns true. SIGHUP reads *from again.
 * PostgreSQL may be away at the start and at any time later. The main thread calls it, before any other
 * thread exists (signals). ready, when not NULL, is called once, when the port accepts requests and
 * PostgreSQL is there; it must not block.
 */
bool server_run(const struct config_source *from, void (*ready)(void *arg, int port), void *arg,
                struct err *err) NODISCARD;

#endif
