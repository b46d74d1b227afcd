/* What an institution's settings are, and which it may have. */
#include "support/test.h"
#include "tenant/tenant.h"

static struct arena a;
static struct err err;
static struct config server, own;

static void begin(void)
{
    arena_init(&a, 0);
    config_defaults(&server, &a);
    server.http_base_url = "https://host/fhir";
    server.audit_directory = "/var/lib/audit";
    ck_ok(config_set(&server, &a, STR("auth.audience"), STR("https://host/fhir kagari"), &err));
}

static void end(void)
{
    arena_release(&a);
}

static struct tenant tenant(const char *settings)
{
    return (struct tenant){
        .id = 7, .state = TENANT_ACTIVE, .name = "east", .settings = settings, .salt = {1, 2}};
}

START_TEST(what_is_its_own)
{
    struct tenant t = tenant("validate.level = base\n\n store.zone=60 \n");
    ck_ok(tenant_settings(&server, &t, &a, &own, &err));
    ck_assert_int_eq(own.tenant.id, 7);
    ck_assert_str_eq(own.tenant.name, "east");
    ck_assert_mem_eq(own.tenant.salt, t.salt, sizeof t.salt);
    ck_assert_str_eq(own.http_base_url, "https://host/east/fhir");
    ck_assert_str_eq(own.oauth_issuer, "");
    ck_assert_str_eq(own.audit_directory, "/var/lib/audit/institution-east");
    ck_assert_int_eq(own.validate_level, 1);
    ck_assert_int_eq(own.store_zone, 60);
    ck_assert_int_eq(server.store_zone, 540);
    ck_assert(own.tenant.by_claim);
    ck_assert_int_eq(own.auth_audience.n, 3);
    ck_assert_str_eq(own.auth_audience.items[1], "https://host/east/fhir");
    ck_assert_str_eq(own.auth_audience.items[2], "kagari");
}
END_TEST

START_TEST(an_audience_of_its_own)
{
    struct tenant t =
        tenant("auth.audience = https://east.example/fhir\nhttp.base_url = https://east.example/fhir");
    ck_ok(tenant_settings(&server, &t, &a, &own, &err));
    ck_assert(!own.tenant.by_claim);
    ck_assert_int_eq(own.auth_audience.n, 1);
    ck_assert_str_eq(own.http_base_url, "https://east.example/fhir");
}
END_TEST

START_TEST(the_first_has_the_servers)
{
    struct tenant t = {.id = TENANT_FIRST, .name = "main", .settings = ""};
    ck_ok(tenant_settings(&server, &t, &a, &own, &err));
    ck_assert_int_eq(own.tenant.id, 1);
    ck_assert_ptr_null(own.tenant.name);
    ck_assert_str_eq(own.http_base_url, "https://host/fhir");
}
END_TEST

START_TEST(what_it_may_not_have)
{
    static const char *const bad[] = {
        "http.port = 1", "db.conninfo = x",       "store.hash_key = x", "request.memory = 1G",
        "validate",      "validate.nonsense = 1", "store.zone = x",     "= x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tenant t = tenant(bad[i]);
        ck_assert_msg(!tenant_settings(&server, &t, &a, &own, &err), "%s", bad[i]);
        ck_assert_int_eq(err.kind, ERR_INVALID);
    }
}
END_TEST

START_TEST(names)
{
    static const char *const good[] = {"a", "st-luke", "1-2-3", "abcdefghijklmnopqrstuvwxyz012345"},
                             *const bad[] = {"",
                                             "-a",
                                             "a-",
                                             "A",
                                             "a.b",
                                             "a/b",
                                             "a b",
                                             "fhir",
                                             "health",
                                             "metrics",
                                             "abcdefghijklmnopqrstuvwxyz0123456",
                                             "é"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(tenant_name_valid(str_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!tenant_name_valid(str_of(bad[i])), "%s", bad[i]);
    ck_assert(!tenant_name_valid((struct str){"a\0b", 3}));
}
END_TEST

START_TEST(the_option)
{
    char words[][16] = {"client", "list", "--institution", "east", "--set", "x=y"};
    char *argv[] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};
    int argc = 6;
    ck_assert_str_eq(tenant_option(&argc, argv), "east");
    ck_assert_int_eq(argc, 4);
    ck_assert_str_eq(argv[2], "--set");
    ck_assert_ptr_null(argv[4]);
    ck_assert_ptr_null(tenant_option(&argc, argv));
}
END_TEST

Suite *suite_tenant_settings(void)
{
    Suite *s = suite_create("tenant/settings");
    TCase *tc = tcase_create("settings");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, what_is_its_own);
    tcase_add_test(tc, an_audience_of_its_own);
    tcase_add_test(tc, the_first_has_the_servers);
    tcase_add_test(tc, what_it_may_not_have);
    tcase_add_test(tc, names);
    tcase_add_test(tc, the_option);
    suite_add_tcase(s, tc);
    return s;
}
