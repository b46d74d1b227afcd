#include "batch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "validate/supporting.h"

enum { ITEMS = 128, ITEMS_BYTES = 8 << 20, THREADS_MAX = 8 };

struct item {
    const char *path;
    size_t line; /* of an NDJSON file, from 1; 0: all of a file */
    struct str text;
    struct arena a;
    const char *outcome; /* NULL: it could not be read; err says why */
    bool wrong;
    struct err err;
};

struct run {
    struct validate_batch *b;
    struct item items[ITEMS];
    size_t n, bytes;
    atomic_size_t next;
    bool single;
    int threads;
    int64_t told_us;
};

/* ---- one resource ------------------------------------------------------------------------------------ */

static void find(const struct validate_batch *b, struct item *i, struct issues *found)
{
    json *resource;
    struct err syntax;
    if (validate_parse(&i->a, b->defs, i->text, &resource, &syntax)) {
        validate_resource(b->validator, &i->a, resource, b->options, found);
        issues_locate(found, i->text);
    } else {
        const char *expression = *syntax.expression ? arena_strdup(&i->a, syntax.expression) : NULL;
        struct issue *issue = issues_add(found, ISSUE_FATAL, "structure", expression, "%s", syntax.msg);
        issue->line = syntax.line;
        issue->column = syntax.column;
    }
    for (size_t k = 0; i->line && k < found->n; k++)
        if (found->list[k].line)
            found->list[k].line += (int)i->line - 1;
}

static void name(struct arena *a, json *outcome, const struct item *i)
{
    json *extension = json_object(a), *list = json_array(a);
    json_add_string(a, extension, "url", "http://hl7.org/fhir/StructureDefinition/operationoutcome-file");
    json_add_string(a, extension, "valueString",
                    i->line ? arena_printf(a, "%s:%zu", i->path, i->line) : i->path);
    json_push(list, extension);
    list->string = arena_strdup(a, "extension");
    json_insert_after(outcome, outcome->child, list);
}

static bool read_all(struct arena *a, FILE *f, struct str *out, struct err *err)
{
    struct buf b;
    buf_init(&b, a, 1 << 16);
    for (size_t n; !feof(f) && b.len <= VALIDATE_FILE_MAX; b.len += n) {
        buf_reserve(&b, 1 << 16);
        n = fread(b.s + b.len, 1, 1 << 16, f);
        if (ferror(f))
            return err_set(err, ERR_SYNTAX, "the standard input cannot be read");
    }
    *out = buf_str(&b);
    return b.len <= VALIDATE_FILE_MAX || err_set(err, ERR_TOO_LARGE, "the standard input is too large");
}

static void validate(struct run *r, struct item *i)
{
    struct issues found;
    struct buf text;
    bool whole = i->line == 0;
    if (whole &&
        !(strcmp(i->path, "-") == 0 ? read_all(&i->a, stdin, &i->text, &i->err)
                                    : config_read_file(&i->a, i->path, VALIDATE_FILE_MAX, &i->text, &i->err)))
        return;
    issues_init(&found, &i->a);
    found.language = r->b->language;
    find(r->b, i, &found);
    json *outcome = issues_outcome(&i->a, &found);
    if (!r->single)
        name(&i->a, outcome, i);
    buf_init(&text, &i->a, 4096);
    json_print(&text, outcome, r->single);
    i->outcome = text.s;
    i->wrong = found.errors > 0;
}

/* ---- several at a time ------------------------------------------------------------------------------- */

static void *work(void *arg)
{
    struct run *r = arg;
    for (size_t i; (i = atomic_fetch_add(&r->next, 1)) < r->n;)
        validate(r, &r->items[i]);
    return NULL;
}

static void tell(struct run *r, bool last)
{
    int64_t now = clock_wall_us();
    if (r->single || !isatty(STDERR_FILENO) || (!last && now - r->told_us < 1000000))
        return;
    r->told_us = now;
    fprintf(stderr, "\r%zu resources, %zu with errors%s", r->b->resources, r->b->wrong, last ? "\n" : "");
}

static void print(struct run *r, struct item *i)
{
    if (i->outcome) {
        fputs(i->outcome, r->b->out);
        fputc('\n', r->b->out);
        r->b->resources++;
        r->b->wrong += i->wrong;
    } else {
        fprintf(stderr, "kagari validate: %s\n", i->err.msg);
        r->b->unreadable = true;
    }
    arena_release(&i->a);
}

static void flush(struct run *r)
{
    pthread_t threads[THREADS_MAX];
    int started = 0;
    atomic_store(&r->next, 0);
    while (started < r->threads - 1 && (size_t)started + 1 < r->n &&
           pthread_create(&threads[started], NULL, work, r) == 0)
        started++;
    work(r);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    for (size_t i = 0; i < r->n; i++)
        print(r, &r->items[i]);
    r->n = r->bytes = 0;
    tell(r, false);
}

/* text: of an NDJSON file; it is copied. */
static void add(struct run *r, const char *path, size_t line, struct str text)
{
    if (r->n == ITEMS || (r->n && r->bytes + text.len > ITEMS_BYTES))
        flush(r);
    struct item *i = &r->items[r->n++];
    *i = (struct item){.path = path, .line = line};
    arena_init(&i->a, 0);
    if (line)
        i->text = (struct str){arena_strndup(&i->a, text.s, text.len), text.len};
    r->bytes += text.len;
}

static void add_lines(struct run *r, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = NULL;
    size_t size = 0, line = 0;
    if (!f) {
        fprintf(stderr, "kagari validate: %s: %m\n", path);
        r->b->unreadable = true;
        return;
    }
    for (ssize_t len; (len = getline(&text, &size, f)) >= 0;) {
        struct str s = str_trim((struct str){text, (size_t)len});
        line++;
        if (s.len)
            add(r, path, line, (struct str){text, (size_t)len});
    }
    if (ferror(f)) {
        fprintf(stderr, "kagari validate: %s: %m\n", path);
        r->b->unreadable = true;
    }
    free(text);
    if (f != stdin)
        fclose(f);
}

static bool is_ndjson(const struct validate_batch *b, const char *path)
{
    struct str s = str_of(path);
    return strcmp(path, "-") == 0 ? b->ndjson : str_ends(s, STR(".ndjson")) || str_ends(s, STR(".jsonl"));
}

void validate_batch(struct validate_batch *b, const char *const *paths, size_t n)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct run *r = calloc(1, sizeof *r);
    if (!r) {
        fputs("kagari validate: out of memory\n", stderr);
        b->unreadable = true;
        return;
    }
    r->b = b;
    r->threads = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (int)cores;
    r->single = n == 1 && !is_ndjson(b, paths[0]);
    r->told_us = clock_wall_us();
    for (size_t i = 0; i < n; i++) {
        if (is_ndjson(b, paths[i]))
            add_lines(r, paths[i]);
        else
            add(r, paths[i], 0, (struct str){NULL, 0});
    }
    flush(r);
    tell(r, true);
    free(r);
}
