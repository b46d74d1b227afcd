/*
 * _list (search.html#list): what a List names, by its id, or the current lists of a kind ($current-problems). Index: an
 * entry that is not marked as deleted gives the List a key of its own, made like that of a reference. Query: as
 * _has, by that key.
 */
#include "fhir/primitive.h"
#include "internal.h"

#define CURRENT "$current-"

/* Lists whose kind is more often said with LOINC. */
static const struct {
    const char *kind, *loinc;
} kinds[] = {{"problems", "11450-4"}, {"medications", "10160-0"}, {"allergies", "48765-2"}};

const struct search_param *search__listed(struct arena *a)
{
    static const struct fhir_search_param def = {.code = "_list", .type = FHIR_SEARCH_REFERENCE};
    struct search_param *p = ARENA_NEW(a, struct search_param);
    p->def = &def;
    p->ident = search__ident("List", "entry");
    return p;
}

void search__index_list(struct search__index *x)
{
    if (strcmp(x->type->name, "List") != 0)
        return;
    json_each (entry, json_get(x->resource, "entry")) {
        const json *deleted = json_get(entry, "deleted");
        const char *item = json_get_string(json_get(entry, "item"), "reference");
        struct search__target target;
        if (!item || json_is_true(deleted))
            continue;
        search__target(x->a, x->registry->defs, x->base, str_of(item), &target);
        if (target.kind == TARGET_LOCAL)
            search__add_key(x, search_hash_id(x->tenant, target.type, target.id) ^
                                   search__ref(x->tenant, x->registry->listed));
    }
}

/* The Lists that are meant; NULL, and *p->err filled in: it is malformed. */
static struct search_criterion *lists(struct search__parse *p, const struct fhir_type *list, struct str value)
{
    struct str kind = {value.s + strlen(CURRENT), value.len - strlen(CURRENT)};
    if (str_starts(value, STR("List/")))
        value = (struct str){value.s + 5, value.len - 5};
    if (!str_starts(value, STR(CURRENT))) {
        if (!fhir_id_valid(value)) {
            err_set(p->err, ERR_INVALID, "search parameter _list: the id of a List, or " CURRENT "kind");
            return NULL;
        }
        struct search_criterion *c = search__criterion(p->a, CRIT_ID, NULL);
        c->ids = ARENA_NEW(p->a, struct str);
        c->ids[c->n_ids++] = value;
        return c;
    }
    struct str codes = kind;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_is(kind, kinds[i].kind))
            codes = str_of(arena_printf(p->a, "%s,http://loinc.org|%s", kinds[i].kind, kinds[i].loinc));
    struct search_criterion *both = search__criterion(p->a, CRIT_AND, NULL);
    both->child = search__parse_on_type(p, list, STR("code"), codes);
    if (both->child)
        both->child->next = search__parse_on_type(p, list, STR("status"), STR("current"));
    return both->child && both->child->next ? both : NULL;
}

struct search_criterion *search__parse_list(struct search__parse *p, struct str value)
{
    const struct fhir_type *list = fhir_type(p->registry->defs, "List");
    struct search_criterion *has = search__criterion(p->a, CRIT_HAS, p->registry->listed);
    for (struct str rest = value; rest.s;) {
        struct search_criterion *c = lists(p, list, search__cut(rest, ',', &rest));
        if (!c)
            return NULL;
        search__add_target(p, has, list, c);
    }
    if (!has->child)
        has->kind = CRIT_NONE;
    return has;
}
