/* The language by the cases in tests/cases/fhirpath; its README tells their form. */
#include <dirent.h>

#include "base/config.h"
#include "fhirpath/fhirpath.h"
#include "support/test.h"
#include "terminology/terminology.h"

#define DIR_OF_CASES "tests/cases/fhirpath/"

static struct arena shared;
static const struct fhir_defs *defs;

static struct fp_terminology codes;

static void setup(void)
{
    struct err err;
    arena_init(&shared, 0);
    const struct conformance_view *view;
    ck_ok(fhir_defs_load(&shared, &defs, &err));
    ck_ok(conformance_definitions(&shared, defs, &view, &err));
    codes = (struct fp_terminology){terminology_member, terminology_subsumes, view};
}

static void teardown(void)
{
    arena_release(&shared);
}

/* An item as the cases write it. */
static void show(struct arena *a, const struct fp_item *item, struct buf *out)
{
    const struct fp_expr *x;
    struct fp_list text;
    struct err err;
    struct fp_env env = {.a = a, .defs = defs};
    static const char *const before[] = {
        [FP_STRING] = "'", [FP_DATE] = "@", [FP_DATETIME] = "@", [FP_TIME] = "@T", [FP_QUANTITY] = ""};
    ck_ok(
        fp_compile(a, defs, STR("iif($this is Quantity, toQuantity(), getValue())"), NULL, false, &x, &err));
    ck_ok(fp_eval(x, &env, item, &text, &err));
    if (text.n == 0 || (item->kind == FP_NODE && item->type->kind != FHIR_PRIMITIVE)) {
        buf_addf(out, "<%s>", item->type ? item->type->name : "?");
        return;
    }
    enum fp_kind kind = text.items[0].kind;
    ck_ok(fp_compile(a, defs, STR("toString()"), NULL, false, &x, &err));
    ck_ok(fp_eval(x, &env, &text.items[0], &text, &err));
    struct str s = text.items[0].string;
    buf_adds(out, before[kind] ? before[kind] : "");
    buf_addstr(out, s);
    buf_adds(out, kind == FP_STRING ? "'" : kind == FP_DATETIME && !memchr(s.s, 'T', s.len) ? "T" : "");
}

struct section {
    json *resource;
    bool strict, search;
};

static struct str evaluate(struct arena *a, const struct section *on, struct str expression)
{
    const int64_t now = INT64_C(1709177445678000);
    struct fp_env env = {.a = a,
                         .defs = defs,
                         .resource = on->resource,
                         .now_us = now,
                         .zone = 540,
                         .single_as = !on->search,
                         .terminology = &codes};
    struct fp_item root;
    const struct fp_expr *x;
    struct fp_list result;
    struct buf out;
    struct err err;
    buf_init(&out, a, 100);
    if (on->resource)
        root = fp_root(defs, on->resource, NULL);
    if (!fp_compile(a, defs, expression, on->resource ? root.type : NULL, on->strict, &x, &err) ||
        !fp_eval(x, &env, on->resource ? &root : NULL, &result, &err))
        return STR("error");
    for (size_t i = 0; i < result.n; i++) {
        buf_adds(&out, i ? "; " : "");
        show(a, &result.items[i], &out);
    }
    return result.n ? buf_str(&out) : STR("empty");
}

static void begin_section(struct arena *a, struct section *on, struct str line)
{
    struct str rest = str_trim((struct str){line.s + 2, line.len - 2}), name = str_cut(rest, ' ', &rest),
               text;
    struct err err;
    *on = (struct section){.strict = rest.s && str_is(rest, "strict"),
                           .search = rest.s && str_is(rest, "search")};
    if (name.len == 0)
        return;
    const char *path = arena_printf(a, DIR_OF_CASES "%.*s", STR_FMT(name));
    ck_ok(config_read_file(a, path, 1 << 20, &text, &err));
    ck_ok(json_parse(a, text, 64, &on->resource, &err));
}

static int run_file(const char *name)
{
    struct arena a, scratch;
    struct str text, line;
    struct err err;
    struct section on = {0};
    int number = 0, failed = 0;
    arena_init(&a, 0);
    arena_init(&scratch, 0);
    ck_ok(config_read_file(&a, arena_printf(&a, DIR_OF_CASES "%s", name), 1 << 20, &text, &err));
    for (struct str rest = text; rest.s; number++, arena_clear(&scratch)) {
        line = str_trim(str_cut(rest, '\n', &rest));
        if (line.len == 0 || line.s[0] == '#')
            continue;
        if (str_starts(line, STR("=="))) {
            begin_section(&a, &on, line);
            continue;
        }
        size_t at = line.len;
        while (at > 0 && !str_starts((struct str){line.s + at, line.len - at}, STR(" -> ")))
            at--;
        ck_assert_msg(at > 0, "%s:%d: no -> in '%.*s'", name, number + 1, STR_FMT(line));
        struct str want = str_trim((struct str){line.s + at + 4, line.len - at - 4});
        struct str got = evaluate(&scratch, &on, (struct str){line.s, at});
        if (!str_eq(want, got)) {
            printf("%s:%d: %.*s: %.*s is expected and not %.*s\n", name, number + 1, (int)at, line.s,
                   STR_FMT(want), STR_FMT(got));
            failed++;
        }
    }
    arena_release(&scratch);
    arena_release(&a);
    return failed;
}

START_TEST(all_files)
{
    int files = 0, failed = 0;
    DIR *d = opendir(DIR_OF_CASES);
    ck_assert(d != NULL);
    for (struct dirent *e; (e = readdir(d));)
        if (str_ends(str_of(e->d_name), STR(".cases"))) {
            files++;
            failed += run_file(e->d_name);
        }
    closedir(d);
    ck_assert_int_gt(files, 0);
    ck_assert_msg(failed == 0, "%d cases failed", failed);
}
END_TEST

Suite *suite_fhirpath_cases(void)
{
    Suite *s = suite_create("fhirpath_cases");
    TCase *t = tcase_create("cases");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, all_files);
    suite_add_tcase(s, t);
    return s;
}
