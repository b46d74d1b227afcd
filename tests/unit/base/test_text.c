/* str.c, utf8.c, hash.c, clock.c, err.c: the small ones together. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "support/test.h"

static struct arena a;

static void setup(void)
{
    arena_init(&a, 0);
}
static void teardown(void)
{
    arena_release(&a);
}

START_TEST(test_cut_trim_int)
{
    struct str rest = STR("a,b,"), part = str_cut(rest, ',', &rest);
    ck_str_eq(part, "a");
    part = str_cut(rest, ',', &rest);
    ck_str_eq(part, "b");
    part = str_cut(rest, ',', &rest);
    ck_assert(part.len == 0 && rest.s == NULL);
    ck_str_eq(str_trim(STR(" \t x y\r\n")), "x y");
    int64_t v;
    ck_assert(str_int64(STR("-9223372036854775808"), &v) && v == INT64_MIN);
    ck_assert(!str_int64(STR("9223372036854775808"), &v));
    ck_assert(!str_int64(STR(""), &v) && !str_int64(STR("-"), &v) && !str_int64(STR("1x"), &v));
    ck_assert(str_starts(STR("abc"), STR("ab")) && str_ends(STR("abc"), STR("bc")) &&
              !str_ends(STR("c"), STR("bc")));
}
END_TEST

START_TEST(test_position)
{
    const struct str text = STR("a\n\xc3\xa9z\n");
    static const struct {
        size_t offset;
        int line, column;
    } cases[] = {{0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {4, 2, 2}, {6, 3, 1}, {99, 3, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int line, column;
        str_position(text, cases[i].offset, &line, &column);
        ck_assert_int_eq(line, cases[i].line);
        ck_assert_int_eq(column, cases[i].column);
    }
}
END_TEST

START_TEST(test_percent)
{
    struct str out;
    ck_assert(str_percent_decode(&a, STR("a%20b+c%E5%B1%B1"), true, &out));
    ck_str_eq(out, "a b c山");
    ck_assert(!str_percent_decode(&a, STR("%2"), false, &out));
    ck_assert(!str_percent_decode(&a, STR("%zz"), false, &out));
    struct buf b;
    buf_init(&b, &a, 0);
    buf_add_percent(&b, STR("a b|山~"));
    ck_str_eq(buf_str(&b), "a%20b%7C%E5%B1%B1~");
}
END_TEST

static const struct {
    const char *in, *out;
} folds[] = {
    {"Müller", "muller"},
    {"MÜLLER", "muller"},
    {"Straße", "strasse"},
    {"ガギグ", "カキク"},
    {"がぎぐ", "カキク"},
    {"ｶﾞｷﾞｸﾞ", "カキク"},
    {"サーバー", "サアハア"},
    {"おーの", "オオノ"},
    {"オウノ", "オオノ"},
    {"おおの", "オオノ"},
    {"おの", "オノ"},
    {"ｹｰｺ", "ケエコ"},
    {"ケイコ", "ケエコ"},
    {"ユウコ", "ユウコ"},
    {"ゆーこ", "ユウコ"},
    {"キョウコ", "キヨオコ"},
    {"ｷｮｰｺ", "キヨオコ"},
    {"ーかンー", "カン"},
    {"a ー", "a"},
    {"ヴェートーヴェン", "ヘエトオヘン"},
    {"ベートーベン", "ヘエトオヘン"},
    {"う\xe3\x82\x99ぁ", "ハ"},
    {"ファ ヴ ァ", "フア フ ア"},
    {"市ヶ谷", "市ケ谷"},
    {"ヰヱヲ", "イエオ"},
    {"みすゞ", "ミスス"},
    {"佐々木", "佐佐木"},
    {"々々", "々々"},
    {"髙橋 渡邉 齋藤 斉藤", "高橋 渡辺 斎藤 斉藤"},
    {"\xef\xa8\x99", "神"},
    {"①二", "1二"},
    {"Ｔｏｋｙｏ　Ｔｏｗｅｒ", "tokyo tower"},
    {"de la Cruz, Jr.", "de la cruz jr"},
    {"  O'Brien-Smith ", "o brien smith"},
    {"葛\xf3\xa0\x84\x80城", "葛城"},
};

START_TEST(test_fold)
{
    struct str out = utf8_fold(&a, str_of(folds[_i].in), 100);
    ck_str_eq(out, folds[_i].out);
}
END_TEST

START_TEST(test_fold_max)
{
    ck_str_eq(utf8_fold(&a, STR("abc def"), 4), "abc");
    ck_str_eq(utf8_fold(&a, STR("abc def"), 5), "abc d");
}
END_TEST

START_TEST(test_utf8_validity)
{
    ck_assert_uint_eq(utf8_valid_prefix("a\xe5\xb1\xb1\xf0\xa0\xae\xb7", 8), 8);
    ck_assert_uint_eq(utf8_valid_prefix("a\xe5\xb1", 3), 1);
    ck_assert_uint_eq(utf8_valid_prefix("\xf4\x90\x80\x80", 4), 0);
    ck_assert_uint_eq(utf8_valid_prefix("\xe0\x80\x80", 3), 0);
    size_t i = 0;
    ck_assert_int_eq(utf8_next(STR("𠮷"), &i), 0x20bb7);
    ck_assert_uint_eq(i, 4);
    ck_str_eq(utf8_upper(&a, STR("façade é")), "FAÇADE É");
}
END_TEST

/* The reference vectors of the SipHash paper: key 00..0f, input 00..(n-1). */
START_TEST(test_siphash_vectors)
{
    struct hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    unsigned char in[16];
    for (int i = 0; i < 16; i++)
        in[i] = (unsigned char)i;
    ck_assert_uint_eq(hash_bytes(&key, in, 0), UINT64_C(0x726fdb47dd0e0e31));
    ck_assert_uint_eq(hash_bytes(&key, in, 8), UINT64_C(0x93f5f5799a932462));
    ck_assert_uint_eq(hash_bytes(&key, in, 15), UINT64_C(0xa129ca6149be45e5));
    ck_assert_uint_ne(hash_strs(&key, STR("a"), STR("bc")), hash_strs(&key, STR("ab"), STR("c")));
    ck_assert_uint_eq(hash_strs(&key, STR("abcdefghijk"), STR("c")),
                      hash_strs(&key, STR("abcdefghijk"), STR("c")));
}
END_TEST

