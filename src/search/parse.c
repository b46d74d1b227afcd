/*
 * URL parameters → criteria. A name is code[:modifier], or a chain code[:Type].rest, or _has:Type:code:rest; a value
 * is alternatives between commas.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "fhir/primitive.h"
#include "internal.h"

static search__parse_fn *const kinds[] = {
    [FHIR_SEARCH_NUMBER] = search__parse_number,
    [FHIR_SEARCH_DATE] = search__parse_date,
    [FHIR_SEARCH_STRING] = search__parse_string,
    [FHIR_SEARCH_TOKEN] = search__parse_token,
    [FHIR_SEARCH_REFERENCE] = search__parse_reference,
    [FHIR_SEARCH_QUANTITY] = search__parse_quantity,
    [FHIR_SEARCH_URI] = search__parse_uri,
    [FHIR_SEARCH_COMPOSITE] = search__parse_composite,
    [FHIR_SEARCH_SPECIAL] = search__parse_near,
};

struct search_criterion *search__refuse(struct search__parse *p, const struct search__arg *arg,
                                        const char *fmt, ...)
{
    char why[480];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    err_set(p->err, ERR_INVALID, "search parameter %.*s: %s", STR_FMT(arg->name), why);
    return NULL;
}

/* ---- building criteria ------------------------------------------------------------------------------- */

struct search_criterion *search__criterion(struct arena *a, enum search__kind kind,
                                           const struct search_param *param)
{
    struct search_criterion *c = ARENA_NEW(a, struct search_criterion);
    c->kind = kind;
    c->param = param;
    return c;
}

void search__criterion_key(struct arena *a, struct search_criterion *c, int64_t key, int64_t lane)
{
    *ARENA_PUSH(a, c->keys, c->n_keys, c->cap_keys) = (struct search__key){key, lane};
}

void search__add_child(struct search_criterion *parent, struct search_criterion *child)
{
    struct search_criterion **end = &parent->child;
    while (*end)
        end = &(*end)->next;
    *end = child;
}

static struct search_criterion *find_kind(struct search_criterion *list, enum search__kind kind)
{
    while (list && list->kind != kind)
        list = list->next;
    return list;
}

void search__add_alternative(struct arena *a, struct search_criterion *either, struct search_criterion *c)
{
    if (c->kind == CRIT_NONE)
        return;
    struct search_criterion *same = c->kind == CRIT_KEYS ? find_kind(either->child, CRIT_KEYS) : NULL;
    if (!same) {
        search__add_child(either, c);
        return;
    }
    if (c->lane != same->lane)
        same->lane = LANE_NONE;
    same->lane_exact = same->lane_exact && c->lane_exact;
    for (size_t i = 0; i < c->n_keys; i++)
        search__criterion_key(a, same, c->keys[i].key, c->keys[i].lane);
}

struct search_criterion *search__settle(struct search_criterion *either)
{
    if (!either->child)
        either->kind = CRIT_NONE;
    return either->child && !either->child->next ? either->child : either;
}

static struct search_criterion *negate(struct arena *a, struct search_criterion *c)
{
    struct search_criterion *not = search__criterion(a, CRIT_NOT, NULL);
    not ->child = c;
    return not ;
}

/* ---- one parameter ----------------------------------------------------------------------------------- */

static int parts_of(const struct search__arg *arg)
{
    return arg->slot->n_parts ? arg->slot->n_parts : 1;
}

/* The argument as the i-th part of a union takes it. */
static struct search__arg part_of(const struct search__arg *arg, int i)
{
    struct search__arg part = *arg;
    if (arg->slot->n_parts) {
        part.slot = arg->slot->parts[i];
        part.param = part.slot->param;
        part.lane = part.slot->lane;
    }
    return part;
}

