/*
 * The cases of tests/cases/terminology: each file has resources (lines that begin with a brace), then questions and
 * their answers. See the README there.
 */
#include <dirent.h>
#include <stdio.h>

#include "../../../src/conformance/internal.h"
#include "base/config.h"
#include "support/test.h"
#include "terminology/terminology.h"

#define DIR_NAME "tests/cases/terminology"

static struct arena shared;
static const struct conformance_view *definitions;

static void load(void)
{
    struct err err;
    const struct fhir_defs *d;
    arena_init(&shared, 0);
    ck_ok(fhir_defs_load(&shared, &d, &err));
    ck_ok(conformance_definitions(&shared, d, &definitions, &err));
}

static void unload(void)
{
    arena_release(&shared);
}

struct file {
    struct arena a;
    struct conformance_entry **entries; /* as of stored resources */
    size_t n, cap;
    const struct conformance_view *view; /* made by the first question */
};

static void add_resource(struct file *f, struct str line)
{
    struct err err;
    json *resource;
    ck_ok(json_parse(&f->a, line, 100, &resource, &err));
    struct conformance_entry *made[CONFORMANCE__BRINGS];
    const char *id = json_get_string(resource, "id");
    enum conformance_kind kind = conformance_kind_named(json_get_string(resource, "resourceType"));
    ck_assert_int_lt(kind, CONFORMANCE_N_KINDS);
    size_t n = conformance__entries(&f->a, &f->a, kind, resource, str_of(id ? id : "x"), NULL, made);
    for (size_t i = 0; i < n; i++)
        *ARENA_PUSH(&f->a, f->entries, f->n, f->cap) = made[i];
}

static const char *answer_word(int answer)
{
    return answer < 0 ? "unknown" : answer ? "yes" : "no";
}

static bool find_set(const struct file *f, struct str name, const struct terminology_valueset **out,
                     struct err *err)
{
    return str_starts(name, STR("ValueSet/"))
               ? terminology_valueset_by_id(f->view, (struct str){name.s + 9, name.len - 9}, out, err)
               : terminology_valueset(f->view, name, out, err);
}

/* Every code of an expansion is a member. */
static void check_members(const struct file *f, const struct terminology_valueset *s,
                          const struct terminology_expansion *e)
{
    for (size_t i = 0; i < e->n; i++) {
        const struct terminology_concept *c = &e->concepts[i];
        ck_assert_msg(c->abstract || terminology_has(f->view, s, c->system, c->code) == TERMINOLOGY_YES,
                      "%s is in the expansion and no member", c->code);
    }
}

static struct str expand(const struct file *f, struct arena *a, struct str *words, int n)
{
    const struct terminology_valueset *s;
    struct terminology_options o = {0};
    struct terminology_expansion e;
    struct err err;
    struct buf out;
    bool displays = false;
    for (int i = 2; i < n; i++) {
        struct str value, name = str_cut(words[i], '=', &value);
        int64_t max;
        if (str_is(name, "max") && str_int64(value, &max))
            o.max = (size_t)max;
        else if (str_is(name, "filter"))
            o.filter = value;
        else if (str_is(name, "active"))
            o.active_only = true;
        else
            displays = str_is(name, "displays");
    }
    if (!find_set(f, words[1], &s, &err) || !terminology_expand(f->view, a, s, &o, &e, &err))
        return str_of(arena_printf(a, "error: %s", err.msg));
    check_members(f, s, &e);
    buf_init(&out, a, 64);
    for (size_t i = 0; i < e.n; i++)
        buf_addf(&out, "%s%s%s", i ? " " : "", e.concepts[i].code, e.concepts[i].abstract ? "!" : "");
    for (size_t i = 0; displays && i < e.n; i++)
        buf_addf(&out, " '%s'", e.concepts[i].display ? e.concepts[i].display : "");
    return e.n ? buf_str(&out) : STR("nothing");
}

