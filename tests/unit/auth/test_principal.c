#include "../../../src/auth/internal.h"
#include "support/test.h"

static const uint8_t rights[2] = {AUTH_READ, 0}, whole[2] = {0, 0};
static const struct fhir_type type = {.id = 0}, other = {.id = 1}, beyond = {.id = 9};
static const struct auth_grant lab = {AUTH_PATIENT, AUTH_READ, &type, {"category=laboratory", 19}};

static struct auth_principal principal(void)
{
    return (struct auth_principal){.subject = STR("s"),
                                   .patient = STR("1"),
                                   .rights = AUTH_SEARCH,
                                   .type_rights = rights,
                                   .type_whole = whole,
                                   .n_types = 2,
                                   .grants = &lab,
                                   .n_grants = 1};
}

START_TEST(some_is_not_all)
{
    struct auth_principal p = principal();
    ck_assert(auth_allows(&p, AUTH_READ, &type) && !auth_unrestricted(&p, AUTH_READ, &type));
    ck_assert(auth_allows(&p, AUTH_SEARCH, NULL) && !auth_unrestricted(&p, AUTH_SEARCH, NULL));
    ck_assert(!auth_allows(&p, AUTH_READ, &other) && !auth_allows(&p, AUTH_READ, &beyond));
    p.whole = AUTH_SEARCH;
    ck_assert(auth_unrestricted(&p, AUTH_SEARCH, &beyond) && auth_unrestricted(&p, AUTH_SEARCH, NULL));
}
END_TEST

START_TEST(copies_own_all_they_point_to)
{
    struct arena a;
    arena_init(&a, 0);
    char query[] = "code=1", patient[] = "7";
    struct auth_principal p = principal();
    struct auth_grant g = lab;
    g.query = str_of(query);
    p.patient = str_of(patient);
    p.grants = &g;
    const struct auth_principal *copy = auth_principal_copy(&a, &p);
    memset(query, 'x', sizeof query - 1);
    memset(patient, 'x', sizeof patient - 1);
    g = (struct auth_grant){0};
    ck_str_eq(copy->patient, "7");
    ck_str_eq(copy->grants[0].query, "code=1");
    ck_assert_ptr_eq(copy->grants[0].type, &type);
    ck_assert_uint_eq(copy->type_rights[0], AUTH_READ);
    arena_release(&a);
}
END_TEST

START_TEST(rights_tell_principals_apart)
{
    struct arena a;
    arena_init(&a, 0);
    struct auth_principal p = principal(), q = principal();
    ck_assert(str_eq(auth_principal_rights(&a, &p), auth_principal_rights(&a, &q)));
    q.patient = STR("2");
    ck_assert(!str_eq(auth_principal_rights(&a, &p), auth_principal_rights(&a, &q)));
    q = principal();
    struct auth_grant g = lab;
    g.query = (struct str){NULL, 0};
    q.grants = &g;
    ck_assert(!str_eq(auth_principal_rights(&a, &p), auth_principal_rights(&a, &q)));
    g = lab;
    g.level = AUTH_USER;
    ck_assert(!str_eq(auth_principal_rights(&a, &p), auth_principal_rights(&a, &q)));
    arena_release(&a);
}
END_TEST

Suite *suite_auth_principal(void)
{
    Suite *s = suite_create("auth_principal");
    TCase *t = tcase_create("principal");
    tcase_add_test(t, some_is_not_all);
    tcase_add_test(t, copies_own_all_they_point_to);
    tcase_add_test(t, rights_tell_principals_apart);
    suite_add_tcase(s, t);
    return s;
}
