/* _include and _revinclude (search.html#revinclude): what they name, and whom it leads to. */
#include "internal.h"

/* Source:parameter[:Target], parameter * for all; "*" alone is all of every source. */
bool search__parse_include(struct search__parse *p, struct str name, struct str value)
{
    struct str modifier, base = str_cut(name, ':', &modifier);
    struct search_include i = {.reverse = str_is(base, "_revinclude")};
    const char *what = i.reverse ? "_revinclude" : "_include";
    i.iterate = str_is(modifier, "iterate") || str_is(modifier, "recurse");
    if (modifier.s && !i.iterate)
        return err_set(p->err, ERR_INVALID, "search parameter %s: the only modifier is :iterate", what);
    struct str rest, target = {0}, source = str_cut(value, ':', &rest);
    struct str code = rest.s ? str_cut(rest, ':', &target) : STR("*");
    bool every_source = str_is(source, "*") && !i.reverse;
    if (!every_source) {
        i.source = fhir_resource(p->registry->defs, source);
        if (!i.source || !rest.s)
            return err_set(p->err, ERR_INVALID,
                           "search parameter %s: written Type:parameter or Type:parameter:TargetType", what);
    }
    if (!str_is(code, "*")) {
        const struct search__slot *slot = i.source ? search__named(p, i.source, code) : NULL;
        if (!slot || slot->param->def->type != FHIR_SEARCH_REFERENCE)
            return err_set(p->err, ERR_INVALID, "search parameter %s: %s has no reference parameter %.*s",
                           what, i.source ? i.source->name : "*", STR_FMT(code));
        i.param = slot->param->def;
    }
    if (target.s) {
        i.target = fhir_resource(p->registry->defs, target);
        if (!i.target)
            return err_set(p->err, ERR_INVALID, "search parameter %s: %.*s is no resource type", what,
                           STR_FMT(target));
    }
    *ARENA_PUSH(p->a, p->q->includes, p->q->n_includes, p->q->cap_includes) = i;
    return true;
}

static bool is_meant(const struct search_include *i, const struct search__slot *slot)
{
    return slot->param->def->type == FHIR_SEARCH_REFERENCE && search__is_searchable(slot->param) &&
           (!i->param || i->param == slot->param->def);
}

static void add_target(const struct search_query *q, const struct search_include *i, struct arena *a,
                       const char *text, struct search_index_ref **refs, size_t *n, size_t *cap)
{
    struct search__target target;
    search__target(a, q->registry->defs, q->options.base, str_of(text), &target);
    if (target.kind == TARGET_LOCAL && (!i->target || i->target == target.type))
        *ARENA_PUSH(a, *refs, *n, *cap) = (struct search_index_ref){.type = target.type, .id = target.id};
}

bool search_include_targets(const struct search_query *q, const struct search_include *i, struct arena *a,
                            const json *resource, const struct fhir_type *type,
                            struct search_index_ref **refs, size_t *n, struct err *err)
{
    size_t cap = 0;
    *refs = NULL;
    *n = 0;
    if (i->source && i->source != type)
        return true;
    struct search__index x = {.registry = q->registry, .resource = resource};
    struct fp_item root = fp_root(q->registry->defs, resource, type);
    struct fp_env env = {.a = a,
                         .defs = q->registry->defs,
                         .resource = resource,
                         .resolve = search__resolve,
                         .terminology = &q->registry->codes,
                         .arg = &x};
    const struct search__type *t = search__type(q->registry, type);
    for (int s = 0; s < t->n; s++) {
        struct fp_list values = {0};
        if (!is_meant(i, &t->slots[s]))
            continue;
        if (!fp_eval(t->slots[s].param->expr, &env, &root, &values, err))
            return false;
        for (size_t v = 0; v < values.n; v++) {
            const char *text = fp_text(&values.items[v]);
            text = text ? text : json_get_string(values.items[v].node, "reference");
            if (text)
                add_target(q, i, a, text, refs, n, &cap);
        }
    }
    return true;
}

/* The one parameter that is meant is what the patient lane holds, and only patients are: then the lane tells. */
static bool by_patient(const struct search_include *i, const struct search__type *t)
{
    int meant = 0;
    bool lane = false;
    for (int s = 0; s < t->n; s++)
        if (is_meant(i, &t->slots[s])) {
            const struct search_param *param = t->slots[s].param;
            const struct fhir_type *only = i->target               ? i->target
                                           : param->n_targets == 1 ? param->targets[0]
                                                                   : NULL;
            lane = t->slots[s].lane == LANE_PAT && only && strcmp(only->name, "Patient") == 0;
            meant++;
        }
    return lane && meant == 1;
}

void search_plan_revinclude(const struct search_query *q, const struct search_include *i, const int64_t *h,
                            size_t n, int limit, struct sql *out)
{
    const struct search__type *t = search__type(q->registry, i->source);
    int64_t *keys = NULL;
    size_t n_keys = 0, cap = 0;
    for (int s = 0; s < t->n; s++) {
        if (!is_meant(i, &t->slots[s]))
            continue;
        int64_t constant = search__ref(q->tenant, t->slots[s].param);
        for (size_t j = 0; j < n; j++)
            *ARENA_PUSH(q->a, keys, n_keys, cap) = h[j] ^ constant;
    }
    bool lane = by_patient(i, t);
    sql_init(out, q->a, SQL_BY_TEXT);
    /* found first, then ordered: an index in that order is no way to find them */
    sql_addf(out,
             "SELECT x.* FROM (SELECT rtype, rid, ver, lu, content, sealed, k, tenant FROM res r0 WHERE "
             "tenant = $%d AND "
             "rtype%s = $%d AND NOT deleted AND %s",
             sql_int4(out, q->tenant->id), lane ? "" : " + 0", sql_int2(out, (int16_t)i->source->id),
             arena_printf(q->a, lane ? "pat = ANY ($%d)" : "keys && $%d",
                          lane ? sql_int8_array(out, h, n) : sql_int8_array(out, keys, n_keys)));
    if (q->options.included)
        search_access_where(q->options.included, &i->source, 1, false, out);
    sql_addf(out, " LIMIT $%d) x ORDER BY x.k", sql_int8(out, limit));
}
