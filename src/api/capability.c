/* The CapabilityStatement (capabilitystatement.html), made from the tables of routes and operations and the definitions. */
#include "base/clock.h"
#include "internal.h"

static json *add_code(struct arena *a, json *list, const char *code)
{
    json *o = json_push(list, json_object(a));
    json_add_string(a, o, "code", code);
    return o;
}

/* Interactions of routes whose pattern starts with a type (or does not), each code once. */
static json *interactions(struct arena *a, bool of_type)
{
    static const char *const known_type[] = {
        "read",         "vread",  "update",      "patch", "delete", "history-instance",
        "history-type", "create", "search-type", NULL};
    static const char *const known_system[] = {"search-system", "history-system", NULL};
    const char *const *known = of_type ? known_type : known_system;
    size_t n;
    const struct api_route *routes = api__routes(&n);
    json *list = json_array(a);
    for (; *known; known++) {
        bool there = false;
        for (size_t i = 0; i < n; i++)
            there |= strcmp(routes[i].interaction->code, *known) == 0;
        if (there)
            add_code(a, list, *known);
    }
    if (!of_type)
        for (const char *const *code = (const char *const[]){"transaction", "batch", NULL}; *code; code++)
            add_code(a, list, *code);
    return list;
}

/* What is not in the definitions, and whether it can be asked for yet (docs/search.md). */
static void add_state(struct arena *a, json *o, const struct search_custom *custom)
{
    static const char url[] = "urn:kagari:search-parameter-state";
    json *extension = json_push(json_add(a, o, "extension", json_array(a)), json_object(a));
    json_add_string(a, extension, "url", url);
    json_add_string(a, extension, "valueCode", custom->ready ? "ready" : "building");
    if (!custom->ready)
        json_add_string(
            a, o, "documentation",
            custom->job ? arena_printf(a,
                                       "Its index is still being built; GET _job/%s tells how far it "
                                       "is. Until then searches leave it out, and say so.",
                                       custom->job)
                        : "Its index is still being built. Until then searches leave it out, and say so.");
}

/* kept: the words that this server keeps, ready: those that all that is stored has. */
static json *search_params(struct arena *a, const struct search_registry *r, const struct fhir_type *type,
                           enum search_text kept, enum search_text ready)
{
    json *list = json_array(a);
    for (int i = 0; i < search_offers(r, type); i++) {
        struct search_offer offer = search_offer(r, type, i);
        if ((!offer.searchable && !offer.custom) || offer.text > kept)
            continue;
        json *o = json_push(list, json_object(a));
        if (offer.custom)
            add_state(a, o, offer.custom);
        json_add_string(a, o, "name", offer.def->code);
        json_add_string(a, o, "definition", offer.def->url);
        json_add_string(a, o, "type", fhir_search_type_name(offer.def->type));
        if (offer.text > ready)
            json_add_string(
                a, o, "documentation",
                "What was stored before this server kept words is not indexed for it. Until it is "
                "(POST [base]/$reindex), searches leave it out, and say so.");
    }
    return list;
}

static void add_include(struct arena *a, json *list, const struct search_registry *r,
                        const struct fhir_type *source, int i, const struct fhir_type *target)
{
    struct search_offer offer = search_offer(r, source, i);
    bool fits = !target;
    if (offer.def->type != FHIR_SEARCH_REFERENCE || !offer.searchable)
        return;
    for (int j = 0; target && j < offer.def->n_targets; j++)
        fits |= offer.def->targets[j] == target;
    if (fits)
        json_push(list, json_string(a, arena_printf(a, "%s:%s", source->name, offer.def->code)));
}

static void add_includes(struct arena *a, json *resource, const struct search_registry *r,
                         const struct fhir_defs *d, const struct fhir_type *type)
{
    json *list = json_array(a);
    for (int i = 0; i < search_offers(r, type); i++)
        add_include(a, list, r, type, i, NULL);
    if (list->child)
        json_add(a, resource, "searchInclude", list);
    list = json_array(a);
    for (int t = 0; t < fhir_resource_count(d); t++)
        for (int i = 0; i < search_offers(r, fhir_resource_at(d, t)); i++)
            add_include(a, list, r, fhir_resource_at(d, t), i, type);
    if (list->child)
        json_add(a, resource, "searchRevInclude", list);
}

/* Those that may be called at one of the levels, on a type or on all of them. */
static void add_operations(struct arena *a, json *to, unsigned levels, const struct fhir_type *type)
{
    size_t n;
    const struct api_operation *operations = api__operations(&n);
    json *list = json_array(a);
    for (size_t i = 0; i < n; i++) {
        const struct api_operation *op = &operations[i];
        if (!(op->levels & levels) || (op->type && (!type || strcmp(op->type, type->name) != 0)))
            continue;
        json *o = json_push(list, json_object(a));
        json_add_string(a, o, "name", op->name);
        json_add_string(a, o, "definition", op->definition);
    }
    if (list->child)
        json_add(a, to, "operation", list);
}

