/*
 * base/embed.h: files that are part of the binary: the distilled definitions and the migrations (DATA in the
 * Makefile). Read-only, each with a NUL after its last byte.
 */
#ifndef KAGARI_BASE_EMBED_H
#define KAGARI_BASE_EMBED_H

#include "base/str.h"

struct embed_file {
    const char *name; /* its path in the repository: "sql/0001_schema.sql" */
    const char *start, *end;
};

/* Sorted by name; one whose name is NULL comes after the last. */
extern const struct embed_file embed_files[];

static inline struct str embed_text(const struct embed_file *f)
{
    return (struct str){f->start, (size_t)(f->end - f->start)};
}

/* The file of that name; s is NULL when there is none. */
struct str embed_get(const char *name);

#endif
