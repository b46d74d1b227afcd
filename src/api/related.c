/*
 * Whom a RelatedPerson speaks for: user/… of a token whose fhirUser is one means the record of the patient that the stored
 * RelatedPerson names, while it is active and in its period. It is read for each request, by primary key: what a registrar
 * ends has ended.
 */
#include "base/clock.h"
#include "fhir/datetime.h"
#include "fhir/reference.h"
#include "internal.h"

#define RELATED "RelatedPerson/"

bool api__is_related(const struct api_request *r)
{
    const struct auth_principal *p = r->principal;
    bool asks = false;
    for (size_t i = 0; p && i < p->n_grants; i++)
        asks |= p->grants[i].level == AUTH_USER;
    return asks && str_starts(p->user, STR(RELATED));
}

void api__related_plan(const struct api_request *r, struct sql *q)
{
    const struct str user = r->principal->user, id = {user.s + strlen(RELATED), user.len - strlen(RELATED)};
    store_read_plan(r->api->deps.store, fhir_resource(r->api->deps.defs, STR("RelatedPerson")), id, q);
}

/* An end that is no date is none that could be now. */
static bool is_now(const struct api_request *r, const json *period)
{
    const char *start = json_get_string(period, "start"), *end = json_get_string(period, "end");
    const int zone = store_tenant(r->api->deps.store)->zone;
    const int64_t now_us = clock_wall_us();
    int64_t from = INT64_MIN, to = INT64_MAX, ignored;
    struct fhir_datetime d;
    if (start && fhir_datetime_parse(str_of(start), &d))
        fhir_datetime_range(&d, zone, &from, &ignored);
    else if (start)
        return false;
    if (end && fhir_datetime_parse(str_of(end), &d))
        fhir_datetime_range(&d, zone, &ignored, &to);
    else if (end)
        return false;
    return from <= now_us && now_us <= to;
}

static struct str patient_of(struct api_request *r, const struct db_rows *rows)
{
    const struct fhir_type *type = fhir_resource(r->api->deps.defs, STR("RelatedPerson"));
    const struct str user = r->principal->user, id = {user.s + strlen(RELATED), user.len - strlen(RELATED)};
    struct fhir_reference to = {0};
    struct store_version v;
    struct str content;
    struct err err;
    json *person;
    if (!store_read_reply(rows, &v) || v.deleted ||
        !store_open(r->api->deps.store, r->a, type, id, v.text, &content, &err) ||
        !json_parse(r->a, content, INT16_MAX, &person, &err))
        return STR("");
    const json *active = json_get(person, "active");
    const char *patient = json_get_string(json_get(person, "patient"), "reference");
    if (patient)
        fhir_reference_parse_local(r->api->deps.defs, r->base, str_of(patient), &to);
    bool holds = to.form == FHIR_REF_RELATIVE && strcmp(to.type->name, "Patient") == 0 &&
                 (!active || json_is_true(active)) && is_now(r, json_get(person, "period"));
    return holds ? to.id : STR("");
}

void api__related_reply(struct api_request *r, const struct db_rows *rows)
{
    struct auth_principal *p = ARENA_NEW(r->a, struct auth_principal);
    *p = *r->principal;
    p->related = patient_of(r, rows);
    p->serial = 0; /* it may be another one the next time */
    r->principal = p;
}

bool api__relate(struct api_request *r, struct db_conn *c, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    if (!api__is_related(r))
        return true;
    api__related_plan(r, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    api__related_reply(r, rows);
    return true;
}