static void add_resource(struct arena *a, json *list, const struct search_registry *r,
                         const struct fhir_defs *d, const struct fhir_type *type, const struct config *c,
                         enum search_text ready)
{
    json *o = json_push(list, json_object(a));
    json_add_string(a, o, "type", type->name);
    json_add_string(a, o, "profile", type->url);
    json_add(a, o, "interaction", interactions(a, true));
    json_add_string(a, o, "versioning", "versioned-update");
    json_add(a, o, "readHistory", json_bool(a, true));
    json_add(a, o, "updateCreate", json_bool(a, c->store_client_ids == 0));
    json_add(a, o, "conditionalCreate", json_bool(a, true));
    json_add_string(a, o, "conditionalRead", "full-support");
    json_add(a, o, "conditionalUpdate", json_bool(a, true));
    json_add_string(a, o, "conditionalDelete", c->store_conditional_delete ? "multiple" : "single");
    const char *policy[] = {"literal", "logical", "local", c->store_references == 2 ? "enforced" : NULL};
    json *policies = json_add(a, o, "referencePolicy", json_array(a));
    for (size_t i = 0; i < sizeof policy / sizeof policy[0] && policy[i]; i++)
        json_push(policies, json_string(a, policy[i]));
    add_includes(a, o, r, d, type);
    json_add(a, o, "searchParam", search_params(a, r, type, (enum search_text)c->search_text, ready));
    add_operations(a, o, LEVEL_TYPE | LEVEL_INSTANCE | LEVEL_VERSION, type);
}

static void add_compartments(struct arena *a, json *rest, const struct fhir_defs *d)
{
    const struct fhir_compartment *list;
    int n = fhir_compartments(d, &list);
    json *o = json_add(a, rest, "compartment", json_array(a));
    for (int i = 0; i < n; i++)
        json_push(o, json_string(a, arena_printf(a, "http://hl7.org/fhir/CompartmentDefinition/%s",
                                                 list[i].type->name)));
}

static json *statement(struct arena *a, const char *type)
{
    char now[32];
    clock_instant(clock_wall_us(), now);
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", type);
    json_add_string(a, o, "status", "active");
    json_add_string(a, o, "date", now);
    json_add_string(a, o, "kind", "instance");
    json *software = json_add(a, o, "software", json_object(a));
    json_add_string(a, software, "name", "Kagari");
    json_add_string(a, software, "version", KAGARI_VERSION);
    json_add_string(a, json_add(a, o, "implementation", json_object(a)), "description",
                    "Kagari FHIR R4 server");
    return o;
}

/* The parameters of the table that this server takes. */
static void add_expansion(struct arena *a, json *expansion, const struct api_operation *op)
{
    json_add(a, expansion, "hierarchical", json_bool(a, true));
    json_add(a, expansion, "paging", json_bool(a, true));
    json_add(a, expansion, "incomplete", json_bool(a, false));
    json *list = json_array(a);
    for (const struct api_parameter *p = op->parameters; p->name; p++)
        json_add_string(a, json_push(list, json_object(a)), "name", p->name);
    if (list->child)
        json_add(a, expansion, "parameter", list);
}

/* mode=terminology: what the operations of the table can do. */
static struct str make_terminology(struct arena *a)
{
    static const struct {
        const char *type, *operation, *part, *flag;
    } parts[] = {{"ValueSet", "expand", "expansion", NULL},
                 {"ValueSet", "validate-code", "validateCode", "translations"},
                 {"ConceptMap", "translate", "translation", "needsMap"},
                 {"ConceptMap", "closure", "closure", "translation"}};
    size_t n;
    const struct api_operation *operations = api__operations(&n);
    json *o = statement(a, "TerminologyCapabilities");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (size_t j = 0; j < n; j++) {
            if (strcmp(operations[j].name, parts[i].operation) != 0 ||
                (operations[j].type && strcmp(operations[j].type, parts[i].type) != 0))
                continue;
            json *part = json_add(a, o, parts[i].part, json_object(a));
            if (parts[i].flag)
                json_add(a, part, parts[i].flag, json_bool(a, false));
            else
                add_expansion(a, part, &operations[j]);
            break;
        }
    return json_text(a, o);
}

