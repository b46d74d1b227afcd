/* What packages bring to a view: the text of their resources, found by what it says about itself. */
#include "conformance/package.h"

#include <stdio.h>

#include "fhir/package.h"
#include "internal.h"

/* ---- what a package says of itself ------------------------------------------------------------------------- */

/* Names and versions become parts of messages, and of rows. */
static bool is_word(const char *s, size_t most)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+*#$@/") : 0;
    return n > 0 && n <= most && !s[n];
}

bool conformance_package_about(struct arena *a, struct str text, struct conformance_package *out,
                               struct err *err)
{
    struct err cause;
    json *about;
    if (!json_parse(a, text, 20, &about, &cause))
        return err_set(err, cause.kind, "package.json: %s", cause.msg);
    const json *dependencies = json_get(about, "dependencies");
    *out = (struct conformance_package){
        .name = json_get_string(about, "name"),
        .version = json_get_string(about, "version"),
        .canonical = json_get_string(about, "canonical"),
        .title = json_get_string(about, "title"),
        .dependencies = ARENA_ARRAY(a, struct conformance_dependency, json_count(dependencies)),
    };
    if (!is_word(out->name, 128) || !is_word(out->version, 64))
        return err_set(
            err, ERR_INVALID,
            "package.json: it has no name or no version, or one that is none (letters, digits, . - _)");
    json_each (dependency, dependencies) {
        if (!json_is_string(dependency) || !is_word(dependency->string, 128) ||
            !is_word(dependency->valuestring, 64))
            return err_set(err, ERR_INVALID,
                           "package.json: dependencies: a name with a version was expected");
        out->dependencies[out->n_dependencies++] =
            (struct conformance_dependency){dependency->string, dependency->valuestring};
    }
    return true;
}

bool conformance_version_fits(const char *version, const char *wanted)
{
    size_t n = strlen(wanted);
    if (strcmp(wanted, "*") == 0 || strcmp(wanted, "latest") == 0)
        return true;
    if (n > 1 && strcmp(wanted + n - 2, ".x") == 0)
        return strncmp(version, wanted, n - 1) == 0;
    return strcmp(version, wanted) == 0;
}

/* What the definitions are distilled from. */
static bool is_built_in(const struct conformance_dependency *d)
{
    static const char *const names[] = {"hl7.fhir.r4.core", "hl7.fhir.r4.examples", "hl7.fhir.r4.expansions",
                                        "hl7.fhir.core"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(d->name, names[i]) == 0)
            return conformance_version_fits("4.0.1", d->version);
    return false;
}

const struct conformance_dependency *conformance_package_missing(const struct conformance_package *p,
                                                                 const struct conformance_package *list,
                                                                 size_t n)
{
    for (size_t i = 0; i < p->n_dependencies; i++) {
        const struct conformance_dependency *d = &p->dependencies[i];
        size_t at = 0;
        while (at < n && (strcmp(list[at].name, d->name) != 0 ||
                          !conformance_version_fits(list[at].version, d->version)))
            at++;
        if (at == n && !is_built_in(d))
            return d;
    }
    return NULL;
}

/* ---- one package ------------------------------------------------------------------------------------------ */

struct reading {
    struct arena a, scratch;
    const char *path;
    struct conformance_package about;
    struct conformance__library *library;
    struct conformance_entry **entries;
    size_t n, cap;
    pthread_t thread;
    bool ok;
    struct err err;
};

static void release(void *reading)
{
    struct reading *r = reading;
    arena_release(&r->scratch);
    arena_release(&r->a);
}

static void add(struct reading *r, struct conformance_entry *e)
{
    *ARENA_PUSH(&r->a, r->entries, r->n, r->cap) = e;
}

static struct str kept(struct reading *r, struct str s)
{
    return s.s ? (struct str){arena_strndup(&r->a, s.s, s.len), s.len} : s;
}

static bool read_head(struct reading *r, struct str content, struct str head[CONFORMANCE__N_HEADS],
                      struct err *err)
{
    static const char *const names[CONFORMANCE__N_HEADS] = {
        "resourceType", "id", "url", "version", "status", "content", "valueSet", "supplements"};
    json *resource;
    if (conformance__head(content, head))
        return true;
    if (!json_parse(&r->scratch, content, CONFORMANCE__DEPTH, &resource, err))
        return false;
    for (int i = 0; i < CONFORMANCE__N_HEADS; i++)
        head[i] = str_of(json_get_string(resource, names[i]));
    return true;
}

