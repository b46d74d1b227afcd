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

static const struct {
    const char *in, *out;
} kept[] = {
    {"1.10", "1.10"},
    {"1e2", "1e2"},
    {"12345678901234567890.12", "12345678901234567890.12"},
    {"-0.00", "-0.00"},
    {"1.20e-5", "1.20e-5"},
    {" [ 1 , 2 ] ", "[1,2]"},
    {"{\"a\":{},\"b\":[]}", "{\"a\":{},\"b\":[]}"},
    {"\"\\u5c71\\ud842\\udfb7\"", "\"山𠮷\""},
    {"\"a\\nb\\tc\\\"d\\\\e\\/f\\u0001\"", "\"a\\nb\\tc\\\"d\\\\e/f\\u0001\""},
    {"\"葛\xf3\xa0\x84\x80城\"", "\"葛\xf3\xa0\x84\x80城\""},
    {"[true,false,null]", "[true,false,null]"},
    {"\xef\xbb\xbf{}", "{}"},
};

START_TEST(test_what_is_kept)
{
    json *n = test_json(&a, kept[_i].in);
    ck_str_eq(json_text(&a, n), kept[_i].out);
    ck_assert(json_equal(n, test_json(&a, kept[_i].out)));
}
END_TEST

static const struct {
    const char *in, *says;
    int line, column;
} refused[] = {
    {"", "ends where", 1, 1},
    {"{\"a\":1} x", "more text after", 1, 9},
    {"{\"a\":1,\n \"a\":2}", "twice", 2, 2},
    {"[1,]", "value was expected", 1, 4},
    {"{\"a\" 1}", "':' was expected", 1, 6},
    {"{a:1}", "double quotes", 1, 2},
    {"[01]", "leading zeros", 1, 2},
    {"[1.]", "after the point", 1, 2},
    {"[1e]", "exponent", 1, 2},
    {"[+1]", "value was expected", 1, 2},
    {"[NaN]", "value was expected", 1, 2},
    {"\"\\u0000\"", "U+0000", 1, 2},
    {"\"\\ud800\"", "high surrogate", 1, 2},
    {"\"\\ud800\\u0041\"", "high surrogate", 1, 2},
    {"\"\\udc00\"", "low surrogate", 1, 2},
    {"\"\\x\"", "unknown escape", 1, 2},
    {"\"a\nb\"", "control characters", 1, 3},
    {"\"abc", "no end", 1, 5},
    {"\"\xff\"", "invalid UTF-8", 1, 2},
    {"\"\xed\xa0\x80\"", "invalid UTF-8", 1, 2},
    {"\"\xc0\x80\"", "invalid UTF-8", 1, 2},
    {"[", "ends where", 1, 2},
    {"tru", "value was expected", 1, 1},
};

START_TEST(test_what_is_refused)
{
    json *n;
    ck_assert(!json_parse(&a, str_of(refused[_i].in), 64, &n, &err));
    ck_assert_int_eq(err.kind, ERR_SYNTAX);
    ck_assert_msg(strstr(err.msg, refused[_i].says), "%s: %s", refused[_i].in, err.msg);
    ck_assert_int_eq(err.line, refused[_i].line);
    ck_assert_int_eq(err.column, refused[_i].column);
}
END_TEST

START_TEST(test_nul_byte_in_text)
{
    json *n;
    ck_assert(!json_parse(&a, (struct str){"\"a\0b\"", 5}, 64, &n, &err));
    ck_assert(!json_parse(&a, (struct str){"1\0", 2}, 64, &n, &err));
}
END_TEST

START_TEST(test_depth)
{
    json *n;
    ck_ok(json_parse(&a, STR("[[[[1]]]]"), 4, &n, &err));
    ck_assert(!json_parse(&a, STR("[[[[[1]]]]]"), 4, &n, &err));
    ck_assert_int_eq(err.kind, ERR_TOO_LARGE);
    ck_ok(json_parse(&a, STR("{\"a\":[{\"b\":[{\"c\":[1]}]}]}"), 3, &n, &err));
    ck_assert(!json_parse(&a, STR("{\"a\":[{\"b\":[{\"c\":[{}]}]}]}"), 3, &n, &err));
    ck_assert(!json_parse(&a, STR("{\"a\":[[[[[1]]]]]}"), 3, &n, &err));
}
END_TEST

