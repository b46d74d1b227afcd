/*
 * jobs/jobs.h: what the server does later, from rows in the database, on a thread and a connection of its own.
 *
 *   - It follows the SearchParameters that are stored as resources: one that is written is put into the registry of
 *     every server (state: building), a job indexes what was there before, and then it is ready. One that is deleted,
 *     retired or changed leaves the index the same way.
 *   - It follows what conformance resources and Consents any server has stored.
 *   - It carries out jobs, one at a time, in small steps. Servers share the work; the job of one that died is taken
 *     over where it was.
 *
 * No writer is ever kept waiting for a job, and no index row of a version is overwritten by an older one. A reindexing
 * begins when the requests of all servers work with the search parameters that it needs: from then on what is written is
 * indexed well, and what was there before has to be visited only once. It changes a row only if it is still the version
 * and has the index rows that were looked at, and passes over those that a writer holds, to come back to them.
 */
#ifndef KAGARI_JOBS_JOBS_H
#define KAGARI_JOBS_JOBS_H

#include "base/config.h"
#include "conformance/current.h"
#include "consent/consent.h"
#include "search/current.h"
#include "store/store.h"

struct jobs;
/* Before the first request is served: the registry in force is then that of the database. Everything given outlives
 * it. ERR_BUSY: PostgreSQL is not there. */
bool jobs_start(const struct config *c, const struct fhir_defs *d, struct search_current *search,
                struct conformance_current *conformance, struct consent_current *consent, struct store *s,
                struct jobs **out, struct err *err) NODISCARD;
/* The step at hand is finished; another server goes on. */
void jobs_stop(struct jobs *j);

#endif