static bool add_file(void *arg, struct str name, struct str content, struct err *err)
{
    struct reading *r = arg;
    struct str head[CONFORMANCE__N_HEADS];
    struct err cause;
    arena_clear(&r->scratch);
    if (str_starts(content, STR("\xef\xbb\xbf")))
        content = (struct str){content.s + 3, content.len - 3};
    if (str_is(name, "package.json")) {
        content = kept(r, content);
        return conformance_package_about(&r->a, content, &r->about, &cause) ||
               err_set(err, cause.kind, "%s: %s", r->path, cause.msg);
    }
    if (!read_head(r, content, head, &cause))
        return err_set(err, cause.kind, "%s: %.*s: %s", r->path, (int)(name.len < 100 ? name.len : 100),
                       name.s, cause.msg);
    enum conformance_kind kind = conformance__kind(head[CONFORMANCE__TYPE]);
    if (kind == CONFORMANCE_N_KINDS || !head[CONFORMANCE__URL].s)
        return true;
    struct str version, bare = str_cut(head[CONFORMANCE__SUPPLEMENTS], '|', &version);
    struct conformance_entry *e = ARENA_NEW(&r->a, struct conformance_entry);
    *e = (struct conformance_entry){
        .kind = kind,
        .url = kept(r, head[CONFORMANCE__URL]).s,
        .version = head[CONFORMANCE__VERSION].len ? kept(r, head[CONFORMANCE__VERSION]).s : NULL,
        .rank = conformance__rank_of(head[CONFORMANCE__CONTENT], head[CONFORMANCE__STATUS]),
        .supplements = head[CONFORMANCE__SUPPLEMENTS].s ? kept(r, bare).s : NULL,
        .id = kept(r, head[CONFORMANCE__ID]),
        .text = kept(r, content),
        .whole = true,
        .library = r->library,
    };
    add(r, e);
    if (kind == CONFORMANCE_CODE_SYSTEM && head[CONFORMANCE__VALUESET].len &&
        str_is(head[CONFORMANCE__CONTENT], "complete"))
        add(r, conformance__all_codes(&r->a, &r->scratch, head[CONFORMANCE__VALUESET], head[CONFORMANCE__URL],
                                      head[CONFORMANCE__VERSION]));
    return true;
}

static void *read_package(void *arg)
{
    struct reading *r = arg;
    r->library = conformance__library_new(&r->a, NULL);
    r->ok = fhir_package_read(&r->a, r->path, add_file, r, &r->err);
    if (r->ok && !r->about.name)
        r->ok = err_set(&r->err, ERR_INVALID, "%s: it has no package/package.json", r->path);
    return NULL;
}

/* ---- several ---------------------------------------------------------------------------------------------- */

bool conformance_view_packages(struct arena *a, const struct conformance_view *base, const char *const *paths,
                               size_t n, const struct conformance_view **out,
                               struct conformance_package **packages, struct err *err)
{
    struct reading *list = ARENA_ARRAY(a, struct reading, n);
    struct conformance_entry **entries = NULL;
    size_t n_entries = 0, cap = 0;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        list[i].path = paths[i];
        arena_cleanup(a, release, &list[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || pthread_create(&list[i].thread, NULL, read_package, &list[i]) != 0) {
            list[i].thread = 0;
            read_package(&list[i]);
        }
    *packages = ARENA_ARRAY(a, struct conformance_package, n);
    for (size_t i = 0; i < n; i++) {
        if (list[i].thread)
            pthread_join(list[i].thread, NULL);
        (*packages)[i] = list[i].about;
        if (ok && !list[i].ok)
            *err = list[i].err;
        ok = ok && list[i].ok;
        for (size_t k = 0; ok && k < list[i].n; k++)
            *ARENA_PUSH(a, entries, n_entries, cap) = list[i].entries[k];
    }
    if (ok)
        *out = conformance__view_new(a, conformance_defs(base), base, entries, n_entries);
    return ok;
}
