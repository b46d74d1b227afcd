/* Entries as AuditEvents: one table says what each kind is. */
#include "audit/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "fhir/primitive.h"
#include "internal.h"

#define TERM "http://terminology.hl7.org/CodeSystem/"
#define DCM  "http://dicom.nema.org/resources/ontology/DCM"
#define BALP "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
#define PART TERM "v3-ParticipationType"

static const struct kind {
    enum audit_op op;
    const char *subtype; /* http://hl7.org/fhir/restful-interaction, or of DICOM */
    char action;
    const char *profile; /* of what succeeded; NULL: none fits */
} kinds[] = {
    {AUDIT_READ, "read", 'R', "Read"},
    {AUDIT_VREAD, "vread", 'R', "Read"},
    {AUDIT_CREATE, "create", 'C', "Create"},
    {AUDIT_UPDATE, "update", 'U', "Update"},
    {AUDIT_PATCH, "patch", 'U', NULL},
    {AUDIT_DELETE, "delete", 'D', "Delete"},
    {AUDIT_SEARCH_TYPE, "search-type", 'E', "Query"},
    {AUDIT_SEARCH_SYSTEM, "search-system", 'E', "Query"},
    {AUDIT_HISTORY_INSTANCE, "history-instance", 'R', NULL},
    {AUDIT_HISTORY_TYPE, "history-type", 'R', NULL},
    {AUDIT_HISTORY_SYSTEM, "history-system", 'R', NULL},
    {AUDIT_OPERATION, "operation", 'E', NULL},
    {AUDIT_BUNDLE, "batch", 'E', NULL},
    {AUDIT_UNKNOWN, NULL, 'E', NULL},
    {AUDIT_LOGIN, "110122", 'E', NULL},
    {AUDIT_LOGOUT, "110123", 'E', NULL},
    {AUDIT_TOKEN_ISSUED, "110142", 'E', NULL},
    {AUDIT_TOKEN_REVOKED, "110143", 'E', NULL},
    {AUDIT_EMERGENCY, "110127", 'E', NULL},
    {AUDIT_CONSENT, "110137", 'E', NULL},
    {AUDIT_LOST, "110101", 'E', NULL},
};

static const struct kind *kind_of(int op)
{
    static const struct kind unknown = {AUDIT_UNKNOWN, NULL, 'E', NULL};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].op == (enum audit_op)op)
            return &kinds[i];
    return &unknown;
}

_Static_assert(sizeof kinds / sizeof kinds[0] <= AUDIT__OPS, "audit__ops_of() has room");

size_t audit__ops_of(char action, int16_t ops[AUDIT__OPS])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].action == action)
            ops[n++] = (int16_t)kinds[i].op;
    return n;
}

/* ---- places --------------------------------------------------------------------------------------------------------- */

bool audit_place_read(struct str id, struct audit_place *out)
{
    unsigned long long pos, k;
    int i = 1, used = 0;
    char text[65];
    if (id.len >= sizeof text || !str_starts(id, STR("audit-")))
        return false;
    memcpy(text, id.s, id.len);
    text[id.len] = '\0';
    if (sscanf(text, "audit-%16llx-%16llx%n", &pos, &k, &used) != 2)
        return false;
    if (text[used] && (sscanf(text + used, "-%9d", &i) != 1 || i < 2))
        return false;
    *out = (struct audit_place){(int64_t)pos, (int64_t)k, i};
    struct arena a;
    arena_init(&a, 0);
    bool same = str_eq(audit_place_id(&a, out), id); /* an entry has one id */
    arena_release(&a);
    return same;
}

