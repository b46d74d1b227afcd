/*
 * conformance/current.h: the view in force: the definitions, and what is stored on this server as resources of the kinds of
 * conformance/conformance.h.
 *
 * Whoever wants an answer that is not older than the question asks for a refresh first: a look at the end of an index
 * tells whether something was committed since the last one, by whatever server of the cluster; then that is read, and a
 * new view replaces the old one. A view is held until the request that asked for it ends.
 */
#ifndef KAGARI_CONFORMANCE_CURRENT_H
#define KAGARI_CONFORMANCE_CURRENT_H

#include "base/config.h"
#include "conformance/conformance.h"
#include "db/db.h"

struct conformance_current;
/* definitions has to outlive it. */
bool conformance_current_new(const struct config *config, const struct fhir_defs *d,
                             const struct conformance_view *definitions, int32_t tenant,
                             struct conformance_current **out, struct err *err) NODISCARD;
void conformance_current_free(struct conformance_current *c); /* nobody holds a view any more */

/* Reads what was committed since the last time; what the caller's own transaction has written is not seen yet. Any
 * thread. */
bool conformance_refresh(struct conformance_current *c, struct db_conn *conn, struct arena *a,
                         struct err *err) NODISCARD;
/* Until a is cleared or released. Any thread. */
const struct conformance_view *conformance_hold(struct conformance_current *c, struct arena *a);

#endif
