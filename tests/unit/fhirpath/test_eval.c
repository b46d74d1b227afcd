/* Evaluation through the interface: conditions, callbacks, limits, places, many threads. */
#include "fhirpath/fhirpath.h"

#include <pthread.h>

#include "support/test.h"

static struct arena arena;
static const struct fhir_defs *defs;
static json *patient;
static struct fp_item root;

static void setup(void)
{
    struct err err;
    arena_init(&arena, 0);
    ck_ok(fhir_defs_load(&arena, &defs, &err));
    patient = test_json(
        &arena, "{\"resourceType\":\"Patient\",\"id\":\"a\",\"name\":[{\"family\":\"A\",\"given\":[\"B\"]},"
                "{\"family\":\"C\"}],\"multipleBirthInteger\":2,\"link\":[{\"other\":{\"reference\":"
                "\"Patient/b\"}}]}");
    root = fp_root(defs, patient, NULL);
}

static void teardown(void)
{
    arena_release(&arena);
}

static const struct fp_expr *compiled(const char *text)
{
    const struct fp_expr *x;
    struct err err;
    ck_ok(fp_compile(&arena, defs, str_of(text), root.type, false, &x, &err));
    return x;
}

static struct fp_env env_of(void)
{
    return (struct fp_env){.a = &arena, .defs = defs, .resource = patient};
}

static void condition(const char *text, bool expected)
{
    struct fp_env env = env_of();
    struct err err;
    bool is;
    ck_ok(fp_eval_bool(compiled(text), &env, &root, &is, &err));
    ck_assert_msg(is == expected, "%s", text);
}

START_TEST(conditions)
{
    condition("name.exists()", true);
    condition("name.empty()", false);
    condition("photo", false);
    condition("id", true);
    condition("{}", false);
    condition("multipleBirth", true);
    condition("id and {}", false);
    struct fp_env env = env_of();
    struct err err;
    bool is;
    ck_assert(!fp_eval_bool(compiled("name"), &env, &root, &is, &err));
}
END_TEST

START_TEST(items_say_where_they_are)
{
    struct fp_env env = env_of();
    struct fp_list l;
    struct err err;
    ck_ok(fp_eval(compiled("name.given | name.family | multipleBirth"), &env, &root, &l, &err));
    static const char *const places[] = {"Patient.name[0].given[0]", "Patient.name[0].family",
                                         "Patient.name[1].family", "Patient.multipleBirth"};
    static const char *const texts[] = {"B", "A", "C", "2"};
    ck_assert_uint_eq(l.n, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_str_eq(fp_path(&arena, &l.items[i]), places[i]);
        ck_assert_str_eq(fp_text(&l.items[i]), texts[i]);
    }
    ck_assert_str_eq(l.items[3].element->name, "multipleBirth");
    ck_assert_str_eq(l.items[3].type->name, "integer");
    ck_assert_ptr_eq(l.items[1].node, json_get(json_at(json_get(patient, "name"), 0), "family"));
    ck_str_eq(fp_path(&arena, &root), "Patient");
}
END_TEST

/* A context in the middle of a resource keeps its place. */
START_TEST(contexts_within)
{
    struct fp_env env = env_of();
    struct fp_list names, given;
    struct err err;
    ck_ok(fp_eval(compiled("name"), &env, &root, &names, &err));
    const struct fp_expr *x;
    ck_ok(fp_compile(&arena, defs, STR("given"), fhir_type(defs, "HumanName"), true, &x, &err));
    ck_ok(fp_eval(x, &env, &names.items[0], &given, &err));
    ck_assert_uint_eq(given.n, 1);
    ck_str_eq(fp_path(&arena, given.items), "Patient.name[0].given[0]");
}
END_TEST

static int asked;
static const json *resolve(void *arg, struct arena *a, const char *reference)
{
    asked++;
    ck_assert_str_eq(arg, "arg");
    ck_assert_str_eq(reference, "Patient/b");
    return test_json(a, "{\"resourceType\":\"Patient\",\"id\":\"b\"}");
}

static int member(const void *arg, const char *valueset, const char *system, const char *code)
{
    ck_assert_str_eq(arg, "codes");
    ck_assert_ptr_null(system);
    ck_assert_str_eq(code, "a");
    return strcmp(valueset, "http://example.org/yes") == 0 ? 1 : -1;
}

static void trace(void *arg, const char *name, const struct fp_list *value)
{
    (void)arg;
    ck_assert_str_eq(name, "names");
    ck_assert_uint_eq(value->n, 2);
    asked++;
}

