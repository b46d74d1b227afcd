#include "../src/oauth/internal.h"
#include "support/test.h"

static const struct {
    const char *uri;
    bool valid;
} uris[] = {
    {"https://app.example/back", true},
    {"https://app.example", true},
    {"https://app.example:8443/back?x=1", true},
    {"http://127.0.0.1/cb", true},
    {"http://127.0.0.1:8080/cb", true},
    {"http://[::1]/cb", true},
    {"com.example.app:/cb", true},
    {"http://app.example/back", false},
    {"http://localhost/cb", false},
    {"http://127.0.0.1.evil.example/cb", false},
    {"http://127.0.0.1:80@evil.example/cb", false},
    {"https://user@app.example/back", false},
    {"https://app.example/back#x", false},
    {"https:///back", false},
    {"https:/app.example", false},
    {"https://", false},
    {"https://app.example/a b", false},
    {"https://app.example/\"", false},
    {"https://東.example/", false},
    {"javascript:alert(1)", false},
    {"data:text/html,x", false},
    {"//app.example/back", false},
    {"/back", false},
    {"", false},
};

START_TEST(validity)
{
    ck_assert_msg(oauth__redirect_valid(uris[_i].uri) == uris[_i].valid, "%s", uris[_i].uri);
}
END_TEST

static const struct {
    const char *registered, *asked;
    bool matches;
} pairs[] = {
    {"https://a.example/cb", "https://a.example/cb", true},
    {"https://a.example/cb", "https://a.example:443/cb", false},
    {"https://a.example/cb", "https://a.example/cb/", false},
    {"http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true},
    {"http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true},
    {"http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true},
    {"http://127.0.0.1/cb", "http://127.0.0.1:5000/cb2", false},
    {"http://127.0.0.1/cb", "http://[::1]:5000/cb", false},
    {"http://[::1]/cb", "http://[::1]:5000/cb", true},
    {"http://127.0.0.1", "http://127.0.0.1:80@evil.example", false},
    {"http://127.0.0.1/cb", "http://127.0.0.1:80.evil.example/cb", false},
};

START_TEST(matching)
{
    ck_assert_msg(oauth__redirect_matches(pairs[_i].registered, pairs[_i].asked) == pairs[_i].matches,
                  "%s, %s", pairs[_i].registered, pairs[_i].asked);
}
END_TEST

START_TEST(made)
{
    struct arena a;
    arena_init(&a, 0);
    const struct oauth__field fields[] = {
        {STR("code"), STR("a&b")}, {STR("no"), {NULL, 0}}, {STR("s"), STR("東")}};
    ck_assert_str_eq(oauth__redirect_with(&a, "https://a.example/", fields, 3),
                     "https://a.example/?code=a%26b&s=%E6%9D%B1");
    ck_assert_str_eq(oauth__redirect_with(&a, "https://a.example/?x=1", fields, 1),
                     "https://a.example/?x=1&code=a%26b");
    ck_assert_str_eq(oauth__redirect_origin(&a, "https://a.example:1/x?y"), "https://a.example:1");
    ck_assert_str_eq(oauth__redirect_origin(&a, "com.example.app:/x"), "com.example.app:");
    arena_release(&a);
}
END_TEST

Suite *suite_oauth_redirect(void)
{
    Suite *s = suite_create("oauth/redirect");
    TCase *t = tcase_create("redirect");
    tcase_add_loop_test(t, validity, 0, sizeof uris / sizeof *uris);
    tcase_add_loop_test(t, matching, 0, sizeof pairs / sizeof *pairs);
    tcase_add_test(t, made);
    suite_add_tcase(s, t);
    return s;
}
