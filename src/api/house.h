/*
 * src/api/house.h: all that one institution has of a server: its tokens, its store and caches, its authorisation server, its
 * audit log, its jobs, its api. What institutions share is in struct house_shared. A request is served by one house, and
 * reaches nothing of another: there is no tenant to be passed on, and none to be forgotten.
 *
 * One thread at a time opens, reloads and closes a house.
 */
#ifndef KAGARI_API_HOUSE_H
#define KAGARI_API_HOUSE_H

#include "api/api.h"
#include "api/server.h"

enum { HOUSE_LOOPS = 256 };

struct house_shared {
    const struct fhir_defs *defs;
    const struct conformance_view *definitions;
    const struct search_registry *registry; /* of R4's own parameters */
    const struct validator *validator;
    struct db_pool *pool;
    struct loop *loops[HOUSE_LOOPS];
    struct db_async *db[HOUSE_LOOPS];
    int n;
    const struct server_background *background;
};

struct house {
    struct arena a;
    const struct house_shared *shared;
    const struct config *config; /* what is in force; older ones live as long, for requests under way */
    struct auth *auth;
    struct audit *audit;
    bool auditing; /* its thread runs */
    struct oauth *oauth;
    struct store *store;
    struct search_current *search;
    struct conformance_current *conformance;
    struct consent_current *consent;
    struct store_batch *batch[HOUSE_LOOPS];
    void *working; /* what background has started */
    struct api *api;
};

/* What does not need the database. c is copied, but for its strings. */
bool house_new(const struct house_shared *shared, const struct config *c, struct house **out,
               struct err *err) NODISCARD;
/* The rest; ERR_BUSY: the database is not there, and it goes on where it was when it is called again. */
bool house_open(struct house *h, struct db_conn *conn, struct err *err) NODISCARD;
/* Those of c that may change while it runs; *pending: those that may not. On error the old ones stay. */
bool house_reload(struct house *h, const struct config *c, struct buf *pending, struct err *err) NODISCARD;
/* Jobs end. */
void house_close(struct house *h);
/* No request of it may come, and none be under way. */
void house_free(struct house *h);

#endif
