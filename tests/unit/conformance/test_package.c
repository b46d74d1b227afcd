#include "conformance/package.h"

#include "support/package.h"

static struct arena a;
static const struct conformance_view *definitions, *view;
static struct conformance_package *packages;
static struct err err;

static void begin(void)
{
    const struct fhir_defs *d;
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&a, &d, &err));
    ck_ok(conformance_definitions(&a, d, &definitions, &err));
}

static void end(void)
{
    arena_release(&a);
}

#define ABOUT(name, version, dependencies)                                                                   \
    "{'name':'" name "','version':'" version "','canonical':'http://x','dependencies':{" dependencies "}}"

static const char *package(const char *about, const char *file)
{
    const struct test_file files[] = {{"R.json", file}, {NULL, NULL}};
    return test_package(&a, about, files);
}

static bool with(const char *path)
{
    return conformance_view_packages(&a, definitions, &path, 1, &view, &packages, &err);
}

static const char *version_of(enum conformance_kind kind, const char *canonical)
{
    const struct conformance_entry *e = conformance_find(view, kind, str_of(canonical));
    return e ? conformance_version(e) : "none";
}

static bool read_text(struct arena *into, struct arena *scratch, const json *resource, const void **out,
                      struct err *error)
{
    (void)scratch;
    (void)error;
    *out = json_text(into, resource).s;
    return true;
}

START_TEST(two_versions_side_by_side)
{
    const char *paths[] = {
        package(ABOUT("x", "1.0", ""),
                "{'resourceType':'StructureDefinition','url':'p','version':'1.0','status':"
                "'active','text':{},'differential':{'element':[{'id':'A','short':'s'}]}}"),
        test_package_pack(&a, package(ABOUT("x", "2.0", ""),
                                      "{'resourceType':'StructureDefinition','url':'p',"
                                      "'version':'2.0','status':'active','snapshot':{}}"))};
    ck_ok(conformance_view_packages(&a, definitions, paths, 2, &view, &packages, &err));
    ck_assert_str_eq(packages[0].version, "1.0");
    ck_assert_str_eq(packages[1].version, "2.0");
    ck_assert_str_eq(packages[1].canonical, "http://x");
    ck_assert_str_eq(version_of(CONFORMANCE_STRUCTURE, "p"), "2.0");
    ck_assert_str_eq(version_of(CONFORMANCE_STRUCTURE, "p|1"), "1.0");
    const void *text = NULL;
    ck_ok(conformance_read(conformance_find(view, CONFORMANCE_STRUCTURE, STR("p|1.0")), read_text, &text,
                           &err));
    ck_assert_ptr_nonnull(strstr(text, "\"element\":[{\"id\":\"A\"}]"));
    ck_assert_ptr_null(strstr(text, "\"text\""));
}
END_TEST

START_TEST(escapes_and_implied_sets)
{
    ck_ok(with(package(ABOUT("x", "1", ""),
                       "{'resourceType':'CodeSystem','url':'http:\\/\\/c','content':'complete',"
                       "'valueSet':'v','version':'3'}")));
    ck_assert_str_eq(version_of(CONFORMANCE_CODE_SYSTEM, "http://c"), "3");
    ck_assert_str_eq(version_of(CONFORMANCE_VALUE_SET, "v"), "3");
}
END_TEST

static void ck_refused(const char *path, const char *text)
{
    ck_assert(!with(path));
    ck_assert_msg(strstr(err.msg, text), "%s", err.msg);
    ck_assert_msg(strstr(err.msg, path), "%s", err.msg);
}

START_TEST(what_is_wrong_is_named)
{
    static const struct test_file none[] = {{NULL, NULL}};
    ck_refused(test_package(&a, NULL, none), "package.json");
    ck_refused(test_package(&a, "{'name':'x'", none), "package.json: ");
    ck_refused(test_package(&a, "{'name':'x'}", none), "no name or no version");
    ck_refused(test_package(&a, "{'name':'x y','version':'1'}", none), "no name or no version");
    ck_refused(test_package(&a, ABOUT("x", "1", "'y':1"), none), "dependencies");
    ck_refused(package(ABOUT("x", "1", ""), "{'resourceType':'ValueSet','url':'u"), "R.json: ");
    ck_refused("/nonexistent.tgz", "no such package");
}
END_TEST

START_TEST(versions_that_fit)
{
    ck_assert(conformance_version_fits("1.2.3", "1.2.3"));
    ck_assert(conformance_version_fits("1.2.3", "1.2.x"));
    ck_assert(conformance_version_fits("1.2.3", "1.x"));
    ck_assert(conformance_version_fits("1.2.3", "latest"));
    ck_assert(conformance_version_fits("1.2.3", "*"));
    ck_assert(!conformance_version_fits("1.2.3", "1.2"));
    ck_assert(!conformance_version_fits("1.20.3", "1.2.x"));
}
END_TEST

START_TEST(what_is_missing)
{
    struct conformance_package list[2];
    ck_ok(conformance_package_about(
        &a,
        STR("{\"name\":\"x\",\"version\":\"1\",\"dependencies\":{\"hl7.fhir.r4.core\":"
            "\"4.0.1\",\"y\":\"2.x\"}}"),
        &list[0], &err));
    ck_ok(conformance_package_about(&a, STR("{\"name\":\"y\",\"version\":\"2.1\"}"), &list[1], &err));
    ck_assert_str_eq(conformance_package_missing(&list[0], list, 1)->name, "y");
    ck_assert_ptr_null(conformance_package_missing(&list[0], list, 2));
    ck_assert_ptr_null(conformance_package_missing(&list[1], list, 2));
    ck_ok(conformance_package_about(
        &a,
        STR("{\"name\":\"x\",\"version\":\"1\",\"dependencies\":{\"hl7.fhir.r4.core\":"
            "\"5.0.0\"}}"),
        &list[0], &err));
    ck_assert_str_eq(conformance_package_missing(&list[0], list, 2)->name, "hl7.fhir.r4.core");
}
END_TEST

Suite *suite_conformance_package(void)
{
    Suite *s = suite_create("conformance_package");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, two_versions_side_by_side);
    tcase_add_test(t, escapes_and_implied_sets);
    tcase_add_test(t, what_is_wrong_is_named);
    tcase_add_test(t, versions_that_fit);
    tcase_add_test(t, what_is_missing);
    suite_add_tcase(s, t);
    return s;
}
