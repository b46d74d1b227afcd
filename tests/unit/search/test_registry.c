/* What is found out about the parameters when they are compiled: types of values, lanes, unions. */
#include "../../../src/search/internal.h"
#include "support/search.h"

static struct test_search t;

static void setup(void)
{
    test_search_init(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static const struct search__slot *slot(const char *type, const char *code)
{
    const struct search__slot *s = search__slot(t.registry, fhir_type(t.defs, type), str_of(code));
    ck_assert_msg(s != NULL, "%s.%s", type, code);
    return s;
}

static struct str types(const char *type, const char *code)
{
    const struct search__leaves *l = &slot(type, code)->param->leaves;
    struct buf b;
    buf_init(&b, &t.a, 64);
    for (size_t i = 0; i < l->n; i++)
        buf_addf(&b, "%s%s", i ? " " : "", l->items[i].type->name);
    buf_adds(&b, l->single ? "" : " many");
    buf_adds(&b, l->known ? "" : " ?");
    return buf_str(&b);
}

START_TEST(test_types_of_values)
{
    static const struct {
        const char *type, *code, *types;
    } params[] = {
        {"Patient", "gender", "code"},
        {"Patient", "family", "string many"},
        {"Patient", "deceased", "boolean"},
        {"Patient", "death-date", "dateTime"},
        {"Patient", "phone", "ContactPoint many"},
        {"Patient", "_tag", "Coding many"},
        {"Observation", "date", "dateTime Period Timing instant"},
        {"Observation", "value-string", "string many"},
        {"Observation", "combo-value-quantity", "Quantity SampledData many"},
        {"Observation", "patient", "Reference"},
        {"Condition", "onset-date", "dateTime Period"},
        {"Bundle", "composition", "Resource many"},
        {"Device", "din", "Extension many ?"},
    };
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++)
        ck_str_eq(types(params[i].type, params[i].code), params[i].types);
}
END_TEST

START_TEST(test_targets_that_resolve_narrows)
{
    const struct search_param *p = slot("Observation", "patient")->param;
    ck_assert_int_eq(p->n_targets, 1);
    ck_assert_str_eq(p->targets[0]->name, "Patient");
    ck_assert_int_gt(slot("Observation", "subject")->param->n_targets, 1);
}
END_TEST

START_TEST(test_how_tokens_compare)
{
    ck_assert_int_eq(slot("Patient", "gender")->param->fold, FOLD_CASE);
    ck_assert_int_eq(slot("Patient", "identifier")->param->fold, FOLD_NONE);
    ck_assert_int_eq(slot("Patient", "email")->param->fold, FOLD_CONTACT);
    ck_assert(slot("Patient", "gender")->param->plain && slot("Patient", "deceased")->param->plain);
    ck_assert(!slot("Patient", "identifier")->param->plain && !slot("Device", "din")->param->plain);
}
END_TEST

static const char *const lane_names[] = {[LANE_PAT] = "patient",
                                         [LANE_CODE] = "code",
                                         [LANE_CAT] = "category",
                                         [LANE_DATE] = "date",
                                         [LANE_QUANTITY] = "quantity"};
static const enum fhir_search_type lane_types[] = {[LANE_PAT] = FHIR_SEARCH_REFERENCE,
                                                   [LANE_CODE] = FHIR_SEARCH_TOKEN,
                                                   [LANE_CAT] = FHIR_SEARCH_TOKEN,
                                                   [LANE_DATE] = FHIR_SEARCH_DATE,
                                                   [LANE_QUANTITY] = FHIR_SEARCH_QUANTITY};

START_TEST(test_lanes_hold_single_values)
{
    int n = 0;
    for (int i = 0; i < fhir_resource_count(t.defs); i++) {
        const struct search__type *type = search__type(t.registry, fhir_resource_at(t.defs, i));
        for (int j = 0; j < type->n; j++) {
            const struct search__slot *s = &type->slots[j];
            if (s->lane == LANE_SHARED) {
                ck_assert_int_eq(s->param->def->type, FHIR_SEARCH_REFERENCE);
                continue;
            }
            if (!s->lane)
                continue;
            n++;
            const char *where = arena_printf(&t.a, "%s.%s feeds %s", type->type->name, s->param->def->code,
                                             lane_names[s->lane]);
            ck_assert_msg(s->param->def->type == lane_types[s->lane], "%s", where);
            ck_assert_msg(s->param->leaves.single || s->lane == LANE_CODE || s->lane == LANE_CAT, "%s",
                          where);
            ck_assert_msg(!s->n_parts, "%s", where);
        }
    }
    ck_assert_int_eq(n, search__lane_count()); /* every name in the table is a parameter */
}
END_TEST

START_TEST(test_unions)
{
    const struct search__slot *s = slot("Observation", "combo-code");
    ck_assert_int_eq(s->n_parts, 2);
    ck_assert_str_eq(s->parts[0]->param->def->code, "code");
    ck_assert_str_eq(s->parts[1]->param->def->code, "component-code");
    ck_assert_int_eq(slot("Observation", "combo-code-value-quantity")->n_parts, 2);
    ck_assert_int_eq(slot("Observation", "code")->n_parts, 0);
    ck_assert_int_eq(slot("Patient", "name")->n_parts, 0);
}
END_TEST

Suite *suite_search_registry(void)
{
    Suite *s = suite_create("search_registry");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_types_of_values);
    tcase_add_test(c, test_targets_that_resolve_narrows);
    tcase_add_test(c, test_how_tokens_compare);
    tcase_add_test(c, test_lanes_hold_single_values);
    tcase_add_test(c, test_unions);
    suite_add_tcase(s, c);
    return s;
}
