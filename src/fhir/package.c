#include "fhir/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/config.h"

static bool wanted(struct str name)
{
    return str_ends(name, STR(".json")) && *name.s != '.';
}

static bool too_many(int n, struct err *err)
{
    return n <= FHIR_PACKAGE_FILES_MAX
               ? false
               : !err_set(err, ERR_TOO_LARGE, "the package has more than %d files", FHIR_PACKAGE_FILES_MAX);
}

static bool too_large(int64_t bytes, const char *path, struct err *err)
{
    return bytes <= FHIR_PACKAGE_MAX ? false
                                     : !err_set(err, ERR_TOO_LARGE, "%s has more than %lld bytes, unpacked",
                                                path, (long long)FHIR_PACKAGE_MAX);
}

/* ---- packed -------------------------------------------------------------------------------------------- */

static void free_archive(void *object)
{
    archive_read_free(object);
}

/* The content of the entry at hand, in the buffer. */
static bool read_entry(struct archive *ar, struct buf *b, const char *path, struct err *err)
{
    for (;;) {
        buf_reserve(b, 1 << 16);
        la_ssize_t n = archive_read_data(ar, b->s + b->len, b->cap - b->len - 1);
        if (n < 0)
            return err_set(err, ERR_SYNTAX, "%s: %s", path, archive_error_string(ar));
        if (n == 0)
            return true;
        b->len += (size_t)n;
        b->s[b->len] = '\0';
        if (b->len > FHIR_PACKAGE_FILE_MAX)
            return err_set(err, ERR_TOO_LARGE, "%s holds a file of more than %d bytes", path,
                           FHIR_PACKAGE_FILE_MAX);
    }
}

static bool read_archive(struct arena *a, const char *path, fhir_package_fn fn, void *arg, struct err *err)
{
    struct archive *ar = archive_read_new();
    struct archive_entry *entry;
    if (!ar)
        return err_set(err, ERR_INTERNAL, "no memory to read %s", path);
    arena_cleanup(a, free_archive, ar);
    archive_read_support_filter_gzip(ar);
    archive_read_support_format_tar(ar);
    if (archive_read_open_filename(ar, path, 1 << 16) != ARCHIVE_OK)
        return err_set(err, ERR_SYNTAX, "%s: %s", path, archive_error_string(ar));
    struct buf b;
    buf_init(&b, a, 1 << 20);
    int status;
    for (int n = 0; (status = archive_read_next_header(ar, &entry)) == ARCHIVE_OK; n++) {
        const char *name = archive_entry_pathname(entry);
        if (too_many(n, err) || too_large(archive_filter_bytes(ar, 0), path, err))
            return false;
        if (!name || archive_entry_filetype(entry) != AE_IFREG || strncmp(name, "package/", 8) != 0 ||
            strchr(name + 8, '/') || !wanted(str_of(name + 8)))
            continue;
        b.len = 0;
        if (!read_entry(ar, &b, path, err) || !fn(arg, str_of(name + 8), buf_str(&b), err))
            return false;
    }
    if (status != ARCHIVE_EOF)
        return err_set(err, ERR_SYNTAX, "%s is not a whole package: %s", path, archive_error_string(ar));
    return true;
}

/* ---- unpacked ------------------------------------------------------------------------------------------ */

struct listing {
    struct dirent **entries;
    int n;
};

static void free_listing(void *object)
{
    struct listing *l = object;
    while (l->n > 0)
        free(l->entries[--l->n]);
    free(l->entries);
}

static int is_wanted(const struct dirent *d)
{
    return wanted(str_of(d->d_name));
}

static void release_scratch(void *object)
{
    arena_release(object);
}

static bool read_directory(struct arena *a, const char *path, fhir_package_fn fn, void *arg, struct err *err)
{
    struct listing *l = ARENA_NEW(a, struct listing);
    struct arena *scratch = ARENA_NEW(a, struct arena);
    arena_init(scratch, 0);
    arena_cleanup(a, release_scratch, scratch);
    arena_cleanup(a, free_listing, l);
    l->n = scandir(path, &l->entries, is_wanted, alphasort);
    if (l->n < 0)
        return err_set(err, ERR_NOT_FOUND, "%s cannot be listed", path);
    int64_t bytes = 0;
    if (too_many(l->n, err))
        return false;
    for (int i = 0; i < l->n; i++) {
        const char *name = l->entries[i]->d_name;
        struct str content;
        arena_clear(scratch);
        if (!config_read_file(scratch, arena_printf(scratch, "%s/%s", path, name), FHIR_PACKAGE_FILE_MAX,
                              &content, err) ||
            too_large(bytes += (int64_t)content.len, path, err) || !fn(arg, str_of(name), content, err))
            return false;
    }
    return true;
}

bool fhir_package_read(struct arena *a, const char *path, fhir_package_fn fn, void *arg, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: there is no such package", path);
    if (!S_ISDIR(st.st_mode))
        return read_archive(a, path, fn, arg, err);
    const char *inner = arena_printf(a, "%s/package", path);
    return read_directory(a, stat(inner, &st) == 0 && S_ISDIR(st.st_mode) ? inner : path, fn, arg, err);
}
