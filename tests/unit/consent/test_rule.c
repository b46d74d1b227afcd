/* What of a Consent is understood; what the rules come to is in tests/flow/test_consent.c. */
#include "../../../src/consent/internal.h"
#include "support/search.h"

static struct test_search t;

static void begin(void)
{
    test_search_init(&t);
}

static void end(void)
{
    test_search_close(&t);
}

#define HEAD                                                                                                 \
    "{\"resourceType\":\"Consent\",\"status\":\"active\",\"scope\":{\"coding\":[{\"code\":\"patient-"        \
    "privacy\"}]},"                                                                                          \
    "\"patient\":{\"reference\":\"Patient/1\"}"
#define OPTIN                                                                                                \
    ",\"policyRule\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"                      \
    "v3-ActCode\",\"code\":\"OPTIN\"}]}"
#define NESTED(x) ",\"provision\":{\"provision\":[{" x "}]}}"

static const struct {
    const char *text;
    enum consent_doubt doubt; /* CONSENT_DOUBTS: all is understood */
    const char *at;
} cases[] = {
    {HEAD OPTIN "}", CONSENT_DOUBTS, NULL},
    {HEAD OPTIN NESTED("\"type\":\"deny\""), CONSENT_DOUBTS, NULL},
    {HEAD "}", CONSENT_NO_RULE, "Consent.provision"},
    {HEAD ",\"provision\":{}}", CONSENT_NO_BASE, "Consent.policyRule"},
    {HEAD OPTIN ",\"provision\":{\"action\":[{\"coding\":[{\"code\":\"access\"}]}]}}", CONSENT_UNTYPED_ROOT,
     "Consent.provision.type"},
    {HEAD OPTIN NESTED("\"class\":[{\"code\":\"Task\"}]"), CONSENT_UNTYPED,
     "Consent.provision.provision.type"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"period\":{\"end\":\"soon\"}"), CONSENT_PERIOD,
     "Consent.provision.provision.period"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"actor\":[{\"reference\":{\"identifier\":{\"value\":\"1\"}}}]"),
     CONSENT_ACTOR, "Consent.provision.provision.actor"},
    {HEAD OPTIN NESTED(
         "\"type\":\"deny\",\"actor\":[{\"role\":{\"coding\":[{\"code\":\"CST\"}]},\"reference\":{"
         "\"reference\":\"Organization/1\"}}]"),
     CONSENT_ROLE, "Consent.provision.provision.actor"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"action\":[{\"text\":\"look\"}]"), CONSENT_ACTION,
     "Consent.provision.provision.action"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"securityLabel\":[{\"display\":\"x\"}]"), CONSENT_LABEL,
     "Consent.provision.provision.securityLabel"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"purpose\":[{\"system\":\"urn:x\",\"code\":\"TREAT\"}]"),
     CONSENT_PURPOSE, "Consent.provision.provision.purpose"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"class\":[{\"code\":\"Nonsense\"}]"), CONSENT_CLASS,
     "Consent.provision.provision.class"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"code\":[{\"text\":\"x\"}]"), CONSENT_CODE,
     "Consent.provision.provision.code"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"data\":[{\"meaning\":\"authoredby\",\"reference\":{\"reference\":"
                       "\"Practitioner/1\"}}]"),
     CONSENT_DATA, "Consent.provision.provision.data"},
    {HEAD OPTIN NESTED("\"type\":\"deny\",\"modifierExtension\":[{\"url\":\"urn:x\"}]"), CONSENT_MODIFIED,
     "Consent.provision.provision.modifierExtension"},
    {"{\"status\":\"active\",\"scope\":{\"coding\":[{\"code\":\"patient-privacy\"}]}}", CONSENT_NO_PATIENT,
     "Consent.patient"},
    /* not in force */
    {"{\"status\":\"draft\",\"scope\":{\"coding\":[{\"code\":\"patient-privacy\"}]}}", CONSENT_DOUBTS, NULL},
    {"{\"status\":\"active\",\"scope\":{\"coding\":[{\"code\":\"research\"}]}}", CONSENT_DOUBTS, NULL},
};

START_TEST(what_is_not_understood)
{
    struct consent_finding *list;
    struct err err;
    json *resource;
    size_t n;
    ck_ok(json_parse(&t.a, str_of(cases[_i].text), INT16_MAX, &resource, &err));
    consent_check(t.defs, &t.tenant, &t.a, STR(TEST_SEARCH_BASE), resource, &list, &n);
    ck_assert_int_eq((int)n, cases[_i].at != NULL);
    if (!n)
        return;
    ck_assert_int_eq((int)list[0].doubt, (int)cases[_i].doubt);
    ck_assert_str_eq(list[0].expression, cases[_i].at);
}
END_TEST

Suite *suite_consent_rule(void)
{
    Suite *s = suite_create("consent_rule");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_loop_test(c, what_is_not_understood, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, c);
    return s;
}
