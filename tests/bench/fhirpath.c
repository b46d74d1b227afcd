/*
 * fhirpath: measures how long evaluations take. fhirpath.mjs does the same with fhirpath.js; run-fhirpath asks both.
 *
 *     fhirpath QUESTIONS
 *
 * QUESTIONS has one JSON object a line: {"resource": FILE or null, "expression", "strict", "search"}. All are read and
 * compiled once. Then each line on stdin is a round: it says for how many µs every expression is evaluated again and
 * again, and is answered by one line, an array with an object a question: {"ns": of one evaluation, "items": in its
 * result}, {"error": true} when the evaluation ends in one, or null when the expression does not compile. An evaluation
 * begins with the JSON tree of the resource and ends with the items; its memory is given back inside the measured time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/config.h"
#include "fhirpath/fhirpath.h"

struct question {
    const struct fp_expr *x; /* NULL: it does not compile */
    json *resource;          /* NULL: none */
    bool search;
    size_t n; /* evaluations that fill a good part of the time asked for */
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static bool evaluate(struct arena *a, const struct fhir_defs *d, const struct question *q,
                     struct fp_list *out)
{
    struct err err;
    struct fp_env env = {.a = a, .defs = d, .resource = q->resource, .single_as = !q->search};
    if (!q->resource)
        return fp_eval(q->x, &env, NULL, out, &err);
    struct fp_item root = fp_root(d, q->resource, NULL);
    return fp_eval(q->x, &env, &root, out, &err);
}

static int64_t time_of(struct arena *a, const struct fhir_defs *d, const struct question *q)
{
    struct fp_list out;
    int64_t start = now_ns();
    for (size_t i = 0; i < q->n; i++, arena_clear(a))
        (void)!evaluate(a, d, q, &out);
    return now_ns() - start;
}

static void measure(struct arena *a, const struct fhir_defs *d, struct question *q, int64_t ns)
{
    struct fp_list out;
    int64_t taken;
    if (!q->x) {
        printf("null");
        return;
    }
    bool ok = evaluate(a, d, q, &out);
    size_t items = ok ? out.n : 0;
    arena_clear(a);
    while ((taken = time_of(a, d, q)) < ns)
        q->n *= 2;
    printf(ok ? "{\"ns\":%.1f,\"items\":%zu}" : "{\"error\":true}", (double)taken / (double)q->n, items);
}

/* The same file is one tree for all its questions. */
static bool read_resource(struct arena *a, const char *file, const struct question *before,
                          const char **files, size_t n, json **out, struct err *err)
{
    struct str text;
    for (size_t i = 0; i < n; i++)
        if (files[i] && strcmp(files[i], file) == 0) {
            *out = before[i].resource;
            return true;
        }
    return config_read_file(a, file, 1 << 26, &text, err) && json_parse(a, text, 200, out, err);
}

static bool read_questions(struct arena *a, const struct fhir_defs *d, const char *path,
                           struct question **out, size_t *n, struct err *err)
{
    struct str text, line;
    const char **files = NULL;
    size_t cap = 0, files_cap = 0;
    if (!config_read_file(a, path, 1 << 26, &text, err))
        return false;
    *out = NULL;
    *n = 0;
    for (struct str rest = text; rest.s && rest.len;) {
        json *in;
        struct err unused;
        struct question q = {.n = 1};
        line = str_cut(rest, '\n', &rest);
        if (!json_parse(a, line, 8, &in, err))
            return false;
        const char *file = json_get_string(in, "resource");
        if (file && !read_resource(a, file, *out, files, *n, &q.resource, err))
            return false;
        q.search = json_is_true(json_get(in, "search"));
        const struct fhir_type *context = q.resource ? fp_root(d, q.resource, NULL).type : NULL;
        if (!fp_compile(a, d, str_of(json_get_string(in, "expression")), context,
                        json_is_true(json_get(in, "strict")), &q.x, &unused))
            q.x = NULL;
        size_t n_files = *n;
        *ARENA_PUSH(a, files, n_files, files_cap) = file;
        *ARENA_PUSH(a, *out, *n, cap) = q;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arena lasting, a;
    const struct fhir_defs *d;
    struct question *questions;
    struct err err;
    char line[32];
    size_t n;
    arena_init(&lasting, 0);
    arena_init(&a, 0);
    if (argc != 2) {
        fputs("Usage: fhirpath QUESTIONS\n", stderr);
        return 2;
    }
    if (!fhir_defs_load(&lasting, &d, &err) || !read_questions(&lasting, d, argv[1], &questions, &n, &err)) {
        fprintf(stderr, "fhirpath: %s\n", err.msg);
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        for (size_t i = 0; i < n; i++) {
            putchar(i ? ',' : '[');
            measure(&a, d, &questions[i], atoll(line) * 1000);
        }
        puts("]");
        fflush(stdout);
    }
    arena_release(&a);
    arena_release(&lasting);
    return 0;
}
