/*
 * URI parameters (search.html#uri). Index: the hash of the whole URI, and of a canonical without its version; the
 * URI itself in idx_dict for :below and _sort. Query: equal byte for byte; :below: it, and what lies under it by whole path segments; :above: it, and
 * what it lies under. Neither is for urn: URIs, which have no hierarchy.
 */
#include "internal.h"

void search__index_uri(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    const char *text = fp_text(item);
    if (!text)
        return;
    struct str version, url = str_cut(str_of(text), '|', &version);
    int64_t key = search__key(x->tenant, x->slot->param, KEY_URL, url, STR(""));
    search__add_key(x, key);
    search__add_dict(x, DICT_URI, key, url);
    if (version.s)
        search__add_key(x, search__key(x->tenant, x->slot->param, KEY_URL, str_of(text), STR("")));
}

/* Between which parts the hierarchy goes: of a URL, or of the version behind it. */
static char separator(struct str uri)
{
    return memchr(uri.s, '|', uri.len) ? '.' : '/';
}

static struct search_criterion *parse_below(struct search__parse *p, const struct search__arg *arg,
                                            struct str uri)
{
    char between = separator(uri);
    while (uri.len && uri.s[uri.len - 1] == between)
        uri.len--;
    struct search_criterion *self = search__criterion(p->a, CRIT_KEYS, arg->param);
    search__criterion_only_key(p->a, self, search__key(p->tenant, arg->param, KEY_URL, uri, STR("")));
    struct search_criterion *under = search__criterion(p->a, CRIT_DICT, arg->param);
    under->type = arg->type;
    under->dict = DICT_URI;
    under->from = str_of(arena_printf(p->a, "%.*s%c", STR_FMT(uri), between));
    under->to = str_of(arena_printf(p->a, "%.*s%c", STR_FMT(uri), between + 1));
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    either->child = self;
    self->next = under;
    return either;
}

static struct search_criterion *parse_above(struct search__parse *p, const struct search__arg *arg,
                                            struct str uri)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    char between = separator(uri);
    const char *version = between == '.' ? memchr(uri.s, '|', uri.len) : NULL;
    for (size_t len = uri.len; len > 0 && (!version || uri.s + len > version); len--)
        if (len == uri.len || uri.s[len] == between || uri.s[len - 1] == between)
            search__criterion_only_key(
                p->a, c, search__key(p->tenant, arg->param, KEY_URL, (struct str){uri.s, len}, STR("")));
    return c;
}

struct search_criterion *search__parse_uri_tree(struct search__parse *p, const struct search__arg *arg,
                                                struct str uri, bool above)
{
    if (str_starts(uri, STR("urn:")))
        return search__refuse(p, arg, ":below and :above are for URLs; a urn: has no hierarchy");
    return above ? parse_above(p, arg, uri) : parse_below(p, arg, uri);
}

struct search_criterion *search__parse_uri(struct search__parse *p, const struct search__arg *arg,
                                           struct str value)
{
    struct str uri = search__unescape(p->a, value);
    bool below = str_is(arg->modifier, "below"), above = str_is(arg->modifier, "above");
    if (arg->modifier.s && !below && !above)
        return search__refuse(p, arg, "a uri parameter takes :below, :above and :missing");
    if (below || above)
        return search__parse_uri_tree(p, arg, uri, above);
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    search__criterion_only_key(p->a, c, search__key(p->tenant, arg->param, KEY_URL, uri, STR("")));
    return c;
}
