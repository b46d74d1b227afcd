/* SearchParameters as resources: which are taken, and what a registry with them does. */
#include "support/search.h"

static struct test_search t;
static struct err err;

static void setup(void)
{
    test_search_init(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static const char head[] =
    "\"resourceType\":\"SearchParameter\",\"url\":\"http://x.test/sp\",\"name\":\"x\",";

static json *parameter(const char *members)
{
    return test_json(&t.a, arena_printf(&t.a, "{%s%s}", head, members));
}

#define NICKNAME                                                                                             \
    "\"status\":\"active\",\"code\":\"nickname\",\"base\":[\"Patient\"],\"type\":\"string\","                \
    "\"expression\":\"Patient.name.where(use='nickname').given\""

START_TEST(test_what_is_refused_and_where)
{
    static const struct {
        const char *members, *expression;
    } cases[] = {
        {NICKNAME, NULL},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
         "\"Patient.name.(\"",
         "SearchParameter.expression"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
         "\"Patient.nmae\"",
         "SearchParameter.expression"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\",\"Person\"],\"type\":\"string\","
         "\"expression\":\"Patient.name.given\"",
         "SearchParameter.expression"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"string\"",
         "SearchParameter.expression"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Pateint\"],\"type\":\"string\",\"expression\":"
         "\"id\"",
         "SearchParameter.base"},
        {"\"status\":\"active\",\"code\":\"name\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
         "\"Patient.name.given\"",
         "SearchParameter.code"},
        {"\"status\":\"active\",\"code\":\"a.b\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
         "\"Patient.name.given\"",
         "SearchParameter.code"},
        {"\"status\":\"active\",\"code\":\"_x\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
         "\"Patient.name.given\"",
         "SearchParameter.code"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"special\",\"expression\":"
         "\"Patient.name.given\"",
         "SearchParameter.type"},
        /* types that have no value for it */
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"reference\",\"expression\":"
         "\"Patient.name\"",
         "SearchParameter.type"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"quantity\",\"expression\":"
         "\"Patient.gender\"",
         "SearchParameter.type"},
        {"\"status\":\"active\",\"code\":\"n\",\"base\":[\"Patient\"],\"type\":\"date\",\"expression\":"
         "\"Patient.name.given | Patient.birthDate\"",
         NULL},
        /* what is not in use is not looked at */
        {"\"status\":\"draft\",\"code\":\"name\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
         "\"(\"",
         NULL},
        {"\"status\":\"active\",\"code\":\"e\",\"base\":[\"Resource\"],\"type\":\"token\",\"expression\":"
         "\"Resource.meta.extension('http://x.test/e').value\"",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool ok =
            search_custom_check(t.registry, &t.a, parameter(cases[i].members), (struct str){NULL, 0}, &err);
        ck_assert_msg(ok == !cases[i].expression, "%s: %s", cases[i].members, ok ? "taken" : err.msg);
        if (!ok) {
            ck_assert_int_eq(err.kind, ERR_RULE);
            ck_assert_str_eq(err.expression, cases[i].expression);
        }
    }
}
END_TEST

START_TEST(test_the_definitions_own_parameters_are_known_already)
{
    json *own =
        test_json(&t.a, "{\"resourceType\":\"SearchParameter\",\"url\":\"http://hl7.org/fhir/SearchParameter/"
                        "individual-birthdate\",\"status\":\"active\",\"code\":\"birthdate\",\"type\":"
                        "\"date\",\"base\":[\"Patient\"],\"expression\":\"Patient.birthDate\"}");
    ck_ok(search_custom_check(t.registry, &t.a, own, (struct str){NULL, 0}, &err));
    ck_assert(!search_custom_is_used(t.registry, own));
    ck_assert(search_custom_is_used(t.registry, parameter(NICKNAME)));
}
END_TEST

static const struct search_registry *with(bool ready)
{
    const struct search_registry *r;
    const struct search_custom custom = {.id = STR("1"), .resource = parameter(NICKNAME), .ready = ready};
    struct search_custom *kept = ARENA_NEW(&t.a, struct search_custom);
    *kept = custom;
    search_registry_extend(&t.a, t.registry, kept, 1, &r);
    return r;
}

static size_t strings_of(const struct search_registry *r)
{
    struct search_index x;
    json *patient = test_json(
        &t.a, "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"use\":\"nickname\",\"given\":"
              "[\"Taro\",\"Jiro\"]}]}");
    ck_ok(search_index(r, &t.tenant, &t.a, patient, fhir_type(t.defs, "Patient"), STR(TEST_SEARCH_BASE), &x,
                       &err));
    return x.n_strs;
}

static bool ask(const struct search_registry *r, const char *name, const char *value, bool strict,
                struct search_query **q)
{
    const struct search_arg arg = {str_of(name), str_of(value)};
    const struct search_options o = {.type = fhir_type(t.defs, "Patient"),
                                     .strict = strict,
                                     .base = STR(TEST_SEARCH_BASE),
                                     .limits = t.limits};
    return search_parse(r, &t.tenant, &t.a, &arg, 1, &o, q, &err);
}

START_TEST(test_what_is_being_built_is_indexed_but_not_asked)
{
    struct search_query *q;
    const struct search_registry *building = with(false), *ready = with(true);
    ck_assert_uint_eq(strings_of(building), strings_of(t.registry) + 2);
    ck_assert_uint_eq(strings_of(ready), strings_of(t.registry) + 2);
    ck_ok(ask(building, "nickname", "taro", false, &q));
    ck_assert_uint_eq(q->n_building, 1);
    ck_assert_uint_eq(q->n_unknown, 0);
    ck_assert_ptr_null(strstr(arena_strndup(&t.a, q->self.s, q->self.len), "nickname"));
    ck_assert(!ask(building, "nickname", "taro", true, &q));
    ck_assert_ptr_nonnull(strstr(err.msg, "built"));
    ck_assert(!ask(building, "_sort", "nickname", false, &q));
    ck_assert_ptr_nonnull(strstr(err.msg, "built"));
    ck_ok(ask(building, "_has:Observation:patient:nickname", "x", false, &q));
    ck_assert_uint_eq(q->n_unknown, 1);
    ck_ok(ask(building, "link:Patient.nickname", "x", false, &q));
    ck_assert_uint_eq(q->n_building, 1);
    ck_ok(ask(ready, "nickname:exact", "Taro", true, &q));
    ck_assert_uint_eq(q->n_building, 0);
    ck_assert(!ask(t.registry, "nickname", "taro", true, &q));
}
END_TEST

START_TEST(test_what_cannot_be_evaluated_has_no_value)
{
    const struct search_registry *r;
    const struct search_custom custom = {
        .id = STR("1"),
        .ready = true,
        .resource =
            parameter("\"status\":\"active\",\"code\":\"one\",\"base\":[\"Patient\"],\"type\":\"string\","
                      "\"expression\":\"Patient.name.given.single()\"")};
    search_registry_extend(&t.a, t.registry, &custom, 1, &r);
    ck_assert_uint_eq(strings_of(r), strings_of(t.registry));
}
END_TEST

START_TEST(test_types)
{
    int16_t *types;
    size_t n;
    search_custom_types(t.registry, &t.a, parameter(NICKNAME), &types, &n);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(types[0], fhir_type(t.defs, "Patient")->id);
    search_custom_types(t.registry, &t.a, parameter("\"base\":[\"Resource\"]"), &types, &n);
    ck_assert_uint_eq(n, (size_t)fhir_resource_count(t.defs));
}
END_TEST

/* What the definitions have is indexed, so under another code it would be taken as well. */
START_TEST(test_standard_ones_would_be_taken)
{
    for (int i = 0; i < fhir_resource_count(t.defs); i++) {
        const struct fhir_type *type = fhir_resource_at(t.defs, i);
        const struct fhir_search_param *const *list;
        int n = fhir_search_params(type, &list);
        for (int j = 0; j < n; j++) {
            const struct fhir_search_param *p = list[j];
            if (!p->expression || p->type == FHIR_SEARCH_SPECIAL || p->type == FHIR_SEARCH_COMPOSITE ||
                p->base != type)
                continue;
            json *o = parameter("\"status\":\"active\",\"code\":\"zz\"");
            json *base = json_add(&t.a, o, "base", json_array(&t.a));
            json_push(base, json_string(&t.a, type->name));
            json_add_string(&t.a, o, "type", fhir_search_type_name(p->type));
            json_add_string(&t.a, o, "expression", p->expression);
            ck_assert_msg(search_custom_check(t.registry, &t.a, o, (struct str){NULL, 0}, &err),
                          "%s of %s: %s", p->code, type->name, err.msg);
        }
    }
}
END_TEST

Suite *suite_search_custom(void)
{
    Suite *s = suite_create("search/custom");
    TCase *tc = tcase_create("custom");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_what_is_refused_and_where);
    tcase_add_test(tc, test_the_definitions_own_parameters_are_known_already);
    tcase_add_test(tc, test_what_is_being_built_is_indexed_but_not_asked);
    tcase_add_test(tc, test_what_cannot_be_evaluated_has_no_value);
    tcase_add_test(tc, test_types);
    tcase_add_test(tc, test_standard_ones_would_be_taken);
    suite_add_tcase(s, tc);
    return s;
}
