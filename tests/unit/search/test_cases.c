/*
 * The cases of tests/cases/search: each file has resources (lines that begin with a brace), then queries and what they
 * find, against a real PostgreSQL:
 *     Patient?name=x => p1 p2        these, in any order
 *     Patient?_sort=name => = p1 p2  these, in this order
 *     Patient?name:foo=x => ! text   refused; the message contains the text
 *     Patient?foo=x => ? foo         left out as unknown
 * All of them again with sealed identities, which find the same, or say that they cannot.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "support/search.h"

#define DIR_NAME "tests/cases/search"

static struct test_search t;
static struct err err;

static void setup(void)
{
    test_search_open(&t);
}

static void setup_sealed(void)
{
    setup();
    test_search_seal(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static int by_name(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return strcmp(x->s, y->s);
}

static struct str sorted(struct str ids)
{
    struct str *words = NULL;
    size_t n = 0, cap = 0;
    for (struct str rest = ids; rest.s;) {
        struct str word = str_cut(rest, ' ', &rest);
        if (word.len)
            *ARENA_PUSH(&t.a, words, n, cap) = str_of(arena_strndup(&t.a, word.s, word.len));
    }
    if (n)
        qsort(words, n, sizeof *words, by_name);
    struct buf b;
    buf_init(&b, &t.a, 64);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i ? " " : "", words[i].s);
    return buf_str(&b);
}

/* What a query gives, in the form in which cases write what they expect. */
static struct str answer(const char *url, char kind)
{
    struct search_query *q;
    struct test_page page;
    struct buf b;
    buf_init(&b, &t.a, 64);
    if (!test_search_parse(&t, url, &q, &err) || (kind != '?' && !test_search_page(&t, q, &page, &err))) {
        buf_addf(&b, "! %s %s", err.msg, err.detail);
    } else if (kind == '?') {
        for (size_t i = 0; i < q->n_unknown; i++)
            buf_addf(&b, "%s%.*s", i ? " " : "? ", STR_FMT(q->unknown[i]));
    } else {
        buf_adds(&b, kind == '=' ? "= " : "");
        buf_addstr(&b, kind == '=' ? page.ids : sorted(page.ids));
        if (page.total != (int64_t)page.n && q->summary != SUMMARY_COUNT)
            buf_addf(&b, " (total %lld)", (long long)page.total);
    }
    return buf_str(&b);
}

static int run_case(const char *file, int line, struct str text)
{
    const char *arrow = memmem(text.s, text.len, " =>", 3);
    ck_assert_msg(arrow != NULL, "%s:%d: no arrow", file, line);
    const char *url = arena_strndup(&t.a, text.s, (size_t)(arrow - text.s));
    struct str expected = str_trim((struct str){arrow + 3, (size_t)(text.s + text.len - arrow - 3)});
    char kind = expected.len ? expected.s[0] : ' ';
    struct str got = str_trim(answer(url, kind));
    bool ok = kind == '!' ? got.len && got.s[0] == '!' &&
                                memmem(got.s, got.len, expected.s + 2, expected.len - 2) != NULL
              : kind == '=' || kind == '?' ? str_eq(got, expected)
                                           : str_eq(got, sorted(expected));
    ok = ok || (t.tenant.sealed && str_starts(got, STR("! ")) && err.kind == ERR_TOO_COSTLY &&
                strstr(err.msg, "(identity.seal)"));
    if (!ok)
        printf("%s:%d: %s\n    expected: %.*s\n    got:      %.*s\n", file, line, url, STR_FMT(expected),
               STR_FMT(got));
    fflush(stdout);
    return ok ? 0 : 1;
}

/* As an older schema has them, with side rows alone. */
static void drop_newer_lanes(void)
{
    ck_ok(db_run(t.db, "UPDATE res SET q_standard = NULL, q_unit = NULL", &err));
}

static int run_file(const char *path, bool old_rows)
{
    struct str text;
    int failed = 0, line = 0, cases = 0;
    ck_ok(config_read_file(&t.a, path, 1 << 20, &text, &err));
    for (struct str rest = text; rest.s;) {
        struct str l = str_trim(str_cut(rest, '\n', &rest));
        line++;
        if (!l.len || l.s[0] == '#')
            continue;
        if (l.s[0] == '{') {
            test_search_put(&t, test_json(&t.a, arena_strndup(&t.a, l.s, l.len)));
        } else {
            if (old_rows && cases == 0)
                drop_newer_lanes();
            cases++;
            failed += run_case(path, line, l);
        }
    }
    ck_assert_int_gt(cases, 0);
    return failed;
}

static char *files[64];
static int n_files;

static int is_case(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && strcmp(dot, ".txt") == 0;
}

START_TEST(test_cases_of_a_file)
{
    int failed = run_file(files[_i], false);
    ck_assert_msg(failed == 0, "%s: %d failed", files[_i], failed);
}
END_TEST

START_TEST(test_rows_that_an_older_schema_wrote)
{
    ck_assert_int_eq(run_file(DIR_NAME "/quantity.txt", true), 0);
}
END_TEST

Suite *suite_search_cases(void)
{
    struct dirent **list;
    int n = scandir(DIR_NAME, &list, is_case, alphasort);
    for (int i = 0; i < n; i++) {
        if (n_files < (int)(sizeof files / sizeof files[0]) &&
            asprintf(&files[n_files], DIR_NAME "/%s", list[i]->d_name) > 0)
            n_files++;
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    Suite *s = suite_create("search_cases");
    TCase *c = tcase_create("files");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_cases_of_a_file, 0, n_files);
    tcase_add_test(c, test_rows_that_an_older_schema_wrote);
    suite_add_tcase(s, c);
    TCase *sealed = tcase_create("sealed");
    tcase_set_timeout(sealed, 60);
    tcase_add_checked_fixture(sealed, setup_sealed, teardown);
    tcase_add_loop_test(sealed, test_cases_of_a_file, 0, n_files);
    suite_add_tcase(s, sealed);
    return s;
}
