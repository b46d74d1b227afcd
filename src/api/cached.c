/*
 * Reads by id from the cache of versions (store/cache.h). Only reads that came by themselves: in a Bundle they belong to
 * its transaction.
 */
#include "base/metrics.h"
#include "internal.h"

/*
 * Who may be answered with what is kept: nobody looks at the resource again, so that only those may whose right to its
 * type has no condition that depends on the resource, on its patient, or on what somebody has consented to.
 */
static bool may_have_any(const struct api_request *r)
{
    return auth_unrestricted(r->principal, AUTH_READ, r->type) &&
           strcmp(r->type->name, "Binary") != 0; /* its securityContext decides */
}

static bool find(struct api_request *r)
{
    const struct store *s = r->api->deps.store;
    int64_t position = 0;
    api__position(r, &position);
    return store_cache_find(s, r->a, r->type, r->id, position, &r->kept, &r->ticket);
}

bool api__from_cache(struct api_request *r, struct api_response *out)
{
    const enum store_cache_mode mode = store_cache_mode(r->api->deps.store);
    struct err err;
    int32_t ver;
    if (mode == STORE_CACHE_OFF || !r->route->interaction->cached || !may_have_any(r))
        return false;
    if (r->vid.s) { /* as it was when it was current: old ones may be labelled anew */
        bool hit =
            mode == STORE_CACHE_BOUNDED && api__version(r, &ver, &err) && find(r) && r->kept.ver == ver;
        r->ticket = 0;
        if (!hit) {
            r->kept.ver = 0;
            return false;
        }
    } else if (!find(r)) {
        metrics_add(METRIC_CACHE_MISSES, 1);
        return false;
    }
    if (mode == STORE_CACHE_STRICT)
        return false;
    metrics_add(METRIC_CACHE_HITS, 1);
    return api__version_response(r, &r->kept, out, &err);
}

void api__keep(struct api_request *r, struct store_version *v)
{
    if (r->kept.ver && !v->deleted && !v->text.kept.s) { /* it is the one that was kept */
        metrics_add(METRIC_CACHE_HITS, 1);
        v->text = r->kept.text;
    } else {
        store_cache_keep(r->api->deps.store, r->type, r->id, r->asked_replica ? 0 : r->ticket, v);
    }
}
