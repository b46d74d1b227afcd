/* `kagari package`: FHIR packages → the database (docs/packages.md). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "commands.h"
#include "package_store.h"
#include "tenant/tenant.h"

enum { PROGRESS_US = 2 * 1000 * 1000 };

static const char usage[] =
    "Usage: kagari package install FILE.tgz|DIR…\n"
    "       kagari package list\n"
    "       kagari package remove NAME VERSION\n\n"
    "Installs FHIR packages (npm layout) into the database: their conformance resources can be read,\n"
    "searched and validated against on every server, and not be changed. A package is there as a\n"
    "whole or not at all; several versions stand side by side. What one depends on has to be there,\n"
    "or among those that are named; FHIR R4 itself is built in.\n\n" TENANT_USAGE
    "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n";

static void progress(const struct conformance_package *p, size_t resources)
{
    static int64_t told_us;
    int64_t now = clock_mono_us();
    if (told_us == 0)
        told_us = now;
    if (now - told_us < PROGRESS_US)
        return;
    told_us = now;
    fprintf(stderr, "%s %s: %zu resources so far\n", p->name, p->version, resources);
}

/* ---- install ----------------------------------------------------------------------------------------------- */

static bool install_one(struct package_store *s, struct arena *a, const char *path, bool quiet,
                        struct err *err)
{
    struct conformance_package about;
    struct package_stored stored;
    enum package_result result;
    int64_t began = clock_mono_us();
    if (!package_store_about(a, path, &about, err) ||
        !package_store_install(s, path, quiet ? NULL : progress, &stored, &result, err))
        return false;
    int64_t us = clock_mono_us() - began;
    if (quiet && result == PACKAGE_INSTALLED)
        log_event(LOG_INFO, "package-installed", LOG_S("name", about.name), LOG_S("version", about.version),
                  LOG_I("resources", stored.resources), LOG_I("us", us));
    else if (!quiet && result == PACKAGE_INSTALLED)
        printf("%s %s: %lld resources, %.1f s\n", about.name, about.version, (long long)stored.resources,
               (double)us / 1e6);
    else if (!quiet)
        printf("%s %s is installed already\n", about.name, about.version);
    return true;
}

/* In whatever order their dependencies allow. */
static bool install_all(struct package_store *s, struct arena *a, const char **paths, size_t n, bool quiet,
                        struct err *err)
{
    while (n > 0) {
        struct err first;
        size_t left = 0;
        for (size_t i = 0; i < n; i++) {
            struct err why;
            if (install_one(s, a, paths[i], quiet, &why))
                continue;
            if (why.kind != ERR_RULE) {
                *err = why;
                return false;
            }
            if (left == 0)
                first = why;
            paths[left++] = paths[i];
        }
        if (left == n) {
            *err = first;
            return false;
        }
        n = left;
    }
    return true;
}

/* ---- at the start ------------------------------------------------------------------------------------------- */

struct paths {
    const char **items;
    size_t n, cap;
};

static int is_packed(const struct dirent *d)
{
    return str_ends(str_of(d->d_name), STR(".tgz"));
}

/* A folder that is no package: the packages in it. */
static void add_path(struct arena *a, const char *path, struct paths *out)
{
    struct dirent **found;
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode),
         package = folder && (stat(arena_printf(a, "%s/package.json", path), &st) == 0 ||
                              stat(arena_printf(a, "%s/package", path), &st) == 0);
    int n = folder && !package ? scandir(path, &found, is_packed, alphasort) : -1;
    if (n < 0)
        *ARENA_PUSH(a, out->items, out->n, out->cap) = path;
    for (int i = 0; i < n; i++) {
        *ARENA_PUSH(a, out->items, out->n, out->cap) = arena_printf(a, "%s/%s", path, found[i]->d_name);
        free(found[i]);
    }
    if (n >= 0)
        free(found);
}

