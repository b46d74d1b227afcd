/* What the settings validate.* ask of a resource of a type. */
#include "internal.h"

/* "Type=value": the value for this type; s NULL: none. */
static struct str value_for(const char *item, const struct fhir_type *type)
{
    struct str value, name = str_trim(str_cut(str_of(item), '=', &value)), none = {NULL, 0};
    return str_is(name, type->name) && value.s ? str_trim(value) : none;
}

static bool level_named(struct str name, int *level)
{
    static const char *const levels[] = {"structure", "base", "full"}; /* by enum validate_level */
    for (int i = 0; i < 3; i++)
        if (str_is(name, levels[i])) {
            *level = i;
            return true;
        }
    return false;
}

static bool type_known(const char *key, const char *item, const struct fhir_defs *d, struct str *value,
                       struct err *err)
{
    struct str name = str_trim(str_cut(str_of(item), '=', value));
    return (fhir_resource(d, name) && value->s) ||
           err_set(err, ERR_INVALID, "%s: '%s' is not Type=value with a resource type of FHIR R4", key, item);
}

bool api__validation_check(const struct config *c, const struct fhir_defs *d, struct err *err)
{
    struct str value;
    int level;
    for (int i = 0; i < c->validate_levels.n; i++) {
        const char *item = c->validate_levels.items[i];
        if (!type_known("validate.levels", item, d, &value, err))
            return false;
        if (!level_named(str_trim(value), &level))
            return err_set(err, ERR_INVALID, "validate.levels: '%s': a level is structure, base or full",
                           item);
    }
    for (int i = 0; i < c->validate_profiles.n; i++)
        if (!type_known("validate.profiles", c->validate_profiles.items[i], d, &value, err))
            return false;
    for (int i = 0; i < c->validate_warn.n; i++)
        if (strcmp(c->validate_warn.items[i], "*") != 0 &&
            !fhir_resource(d, str_of(c->validate_warn.items[i])))
            return err_set(err, ERR_INVALID, "validate.warn: '%s' is no resource type of FHIR R4",
                           c->validate_warn.items[i]);
    return true;
}

static void add_profiles(const struct api_request *r, const struct fhir_type *type,
                         struct validate_options *o)
{
    const struct config_list *list = &r->config->validate_profiles;
    const char **profiles = ARENA_ARRAY(r->a, const char *, list->n);
    for (int i = 0; i < list->n; i++) {
        struct str canonical = value_for(list->items[i], type);
        if (canonical.s)
            profiles[o->n_profiles++] = canonical.s; /* to the item's end */
    }
    o->profiles = profiles;
}

void api__validation(struct api_request *r, const struct fhir_type *type, struct validate_options *o)
{
    const struct config *c = r->config;
    int level = c->validate_level;
    for (int i = 0; i < c->validate_levels.n; i++) {
        struct str name = value_for(c->validate_levels.items[i], type);
        if (name.s)
            level_named(name, &level);
    }
    *o = (struct validate_options){
        .level = (enum validate_level)level,
        .advice = (enum validate_advice)c->validate_best_practice,
        .unknown_extensions = (enum validate_unknown)c->validate_unknown_extensions,
        .expected = type,
        .in_transaction = r->in_transaction,
        .lenient = true,
        .view = api__view(r),
    };
    if (c->validate_profiles.n)
        add_profiles(r, type, o);
}

bool api__validation_warns(const struct api_request *r, const struct fhir_type *type)
{
    const struct config_list *list = &r->config->validate_warn;
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->items[i], "*") == 0 || strcmp(list->items[i], type->name) == 0)
            return true;
    return false;
}

void api__validation_soften(struct issues *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->list[i].severity <= ISSUE_ERROR)
            list->list[i].severity = ISSUE_WARNING;
    list->errors = 0;
}