START_TEST(test_clock)
{
    char out[32];
    clock_http_date(784111777 * INT64_C(1000000), out);
    ck_assert_str_eq(out, "Sun, 06 Nov 1994 08:49:37 GMT");
    int64_t us;
    ck_assert(clock_parse_http_date(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &us));
    ck_assert_int_eq(us, 784111777 * INT64_C(1000000));
    ck_assert(!clock_parse_http_date(STR("yesterday"), &us));
    clock_instant(784111777 * INT64_C(1000000) + 123456, out);
    ck_assert_str_eq(out, "1994-11-06T08:49:37.123Z");
    clock_instant(-1, out);
    ck_assert_str_eq(out, "1969-12-31T23:59:59.999Z");
    for (int64_t d = -800000; d < 800000; d += 997) {
        int64_t y;
        int m, day;
        clock_civil(d, &y, &m, &day);
        ck_assert_int_eq(clock_days(y, m, day), d);
    }
}
END_TEST

START_TEST(test_err)
{
    struct err err;
    ck_assert(!err_at(&err, ERR_INVALID, "Patient.name", "%d names", 3));
    ck_assert_str_eq(err.msg, "3 names");
    ck_assert_str_eq(err.expression, "Patient.name");
    ck_assert_str_eq(err_kind_name(ERR_GONE), "ERR_GONE");
    struct buf b;
    buf_init(&b, &a, 0);
    for (int i = 0; i < 300; i++)
        buf_adds(&b, "山");
    err_set(&err, ERR_INVALID, "x%s", b.s);
    ck_assert_uint_eq(utf8_valid_prefix(err.msg, strlen(err.msg)), strlen(err.msg));
}
END_TEST

Suite *suite_base_text(void)
{
    Suite *s = suite_create("base_text");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_cut_trim_int);
    tcase_add_test(t, test_position);
    tcase_add_test(t, test_percent);
    tcase_add_loop_test(t, test_fold, 0, sizeof folds / sizeof folds[0]);
    tcase_add_test(t, test_fold_max);
    tcase_add_test(t, test_utf8_validity);
    tcase_add_test(t, test_siphash_vectors);
    tcase_add_test(t, test_clock);
    tcase_add_test(t, test_err);
    suite_add_tcase(s, t);
    return s;
}
