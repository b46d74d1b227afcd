/*
 * What a single value must be: fixed[x], pattern[x] (elementdefinition.html#fixed, #pattern), minValue[x], maxValue[x] and
 * lengths.
 */
#include "fhir/datetime.h"
#include "fhir/ucum.h"
#include "fhir/xhtml.h"
#include "profile.h"

/* ---- fixed and pattern ------------------------------------------------------------------------------------- */

static bool scalar(const json *n)
{
    return !json_is_object(n) && !json_is_array(n);
}

/* A pattern's array wants each of its items somewhere, in any order; a fixed value's the same items in order. */
bool profile__equals(const json *wanted, bool pattern, const json *found)
{
    if (!pattern || scalar(wanted))
        return found && json_equal(wanted, found);
    if (json_is_array(wanted)) {
        json_each (item, wanted) {
            bool any = false;
            json_each (f, json_is_array(found) ? found : NULL)
                any = any || profile__equals(item, true, f);
            if (!any)
                return false;
        }
        return true;
    }
    if (!json_is_object(found))
        return false;
    json_each (m, wanted)
        if (!profile__equals(m, true, json_get(found, m->string)))
            return false;
    return true;
}

/* What is wanted, for texts; it is the profile's, not the record's. */
static const char *shown(struct profile__pass *x, const json *wanted)
{
    struct str text = json_text(x->w->a, wanted);
    return arena_printf(x->w->a, "%.*s%s", (int)(text.len < 200 ? text.len : 200), text.s,
                        text.len < 200 ? "" : "…");
}

static void refuse(struct profile__pass *x, const json *wanted, bool pattern, struct validate__place *at)
{
    const char *path = at->element ? at->element->path : at->name;
    if (pattern)
        profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s must contain %s", path, shown(x, wanted));
    else
        profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s must be %s", path, shown(x, wanted));
}

static void compare(struct profile__pass *x, const json *wanted, bool pattern, struct validate__place *at);

/* Member by member, so that each difference is told where it is. */
static void members(struct profile__pass *x, const json *wanted, bool pattern, struct validate__place *at)
{
    json_each (m, wanted) {
        const struct fhir_type *type;
        const struct fhir_element *e = fhir_child(at->type, m->string, &type);
        const json *found = json_get(at->node, m->string);
        struct validate__place below = {.up = at,
                                        .name = e ? e->name : m->string,
                                        .index = -1,
                                        .type = type,
                                        .element = e,
                                        .node = found};
        if (!e || !found)
            profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s: %s must be there, as %s",
                          at->element ? at->element->path : at->name, m->string, shown(x, m));
        else
            compare(x, m, pattern, &below);
    }
    json_each (m, pattern ? NULL : at->node)
        if (!json_get(wanted, m->string))
            profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s: the fixed value has no %s, leave it out",
                          at->element ? at->element->path : at->name,
                          validate__quote(x->w->a, m->string, "such property"));
}

static void compare(struct profile__pass *x, const json *wanted, bool pattern, struct validate__place *at)
{
    if (json_is_object(wanted) && json_is_object(at->node)) {
        members(x, wanted, pattern, at);
    } else if (pattern && json_is_array(wanted)) {
        json_each (item, wanted) {
            bool any = false;
            json_each (f, json_is_array(at->node) ? at->node : NULL)
                any = any || profile__equals(item, true, f);
            if (!any)
                refuse(x, item, true, at);
        }
    } else if (!profile__equals(wanted, pattern, at->node)) {
        refuse(x, wanted, pattern, at);
    }
}

void profile__fixed(struct profile__pass *x, const json *wanted, bool pattern, struct validate__place *at)
{
    if (at->node && !profile__equals(wanted, pattern, at->node))
        compare(x, wanted, pattern, at);
}

/* ---- ranges ------------------------------------------------------------------------------------------------- */

/* -1, 0, 1; 2: they cannot be compared. */
static int numbers(struct arena *a, const json *x, const json *y)
{
    struct decimal left, right;
    if (!json_is_number(x) || !json_is_number(y) || !decimal_parse(a, str_of(x->valuestring), &left) ||
        !decimal_parse(a, str_of(y->valuestring), &right))
        return 2;
    int order = decimal_compare(a, &left, &right);
    return order < 0 ? -1 : order > 0;
}

static bool canonical(const struct validate__walk *w, struct arena *a, const json *quantity,
                      struct decimal *value, struct str *unit)
{
    const json *number = json_get(quantity, "value");
    const char *system = json_get_string(quantity, "system"), *code = json_get_string(quantity, "code");
    const struct ucum *ucum = fhir_ucum(w->v->defs);
    struct ucum_unit u;
    struct decimal given;
    if (!json_is_number(number) || !code || !system || strcmp(system, UCUM_SYSTEM) != 0 ||
        !ucum_parse(ucum, a, str_of(code), &u) || u.scale == UCUM_MIXED ||
        !decimal_parse(a, str_of(number->valuestring), &given))
        return false;
    *value = ucum_canonical(a, &given, &u);
    *unit = ucum_canonical_code(ucum, a, &u);
    return true;
}

