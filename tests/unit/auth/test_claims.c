#include "../../../src/auth/internal.h"
#include "support/test.h"

#define NOW 1700000000 /* seconds */

static struct arena shared;
static const struct fhir_defs *defs;

static void load_defs(void)
{
    struct err err;
    arena_init(&shared, 0);
    ck_ok(fhir_defs_load(&shared, &defs, &err));
}

static void free_defs(void)
{
    arena_release(&shared);
}

static const char *audiences[] = {"https://fhir.example.org/fhir", "urn:example:other-name"};
static const struct auth__settings settings = {
    .issuer = "https://issuer.example.org",
    .audiences = {2, audiences},
    .skew_us = 60 * INT64_C(1000000),
};

static bool judge(struct arena *a, const char *claims, struct auth_principal *out, struct err *err)
{
    return auth__principal(&(struct auth__state){.settings = settings}, false, defs, a, test_json(a, claims),
                           NOW * INT64_C(1000000), out, err);
}

#define ISS   "\"iss\":\"https://issuer.example.org\","
#define AUD   "\"aud\":\"https://fhir.example.org/fhir\","
#define WHO   "\"sub\":\"s\","
#define EXP   "\"exp\":1700000300,"
#define SCOPE "\"scope\":\"system/Patient.rs\""

static const struct {
    const char *claims;
    const char *message; /* NULL: accepted */
    enum err_kind kind;
} cases[] = {
    {"{" ISS AUD WHO EXP SCOPE "}", NULL, 0},
    /* iss */
    {"{" AUD WHO EXP SCOPE "}", "another issuer", ERR_LOGIN},
    {"{\"iss\":\"https://issuer.example.org/\"," AUD WHO EXP SCOPE "}", "another issuer", ERR_LOGIN},
    {"{\"iss\":[\"https://issuer.example.org\"]," AUD WHO EXP SCOPE "}", "another issuer", ERR_LOGIN},
    /* aud */
    {"{" ISS "\"aud\":\"urn:example:other-name\"," WHO EXP SCOPE "}", NULL, 0},
    {"{" ISS "\"aud\":[\"x\",\"urn:example:other-name\"]," WHO EXP SCOPE "}", NULL, 0},
    {"{" ISS WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    {"{" ISS "\"aud\":[]," WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    {"{" ISS "\"aud\":null," WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    {"{" ISS "\"aud\":\"https://fhir.example.org/fhir2\"," WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    {"{" ISS "\"aud\":\"https://fhir.example.org\"," WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    {"{" ISS "\"aud\":[[\"https://fhir.example.org/fhir\"]]," WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    {"{" ISS "\"aud\":{\"a\":\"https://fhir.example.org/fhir\"}," WHO EXP SCOPE "}", "another server",
     ERR_LOGIN},
    {"{" ISS "\"aud\":[1,\"y\"]," WHO EXP SCOPE "}", "another server", ERR_LOGIN},
    /* exp, with 60 s of tolerance */
    {"{" ISS AUD WHO SCOPE "}", "no exp", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":1699999941," SCOPE "}", NULL, 0},
    {"{" ISS AUD WHO "\"exp\":1699999940," SCOPE "}", "expired", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":0," SCOPE "}", "expired", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":1700000000.5," SCOPE "}", NULL, 0},
    {"{" ISS AUD WHO "\"exp\":\"1700000300\"," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":null," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":true," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":-1," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":1e300," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":1e999," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO "\"exp\":1700000300000," SCOPE "}", "as numbers", ERR_LOGIN}, /* milliseconds */
    /* nbf, iat */
    {"{" ISS AUD WHO EXP "\"nbf\":1700000060," SCOPE "}", NULL, 0},
    {"{" ISS AUD WHO EXP "\"nbf\":1700000061," SCOPE "}", "not valid yet", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"nbf\":\"soon\"," SCOPE "}", "as numbers", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"iat\":1700000060," SCOPE "}", NULL, 0},
    {"{" ISS AUD WHO EXP "\"iat\":1700000061," SCOPE "}", "in the future", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"iat\":[1]," SCOPE "}", "as numbers", ERR_LOGIN},
    /* whose */
    {"{" ISS AUD EXP "\"client_id\":\"c\"," SCOPE "}", NULL, 0},
    {"{" ISS AUD EXP "\"azp\":\"c\"," SCOPE "}", NULL, 0},
    {"{" ISS AUD EXP SCOPE "}", "names nobody", ERR_LOGIN},
    {"{" ISS AUD EXP "\"sub\":\"\"," SCOPE "}", "names nobody", ERR_LOGIN},
    {"{" ISS AUD EXP "\"sub\":7," SCOPE "}", "names nobody", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"cnf\":{\"jkt\":\"x\"}," SCOPE "}", "bound to a key", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"cnf\":{}," SCOPE "}", "bound to a key", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"cnf\":\"x\"," SCOPE "}", "bound to a key", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"cnf\":null," SCOPE "}", "bound to a key", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"cnf\":{\"x5t#S256\":\"AAAA\"}," SCOPE "}", "bound to a key", ERR_LOGIN},
    {"{" ISS AUD WHO EXP
     "\"cnf\":{\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"jkt\":\"x\"}," SCOPE "}",
     "bound to a key", ERR_LOGIN},
    {"{" ISS AUD WHO EXP "\"cnf\":{\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}," SCOPE "}",
     NULL, 0},
    /* scope: whoever it is, it may do nothing */
    {"{" ISS AUD WHO "\"exp\":1700000300}", "no scope", ERR_FORBIDDEN},
    {"{" ISS AUD WHO EXP "\"scope\":[\"system/Patient.rs\"]}", "no scope", ERR_FORBIDDEN},
    {"{" ISS AUD WHO EXP "\"scope\":\"\"}", "None of the token's scopes", ERR_FORBIDDEN},
    {"{" ISS AUD WHO EXP "\"scope\":\"openid fhirUser launch/patient\"}", "None of the", ERR_FORBIDDEN},
    {"{" ISS AUD WHO EXP "\"scope\":\"patient/*.rs patient/Patient.r\"}", "None of the", ERR_FORBIDDEN},
    {"{" ISS AUD WHO EXP "\"scope\":\"system/*.rs?_tag=x\"}", NULL,
     0}, /* what it grants is asked of each resource */
    {"{" ISS AUD WHO EXP "\"scope\":\"system/HumanName.rs system/DomainResource.rs\"}", "None of the",
     ERR_FORBIDDEN},
    {"{" ISS AUD WHO EXP "\"scope\":\"system/Patient.sr\"}", "None of the", ERR_FORBIDDEN},
    /* what is wrong with the token comes before what it may do */
    {"{" ISS AUD WHO "\"exp\":5}", "expired", ERR_LOGIN},
};

START_TEST(each_case)
{
    struct arena a;
    arena_init(&a, 0);
    struct auth_principal p;
    struct err err;
    bool ok = judge(&a, cases[_i].claims, &p, &err);
    if (cases[_i].message) {
        ck_assert_msg(!ok, "%s", cases[_i].claims);
        ck_assert_msg(strstr(err.msg, cases[_i].message) != NULL, "'%s' lacks '%s'", err.msg,
                      cases[_i].message);
        ck_assert_int_eq(err.kind, cases[_i].kind);
    } else {
        ck_assert_msg(ok, "%s: %s", cases[_i].claims, err.msg);
    }
    arena_release(&a);
}
END_TEST

START_TEST(principal)
{
    struct arena a;
    arena_init(&a, 0);
    struct auth_principal p;
    struct err err;
    ck_ok(judge(&a,
                "{" ISS AUD
                "\"sub\":\"alice\",\"client_id\":\"emr\",\"azp\":\"ignored\",\"exp\":1700000300.25," SCOPE
                "}",
                &p, &err));
    ck_str_eq(p.subject, "alice");
    ck_str_eq(p.client, "emr");
    ck_str_eq(p.issuer, "https://issuer.example.org");
    ck_assert_int_eq(p.expires_us, INT64_C(1700000300250000));
    arena_release(&a);
}
END_TEST

#define C AUTH_CREATE
#define R AUTH_READ
#define U AUTH_UPDATE
#define D AUTH_DELETE
#define S AUTH_SEARCH

/* What a scope allows on Patient, on Observation and on everything. */
static const struct {
    const char *scope;
    unsigned patient, observation, all;
} grants[] = {
    {"system/Patient.rs", R | S, 0, 0},
    {"user/Patient.rs", R | S, 0, 0},
    {"system/*.rs", R | S, R | S, R | S},
    {"system/*.cruds", AUTH_ALL, AUTH_ALL, AUTH_ALL},
    {"system/Patient.r system/Patient.u user/Observation.write", R | U, C | U | D, 0},
    {"system/*.r system/Patient.c", R | C, R, R},
    {"  system/Patient.r   openid  ", R, 0, 0},
    {"system/explain system/Patient.r", R | AUTH_EXPLAIN, AUTH_EXPLAIN, AUTH_EXPLAIN},
    {"system/Patient.r system/explain.r user/explain", R, 0, 0},
    /* never widened */
    {"system/Patient.r patient/*.cruds", R, 0, 0},
    {"system/Patient.r patient/Patient.cruds", R, 0, 0},
    {"system/Patient.r system/*.cruds?_tag=x", AUTH_ALL, AUTH_ALL, AUTH_ALL},
    {"system/Patient.r system/Observation.rs?category=lab", R, R | S, 0},
    {"system/Patient.r system/Observation.sr", R, 0, 0},
    {"system/Patient.r system/Observation.rs,system/Observation.c", R, 0, 0},
    {"system/Patient.r\tsystem/Observation.r user/Patient.s", S, 0, 0},
};

START_TEST(each_grant)
{
    struct arena a;
    arena_init(&a, 0);
    struct auth_principal p;
    struct err err;
    json *claims = test_json(&a, "{" ISS AUD WHO "\"exp\":1700000300}");
    json_add_string(&a, claims, "scope", grants[_i].scope);
    ck_ok(auth__principal(&(struct auth__state){.settings = settings}, false, defs, &a, claims,
                          NOW * INT64_C(1000000), &p, &err));
    const struct fhir_type *patient = fhir_resource(defs, STR("Patient"));
    const struct fhir_type *observation = fhir_resource(defs, STR("Observation"));
    for (unsigned right = AUTH_CREATE; right <= AUTH_EXPLAIN; right <<= 1) {
        ck_assert_int_eq(auth_allows(&p, right, patient), (grants[_i].patient & right) != 0);
        ck_assert_int_eq(auth_allows(&p, right, observation), (grants[_i].observation & right) != 0);
        ck_assert_int_eq(auth_allows(&p, right, NULL), (grants[_i].all & right) != 0);
    }
    arena_release(&a);
}
END_TEST

START_TEST(every_type)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    for (int i = 0; i < fhir_resource_count(defs); i++) {
        const struct fhir_type *type = fhir_resource_at(defs, i);
        struct auth_principal p;
        ck_ok(judge(&a, arena_printf(&a, "{" ISS AUD WHO EXP "\"scope\":\"system/%s.d\"}", type->name), &p,
                    &err));
        for (int j = 0; j < fhir_resource_count(defs); j++)
            ck_assert_int_eq(auth_allows(&p, AUTH_DELETE, fhir_resource_at(defs, j)), i == j);
    }
    arena_release(&a);
}
END_TEST

START_TEST(any_issuer_when_none_is_set)
{
    struct arena a;
    arena_init(&a, 0);
    struct auth_principal p;
    struct err err;
    struct auth__settings any = settings;
    any.issuer = "";
    json *claims = test_json(&a, "{" AUD WHO EXP SCOPE "}");
    ck_ok(auth__principal(&(struct auth__state){.settings = any}, false, defs, &a, claims,
                          NOW * INT64_C(1000000), &p, &err));
    ck_assert_uint_eq(p.issuer.len, 0);
    arena_release(&a);
}
END_TEST

Suite *suite_auth_claims(void)
{
    Suite *s = suite_create("auth_claims");
    TCase *t = tcase_create("claims");
    tcase_add_unchecked_fixture(t, load_defs, free_defs);
    tcase_add_loop_test(t, each_case, 0, sizeof cases / sizeof *cases);
    tcase_add_test(t, principal);
    tcase_add_loop_test(t, each_grant, 0, sizeof grants / sizeof *grants);
    tcase_add_test(t, every_type);
    tcase_add_test(t, any_issuer_when_none_is_set);
    suite_add_tcase(s, t);
    return s;
}
