/*
 * Conformance resources of a FHIR package → records. What the server does not need is left out: prose,
 * mappings, and what a snapshot repeats of its base.
 *
 * Oddities of the published R4 definitions that are put right here:
 *   - element ids and primitives' values have types of FHIRPath's System namespace, with the FHIR type in an
 *     extension, which is missing at xhtml.id, and says string at Resource.id, which is an id;
 *   - a SimpleQuantity is a Quantity under a profile; the profile's invariants are put on the elements that
 * name it;
 *   - some SearchParameters are examples, or have neither base nor expression; one calls hasExtension(), which
 *     FHIRPath does not have; one names its two components' definitions crosswise.
 */
#include <stdlib.h>

#include "internal.h"

#define CORE          "http://hl7.org/fhir/"
#define CROSSED       CORE "SearchParameter/DocumentReference-relationship"
#define SYSTEM_TYPE   "http://hl7.org/fhirpath/System."
#define FHIR_TYPE     CORE "StructureDefinition/structuredefinition-fhir-type"
#define BEST_PRACTICE CORE "StructureDefinition/elementdefinition-bestpractice"

/* Trimmed, on one line: tabs and line ends separate in the text form, and nothing of the definitions means
 * them. */
static const char *copy(struct fhir__records *r, const char *s)
{
    struct str trimmed = str_trim(str_of(s ? s : ""));
    char *out = arena_strndup(r->a, trimmed.s, trimmed.len);
    for (char *p = out; *p; p++)
        if (*p == '\t' || *p == '\n' || *p == '\r')
            *p = ' ';
    return out;
}

static const char *last_segment(const char *url)
{
    const char *slash = strrchr(url, '/');
    return slash ? slash + 1 : url;
}

static const json *extension(const json *node, const char *url)
{
    json_each (x, json_get(node, "extension")) {
        const char *u = json_get_string(x, "url");
        if (u && strcmp(u, url) == 0)
            return x;
    }
    return NULL;
}

static bool flag(const json *node, const char *name)
{
    return json_is_true(json_get(node, name));
}

static struct fhir__type *find_type(const struct fhir__records *r, struct str name)
{
    for (size_t i = 0; i < r->n_types; i++)
        if (str_is(name, r->types[i].name))
            return &r->types[i];
    return NULL;
}

/* ---- StructureDefinition ------------------------------------------------------------------------------ */

static const char *type_code(const json *type, const char *path)
{
    const char *code = json_get_string(type, "code");
    if (!code || strncmp(code, SYSTEM_TYPE, strlen(SYSTEM_TYPE)) != 0)
        return code;
    if (strcmp(path, "Resource.id") == 0)
        return "id";
    const json *x = extension(type, FHIR_TYPE);
    const char *fhir = json_get_string(x, "valueUrl");
    return fhir ? fhir : "string";
}

/* "Reference(Patient,Group)"; without parentheses when any type may be meant. */
static void add_type(struct buf *b, const json *type, const char *path)
{
    if (b->len)
        buf_addc(b, ' ');
    buf_adds(b, type_code(type, path));
    const json *targets = json_get(type, "targetProfile");
    json_each (t, targets)
        if (json_is_string(t) && strcmp(t->valuestring, CORE "StructureDefinition/Resource") == 0)
            return;
    json_each (t, targets) {
        buf_addc(b, t == targets->child ? '(' : ',');
        buf_adds(b, last_segment(json_is_string(t) ? t->valuestring : ""));
    }
    if (json_count(targets))
        buf_addc(b, ')');
}

static void add_invariants(struct fhir__records *r, struct fhir__invariants *list, const json *element)
{
    json_each (c, json_get(element, "constraint")) {
        const char *key = json_get_string(c, "key");
        const char *expression = json_get_string(c, "expression");
        const char *severity = json_get_string(c, "severity");
        const json *best = extension(c, BEST_PRACTICE);
        if (!key || !expression)
            continue;
        *ARENA_PUSH(r->a, list->items, list->n, list->cap) = (struct fhir__invariant){
            .key = copy(r, key),
            .expression = copy(r, expression),
            .human = copy(r, json_get_string(c, "human")),
            .warning = severity && strcmp(severity, "warning") == 0,
            .best_practice = flag(best, "valueBoolean"),
        };
    }
}

static uint32_t cardinality(const char *max)
{
    return strcmp(max, "*") == 0 ? FHIR_MANY : (uint32_t)strtoul(max, NULL, 10);
}

/* Declared by an ancestor, and not narrowed here. */
static bool inherited(const json *element, const char *path)
{
    const json *base = json_get(element, "base");
    const char *from = json_get_string(base, "path"), *max = json_get_string(element, "max");
    const char *base_max = json_get_string(base, "max");
    return from && max && base_max && strcmp(from, path) != 0 && strcmp(max, base_max) == 0;
}

