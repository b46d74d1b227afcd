#include "validate/supporting.h"

#include <stdio.h>
#include <unistd.h>

#include "support/test.h"

static struct arena a;
static const struct conformance_view *definitions, *view;
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

static const char *file(const char *text)
{
    char *path = arena_strdup(&a, "/tmp/kagari-supporting-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static bool load(const char *const *paths, size_t n)
{
    bool ok = validate_supporting(&a, paths, n, definitions, &view, &err);
    for (size_t i = 0; i < n; i++)
        unlink(paths[i]);
    return ok;
}

static bool known(enum conformance_kind kind, const char *url)
{
    return conformance_find(view, kind, str_of(url)) != NULL;
}

START_TEST(resources_and_bundles)
{
    const char *paths[] = {
        file("\xef\xbb\xbf <ValueSet xmlns=\"http://hl7.org/fhir\"><url value=\"v\"/></ValueSet>"),
        file("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Bundle\",\"entry\":[{"
             "\"resource\":{\"resourceType\":\"StructureDefinition\",\"url\":\"p\"}},{}]}},{\"resource\":{"
             "\"resourceType\":\"Patient\"}}]}"),
    };
    ck_ok(load(paths, 2));
    ck_assert(known(CONFORMANCE_VALUE_SET, "v"));
    ck_assert(known(CONFORMANCE_STRUCTURE, "p"));
    ck_assert(known(CONFORMANCE_STRUCTURE, "http://hl7.org/fhir/StructureDefinition/bodyweight"));
}
END_TEST

START_TEST(errors_name_the_file)
{
    const char *broken[] = {file("{\"resourceType\":")};
    ck_assert(!load(broken, 1));
    ck_assert_ptr_nonnull(strstr(err.msg, broken[0]));
    const char *missing[] = {"/nonexistent/file"};
    ck_assert(!load(missing, 1));
    ck_assert_ptr_nonnull(strstr(err.msg, missing[0]));
}
END_TEST

Suite *suite_validate_supporting(void)
{
    Suite *s = suite_create("validate_supporting");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, resources_and_bundles);
    tcase_add_test(t, errors_name_the_file);
    suite_add_tcase(s, t);
    return s;
}
