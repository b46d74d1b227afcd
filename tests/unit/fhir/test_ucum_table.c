/* Records of units → the table: order, numbers, points on scales. */
#include "../../../src/fhir/internal.h"

#include "support/test.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 0);
}
static void teardown(void)
{
    arena_release(&arena);
}

/* The table of a text; NULL, and the message, when it makes none. */
static const struct ucum *read(const char *text, struct err *err)
{
    struct fhir__records r = {.a = &arena};
    const struct fhir_defs *d;
    struct err why;
    if (!fhir__text_read(&r, arena_strdup(&arena, text), strlen(text), &why)) {
        *err = why;
        return NULL;
    }
    return fhir__build(&arena, &r, &d, err) ? fhir_ucum(d) : NULL;
}

START_TEST(units_stand_on_those_before)
{
    struct err err;
    const struct ucum *u = read("prefix\tk\t1e3\n"
                                "unit\ta\tm\n"
                                "unit\tb\t-\t12\ta2/5\n"
                                "unit\tc\tms\t1\ta\t1.5\n"
                                "unit\td\tms\n",
                                &err);
    struct ucum_unit x;
    ck_assert_ptr_nonnull(u);
    ck_assert(ucum_parse(u, &arena, STR("b"), &x));
    ck_assert_uint_eq(x.num.small, 12);
    ck_assert_uint_eq(x.den.small, 5);
    ck_assert_int_eq(x.dim[0].exponent, 2);
    ck_assert_int_eq(x.scale, UCUM_RATIO);
    ck_assert(ucum_parse(u, &arena, STR("ka"), &x));
    ck_assert(!ucum_parse(u, &arena, STR("kb"), &x)); /* is not metric */
    ck_assert(ucum_parse(u, &arena, STR("kc"), &x));
    ck_assert_int_eq(x.scale, UCUM_POINTS);
    ck_str_eq(decimal_text(&arena, &x.offset), "0.0015");
    ck_assert(ucum_parse(u, &arena, STR("d"), &x));
    ck_assert_int_eq(x.dim[0].id, 3);
    ck_assert_int_eq(x.scale, UCUM_POINTS);
}
END_TEST

START_TEST(what_makes_no_table)
{
    static const char *const wrong[] = {
        "prefix\tk\tx\n",
        "prefix\tk\t0\n",
        "unit\tb\t-\t12\ta\n", /* of nothing */
        "unit\ta\tm\nunit\tb\t-\tx\ta\n",
        "unit\ta\tm\nunit\tb\t-\t-1\ta\n",
        "unit\ta\tm\nunit\tb\t-\t0\ta\n",
        "unit\ta\tm\nunit\tb\t-\t1\n",
        "unit\ta\tm\nunit\tb\t-\t1\ta\tx\n",
        "unit\tb\t-\t1\tb\n",
    };
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!read(wrong[i], &err), "%s", wrong[i]);
}
END_TEST

Suite *suite_fhir_ucum_table(void)
{
    Suite *s = suite_create("fhir_ucum_table");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, units_stand_on_those_before);
    tcase_add_test(t, what_makes_no_table);
    suite_add_tcase(s, t);
    return s;
}