/* The parameter has a value: any part of a union, all components of a composite on the resource itself. */
static struct search_criterion *present(struct search__parse *p, const struct search__arg *arg)
{
    struct search_criterion *any = search__criterion(p->a, CRIT_OR, NULL);
    for (int i = 0; i < parts_of(arg); i++) {
        struct search__arg part = part_of(arg, i);
        struct search_criterion *all = search__criterion(p->a, CRIT_AND, NULL);
        int n = part.param->whole ? part.param->n_components : 1;
        for (int j = 0; j < n; j++) {
            const struct search_param *param =
                part.param->whole ? search__component(p, &part, j)->param : part.param;
            struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, param);
            search__criterion_only_key(p->a, c, search__key(p->tenant, param, KEY_PRESENT, STR(""), STR("")));
            search__add_child(all, c);
        }
        search__add_alternative(p->a, any, n == 1 ? all->child : all);
    }
    return search__settle(any);
}

static struct search_criterion *parse_missing(struct search__parse *p, const struct search__arg *arg,
                                              struct str value)
{
    bool missing = str_is(value, "true");
    if (!missing && !str_is(value, "false"))
        return search__refuse(p, arg, ":missing is true or false");
    if (arg->param->special) /* every resource has these */
        return search__criterion(p->a, missing ? CRIT_NONE : CRIT_AND, NULL);
    return missing ? negate(p->a, present(p, arg)) : present(p, arg);
}

static struct search_criterion *parse_id(struct search__parse *p, const struct search__arg *arg,
                                         struct str value)
{
    if (arg->modifier.s && !str_is(arg->modifier, "not"))
        return search__refuse(p, arg, "it takes :not and :missing");
    struct search_criterion *c = search__criterion(p->a, CRIT_ID, arg->param);
    size_t cap = 0;
    for (struct str rest = value; rest.s;) {
        struct str id = search__cut(rest, ',', &rest);
        if (id.len && id.s[0] == '|') /* an id has no system */
            id = (struct str){id.s + 1, id.len - 1};
        if (fhir_id_valid(id)) /* others exist nowhere */
            *ARENA_PUSH(p->a, c->ids, c->n_ids, cap) = id;
    }
    if (!c->n_ids)
        c->kind = CRIT_NONE;
    return str_is(arg->modifier, "not") ? negate(p->a, c) : c;
}

/* Two conditional interactions with the same criterion shall meet at the same lock; a token by its code alone, since
 * the other may leave the system out. */
static void add_lock(struct search__parse *p, const struct search__arg *arg, struct str alternative)
{
    struct str code, system = search__cut(alternative, '|', &code);
    *ARENA_PUSH(p->a, p->q->locks, p->q->n_locks, p->q->cap_locks) =
        search__key(p->tenant, arg->param, KEY_LOCK, code.s && code.len ? code : system, STR(""));
}

/* Of a value; it has no chains in it. */
static void set_type(struct search_criterion *c, const struct fhir_type *type)
{
    c->type = type;
    for (struct search_criterion *child = c->child; child; child = child->next)
        set_type(child, type);
}

struct search_criterion *search__parse_alternative(struct search__parse *p, const struct search__arg *arg,
                                                   struct str value)
{
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    for (int i = 0; i < parts_of(arg); i++) {
        struct search__arg part = part_of(arg, i);
        struct search_criterion *c = kinds[part.param->def->type](p, &part, value);
        if (!c)
            return NULL;
        set_type(c, part.type);
        search__add_alternative(p->a, either, c);
    }
    either->type = arg->type;
    return search__settle(either);
}

/* By what is sealed, somebody would be found whom the caller is not to know; so he would by what stands in references. */
static bool is_hidden(const struct search__parse *p, const struct search__arg *arg)
{
    static const char *const within[] = {"identifier", "text", "code-text"};
    if (!p->options->pseudonyms)
        return false;
    if (search__text_of(arg->param))
        return true;
    for (int i = 0; i < parts_of(arg); i++) {
        struct search__arg part = part_of(arg, i);
        if (part.param->def->type != FHIR_SEARCH_REFERENCE && search__is_sealed(p->tenant, part.param))
            return true;
    }
    for (size_t i = 0; i < sizeof within / sizeof *within; i++)
        if (arg->param->def->type == FHIR_SEARCH_REFERENCE && str_is(arg->modifier, within[i]))
            return true;
    return false;
}

/* May its values be hashed by the blind key? */
static bool is_blind(const struct search__parse *p, const struct search__arg *arg)
{
    enum fhir_search_type type = arg->param->def->type;
    bool blind = search__text_of(arg->param) || type == FHIR_SEARCH_COMPOSITE ||
                 (type == FHIR_SEARCH_REFERENCE && str_is(arg->modifier, "identifier"));
    for (int i = 0; i < parts_of(arg) && !blind; i++)
        blind = search__is_sealed(p->tenant, part_of(arg, i).param);
    return blind;
}

