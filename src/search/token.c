/*
 * Token parameters (search.html#token). Index: for each value up to four keys, one for each way to ask (code,
 * system|code, |code, system|), so that every query is one probe of res.keys; the codes in idx_dict for _sort, the
 * texts there for :text.
 *
 * Case: the specification wants codes compared without regard to case when in doubt, and identifiers with regard
 * to it (datatypes.html#Identifier); telephone numbers are found whatever their punctuation.
 */
#include "base/utf8.h"
#include "internal.h"

#define TEXT_MAX 400

static bool is_phone_punctuation(char c)
{
    return strchr(" -().", c) != NULL;
}

/* The form in which codes are hashed; the same on both sides. */
struct str search__fold_code(struct arena *a, enum search__fold fold, struct str code)
{
    if (fold == FOLD_NONE)
        return code;
    bool phone = fold == FOLD_CONTACT;
    for (size_t i = 0; i < code.len && phone; i++)
        phone = is_phone_punctuation(code.s[i]) || code.s[i] == '+' || (code.s[i] >= '0' && code.s[i] <= '9');
    char *out = arena_alloc(a, code.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < code.len; i++) {
        char c = code.s[i];
        if (phone && is_phone_punctuation(c))
            continue;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[n] = '\0';
    return (struct str){out, n};
}

/* ---- index ------------------------------------------------------------------------------------------- */

struct kinds {
    enum search__key_kind code, system_code, no_system, system;
};
static const struct kinds coding_kinds = {KEY_CODE, KEY_SYSTEM_CODE, KEY_NO_SYSTEM, KEY_SYSTEM};
static const struct kinds identifier_kinds = {KEY_ID_CODE, KEY_ID_SYSTEM_CODE, KEY_ID_NO_SYSTEM,
                                              KEY_ID_SYSTEM};

static int64_t add_keys(struct search__index *x, const struct kinds *k, enum search__fold fold,
                        const char *system, const char *code)
{
    const struct search_param *p = x->slot->param;
    struct str c = code ? search__fold_code(x->a, fold, str_of(code)) : (struct str){0};
    int64_t key = 0;
    if (code) {
        key = search__key(x->tenant, p, k->code, c, STR(""));
        search__add_key(x, key);
    }
    if (system) {
        search__add_key(x, search__key(x->tenant, p, k->system, str_of(system), STR("")));
        if (code)
            search__add_key(x, search__key(x->tenant, p, k->system_code, str_of(system), c));
    } else if (code) {
        search__add_key(x, search__key(x->tenant, p, k->no_system, c, STR("")));
    }
    return key;
}

static void add_text(struct search__index *x, const char *text)
{
    if (!text || x->codes_only)
        return;
    struct str folded = utf8_fold(x->a, str_of(text), TEXT_MAX);
    int64_t key = search__key(x->tenant, x->slot->param, KEY_TEXT, folded, STR(""));
    search__add_key(x, key);
    search__add_dict(x, DICT_TEXT, key, folded);
}

/* The lanes hold the first code; others go to idx_ovf. */
static void add_lane(struct search__index *x, int64_t key)
{
    struct search_index *out = x->out;
    int64_t *lane = x->slot->lane == LANE_CODE ? &out->code : x->slot->lane == LANE_CAT ? &out->cat : NULL;
    if (!lane || *lane == key)
        return;
    if (!*lane)
        *lane = key;
    else if (x->slot->lane == LANE_CODE)
        *ARENA_PUSH(x->a, out->ovfs, out->n_ovfs, out->cap_ovfs) = (struct search_index_ovf){LANE_CODE, key};
}

static void add_code(struct search__index *x, const char *system, const char *code)
{
    enum search__fold fold = x->slot->param->fold;
    int64_t key = add_keys(x, &coding_kinds, fold, system, code);
    if (!key)
        return;
    search__add_dict(x, DICT_CODE, key, search__fold_code(x->a, fold, str_of(code)));
    add_lane(x, key);
}

int64_t search__coding_key(struct search__index *x, const struct search_param *p, const json *coding)
{
    const char *system = json_get_string(coding, "system"), *code = json_get_string(coding, "code");
    struct str c = search__fold_code(x->a, p->fold, str_of(code ? code : ""));
    return system ? search__key(x->tenant, p, KEY_SYSTEM_CODE, str_of(system), c)
                  : search__key(x->tenant, p, KEY_NO_SYSTEM, c, STR(""));
}

static void add_coding(struct search__index *x, const json *coding)
{
    add_code(x, json_get_string(coding, "system"), json_get_string(coding, "code"));
    add_text(x, json_get_string(coding, "display"));
}

static void add_identifier(struct search__index *x, const json *identifier)
{
    const char *value = json_get_string(identifier, "value");
    bool sealed = x->sealed;
    add_code(x, json_get_string(identifier, "system"), value);
    const json *type = json_get(identifier, "type");
    x->sealed = false; /* of which kind it is tells of nobody */
    add_text(x, json_get_string(type, "text"));
    x->sealed = sealed;
    json_each (coding, json_get(type, "coding")) {
        const char *system = json_get_string(coding, "system"), *code = json_get_string(coding, "code");
        if (!value || !system || !code || x->codes_only)
            continue;
        struct str both = str_of(arena_printf(x->a, "%s|%s", system, code));
        search__add_key(x, search__key(x->tenant, x->slot->param, KEY_OF_TYPE, both, str_of(value)));
    }
}

/* Reference.identifier, for the modifier :identifier of reference parameters. */
void search__index_reference_identifier(struct search__index *x, const json *identifier)
{
    add_keys(x, &identifier_kinds, FOLD_NONE, json_get_string(identifier, "system"),
             json_get_string(identifier, "value"));
}

void search__index_token(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    const struct search_param *p = x->slot->param;
    if (item->kind == FP_BOOLEAN) {
        add_code(x, NULL, item->boolean ? "true" : "false");
        return;
    }
    const char *text = fp_text(item);
    if (text) {
        if (p->plain) { /* there is one way to ask */
            struct str code = search__fold_code(x->a, p->fold, str_of(text));
            int64_t key = search__key(x->tenant, p, KEY_CODE, code, STR(""));
            search__add_key(x, key);
            search__add_dict(x, DICT_CODE, key, code);
            add_lane(x, key);
        } else {
            add_code(x, NULL, text);
        }
        return;
    }
    const char *type = item->type ? item->type->name : "";
    if (strcmp(type, "CodeableConcept") == 0) {
        json_each (coding, json_get(item->node, "coding"))
            add_coding(x, coding);
        add_text(x, json_get_string(item->node, "text"));
    } else if (strcmp(type, "Coding") == 0) {
        add_coding(x, item->node);
    } else if (strcmp(type, "Identifier") == 0) {
        add_identifier(x, item->node);
    } else if (strcmp(type, "ContactPoint") == 0) {
        add_code(x, NULL, json_get_string(item->node, "value"));
    }
}

/* ---- query ------------------------------------------------------------------------------------------- */

/* May a plain code of this parameter be said to be of this system? Codes have the system of their value set,
 * booleans one of their own (search.html#token). */
bool search__implied_system(const struct conformance_view *t, const struct search_param *p,
                            const char *system, const char *code)
{
    for (size_t i = 0; i < p->leaves.n; i++) {
        const struct search__leaf *leaf = &p->leaves.items[i];
        if (leaf->type->primitive == FHIR_P_boolean) {
            if (strcmp(system, "http://terminology.hl7.org/CodeSystem/special-values") == 0)
                return true;
        } else if (leaf->type->primitive == FHIR_P_code && leaf->element && leaf->element->valueset) {
            int has = terminology_member(t, leaf->element->valueset, system, code);
            if (has == TERMINOLOGY_YES ||
                (has == TERMINOLOGY_UNKNOWN && leaf->element->strength == FHIR_BIND_REQUIRED))
                return true;
        }
    }
    return false;
}

static bool parse_code(struct search__parse *p, const struct search__arg *arg, const struct kinds *kinds,
                       enum search__fold fold, struct str value, struct search_criterion *c)
{
    const struct search_param *param = arg->param;
    struct str rest, head = search__cut(value, '|', &rest);
    if (!rest.s) {
        struct str code = search__fold_code(p->a, fold, search__unescape(p->a, head));
        int64_t key = search__key(p->tenant, param, kinds->code, code, STR(""));
        search__criterion_key(p->a, c, key, key);
        return true;
    }
    struct str more;
    struct str tail = search__cut(rest, '|', &more);
    if (more.s || (!head.len && !tail.len)) {
        search__refuse(p, arg, "a token is written code, system|code, |code or system|");
        return false;
    }
    struct str system = search__unescape(p->a, head);
    struct str code = search__fold_code(p->a, fold, search__unescape(p->a, tail));
    if (param->plain && kinds == &coding_kinds) {
        const char *s = arena_strndup(p->a, system.s, system.len);
        int64_t key = search__key(p->tenant, param, KEY_CODE, code, STR(""));
        if (code.len && (!system.len || search__implied_system(p->registry->terminology, param, s,
                                                               arena_strndup(p->a, tail.s, tail.len))))
            search__criterion_key(p->a, c, key, key);
        else
            c->kind = CRIT_NONE;
        return true;
    }
    if (!system.len) {
        search__criterion_only_key(p->a, c, search__key(p->tenant, param, kinds->no_system, code, STR("")));
    } else if (!code.len) {
        search__criterion_only_key(p->a, c, search__key(p->tenant, param, kinds->system, system, STR("")));
    } else {
        int64_t lane = search__key(p->tenant, param, kinds->code, code, STR(""));
        search__criterion_key(p->a, c, search__key(p->tenant, param, kinds->system_code, system, code), lane);
        c->lane_exact = false;
    }
    return true;
}

static struct search_criterion *parse_of_type(struct search__parse *p, const struct search__arg *arg,
                                              struct str value)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    struct str rest, number, system = search__cut(value, '|', &rest);
    struct str code = rest.s ? search__cut(rest, '|', &number) : (struct str){0};
    if (!rest.s || !number.s || !system.len || !code.len || !number.len)
        return search__refuse(p, arg, ":of-type is written system|code|value, all three given");
    system = search__unescape(p->a, system);
    code = search__unescape(p->a, code);
    struct str both = str_of(arena_printf(p->a, "%.*s|%.*s", STR_FMT(system), STR_FMT(code)));
    search__criterion_only_key(
        p->a, c, search__key(p->tenant, arg->param, KEY_OF_TYPE, both, search__unescape(p->a, number)));
    return c;
}

