/*
 * $break-glass: a record is opened to somebody in an emergency (docs/consent.md). Labels and Consents withhold nothing of
 * that patient from the caller's scopes user/… then, for emergency.duration. It leaves, in one transaction, the opening
 * (consent/consent.h) and a Communication in the patient's record, and its entry in the audit log before the answer.
 *
 * Whether there is such a patient is told to those who may do it, and to nobody else.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "codes.h"

#define REASON "http://terminology.hl7.org/CodeSystem/v3-ActReason"

enum { REASON_MIN = 5, REASON_MAX = 160 }; /* characters: it fits into an entry of the audit log */

/* By a scope that a person has been given. */
static bool may_open(const struct api_request *r)
{
    const struct auth_principal *p = r->principal;
    bool reads = false;
    for (size_t i = 0; i < p->n_grants; i++)
        reads |= p->grants[i].level == AUTH_USER && p->grants[i].rights & AUTH_READ;
    return reads && api__has_emergencies(r, p);
}

/* As it is kept in the record and in the audit log. */
static bool read_reason(struct api_request *r, struct err *err)
{
    struct str *reason = ARENA_NEW(r->a, struct str);
    *reason = str_trim(api__arg(r, "reason"));
    bool text = utf8_valid_prefix(reason->s, reason->len) == reason->len;
    size_t n = 0;
    for (size_t i = 0; text && i < reason->len; n++)
        text = utf8_next(*reason, &i) >= ' ';
    if (!text)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "reason: a line of text was expected, in UTF-8");
    if (n < REASON_MIN || n > REASON_MAX)
        return err_at(err, ERR_INVALID, "Parameters.parameter", "reason: %d to %d characters were expected",
                      REASON_MIN, REASON_MAX);
    r->state = reason;
    return true;
}

struct str api__emergency_reason(const struct api_request *r)
{
    const struct str *reason = r->state;
    return reason ? *reason : STR("");
}

static bool prepare_break(struct api_request *r, struct err *err)
{
    if (!may_open(r))
        return err_set(err, ERR_FORBIDDEN,
                       "The token does not allow this: it needs the scope " AUTH_SCOPE_EMERGENCY
                       ", one such as user/*.rs, and a fhirUser whom emergency.users names");
    if (!str_is(api__arg(r, "purpose"), "ETREAT"))
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "purpose: ETREAT was expected; records are opened for emergency treatment alone");
    r->conformance->consents = true;
    return api__check_id(r, err) && read_reason(r, err);
}

static json *concept(struct arena *a, const char *system, const char *code, const char *text)
{
    json *o = json_object(a);
    json *coding = json_push(json_add(a, o, "coding", json_array(a)), json_object(a));
    json_add_string(a, coding, "system", system);
    json_add_string(a, coding, "code", code);
    if (text)
        json_add_string(a, o, "text", text);
    return o;
}

static json *reference(struct arena *a, const char *to)
{
    json *o = json_object(a);
    json_add_string(a, o, "reference", to);
    return o;
}

static void add_payload(struct arena *a, json *list, const char *text)
{
    json_add_string(a, json_push(list, json_object(a)), "contentString", text);
}

/* What the patient, and whoever looks after the record, finds there. */
static json *notification(struct api_request *r, const char *until)
{
    struct arena *a = r->a;
    struct str reason = api__emergency_reason(r), user = r->principal->user;
    const char *who = arena_strndup(a, user.s, user.len),
               *patient = arena_printf(a, "Patient/%.*s", STR_FMT(r->id));
    char now[32];
    json *o = json_object(a);
    clock_instant(clock_wall_us(), now);
    json_add_string(a, o, "resourceType", "Communication");
    json_add_string(a, o, "status", "completed");
    json_push(
        json_add(a, o, "category", json_array(a)),
        concept(a, "http://terminology.hl7.org/CodeSystem/communication-category", "notification", NULL));
    json_add(a, o, "subject", reference(a, patient));
    json_add(a, o, "topic", concept(a, REASON, "BTG", "break the glass"));
    json_add_string(a, o, "sent", now);
    json_push(json_add(a, o, "recipient", json_array(a)), reference(a, patient));
    json_add(a, o, "sender", reference(a, who));
    json_push(json_add(a, o, "reasonCode", json_array(a)),
              concept(a, REASON, "ETREAT", arena_strndup(a, reason.s, reason.len)));
    json *payload = json_add(a, o, "payload", json_array(a));
    add_payload(a, payload,
                arena_printf(a, "%s has opened this record for emergency treatment, until %s.", who, until));
    add_payload(a, payload,
                arena_printf(a, "%sが救急診療のためこの診療記録を開きました(%sまで)。", who, until));
    return o;
}

static bool store_notification(struct api_request *r, struct db_conn *c, json *resource, struct str id,
                               struct store_written *at, struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    struct store_write *w = ARENA_NEW(r->a, struct store_write);
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    *w = (struct store_write){
        .type = fhir_resource(d->defs, STR("Communication")), .id = id, .audit = api__audit_write(r)};
    w->audit.op = AUDIT_CREATE;
    json_put(r->a, resource, "id", json_string_n(r->a, id));
    if (!search_index(r->search->registry, store_tenant(d->store), r->a, resource, w->type, r->base,
                      &w->index, err))
        return false;
    store_content(d->store, r->a, resource, w->type, id, &w->content);
    store_create_plan(d->store, &w, 1, true, &q);
    return db_exec(c, r->a, &q, &rows, err) && store_create_reply(rows, at, err);
}

static bool is_there(struct api_request *r, struct db_conn *c, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct store_version v;
    store_read_plan(r->api->deps.store, r->type, r->id, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    return (store_read_reply(rows, &v) && !v.deleted) ||
           err_set(err, ERR_NOT_FOUND, "There is no Patient with this id");
}

static bool break_on(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    const struct auth_principal *p = r->principal;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct store_written at;
    char id[37], until[32];
    store_new_id(id);
    const struct consent_opening opening = {.who = consent_who(r->a, p->issuer, p->subject, p->client),
                                            .patient = r->id,
                                            .communication = str_of(arena_strdup(r->a, id))};
    consent_open_plan(r->api->deps.store, &opening, r->config->emergency_duration, &q);
    if (!is_there(r, c, err) || !db_exec(c, r->a, &q, &rows, err))
        return false;
    clock_instant(db_timestamptz(rows, 0, 0), until);
    if (!store_notification(r, c, notification(r, until), opening.communication, &at, err))
        return false;
    json *parameters = codes_parameters(r->a);
    codes_add(r->a, parameters, "until", "valueInstant", json_string(r->a, until));
    codes_add(r->a, parameters, "communication", "valueReference",
              reference(r->a, arena_printf(r->a, "Communication/%s", id)));
    codes_answer(r, parameters, out);
    api__is_of(r, r->type, r->id, 0, out);
    out->position = at.xid;
    return true;
}

static bool work_break(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    if (!api__in_transaction(r, c, out, err, break_on))
        return false;
    log_event(LOG_WARN, "emergency-access",
              LOG_S("request_id", r->http->id)); /* who and whose: the audit log */
    return true;
}

const struct api_interaction api__break_glass = {.code = "$break-glass",
                                                 .run = RUN_WORKER,
                                                 .access = ACCESS_JUDGED,
                                                 .prepare = prepare_break,
                                                 .work = work_break};