/* While one blind key takes the place of another, what either has hashed is found. */
static struct search_criterion *parse_both(struct search__parse *p, const struct search__arg *arg,
                                           struct str value, search__parse_fn *parse)
{
    const struct search_tenant *t = p->tenant;
    struct search_criterion *c = parse(p, arg, value);
    if (!c || !t->other || !is_blind(p, arg))
        return c;
    p->tenant = t->other;
    struct search_criterion *d = parse(p, arg, value);
    p->tenant = t;
    if (!d)
        return NULL;
    if (c->kind == CRIT_TEXT) { /* rows have one score */
        c->words = str_of(arena_printf(p->a, "(%.*s) | (%.*s)", STR_FMT(c->words), STR_FMT(d->words)));
        return c;
    }
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    search__add_alternative(p->a, either, c);
    search__add_alternative(p->a, either, d);
    either->type = arg->type;
    return search__settle(either);
}

static struct search_criterion *parse_value(struct search__parse *p, const struct search__arg *arg,
                                            struct str value)
{
    if (is_hidden(p, arg)) {
        err_set(
            p->err, ERR_FORBIDDEN,
            "search parameter %s: the token is for records under pseudonyms, and this finds persons by who "
            "they are",
            arg->param->def->code);
        return NULL;
    }
    if (str_is(arg->modifier, "missing") && !search__text_of(arg->param))
        return parse_missing(p, arg, value);
    if (arg->param->special == SPECIAL_ID)
        return parse_id(p, arg, value);
    if (search__text_of(arg->param)) {
        add_lock(p, arg, value);
        struct search_criterion *c = parse_both(p, arg, value, search__parse_text);
        if (c)
            c->type = arg->type;
        return c;
    }
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    for (struct str rest = value; rest.s;) {
        struct str alternative = search__cut(rest, ',', &rest);
        if (!alternative.len)
            return search__refuse(p, arg,
                                  "a value is missing beside a comma; a comma in a value is written \\,");
        struct search_criterion *c = parse_both(p, arg, alternative, search__parse_alternative);
        if (!c)
            return NULL;
        search__add_alternative(p->a, either, c);
        add_lock(p, arg, alternative);
    }
    either->type = arg->type;
    bool not = (str_is(arg->modifier, "not") || str_is(arg->modifier, "not-in")) &&
               arg->param->def->type == FHIR_SEARCH_TOKEN;
    return not ? negate(p->a, search__settle(either)) : search__settle(either);
}

enum search_text search__text_of(const struct search_param *param)
{
    return param->special == SPECIAL_TEXT      ? SEARCH_TEXT_NARRATIVE
           : param->special == SPECIAL_CONTENT ? SEARCH_TEXT_CONTENT
                                               : SEARCH_TEXT_NONE;
}

bool search__is_searchable(const struct search_param *param)
{
    return (param->special || (param->expr && kinds[param->def->type])) &&
           (!param->custom || param->custom->ready);
}

const struct search__slot *search__named(struct search__parse *p, const struct fhir_type *type,
                                         struct str code)
{
    const struct search__slot *slot = search__slot(p->registry, type, code);
    if (!slot || search__text_of(slot->param) > p->tenant->text)
        return NULL;
    bool ready =
        slot->param->custom ? slot->param->custom->ready : search__text_of(slot->param) <= p->options->text;
    p->building = p->building || !ready;
    return ready ? slot : NULL;
}

static struct search_criterion *on_type(struct search__parse *p, const struct fhir_type *type,
                                        struct str name, struct str value, struct str whole, bool *known);

void search__add_target(struct search__parse *p, struct search_criterion *join, const struct fhir_type *type,
                        struct search_criterion *c)
{
    c = search__covered(p, type, c);
    if (c->kind == CRIT_NONE)
        return;
    struct search_criterion *target = search__criterion(p->a, CRIT_TARGET, NULL);
    target->type = type;
    target->child = c;
    search__add_child(join, target);
}

