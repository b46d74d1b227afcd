/* A Consent (consent.html) as rules, and what of it is not understood. */
#include "fhir/datetime.h"
#include "fhir/reference.h"
#include "internal.h"

#define SCOPE  "http://terminology.hl7.org/CodeSystem/consentscope"
#define ACTION "http://terminology.hl7.org/CodeSystem/consentaction"
#define ROLE   "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
#define ACT    "http://terminology.hl7.org/CodeSystem/v3-ActCode"
#define REASON "http://terminology.hl7.org/CodeSystem/v3-ActReason"
#define TYPES  "http://hl7.org/fhir/resource-types"

static void doubt(struct consent__reader *r, enum consent_doubt doubt, const char *path, const char *member)
{
    *ARENA_PUSH(r->a, r->found, r->n_found, r->cap_found) = (struct consent_finding){
        doubt, member ? arena_printf(r->a, "%s.%s", path, member) : arena_strdup(r->a, path)};
}

static bool is_coded(const json *coding, const char *system, const char *code)
{
    const char *s = json_get_string(coding, "system"), *c = json_get_string(coding, "code");
    return c && strcmp(c, code) == 0 && (!s || strcmp(s, system) == 0);
}

static bool has_coding(const json *concept, const char *system, const char *code)
{
    json_each (coding, json_get(concept, "coding"))
        if (is_coded(coding, system, code))
            return true;
    return false;
}

struct str consent__local(const struct consent__reader *r, const json *reference,
                          const struct fhir_type **type)
{
    const char *text = json_get_string(reference, "reference");
    struct fhir_reference to = {0};
    *type = NULL;
    if (text)
        fhir_reference_parse_local(r->defs, r->base, str_of(text), &to);
    if (!text || to.form != FHIR_REF_RELATIVE)
        return STR("");
    *type = to.type;
    return str_of(arena_printf(r->a, "%s/%.*s", to.type->name, STR_FMT(to.id)));
}

/* False: an end of it is no date. */
static bool read_period(const struct consent__reader *r, const json *period, int64_t *from, int64_t *to)
{
    const char *start = json_get_string(period, "start"), *end = json_get_string(period, "end");
    struct fhir_datetime d;
    int64_t ignored;
    *from = INT64_MIN / 4;
    *to = INT64_MAX / 4;
    if (start) {
        if (!fhir_datetime_parse(str_of(start), &d))
            return false;
        fhir_datetime_range(&d, r->tenant->zone, from, &ignored);
    }
    if (end) {
        if (!fhir_datetime_parse(str_of(end), &d))
            return false;
        fhir_datetime_range(&d, r->tenant->zone, &ignored, to);
    }
    return true;
}

