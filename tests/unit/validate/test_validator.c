/* Runs tests/cases/validate (its README tells the format); each case is one test. */
#include <dirent.h>

#include "base/config.h"
#include "fhirpath/fhirpath.h"
#include "support/test.h"
#include "validate/validate.h"

#define FOLDER "tests/cases/validate"

struct vcase {
    const char *file;
    struct str title, resource;
    struct str *found, *texts, *no_texts; /* lines "error structure Patient.active" */
    struct str *with;                     /* resources that are known */
    const char **profiles;                /* that are asked for */
    size_t n_with, cap_with, n_found, cap_found, n_texts, cap_texts, n_no_texts, cap_no_texts, n_profiles,
        cap_profiles;
};

static struct arena arena;
static struct vcase *cases;
static size_t n_cases, cap_cases;
static const struct fhir_defs *defs;
static const struct validator *validator;

static bool tail(struct str line, const char *prefix, struct str *rest)
{
    size_t len = strlen(prefix);
    if (!str_starts(line, str_of(prefix)))
        return false;
    *rest = (struct str){line.s + len, line.len - len};
    return true;
}

static void read_file(const char *name)
{
    struct err err;
    struct str text, rest;
    const char *path = arena_printf(&arena, FOLDER "/%s", name);
    if (!config_read_file(&arena, path, 1 << 20, &text, &err)) {
        fprintf(stderr, "%s: %s\n", path, err.msg);
        abort();
    }
    struct vcase *c = NULL, whole = {0};
    struct str *known = NULL; /* that may go on, on lines that begin with a blank */
    for (bool body = false; text.s && text.len > 0;) {
        struct str line = str_cut(text, '\n', &text);
        if (known && str_starts(line, STR(" "))) {
            known->len = (size_t)(line.s + line.len - known->s);
            if (c)
                c->resource = (struct str){line.s + line.len, 0};
            continue;
        }
        known = NULL;
        if (tail(line, "== ", &rest)) {
            c = ARENA_PUSH(&arena, cases, n_cases, cap_cases);
            *c = (struct vcase){.file = name, .title = rest, .resource = {line.s + line.len, 0}};
            for (size_t i = 0; i < whole.n_with; i++)
                *ARENA_PUSH(&arena, c->with, c->n_with, c->cap_with) = whole.with[i];
            body = true;
        } else if (tail(line, "+ ", &rest)) {
            struct vcase *to = c ? c : &whole;
            known = ARENA_PUSH(&arena, to->with, to->n_with, to->cap_with);
            *known = rest;
            if (c)
                c->resource = (struct str){line.s + line.len, 0};
        } else if (c && tail(line, "> ", &rest)) {
            *ARENA_PUSH(&arena, c->profiles, c->n_profiles, c->cap_profiles) =
                arena_strndup(&arena, rest.s, rest.len);
            body = false;
        } else if (c && (tail(line, "-- ", &rest) || line.s[0] == '@')) {
            body = false;
            if (tail(line, "@! ", &rest))
                *ARENA_PUSH(&arena, c->no_texts, c->n_no_texts, c->cap_no_texts) = rest;
            else if (tail(line, "@ ", &rest))
                *ARENA_PUSH(&arena, c->texts, c->n_texts, c->cap_texts) = rest;
            else if (!str_is(rest, "ok"))
                *ARENA_PUSH(&arena, c->found, c->n_found, c->cap_found) = rest;
        } else if (body) {
            c->resource.len = (size_t)(line.s + line.len - c->resource.s);
        }
    }
}

static void read_cases(void)
{
    DIR *dir = opendir(FOLDER);
    if (!dir) {
        fprintf(stderr, "run the tests from the top of the project: no " FOLDER "\n");
        abort();
    }
    for (const struct dirent *e; (e = readdir(dir));)
        if (str_ends(str_of(e->d_name), STR(".cases")))
            read_file(arena_strdup(&arena, e->d_name));
    closedir(dir);
}

static const struct conformance_view *codes;

static void load(void)
{
    struct err err;
    ck_ok(fhir_defs_load(&arena, &defs, &err));
    ck_ok(conformance_definitions(&arena, defs, &codes, &err));
    ck_ok(validator_new(&arena, defs, codes, &validator, &err));
}

static void unload(void)
{
    arena_release(&arena);
}

