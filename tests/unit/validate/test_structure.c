#include "../../../src/validate/structure.h"

#include "support/test.h"

static struct arena a;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

static bool read(const char *text, const struct structure **out)
{
    struct err err;
    const void *made;
    if (!structure_read(&a, &a, test_json(&a, text), &made, &err))
        return false;
    *out = made;
    return true;
}

START_TEST(test_elements)
{
    const struct structure *s;
    ck_assert(read(
        "{\"url\":\"http://x/p\",\"version\":\"1\",\"type\":\"Patient\","
        "\"differential\":{\"element\":[{\"id\":\"Patient.name:a\",\"path\":\"Patient.name\",\"sliceName\":"
        "\"a\",\"min\":1,"
        "\"max\":\"*\",\"slicing\":{\"discriminator\":[{\"type\":\"exists\",\"path\":\"use\"}],\"rules\":"
        "\"openAtEnd\","
        "\"ordered\":true},\"type\":[{\"code\":\"Reference\",\"targetProfile\":[\"http://x/"
        "t\"],\"aggregation\":"
        "[\"bundled\",\"contained\"]}],\"patternString\":\"x\",\"maxLength\":3,\"binding\":{\"strength\":"
        "\"required\",\"valueSet\":\"http://x/v\"},\"constraint\":[{\"key\":\"k\",\"severity\":\"warning\","
        "\"expression\":\"true\"},{\"key\":\"without\"}]},{\"path\":\"Patient.photo\",\"max\":\"0\"},{"
        "\"min\":1}]}}",
        &s));
    ck_assert_str_eq(s->url, "http://x/p");
    ck_assert_uint_eq(s->n_differential, 2);
    const struct structure_element *e = &s->differential[0];
    ck_assert_str_eq(e->slice, "a");
    ck_assert_int_eq(e->min, 1);
    ck_assert_int_eq(e->max, FHIR_MANY);
    ck_assert_int_eq(e->max_length, 3);
    ck_assert_int_eq(e->min_length, -1);
    ck_assert(e->slicing->ordered && e->slicing->rules == STRUCTURE_OPEN_AT_END);
    ck_assert_int_eq(e->slicing->by[0].type, STRUCTURE_EXISTS);
    ck_assert_uint_eq(e->types[0].aggregation, STRUCTURE_BUNDLED | STRUCTURE_CONTAINED);
    ck_assert_str_eq(e->types[0].targets[0].url, "http://x/t");
    ck_assert_str_eq(e->pattern->valuestring, "x");
    ck_assert_ptr_null(e->fixed);
    ck_assert_int_eq(e->strength, FHIR_BIND_REQUIRED);
    ck_assert_uint_eq(e->n_constraints, 1);
    ck_assert(e->constraints[0].warning);
    ck_assert_int_eq(s->differential[1].max, 0);
    ck_assert_int_eq(s->differential[1].min, -1);
}
END_TEST

/* A snapshot is kept only where it may be asked for. */
START_TEST(test_snapshot)
{
    const struct structure *s;
#define ELEMENTS(name) "\"" name "\":{\"element\":[{\"path\":\"Patient\"}]}"
    ck_assert(read("{\"url\":\"u\",\"type\":\"Patient\",\"baseDefinition\":\"http://hl7.org/fhir/"
                   "StructureDefinition/Patient\"," ELEMENTS("differential") "," ELEMENTS("snapshot") "}",
                   &s));
    ck_assert_uint_eq(s->n_snapshot, 0);
    ck_assert(read("{\"url\":\"u\",\"type\":\"Patient\",\"baseDefinition\":\"http://x/p\"," ELEMENTS(
                       "differential") "," ELEMENTS("snapshot") "}",
                   &s));
    ck_assert_uint_eq(s->n_snapshot, 1);
    ck_assert(read("{\"url\":\"u\",\"type\":\"Patient\",\"baseDefinition\":\"http://hl7.org/fhir/"
                   "StructureDefinition/Patient\"," ELEMENTS("snapshot") "}",
                   &s));
    ck_assert_uint_eq(s->n_snapshot, 1);
}
END_TEST

START_TEST(test_nonsense)
{
    const struct structure *s;
    ck_assert(!read("{\"type\":\"Patient\"}", &s));
    ck_assert(!read("{\"url\":\"http://x/p\"}", &s));
    ck_assert(read("{\"url\":\"u\",\"type\":\"Patient\",\"differential\":{\"element\":[{\"path\":\"Patient\","
                   "\"min\":-1,\"max\":\"many\","
                   "\"type\":[{}],\"slicing\":7,\"constraint\":[null]},7]}}",
                   &s));
    ck_assert_uint_eq(s->n_differential, 1);
    ck_assert_int_eq(s->differential[0].min, -1);
    ck_assert_int_eq(s->differential[0].max, -1);
    ck_assert_uint_eq(s->differential[0].n_types, 0);
}
END_TEST

Suite *suite_validate_structure(void)
{
    Suite *s = suite_create("validate_structure");
    TCase *t = tcase_create("structure");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_elements);
    tcase_add_test(t, test_snapshot);
    tcase_add_test(t, test_nonsense);
    suite_add_tcase(s, t);
    return s;
}