struct str audit_place_id(struct arena *a, const struct audit_place *p)
{
    const char *more = p->i > 1 ? arena_printf(a, "-%d", (int)p->i) : "";
    return str_of(arena_printf(a, "audit-%" PRIx64 "-%" PRIx64 "%s", (uint64_t)p->pos, (uint64_t)p->k, more));
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */

/* As audit_query_plan() asks for them. */
enum {
    COLUMN_POS,
    COLUMN_K,
    COLUMN_AT,
    COLUMN_VER,
    COLUMN_RTYPE,
    COLUMN_OP,
    COLUMN_STATUS,
    COLUMN_PURPOSE,
    COLUMN_RID,
    COLUMN_REQUEST,
    WORD_AGENT,
    WORD_SHAPE,
    PATIENT_I,
    PATIENT_H,
    PATIENT_RID
};

struct audit_place audit_place_of(const struct db_rows *rows, int row)
{
    return (struct audit_place){db_int8(rows, row, COLUMN_POS), db_int8(rows, row, COLUMN_K),
                                (int32_t)db_int8(rows, row, PATIENT_I)};
}

/* ---- rendering --------------------------------------------------------------------------------------------------------- */

struct rendering {
    struct arena *a;
    json *event;
    const struct kind *kind;
    const json *agent; /* the array of its word; NULL: nobody was identified */
};

static json *coding(struct arena *a, const char *system, const char *code, const char *display)
{
    json *c = json_object(a);
    json_add_string(a, c, "system", system);
    json_add_string(a, c, "code", code);
    if (display)
        json_add_string(a, c, "display", display);
    return c;
}

static json *concept(struct arena *a, const char *system, const char *code, const char *display)
{
    json *c = json_object(a), *list = json_array(a);
    json_push(list, coding(a, system, code, display));
    json_add(a, c, "coding", list);
    return c;
}

static json *identifier(struct arena *a, const char *system, const char *value)
{
    json *what = json_object(a), *id = json_object(a);
    if (system && *system)
        json_add_string(a, id, "system", system);
    json_add_string(a, id, "value", value);
    json_add(a, what, "identifier", id);
    return what;
}

static const char *of_agent(const struct rendering *r, size_t i)
{
    const json *v = json_at(r->agent, i);
    return json_is_string(v) && *v->valuestring ? v->valuestring : NULL;
}

static json *network(struct arena *a, const char *address, const char *type)
{
    json *n = json_object(a);
    json_add_string(a, n, "address", address);
    json_add_string(a, n, "type", type);
    return n;
}

/* Data flow to the server by what writes and asks, and from it by what reads (BALP). */
static void add_agents(struct rendering *r, struct str base)
{
    struct arena *a = r->a;
    const char *subject = of_agent(r, 0), *client = of_agent(r, 1), *issuer = of_agent(r, 2),
               *level = of_agent(r, 3), *address = of_agent(r, 4);
    bool person = subject && level && strcmp(level, "system") != 0;
    bool reads = r->kind->action == 'R', deletes = r->kind->action == 'D';
    json *list = json_array(a), *c = json_object(a), *s = json_object(a);
    const json *source = concept(a, DCM, "110153", "Source Role ID"),
               *destination = concept(a, DCM, "110152", "Destination Role ID");
    json_add(a, c, "type",
             deletes ? concept(a, DCM, "110150", "Application") : json_copy(a, reads ? destination : source));
    json_add(a, c, "who",
             identifier(a, client ? issuer : NULL,
                        client    ? client
                        : subject ? subject
                                  : "unknown"));
    json_add(a, c, "requestor", json_bool(a, !person));
    if (address)
        json_add(
            a, c, "network",
            network(a, address, strspn(address, "0123456789abcdefABCDEF.:") == strlen(address) ? "2" : "5"));
    json_push(list, c);
    json_add(a, s, "type",
             deletes ? concept(a, TERM "provenance-participant-type", "custodian", "Custodian")
                     : json_copy(a, reads ? source : destination));
    json_add(a, s, "who", identifier(a, NULL, arena_strndup(a, base.s, base.len)));
    json_add(a, s, "requestor", json_bool(a, false));
    json_add(a, s, "network", network(a, arena_strndup(a, base.s, base.len), "5"));
    json_push(list, s);
    if (person) {
        json *p = json_object(a);
        json_add(a, p, "type", concept(a, PART, reads || r->kind->action == 'E' ? "IRCP" : "AUT", NULL));
        json_add(a, p, "who", identifier(a, issuer, subject));
        json_add(a, p, "requestor", json_bool(a, true));
        json_push(list, p);
    }
    json_add(a, r->event, "agent", list);
}

static json *entity(struct arena *a, json *list, const char *type, const char *role)
{
    json *e = json_object(a);
    json_add(a, e, "type", coding(a, TERM "audit-entity-type", type, NULL));
    json_add(a, e, "role", coding(a, TERM "object-role", role, NULL));
    json_push(list, e);
    return e;
}

static void add_entities(struct rendering *r, const struct fhir_defs *d, const struct db_rows *rows, int row)
{
    struct arena *a = r->a;
    json *list = json_array(a), *e;
    struct str request = db_text(rows, row, COLUMN_REQUEST), shape = db_text(rows, row, WORD_SHAPE),
               rid = db_text(rows, row, COLUMN_RID), patient = db_text(rows, row, PATIENT_RID);
    const struct fhir_type *type =
        db_int2(rows, row, COLUMN_RTYPE) ? fhir_resource_by_id(d, db_int2(rows, row, COLUMN_RTYPE)) : NULL;
    if (request.s) {
        e = json_object(a);
        json_add(a, e, "what",
                 identifier(a, NULL, arena_printf(a, "%.*s", STR_FMT(audit__request_text(a, request)))));
        json_add(a, e, "type",
                 coding(a, "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId",
                        NULL));
        json_push(list, e);
    }
    if (patient.s || !db_null(rows, row, PATIENT_H)) {
        json *what = json_object(a);
        if (patient.s)
            json_add_string(a, what, "reference", arena_printf(a, "Patient/%.*s", STR_FMT(patient)));
        else
            json_add_string(a, what, "display", "a patient who is not on this server");
        e = entity(a, list, "1", "1");
        json_add(a, e, "what", what);
    }
    if (type && rid.s) {
        int ver = db_int4(rows, row, COLUMN_VER);
        json *what = json_object(a);
        json_add_string(a, what, "reference",
                        ver ? arena_printf(a, "%s/%.*s/_history/%d", type->name, STR_FMT(rid), ver)
                            : arena_printf(a, "%s/%.*s", type->name, STR_FMT(rid)));
        e = entity(a, list, "2", "4");
        json_add(a, e, "what", what);
    }
    if (shape.s && r->kind->op != AUDIT_EMERGENCY) {
        e = entity(a, list, "2", "24");
        json_add(a, e, "query", json_string_n(a, base64_encode(a, BASE64_STD, shape.s, shape.len)));
    }
    if (json_count(list))
        json_add(a, r->event, "entity", list);
}

static void add_profiles(struct rendering *r, bool patient, int status)
{
    struct arena *a = r->a;
    json *list = json_array(a);
    bool fits = r->kind->profile && status < 400 && r->agent && of_agent(r, 4);
    if (fits)
        json_push(list,
                  json_string(a, arena_printf(a, BALP "%s%s", patient ? "Patient" : "", r->kind->profile)));
    json *meta = json_object(a);
    json_add_string(a, meta, "versionId", "1");
    json_add_string(a, meta, "lastUpdated", "");
    if (fits)
        json_add(a, meta, "profile", list);
    json_add(a, r->event, "meta", meta);
}

struct str audit_render(struct arena *a, const struct fhir_defs *d, struct str base,
                        const struct db_rows *rows, int row)
{
    static const char *const purposes[] = {[AUDIT_TREAT] = "TREAT",
                                           [AUDIT_ETREAT] = "ETREAT",
                                           [AUDIT_HOPERAT] = "HOPERAT",
                                           [AUDIT_HRESCH] = "HRESCH",
                                           [AUDIT_PATRQT] = "PATRQT"};
    struct audit_place place = audit_place_of(rows, row);
    struct rendering r = {.a = a, .event = json_object(a), .kind = kind_of(db_int2(rows, row, COLUMN_OP))};
    int status = db_int2(rows, row, COLUMN_STATUS), purpose = db_int2(rows, row, COLUMN_PURPOSE);
    json *agent, *subtypes = json_array(a), *observer = json_object(a), *ev = r.event;
    struct err err;
    char when[32], action[2] = {r.kind->action, '\0'};
    struct str word = db_text(rows, row, WORD_AGENT);
    if (word.s && json_parse(a, word, 3, &agent, &err))
        r.agent = agent;
    clock_instant(db_int8(rows, row, COLUMN_AT), when);
    json_add_string(a, ev, "resourceType", "AuditEvent");
    json_add(a, ev, "id", json_string_n(a, audit_place_id(a, &place)));
    add_profiles(&r, db_text(rows, row, PATIENT_RID).s != NULL, status);
    json_put(a, json_get(ev, "meta"), "lastUpdated", json_string(a, when));
    bool security = r.kind->op >= AUDIT_LOGIN;
    json_add(a, ev, "type",
             security ? coding(a, DCM, r.kind->op == AUDIT_LOST ? "110101" : "110113", NULL)
                      : coding(a, TERM "audit-event-type", "rest", "Restful Operation"));
    if (r.kind->subtype) {
        json_push(subtypes, coding(a, security ? DCM : "http://hl7.org/fhir/restful-interaction",
                                   r.kind->subtype, NULL));
        json_add(a, ev, "subtype", subtypes);
    }
    json_add_string(a, ev, "action", action);
    json_add_string(a, ev, "recorded", when);
    json_add_string(a, ev, "outcome", status < 400 ? "0" : status < 500 ? "4" : "8");
    json_add_string(a, ev, "outcomeDesc", arena_printf(a, "HTTP %d", status));
    if (purpose > 0 && purpose < (int)(sizeof purposes / sizeof purposes[0])) {
        json *list = json_array(a);
        struct str reason = db_text(rows, row, WORD_SHAPE);
        if (r.kind->op == AUDIT_EMERGENCY) {
            json *why = json_push(list, concept(a, TERM "v3-ActReason", "BTG", NULL));
            if (reason.s)
                json_add(a, why, "text", json_string_n(a, reason));
        }
        json_push(list, concept(a, TERM "v3-ActReason", purposes[purpose], NULL));
        json_add(a, ev, "purposeOfEvent", list);
    }
    add_agents(&r, base);
    json_add(a, observer, "observer", identifier(a, NULL, arena_strndup(a, base.s, base.len)));
    json_add(a, ev, "source", observer);
    add_entities(&r, d, rows, row);
    return json_text(a, ev);
}