static const char *line_of(struct arena *a, const struct issue *i)
{
    static const char *const severities[] = {"fatal", "error", "warning", "information"};
    return arena_printf(a, "%s %s %s%s%s", severities[i->severity], i->code, i->expression, i->key ? " " : "",
                        i->key ? i->key : "");
}

/* That something is not known here is looked at only where a case says so. */
static bool left_out(const struct vcase *c, const struct issue *i)
{
    if (i->severity != ISSUE_WARNING || strcmp(i->code, "not-found") != 0)
        return false;
    for (size_t k = 0; k < c->n_found; k++)
        if (str_starts(c->found[k], STR("warning not-found")))
            return false;
    return true;
}

/* Both lists hold the same lines, however often. */
static bool same(struct arena *a, const struct vcase *c, const struct issues *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        n += !left_out(c, &out->list[i]);
    if (c->n_found != n)
        return false;
    bool *used = ARENA_ARRAY(a, bool, c->n_found);
    for (size_t i = 0; i < out->n; i++) {
        size_t k = 0;
        if (left_out(c, &out->list[i]))
            continue;
        while (k < c->n_found && (used[k] || !str_is(c->found[k], line_of(a, &out->list[i]))))
            k++;
        if (k == c->n_found)
            return false;
        used[k] = true;
    }
    return true;
}

static const struct conformance_view *view_of(const struct vcase *c, struct arena *a)
{
    const struct conformance_view *view;
    const json **resources = ARENA_ARRAY(a, const json *, c->n_with);
    struct err err;
    if (!c->n_with)
        return NULL;
    for (size_t i = 0; i < c->n_with; i++)
        resources[i] = test_json(a, arena_strndup(a, c->with[i].s, c->with[i].len));
    ck_ok(conformance_view_with(a, codes, resources, c->n_with, &view, &err));
    return view;
}

START_TEST(test_case)
{
    const struct vcase *c = &cases[_i];
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *resource;
    struct str text = str_trim(c->resource);
    ck_assert_msg(json_parse(&a, text, 100, &resource, &err), "%s: %.*s: line %d: %s", c->file,
                  STR_FMT(c->title), err.line, err.msg);
    struct issues out;
    issues_init(&out, &a);
    const struct validate_options o = {
        .level = VALIDATE_FULL, .view = view_of(c, &a), .profiles = c->profiles, .n_profiles = c->n_profiles};
    validate_resource(validator, &a, resource, &o, &out);

    struct buf got;
    buf_init(&got, &a, 256);
    size_t errors = 0;
    for (size_t i = 0; i < out.n; i++) {
        buf_addf(&got, "\n  -- %s: %s", line_of(&a, &out.list[i]), out.list[i].text);
        errors += out.list[i].severity <= ISSUE_ERROR;
    }
    ck_assert_uint_eq(errors, out.errors);
    ck_assert_msg(same(&a, c, &out), "%s: %.*s: found%s", c->file, STR_FMT(c->title),
                  out.n ? got.s : " nothing");
    for (size_t i = 0; i < c->n_texts; i++)
        ck_assert_msg(memmem(got.s, got.len, c->texts[i].s, c->texts[i].len), "%s: %.*s: no '%.*s' in%s",
                      c->file, STR_FMT(c->title), STR_FMT(c->texts[i]), got.s);
    for (size_t i = 0; i < c->n_no_texts; i++)
        ck_assert_msg(!memmem(got.s, got.len, c->no_texts[i].s, c->no_texts[i].len), "%s: %.*s: '%.*s' in%s",
                      c->file, STR_FMT(c->title), STR_FMT(c->no_texts[i]), got.s);
    arena_release(&a);
}
END_TEST

static void check(const char *text, const char *expected, enum validate_level level, struct issues *out)
{
    json *resource = test_json(out->a, text);
    validate_resource(
        validator, out->a, resource,
        &(struct validate_options){.level = level, .expected = expected ? fhir_type(defs, expected) : NULL},
        out);
}

START_TEST(test_expected_type)
{
    struct arena a;
    arena_init(&a, 0);
    struct issues out;
    issues_init(&out, &a);
    check("{\"resourceType\":\"Patient\"}", "Patient", VALIDATE_FULL, &out);
    ck_assert_uint_eq(out.n, 0);
    check("{\"resourceType\":\"Patient\"}", "Group", VALIDATE_FULL, &out);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_str_eq(out.list[0].expression, "Patient");
    ck_assert(!out.list[0].rule);
    arena_release(&a);
}
END_TEST