START_TEST(callbacks)
{
    struct fp_env env = env_of();
    struct fp_list l;
    struct err err;
    char arg[] = "arg";
    env.resolve = resolve;
    const struct fp_terminology codes = {.member = member, .arg = "codes"};
    env.terminology = &codes;
    env.trace = trace;
    env.arg = arg;
    asked = 0;
    ck_ok(fp_eval(compiled("link.other.resolve().id"), &env, &root, &l, &err));
    ck_assert_str_eq(fp_text(l.items), "b");
    ck_assert_int_eq(asked, 1);
    /* The type is in the reference's text: nobody is asked. */
    ck_ok(fp_eval(compiled("link.other.where(resolve() is Patient)"), &env, &root, &l, &err));
    ck_assert_uint_eq(l.n, 1);
    ck_assert_int_eq(asked, 1);
    ck_ok(fp_eval(compiled("id.memberOf('http://example.org/yes')"), &env, &root, &l, &err));
    ck_assert(l.n == 1 && l.items->boolean);
    ck_ok(fp_eval(compiled("id.memberOf('http://example.org/unknown')"), &env, &root, &l, &err));
    ck_assert_uint_eq(l.n, 0);
    ck_ok(fp_eval(compiled("name.trace('names')"), &env, &root, &l, &err));
    ck_assert_int_eq(asked, 2);
}
END_TEST

START_TEST(variables)
{
    struct fp_env env = env_of();
    struct fp_list l;
    struct err err;
    struct fp_item seven = {.kind = FP_INTEGER, .integer = 7};
    const struct fp_variable vars[] = {{"seven", {&seven, 1, 1}}, {"none", {NULL, 0, 0}}};
    env.variables = vars;
    env.n_variables = 2;
    ck_ok(fp_eval(compiled("%seven + 1"), &env, &root, &l, &err));
    ck_assert_int_eq(l.items->integer, 8);
    ck_ok(fp_eval(compiled("%none"), &env, &root, &l, &err));
    ck_assert_uint_eq(l.n, 0);
    ck_assert(!fp_eval(compiled("%other"), &env, &root, &l, &err));
}
END_TEST

static void too_costly(const char *text)
{
    struct arena a;
    struct fp_env env = env_of();
    struct fp_list l;
    struct err err;
    arena_init(&a, 0);
    env.a = &a;
    env.max_steps = 100000;
    env.max_items = 10000;
    ck_assert_msg(!fp_eval(compiled(text), &env, &root, &l, &err), "%s ends", text);
    ck_assert_int_eq(err.kind, ERR_TOO_COSTLY);
    ck_assert_msg(a.used < 64 << 20, "%s takes %zu bytes", text, a.used);
    arena_release(&a);
}

START_TEST(limits)
{
    too_costly("1.repeatAll($this)");
    too_costly("1.repeat($this + 1)");
    too_costly("(1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9).select("
               "(1|2|3|4|5|6|7|8|9).select((1|2|3|4|5|6|7|8|9)))))");
    too_costly("'a'.repeat($this + $this)");
    too_costly("'aaaaaaaaaa'.repeat(replace('a', $this))");
    too_costly("('a' | 'b').repeat($this & 'x')");
    too_costly("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.matches('^(a|a)+$')");
    struct fp_env env = env_of();
    struct fp_list l;
    struct err err;
    ck_ok(fp_eval(compiled("2.0.repeat($this * $this).count()"), &env, &root, &l, &err));
    ck_assert_int_lt(l.items->integer, 20);
}
END_TEST

static void *evaluate_often(void *arg)
{
    const struct fp_expr *x = arg;
    struct arena a;
    arena_init(&a, 0);
    for (int i = 0; i < 2000; i++, arena_clear(&a)) {
        struct fp_env env = {.a = &a, .defs = defs, .resource = patient};
        struct fp_list l;
        struct err err;
        if (!fp_eval(x, &env, &root, &l, &err) || l.n != 1)
            return arg;
    }
    arena_release(&a);
    return NULL;
}

START_TEST(many_threads)
{
    const struct fp_expr *x =
        compiled("name.where(family.matches('^[A-B]$')).given.first() & name.last().family");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, evaluate_often, (void *)x), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

/* Duplicates among many are found without comparing each with each. */
START_TEST(large_sets)
{
    struct fp_env env = env_of();
    struct fp_list l;
    struct err err;
    struct buf b;
    buf_init(&b, &arena, 1000000);
    buf_adds(&b, "{\"resourceType\":\"Patient\",\"identifier\":[");
    for (int i = 0; i < 10000; i++)
        buf_addf(&b, "%s{\"system\":\"urn:x\",\"value\":\"%d\"}", i ? "," : "", i % 9000);
    buf_adds(&b, "]}");
    struct fp_item many = fp_root(defs, test_json(&arena, b.s), NULL);
    ck_ok(fp_eval(compiled("identifier.distinct().count() | identifier.value.distinct().count() + 1"), &env,
                  &many, &l, &err));
    ck_assert_uint_eq(l.n, 2);
    ck_assert_int_eq(l.items[0].integer, 9000);
    ck_assert_int_eq(l.items[1].integer, 9001);
}
END_TEST

Suite *suite_fhirpath_eval(void)
{
    Suite *s = suite_create("fhirpath_eval");
    TCase *t = tcase_create("eval");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, conditions);
    tcase_add_test(t, items_say_where_they_are);
    tcase_add_test(t, contexts_within);
    tcase_add_test(t, callbacks);
    tcase_add_test(t, variables);
    tcase_add_test(t, limits);
    tcase_add_test(t, many_threads);
    tcase_add_test(t, large_sets);
    suite_add_tcase(s, t);
    return s;
}
