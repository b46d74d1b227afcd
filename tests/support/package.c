#include "support/package.h"

#include <stdio.h>
#include <sys/stat.h>

static void remove_folder(void *folder)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_int_eq(system(arena_printf(&a, "rm -rf '%s'", (char *)folder)), 0);
    arena_release(&a);
}

static void write_file(struct arena *a, const char *folder, const char *name, const char *text)
{
    char *quoted = arena_strdup(a, text);
    for (char *c = quoted; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    FILE *f = fopen(arena_printf(a, "%s/package/%s", folder, name), "w");
    ck_assert(f && fputs(quoted, f) >= 0 && fclose(f) == 0);
}

const char *test_package(struct arena *a, const char *about, const struct test_file *files)
{
    char *folder = arena_strdup(a, "/tmp/kagari-package-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    arena_cleanup(a, remove_folder, folder);
    ck_assert_int_eq(mkdir(arena_printf(a, "%s/package", folder), 0700), 0);
    if (about)
        write_file(a, folder, "package.json", about);
    for (; files->name; files++)
        write_file(a, folder, files->name, files->text);
    return folder;
}

const char *test_package_pack(struct arena *a, const char *folder)
{
    ck_assert_int_eq(system(arena_printf(a, "cd '%s' && tar czf package.tgz package", folder)), 0);
    return arena_printf(a, "%s/package.tgz", folder);
}
