/* Values of sealed elements as the index has them. What they find is in test_cases.c. */
#include "../src/search/internal.h"
#include "support/search.h"

static struct test_search t;

static void setup(void)
{
    test_search_init(&t);
    test_search_seal(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static const struct search_param *param(const char *type, const char *code)
{
    return search__slot(t.registry, fhir_type(t.defs, type), str_of(code))->param;
}

START_TEST(test_which_parameters)
{
    static const struct {
        const char *type, *code;
        bool sealed;
    } cases[] = {
        {"Patient", "name", true},           {"Patient", "family", true},
        {"Patient", "address", true},        {"Patient", "address-city", true},
        {"Patient", "birthdate", true},      {"Patient", "identifier", true},
        {"Patient", "phone", true},          {"Patient", "gender", false},
        {"Patient", "address-state", false}, {"Organization", "name", false},
        {"Organization", "address", false},  {"Observation", "code", false},
        {"Observation", "subject", false},   {"Observation", "identifier", true},
        {"Observation", "date", false},      {"Observation", "value-string", false},
        {"Patient", "_id", false},           {"Patient", "_lastUpdated", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(search__is_sealed(&t.tenant, param(cases[i].type, cases[i].code)) == cases[i].sealed,
                      "%s.%s", cases[i].type, cases[i].code);
    t.tenant.sealed = NULL;
    ck_assert(!search__is_sealed(&t.tenant, param("Patient", "name")));
}
END_TEST

/* What begins alike has a beginning in common; nothing else is alike, neither elsewhere in it nor in another parameter. */
START_TEST(test_chains)
{
    const struct search_param *family = param("Patient", "family"), *given = param("Patient", "given");
    struct str yamada = search__sealed_text(&t.tenant, family, &t.a, STR("ヤマタ")),
               yama = search__sealed_text(&t.tenant, family, &t.a, STR("ヤマ")),
               yamato = search__sealed_text(&t.tenant, family, &t.a, STR("ヤマト")),
               mama = search__sealed_text(&t.tenant, family, &t.a, STR("ママ")),
               other = search__sealed_text(&t.tenant, given, &t.a, STR("ヤマ"));
    ck_assert_uint_eq(yamada.len, 18);
    ck_assert(str_starts(yamada, yama) && str_starts(yamato, yama));
    ck_assert_str_ne(yamada.s + 10, yamato.s + 10);
    ck_assert_int_ne(memcmp(mama.s, mama.s + 5, 5), 0);
    ck_assert(!str_eq(yama, other));
}
END_TEST

START_TEST(test_nothing_as_it_is)
{
    struct search_index x;
    test_search_index(
        &t,
        test_quoted(&t.a,
                    "{'resourceType':'Patient','id':'1','identifier':[{'system':'http://x.test','value':"
                    "'Q7788'}],'name':[{'family':'Yamada'}],'telecom':[{'value':'03-1234'}],"
                    "'birthDate':'1980-05-12','text':{'status':'generated','div':'<div>Yamada</div>'}}"),
        &x);
    ck_assert_uint_gt(x.n_strs, 0);
    for (size_t i = 0; i < x.n_strs; i++) {
        ck_assert_ptr_null(memmem(x.strs[i].val.s, x.strs[i].val.len, "amada", 5));
        ck_assert(x.strs[i].raw.s && !memmem(x.strs[i].raw.s, x.strs[i].raw.len, "amada", 5));
    }
    for (size_t i = 0; i < x.n_dicts; i++)
        ck_assert(!str_is(x.dicts[i].val, "Q7788") && !str_is(x.dicts[i].val, "031234"));
    ck_assert_ptr_null(strstr(x.words.s, "yamada"));
    ck_assert_ptr_null(strstr(x.words.s, "q7788"));
    ck_assert_int_gt(x.dt_hi - x.dt, INT64_C(364) * 86400 * 1000000);
}
END_TEST

Suite *suite_search_sealed(void)
{
    Suite *s = suite_create("search_sealed");
    TCase *c = tcase_create("sealed");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_which_parameters);
    tcase_add_test(c, test_chains);
    tcase_add_test(c, test_nothing_as_it_is);
    suite_add_tcase(s, c);
    return s;
}