/* Roles of those who hold, have written or are spoken of in the data (v3-ParticipationType). */
static bool is_of_data(const json *role)
{
    static const char *const codes[] = {"CST", "AUT", "INF", "ENT", "AUTHEN", "LA", "SBJ", "RCT", "ORG"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (has_coding(role, ROLE, codes[i]))
            return true;
    return false;
}

static void read_actors(struct consent__reader *r, const json *provision, const char *path,
                        struct consent__rule *rule)
{
    json_each (actor, json_get(provision, "actor")) {
        struct consent__actor *a = ARENA_PUSH(r->a, rule->actors, rule->n_actors, rule->cap_actors);
        *a = (struct consent__actor){.caller = !is_of_data(json_get(actor, "role"))};
        a->who = consent__local(r, json_get(actor, "reference"), &a->type);
        if (!a->who.len)
            doubt(r, CONSENT_ACTOR, path, "actor");
        else if (!a->caller)
            doubt(r, CONSENT_ROLE, path, "actor");
    }
}

static void read_actions(struct consent__reader *r, const json *provision, const char *path,
                         struct consent__rule *rule)
{
    static const struct {
        const char *code;
        bool reads;
    } known[] = {{"access", true}, {"use", true}, {"disclose", true}, {"collect", false}, {"correct", false}};
    json_each (action, json_get(provision, "action")) {
        bool found = false;
        rule->has_actions = true;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (has_coding(action, ACTION, known[i].code)) {
                found = true;
                rule->writes = YES; /* who may not see it may not change it either */
                rule->reads = known[i].reads ? YES : rule->reads;
            }
        if (found)
            continue;
        rule->reads = rule->reads == YES ? YES : MAYBE;
        rule->writes = rule->writes == YES ? YES : MAYBE;
        doubt(r, CONSENT_ACTION, path, "action");
    }
}

/* False: it has no code. */
static bool read_coding(struct consent__reader *r, const json *coding, struct consent__code *out)
{
    const char *system = json_get_string(coding, "system"), *code = json_get_string(coding, "code");
    if (!code)
        return false;
    *out = (struct consent__code){system ? arena_strdup(r->a, system) : NULL, arena_strdup(r->a, code)};
    return true;
}

static void read_labels(struct consent__reader *r, const json *provision, const char *path,
                        struct consent__rule *rule)
{
    struct consent__code c;
    json_each (label, json_get(provision, "securityLabel"))
        if (read_coding(r, label, &c)) {
            *ARENA_PUSH(r->a, rule->labels, rule->n_labels, rule->cap_labels) = c;
        } else {
            rule->odd_label = true;
            doubt(r, CONSENT_LABEL, path, "securityLabel");
        }
}

static void read_purposes(struct consent__reader *r, const json *provision, const char *path,
                          struct consent__rule *rule)
{
    struct consent__code c;
    json_each (purpose, json_get(provision, "purpose"))
        if (read_coding(r, purpose, &c) && (!c.system || strcmp(c.system, REASON) == 0)) {
            *ARENA_PUSH(r->a, rule->purposes, rule->n_purposes, rule->cap_purposes) = c;
        } else {
            rule->odd_purpose = true;
            doubt(r, CONSENT_PURPOSE, path, "purpose");
        }
}

static void read_classes(struct consent__reader *r, const json *provision, const char *path,
                         struct consent__rule *rule)
{
    struct consent__code c;
    json_each (class, json_get(provision, "class")) {
        bool coded = read_coding(r, class, &c) && (!c.system || strcmp(c.system, TYPES) == 0);
        const struct fhir_type *type = coded ? fhir_resource(r->defs, str_of(c.code)) : NULL;
        if (type) {
            *ARENA_PUSH(r->a, rule->classes, rule->n_classes, rule->cap_classes) = type;
        } else {
            rule->odd_class = true;
            doubt(r, CONSENT_CLASS, path, "class");
        }
    }
}

static void read_codes(struct consent__reader *r, const json *provision, const char *path,
                       struct consent__rule *rule)
{
    struct consent__code c;
    json_each (concept, json_get(provision, "code")) {
        bool any = false;
        json_each (coding, json_get(concept, "coding"))
            if (read_coding(r, coding, &c)) {
                any = true;
                *ARENA_PUSH(r->a, rule->codes, rule->n_codes, rule->cap_codes) = c;
            }
        if (!any) {
            rule->odd_code = true;
            doubt(r, CONSENT_CODE, path, "code");
        }
    }
}

static void read_data(struct consent__reader *r, const json *provision, const char *path,
                      struct consent__rule *rule)
{
    json_each (data, json_get(provision, "data")) {
        const char *meaning = json_get_string(data, "meaning");
        const struct fhir_type *type;
        struct str who = consent__local(r, json_get(data, "reference"), &type);
        if (type) {
            size_t name = strlen(type->name) + 1;
            *ARENA_PUSH(r->a, rule->data, rule->n_data, rule->cap_data) =
                (struct consent__data){type, {who.s + name, who.len - name}};
        }
        if (!type || !meaning || strcmp(meaning, "instance") != 0) {
            rule->odd_data = true;
            doubt(r, CONSENT_DATA, path, "data");
        }
    }
}

static enum consent__type type_of(const json *provision)
{
    const char *type = json_get_string(provision, "type");
    return !type                         ? CONSENT__NOTHING
           : strcmp(type, "deny") == 0   ? CONSENT__DENY
           : strcmp(type, "permit") == 0 ? CONSENT__PERMIT
                                         : CONSENT__NOTHING;
}

static struct consent__rule *read_rule(struct consent__reader *r, const json *provision, const char *path)
{
    struct consent__rule *rule = ARENA_NEW(r->a, struct consent__rule);
    const struct consent__rule **last = &rule->child;
    const json *data_period = json_get(provision, "dataPeriod");
    rule->type = type_of(provision);
    if (!read_period(r, json_get(provision, "period"), &rule->from, &rule->to)) {
        rule->unsure = true;
        doubt(r, CONSENT_PERIOD, path, "period");
    }
    rule->has_data_period = data_period;
    if (!read_period(r, data_period, &rule->data_from, &rule->data_to)) {
        rule->unsure = true;
        doubt(r, CONSENT_PERIOD, path, "dataPeriod");
    }
    if (json_get(provision, "modifierExtension")) {
        rule->unsure = true;
        doubt(r, CONSENT_MODIFIED, path, "modifierExtension");
    }
    read_actors(r, provision, path, rule);
    read_actions(r, provision, path, rule);
    read_labels(r, provision, path, rule);
    read_purposes(r, provision, path, rule);
    read_classes(r, provision, path, rule);
    read_codes(r, provision, path, rule);
    read_data(r, provision, path, rule);
    json_each (nested, json_get(provision, "provision")) {
        const char *below = arena_printf(r->a, "%s.provision", path);
        struct consent__rule *child = read_rule(r, nested, below);
        if (child->type == CONSENT__NOTHING) { /* required in all nested rules */
            child->type = CONSENT__DENY;
            doubt(r, CONSENT_UNTYPED, below, "type");
        }
        *last = child;
        last = &child->next;
    }
    return rule;
}

static bool has_criteria(const struct consent__rule *rule)
{
    return rule->n_actors || rule->has_actions || rule->n_labels || rule->n_purposes || rule->n_codes ||
           rule->n_classes || rule->n_data || rule->odd_label || rule->odd_purpose || rule->odd_class ||
           rule->odd_code || rule->odd_data || rule->has_data_period || rule->unsure;
}

/* OPTIN, OPTINR; OPTOUT, OPTOUTE. */
static enum consent__type base_of(const json *resource)
{
    static const struct {
        const char *code;
        enum consent__type type;
    } known[] = {{"OPTOUT", CONSENT__DENY},
                 {"OPTOUTE", CONSENT__DENY},
                 {"OPTIN", CONSENT__PERMIT},
                 {"OPTINR", CONSENT__PERMIT}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (has_coding(json_get(resource, "policyRule"), ACT, known[i].code))
            return known[i].type;
    return CONSENT__NOTHING;
}

/*
 * The root rule is to have no type and to say where the base policy has exceptions; many give it one all the same, and
 * say by it what the Consent says. Without a type its criteria are read as the exception that a permission has; what a
 * refusal would except is not believed.
 */
static void settle_root(struct consent__reader *r, struct consent__consent *c, struct consent__rule *root)
{
    if (root->type != CONSENT__NOTHING)
        return;
    if (c->base == CONSENT__NOTHING) {
        root->type = CONSENT__DENY;
        doubt(r, CONSENT_NO_BASE, "Consent", "policyRule");
    } else if (!has_criteria(root)) {
        root->type = c->base;
    } else {
        doubt(r, CONSENT_UNTYPED_ROOT, "Consent.provision", "type");
        root->type = CONSENT__DENY;
        if (c->base == CONSENT__DENY)
            *root = (struct consent__rule){
                .type = CONSENT__DENY, .from = root->from, .to = root->to, .child = root->child};
        c->base = CONSENT__NOTHING;
    }
}

bool consent__read(struct consent__reader *r, const json *resource, struct consent__consent *out)
{
    const char *status = json_get_string(resource, "status"), *at = json_get_string(resource, "dateTime");
    const json *provision = json_get(resource, "provision");
    const struct fhir_type *type;
    struct fhir_datetime d;
    int64_t end;
    if (!status || strcmp(status, "active") != 0 ||
        !has_coding(json_get(resource, "scope"), SCOPE, "patient-privacy"))
        return false;
    *out = (struct consent__consent){.at_us = INT64_MIN, .base = base_of(resource)};
    struct str who = consent__local(r, json_get(resource, "patient"), &type);
    if (!type || strcmp(type->name, "Patient") != 0) {
        doubt(r, CONSENT_NO_PATIENT, "Consent", "patient");
        return false;
    }
    out->patient = search_hash_id(r->tenant, type, (struct str){who.s + 8, who.len - 8});
    if (at && fhir_datetime_parse(str_of(at), &d))
        fhir_datetime_range(&d, r->tenant->zone, &out->at_us, &end);
    if (!provision && out->base == CONSENT__NOTHING) {
        doubt(r, CONSENT_NO_RULE, "Consent", "provision");
        return false;
    }
    struct consent__rule *root = read_rule(r, provision, "Consent.provision");
    if (json_get(resource, "modifierExtension")) {
        root->unsure = true;
        doubt(r, CONSENT_MODIFIED, "Consent", "modifierExtension");
    }
    settle_root(r, out, root);
    out->root = root;
    return true;
}

void consent_check(const struct fhir_defs *d, const struct search_tenant *t, struct arena *a, struct str base,
                   const json *resource, struct consent_finding **list, size_t *n)
{
    struct consent__reader r = {.defs = d, .tenant = t, .a = a, .base = base};
    struct consent__consent c;
    (void)consent__read(&r, resource, &c);
    *list = r.found;
    *n = r.n_found;
}
