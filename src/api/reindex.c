/*
 * $reindex, and the status of jobs (async.html): what is asked for here is done by the module jobs, which finds it in
 * the database.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "store/jobs.h"

static int by_number(const void *x, const void *y)
{
    return *(const int16_t *)x - *(const int16_t *)y;
}

struct request {
    int16_t *types;
    size_t n;
    struct str id;
};

/* Whoever may change everything may have everything indexed anew. */
static bool authorise(struct api_request *r, struct err *err)
{
    return api__authorise(r, AUTH_READ | AUTH_SEARCH | AUTH_UPDATE, NULL, err);
}

static bool prepare_reindex(struct api_request *r, struct err *err)
{
    struct request *q = ARENA_NEW(r->a, struct request);
    char id[37];
    size_t cap = 0;
    if (!authorise(r, err))
        return false;
    if (r->type) /* Type/$reindex */
        *ARENA_PUSH(r->a, q->types, q->n, cap) = (int16_t)r->type->id;
    for (size_t i = 0; i < r->n_args; i++) {
        if (!str_is(r->args[i].name, "type"))
            continue;
        if (r->type)
            return err_set(err, ERR_INVALID,
                           "type: the URL names a type already; several are for POST $reindex");
        const struct fhir_type *type = fhir_resource(r->api->deps.defs, r->args[i].value);
        if (!type)
            return err_set(err, ERR_INVALID, "type: a resource type of FHIR R4 was expected");
        bool twice = false;
        for (size_t j = 0; j < q->n; j++)
            twice |= q->types[j] == (int16_t)type->id;
        if (!twice)
            *ARENA_PUSH(r->a, q->types, q->n, cap) = (int16_t)type->id;
    }
    if (q->n)
        qsort(q->types, q->n, sizeof *q->types, by_number);
    store_new_id(id);
    q->id = str_of(arena_strdup(r->a, id));
    r->state = q;
    return true;
}

static bool plan_reindex(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    const struct request *w = r->state;
    store_reindex_request_plan(r->api->deps.store, w->id, w->types, w->n, r->base, q);
    return true;
}

static bool reply_reindex(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                          struct err *err)
{
    if (db_count(rows) == 0)
        return err_set(err, ERR_BUSY, "The job could not be noted; try again");
    *out = (struct api_response){.status = 202,
                                 .content_location = str_of(arena_printf(
                                     r->a, "%.*s/_job/%s", STR_FMT(r->base), db_text(rows, 0, 0).s))};
    return true;
}

const struct api_interaction api__reindex = {.code = "$reindex",
                                             .run = RUN_WRITE,
                                             .access = ACCESS_WHOLE,
                                             .prepare = prepare_reindex,
                                             .plan = plan_reindex,
                                             .reply = reply_reindex};

/* ---- status ---------------------------------------------------------------------------------------------------- */

static bool prepare_job(struct api_request *r, struct err *err)
{
    return authorise(r, err);
}

static bool plan_job(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    store_job_plan(r->api->deps.store, r->id, q);
    return true;
}

static void add_value(struct arena *a, json *list, const char *name, const char *member, json *value)
{
    json *p = json_push(list, json_object(a));
    json_add_string(a, p, "name", name);
    json_add(a, p, member, value);
}

static struct str summary(struct arena *a, const struct store_job *job)
{
    static const char *const states[] = {[JOB_WAITING] = "waiting",
                                         [JOB_RUNNING] = "running",
                                         [JOB_DONE] = "done",
                                         [JOB_FAILED] = "failed",
                                         [JOB_CANCELLED] = "cancelled"};
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", "Parameters");
    json *list = json_add(a, o, "parameter", json_array(a));
    add_value(a, list, "state", "valueCode", json_string(a, states[job->state]));
    add_value(a, list, "done", "valueDecimal", json_int(a, job->done));
    add_value(a, list, "changed", "valueDecimal", json_int(a, job->changed));
    if (job->total >= 0)
        add_value(a, list, "total", "valueDecimal", json_int(a, job->total));
    return json_text(a, o);
}

static const char *progress(struct arena *a, const struct store_job *job)
{
    if (job->state == JOB_WAITING)
        return "waiting";
    if (job->total < 0)
        return "waiting until all servers know the search parameters";
    return arena_printf(a, "%" PRId64 " of %" PRId64 " resources (%d %%)", job->done, job->total,
                        job->total ? (int)(job->done * 100 / job->total) : 100);
}

static bool reply_job(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                      struct err *err)
{
    struct store_job job;
    if (!store_job_reply(rows, r->a, &job))
        return err_set(err, ERR_NOT_FOUND, "There is no job of this name");
    if (job.state == JOB_FAILED)
        return err_set(err, ERR_INTERNAL, "The job has failed: %s", job.message.s ? job.message.s : "");
    bool under_way = job.state == JOB_WAITING || job.state == JOB_RUNNING;
    *out = (struct api_response){.status = under_way ? 202 : 200, .resource = summary(r->a, &job)};
    if (under_way) {
        out->progress = str_of(progress(r->a, &job));
        out->retry_after = 1;
    }
    return true;
}

const struct api_interaction api__job = {.code = "job",
                                         .run = RUN_READ,
                                         .access = ACCESS_WHOLE,
                                         .prepare = prepare_job,
                                         .plan = plan_job,
                                         .reply = reply_job};

static bool plan_cancel(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    store_cancel_plan(r->api->deps.store, r->id, q);
    return true;
}

static bool reply_cancel(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                         struct err *err)
{
    (void)r;
    if (db_count(rows) == 0)
        return err_set(
            err, ERR_NOT_FOUND,
            "No job of this name is under way that may be cancelled; one that makes a SearchParameter "
            "ready ends with that resource");
    *out = (struct api_response){.status = 202};
    return true;
}

const struct api_interaction api__job_cancel = {.code = "job-cancel",
                                                .run = RUN_WRITE,
                                                .access = ACCESS_WHOLE,
                                                .prepare = prepare_job,
                                                .plan = plan_cancel,
                                                .reply = reply_cancel};
