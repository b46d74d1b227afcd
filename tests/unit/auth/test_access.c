#include "../../../src/auth/internal.h"
#include "support/test.h"

static struct arena a;
static const struct fhir_defs *defs;

static void begin(void)
{
    struct err err;
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&a, &defs, &err));
}

static void end(void)
{
    arena_release(&a);
}

static const char *audiences[] = {"https://ours/fhir"};
static const struct auth__settings settings = {
    .issuer = "", .audiences = {1, audiences}, .base = "", .confidentiality = 3};

static const struct search_access *access_of(const char *claims, enum auth_right right)
{
    struct auth_principal *p = ARENA_NEW(&a, struct auth_principal);
    struct err err;
    json *all = test_json(&a, claims);
    json_add_string(&a, all, "aud", audiences[0]);
    json_add_string(&a, all, "sub", "s");
    json_add(&a, all, "exp", json_int(&a, 2000000000));
    if (!auth__principal(&(struct auth__state){.settings = settings}, false, defs, &a, all,
                         INT64_C(1700000000000000), p, &err))
        return NULL;
    const struct search_access *x = auth_access(p, right, &a, defs, NULL, NULL, STR(""), NULL);
    return x ? x : (const struct search_access *)-1; /* everything */
}

/* How many groups, and whose compartment the first one is; all: no predicate is needed; n -1: nothing is granted. */
static const struct {
    const char *claims;
    enum auth_right right;
    int n;
    const char *patient;
    bool all;
} cases[] = {
    {"{\"scope\":\"system/*.rs\"}", AUTH_READ, 0, NULL, true},
    {"{\"scope\":\"system/*.rs\"}", AUTH_UPDATE, 0, NULL, false},
    {"{\"scope\":\"system/*.rs\",\"confidentiality\":\"R\"}", AUTH_READ, 1, NULL, false},
    {"{\"scope\":\"system/*.rs\",\"purpose_of_use\":\"TREAT\"}", AUTH_READ, 1, NULL, false},
    {"{\"scope\":\"user/*.rs\"}", AUTH_READ, 1, NULL, false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"Practitioner/1\"}", AUTH_READ, 1, NULL, false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"https://elsewhere/fhir/Practitioner/1\"}", AUTH_READ, 1, NULL,
     false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"Patient/1\"}", AUTH_READ, 1, "1", false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"https://ours/fhir/Patient/1\"}", AUTH_READ, 1, "1", false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"https://elsewhere/fhir/Patient/1\"}", AUTH_READ, -1, NULL,
     false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"RelatedPerson/1\"}", AUTH_READ, 0, NULL, false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"Person/1\"}", AUTH_READ, -1, NULL, false},
    {"{\"scope\":\"user/*.rs\",\"fhirUser\":\"nonsense\"}", AUTH_READ, -1, NULL, false},
    {"{\"scope\":\"patient/*.rs\"}", AUTH_READ, -1, NULL, false},
    {"{\"scope\":\"patient/*.rs\",\"patient\":\"2\"}", AUTH_READ, 1, "2", false},
    {"{\"scope\":\"patient/*.rs\",\"patient\":\"Patient/2\"}", AUTH_READ, 1, "2", false},
    {"{\"scope\":\"patient/*.rs\",\"patient\":\"Group/2\"}", AUTH_READ, -1, NULL, false},
    {"{\"scope\":\"patient/*.rs\",\"patient\":\"\",\"fhirUser\":\"Patient/1\"}", AUTH_READ, -1, NULL, false},
    {"{\"scope\":\"patient/*.rs\",\"patient\":\"2\",\"fhirUser\":\"Patient/1\"}", AUTH_READ, 1, "2", false},
    {"{\"scope\":\"patient/*.rs user/*.r\",\"patient\":\"2\"}", AUTH_READ, 2, NULL, false},
    {"{\"scope\":\"patient/*.rs\",\"patient\":\"2\"}", AUTH_UPDATE, 0, NULL, false},
};

START_TEST(each_case)
{
    const struct search_access *x = access_of(cases[_i].claims, cases[_i].right);
    ck_assert_int_eq(x == (const struct search_access *)-1, cases[_i].all);
    ck_assert_int_eq(x == NULL, cases[_i].n < 0);
    if (cases[_i].all || cases[_i].n < 0)
        return;
    ck_assert_uint_eq(x->n_groups, (size_t)cases[_i].n);
    for (size_t i = 0; i < x->n_groups; i++)
        ck_assert_uint_eq(x->groups[i].n_grants, 1);
    if (cases[_i].n == 1) {
        ck_assert_int_eq(x->groups[0].compartment != NULL, cases[_i].patient != NULL);
        ck_assert(!cases[_i].patient || str_is(x->groups[0].id, cases[_i].patient));
    }
}
END_TEST

START_TEST(restrictions_are_decoded)
{
    const struct search_access *x = access_of(
        "{\"scope\":\"system/Observation.rs?code=a%7Cb+c&status=final system/Basic.r?code system/Basic.r?\"}",
        AUTH_READ);
    ck_assert_uint_eq(x->groups[0].n_grants, 3);
    const struct search_grant *g = x->groups[0].grants;
    ck_assert_uint_eq(g[0].n_args, 2);
    ck_str_eq(g[0].args[0].value, "a|b c");
    for (int i = 0; i < 3; i++)
        ck_assert(g[i].restricted);
    ck_assert_uint_eq(g[1].n_args + g[2].n_args, 0); /* which nothing passes */
}
END_TEST

Suite *suite_auth_access(void)
{
    Suite *s = suite_create("auth_access");
    TCase *t = tcase_create("access");
    tcase_add_unchecked_fixture(t, begin, end);
    tcase_add_loop_test(t, each_case, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(t, restrictions_are_decoded);
    suite_add_tcase(s, t);
    return s;
}