void search__settle_chain(struct search_criterion *chain, enum search__lane lane)
{
    if (!chain->child)
        chain->kind = CRIT_NONE;
    else if (!chain->child->next && strcmp(chain->child->type->name, "Patient") == 0)
        chain->lane = lane; /* several types are found by key */
}

/* code[:Type].rest: on every type that the parameter may refer to and that knows the rest. */
static struct search_criterion *parse_chain(struct search__parse *p, const struct search__arg *arg,
                                            struct str rest, struct str value, bool *known)
{
    const struct search_param *param = arg->param;
    const struct fhir_type *only = NULL;
    if (param->def->type != FHIR_SEARCH_REFERENCE)
        return search__refuse(p, arg, "only a reference parameter can be chained, this one is a %s",
                              fhir_search_type_name(param->def->type));
    if (arg->modifier.s) {
        only = fhir_resource(p->registry->defs, arg->modifier);
        if (!only || !search__may_target(param, only))
            return search__refuse(p, arg, "it refers to %s only", search__target_names(p->a, param).s);
    }
    struct search_criterion *chain = search__criterion(p->a, CRIT_CHAIN, param);
    *known = false;
    int n = param->n_targets ? param->n_targets : fhir_resource_count(p->registry->defs);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *type =
            param->n_targets ? param->targets[i] : fhir_resource_at(p->registry->defs, i);
        bool here = true;
        if (only && type != only)
            continue;
        struct search_criterion *c = on_type(p, type, rest, value, arg->name, &here);
        if (!here)
            continue;
        *known = true;
        if (!c)
            return NULL;
        search__add_target(p, chain, type, c);
    }
    search__settle_chain(chain, arg->lane);
    return *known ? chain : NULL;
}

/* _has:Type:code:rest: resources of Type, for which rest holds, refer to this one by code. */
static struct search_criterion *parse_has(struct search__parse *p, const struct fhir_type *target,
                                          struct str name, struct str value, struct str whole, bool *known)
{
    struct search__arg arg = {.name = whole};
    struct str rest, type_name = str_cut(name, ':', &rest);
    struct str code = rest.s ? str_cut(rest, ':', &rest) : (struct str){0};
    if (!rest.s || !rest.len)
        return search__refuse(p, &arg, "it is written _has:Type:reference:parameter");
    const struct fhir_type *type = fhir_resource(p->registry->defs, type_name);
    if (!type)
        return search__refuse(p, &arg, "%.*s is no resource type", STR_FMT(type_name));
    const struct search__slot *slot = search__named(p, type, code);
    if (!slot || slot->param->def->type != FHIR_SEARCH_REFERENCE)
        return search__refuse(p, &arg, "%s has no reference parameter %.*s", type->name, STR_FMT(code));
    if (!search__may_target(slot->param, target))
        return search__refuse(p, &arg, "%.*s of %s refers to %s only", STR_FMT(code), type->name,
                              search__target_names(p->a, slot->param).s);
    struct search_criterion *child = on_type(p, type, rest, value, whole, known);
    if (!child || child->kind == CRIT_NONE)
        return child;
    struct search_criterion *has = search__criterion(p->a, CRIT_HAS, slot->param);
    search__add_target(p, has, type, child);
    if (!has->child)
        has->kind = CRIT_NONE;
    has->lane = strcmp(target->name, "Patient") == 0 ? slot->lane : LANE_NONE;
    return has;
}

/* NULL: not known, or (known) an error. */
static struct search_criterion *on_type(struct search__parse *p, const struct fhir_type *type,
                                        struct str name, struct str value, struct str whole, bool *known)
{
    if (str_is(name, "_list") && value.len) {
        struct search_criterion *c = search__parse_list(p, value);
        *known = true;
        if (c)
            c->type = type;
        return c;
    }
    if (str_starts(name, STR("_has:")))
        return parse_has(p, type, (struct str){name.s + 5, name.len - 5}, value, whole, known);
    struct str chain, modifier, head = str_cut(name, '.', &chain);
    struct str code = str_cut(head, ':', &modifier);
    const struct search__slot *slot = search__named(p, type, code);
    *known =
        slot && search__is_searchable(slot->param) && slot->param->special != SPECIAL_FILTER && value.len;
    if (!*known)
        return NULL;
    struct search__arg arg = {.param = slot->param,
                              .slot = slot,
                              .type = type,
                              .lane = slot->lane,
                              .name = whole,
                              .modifier = modifier};
    return chain.s ? parse_chain(p, &arg, chain, value, known) : parse_value(p, &arg, value);
}

