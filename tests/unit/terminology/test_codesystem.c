#include <stdio.h>

#include "../../../src/terminology/internal.h"
#include "base/clock.h"
#include "support/test.h"

static struct arena a, scratch;
static struct err err;

static void setup(void)
{
    arena_init(&a, 0);
    arena_init(&scratch, 0);
}
static void teardown(void)
{
    arena_release(&scratch);
    arena_release(&a);
}

static const struct terminology_system *read(const char *text)
{
    const struct terminology_system *s;
    ck_ok(terminology__system_read(&a, &scratch, test_json(&scratch, text), &s, &err));
    return s;
}

START_TEST(what_a_concept_has)
{
    const struct terminology_system *s =
        read("{\"url\":\"u\",\"version\":\"1\",\"title\":\"T\",\"content\":\"complete\",\"concept\":[{"
             "\"code\":\"a\","
             "\"display\":\"A\",\"definition\":\"first\",\"designation\":[{\"language\":\"ja\",\"value\":"
             "\"あ\",\"use\":{"
             "\"system\":\"s\",\"code\":\"c\"}},{\"value\":\"plain\"}],\"property\":[{\"code\":\"p\","
             "\"valueInteger\":5},"
             "{\"code\":\"q\",\"valueCoding\":{\"system\":\"s\",\"code\":\"c\",\"display\":\"d\"}},{\"code\":"
             "\"inactive\","
             "\"valueBoolean\":true},{\"code\":\"none\"}]},{\"code\":\"b\"}]}");
    struct terminology_designation d;
    struct terminology_property p;
    uint32_t at;
    ck_assert_str_eq(terminology_system_url(s), "u");
    ck_assert_str_eq(terminology_system_version(s), "1");
    ck_assert_str_eq(terminology_system_name(s), "T");
    ck_assert_uint_eq(terminology_concepts(s), 2);
    ck_assert(terminology_find(s, STR("a"), &at));
    ck_assert_str_eq(terminology_code(s, at), "a");
    ck_assert_str_eq(terminology_display(s, at), "A");
    ck_assert_str_eq(terminology_definition(s, at), "first");
    ck_assert(terminology_is_inactive(s, at) && !terminology_is_abstract(s, at));
    ck_assert(terminology_designation(s, at, 0, &d));
    ck_assert_str_eq(d.language, "ja");
    ck_assert_str_eq(d.value, "あ");
    ck_assert_str_eq(d.use_code, "c");
    ck_assert(terminology_designation(s, at, 1, &d));
    ck_assert_str_eq(d.language, "");
    ck_assert_str_eq(d.use_code, "");
    ck_assert(!terminology_designation(s, at, 2, &d));
    ck_assert(terminology_property(s, at, 0, &p));
    ck_assert_str_eq(p.member, "valueInteger");
    ck_assert_str_eq(p.value, "5");
    ck_assert(terminology_property(s, at, 1, &p));
    ck_assert_str_eq(p.value, "c");
    ck_assert_str_eq(p.system, "s");
    ck_assert_str_eq(p.display, "d");
    ck_assert(terminology_property(s, at, 2, &p));
    ck_assert_str_eq(p.value, "true");
    ck_assert(!terminology_property(s, at, 3, &p));
    ck_assert(terminology_find(s, STR("b"), &at));
    ck_assert_ptr_null(terminology_display(s, at));
    ck_assert_ptr_null(terminology_definition(s, at));
    ck_assert(!terminology_property(s, at, 0, &p) && !terminology_designation(s, at, 0, &d));
    ck_assert(!terminology_find(s, STR(""), &at));
}
END_TEST

START_TEST(wrong_ones)
{
    static const char *const wrong[] = {
        "{\"url\":\"u\",\"content\":\"complete\",\"concept\":[{\"display\":\"no code\"}]}",
        "{\"url\":\"u\",\"content\":\"complete\",\"concept\":[{\"code\":\"a\",\"concept\":[{\"code\":\"a\"}]}"
        "]}",
        "{\"url\":\"u\",\"content\":\"not-present\",\"concept\":[{\"code\":\"a\"}]}",
        "{\"url\":\"u\"}",
    };
    const struct terminology_system *s;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert(!terminology__system_read(&a, &scratch, test_json(&scratch, wrong[i]), &s, &err));
        ck_assert_int_eq(err.kind, ERR_UNSUPPORTED);
    }
}
END_TEST

/* As large as the terminologies of a country: a tree of 400,000 with a second parent for one in ten. */
START_TEST(large)
{
    enum { N = 400000, WIDTH = 8 };
    struct buf text;
    json *resource;
    const struct terminology_system *s;
    buf_init(&text, &scratch, 64 << 20);
    buf_adds(&text, "{\"url\":\"u\",\"content\":\"complete\",\"concept\":[");
    for (int i = 0; i < N; i++) {
        buf_addf(&text, "%s{\"code\":\"%d\",\"display\":\"Concept number %d\"", i ? "," : "", 1000000 + i, i);
        if (i)
            buf_addf(&text, ",\"property\":[{\"code\":\"parent\",\"valueCode\":\"%d\"}%s%s",
                     1000000 + (i - 1) / WIDTH,
                     i % 10 || i < 100 ? "" : ",{\"code\":\"parent\",\"valueCode\":\"1000007\"}", "]");
        buf_addc(&text, '}');
    }
    buf_adds(&text, "]}");
    ck_ok(json_parse(&scratch, buf_str(&text), 10, &resource, &err));
    ck_ok(terminology__system_read(&a, &scratch, resource, &s, &err));
    ck_assert_uint_eq(terminology_concepts(s), N);
    ck_assert_uint_lt(a.used, (size_t)N * 120);
    uint32_t at, top, *list;
    size_t n;
    int64_t start = clock_mono_us();
    for (int i = 0; i < N; i++) {
        char code[12];
        snprintf(code, sizeof code, "%d", 1000000 + i);
        ck_assert(terminology_find(s, str_of(code), &at) && at == (uint32_t)i);
    }
    ck_assert(terminology_find(s, STR("1000000"), &top));
    for (uint32_t i = 0; i < N; i++)
        ck_assert(terminology_is_a(s, top, i));
    int64_t each_ns = (clock_mono_us() - start) * 1000 / N;
    ck_assert_msg(each_ns < 200000, "%lld ns for a look-up and the way to the root", (long long)each_ns);
    terminology_related(s, &scratch, top, false, &list, &n);
    ck_assert_uint_eq(n, N);
    terminology_related(s, &scratch, N - 1, true, &list, &n);
    ck_assert_uint_ge(n, 6);
    ck_assert_uint_le(n, 16);
}
END_TEST

Suite *suite_terminology_codesystem(void)
{
    Suite *s = suite_create("terminology_codesystem");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_a_concept_has);
    tcase_add_test(t, wrong_ones);
    tcase_add_test(t, large);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
