/* src/terminology/image.h: the compact form as bytes (image.c). */
#ifndef KAGARI_TERMINOLOGY_IMAGE_H
#define KAGARI_TERMINOLOGY_IMAGE_H

#include "internal.h"

struct csv;
struct terminology_import;
struct terminology_mapping;
/* The readers without a file, for tests. */
bool terminology__import_rows(const struct terminology_import *to, const struct terminology_mapping *m,
                              struct csv *c, const char *path, struct err *err) NODISCARD;
bool terminology__import_rf2_rows(const struct terminology_import *to, struct csv *c, const char *path,
                                  struct err *err) NODISCARD;

struct str terminology__image_write(struct arena *a, const struct terminology_system *s, size_t text,
                                    size_t properties, size_t designations);

#endif
