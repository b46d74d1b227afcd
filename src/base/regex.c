/* The work of a match is bounded, since patterns come from profiles and requests. */
#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    MATCH_LIMIT = 1000000,
    DEPTH_LIMIT = 10000,
    HEAP_LIMIT_KIB = 8 * 1024,
    MAX_PATTERN = 10000,
    MAX_RESULT = 16 << 20
};

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
    bool empty; /* the pattern */
};

static void *take(size_t size, void *a)
{
    return arena_alloc(a, size);
}
static void give(void *p, void *a)
{
    (void)p, (void)a;
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

bool regex_compile(struct arena *a, struct str pattern, struct str flags, bool whole, bool jit,
                   const struct regex **out, struct err *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C;
    for (size_t i = 0; i < flags.len; i++) {
        if (flags.s[i] != 'i' && flags.s[i] != 'm')
            return err_set(err, ERR_INVALID, "the flags of a regular expression are i and m");
        options |= flags.s[i] == 'i' ? PCRE2_CASELESS : PCRE2_MULTILINE;
    }
    if (pattern.len > MAX_PATTERN)
        return err_set(err, ERR_TOO_COSTLY, "the regular expression is too long");
    pcre2_general_context *memory = pcre2_general_context_create(take, give, a);
    pcre2_compile_context *cc = pcre2_compile_context_create(memory);
    int code;
    PCRE2_SIZE at;
    struct regex *re = ARENA_NEW(a, struct regex);
    if (whole)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    re->code = pcre2_compile((PCRE2_SPTR)pattern.s, pattern.len, options, &code, &at, cc);
    if (!re->code) {
        char text[120];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        return err_set(err, ERR_INVALID, "the regular expression is wrong at character %zu: %s", at + 1,
                       text);
    }
    arena_cleanup(a, free_code, re->code);
    if (jit)
        pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* where it cannot, the interpreter matches */
    re->empty = pattern.len == 0;
    re->limits = pcre2_match_context_create(memory);
    pcre2_set_match_limit(re->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(re->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(re->limits, HEAP_LIMIT_KIB);
    *out = re;
    return true;
}

static bool too_costly(struct err *err)
{
    return err_set(err, ERR_TOO_COSTLY, "the regular expression takes too long on this value");
}

bool regex_match(struct arena *a, const struct regex *re, struct str subject, bool *out, struct err *err)
{
    pcre2_match_data *data = pcre2_match_data_create(1, pcre2_general_context_create(take, give, a));
    int n =
        pcre2_match(re->code, (PCRE2_SPTR)subject.s, subject.len, 0, PCRE2_NO_UTF_CHECK, data, re->limits);
    *out = n >= 0;
    return n >= 0 || n == PCRE2_ERROR_NOMATCH || too_costly(err);
}

/* An empty pattern leaves the text as it is. */
bool regex_replace(struct arena *a, const struct regex *re, struct str subject, struct str with,
                   struct str *out, struct err *err)
{
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY |
                       PCRE2_SUBSTITUTE_UNKNOWN_UNSET | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH;
    pcre2_match_data *data =
        pcre2_match_data_create_from_pattern(re->code, pcre2_general_context_create(take, give, a));
    *out = subject;
    if (re->empty)
        return true;
    PCRE2_SIZE size = subject.len * 2 + with.len + 64;
    for (;;) {
        PCRE2_SIZE len = size;
        char *text = arena_alloc(a, size);
        int n = pcre2_substitute(re->code, (PCRE2_SPTR)subject.s, subject.len, 0, options, data, re->limits,
                                 (PCRE2_SPTR)with.s, with.len, (PCRE2_UCHAR *)text, &len);
        if (n >= 0) {
            *out = (struct str){text, len};
            return true;
        }
        if (n != PCRE2_ERROR_NOMEMORY)
            return n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_HEAPLIMIT
                       ? too_costly(err)
                       : err_set(err, ERR_INVALID, "the replacement is not well formed");
        if (len > MAX_RESULT)
            return too_costly(err);
        size = len;
    }
}