static int quantities(const struct validate__walk *w, const json *x, const json *y)
{
    const char *left = json_get_string(x, "code"), *right = json_get_string(y, "code");
    if (!right || (left && strcmp(left, right) == 0))
        return numbers(w->a, json_get(x, "value"), json_get(y, "value"));
    struct decimal one, two;
    struct str unit_one, unit_two;
    if (!canonical(w, w->a, x, &one, &unit_one) || !canonical(w, w->a, y, &two, &unit_two) ||
        !str_eq(unit_one, unit_two))
        return 2;
    int order = decimal_compare(w->a, &one, &two);
    return order < 0 ? -1 : order > 0;
}

/* Dates as far as they tell: 2020-01 is neither before nor after 2020-01-15. Times of the day as they are written. */
static int texts(const char *x, const char *y)
{
    struct fhir_datetime one, two;
    if (!fhir_datetime_parse(str_of(x), &one) || !fhir_datetime_parse(str_of(y), &two)) {
        int order = strcmp(x, y);
        return order < 0 ? -1 : order > 0;
    }
    int64_t from_one, to_one, from_two, to_two;
    fhir_datetime_range(&one, 0, &from_one, &to_one);
    fhir_datetime_range(&two, 0, &from_two, &to_two);
    return to_one < from_two ? -1 : from_one > to_two ? 1 : 2;
}

static int order_of(const struct validate__walk *w, const json *found, const json *bound)
{
    if (json_is_object(found) && json_is_object(bound))
        return quantities(w, found, bound);
    if (json_is_string(found) && json_is_string(bound))
        return texts(found->valuestring, bound->valuestring);
    return numbers(w->a, found, bound);
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

static void lengths(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    if ((n->max_length < 0 && n->min_length < 0) || !json_is_string(at->node))
        return;
    size_t len = characters(at->node->valuestring);
    if (n->max_length >= 0 && len > (size_t)n->max_length)
        profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s has %zu characters, at most %d are allowed",
                      n->id, len, (int)n->max_length);
    if (n->min_length >= 0 && len < (size_t)n->min_length)
        profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s has %zu characters, at least %d are required",
                      n->id, len, (int)n->min_length);
}

void profile__range(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    lengths(x, n, at);
    if (n->min_value && at->node && order_of(x->w, at->node, n->min_value) == -1)
        profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s is less than what is allowed: %s", n->id,
                      shown(x, n->min_value));
    if (n->max_value && at->node && order_of(x->w, at->node, n->max_value) == 1)
        profile__find(x, at, ISSUE_ERROR, "value", NULL, "%s is greater than what is allowed: %s", n->id,
                      shown(x, n->max_value));
}

/* ---- narratives ----------------------------------------------------------------------------------------------- */

/* Is there a section in the language; "": in any? */
static bool has_section(const struct fhir_xhtml *div, const char *language)
{
    for (size_t i = 0; i < div->n_marks; i++)
        if (div->marks[i].mark == FHIR_XHTML_SECTION &&
            (!*language || strcasecmp(div->marks[i].value, language) == 0))
            return true;
    return false;
}

static void sections(struct profile__pass *x, const struct fhir_xhtml *div, const char *wanted,
                     const struct validate__place *at)
{
    const struct validate__scope *s = x->w->scope;
    const char *language = wanted[0] != '_' ? wanted : "";
    if (strcmp(wanted, "_resource") == 0)
        language = json_get_string(s->node, "language");
    if (strcmp(wanted, "_no") == 0) {
        if (has_section(div, ""))
            profile__find(x, at, ISSUE_ERROR, "business-rule", NULL,
                          "The narrative has sections for languages, where there are to be none");
    } else if (language && !has_section(div, language)) {
        profile__find(x, at, ISSUE_ERROR, "business-rule", NULL,
                      *language ? "The narrative has no section in the language that is asked for"
                                : "The narrative has no sections for languages, where there are to be some");
    }
}

void profile__narrative(struct profile__pass *x, const struct structure_narrative *wanted,
                        struct validate__place *at)
{
    const char *text = json_get_string(at->node, "div");
    struct fhir_xhtml div;
    if (!text)
        return;
    fhir_xhtml_read(x->w->a, str_of(text), &div);
    for (int i = 0; wanted->sourced && i < div.unsourced; i++)
        profile__find(
            x, at, ISSUE_ERROR, "business-rule", NULL,
            "A part of the narrative does not tell by its class where it is from: boilerplate, generated "
            "or original");
    for (size_t i = 0; i < wanted->n_languages; i++)
        sections(x, &div, wanted->languages[i], at);
}
