/*
 * distil: FHIR packages and UCUM's table → the text files under conf/definitions/. A maintainer's tool, run by
 * `make definitions`; no part of the kagari binary.
 *
 *     distil DIRECTORY UCUMDEFS PACKAGE…
 *
 * The first package is the specification; of the others only expansions are taken of value sets whose rules cannot be
 * computed.
 * Resource types keep the numbers that they have in DIRECTORY/types.txt, as databases hold them; new types
 * are numbered on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "conformance/distil.h"
#include "fhir/internal.h"
#include "fhir/package.h"
#include "terminology/internal.h"

struct line {
    enum conformance_kind kind;
    const char *url;
    struct str text;
};

struct distillation {
    struct fhir__records records;
    struct terminology__distil terminology;
    struct line *structures; /* and concept maps */
    size_t n_structures, cap_structures;
    struct arena scratch; /* for one file */
    bool expansions_only;
};

/* Profiles, definitions of extensions, and maps between code systems; no examples (which alone say whether they are
 * experimental). Types are in types.txt. */
static bool is_structure(enum conformance_kind kind, const json *resource, const char *url)
{
    const char *derivation = json_get_string(resource, "derivation");
    if (kind == CONFORMANCE_STRUCTURE)
        return derivation && strcmp(derivation, "constraint") == 0 &&
               str_starts(str_of(url), STR("http://hl7.org/fhir/StructureDefinition/"));
    return kind == CONFORMANCE_CONCEPT_MAP && !json_get(resource, "experimental") &&
           str_starts(str_of(url), STR("http://hl7.org/fhir/ConceptMap/"));
}

static void add_structure(struct distillation *d, const json *resource)
{
    enum conformance_kind kind = conformance_kind_named(json_get_string(resource, "resourceType"));
    const char *url = json_get_string(resource, "url");
    struct buf line;
    if (d->expansions_only || !url || !is_structure(kind, resource, url))
        return;
    for (size_t i = 0; i < d->n_structures; i++)
        if (strcmp(d->structures[i].url, url) == 0)
            return;
    buf_init(&line, d->records.a, 1000);
    conformance_line(&line, kind, conformance_rank(resource),
                     conformance_trim(&d->scratch, kind, resource, true));
    *ARENA_PUSH(d->records.a, d->structures, d->n_structures, d->cap_structures) =
        (struct line){kind, arena_strdup(d->records.a, url), buf_str(&line)};
}

static int by_kind_and_url(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->url, y->url);
}

static void write_structures(struct distillation *d, struct buf *out)
{
    qsort(d->structures, d->n_structures, sizeof *d->structures, by_kind_and_url);
    buf_adds(out, "# Profiles, extensions and concept maps of FHIR R4, distilled by `make definitions`; see "
                  "docs/definitions.md.\n");
    for (size_t i = 0; i < d->n_structures; i++)
        buf_addstr(out, d->structures[i].text);
}

static bool add_file(void *arg, struct str name, struct str content, struct err *err)
{
    struct distillation *d = arg;
    struct err cause;
    json *resource;
    if (str_is(name, "package.json"))
        return true;
    arena_clear(&d->scratch);
    if (!json_parse(&d->scratch, content, 200, &resource, &cause))
        return err_set(err, cause.kind, "%.*s: %s", STR_FMT(name), cause.msg);
    terminology__distil_add(&d->terminology, resource, d->expansions_only);
    add_structure(d, resource);
    return d->expansions_only || fhir__conformance_add(&d->records, resource, &cause) ||
           err_set(err, cause.kind, "%.*s: %s", STR_FMT(name), cause.msg);
}

static bool number_types(struct arena *a, const char *path, struct fhir__records *r, struct err *err)
{
    struct fhir__records old = {.a = a};
    struct str text;
    uint16_t last = 0;
    if (config_read_file(a, path, 64 << 20, &text, err)) {
        if (!fhir__text_read(&old, arena_strndup(a, text.s, text.len), text.len, err))
            return false;
    } else if (err->kind != ERR_NOT_FOUND) {
        return false;
    }
    for (size_t i = 0; i < old.n_types; i++) {
        last = old.types[i].number > last ? old.types[i].number : last;
        for (size_t k = 0; k < r->n_types; k++)
            if (strcmp(r->types[k].name, old.types[i].name) == 0)
                r->types[k].number = old.types[i].number;
    }
    for (size_t k = 0; k < r->n_types; k++)
        if (r->types[k].kind == FHIR_RESOURCE && !r->types[k].abstract && !r->types[k].number)
            r->types[k].number = ++last;
    return true;
}

static bool write_file(const char *path, struct str text, struct err *err)
{
    FILE *f = fopen(path, "w");
    bool written = f && fwrite(text.s, 1, text.len, f) == text.len;
    if (f && fclose(f) != 0)
        written = false;
    return written || err_set(err, ERR_INTERNAL, "%s: %s", path, strerror(errno));
}

static bool add_units(struct fhir__records *r, const char *path, struct err *err)
{
    struct str text;
    json *defs;
    return config_read_file(r->a, path, 16 << 20, &text, err) && json_parse(r->a, text, 10, &defs, err) &&
           fhir__ucum_add(r, defs, err);
}

static bool is_required(void *records, const char *url)
{
    return fhir__required(records, url);
}

static bool distil(struct arena *a, const char *directory, const char *units, char **packages, int n,
                   struct err *err)
{
    struct distillation d = {.records = {.a = a}, .terminology = {.a = a}};
    const struct fhir_defs *defs;
    arena_init(&d.scratch, 0);
    for (int i = 0; i < n; i++) {
        d.expansions_only = i > 0;
        if (!fhir_package_read(a, packages[i], add_file, &d, err))
            return false;
    }
    arena_release(&d.scratch);
    fhir__conformance_finish(&d.records);
    if (!add_units(&d.records, units, err) ||
        !number_types(a, arena_printf(a, "%s/%s", directory, fhir__text_files[FHIR__TEXT_TYPES]), &d.records,
                      err) ||
        !fhir__build(a, &d.records, &defs, err))
        return false;
    for (enum fhir__text which = 0; which < FHIR__TEXT_N; which++) {
        struct buf text;
        buf_init(&text, a, 1 << 20);
        fhir__text_write(&d.records, which, &text);
        if (!write_file(arena_printf(a, "%s/%s", directory, fhir__text_files[which]), buf_str(&text), err))
            return false;
    }
    struct buf text;
    buf_init(&text, a, 4 << 20);
    terminology__distil_write(&d.terminology, is_required, &d.records, &text);
    if (!write_file(arena_printf(a, "%s/terminology.txt", directory), buf_str(&text), err))
        return false;
    buf_init(&text, a, 1 << 20);
    write_structures(&d, &text);
    if (!write_file(arena_printf(a, "%s/structures.txt", directory), buf_str(&text), err))
        return false;
    printf("%d resource types, %u search parameters, %u invariants, %zu code systems and value sets, %zu "
           "structures and concept maps, %zu units\n",
           fhir_resource_count(defs), fhir_search_param_count(defs), fhir_invariant_count(defs),
           d.terminology.n, d.n_structures, d.records.n_units);
    return true;
}

int main(int argc, char **argv)
{
    struct arena a;
    struct err err;
    if (argc < 4) {
        fputs("usage: distil DIRECTORY UCUMDEFS PACKAGE...\n", stderr);
        return 2;
    }
    arena_init(&a, 0);
    bool done = distil(&a, argv[1], argv[2], argv + 3, argc - 3, &err);
    if (!done)
        fprintf(stderr, "distil: %s\n", err.msg);
    arena_release(&a);
    return !done;
}
