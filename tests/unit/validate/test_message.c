#include "fhir/defs.h"
#include "support/test.h"
#include "validate/validate.h"

static struct arena a;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

START_TEST(test_choice)
{
    static const struct {
        const char *accept;
        int language; /* -1: none */
    } cases[] = {{"ja", LANGUAGE_JA},
                 {"ja-JP", LANGUAGE_JA},
                 {"JA_JP.UTF-8", LANGUAGE_JA},
                 {"en-US,ja;q=0.9", LANGUAGE_EN},
                 {"en;q=0.8, ja;q=0.85", LANGUAGE_JA},
                 {"fr, ja;q=0.1", LANGUAGE_JA},
                 {"ja;q=0, en;q=0.001", LANGUAGE_EN},
                 {"en ; level=1 ; q=0.2, ja; q=0.3", LANGUAGE_JA},
                 {"ja;q=x", LANGUAGE_JA},
                 {"java", -1},
                 {"C.UTF-8", -1},
                 {"*", -1},
                 {";;,,", -1},
                 {"", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum language language = (enum language)7;
        bool found = language_choose(str_of(cases[i].accept), &language);
        ck_assert_msg(found ? (int)language == cases[i].language : cases[i].language < 0 && language == 7,
                      "%s", cases[i].accept);
    }
    enum language unset = LANGUAGE_EN;
    ck_assert(!language_choose((struct str){NULL, 0}, &unset));
}
END_TEST

static const char *text(enum language language, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *text(enum language language, const char *fmt, ...)
{
    struct issues list;
    va_list args;
    issues_init(&list, &a);
    list.language = language;
    va_start(args, fmt);
    issues_addv(&list, ISSUE_ERROR, "value", NULL, fmt, args);
    va_end(args);
    return list.list[0].text;
}

START_TEST(test_text)
{
    ck_assert_str_eq(text(LANGUAGE_EN, "%s is required: add it", "X.y"), "X.y is required: add it");
    ck_assert_str_eq(text(LANGUAGE_JA, "%s is required: add it", "X.y"), "X.y は必須です。追加してください");
    /* places in another order than the conversions; a number; an argument that is a text itself */
    ck_assert_str_eq(text(LANGUAGE_JA, "resourceType is %s where a %s belongs", "A", "B"),
                     "B であるべき位置の resourceType が A です");
    ck_assert_str_eq(text(LANGUAGE_JA, "Elements are nested more than %d deep", 160),
                     "要素の入れ子が 160 段を超えています");
    ck_assert_str_eq(text(LANGUAGE_JA, "%s: %s", "X.y", "a uri has no white space"),
                     "X.y：uri に空白は使えません");
    /* what is not translated stays */
    ck_assert_str_eq(text(LANGUAGE_JA, "no such text %zu", (size_t)3), "no such text 3");
    ck_assert_str_eq(text(LANGUAGE_JA, "%s", "{1}"), "{1}");
}
END_TEST

static unsigned translated(const struct fhir_invariant *const *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *human = list[i]->human;
        ck_assert_msg(human && strcmp(text(LANGUAGE_JA, "%s", human), human) != 0, "%s has no Japanese: %s",
                      list[i]->key, human ? human : "(no text)");
    }
    return n;
}

START_TEST(test_invariants)
{
    const struct fhir_defs *defs;
    struct err err;
    ck_ok(fhir_defs_load(&a, &defs, &err));
    unsigned seen = 0;
    for (int i = 0; i < fhir_type_count(defs); i++) {
        const struct fhir_type *t = fhir_type_at(defs, i);
        seen += translated(t->invariants, t->n_invariants);
        for (int k = 0; k < t->n_elements; k++)
            seen += translated(t->elements[k].invariants, t->elements[k].n_invariants);
    }
    ck_assert_uint_ge(seen,
                      fhir_invariant_count(defs)); /* each stands somewhere, inherited ones several times */
}
END_TEST

Suite *suite_validate_message(void)
{
    Suite *s = suite_create("validate_message");
    TCase *t = tcase_create("message");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_choice);
    tcase_add_test(t, test_text);
    tcase_add_test(t, test_invariants);
    suite_add_tcase(s, t);
    return s;
}
