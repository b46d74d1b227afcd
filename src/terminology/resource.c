/* From a canonical to what it means: the entry of the view, read as a code system or a value set. */
#include "internal.h"
#include "terminology/build.h"

static bool read_system(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                        struct err *err)
{
    const struct terminology_system *s;
    if (!terminology__system_read(a, scratch, resource, &s, err))
        return false;
    *out = s;
    return true;
}

static bool read_valueset(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                          struct err *err)
{
    const struct terminology_valueset *s;
    (void)scratch;
    if (!terminology_valueset_read(a, resource, &s, err))
        return false;
    *out = s;
    return true;
}

static const conformance_reader readers[] = {
    [CONFORMANCE_CODE_SYSTEM] = read_system,
    [CONFORMANCE_VALUE_SET] = read_valueset,
};

static bool open_image(struct arena *a, struct str image, const void **out, struct err *err)
{
    const struct terminology_system *s;
    if (!terminology_image_open(a, image, &s, err))
        return false;
    *out = s;
    return true;
}

static bool read_entry(const struct conformance_entry *e, enum conformance_kind kind, const void **out,
                       struct err *err)
{
    return kind == CONFORMANCE_CODE_SYSTEM && conformance_image(e).s
               ? conformance_read_image(e, open_image, out, err)
               : conformance_read(e, readers[kind], out, err);
}

static const void *found(const struct conformance_view *v, enum conformance_kind kind, struct str url,
                         struct str version)
{
    const struct conformance_entry *e = conformance_find_version(v, kind, url, version);
    const void *read = NULL;
    struct err err;
    return e && read_entry(e, kind, &read, &err) ? read : NULL;
}

static const struct terminology_system *system_of(const struct conformance_view *v, struct str url,
                                                  struct str version)
{
    const struct terminology_system *s = found(v, CONFORMANCE_CODE_SYSTEM, url, version);
    return s && s->content == TERMINOLOGY_SUPPLEMENT ? NULL : s;
}

const struct terminology_system *terminology__view_system(const struct conformance_view *v, const char *url,
                                                          const char *version)
{
    return system_of(v, str_of(url), str_of(version));
}

bool terminology_is_supplement(const struct conformance_view *v, struct str url)
{
    const struct conformance_entry *e = conformance_find(v, CONFORMANCE_CODE_SYSTEM, url);
    return e && conformance_supplements(e);
}

size_t terminology_supplements(const struct conformance_view *v, struct arena *a,
                               const struct terminology_system *s,
                               const struct terminology_system *const **list)
{
    const struct terminology_system **found = NULL;
    const void *read;
    struct err err;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < conformance_count(v, CONFORMANCE_CODE_SYSTEM); i++) {
        const struct conformance_entry *e = conformance_at(v, CONFORMANCE_CODE_SYSTEM, i);
        const char *base = conformance_supplements(e);
        if (base && strcmp(base, s->url) == 0 && conformance_read(e, read_system, &read, &err))
            *ARENA_PUSH(a, found, n, cap) = read;
    }
    *list = found;
    return n;
}

const struct terminology_system *terminology_system(const struct conformance_view *v, struct str canonical)
{
    struct str version, url = str_cut(canonical, '|', &version);
    return system_of(v, url, version);
}

const struct terminology_valueset *terminology__view_valueset(const struct conformance_view *v,
                                                              const char *canonical)
{
    struct str version, url = str_cut(str_of(canonical), '|', &version);
    const struct terminology_valueset *s = found(v, CONFORMANCE_VALUE_SET, url, version);
    return s ? s : terminology__implicit(v, str_of(canonical));
}

const struct terminology_valueset *terminology__view_valueset_version(const struct conformance_view *v,
                                                                      const char *url, const char *version)
{
    return found(v, CONFORMANCE_VALUE_SET, str_of(url), str_of(version));
}

bool terminology_valueset(const struct conformance_view *v, struct str canonical,
                          const struct terminology_valueset **out, struct err *err)
{
    struct str version, url = str_cut(canonical, '|', &version);
    const struct conformance_entry *e = conformance_find_version(v, CONFORMANCE_VALUE_SET, url, version);
    const void *read = NULL;
    if (e) {
        bool ok = conformance_read(e, read_valueset, &read, err);
        *out = read;
        return ok;
    }
    if ((*out = terminology__implicit(v, canonical)))
        return true;
    e = version.s ? conformance_find_version(v, CONFORMANCE_VALUE_SET, url, (struct str){NULL, 0}) : NULL;
    if (e)
        return err_set(err, ERR_NOT_FOUND,
                       "The value set %.*s is known here in version %s, not in the one asked for",
                       (int)(url.len < 200 ? url.len : 200), url.s,
                       conformance_version(e) ? conformance_version(e) : "(none)");
    return err_set(err, ERR_NOT_FOUND,
                   "The value set %.*s is not known here: store it as a ValueSet, or check its URL",
                   (int)(canonical.len < 200 ? canonical.len : 200), canonical.s);
}

static bool find_by_id(const struct conformance_view *v, enum conformance_kind kind, struct str id,
                       const void **out, struct err *err)
{
    const struct conformance_entry *e = conformance_find_id(v, kind, id);
    return e ? read_entry(e, kind, out, err)
             : err_set(err, ERR_NOT_FOUND, "There is no %s with the id %.*s on this server",
                       conformance_kinds[kind], (int)(id.len < 64 ? id.len : 64), id.s);
}

bool terminology_valueset_by_id(const struct conformance_view *v, struct str id,
                                const struct terminology_valueset **out, struct err *err)
{
    const void *read = NULL;
    bool ok = find_by_id(v, CONFORMANCE_VALUE_SET, id, &read, err);
    *out = read;
    return ok;
}

bool terminology_system_by_id(const struct conformance_view *v, struct str id,
                              const struct terminology_system **out, struct err *err)
{
    const void *read = NULL;
    if (!find_by_id(v, CONFORMANCE_CODE_SYSTEM, id, &read, err))
        return false;
    *out = read;
    return (*out)->content != TERMINOLOGY_SUPPLEMENT ||
           err_set(err, ERR_UNSUPPORTED, "This CodeSystem only supplements another: ask that one");
}
