/*
 * base/utf8.h: Unicode text. The only user of utf8proc.
 */
#ifndef KAGARI_BASE_UTF8_H
#define KAGARI_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Bytes of the valid prefix; == len when all is valid. Overlong forms, surrogates and > U+10FFFF are invalid.
 */
size_t utf8_valid_prefix(const char *s, size_t len);
size_t utf8_length(struct str s); /* code points; s is valid */
/* Next code point of valid text at *i, which moves on. */
int32_t utf8_next(struct str s, size_t *i);
void utf8_put(struct buf *b, int32_t code_point);

/*
 * The form under which string search compares (search.html#string: case, accents and other diacritics do not
 * matter): NFKD, marks removed (which drops dakuten and handakuten too), case folded, white space and punctuation
 * runs as one blank, and the Japanese rules of docs/search.md. Never longer than max code points. What is stored in
 * the search index has this form: a change means that everything has to be indexed again.
 */
struct str utf8_fold(struct arena *a, struct str s, size_t max);

/* Case mapping and comparison for FHIRPath upper(), lower() and ~ on strings. */
struct str utf8_upper(struct arena *a, struct str s);
struct str utf8_lower(struct arena *a, struct str s);

#endif