START_TEST(test_many_keys)
{
    struct buf b;
    json *n;
    buf_init(&b, &a, 0);
    buf_addc(&b, '{');
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "%s\"k%d\":%d", i ? "," : "", i, i);
    struct buf twice = b;
    buf_adds(&b, "}");
    ck_ok(json_parse(&a, buf_str(&b), 4, &n, &err));
    ck_assert_uint_eq(json_count(n), 1000);
    twice.s = arena_strndup(&a, twice.s, twice.len);
    twice.cap = twice.len + 1;
    buf_adds(&twice, ",\"k17\":0}");
    ck_assert(!json_parse(&a, buf_str(&twice), 4, &n, &err));
}
END_TEST

START_TEST(test_changing)
{
    json *o = test_json(&a, "{\"a\":1,\"b\":2,\"c\":3}");
    json_put(&a, o, "b", json_string(&a, "x"));
    ck_str_eq(json_text(&a, o), "{\"a\":1,\"b\":\"x\",\"c\":3}");
    json_put(&a, o, "c", json_int(&a, 9));
    json_detach(o, json_get(o, "a"));
    ck_str_eq(json_text(&a, o), "{\"b\":\"x\",\"c\":9}");
    json_add(&a, o, "d", json_bool(&a, true));
    json *first = json_null(&a);
    first->string = arena_strdup(&a, "z");
    json_insert_after(o, NULL, first);
    ck_str_eq(json_text(&a, o), "{\"z\":null,\"b\":\"x\",\"c\":9,\"d\":true}");
    json_detach(o, json_get(o, "d"));
    json_add(&a, o, "e", json_array(&a));
    json_push(json_get(o, "e"), json_int(&a, 1));
    ck_str_eq(json_text(&a, json_copy(&a, o)), "{\"z\":null,\"b\":\"x\",\"c\":9,\"e\":[1]}");
    while (o->child)
        json_detach(o, o->child);
    json_add(&a, o, "f", json_int(&a, 1));
    ck_str_eq(json_text(&a, o), "{\"f\":1}");
}
END_TEST

START_TEST(test_pretty)
{
    struct buf b;
    buf_init(&b, &a, 0);
    json_print(&b, test_json(&a, "{\"a\":[1,{\"b\":2}],\"c\":{},\"d\":[]}"), true);
    ck_str_eq(buf_str(&b),
              "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}");
}
END_TEST

START_TEST(test_offsets)
{
    const json *n = test_json(&a, " {\"a\\u0041\": [10, \"\\u00e9\" , true]}");
    ck_assert_uint_eq(json_offset(n), 1);
    ck_assert_uint_eq(json_offset(n->child), 13);
    ck_assert_uint_eq(json_offset(json_at(n->child, 0)), 14);
    ck_assert_uint_eq(json_offset(json_at(n->child, 2)), 29);
    ck_assert_uint_eq(json_offset(json_copy(&a, n->child)), 13);
    ck_assert_uint_eq(json_offset(json_int(&a, 7)), JSON_NOWHERE);
    ck_assert_uint_eq(json_offset(NULL), JSON_NOWHERE);
}
END_TEST

Suite *suite_base_json(void)
{
    Suite *s = suite_create("base_json");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_what_is_kept, 0, sizeof kept / sizeof kept[0]);
    tcase_add_loop_test(t, test_what_is_refused, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(t, test_nul_byte_in_text);
    tcase_add_test(t, test_depth);
    tcase_add_test(t, test_many_keys);
    tcase_add_test(t, test_changing);
    tcase_add_test(t, test_pretty);
    tcase_add_test(t, test_offsets);
    suite_add_tcase(s, t);
    return s;
}