static bool add_element(struct fhir__records *r, struct fhir__type *t, const json *e, const char *path,
                        struct err *err)
{
    const char *below = strchr(path, '.') + 1, *max = json_get_string(e, "max");
    const json *min = json_get(e, "min"), *types = json_get(e, "type"), *binding = json_get(e, "binding");
    const char *content = json_get_string(e, "contentReference");
    if (!max || !json_is_number(min) || !(min->valuedouble >= 0 && min->valuedouble < FHIR_MANY))
        return err_set(err, ERR_INVALID, "%s has no cardinality; a snapshot is needed", path);
    struct buf b;
    buf_init(&b, r->a, 64);
    if (content)
        buf_adds(&b, content);
    json_each (type, types) {
        if (!type_code(type, path))
            return err_set(err, ERR_INVALID, "a type of %s has no code", path);
        add_type(&b, type, path);
    }
    struct fhir__element *out = ARENA_PUSH(r->a, t->elements, t->n, t->cap);
    *out = (struct fhir__element){
        .path = copy(r, below),
        .min = (uint32_t)min->valuedouble,
        .max = cardinality(max),
        .summary = flag(e, "isSummary"),
        .modifier = flag(e, "isModifier"),
        .types = copy(r, b.s),
    };
    int strength = fhir__word(fhir__strength_words, json_get_string(binding, "strength"));
    const char *valueset = json_get_string(binding, "valueSet");
    if (strength > FHIR_BIND_NONE && valueset) {
        out->strength = (enum fhir_strength)strength;
        out->valueset = copy(r, valueset);
    }
    json_each (type, types)
        json_each (profile, json_get(type, "profile"))
            out->profile = copy(r, profile->valuestring);
    add_invariants(r, &out->invariants, e);
    return true;
}

static bool add_structure(struct fhir__records *r, const json *sd, struct err *err)
{
    const char *name = json_get_string(sd, "type"), *url = json_get_string(sd, "url");
    const char *base = json_get_string(sd, "baseDefinition"), *derivation = json_get_string(sd, "derivation");
    bool constraint = derivation && strcmp(derivation, "constraint") == 0;
    int kind = fhir__word(fhir__kind_words, json_get_string(sd, "kind"));
    const json *elements = json_get(json_get(sd, "snapshot"), "element");
    if (kind < 0) /* a logical model */
        return true;
    if (!name || !url)
        return err_set(err, ERR_INVALID, "a StructureDefinition has no type or no url");
    if (find_type(r, str_of(name)) && !constraint)
        return true;
    struct fhir__type t = {
        .name = copy(r, name),
        .url = copy(r, url),
        .base = base ? copy(r, last_segment(base)) : NULL,
        .kind = (enum fhir_kind)kind,
        .abstract = flag(sd, "abstract"),
    };
    add_invariants(r, &t.invariants, json_at(elements, 0));
    if (constraint) {
        if (kind == FHIR_COMPLEX && strcmp(name, "Extension") != 0)
            *ARENA_PUSH(r->a, r->profiles, r->n_profiles, r->cap_profiles) = t;
        return true;
    }
    json_each (e, elements) {
        const char *path = json_get_string(e, "path");
        if (!path)
            return err_set(err, ERR_INVALID, "an element of %s has no path", name);
        if (!strchr(path, '.') || inherited(e, path) ||
            (kind == FHIR_PRIMITIVE && str_ends(str_of(path), STR(".value"))))
            continue;
        if (!add_element(r, &t, e, path, err))
            return false;
    }
    *ARENA_PUSH(r->a, r->types, r->n_types, r->cap_types) = t;
    return true;
}

/* ---- SearchParameter ----------------------------------------------------------------------------------- */

/* The type's name that a union branch begins with: "Patient" in "(Patient.deceased as dateTime)". */
static struct str leading_name(struct str branch)
{
    while (branch.len && *branch.s == '(')
        branch = (struct str){branch.s + 1, branch.len - 1};
    size_t n = 0;
    while (n < branch.len && ((branch.s[n] | 32) >= 'a' && (branch.s[n] | 32) <= 'z'))
        n++;
    return (struct str){branch.s, n};
}

