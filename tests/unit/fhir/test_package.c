#include "fhir/package.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"

static struct arena arena;
static char directory[64];

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(arena_printf(&arena, "%s/%s", directory, name), "w");
    ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void setup(void)
{
    arena_init(&arena, 0);
    strcpy(directory, "/tmp/kagari-package-XXXXXX");
    ck_assert(mkdtemp(directory) != NULL);
    ck_assert_int_eq(mkdir(arena_printf(&arena, "%s/package", directory), 0700), 0);
    ck_assert_int_eq(mkdir(arena_printf(&arena, "%s/package/other", directory), 0700), 0);
    write_file("package/package.json", "{}");
    write_file("package/.index.json", "{}");
    write_file("package/B.json", "second");
    write_file("package/A.json", "first");
    write_file("package/A.xml", "no");
    write_file("package/other/C.json", "no");
}

static void run(const char *command)
{
    ck_assert_int_eq(system(arena_printf(&arena, "cd %s && %s", directory, command)), 0);
}

static void teardown(void)
{
    run("rm -rf \"$PWD\"");
    arena_release(&arena);
}

static bool collect(void *arg, struct str name, struct str content, struct err *err)
{
    buf_addf(arg, "%.*s=%.*s ", STR_FMT(name), STR_FMT(content));
    return content.len > 0 || err_set(err, ERR_INVALID, "empty");
}

static const char *read_all(const char *path, bool *ok, struct err *err)
{
    struct buf b;
    buf_init(&b, &arena, 64);
    *ok = fhir_package_read(&arena, path, collect, &b, err);
    return b.s;
}

START_TEST(unpacked)
{
    struct err err;
    bool ok;
    ck_assert_str_eq(read_all(directory, &ok, &err), "A.json=first B.json=second package.json={} ");
    ck_assert(ok);
    ck_assert_str_eq(read_all(arena_printf(&arena, "%s/package", directory), &ok, &err),
                     "A.json=first B.json=second package.json={} ");
}
END_TEST

START_TEST(packed)
{
    struct err err;
    bool ok;
    run("tar czf p.tgz package/B.json package/A.json package/package.json package/other package/A.xml");
    ck_assert_str_eq(read_all(arena_printf(&arena, "%s/p.tgz", directory), &ok, &err),
                     "B.json=second A.json=first package.json={} ");
    ck_assert(ok);
}
END_TEST

START_TEST(stops)
{
    struct err err;
    bool ok;
    write_file("package/AA.json", "");
    ck_assert_str_eq(read_all(directory, &ok, &err), "A.json=first AA.json= ");
    ck_assert(!ok && err.kind == ERR_INVALID);
    run("tar czf p.tgz package/AA.json package/A.json");
    ck_assert_str_eq(read_all(arena_printf(&arena, "%s/p.tgz", directory), &ok, &err), "AA.json= ");
    ck_assert(!ok && err.kind == ERR_INVALID);
}
END_TEST

START_TEST(broken)
{
    struct err err;
    bool ok;
    read_all(arena_printf(&arena, "%s/none", directory), &ok, &err);
    ck_assert(!ok && err.kind == ERR_NOT_FOUND);
    write_file("x.tgz", "this is no archive");
    read_all(arena_printf(&arena, "%s/x.tgz", directory), &ok, &err);
    ck_assert(!ok && err.kind == ERR_SYNTAX);
    /* Cut off in the middle: what is missing must not be taken for the end. */
    run("head -c 20000 /dev/urandom | base64 >package/Z.json && tar czf p.tgz package && head -c 9000 p.tgz "
        ">cut.tgz");
    read_all(arena_printf(&arena, "%s/cut.tgz", directory), &ok, &err);
    ck_assert(!ok && err.kind == ERR_SYNTAX);
}
END_TEST

Suite *suite_fhir_package(void)
{
    Suite *s = suite_create("fhir_package");
    TCase *t = tcase_create("package");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, unpacked);
    tcase_add_test(t, packed);
    tcase_add_test(t, stops);
    tcase_add_test(t, broken);
    suite_add_tcase(s, t);
    return s;
}
