#include "base/base64.h"

#include "support/test.h"

/* RFC 4648, 10, and what the two alphabets differ in. */
static const struct {
    const char *bytes, *std, *url;
} pairs[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/", "-_-_"},
};

START_TEST(both_ways)
{
    struct arena a;
    arena_init(&a, 0);
    struct str got;
    ck_str_eq(base64_encode(&a, BASE64_STD, pairs[_i].bytes, strlen(pairs[_i].bytes)), pairs[_i].std);
    ck_str_eq(base64_encode(&a, BASE64_URL, pairs[_i].bytes, strlen(pairs[_i].bytes)), pairs[_i].url);
    ck_assert(base64_decode(&a, BASE64_STD, str_of(pairs[_i].std), &got));
    ck_str_eq(got, pairs[_i].bytes);
    ck_assert(base64_decode(&a, BASE64_URL, str_of(pairs[_i].url), &got));
    ck_str_eq(got, pairs[_i].bytes);
    arena_release(&a);
}
END_TEST

START_TEST(every_byte_and_length)
{
    struct arena a;
    arena_init(&a, 0);
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)(i * 7);
    for (size_t len = 0; len <= sizeof(bytes); len++)
        for (enum base64_form form = BASE64_STD; form <= BASE64_URL; form++) {
            struct str text = base64_encode(&a, form, bytes, len), got;
            ck_assert_uint_eq(strlen(text.s), text.len);
            ck_assert(base64_decode(&a, form, text, &got));
            ck_assert(str_eq(got, (struct str){bytes, len}));
        }
    arena_release(&a);
}
END_TEST

static const struct {
    enum base64_form form;
    const char *text;
} refused[] = {
    {BASE64_STD, "Zg"},        {BASE64_STD, "Zg="},        {BASE64_STD, "Zg==="},
    {BASE64_STD, "===="},      {BASE64_STD, "="},          {BASE64_STD, "Z==="},
    {BASE64_STD, "Zh=="},      {BASE64_STD, "Zm9="},       {BASE64_STD, "Zg==Zg=="},
    {BASE64_STD, "Zm9v\n"},    {BASE64_STD, "Zm 9v"},      {BASE64_STD, "-_-_"},
    {BASE64_STD, "Zm9\xc3"},   {BASE64_URL, "Zg=="},       {BASE64_URL, "Z"},
    {BASE64_URL, "Zh"},        {BASE64_URL, "+/+/"},       {BASE64_URL, "Zm9v "},
    {BASE64_URL, "Zm9vYmF\n"}, {BASE64_FHIR, "Zm9v Z g="}, {BASE64_FHIR, "Zm9v\vZg=="},
};

START_TEST(strict)
{
    struct arena a;
    arena_init(&a, 0);
    struct str got;
    ck_assert_msg(!base64_decode(&a, refused[_i].form, str_of(refused[_i].text), &got), "%s",
                  refused[_i].text);
    arena_release(&a);
}
END_TEST

START_TEST(nul_inside)
{
    struct arena a;
    arena_init(&a, 0);
    struct str got;
    ck_assert(!base64_decode(&a, BASE64_STD, (struct str){"Zm\0v", 4}, &got));
    ck_assert(base64_decode(&a, BASE64_STD, STR("AAAA"), &got));
    ck_assert_uint_eq(got.len, 3);
    arena_release(&a);
}
END_TEST

START_TEST(fhir_white_space)
{
    struct arena a;
    arena_init(&a, 0);
    struct str got;
    ck_assert(base64_decode(&a, BASE64_FHIR, STR(" Zm9v\r\n\tYg==\n"), &got));
    ck_str_eq(got, "foob");
    arena_release(&a);
}
END_TEST

Suite *suite_base_base64(void)
{
    Suite *s = suite_create("base_base64");
    TCase *t = tcase_create("base64");
    tcase_add_loop_test(t, both_ways, 0, sizeof(pairs) / sizeof(*pairs));
    tcase_add_test(t, every_byte_and_length);
    tcase_add_loop_test(t, strict, 0, sizeof(refused) / sizeof(*refused));
    tcase_add_test(t, nul_inside);
    tcase_add_test(t, fhir_white_space);
    suite_add_tcase(s, t);
    return s;
}
