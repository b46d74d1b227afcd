#include "support/store.h"
#include "tenant/tenant.h"

static struct err err;
#define T (test_store())

START_TEST(added_found_changed)
{
    struct tenant t, again, *list;
    size_t n;
    ck_ok(tenant_list(T->c, &T->a, &list, &n, &err));
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(list[0].id, TENANT_FIRST);
    ck_ok(tenant_add(T->c, &T->a, "west", "store.zone = 0\n", &err));
    ck_ok(tenant_add(T->c, &T->a, "east", "", &err));
    ck_assert(!tenant_add(T->c, &T->a, "east", "", &err));
    ck_assert_int_eq(err.kind, ERR_CONFLICT);
    ck_ok(tenant_list(T->c, &T->a, &list, &n, &err));
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(list[0].name, "east");
    ck_assert_str_eq(list[2].settings, "store.zone = 0\n");
    ck_ok(tenant_find(T->c, &T->a, "west", &t, &err));
    ck_assert_int_gt(t.id, TENANT_FIRST);
    ck_assert_mem_ne(t.salt, list[0].salt, sizeof t.salt);
    ck_ok(tenant_change(T->c, &T->a, &t, TENANT_SUSPENDED, "", &err));
    ck_ok(tenant_find(T->c, &T->a, "west", &again, &err));
    ck_assert_int_eq(again.state, TENANT_SUSPENDED);
    ck_assert_mem_eq(again.salt, t.salt, sizeof t.salt);
    ck_ok(tenant_find(T->c, &T->a, "main", &t, &err));
    ck_ok(tenant_change(T->c, &T->a, &t, TENANT_SUSPENDED, "x", &err)); /* stays as it is */
    ck_ok(tenant_find(T->c, &T->a, "main", &again, &err));
    ck_assert_int_eq(again.state, TENANT_ACTIVE);
    ck_assert(!tenant_find(T->c, &T->a, "nowhere", &t, &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(chosen_by_commands)
{
    struct config c = T->config;
    ck_ok(tenant_choose(T->c, &T->a, NULL, &c, &err));
    ck_assert_int_eq(c.tenant.id, TENANT_FIRST);
    ck_ok(tenant_add(T->c, &T->a, "chosen", "store.zone = 0\n", &err));
    ck_ok(tenant_choose(T->c, &T->a, "chosen", &c, &err));
    ck_assert_int_gt(c.tenant.id, TENANT_FIRST);
    ck_assert_int_eq(c.store_zone, 0);
    ck_assert(!tenant_choose(T->c, &T->a, "nowhere", &c, &err));
}
END_TEST

Suite *suite_tenant_registry(void)
{
    Suite *s = suite_create("tenant/registry");
    TCase *tc = tcase_create("registry");
    tcase_add_unchecked_fixture(tc, test_store_suite_begin, test_store_suite_end);
    tcase_add_checked_fixture(tc, test_store_begin, test_store_end);
    tcase_add_test(tc, added_found_changed);
    tcase_add_test(tc, chosen_by_commands);
    suite_add_tcase(s, tc);
    return s;
}
