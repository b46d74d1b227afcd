/* For those who watch the server: is it alive, does it serve, how is it doing. */
#include "base/metrics.h"
#include "internal.h"

static bool live(struct api_request *r, const struct db_rows *rows, struct api_response *out, struct err *err)
{
    (void)r, (void)rows, (void)err;
    *out =
        (struct api_response){.status = 200, .raw = STR("alive\n"), .raw_type = "text/plain; charset=utf-8"};
    return true;
}

/* What the audit log has to say: it never keeps care from being given, unless it was told to. */
static void ready_or_refusing(struct api_request *r, struct api_response *out)
{
    struct audit_state s = {0};
    if (r->api->deps.audit)
        audit_state(r->api->deps.audit, &s);
    *out = (struct api_response){.status = 200, .raw = STR("ready\n")};
    if (s.refusing)
        *out =
            (struct api_response){.status = 503, .raw = STR("the audit log has no room\n"), .retry_after = 2};
    else if (s.lost)
        out->raw = str_of(arena_printf(r->a, "ready\naudit: %lld entries were lost\n", (long long)s.lost));
}

static bool ready(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                  struct err *err)
{
    (void)rows, (void)err;
    const struct api_deps *d = &r->api->deps;
    bool all = true;
    for (int i = 0; i < d->n_loops; i++)
        all &= db_async_ready(d->db[i]);
    if (atomic_load(&r->api->draining))
        *out = (struct api_response){.status = 503, .raw = STR("shutting down\n")};
    else if (!all)
        *out = (struct api_response){
            .status = 503, .raw = STR("no connection to the database\n"), .retry_after = 2};
    else
        ready_or_refusing(r, out);
    out->raw_type = "text/plain; charset=utf-8";
    return true;
}

static bool metrics(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                    struct err *err)
{
    (void)rows, (void)err;
    struct buf b;
    buf_init(&b, r->a, 16384);
    metrics_print(&b);
    *out = (struct api_response){
        .status = 200, .raw = buf_str(&b), .raw_type = "text/plain; version=0.0.4; charset=utf-8"};
    return true;
}

const struct api_interaction api__health_live = {
    .code = "health", .run = RUN_NOW, .access = ACCESS_OPEN, .reply = live};
const struct api_interaction api__health_ready = {
    .code = "health", .run = RUN_NOW, .access = ACCESS_OPEN, .reply = ready};
const struct api_interaction api__metrics = {
    .code = "metrics", .run = RUN_NOW, .right = AUTH_READ, .access = ACCESS_SYSTEM, .reply = metrics};
