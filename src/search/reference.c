/*
 * Reference parameters (search.html#reference). Index: a resource of this server is the hash of its type and id
 * under the parameter's constant, so that SQL can compute the key from the target's row; anything else (another
 * server's resource, urn:, canonical) is the hash of its URL. Query: id, Type/id, URL; :Type=id; :identifier.
 */
#include "fhir/reference.h"
#include "fhir/primitive.h"
#include "internal.h"

void search__target(struct arena *a, const struct fhir_defs *d, struct str base, struct str text,
                    struct search__target *out)
{
    struct fhir_reference ref;
    fhir_reference_parse_local(d, base, text, &ref);
    *out = (struct search__target){0};
    switch (ref.form) {
    case FHIR_REF_RELATIVE:
        out->kind = TARGET_LOCAL;
        out->type = ref.type;
        out->id = ref.id;
        break;
    case FHIR_REF_ABSOLUTE:
        out->kind = TARGET_URL;
        out->url =
            str_of(arena_printf(a, "%.*s/%s/%.*s", STR_FMT(ref.base), ref.type->name, STR_FMT(ref.id)));
        break;
    case FHIR_REF_URN:
    case FHIR_REF_URL:
        out->kind = TARGET_URL;
        out->url = text;
        break;
    case FHIR_REF_NONE:
    case FHIR_REF_CONTAINED:
    case FHIR_REF_QUERY:
        break;
    }
}

const struct fhir_type *search__reference_type(const struct fhir_defs *d, struct str text)
{
    struct fhir_reference ref;
    fhir_reference_parse(d, text, &ref);
    return ref.form == FHIR_REF_RELATIVE || ref.form == FHIR_REF_ABSOLUTE ? ref.type : NULL;
}

/* ---- index ------------------------------------------------------------------------------------------- */

static void add_key(struct search__index *x, int64_t key)
{
    struct search_index *out = x->out;
    search__add_key(x, key);
    if (x->slot->lane == LANE_SHARED)
        *ARENA_PUSH(x->a, out->ovfs, out->n_ovfs, out->cap_ovfs) =
            (struct search_index_ovf){LANE_SHARED, key};
}

static void add_hash(struct search__index *x, const struct fhir_type *type, int64_t h)
{
    add_key(x, h ^ search__ref(x->tenant, x->slot->param));
    if (x->slot->lane == LANE_PAT && !x->out->pat && strcmp(type->name, "Patient") == 0)
        x->out->pat = h;
}

static void add_local(struct search__index *x, const struct fhir_type *type, struct str id)
{
    const struct search__slot *slot = x->slot;
    int64_t h = search_hash_id(x->tenant, type, id);
    add_hash(x, type, h);
    for (int i = 0; i < x->registry->n_compartments; i++)
        if ((slot->compartments >> i & 1) && type == x->registry->compartments[i])
            search__add_compartment(x, type, h);
}

static void add_url(struct search__index *x, struct str url)
{
    add_key(x, search__key(x->tenant, x->slot->param, KEY_URL, url, STR("")));
}

/* "#id": for chains, which are followed into contained resources. "#" is the container. */
static void add_contained(struct search__index *x, const char *id)
{
    const json *resource = search__contained(x, id);
    const char *name = json_get_string(resource, "resourceType");
    const struct fhir_type *type = name ? fhir_resource(x->registry->defs, str_of(name)) : NULL;
    if (type && *id)
        add_hash(x, type, search__hash_contained(x, id));
    else if (type && x->resource != x->container && json_get_string(resource, "id"))
        add_local(x, type, str_of(json_get_string(resource, "id")));
}

static void add_text(struct search__index *x, struct str text)
{
    struct search__target target;
    if (text.len && text.s[0] == '#') {
        add_contained(x, text.s + 1);
        return;
    }
    search__target(x->a, x->registry->defs, x->base, text, &target);
    if (target.kind == TARGET_LOCAL)
        add_local(x, target.type, target.id);
    else if (target.kind == TARGET_URL)
        add_url(x, target.url);
}

/* A canonical is found with and without its version, and by Type/id when it is this server's. */
static void add_canonical(struct search__index *x, struct str text)
{
    struct str version, url = str_cut(text, '|', &version);
    add_url(x, url);
    if (text.len && text.s[0] == '#')
        add_contained(x, text.s + 1);
    search__add_dict(x, DICT_URI, search__key(x->tenant, x->slot->param, KEY_URL, url, STR("")), url);
    if (version.s) {
        add_url(x, text);
        search__add_dict(x, DICT_URI, search__key(x->tenant, x->slot->param, KEY_URL, text, STR("")), text);
    }
    struct search__target target;
    search__target(x->a, x->registry->defs, x->base, url, &target);
    if (target.kind == TARGET_LOCAL)
        add_local(x, target.type, target.id);
}

void search__index_reference(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    const char *text = fp_text(item);
    if (text) {
        add_canonical(x, str_of(text));
    } else if (item->type && item->type->kind == FHIR_RESOURCE) { /* Bundle.entry[0].resource */
        const char *id = json_get_string(item->node, "id");
        if (id)
            add_local(x, item->type, str_of(id));
    } else {
        const char *reference = json_get_string(item->node, "reference");
        if (reference)
            add_text(x, str_of(reference));
        const json *identifier = json_get(item->node, "identifier");
        if (identifier)
            search__index_reference_identifier(x, identifier);
    }
}

