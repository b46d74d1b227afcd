/* What the server works on beside the requests: api and jobs do not know each other. */
#include "background.h"

#include "jobs/jobs.h"
#include "package_store.h"

static bool start(const struct config *c, const struct fhir_defs *d, struct search_current *search,
                  struct conformance_current *conformance, struct consent_current *consent, struct store *s,
                  void **out, struct err *err)
{
    struct jobs *jobs;
    if (!packages_start(c, err) || !jobs_start(c, d, search, conformance, consent, s, &jobs, err))
        return false;
    *out = jobs;
    return true;
}

static void stop(void *background)
{
    jobs_stop(background);
}

const struct server_background background_jobs = {start, stop};