/* mode=normative: the resource types that are normative in R4. */
static bool is_normative(const char *type)
{
    static const char *const types[] = {"Binary",
                                        "Bundle",
                                        "CapabilityStatement",
                                        "CodeSystem",
                                        "Observation",
                                        "OperationDefinition",
                                        "OperationOutcome",
                                        "Parameters",
                                        "Patient",
                                        "StructureDefinition",
                                        "ValueSet"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

static struct str make(struct api *api, struct arena *a, const struct search_registry *r, enum api_mode mode,
                       enum search_text ready)
{
    const struct fhir_defs *d = api->deps.defs;
    const struct config *c = atomic_load(&api->config);
    if (mode == MODE_TERMINOLOGY)
        return make_terminology(a);
    json *o = statement(a, "CapabilityStatement");
    json_add_string(a, o, "fhirVersion", "4.0.1");
    json *formats = json_add(a, o, "format", json_array(a));
    static const char *const names[] = {"application/fhir+json", "application/fhir+xml", "json", "xml"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        json_push(formats, json_string(a, names[i]));
    json *patches = json_add(a, o, "patchFormat", json_array(a));
    json_push(patches, json_string(a, "application/json-patch+json"));
    json_push(patches, json_string(a, "application/fhir+json"));
    json_push(patches, json_string(a, "application/fhir+xml"));
    json *rest = json_push(json_add(a, o, "rest", json_array(a)), json_object(a));
    json_add_string(a, rest, "mode", "server");
    static const char old_index[] = " The search index has rows that an older version of this server made; "
                                    "searches may miss some resources "
                                    "until everything has been indexed anew (POST [base]/$reindex).";
    json_add_string(
        a, rest, "documentation",
        arena_printf(
            a,
            "With Prefer: respond-async, what only reads is answered 202 with the URL of "
            "its status, which tells the answer later. A body of NDJSON (application/fhir+ndjson) that is "
            "posted "
            "to the base is written line by line: creates, and updates of what has an id; it is not a "
            "transaction.%s",
            store_index_is_old(api->deps.store) ? old_index : ""));
    json *security = json_add(a, rest, "security", json_object(a));
    json_add(a, security, "cors", json_bool(a, c->http_cors_origins.n > 0));
    json_add_string(
        a, security, "description",
        arena_printf(
            a,
            "Every call but this one, /.well-known and /health needs a bearer token with SMART scopes, "
            "of version 1 or 2: system/, user/ and patient/, also restricted by a search.%s",
            consent_is_asked(api->deps.consent)
                ? " What active Consents of scope patient-privacy withhold is not there."
                : ""));
    json *resources = json_add(a, rest, "resource", json_array(a));
    for (int i = 0; i < fhir_resource_count(d); i++)
        if (mode == MODE_FULL || is_normative(fhir_resource_at(d, i)->name))
            add_resource(a, resources, r, d, fhir_resource_at(d, i), c, ready);
    json_add(a, rest, "interaction", interactions(a, false));
    add_operations(a, rest, LEVEL_SYSTEM, NULL);
    add_compartments(a, rest, d);
    return json_text(a, o);
}

static bool make_form(struct api *api, struct api_capability *c, enum api_mode mode, enum api_format format,
                      bool pretty, struct str *out, struct err *err)
{
    struct arena a;
    json *resource;
    arena_init(&a, 0);
    bool ok = json_parse(&a, c->forms[mode][0][0], INT16_MAX, &resource, err) &&
              api__form(api->deps.defs, &c->a, resource, format, pretty, out, err);
    arena_release(&a);
    return ok;
}

bool api__capability(struct api *api, const struct search_hold *search, enum api_mode mode,
                     enum api_format format, bool pretty, struct str *out, struct err *err)
{
    struct api_capability *c = &api->capability[search->seat];
    struct str *form = &c->forms[mode][format == FORMAT_XML][pretty];
    pthread_mutex_lock(&api->lock);
    enum search_text text = store_text(api->deps.store);
    bool old_index = store_index_is_old(api->deps.store);
    if (c->generation != search->generation || c->text != text || c->old_index != old_index) {
        arena_clear(&c->a);
        memset(c->forms, 0, sizeof c->forms);
        c->text = text;
        c->old_index = old_index;
        c->generation = search->generation;
    }
    if (!c->forms[mode][0][0].s)
        c->forms[mode][0][0] = make(api, &c->a, search->registry, mode, text);
    bool ok = form->s || make_form(api, c, mode, format, pretty, form, err);
    *out = *form;
    pthread_mutex_unlock(&api->lock);
    return ok;
}

static bool capabilities(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                         struct err *err)
{
    static const char *const modes[MODES] = {
        [MODE_FULL] = "full", [MODE_NORMATIVE] = "normative", [MODE_TERMINOLOGY] = "terminology"};
    struct str arg = api__arg(r, "mode");
    enum api_mode mode = MODE_FULL;
    (void)rows;
    while (arg.s && mode < MODES && !str_is(arg, modes[mode]))
        mode++;
    if (mode == MODES)
        return err_set(err, ERR_INVALID, "mode: full, normative or terminology was expected");
    bool whole = !r->in_bundle && !r->as_entry && !api__arg(r, "_summary").s && !api__arg(r, "_elements").s;
    *out = (struct api_response){.status = 200, .subset = true, .formed = whole};
    return api__capability(r->api, r->search, mode, whole ? r->format : FORMAT_JSON, whole && r->pretty,
                           &out->resource, err);
}

const struct api_interaction api__capabilities = {
    .code = "capabilities", .run = RUN_NOW, .access = ACCESS_OPEN, .reply = capabilities};