static struct str ask(const struct file *f, struct arena *a, struct str question)
{
    struct str words[8], rest = question;
    const char *texts[8] = {NULL};
    const struct terminology_valueset *s;
    struct err err;
    int n = 0;
    while (rest.s && n < 8) {
        words[n] = str_cut(rest, ' ', &rest);
        texts[n] = arena_strndup(a, words[n].s, words[n].len);
        n++;
    }
    const char *system = n > 2 && strcmp(texts[2], "-") != 0 ? texts[2] : NULL;
    if (str_is(words[0], "expand"))
        return expand(f, a, words, n);
    if (str_is(words[0], "has") && n == 4)
        return find_set(f, words[1], &s, &err)
                   ? str_of(answer_word(terminology_has(f->view, s, system, texts[3])))
                   : str_of(arena_printf(a, "error: %s", err.msg));
    if (str_is(words[0], "member") && n == 4)
        return str_of(answer_word(terminology_member(f->view, texts[1], system, texts[3])));
    if (str_is(words[0], "subsumes") && n == 4)
        return str_of(answer_word(terminology_subsumes(f->view, texts[1], texts[2], texts[3])));
    if (str_is(words[0], "code") && n == 3)
        return str_of(answer_word(terminology_has_code(f->view, words[1], words[2], NULL, NULL)));
    if (str_is(words[0], "implied") && n == 3 && find_set(f, words[1], &s, &err)) {
        const char *is = terminology_implied_system(f->view, s, texts[2]);
        return str_of(is ? is : "none");
    }
    return STR("not understood");
}

/* Errors are told by a part of their text. */
static bool as_expected(struct str want, struct str got)
{
    return str_starts(want, STR("error: "))
               ? str_starts(got, STR("error: ")) && memmem(got.s, got.len, want.s + 7, want.len - 7) != NULL
               : str_eq(want, got);
}

static int run_file(const char *name)
{
    struct file f = {0};
    struct arena scratch;
    struct str text;
    struct err err;
    int number = 0, failed = 0;
    arena_init(&f.a, 0);
    arena_init(&scratch, 0);
    ck_ok(config_read_file(&f.a, arena_printf(&f.a, DIR_NAME "/%s", name), 1 << 20, &text, &err));
    for (struct str rest = text; rest.s; number++, arena_clear(&scratch)) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.len == 0 || line.s[0] == '#')
            continue;
        if (line.s[0] == '{') {
            ck_assert_msg(!f.view, "%s:%d: resources come first", name, number + 1);
            add_resource(&f, line);
            continue;
        }
        if (!f.view)
            f.view = conformance__view_new(&f.a, conformance_defs(definitions), definitions, f.entries, f.n);
        const char *arrow = memmem(line.s, line.len, " -> ", 4);
        ck_assert_msg(arrow != NULL, "%s:%d: no -> in '%.*s'", name, number + 1, STR_FMT(line));
        struct str want = {arrow + 4, line.len - (size_t)(arrow + 4 - line.s)};
        struct str got = ask(&f, &scratch, (struct str){line.s, (size_t)(arrow - line.s)});
        if (!as_expected(want, got)) {
            printf("%s:%d: '%.*s' is expected and not '%.*s'\n", name, number + 1, STR_FMT(want),
                   STR_FMT(got));
            failed++;
        }
    }
    arena_release(&scratch);
    arena_release(&f.a);
    return failed;
}

START_TEST(all_files)
{
    int files = 0, failed = 0;
    struct dirent *e;
    DIR *dir = opendir(DIR_NAME);
    ck_assert_ptr_nonnull(dir);
    while ((e = readdir(dir)))
        if (str_ends(str_of(e->d_name), STR(".cases"))) {
            failed += run_file(e->d_name);
            files++;
        }
    closedir(dir);
    ck_assert_int_gt(files, 3);
    ck_assert_int_eq(failed, 0);
}
END_TEST

Suite *suite_terminology_cases(void)
{
    Suite *s = suite_create("terminology_cases");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, load, unload);
    tcase_add_test(t, all_files);
    suite_add_tcase(s, t);
    return s;
}
