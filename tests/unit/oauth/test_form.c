#include "../src/oauth/internal.h"
#include "support/test.h"

static struct arena a;
static struct err err;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

START_TEST(fields)
{
    struct oauth__form f;
    ck_ok(oauth__form_parse(&a, STR("a=1&&b=x+y%26%3D&c=&d&%65=%E6%9D%B1"), &f, &err));
    ck_assert_str_eq(oauth__field(&f, "a"), "1");
    ck_assert_str_eq(oauth__field(&f, "b"), "x y&=");
    ck_assert_ptr_null(oauth__field(&f, "c"));
    ck_assert_ptr_null(oauth__field(&f, "d"));
    ck_assert_str_eq(oauth__field(&f, "e"), "東");
    ck_assert_ptr_null(oauth__field(&f, "f"));
    ck_ok(oauth__form_parse(&a, (struct str){0}, &f, &err));
    ck_assert_uint_eq(f.n, 0);
}
END_TEST

START_TEST(refused)
{
    static const char *const wrong[] = {"a=1&a=2", "a=1&%61=1", "a=%", "a=%4", "a=%zz", "a=%00", "%00=1"};
    struct oauth__form f;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!oauth__form_parse(&a, str_of(wrong[i]), &f, &err), "%s", wrong[i]);
    struct buf many;
    buf_init(&many, &a, 1024);
    for (int i = 0; i < 65; i++)
        buf_addf(&many, "x%d=&", i);
    ck_assert(!oauth__form_parse(&a, buf_str(&many), &f, &err));
}
END_TEST

Suite *suite_oauth_form(void)
{
    Suite *s = suite_create("oauth/form");
    TCase *t = tcase_create("form");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, fields);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return s;
}