/* ---- query ------------------------------------------------------------------------------------------- */

static void one_key(struct search__parse *p, struct search_criterion *c, int64_t key)
{
    if (c->lane == LANE_SHARED)
        search__criterion_key(p->a, c, key, key);
    else
        search__criterion_only_key(p->a, c, key);
}

static void key_of(struct search__parse *p, const struct search__arg *arg, struct search_criterion *c,
                   const struct fhir_type *type, struct str id)
{
    int64_t h = search_hash_id(p->tenant, type, id);
    int64_t key = h ^ search__ref(p->tenant, arg->param);
    if (c->lane == LANE_PAT && strcmp(type->name, "Patient") == 0)
        search__criterion_key(p->a, c, key, h);
    else
        one_key(p, c, key);
}

/* By id alone: of whatever type the parameter may refer to. */
static void keys_of_id(struct search__parse *p, const struct search__arg *arg, struct search_criterion *c,
                       struct str id)
{
    const struct search_param *param = arg->param;
    for (int i = 0; i < param->n_targets; i++)
        key_of(p, arg, c, param->targets[i], id);
    for (int i = 0; !param->n_targets && i < fhir_resource_count(p->registry->defs); i++)
        key_of(p, arg, c, fhir_resource_at(p->registry->defs, i), id);
}

bool search__may_target(const struct search_param *param, const struct fhir_type *type)
{
    for (int i = 0; i < param->n_targets; i++)
        if (param->targets[i] == type)
            return true;
    return !param->n_targets;
}

struct str search__target_names(struct arena *a, const struct search_param *param)
{
    struct buf b;
    buf_init(&b, a, 64);
    for (int i = 0; i < param->n_targets; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", param->targets[i]->name);
    if (!param->n_targets)
        buf_adds(&b, "any type");
    return buf_str(&b);
}

static bool is_canonical(const struct search_param *param)
{
    for (size_t i = 0; i < param->leaves.n; i++)
        if (param->leaves.items[i].type->primitive != FHIR_NOT_PRIMITIVE)
            return true;
    return false;
}

/* :below and :above: of a canonical's URL and version, or of resources that are part of others. */
static struct search_criterion *parse_tree(struct search__parse *p, const struct search__arg *arg,
                                           struct str text, bool above)
{
    const struct search_param *param = arg->param;
    struct search__target target;
    search__target(p->a, p->registry->defs, p->options->base, text, &target);
    if (target.kind == TARGET_URL && is_canonical(param))
        return search__parse_uri_tree(p, arg, text, above);
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    bool any_type = fhir_id_valid(text);
    for (int i = 0; i < param->n_targets; i++) {
        struct str id = any_type ? text : target.id;
        bool meant = any_type || (target.kind == TARGET_LOCAL && target.type == param->targets[i]);
        struct search_criterion *c = meant ? search__tree(p, arg, param->targets[i], id, above) : NULL;
        if (c)
            search__add_child(either, c);
    }
    if (!either->child)
        return search__refuse(
            p, arg,
            ":below and :above are for canonical URLs, and for references to resources that "
            "are part of others of their type");
    return either->child->next ? either : either->child;
}

struct search_criterion *search__parse_reference(struct search__parse *p, const struct search__arg *arg,
                                                 struct str value)
{
    bool above = str_is(arg->modifier, "above");
    if (above || str_is(arg->modifier, "below"))
        return parse_tree(p, arg, search__unescape(p->a, value), above);
    if (str_is(arg->modifier, "identifier"))
        return search__parse_reference_identifier(p, arg, value);
    const struct fhir_type *type = NULL;
    if (arg->modifier.s) {
        type = fhir_resource(p->registry->defs, arg->modifier);
        if (!type)
            return search__refuse(
                p, arg,
                "a reference parameter takes :identifier, :above, :below, :missing and a resource type");
        if (!search__may_target(arg->param, type))
            return search__refuse(p, arg, "it refers to %s only", search__target_names(p->a, arg->param).s);
    }
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    c->lane = arg->lane;
    c->lane_exact = true;
    struct str text = search__unescape(p->a, value);
    if (fhir_id_valid(text)) {
        if (type)
            key_of(p, arg, c, type, text);
        else
            keys_of_id(p, arg, c, text);
        return c;
    }
    struct search__target target;
    search__target(p->a, p->registry->defs, p->options->base, text, &target);
    if (target.kind == TARGET_NONE && !memchr(text.s, ':', text.len))
        return search__refuse(p, arg, "a reference is written id, Type/id or as a URL");
    if (target.kind == TARGET_LOCAL && type && target.type != type)
        return search__refuse(p, arg, "the type in the value is not the one of the modifier");
    if (target.kind == TARGET_LOCAL)
        key_of(p, arg, c, target.type, target.id);
    else
        one_key(p, c,
                search__key(p->tenant, arg->param, KEY_URL, target.url.len ? target.url : text, STR("")));
    return c;
}
