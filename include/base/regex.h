/*
 * base/regex.h: regular expressions by PCRE2, the dialect that FHIRPath recommends; the only user of PCRE2. Case
 * counts, '.' matches line ends, \d and \w are ASCII. Length of a pattern and work of a match are bounded: both may
 * come from clients.
 *
 * A compiled expression is immutable and may be used by many threads at once.
 */
#ifndef KAGARI_BASE_REGEX_H
#define KAGARI_BASE_REGEX_H

#include "base/err.h"
#include "base/str.h"

struct regex;
/* flags: letters of "im". whole: it has to match all of a text. jit: worth compiling to machine code. ERR_INVALID with
 * the character at fault, ERR_TOO_COSTLY. */
bool regex_compile(struct arena *a, struct str pattern, struct str flags, bool whole, bool jit,
                   const struct regex **out, struct err *err) NODISCARD;
bool regex_match(struct arena *a, const struct regex *re, struct str subject, bool *out,
                 struct err *err) NODISCARD;
/* All matches; $1 and ${name} in `with` stand for groups. An empty pattern leaves the text as it is. */
bool regex_replace(struct arena *a, const struct regex *re, struct str subject, struct str with,
                   struct str *out, struct err *err) NODISCARD;

#endif