/* Those that are not there under their name and version. */
static bool find_missing(struct package_store *s, struct arena *a, struct paths *all, struct err *err)
{
    struct package_stored *list;
    size_t n, left = 0;
    if (!package_store_list(s, a, &list, &n, err))
        return false;
    for (size_t i = 0; i < all->n; i++) {
        struct conformance_package about;
        size_t k = 0;
        if (!package_store_about(a, all->items[i], &about, err))
            return false;
        while (k < n && (strcmp(list[k].about.name, about.name) != 0 ||
                         strcmp(list[k].about.version, about.version) != 0))
            k++;
        if (k == n)
            all->items[left++] = all->items[i];
    }
    all->n = left;
    return true;
}

bool packages_start(const struct config *c, struct err *err)
{
    struct arena a;
    struct db_conn *conn;
    struct package_store *s;
    struct paths paths = {0};
    if (c->packages_install.n == 0)
        return true;
    if (!db_open(c, &conn, err))
        return false;
    arena_init(&a, 0);
    for (int i = 0; i < c->packages_install.n; i++)
        add_path(&a, c->packages_install.items[i], &paths);
    bool ok = package_store_open(&a, c, conn, &s, err) && find_missing(s, &a, &paths, err) &&
              install_all(s, &a, paths.items, paths.n, true, err);
    arena_release(&a);
    db_close(conn);
    return ok;
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static bool list(struct package_store *s, struct arena *a, struct err *err)
{
    struct package_stored *all;
    size_t n;
    if (!package_store_list(s, a, &all, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        printf("%s\t%s\t%lld resources\t%s\t%s\n", all[i].about.name, all[i].about.version,
               (long long)all[i].resources, all[i].installed,
               all[i].about.canonical ? all[i].about.canonical : "");
    return true;
}

enum action { NONE, INSTALL, LIST, REMOVE };

static enum action find_action(int argc, char **words)
{
    if (argc > 1 && strcmp(words[0], "install") == 0)
        return INSTALL;
    if (argc == 1 && strcmp(words[0], "list") == 0)
        return LIST;
    return argc == 3 && strcmp(words[0], "remove") == 0 ? REMOVE : NONE;
}

static bool run(const struct config_source *from, const char *institution, int argc, char **words,
                struct err *err)
{
    struct arena a;
    struct config c;
    struct db_conn *conn;
    struct package_store *s;
    arena_init(&a, 0);
    if (!config_read(from, &a, &c, err) || !db_open(&c, &conn, err)) {
        arena_release(&a);
        return false;
    }
    bool ok = db_check_schema(conn, err) && tenant_choose(conn, &a, institution, &c, err) &&
              package_store_open(&a, &c, conn, &s, err);
    switch (ok ? find_action(argc, words) : NONE) {
    case INSTALL:
        ok = install_all(s, &a, (const char **)words + 1, (size_t)argc - 1, false, err);
        break;
    case LIST:
        ok = list(s, &a, err);
        break;
    case REMOVE:
        ok = package_store_remove(s, words[1], words[2], err);
        if (ok)
            printf("%s %s is removed\n", words[1], words[2]);
        break;
    case NONE:
        break;
    }
    arena_release(&a); /* what works with the connection first */
    db_close(conn);
    return ok;
}

/* Takes the operands out of argv; what is left is config_options()'s. */
static char **take_words(struct arena *a, int *argc, char **argv, int *n)
{
    char **words = ARENA_ARRAY(a, char *, *argc);
    int kept = 1;
    *n = 0;
    for (int i = 1; i < *argc; i++) {
        bool two = strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--set") == 0;
        if (argv[i][0] != '-') {
            words[(*n)++] = argv[i];
            continue;
        }
        argv[kept++] = argv[i];
        if (two && i + 1 < *argc)
            argv[kept++] = argv[++i];
    }
    argv[ *argc = kept] = NULL;
    return words;
}

int package_command(int argc, char **argv)
{
    struct arena a;
    struct config_source from;
    struct err err;
    int n;
    const char *institution = tenant_option(&argc, argv);
    arena_init(&a, 0);
    char **words = take_words(&a, &argc, argv, &n);
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0 && find_action(n, words) == NONE) {
        fputs(usage, stderr);
        status = 2;
    }
    if (status < 0) {
        status = !run(&from, institution, n, words, &err);
        if (status)
            fprintf(stderr, "kagari package: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
