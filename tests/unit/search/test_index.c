/* What is kept of a resource. */
#include "../../../src/search/internal.h"
#include "support/search.h"

static struct test_search t;
static struct search_index x;

static void setup(void)
{
    test_search_init(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static void index_text(const char *text)
{
    test_search_index(&t, test_json(&t.a, text), &x);
}

static bool has_key(int64_t key)
{
    for (size_t i = 0; i < x.n_keys; i++)
        if (x.keys[i] == key)
            return true;
    return false;
}

static const struct search_param *param(const char *type, const char *code)
{
    return search__slot(t.registry, fhir_type(t.defs, type), str_of(code))->param;
}

static int64_t h(const char *type, const char *id)
{
    return search_hash_id(&t.tenant, fhir_type(t.defs, type), str_of(id));
}

static const char observation[] =
    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\","
    "\"meta\":{\"profile\":[\"http://p.example|1\"],\"tag\":[{\"system\":\"http://"
    "t.example\",\"code\":\"T\"}]},"
    "\"subject\":{\"reference\":\"Patient/1\"},\"encounter\":{\"reference\":\"https://kagari.test/fhir/"
    "Encounter/2\"},"
    "\"code\":{\"coding\":[{\"system\":\"http://"
    "loinc.org\",\"code\":\"A\"},{\"code\":\"B\"},{\"code\":\"a\"}]},"
    "\"category\":[{\"coding\":[{\"code\":\"lab\"}]}],"
    "\"effectivePeriod\":{\"start\":\"2021-01-01T00:00:00Z\"},\"valueQuantity\":{\"value\":1.10}}";

START_TEST(test_lanes)
{
    index_text(observation);
    int64_t code = search__key(&t.tenant, param("Observation", "code"), KEY_CODE, STR("a"), STR(""));
    ck_assert_int_eq(x.h, h("Observation", "o"));
    ck_assert_int_eq(x.pat, h("Patient", "1"));
    ck_assert_int_eq(x.code, code);
    ck_assert(x.cat != 0);
    ck_assert_int_eq(x.dt, INT64_C(1609459200000000));
    ck_assert_int_gt(x.dt_hi, x.dt);
    ck_assert(x.dt_hi - x.dt > 0); /* an open end is no overflow */
    ck_str_eq(x.q, "1.10");
    ck_assert_uint_eq(x.n_ovfs, 1); /* B; the third is the first in another case */
    ck_assert_int_eq(x.ovfs[0].lane, LANE_CODE);
}
END_TEST

START_TEST(test_no_values_no_lanes)
{
    index_text("{\"resourceType\":\"Observation\",\"id\":\"o\",\"subject\":{\"reference\":\"Group/1\"}}");
    ck_assert_int_eq(x.pat, 0);
    ck_assert_int_eq(x.code, 0);
    ck_assert_int_eq(x.dt, SEARCH_NO_DATE);
    ck_assert_int_eq(x.dt_hi, SEARCH_NO_DATE);
    ck_assert(x.q.s == NULL);
}
END_TEST

START_TEST(test_keys_can_be_computed_from_the_target)
{
    index_text(observation);
    ck_assert(has_key(h("Patient", "1") ^ search__ref(&t.tenant, param("Observation", "subject"))));
    ck_assert(has_key(h("Encounter", "2") ^ search__ref(&t.tenant, param("Observation", "encounter"))));
    ck_assert(has_key(h("Patient", "1") ^ search__compartment(&t.tenant, fhir_type(t.defs, "Patient"),
                                                              fhir_type(t.defs, "Observation"))));
    for (size_t i = 1; i < x.n_keys; i++)
        ck_assert_int_gt(x.keys[i], x.keys[i - 1]);
}
END_TEST

START_TEST(test_labels)
{
    index_text(observation);
    ck_assert_uint_eq(x.n_labels, 2);
    for (size_t i = 0; i < x.n_labels; i++)
        ck_assert(has_key(x.labels[i]));
}
END_TEST

START_TEST(test_references_of_this_server)
{
    index_text(
        "{\"resourceType\":\"Provenance\",\"id\":\"p\",\"target\":[{\"reference\":\"Patient/1\"},"
        "{\"reference\":\"https://other.example/fhir/Patient/2\"},{\"reference\":\"#c\"},"
        "{\"reference\":\"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0\"}],"
        "\"agent\":[{\"who\":{\"reference\":\"https://kagari.test/fhir/Practitioner/3/_history/2\"}}]}");
    ck_assert_uint_eq(x.n_refs, 2);
    ck_str_eq(x.refs[0].id, "1");
    ck_assert_str_eq(x.refs[0].expression, "Provenance.target");
    ck_assert_str_eq(x.refs[1].type->name, "Practitioner");
    ck_assert_str_eq(x.refs[1].expression, "Provenance.agent.who");
}
END_TEST

START_TEST(test_strings_are_folded_and_kept)
{
    index_text(
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"family\":\"Müller\"},{\"family\":\"abc\"},"
        "{\"family\":\"abc\"}]}");
    int seen = 0;
    for (size_t i = 0; i < x.n_strs; i++) {
        if (x.strs[i].param != param("Patient", "family")->id)
            continue;
        seen++;
        if (str_is(x.strs[i].val, "muller"))
            ck_str_eq(x.strs[i].raw, "Müller");
        else
            ck_assert(x.strs[i].raw.s == NULL && str_is(x.strs[i].val, "abc"));
    }
    ck_assert_int_eq(seen, 2);
}
END_TEST

START_TEST(test_ix_is_of_the_side_rows)
{
    t.tenant.text = SEARCH_TEXT_NONE;
    index_text(
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"family\":\"a\",\"given\":[\"b\",\"c\"]}]}");
    int64_t first = x.ix;
    index_text(
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"given\":[\"c\",\"b\"],\"family\":\"a\"}],"
        "\"gender\":\"male\"}");
    ck_assert_int_eq(x.ix, first);
    index_text(
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"family\":\"a\",\"given\":[\"b\",\"d\"]}]}");
    ck_assert_int_ne(x.ix, first);
    index_text(
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"family\":\"b\",\"given\":[\"a\",\"c\"]}]}");
    ck_assert_int_ne(x.ix, first);
    t.tenant.text = SEARCH_TEXT_CONTENT;
    index_text("{\"resourceType\":\"Patient\",\"id\":\"p\",\"gender\":\"male\"}");
    first = x.ix;
    index_text("{\"resourceType\":\"Patient\",\"id\":\"p\",\"gender\":\"female\"}");
    ck_assert_int_ne(x.ix, first);
}
END_TEST

START_TEST(test_other_tenants_have_other_keys)
{
    index_text(observation);
    int64_t key = x.keys[0], code = x.code;
    t.tenant.key.k0++;
    index_text(observation);
    ck_assert(!has_key(key));
    ck_assert_int_ne(x.code, code);
}
END_TEST

static const struct search_index_num *quantity(const char *value, const char *unit)
{
    index_text(arena_printf(
        &t.a, "{\"resourceType\":\"Observation\",\"id\":\"o\",\"valueQuantity\":{\"value\":%s,%s}}", value,
        unit));
    ck_assert_uint_eq(x.n_nums, 1);
    return &x.nums[0];
}
#define UCUM(code) "\"system\":\"http://unitsofmeasure.org\",\"code\":\"" code "\""

START_TEST(test_quantities_in_standard_units)
{
    const struct search_index_num *mol = quantity("0.0054", UCUM("mol/L")),
                                  *mmol = quantity("5.40", UCUM("mmol/L"));
    ck_str_eq(mmol->lo, "5.40");
    ck_str_eq(mmol->slo, "3251953818000000000000000");
    ck_str_eq(x.q, "5.40");
    ck_assert(str_eq(mol->slo, mmol->slo) && str_eq(x.q_standard, mmol->slo));
    ck_assert_int_eq(x.q_unit, mmol->sc);
    ck_assert_int_eq(mol->sc, mmol->sc);
    ck_assert_int_ne(mol->c, mmol->c);
    const struct search_index_num *less = quantity("5", "\"comparator\":\"<\"," UCUM("mmol/L"));
    ck_str_eq(less->slo, "-Infinity");
    ck_assert(x.q.s == NULL && x.q_standard.s == NULL && x.q_unit == 0);
    /* Another system's, and what is no unit, stay as they are. */
    const struct search_index_num *other = quantity("5", "\"system\":\"http://u.example\",\"code\":\"kg\"");
    ck_str_eq(other->slo, "5");
    ck_str_eq(x.q_standard, "5");
    ck_assert_int_eq(x.q_unit, other->sc);
    ck_assert_int_ne(other->sc, quantity("5", UCUM("kg"))->sc);
    ck_str_eq(quantity("5", UCUM("kgs"))->slo, "5");
    ck_assert_int_eq(quantity("5", "\"unit\":\"kg\"")->sc, 0);
}
END_TEST

START_TEST(test_numbers_beyond_all_measure)
{
    static const char *const numbers[] = {"1e10001", "1e-999999", "1e999999999999"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        index_text(arena_printf(
            &t.a, "{\"resourceType\":\"Observation\",\"id\":\"o\",\"valueQuantity\":{\"value\":%s}}",
            numbers[i]));
        ck_assert_uint_eq(x.n_nums, 0);
    }
    ck_str_eq(quantity("1e-9999", UCUM("ym"))->lo, "1e-9999");
}
END_TEST

Suite *suite_search_index(void)
{
    Suite *s = suite_create("search_index");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_lanes);
    tcase_add_test(c, test_no_values_no_lanes);
    tcase_add_test(c, test_keys_can_be_computed_from_the_target);
    tcase_add_test(c, test_labels);
    tcase_add_test(c, test_references_of_this_server);
    tcase_add_test(c, test_strings_are_folded_and_kept);
    tcase_add_test(c, test_ix_is_of_the_side_rows);
    tcase_add_test(c, test_other_tenants_have_other_keys);
    tcase_add_test(c, test_quantities_in_standard_units);
    tcase_add_test(c, test_numbers_beyond_all_measure);
    suite_add_tcase(s, c);
    return s;
}