/* Adds the next branch of a union at the expression's top level; false at the end. */
static bool next_branch(struct str *rest, struct str *branch)
{
    if (!rest->s)
        return false;
    int depth = 0;
    char quote = '\0';
    size_t i = 0;
    for (; i < rest->len; i++) {
        char c = rest->s[i];
        if (quote) {
            i += c == '\\';
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '`' || c == '"') {
            quote = c;
        } else if (c == '(' || c == '[') {
            depth++;
        } else if (c == ')' || c == ']') {
            depth--;
        } else if (c == '|' && depth == 0) {
            break;
        }
    }
    *branch = str_trim((struct str){rest->s, i < rest->len ? i : rest->len});
    *rest = i < rest->len ? (struct str){rest->s + i + 1, rest->len - i - 1} : (struct str){NULL, 0};
    return true;
}

/* Those that begin with its name, or with no type's name at all. */
const char *fhir_search_expression(struct arena *a, const char *expression, const char *base)
{
    struct buf b;
    buf_init(&b, a, 64);
    struct str rest = str_of(expression), branch;
    while (next_branch(&rest, &branch)) {
        struct str name = leading_name(branch);
        bool any = name.len == 0 || (*name.s >= 'a' && *name.s <= 'z');
        if (any || str_is(name, base)) {
            buf_adds(&b, b.len ? " | " : "");
            buf_addstr(&b, branch);
        }
    }
    return b.len ? b.s : NULL;
}

/* hasExtension('…') → extension('…').exists() */
static const char *corrected(struct fhir__records *r, const char *expression)
{
    static const char wrong[] = "hasExtension(";
    const char *at = expression ? strstr(expression, wrong) : NULL, *end = at ? strchr(at, ')') : NULL;
    if (!end)
        return expression;
    const char *argument = at + sizeof wrong - 1;
    return arena_printf(r->a, "%.*sextension(%.*s).exists()%s", (int)(at - expression), expression,
                        (int)(end - argument), argument, end + 1);
}

bool fhir_search_type_named(const char *name, enum fhir_search_type *out)
{
    int type = fhir__word(fhir__search_words, name);
    *out = (enum fhir_search_type)type;
    return type >= 0;
}

static void add_param(struct fhir__records *r, const json *sp)
{
    const char *id = json_get_string(sp, "id"), *code = json_get_string(sp, "code"),
               *url = json_get_string(sp, "url");
    const char *expression = corrected(r, json_get_string(sp, "expression"));
    int type = fhir__word(fhir__search_words, json_get_string(sp, "type"));
    if (!code || !url || type < 0 || (id && (strcmp(id, "example") == 0 || strncmp(id, "example-", 8) == 0)))
        return;
    struct buf targets;
    buf_init(&targets, r->a, 32);
    json_each (t, json_get(sp, "target")) {
        buf_adds(&targets, targets.len ? " " : "");
        buf_adds(&targets, json_is_string(t) ? t->valuestring : "");
    }
    json_each (base, json_get(sp, "base")) {
        /* Those of all resources may be evaluated otherwise (_text, _content, _filter, _query). */
        const char *part = expression && json_is_string(base)
                               ? fhir_search_expression(r->a, copy(r, expression), base->valuestring)
                               : NULL;
        if (!json_is_string(base) || (!part && *code != '_'))
            continue;
        struct fhir__param p = {
            .base = copy(r, base->valuestring),
            .code = copy(r, code),
            .url = copy(r, url),
            .expression = part,
            .type = (enum fhir_search_type)type,
            .targets = strcmp(targets.s, "Resource") == 0 ? "" : copy(r, targets.s),
        };
        json_each (c, json_get(sp, "component"))
            *ARENA_PUSH(r->a, p.components, p.n, p.cap) =
                (struct fhir_search_component){.definition = copy(r, json_get_string(c, "definition")),
                                               .expression = copy(r, json_get_string(c, "expression"))};
        if (strcmp(url, CROSSED) == 0 && p.n == 2) {
            const char *definition = p.components[0].definition;
            p.components[0].definition = p.components[1].definition;
            p.components[1].definition = definition;
        }
        *ARENA_PUSH(r->a, r->params, r->n_params, r->cap_params) = p;
    }
}

/* ---- CompartmentDefinition ----------------------------------------------------------------------------- */

static void add_compartment(struct fhir__records *r, const json *cd)
{
    const char *type = json_get_string(cd, "code"), *id = json_get_string(cd, "id");
    if (!type || (id && strcmp(id, "example") == 0))
        return;
    struct fhir__compartment c = {.type = copy(r, type)};
    json_each (resource, json_get(cd, "resource")) {
        struct buf params;
        buf_init(&params, r->a, 32);
        /* "{def}" stands for the resource itself. */
        json_each (p, json_get(resource, "param"))
            if (json_is_string(p) && *p->valuestring != '{') {
                buf_adds(&params, params.len ? " " : "");
                buf_adds(&params, p->valuestring);
            }
        if (params.len)
            *ARENA_PUSH(r->a, c.members, c.n, c.cap) =
                (struct fhir__member){copy(r, json_get_string(resource, "code")), params.s};
    }
    *ARENA_PUSH(r->a, r->compartments, r->n_compartments, r->cap_compartments) = c;
}

