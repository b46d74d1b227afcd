#include "support.h"

static const char *const wrong[] = {
    "hide Patient name", "seal",           "seal Patiant name",         "seal Patient nom",
    "seal Patient",      "keep HumanName", "year Patient deceasedDate", "year Patient name",
    "person string",
};

START_TEST(refused)
{
    struct identity_test t;
    const struct identity_policy *p;
    struct err err;
    identity_test_init(&t);
    struct str text = str_of(arena_printf(&t.a, "# a table\n\n%s\n", wrong[_i]));
    ck_assert(!identity_policy_new(&t.a, t.defs, text, &p, &err));
    ck_assert_int_eq(err.line, 3);
    identity_test_release(&t);
}
END_TEST

static bool seals(const struct identity_test *t, const char *type, const char *element)
{
    const struct fhir_element *e = fhir_element_by_name(fhir_type(t->defs, type), element);
    return identity_policy_seals(t->policy, e, e->types[0].type);
}

START_TEST(asked)
{
    struct identity_test t;
    const struct identity_policy *p;
    struct err err;
    identity_test_init(&t);
    ck_assert(seals(&t, "Patient", "name"));
    ck_assert(seals(&t, "Patient", "birthDate"));
    ck_assert(seals(&t, "Patient", "address"));
    ck_assert(seals(&t, "HumanName", "given"));
    ck_assert(seals(&t, "Address", "city"));
    ck_assert(!seals(&t, "Address", "state"));
    ck_assert(seals(&t, "Patient.contact", "gender"));
    ck_assert(!seals(&t, "Patient", "gender"));
    ck_assert(!seals(&t, "Patient", "maritalStatus"));
    ck_assert(!seals(&t, "Observation", "subject"));
    ck_assert(!seals(&t, "Observation", "code"));
    ck_assert(seals(&t, "Observation", "identifier"));
    ck_assert(identity_policy_seals(t.policy, NULL, NULL));
    ck_assert(identity_policy_keeps(t.policy, fhir_type(t.defs, "Organization")));
    ck_assert(!identity_policy_keeps(t.policy, fhir_type(t.defs, "Patient")));
    ck_ok(identity_policy_new(&t.a, t.defs, STR("seal HumanName"), &p, &err));
    ck_assert_uint_ne(identity_policy_print(p), identity_policy_print(t.policy));
    identity_test_release(&t);
}
END_TEST

Suite *suite_identity_policy(void)
{
    Suite *s = suite_create("identity_policy");
    TCase *t = tcase_create("policy");
    tcase_add_loop_test(t, refused, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(t, asked);
    suite_add_tcase(s, t);
    return s;
}
