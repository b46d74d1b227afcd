#include "identity/policy.h"

#include "base/embed.h"
#include "base/hash.h"
#include "internal.h"

struct identity_policy {
    struct identity__type *types; /* by fhir_type.index */
    const struct fhir_type *extension;
    uint64_t print;
};

struct table {
    struct arena *a;
    const struct fhir_defs *d;
    struct identity_policy *p;
    struct err *err;
    int line;
};

const struct identity__type *identity__type(const struct identity_policy *p, const struct fhir_type *type)
{
    return &p->types[type->index];
}

const struct fhir_type *identity__extension(const struct identity_policy *p)
{
    return p->extension;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static bool fail(struct table *t, const char *why, struct str what)
{
    err_set(t->err, ERR_INVALID, "identity policy, line %d: %s: '%.*s'", t->line, why,
            what.len > 64 ? 64 : (int)what.len, what.s);
    t->err->line = t->line;
    return false;
}

static struct str word(struct str *rest)
{
    struct str w = {0};
    while (rest->s && !w.len)
        w = str_trim(str_cut(*rest, ' ', rest));
    return w;
}

static struct identity__type *type_named(struct table *t, struct str name)
{
    const struct fhir_type *type = name.len ? fhir_type(t->d, arena_strndup(t->a, name.s, name.len)) : NULL;
    if (!type || type->abstract || type->kind == FHIR_PRIMITIVE || type->kind == FHIR_BACKBONE) {
        fail(t, "no resource type and no datatype", name);
        return NULL;
    }
    return &t->p->types[type->index];
}

static enum identity__what *elements_of(struct table *t, struct identity__type *x)
{
    if (!x->elements)
        x->elements = ARENA_ARRAY(t->a, enum identity__what, x->type->n_elements);
    return x->elements;
}

static bool read_elements(struct table *t, struct identity__type *x, enum identity__what what,
                          struct str name, struct str rest)
{
    for (; name.len; name = word(&rest)) {
        const struct fhir_element *e = fhir_element_by_name(x->type, arena_strndup(t->a, name.s, name.len));
        if (!e)
            return fail(t, "the type has no such element", name);
        if (what == SEAL_YEAR &&
            (e->n_types != 1 || e->types[0].type->primitive != FHIR_P_date || e->max != 1))
            return fail(t, "no single date", name);
        elements_of(t, x)[e->index] = what;
    }
    return true;
}

static bool read_line(struct table *t, struct str rest)
{
    static const struct {
        const char *name;
        enum identity__what what;
    } verbs[] = {{"seal", SEAL_ALL}, {"year", SEAL_YEAR}, {"persons", SEAL_PERSONS}};
    struct str verb = word(&rest);
    if (str_is(verb, "keep") || str_is(verb, "person")) {
        for (struct str name = word(&rest); name.len; name = word(&rest)) {
            struct identity__type *x = type_named(t, name);
            if (!x)
                return false;
            if (x->type->kind != FHIR_RESOURCE)
                return fail(t, "no resource type", name);
            *(str_is(verb, "keep") ? &x->keep : &x->person) = true;
        }
        return true;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!str_is(verb, verbs[i].name))
            continue;
        struct identity__type *x = type_named(t, word(&rest));
        struct str first = word(&rest);
        if (!x)
            return false;
        if (first.len)
            return read_elements(t, x, verbs[i].what, first, rest);
        if (verbs[i].what != SEAL_ALL || x->type->kind == FHIR_RESOURCE)
            return fail(t, "elements are missing", str_of(x->type->name));
        x->whole = true;
        return true;
    }
    return fail(t, "a line begins with keep, person, seal, year or persons", verb);
}

/* ---- what follows from it ------------------------------------------------------------------------------------ */

/* The elements that stand below sealed ones are sealed: their types are so whole, when they stand nowhere else. */
static void seal_backbones(struct identity_policy *p, const struct identity__type *x)
{
    for (int i = 0; i < x->type->n_elements; i++) {
        const struct fhir_element *e = &x->type->elements[i];
        bool sealed = x->whole || (x->elements && x->elements[i] == SEAL_ALL);
        for (int j = 0; sealed && j < e->n_types; j++) {
            struct identity__type *below = &p->types[e->types[j].type->index];
            if (below->type->kind == FHIR_BACKBONE && !below->whole) {
                below->whole = true;
                seal_backbones(p, below);
            }
        }
    }
}

static bool may_hold(const struct identity_policy *p, const struct fhir_element *e)
{
    for (int j = 0; j < e->n_types; j++) {
        const struct identity__type *below = &p->types[e->types[j].type->index];
        if (below->type != p->extension && (below->whole || below->holds || below->type->abstract))
            return true;
    }
    return false;
}

/* Types within whose values something can be sealed, but for their extensions; until nothing is added any more. */
static void find_holders(struct identity_policy *p, int n)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < n; i++) {
            struct identity__type *x = &p->types[i];
            bool holds = x->elements != NULL;
            for (int j = 0; !holds && j < x->type->n_elements; j++)
                holds = may_hold(p, &x->type->elements[j]);
            more = more || holds != x->holds;
            x->holds = holds;
        }
    }
}

bool identity_policy_new(struct arena *a, const struct fhir_defs *d, struct str text,
                         const struct identity_policy **out, struct err *err)
{
    static const struct hash_key fixed = {0x706f6c6963790000, 1};
    struct identity_policy *p = ARENA_NEW(a, struct identity_policy);
    struct table t = {.a = a, .d = d, .p = p, .err = err};
    int n = fhir_type_count(d);
    if (!text.s)
        text = embed_get("conf/identity.txt");
    p->types = ARENA_ARRAY(a, struct identity__type, n);
    p->extension = fhir_type(d, "Extension");
    for (int i = 0; i < n; i++)
        p->types[i].type = fhir_type_at(d, i);
    for (struct str rest = text; rest.s;) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        t.line++;
        if (!line.len || line.s[0] == '#')
            continue;
        p->print = p->print * 31 + hash_bytes(&fixed, line.s, line.len);
        if (!read_line(&t, line))
            return false;
    }
    for (int i = 0; i < n; i++)
        if (p->types[i].type->kind != FHIR_BACKBONE)
            seal_backbones(p, &p->types[i]);
    find_holders(p, n);
    *out = p;
    return true;
}

uint64_t identity_policy_print(const struct identity_policy *p)
{
    return p->print | 1;
}

bool identity_policy_dates(const struct identity_policy *p, const struct fhir_type *type)
{
    const struct identity__type *x = &p->types[type->index];
    bool any = false;
    for (int i = 0; x->elements && i < type->n_elements; i++)
        any = any || x->elements[i] == SEAL_YEAR;
    return any;
}

bool identity_policy_keeps(const struct identity_policy *p, const struct fhir_type *type)
{
    return p->types[type->index].keep;
}

bool identity_policy_seals(const struct identity_policy *p, const struct fhir_element *e,
                           const struct fhir_type *actual)
{
    const struct identity__type *owner = e ? &p->types[e->owner->index] : NULL;
    if (owner && (owner->whole || (owner->elements && owner->elements[e->index])))
        return true;
    const struct identity__type *own = actual ? &p->types[actual->index] : NULL;
    if (own && own->type->kind != FHIR_RESOURCE && strcmp(actual->name, "Reference") != 0)
        return own->whole || own->elements;
    return !own;
}
