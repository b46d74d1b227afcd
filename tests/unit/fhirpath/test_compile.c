/* Compiling: everything R4 itself says in FHIRPath compiles; errors have a place. */
#include "fhirpath/fhirpath.h"
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

static void compiles(const char *text, const struct fhir_type *context, bool strict, const char *of)
{
    const struct fp_expr *x;
    struct err err;
    if (!fp_compile(&arena, defs, str_of(text), context, strict, &x, &err))
        ck_abort_msg("%s: %s: %d: %s", of, text, err.column, err.msg);
}

START_TEST(search_parameters)
{
    int n = 0;
    for (int i = 0; i < fhir_resource_count(defs); i++) {
        const struct fhir_search_param *const *list;
        int params = fhir_search_params(fhir_resource_at(defs, i), &list);
        for (int k = 0; k < params; k++)
            if (list[k]->expression) {
                compiles(list[k]->expression, list[k]->base, true, list[k]->url);
                n++;
            }
    }
    ck_assert_int_gt(n, 1000);
}
END_TEST

static void invariants(const struct fhir_type *context, const struct fhir_invariant *const *list, int n)
{
    for (int i = 0; i < n; i++) {
        bool names_what_is_not_there =
            strcmp(list[i]->key, "cid-0") == 0; /* ChargeItemDefinition has no name */
        compiles(list[i]->expression, context, !names_what_is_not_there, list[i]->key);
    }
}

START_TEST(invariants_of_every_type)
{
    for (int i = 0; i < fhir_type_count(defs); i++) {
        const struct fhir_type *t = fhir_type_at(defs, i);
        invariants(t, t->invariants, t->n_invariants);
        for (int e = 0; e < t->n_elements; e++)
            for (int k = 0; k < t->elements[e].n_types; k++)
                if (t->elements[e].n_types == 1)
                    invariants(t->elements[e].types[k].type, t->elements[e].invariants,
                               t->elements[e].n_invariants);
    }
}
END_TEST

static void fails(const char *text, int line, int column)
{
    const struct fp_expr *x;
    struct err err;
    ck_assert_msg(!fp_compile(&arena, defs, str_of(text), NULL, false, &x, &err), "'%s' compiles", text);
    ck_assert_msg(err.line == line && err.column == column, "'%s': %d:%d: %s", text, err.line, err.column,
                  err.msg);
}

START_TEST(errors_have_a_place)
{
    fails("", 1, 1);
    fails("a +", 1, 4);
    fails("a b", 1, 3);
    fails("a.\n  b.(c)", 2, 5);
    fails("(a", 1, 3);
    fails("'abc", 1, 1);
    fails("a /* b", 1, 3);
    fails("a = @2015-13", 1, 5);
    fails("/* x\n */ a.where()", 2, 7);
    fails("nothing()", 1, 1);
    fails("a is Nobody", 1, 6);
    fails("a.matches('(')", 1, 11);
    fails("a ! b", 1, 3);
    fails("$those", 1, 1);
    fails("2147483648", 1, 1);
    fails("a;b", 1, 2);
}
END_TEST

START_TEST(nesting_is_bounded)
{
    const struct fp_expr *x;
    struct err err;
    struct buf b;
    buf_init(&b, &arena, 100);
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '(');
    ck_assert(!fp_compile(&arena, defs, buf_str(&b), NULL, false, &x, &err));
    static const char *const parts[] = {"1+", "a[0].", "a.b().", "-", "not(", "a or ", "{}|"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        b.len = 0;
        for (int k = 0; k < 20000; k++)
            buf_adds(&b, parts[i]);
        buf_adds(&b, "1");
        ck_assert(!fp_compile(&arena, defs, buf_str(&b), NULL, false, &x, &err));
    }
    b.len = 0;
    for (int i = 0; i < 300; i++)
        buf_adds(&b, "1+");
    buf_adds(&b, "1");
    ck_ok(fp_compile(&arena, defs, buf_str(&b), NULL, false, &x, &err));
}
END_TEST

Suite *suite_fhirpath_compile(void)
{
    Suite *s = suite_create("fhirpath_compile");
    TCase *t = tcase_create("compile");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, search_parameters);
    tcase_add_test(t, invariants_of_every_type);
    tcase_add_test(t, errors_have_a_place);
    tcase_add_test(t, nesting_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