static struct search_criterion *parse_text(struct search__parse *p, const struct search__arg *arg,
                                           struct str value)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_DICT, arg->param);
    c->type = arg->type;
    c->dict = DICT_TEXT;
    c->from = utf8_fold(p->a, search__unescape(p->a, value), TEXT_MAX);
    c->to = str_of(arena_printf(p->a, "%.*s\xF4\x8F\xBF\xBF", STR_FMT(c->from)));
    if (!c->from.len)
        c->kind = CRIT_NONE;
    return c;
}

struct search_criterion *search__parse_reference_identifier(struct search__parse *p,
                                                            const struct search__arg *arg, struct str value)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    if (!parse_code(p, arg, &identifier_kinds, FOLD_NONE, value, c))
        return NULL;
    c->lane = LANE_NONE;
    return c;
}

struct search_criterion *search__parse_token(struct search__parse *p, const struct search__arg *arg,
                                             struct str value)
{
    if (str_is(arg->modifier, "text"))
        return parse_text(p, arg, value);
    if (str_is(arg->modifier, "of-type"))
        return parse_of_type(p, arg, value);
    if (search__is_coded(arg->modifier))
        return search__parse_coded(p, arg, value);
    if (arg->modifier.s && !str_is(arg->modifier, "not"))
        return search__refuse(
            p, arg,
            "a token parameter takes :not, :text, :in, :not-in, :above, :below, :of-type and "
            ":missing here");
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    c->lane = arg->lane;
    c->lane_exact = true;
    return parse_code(p, arg, &coding_kinds, arg->param->fold, value, c) ? c : NULL;
}
