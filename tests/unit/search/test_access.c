#include "search/access.h"

#include "../../../src/search/internal.h"
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

static const struct search_label very[] = {{"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V"}};
static const struct search_label purposes[] = {{"urn:p", "TREAT"}, {"urn:p", "HRESCH"}};

/* A group on Patient/1's compartment or none, with one grant. type NULL: all; query NULL: not restricted. */
static const struct search_access *access_of(bool bound, const char *type, const char *name,
                                             const char *value)
{
    struct search_access *x = ARENA_NEW(&t.a, struct search_access);
    struct search_group *g = ARENA_NEW(&t.a, struct search_group);
    struct search_grant *grant = ARENA_NEW(&t.a, struct search_grant);
    struct search_arg *arg = ARENA_NEW(&t.a, struct search_arg);
    *arg = (struct search_arg){str_of(name), str_of(value)};
    grant->type = type ? fhir_resource(t.defs, str_of(type)) : NULL;
    if (name)
        *grant = (struct search_grant){grant->type, true, arg, 1};
    *g = (struct search_group){.grants = grant,
                               .n_grants = 1,
                               .withheld = very,
                               .n_withheld = 1,
                               .purposes = purposes,
                               .n_purposes = 2,
                               .own = purposes,
                               .n_own = 1};
    if (bound) {
        g->compartment = fhir_resource(t.defs, STR("Patient"));
        g->id = STR("1");
        g->shared = true;
    }
    *x = (struct search_access){&t.a, t.registry, &t.tenant, STR(TEST_SEARCH_BASE), STR(""), g, 1};
    return x;
}

static enum search_cover covers(const struct search_access *x, const char *resource,
                                struct search_index *index)
{
    json *r = test_json(&t.a, resource);
    test_search_index(&t, r, index);
    return search_access_covers(x, fhir_resource(t.defs, str_of(json_get_string(r, "resourceType"))),
                                str_of(json_get_string(r, "id")), index);
}

#define OBSERVATION(more)   "{\"resourceType\":\"Observation\",\"id\":\"o\"," more "}"
#define OF(id)              "\"subject\":{\"reference\":\"Patient/" id "\"}"
#define LABEL(system, code) ",\"meta\":{\"security\":[{\"system\":\"" system "\",\"code\":\"" code "\"}]}"

START_TEST(what_is_covered)
{
    static const struct {
        bool bound;
        const char *type, *name, *value, *resource;
        enum search_cover cover;
    } cases[] = {
        {false, NULL, NULL, NULL, OBSERVATION(OF("2")), SEARCH_COVERED},
        {false, "Patient", NULL, NULL, OBSERVATION(OF("2")), SEARCH_HIDDEN},
        {true, NULL, NULL, NULL, OBSERVATION(OF("1")), SEARCH_COVERED_AS_MEMBER},
        {true, NULL, NULL, NULL, OBSERVATION(OF("2")), SEARCH_HIDDEN},
        {true, NULL, NULL, NULL, "{\"resourceType\":\"Patient\",\"id\":\"1\"}", SEARCH_COVERED_AS_MEMBER},
        {true, NULL, NULL, NULL, "{\"resourceType\":\"Patient\",\"id\":\"2\"}", SEARCH_HIDDEN},
        {true, NULL, NULL, NULL, "{\"resourceType\":\"Practitioner\",\"id\":\"p\"}",
         SEARCH_COVERED_AS_MEMBER},
        {true, NULL, NULL, NULL,
         "{\"resourceType\":\"Task\",\"id\":\"t\",\"for\":{\"reference\":\"Patient/1\"}}", SEARCH_HIDDEN},
        {true, NULL, NULL, NULL,
         "{\"resourceType\":\"Binary\",\"id\":\"b\",\"securityContext\":{\"reference\":\"Patient/1\"}}",
         SEARCH_COVERED_AS_MEMBER},
        {false, NULL, NULL, NULL,
         OBSERVATION(OF("1") LABEL("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V")),
         SEARCH_HIDDEN},
        {false, NULL, NULL, NULL, OBSERVATION(OF("1") LABEL("urn:p", "TREAT")), SEARCH_COVERED},
        {false, NULL, NULL, NULL, OBSERVATION(OF("1") LABEL("urn:p", "HRESCH")), SEARCH_HIDDEN},
        {false, "Observation", "status", "final", OBSERVATION("\"status\":\"final\""), SEARCH_COVERED},
        {false, "Observation", "status", "final", OBSERVATION("\"status\":\"amended\""), SEARCH_HIDDEN},
        {false, "Observation", "status", "final,amended", OBSERVATION("\"status\":\"amended\""),
         SEARCH_COVERED},
        {false, "Observation", "status:not", "final", OBSERVATION("\"status\":\"amended\""), SEARCH_COVERED},
        {false, "Observation", "subject", "Patient/1", OBSERVATION(OF("1")), SEARCH_COVERED},
        {false, "Observation", "subject:missing", "true", OBSERVATION(OF("1")), SEARCH_HIDDEN},
        {false, "Observation", "_id", "o,p", OBSERVATION(OF("1")), SEARCH_COVERED},
        {false, NULL, "_security", "urn:p|TREAT", OBSERVATION(OF("1") LABEL("urn:p", "TREAT")),
         SEARCH_COVERED},
        /* not what keys answer, on all types or at all */
        {false, NULL, "status", "final", OBSERVATION("\"status\":\"final\""), SEARCH_HIDDEN},
        {false, "Observation", "date", "gt2000", OBSERVATION("\"effectiveDateTime\":\"2020\""),
         SEARCH_HIDDEN},
        {false, "Observation", "subject.gender", "male", OBSERVATION(OF("1")), SEARCH_HIDDEN},
        {false, "Observation", "nonsense", "1", OBSERVATION(OF("1")), SEARCH_HIDDEN},
    };
    struct search_index index;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(covers(access_of(cases[i].bound, cases[i].type, cases[i].name, cases[i].value),
                             cases[i].resource, &index) == cases[i].cover,
                      "%s, %s=%s", cases[i].resource, cases[i].name ? cases[i].name : "", cases[i].value);
}
END_TEST

