#include "fhir/primitive.h"

#include "support/test.h"

static struct arena arena;
static const struct fhir_defs *defs;

static void setup(void)
{
    struct err err;
    arena_init(&arena, 0);
    ck_ok(fhir_defs_load(&arena, &defs, &err));
}

static void teardown(void)
{
    arena_release(&arena);
}

static const char *check(const char *type, const char *value)
{
    return fhir_primitive_check(fhir_type(defs, type), test_json(&arena, value));
}

/* JSON values that are right for a type, and those that are not. */
static const struct {
    const char *type;
    const char *right[12], *wrong[24];
} cases[] = {
    {"base64Binary",
     {"\"QQ==\"", "\"QUI=\"", "\"QUJD\"", "\"QUJD\\r\\nQUJD\"", "\" QUJD \""},
     {"\"QQ=\"", "\"QQ\"", "\"=QQQ\"", "\"Q===\"", "\"QQ==QQ==\"", "\"QU-_\"", "\"\"", "\" \"", "1"}},
    {"boolean", {"true", "false"}, {"\"true\"", "1", "null", "{}"}},
    {"canonical", {"\"http://example.org/x|1.0\"", "\"#a\""}, {"\"a b\"", "\"\"", "1"}},
    {"code",
     {"\"a\"", "\"a b\"", "\"<=\""},
     {"\" a\"", "\"a \"", "\"a  b\"", "\"\"", "\"a\\t\\tb\"", "true"}},
    {"date",
     {"\"2021\"", "\"2021-02\"", "\"2024-02-29\""},
     {"\"2021-02-29\"", "\"2021-01-01T00:00:00Z\"", "\"2021-13\"", "\"20210101\"", "2021", "\"\""}},
    {"dateTime",
     {"\"2021\"", "\"2021-02\"", "\"2021-02-03\"", "\"2021-02-03T04:05:06Z\"",
      "\"2021-02-03T04:05:06.7+09:00\""},
     {"\"2021-02-03T04:05:06\"", "\"2021-02-03T04:05Z\"", "\"2021-02-03T24:00:00Z\"",
      "\"2021-02-30T04:05:06Z\""}},
    {"decimal",
     {"1.10", "-0", "1e5", "1E-10000", "12345678901234567890.123456789", "0.0e+3"},
     {"\"1\"", "1e10001", "1e-99999999999999999999", "true", "null"}},
    {"id",
     {"\"a\"", "\"A-1.b\"", "\"1234567890123456789012345678901234567890123456789012345678901234\""},
     {"\"a_b\"", "\"a b\"", "\"\"", "\"12345678901234567890123456789012345678901234567890123456789012345\"",
      "\"あ\"", "\"a/b\""}},
    {"instant",
     {"\"2021-02-03T04:05:06.789Z\""},
     {"\"2021-02-03\"", "\"2021-02-03T04:05:06\"", "\"2021-02-03T04:05Z\""}},
    {"integer",
     {"0", "-1", "2147483647", "-2147483648"},
     {"-0", "2147483648", "1.0", "1e2", "\"1\"", "-2147483649"}},
    {"markdown", {"\"# a\\n\\n b\""}, {"\"\"", "1"}},
    {"oid",
     {"\"urn:oid:1.2.3\"", "\"urn:oid:2.16.840.1.113883\"", "\"urn:oid:0.0\""},
     {"\"urn:oid:3.1\"", "\"1.2.3\"", "\"urn:oid:1\"", "\"urn:oid:1.\"", "\"urn:oid:1.02\"", "\"urn:oid:\"",
      "\"urn:oid:1.2x\"", "\"urn:oid:1..2\""}},
    {"positiveInt", {"1", "2147483647"}, {"0", "-1", "1.5", "2147483648"}},
    {"string", {"\" \"", "\"日本\"", "\"a\\u0009b\""}, {"\"\"", "1", "null", "[]"}},
    {"time",
     {"\"08:00:00\"", "\"23:59:60.5\""},
     {"\"08:00\"", "\"24:00:00\"", "\"08:00:00Z\"", "\"8:00:00\""}},
    {"unsignedInt", {"0", "2147483647"}, {"-1", "0.0", "2147483648", "-0"}},
    {"uri", {"\"urn:x\"", "\"日本\""}, {"\"a b\"", "\"a\\n\"", "\"\""}},
    {"url", {"\"https://example.org/\""}, {"\"a b\""}},
    {"uuid",
     {"\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\""},
     {"\"c757873d-ec9a-4326-a141-556f43239520\"", "\"urn:uuid:C757873D-ec9a-4326-a141-556f43239520\"",
      "\"urn:uuid:c757873dec9a4326a141556f43239520\"", "\"urn:uuid:\""}},
    {"xhtml", {"\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a</div>\""}, {"\"\"", "1"}},
};

START_TEST(formats)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int k = 0; cases[i].right[k]; k++)
            ck_assert_msg(!check(cases[i].type, cases[i].right[k]), "%s %s: %s", cases[i].type,
                          cases[i].right[k], check(cases[i].type, cases[i].right[k]));
        for (int k = 0; cases[i].wrong[k]; k++) {
            const char *message = check(cases[i].type, cases[i].wrong[k]);
            ck_assert_msg(message && *message, "%s %s", cases[i].type, cases[i].wrong[k]);
        }
    }
}
END_TEST

/* Counted in characters, not in bytes. */
START_TEST(longest_string)
{
    struct buf b;
    buf_init(&b, &arena, 4 << 20);
    for (int i = 0; i < 1024 * 1024; i++)
        buf_adds(&b, "あ");
    const struct fhir_type *t = fhir_type(defs, "string");
    ck_assert_ptr_null(fhir_primitive_check(t, json_string_n(&arena, buf_str(&b))));
    buf_addc(&b, 'x');
    ck_assert_ptr_nonnull(fhir_primitive_check(t, json_string_n(&arena, buf_str(&b))));
}
END_TEST

Suite *suite_fhir_primitive(void)
{
    Suite *s = suite_create("fhir_primitive");
    TCase *t = tcase_create("primitive");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, formats);
    tcase_add_test(t, longest_string);
    suite_add_tcase(s, t);
    return s;
}