struct search_criterion *search__parse_on_type(struct search__parse *p, const struct fhir_type *type,
                                               struct str name, struct str value)
{
    bool known;
    return on_type(p, type, name, value, name, &known);
}

/* A search over several types: what holds for one type is asked of rows of that type only; keys name their type
 * themselves. */
static struct search_criterion *of_type(struct arena *a, const struct fhir_type *type,
                                        struct search_criterion *c)
{
    if (c->kind == CRIT_NONE || c->kind == CRIT_KEYS) {
        c->lane = LANE_NONE;
        return c;
    }
    struct search_criterion *here = search__criterion(a, CRIT_TARGET, NULL);
    here->type = type;
    here->child = c;
    return here;
}

static bool is_common(const struct search__parse *p, const struct fhir_type *type, struct str name)
{
    struct str rest, code = str_cut(name, ':', &rest);
    const struct search__slot *slot = search__slot(p->registry, type, code);
    return str_is(name, "_list") || (slot && (strcmp(slot->param->type->name, "Resource") == 0 ||
                                              slot->param->special == SPECIAL_TEXT));
}

/* What holds for rows of any type. */
static void forget_type(struct search_criterion *c)
{
    c->type = NULL;
    for (struct search_criterion *child = search__is_join(c) ? NULL : c->child; child; child = child->next)
        forget_type(child);
}

bool search__parse_criterion(struct search__parse *p, struct str name, struct str value,
                             struct search_criterion **out)
{
    struct search_query *q = p->q;
    bool known = true;
    *out = NULL;
    const struct fhir_type *any = q->n_types ? q->types[0] : fhir_resource_at(p->registry->defs, 0);
    if (q->n_types == 1 || is_common(p, any, name)) {
        *out = on_type(p, any, name, value, name, &known);
        if (*out && q->n_types != 1)
            forget_type(*out);
        return *out || !known;
    }
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    for (int i = 0; i < q->n_types; i++) {
        struct search_criterion *c = on_type(p, q->types[i], name, value, name, &known);
        if (!c)
            return !known;
        search__add_alternative(p->a, either, of_type(p->a, q->types[i], c));
    }
    if (q->n_types)
        *out = search__settle(either);
    return true;
}

/* ---- the whole query --------------------------------------------------------------------------------- */

static void note_unknown(struct search__parse *p, struct str name)
{
    *ARENA_PUSH(p->a, p->q->unknown, p->q->n_unknown, p->q->cap_unknown) = name;
}

static bool refuse_building(struct search__parse *p, struct str name)
{
    return err_set(
        p->err, ERR_INVALID,
        "search parameter %.*s: its index is still being built; the CapabilityStatement tells when it is "
        "ready",
        STR_FMT(name));
}

bool search__type_of_path(struct search__parse *p, struct str path, enum fhir_search_type *out)
{
    const struct search_query *q = p->q;
    const struct fhir_defs *d = p->registry->defs;
    struct str rest, code = str_cut(path, '.', &rest);
    const struct search__slot *slot =
        search__named(p, q->n_types ? q->types[0] : fhir_resource_at(d, 0), code);
    while (slot && rest.s) { /* on the first type that has the rest */
        const struct search_param *ref = slot->param;
        int n = ref->n_targets ? ref->n_targets : fhir_resource_count(d);
        code = str_cut(rest, '.', &rest);
        slot = NULL;
        for (int i = 0; i < n && !slot; i++)
            slot = search__named(p, ref->n_targets ? ref->targets[i] : fhir_resource_at(d, i), code);
    }
    if (slot)
        *out = slot->param->def->type;
    return slot;
}

