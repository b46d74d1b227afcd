#include "../src/oauth/internal.h"
#include "support/test.h"

START_TEST(buckets)
{
    struct oauth__limit *l = oauth__limit_new();
    int64_t now = 1000000000;
    int n = 0;
    while (oauth__limit_take(l, STR("192.0.2.1"), 600, now))
        n++;
    ck_assert_int_eq(n, 60);
    ck_assert(oauth__limit_take(l, STR("192.0.2.2"), 600, now));
    now += 100000; /* a tenth of a second brings one */
    ck_assert(oauth__limit_take(l, STR("192.0.2.1"), 600, now));
    ck_assert(!oauth__limit_take(l, STR("192.0.2.1"), 600, now));
    for (n = 0, now += 3600 * INT64_C(1000000); oauth__limit_take(l, STR("192.0.2.1"), 600, now);)
        n++;
    ck_assert_int_eq(n, 60);
    oauth__limit_free(l);
}
END_TEST

Suite *suite_oauth_limit(void)
{
    Suite *s = suite_create("oauth/limit");
    TCase *t = tcase_create("limit");
    tcase_add_test(t, buckets);
    suite_add_tcase(s, t);
    return s;
}
