/*
 * validate: how many resources a second are validated on one thread, beside how many are only read from JSON.
 *
 *     validate [--examples PACKAGE|FOLDER] [--package PACKAGE]… [--profiled FILE]…
 *
 * The resources are the examples of a package, such as hl7.fhir.r4.examples, or the project's samples; --profiled names
 * one that claims profiles (meta.profile) of the packages. Each measurement runs over all of them again and again, in
 * turns with the others, after one turn that does not count; the median of the turns is printed. A validation begins with
 * the tree that the parser made and ends with the list of findings; its memory is given back inside the measured time.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/config.h"
#include "fhir/package.h"
#include "validate/supporting.h"
#include "validate/validate.h"

enum { ROUNDS = 5, ROUND_MS = 300 };

struct sample {
    struct str text;
    json *resource;
};

struct set {
    struct arena *a;
    const char *title;
    struct sample *list;
    size_t n, cap, bytes;
    size_t resources; /* those of Bundles count too */
};

struct bench {
    struct arena *a, *scratch;
    const struct validator *v;
    const struct conformance_view *view;
};

struct paths {
    const char **items;
    size_t n, cap;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what others run beside it does not count */
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- what is measured -------------------------------------------------------------------------------------- */

static void read_only(struct bench *b, const struct sample *s)
{
    struct err err;
    json *n;
    if (!json_parse(b->scratch, s->text, 200, &n, &err))
        abort();
}

static void validate(struct bench *b, const struct sample *s, const struct validate_options *o)
{
    struct issues found;
    issues_init(&found, b->scratch);
    validate_resource(b->v, b->scratch, s->resource, o, &found);
}

static void structure(struct bench *b, const struct sample *s)
{
    validate(b, s, &(struct validate_options){.level = VALIDATE_STRUCTURE});
}

static void base(struct bench *b, const struct sample *s)
{
    validate(b, s, &(struct validate_options){.level = VALIDATE_BASE, .view = b->view});
}

static void full(struct bench *b, const struct sample *s)
{
    validate(b, s, &(struct validate_options){.level = VALIDATE_FULL, .view = b->view});
}

static const struct work {
    const char *title;
    void (*run)(struct bench *b, const struct sample *s);
} works[] = {{"JSON read", read_only}, {"structure", structure}, {"base", base}, {"profiles", full}};
enum { WORKS = sizeof works / sizeof *works };

/* ---- measuring --------------------------------------------------------------------------------------------- */

/* ns a resource, over whole passes. */
static double measure(struct bench *b, const struct set *set, const struct work *w, int64_t at_least)
{
    int64_t start = now_ns(), taken;
    size_t passes = 0;
    do {
        for (size_t i = 0; i < set->n; i++, arena_clear(b->scratch))
            w->run(b, &set->list[i]);
        passes++;
        taken = now_ns() - start;
    } while (taken < at_least);
    return (double)taken / (double)(passes * set->resources);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct bench *b, const struct set *set)
{
    double ns[WORKS][ROUNDS];
    for (int r = -1; r < ROUNDS; r++)
        for (int w = 0; w < WORKS; w++)
            ns[w][r < 0 ? 0 : r] = measure(b, set, &works[w], r < 0 ? 0 : ROUND_MS * INT64_C(1000000));
    printf("%s: %zu resources (%zu with those in Bundles), %.1f KB each\n", set->title, set->n,
           set->resources, (double)set->bytes / (double)set->resources / 1024);
    for (int w = 0; w < WORKS; w++) {
        qsort(ns[w], ROUNDS, sizeof ns[w][0], compare);
        double median = ns[w][ROUNDS / 2];
        printf("  %-12s %10.0f /s %10.2f us %8.2f x reading %8.0f MB/s\n", works[w].title, 1e9 / median,
               median / 1000, median / ns[0][ROUNDS / 2],
               (double)set->bytes / (double)set->resources / median * 1000);
    }
}

/* ---- resources --------------------------------------------------------------------------------------------- */

static bool add(void *arg, struct str name, struct str content, struct err *err)
{
    (void)name;
    struct set *set = arg;
    struct sample s = {.text = {arena_strndup(set->a, content.s, content.len), content.len}};
    if (!json_parse(set->a, s.text, 200, &s.resource, err))
        return false;
    if (json_get_string(s.resource, "resourceType")) {
        *ARENA_PUSH(set->a, set->list, set->n, set->cap) = s;
        set->bytes += s.text.len;
        set->resources++;
        json_each (entry, json_get(s.resource, "entry"))
            set->resources += json_get(entry, "resource") != NULL;
    }
    return true;
}

static bool add_file(struct set *set, const char *path, struct err *err)
{
    struct str text;
    return config_read_file(set->a, path, FHIR_PACKAGE_FILE_MAX, &text, err) && add(set, STR(""), text, err);
}

static bool add_samples(struct set *set, struct err *err)
{
    DIR *dir = opendir("conf/samples");
    if (!dir)
        return err_set(err, ERR_NOT_FOUND, "no conf/samples here: run it from the top of the project");
    bool ok = true;
    for (const struct dirent *e; ok && (e = readdir(dir));)
        if (str_ends(str_of(e->d_name), STR(".json")))
            ok = add_file(set, arena_printf(set->a, "conf/samples/%s", e->d_name), err);
    closedir(dir);
    return ok;
}

static bool load(struct bench *b, const struct paths *packages, struct err *err)
{
    const struct fhir_defs *defs;
    const struct conformance_view *core;
    return fhir_defs_load(b->a, &defs, err) && conformance_definitions(b->a, defs, &core, err) &&
           validator_new(b->a, defs, core, &b->v, err) &&
           validate_packages(b->a, packages->items, packages->n, core, &b->view, err);
}

static bool run(struct bench *b, const char *examples, const struct paths *packages,
                const struct paths *profiled, struct err *err)
{
    struct set set = {.a = b->a, .title = examples ? "examples" : "samples"};
    struct set own = {.a = b->a, .title = "profiled"};
    if (!load(b, packages, err) ||
        !(examples ? fhir_package_read(b->a, examples, add, &set, err) : add_samples(&set, err)))
        return false;
    report(b, &set);
    for (size_t i = 0; i < profiled->n; i++)
        if (!add_file(&own, profiled->items[i], err))
            return false;
    if (own.n)
        report(b, &own);
    else
        puts("profiled: none given (--package, --profiled)");
    return true;
}

int main(int argc, char **argv)
{
    struct arena a, scratch;
    struct err err;
    const char *examples = NULL;
    struct paths packages = {0}, profiled = {0};
    arena_init(&a, 0);
    arena_init(&scratch, 0);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--examples") == 0)
            examples = argv[i + 1];
        else if (strcmp(argv[i], "--package") == 0)
            *ARENA_PUSH(&a, packages.items, packages.n, packages.cap) = argv[i + 1];
        else if (strcmp(argv[i], "--profiled") == 0)
            *ARENA_PUSH(&a, profiled.items, profiled.n, profiled.cap) = argv[i + 1];
    }
    struct bench b = {.a = &a, .scratch = &scratch};
    bool ok = run(&b, examples, &packages, &profiled, &err);
    if (!ok)
        fprintf(stderr, "bench-validate: %s\n", err.msg);
    arena_release(&scratch);
    arena_release(&a);
    return ok ? 0 : 2;
}
