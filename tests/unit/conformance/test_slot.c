#include "conformance/conformance.h"
#include "support/test.h"

static int made, released;

static void *make(const struct conformance_view *v)
{
    ck_assert_ptr_nonnull(v);
    made++;
    return &made;
}

static void release(void *object)
{
    ck_assert_ptr_eq(object, &made);
    released++;
}

START_TEST(lives_as_long_as_its_view)
{
    struct arena lasting, a;
    const struct fhir_defs *d;
    const struct conformance_view *definitions, *v;
    struct err err;
    arena_init(&lasting, 0);
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&lasting, &d, &err));
    ck_ok(conformance_definitions(&lasting, d, &definitions, &err));
    ck_ok(conformance_view_with(&a, definitions, NULL, 0, &v, &err));
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(conformance_slot(v, CONFORMANCE_PROFILES, make, release), &made);
    ck_assert_int_eq(made, 1);
    ck_assert_ptr_eq(conformance_slot(definitions, CONFORMANCE_PROFILES, make, release), &made);
    ck_assert_int_eq(made, 2);
    arena_release(&a);
    ck_assert_int_eq(released, 1);
    arena_release(&lasting);
    ck_assert_int_eq(released, 2);
}
END_TEST

Suite *suite_conformance_slot(void)
{
    Suite *s = suite_create("conformance_slot");
    TCase *t = tcase_create("all");
    tcase_add_test(t, lives_as_long_as_its_view);
    suite_add_tcase(s, t);
    return s;
}