START_TEST(test_level_structure_leaves_invariants_out)
{
    struct arena a;
    arena_init(&a, 0);
    struct issues out;
    issues_init(&out, &a);
    check("{\"resourceType\":\"Organization\"}", NULL, VALIDATE_STRUCTURE, &out);
    ck_assert_uint_eq(out.n, 0);
    arena_release(&a);
}
END_TEST

/* One that does not compile is left out, with a line in the log; there is to be none. */
START_TEST(test_every_invariant_compiles)
{
    struct arena a;
    arena_init(&a, 0);
    int n = 0;
    for (int i = 0; i < fhir_type_count(defs); i++) {
        const struct fhir_type *t = fhir_type_at(defs, i);
        for (int k = 0; k < t->n_invariants; k++, n++) {
            const struct fhir_invariant *def = t->invariants[k];
            const struct fp_expr *x;
            struct err err;
            ck_assert_msg(fp_compile(&a, defs, str_of(def->expression), NULL, false, &x, &err), "%s: %s",
                          def->key, err.msg);
        }
    }
    ck_assert_int_gt(n, 200);
    arena_release(&a);
}
END_TEST

START_TEST(test_findings_are_limited)
{
    struct arena a;
    arena_init(&a, 0);
    struct buf text;
    buf_init(&text, &a, 1 << 16);
    buf_adds(&text, "{\"resourceType\":\"Patient\",\"name\":[7");
    for (int i = 0; i < 5000; i++)
        buf_adds(&text, ",7");
    buf_adds(&text, "]}");
    struct issues out;
    issues_init(&out, &a);
    check(text.s, NULL, VALIDATE_FULL, &out);
    ck_assert_uint_eq(out.errors, 200);
    ck_assert_uint_eq(out.n, 201);
    ck_assert_str_eq(out.list[200].code, "incomplete");
    arena_release(&a);
}
END_TEST

/* An object with more members than any type has elements is refused without looking each up. */
START_TEST(test_members_are_limited)
{
    struct arena a;
    arena_init(&a, 0);
    struct buf text;
    buf_init(&text, &a, 1 << 16);
    buf_adds(&text, "{\"resourceType\":\"Patient\"");
    for (int i = 0; i < 5000; i++)
        buf_addf(&text, ",\"x%d\":1", i);
    buf_adds(&text, "}");
    struct issues out;
    issues_init(&out, &a);
    check(text.s, NULL, VALIDATE_STRUCTURE, &out);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_str_eq(out.list[0].code, "structure");
    arena_release(&a);
}
END_TEST

/* Whoever made the tree, and however deep it is, the stack holds. */
START_TEST(test_depth_is_bounded)
{
    struct arena a;
    arena_init(&a, 0);
    json *resource = test_json(&a, "{\"resourceType\":\"Questionnaire\",\"status\":\"draft\"}");
    json *up = resource;
    for (int i = 0; i < 100000; i++) {
        json *item = json_object(&a), *list = json_array(&a);
        json_add_string(&a, item, "linkId", "x");
        json_add_string(&a, item, "type", "group");
        json_push(list, item);
        json_add(&a, up, "item", list);
        up = item;
    }
    struct issues out;
    issues_init(&out, &a);
    validate_resource(validator, &a, resource, &(struct validate_options){.level = VALIDATE_STRUCTURE}, &out);
    ck_assert_uint_eq(out.errors, 1);
    ck_assert_str_eq(out.list[0].code, "too-costly");
    arena_release(&a);
}
END_TEST

Suite *suite_validate_validator(void)
{
    Suite *s = suite_create("validate_validator");
    TCase *t = tcase_create("cases");
    arena_init(&arena, 0);
    read_cases();
    tcase_add_unchecked_fixture(t, load, unload);
    tcase_add_loop_test(t, test_case, 0, (int)n_cases);
    tcase_add_test(t, test_expected_type);
    tcase_add_test(t, test_level_structure_leaves_invariants_out);
    tcase_add_test(t, test_every_invariant_compiles);
    tcase_add_test(t, test_findings_are_limited);
    tcase_add_test(t, test_members_are_limited);
    tcase_add_test(t, test_depth_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
