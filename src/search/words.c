/*
 * Folded text (utf8_fold) → the words of full text. A run of letters and digits is a word. Kana and kanji have no
 * blanks between words: a run of n of them is its n-1 pairs, each with the one after it, and at the end the last one by
 * itself, so that whatever stands in the run is found as pairs that follow each other.
 */
#include "base/utf8.h"
#include "internal.h"

#define WORD_MAX 64 /* bytes; the rest of a longer one does not count */

static bool is_paired(int32_t c)
{
    return (c >= 0x30a1 && c <= 0x30fe) || c == 0x3005 || (c >= 0x3105 && c <= 0x312f) ||
           (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

static int32_t peek(struct str s, size_t at, size_t *next)
{
    *next = at;
    return at < s.len ? utf8_next(s, next) : ' ';
}

bool search__next_word(struct search__words *w, struct search__word *out)
{
    size_t next, after;
    while (w->at < w->text.len && w->text.s[w->at] == ' ') {
        w->at++;
        w->in_run = false;
    }
    if (w->at >= w->text.len)
        return false;
    size_t start = w->at;
    *out = (struct search__word){.position = ++w->position, .first = !w->in_run};
    if (is_paired(peek(w->text, start, &next))) {
        out->paired = true;
        out->last = !is_paired(peek(w->text, next, &after));
        out->text = (struct str){w->text.s + start, (out->last ? next : after) - start};
        w->at = next;
        w->in_run = !out->last;
        return true;
    }
    for (size_t end = start; end < w->text.len; end = next) {
        int32_t c = peek(w->text, end, &next);
        if (c == ' ' || is_paired(c))
            break;
        w->at = next;
        if (next - start <= WORD_MAX)
            out->text = (struct str){w->text.s + start, next - start};
    }
    w->in_run = false;
    return true;
}
