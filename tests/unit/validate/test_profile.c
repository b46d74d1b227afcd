/* Finding, compiling once, and what many threads see; what profiles mean is in tests/cases/validate. */
#include "../../../src/validate/profile.h"

#include <pthread.h>

#include "support/test.h"

static struct arena a;
static const struct fhir_defs *defs;
static const struct conformance_view *view;
static struct validator validator;

#define PROFILE(url, base, elements)                                                                         \
    "{\"resourceType\":\"StructureDefinition\",\"url\":\"" url                                               \
    "\",\"type\":\"Patient\",\"derivation\":\"constraint\","                                                 \
    "\"baseDefinition\":\"" base "\",\"differential\":{\"element\":[" elements "]}}"
#define PATIENT "http://hl7.org/fhir/StructureDefinition/Patient"

static void setup(void)
{
    static const char *const texts[] = {
        PROFILE("http://x/base", PATIENT, "{\"path\":\"Patient.name\",\"min\":1}"),
        PROFILE("http://x/derived", "http://x/base", "{\"path\":\"Patient.name.family\",\"min\":1}"),
        PROFILE("http://x/one", "http://x/two", ""),
        PROFILE("http://x/two", "http://x/one", ""),
        PROFILE("http://x/empty", PATIENT, ""),
    };
    const json *list[5];
    const struct conformance_view *base;
    struct err err;
    arena_init(&a, 0);
    for (size_t i = 0; i < 5; i++)
        list[i] = test_json(&a, texts[i]);
    ck_ok(fhir_defs_load(&a, &defs, &err));
    ck_ok(conformance_definitions(&a, defs, &base, &err));
    ck_ok(conformance_view_with(&a, base, list, 5, &view, &err));
    validator.defs = defs;
}

static void teardown(void)
{
    arena_release(&a);
}

static struct validate__walk walk(void)
{
    return (struct validate__walk){.v = &validator, .view = view, .profiles = profile__cache(view)};
}

START_TEST(test_found_once)
{
    struct validate__walk w = walk();
    const struct profile *base = profile_find(&w, "http://x/base"),
                         *derived = profile_find(&w, "http://x/derived");
    ck_assert_ptr_nonnull(base);
    ck_assert_ptr_eq(profile_find(&w, "http://x/base"), base);
    ck_assert_ptr_eq(derived->base, base);
    ck_assert_ptr_null(profile_find(&w, "http://x/nothing"));
    ck_assert_ptr_null(profile_find(&w, "http://x/base|7"));
    ck_assert_ptr_eq(profile__cache(view), w.profiles);
    ck_assert_ptr_null(profile__cache(NULL));
}
END_TEST

START_TEST(test_tree)
{
    struct validate__walk w = walk();
    const struct profile *p = profile_find(&w, "http://x/derived");
    const struct profile_node *name = profile_node_of(p, "Patient.name");
    ck_assert_ptr_nonnull(name);
    ck_assert_uint_eq(name->min, 1);
    ck_assert_uint_eq(name->n_children, 1);
    ck_assert_str_eq(name->children[0]->id, "Patient.name.family");
    ck_assert_uint_eq(profile_node_of(profile_find(&w, "http://x/base"), "Patient.name")->n_children, 0);
    ck_assert(profile_find(&w, "http://x/empty")->root->idle);
}
END_TEST

START_TEST(test_circle)
{
    struct validate__walk w = walk();
    ck_assert_ptr_nonnull(profile_find(&w, "http://x/one")->wrong.text);
    ck_assert_ptr_nonnull(profile_find(&w, "http://x/two")->wrong.text);
    ck_assert_ptr_null(profile_node_of(profile_find(&w, "http://x/one"), NULL));
}
END_TEST

static void *ask(void *out)
{
    struct validate__walk w = walk();
    *(const struct profile **)out = profile_find(&w, "http://x/derived");
    return NULL;
}

START_TEST(test_threads_see_one)
{
    enum { N = 8 };
    pthread_t threads[N];
    const struct profile *seen[N];
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &seen[i]), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++)
        ck_assert_ptr_eq(seen[i], seen[0]);
    ck_assert_ptr_null(seen[0]->wrong.text);
    ck_assert(!seen[0]->root->idle);
}
END_TEST

Suite *suite_validate_profile(void)
{
    Suite *s = suite_create("validate_profile");
    TCase *t = tcase_create("profile");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_found_once);
    tcase_add_test(t, test_tree);
    tcase_add_test(t, test_circle);
    tcase_add_test(t, test_threads_see_one);
    suite_add_tcase(s, t);
    return s;
}