static bool parse_arg(struct search__parse *p, struct str name, struct str value, struct buf *self)
{
    bool known = false;
    size_t written = self->len;
    p->building = false;
    if (!search__parse_result(p, name, value, self, &known))
        return p->building ? refuse_building(p, name) : false;
    if (known)
        return true;
    self->len = written;
    struct search_criterion *c;
    bool filter = str_is(name, "_filter") && value.len;
    bool parsed = filter ? search__parse_filter(p, value, &c) : search__parse_criterion(p, name, value, &c);
    if (p->building) {
        if (p->options->strict || p->options->conditional)
            return refuse_building(p, name);
        *ARENA_PUSH(p->a, p->q->building, p->q->n_building, p->q->cap_building) = name;
        return true;
    }
    if (!parsed)
        return false;
    if (!c) {
        if (p->options->strict || p->options->conditional)
            return err_set(p->err, ERR_INVALID, "search parameter %.*s: %s", STR_FMT(name),
                           value.len ? "this server does not know it here" : "it has no value");
        note_unknown(p, name);
        return true;
    }
    if (c->kind == CRIT_NONE)
        p->q->empty = true;
    search__add_child(p->q->criteria, c->kind == CRIT_AND && c->child ? c->child : c);
    *ARENA_PUSH(p->a, p->q->asked, p->q->n_asked, p->q->cap_asked) = (struct search_asked){name, c};
    search__self(self, name, value);
    return true;
}

/* Resources of q->types in the compartment of one. */
static void add_compartment(struct search__parse *p)
{
    const struct search_options *o = p->options;
    const struct fhir_defs *d = p->registry->defs;
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, NULL);
    int64_t h = search_hash_id(p->tenant, o->compartment, o->compartment_id);
    int n = p->q->n_types ? p->q->n_types : fhir_resource_count(d);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *t = p->q->n_types ? p->q->types[i] : fhir_resource_at(d, i);
        search__criterion_only_key(p->a, c, h ^ search__compartment(p->tenant, o->compartment, t));
    }
    search__add_child(p->q->criteria, c);
}

static bool is_text(struct str s)
{
    return !s.len || (utf8_valid_prefix(s.s, s.len) == s.len && !memchr(s.s, '\0', s.len));
}

bool search_parse(const struct search_registry *r, const struct search_tenant *t, struct arena *a,
                  const struct search_arg *args, size_t n, const struct search_options *o,
                  struct search_query **out, struct err *err)
{
    struct search_query *q = ARENA_NEW(a, struct search_query);
    struct search__parse p = {.a = a, .registry = r, .tenant = t, .options = o, .q = q, .err = err};
    q->a = a;
    q->registry = r;
    q->tenant = t;
    q->options = *o;
    q->count = o->limits.count;
    q->criteria = search__criterion(a, CRIT_AND, NULL);
    if (o->type) {
        const struct fhir_type **types = arena_alloc(a, sizeof *types);
        types[0] = o->type;
        q->types = types;
        q->n_types = 1;
    }
    for (size_t i = 0; i < n; i++)
        if (!is_text(args[i].name) || !is_text(args[i].value))
            return err_set(err, ERR_INVALID, "A search parameter is not UTF-8 or holds a NUL character");
    struct buf self;
    buf_init(&self, a, 128);
    for (size_t i = 0; i < n; i++) /* what it narrows decides which parameters there are */
        if (!o->type && str_is(args[i].name, "_type") && !search__parse_type(&p, args[i].value, &self))
            return false;
    if (o->compartment)
        add_compartment(&p);
    for (size_t i = 0; i < n; i++)
        if (args[i].name.len && !(str_is(args[i].name, "_type") && !o->type) &&
            !parse_arg(&p, args[i].name, args[i].value, &self))
            return false;
    search__add_access(&p);
    search__default_sort(&p);
    if (!search__find_measures(&p) || !search__check_contained(&p) || !search__check_opened(&p))
        return false;
    q->self = q->understood = buf_str(&self);
    *out = q;
    return search__read_cursor(q, err);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void search_lock_keys(const struct search_query *q, struct arena *a, int64_t **keys, size_t *n)
{
    *n = q->n_locks;
    *keys = ARENA_ARRAY(a, int64_t, q->n_locks + 1);
    if (q->n_locks == 0)
        return;
    memcpy(*keys, q->locks, sizeof **keys * q->n_locks);
    qsort(*keys, *n, sizeof **keys, by_value);
}
