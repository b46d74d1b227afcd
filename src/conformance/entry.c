/* One resource of a view: its text, and what a module has made of it once it was asked for. */
#include <setjmp.h>

#include "base/log.h"
#include "internal.h"

const char *const conformance_kinds[] = {"CodeSystem",          "ValueSet",      "ConceptMap",
                                         "StructureDefinition", "Questionnaire", "Measure"};

enum conformance_kind conformance__kind(struct str type)
{
    enum conformance_kind kind = 0;
    while (kind < CONFORMANCE_N_KINDS && !(type.s && str_is(type, conformance_kinds[kind])))
        kind++;
    return kind;
}

enum conformance_kind conformance_kind_named(const char *type)
{
    return conformance__kind(str_of(type));
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

static void release(void *library)
{
    struct conformance__library *l = library;
    if (l->budget)
        atomic_fetch_sub(&l->budget->used, l->a.used);
    pthread_mutex_destroy(&l->lock);
    arena_release(&l->a);
}

struct conformance__library *conformance__library_new(struct arena *a, struct conformance__budget *budget)
{
    struct conformance__library *l = ARENA_NEW(a, struct conformance__library);
    pthread_mutex_init(&l->lock, NULL);
    arena_init(&l->a, 0);
    l->budget = budget;
    arena_cleanup(a, release, l);
    return l;
}

/* ---- making ----------------------------------------------------------------------------------------------- */

static int place(const char *const *list, struct str word)
{
    int i = 0;
    while (list[i] && !str_is(word, list[i]))
        i++;
    return i;
}

int conformance__rank_of(struct str content, struct str status)
{
    static const char *const contents[] = {"complete", "fragment", "example", NULL};
    static const char *const statuses[] = {"active", "draft", "unknown", "retired", NULL};
    return (content.s ? place(contents, content) * CONFORMANCE__STATUSES : 0) +
           (status.s ? place(statuses, status) : 0);
}

int conformance_rank(const json *resource)
{
    return conformance__rank_of(str_of(json_get_string(resource, "content")),
                                str_of(json_get_string(resource, "status")));
}

static const char *copy(struct arena *a, const char *s)
{
    return s && *s ? arena_strdup(a, s) : NULL;
}

static const char *image_name(struct arena *a, const json *resource)
{
    json_each (extension, json_get(resource, "extension")) {
        const char *url = json_get_string(extension, "url"),
                   *name = json_get_string(extension, "valueString");
        if (url && name && strcmp(url, CONFORMANCE_IMAGE) == 0)
            return arena_strdup(a, name);
    }
    return NULL;
}

/* Without the version: what is added goes with any. */
static const char *supplemented(struct arena *a, const json *resource)
{
    const char *canonical = json_get_string(resource, "supplements");
    return canonical ? arena_strndup(a, canonical, strcspn(canonical, "|")) : NULL;
}

static struct conformance_entry *make(struct arena *a, struct arena *scratch, enum conformance_kind kind,
                                      const json *resource, struct conformance__budget *budget)
{
    struct conformance_entry *e = ARENA_NEW(a, struct conformance_entry);
    struct str text = json_text(scratch, resource);
    const char *url = json_get_string(resource, "url");
    *e = (struct conformance_entry){
        .kind = kind,
        .url = arena_strdup(a, url ? url : ""),
        .version = copy(a, json_get_string(resource, "version")),
        .rank = conformance_rank(resource),
        .image_name = kind == CONFORMANCE_CODE_SYSTEM ? image_name(a, resource) : NULL,
        .supplements = kind == CONFORMANCE_CODE_SYSTEM ? supplemented(a, resource) : NULL,
        .text = {arena_strndup(a, text.s, text.len), text.len},
        .library = conformance__library_new(a, budget),
    };
    if (e->image_name) /* its concepts are here, whatever the resource has of them */
        e->rank %= CONFORMANCE__STATUSES;
    return e;
}

/* codesystem.html, CodeSystem.valueSet */
struct conformance_entry *conformance__all_codes(struct arena *a, struct arena *scratch, struct str valueset,
                                                 struct str system, struct str version)
{
    json *set = json_object(scratch), *rules = json_object(scratch), *list = json_array(scratch),
         *rule = json_object(scratch);
    json_add(scratch, set, "url", json_string_n(scratch, valueset));
    json_add(scratch, rule, "system", json_string_n(scratch, system));
    if (version.s) {
        json_add(scratch, set, "version", json_string_n(scratch, version));
        json_add(scratch, rule, "version", json_string_n(scratch, version));
    }
    json_push(list, rule);
    json_add(scratch, rules, "include", list);
    json_add(scratch, set, "compose", rules);
    struct conformance_entry *e = make(a, scratch, CONFORMANCE_VALUE_SET, set, NULL);
    e->rank = INT16_MAX; /* any other ValueSet of that URL says it better */
    return e;
}

size_t conformance__entries(struct arena *a, struct arena *scratch, enum conformance_kind kind,
                            const json *resource, struct str id, struct conformance__budget *budget,
                            struct conformance_entry *out[CONFORMANCE__BRINGS])
{
    const char *content = json_get_string(resource, "content"), *url = json_get_string(resource, "url"),
               *set = json_get_string(resource, "valueSet");
    out[0] = make(a, scratch, kind, conformance_trim(scratch, kind, resource, false), budget);
    if (id.s)
        out[0]->id = (struct str){arena_strndup(a, id.s, id.len), id.len};
    if (kind != CONFORMANCE_CODE_SYSTEM || !url || !set || !content || strcmp(content, "complete") != 0)
        return 1;
    out[1] = conformance__all_codes(a, scratch, str_of(set), str_of(url),
                                    str_of(json_get_string(resource, "version")));
    return 2;
}

size_t conformance__kept(struct arena *a, struct arena *scratch, enum conformance_kind kind, struct str kept,
                         struct str id, const char *package, struct conformance__budget *budget,
                         struct conformance_entry *out[CONFORMANCE__BRINGS])
{
    struct str head[CONFORMANCE__N_HEADS], version;
    if (!conformance__head(kept, head))
        return 0;
    struct str supplements = str_cut(head[CONFORMANCE__SUPPLEMENTS], '|', &version);
    struct conformance_entry *e = out[0] = ARENA_NEW(a, struct conformance_entry);
    *e = (struct conformance_entry){
        .kind = kind,
        .url = arena_strndup(a, head[CONFORMANCE__URL].s, head[CONFORMANCE__URL].len),
        .version = head[CONFORMANCE__VERSION].len
                       ? arena_strndup(a, head[CONFORMANCE__VERSION].s, head[CONFORMANCE__VERSION].len)
                       : NULL,
        .rank = conformance__rank_of(head[CONFORMANCE__CONTENT], head[CONFORMANCE__STATUS]),
        .supplements = supplements.len ? arena_strndup(a, supplements.s, supplements.len) : NULL,
        .package = package ? arena_strdup(a, package) : NULL,
        .id = {arena_strndup(a, id.s, id.len), id.len},
        .text = {arena_strndup(a, kept.s, kept.len), kept.len},
        .library = conformance__library_new(a, budget),
    };
    if (kind != CONFORMANCE_CODE_SYSTEM || !head[CONFORMANCE__VALUESET].len ||
        !str_is(head[CONFORMANCE__CONTENT], "complete"))
        return 1;
    out[1] = conformance__all_codes(a, scratch, head[CONFORMANCE__VALUESET], head[CONFORMANCE__URL],
                                    head[CONFORMANCE__VERSION]);
    out[1]->package = e->package;
    return 2;
}

bool conformance_is_packaged(struct str id)
{
    if (id.len != 28 || !str_starts(id, STR("pkg-")))
        return false;
    for (size_t i = 4; i < id.len; i++)
        if (!strchr("0123456789abcdef", id.s[i]))
            return false;
    return true;
}

const char *conformance_package(const struct conformance_entry *e)
{
    return e->package;
}
const char *conformance_url(const struct conformance_entry *e)
{
    return e->url;
}
struct str conformance_text(const struct conformance_entry *e)
{
    return e->text;
}
const char *conformance_version(const struct conformance_entry *e)
{
    return e->version;
}
struct str conformance_image(const struct conformance_entry *e)
{
    return e->image_name ? (e->image.s ? e->image : STR("")) : (struct str){NULL, 0};
}
const char *conformance_supplements(const struct conformance_entry *e)
{
    return e->supplements;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

enum outcome { READ, WRONG, TOO_LARGE };

static enum outcome read_text(const struct conformance_entry *e, struct arena *a, struct arena *scratch,
                              conformance_reader reader, const void **out, struct err *err)
{
    json *resource;
    jmp_buf guard;
    if (a->limit) {
        if (setjmp(guard) != 0)
            return TOO_LARGE;
        a->guard = &guard;
    }
    if (!json_parse(scratch, e->text, e->whole ? CONFORMANCE__DEPTH : INT16_MAX, &resource, err))
        return WRONG;
    if (e->whole)
        resource = conformance_trim(scratch, e->kind, resource, false);
    return reader(a, scratch, resource, out, err) ? READ : WRONG;
}

/* How an entry is read: by one of the two. */
struct how {
    conformance_reader text;
    conformance_image_reader image;
};

static enum outcome read_image(const struct conformance_entry *e, struct arena *a,
                               conformance_image_reader reader, const void **out, struct err *err)
{
    if (!e->image.s) {
        err_set(err, ERR_UNSUPPORTED, "The codes of %.200s are not on this server: import them again",
                e->url);
        return WRONG;
    }
    return reader(a, e->image, out, err) ? READ : WRONG;
}

/* The library is locked. */
static const void *read_once(struct conformance_entry *e, struct how how, const char **wrong)
{
    struct conformance__library *l = e->library;
    struct conformance__budget *b = l->budget;
    struct arena scratch;
    struct err err = {0};
    const void *read = NULL;
    arena_init(&scratch, 0);
    if (b && !how.image) {
        size_t used = atomic_load(&b->used);
        l->a.limit = used < b->limit ? b->limit - used : 1;
    }
    enum outcome outcome = how.image ? read_image(e, &l->a, how.image, &read, &err)
                                     : read_text(e, &l->a, &scratch, how.text, &read, &err);
    l->a.limit = 0;
    l->a.guard = NULL;
    if (outcome == TOO_LARGE) {
        arena_release(&l->a);
        log_event(LOG_WARN, "conformance-too-large", LOG_S("type", conformance_kinds[e->kind]));
        err_set(&err, ERR_UNSUPPORTED, CONFORMANCE__TOO_LARGE);
    }
    if (outcome != READ) {
        *wrong = arena_strdup(&l->a, err.msg);
        read = NULL;
    }
    if (b)
        atomic_fetch_add(&b->used, l->a.used);
    arena_release(&scratch);
    return read;
}

static bool read_entry(const struct conformance_entry *entry, struct how how, const void **out,
                       struct err *err)
{
    struct conformance_entry *e =
        (struct conformance_entry *)entry; /* what has been read is its only change */
    const void *read = atomic_load_explicit(&e->read, memory_order_acquire);
    const char *wrong = NULL;
    if (!read && !(wrong = atomic_load_explicit(&e->wrong, memory_order_acquire))) {
        pthread_mutex_lock(&e->library->lock);
        read = atomic_load_explicit(&e->read, memory_order_relaxed);
        wrong = atomic_load_explicit(&e->wrong, memory_order_relaxed);
        if (!read && !wrong) {
            read = read_once(e, how, &wrong);
            atomic_store_explicit(&e->read, read, memory_order_release);
            atomic_store_explicit(&e->wrong, wrong, memory_order_release);
        }
        pthread_mutex_unlock(&e->library->lock);
    }
    if (!read)
        return err_set(err, ERR_UNSUPPORTED, "%s", wrong);
    *out = read;
    return true;
}

bool conformance_read(const struct conformance_entry *e, conformance_reader reader, const void **out,
                      struct err *err)
{
    return read_entry(e, (struct how){.text = reader}, out, err);
}

bool conformance_read_image(const struct conformance_entry *e, conformance_image_reader reader,
                            const void **out, struct err *err)
{
    return read_entry(e, (struct how){.image = reader}, out, err);
}