/* Neither into another patient's compartment nor out of it. */
START_TEST(what_keeps_to_its_compartment)
{
#define WITH(more) "{\"resourceType\":\"Appointment\",\"id\":\"a\",\"participant\":[" more "]}"
#define ACTOR(id)  "{\"actor\":{\"reference\":\"Patient/" id "\"}}"
    static const struct {
        const char *was, *now;
        bool keeps;
    } cases[] = {
        {NULL, WITH(ACTOR("1")), true},
        {NULL, WITH(ACTOR("1") "," ACTOR("2")), false},
        {WITH(ACTOR("1") "," ACTOR("2")), WITH(ACTOR("2") "," ACTOR("1")), true},
        {WITH(ACTOR("1") "," ACTOR("2")), WITH(ACTOR("1")), false},
        {WITH(ACTOR("1")), WITH(ACTOR("1") "," ACTOR("2")), false},
        {WITH(ACTOR("1")), WITH(ACTOR("2")), false},
    };
    const struct search_access *x = access_of(true, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct search_index was, now;
        if (cases[i].was)
            covers(x, cases[i].was, &was);
        covers(x, cases[i].now, &now);
        ck_assert_msg(search_access_keeps_to(x, &now, cases[i].was ? &was : NULL) == cases[i].keeps, "%zu",
                      i);
    }
}
END_TEST

START_TEST(sql_of_versions)
{
    const struct fhir_type *type = fhir_resource(t.defs, STR("Observation"));
    struct sql q;
    sql_init(&q, &t.a, NULL);
    search_access_versions(access_of(true, NULL, NULL, NULL), &type, 1, false, &q);
    ck_assert_ptr_nonnull(strstr(q.text.s, "$1 = ANY (h.acc)"));
    sql_init(&q, &t.a, NULL);
    const struct search_access *final = access_of(true, "Observation", "status", "final");
    search_access_versions(final, &type, 1, true, &q);
    ck_assert_ptr_nonnull(strstr(q.text.s, "$1 = ANY (h.acc)"));
    ck_assert(search_access_must_open(final, type));
    sql_init(&q, &t.a, NULL);
    search_access_versions(final, &type, 1, false, &q);
    ck_assert_str_eq(q.text.s, " AND false");
    sql_init(&q, &t.a, NULL); /* a tombstone says nothing that a restriction could hold against */
    search_access_where(access_of(false, "Observation", "status", "final"), &type, 1, true, &q);
    ck_assert_ptr_nonnull(strstr(q.text.s, "false) ELSE"));
    sql_init(&q, &t.a, NULL);
    search_access_versions(access_of(true, "Patient", NULL, NULL), &type, 1, true, &q);
    ck_assert_str_eq(q.text.s, " AND false");
}
END_TEST

START_TEST(types_about_nobody)
{
    int n = 0;
    for (int i = 0; i < fhir_resource_count(t.defs); i++)
        n += search_is_shared(fhir_resource_at(t.defs, i));
    ck_assert_int_eq(n, 32); /* the table is sorted, and each is a type */
}
END_TEST

Suite *suite_search_access(void)
{
    Suite *s = suite_create("search_access");
    TCase *tc = tcase_create("access");
    tcase_add_unchecked_fixture(tc, begin, end);
    tcase_add_test(tc, what_is_covered);
    tcase_add_test(tc, what_keeps_to_its_compartment);
    tcase_add_test(tc, sql_of_versions);
    tcase_add_test(tc, types_about_nobody);
    suite_add_tcase(s, tc);
    return s;
}