bool fhir__conformance_add(struct fhir__records *r, const json *resource, struct err *err)
{
    const char *type = json_get_string(resource, "resourceType");
    if (!type)
        return true;
    if (strcmp(type, "StructureDefinition") == 0)
        return add_structure(r, resource, err);
    else if (strcmp(type, "SearchParameter") == 0)
        add_param(r, resource);
    else if (strcmp(type, "CompartmentDefinition") == 0)
        add_compartment(r, resource);
    return true;
}

/* ---- leaving out, sorting ------------------------------------------------------------------------------ */

static bool has_key(const struct fhir__invariants *list, const char *key)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].key, key) == 0)
            return true;
    return false;
}

/* Does the type of that name, or one it comes from, carry the invariant? */
static bool type_carries(const struct fhir__records *r, const char *name, const char *key)
{
    for (int level = 0; name && level < FHIR__DEPTH_MAX; level++) {
        const struct fhir__type *t = find_type(r, str_of(name));
        if (t && has_key(&t->invariants, key))
            return true;
        name = t ? t->base : NULL;
    }
    return false;
}

/* Do all types that an element may have carry it? What is referred to is a backbone. */
static bool types_carry(const struct fhir__records *r, const char *types, const char *key)
{
    struct str rest = str_of(types);
    while (rest.s && rest.len) {
        struct str one = str_cut(str_cut(rest, ' ', &rest), '(', &(struct str){0});
        const char *name = one.len && *one.s == '#' ? "BackboneElement" : arena_strndup(r->a, one.s, one.len);
        if (!type_carries(r, name, key))
            return false;
    }
    return true;
}

static void drop(struct fhir__invariants *list, size_t i)
{
    memmove(&list->items[i], &list->items[i + 1], sizeof *list->items * (list->n - i - 1));
    list->n--;
}

static void finish_element(struct fhir__records *r, struct fhir__element *e)
{
    for (size_t i = 0; e->profile && i < r->n_profiles; i++) {
        const struct fhir__type *p = &r->profiles[i];
        for (size_t k = 0; strcmp(p->url, e->profile) == 0 && k < p->invariants.n; k++)
            if (!has_key(&e->invariants, p->invariants.items[k].key))
                *ARENA_PUSH(r->a, e->invariants.items, e->invariants.n, e->invariants.cap) =
                    p->invariants.items[k];
    }
    for (size_t i = e->invariants.n; i-- > 0;)
        if (types_carry(r, e->types, e->invariants.items[i].key))
            drop(&e->invariants, i);
}

static int by_type(const void *a, const void *b)
{
    return strcmp(((const struct fhir__type *)a)->name, ((const struct fhir__type *)b)->name);
}

static int by_base_and_code(const void *a, const void *b)
{
    const struct fhir__param *x = a, *y = b;
    int order = strcmp(x->base, y->base);
    return order ? order : strcmp(x->code, y->code);
}

static int by_compartment(const void *a, const void *b)
{
    return strcmp(((const struct fhir__compartment *)a)->type, ((const struct fhir__compartment *)b)->type);
}

bool fhir__required(const struct fhir__records *r, const char *url)
{
    size_t len = strlen(url);
    for (size_t i = 0; i < r->n_types; i++)
        for (size_t k = 0; k < r->types[i].n; k++) {
            const struct fhir__element *e = &r->types[i].elements[k];
            if (e->strength == FHIR_BIND_REQUIRED && strncmp(e->valueset, url, len) == 0 &&
                (e->valueset[len] == '\0' || e->valueset[len] == '|'))
                return true;
        }
    return false;
}

static void sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n)
        qsort(items, n, size, compare);
}

void fhir__conformance_finish(struct fhir__records *r)
{
    sort(r->types, r->n_types, sizeof *r->types, by_type);
    sort(r->params, r->n_params, sizeof *r->params, by_base_and_code);
    sort(r->compartments, r->n_compartments, sizeof *r->compartments, by_compartment);
    for (size_t i = 0; i < r->n_types; i++)
        for (size_t k = 0; k < r->types[i].n; k++)
            finish_element(r, &r->types[i].elements[k]);
    for (size_t i = 0; i < r->n_types; i++) {
        struct fhir__type *t = &r->types[i];
        for (size_t k = t->invariants.n; t->base && k-- > 0;)
            if (type_carries(r, t->base, t->invariants.items[k].key))
                drop(&t->invariants, k);
    }
}
