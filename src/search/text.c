/*
 * _text and _content (search.html#content): words in a resource's narrative, and in all of its text. Index: one
 * tsvector a resource in idx_text, with the positions of its words (words.c), those of the narrative with weight A.
 * Query: a tsquery.
 *
 *     words          all of them, anywhere          "words"        as they stand, one after the other
 *     a OR b, a,b    one of them                    -a, NOT a      not this one
 *     (a OR b) c     parentheses                    word*          words that begin so
 *
 * All text is what a person would read or type: strings, codes, the values of identifiers, the narrative without its
 * markup; not URLs, references, ids, dates, numbers and binary data.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "internal.h"

#define WORDS_MAX 16000     /* PostgreSQL keeps positions up to 16383 */
#define BYTES_MAX (1 << 19) /* a tsvector takes at most 1 MB */
#define FOLD_MAX  (1 << 20)
#define DEPTH_MAX 32

/* ---- index ------------------------------------------------------------------------------------------- */

struct vector {
    struct arena *a;
    struct buf out;
    int n, position;
    bool narrative;
    const struct search_tenant *sealed; /* words are hashes; NULL: they are words */
};

static void add_word(struct vector *v, struct str word, int position)
{
    if (v->sealed)
        word = search__sealed_word(v->sealed, v->a, word);
    buf_addf(&v->out, "%s'%.*s':%d%s", v->n ? " " : "", STR_FMT(word), position, v->narrative ? "A" : "");
    v->n++;
}

/* The character with which a pair begins. */
static struct str first_of(struct str pair)
{
    size_t end = 0;
    utf8_next(pair, &end);
    return (struct str){pair.s, end};
}

static void add(struct vector *v, struct str text)
{
    struct search__words words = {.text = utf8_fold(v->a, text, FOLD_MAX), .position = v->position};
    struct search__word word;
    while (v->n < WORDS_MAX && v->out.len < BYTES_MAX && search__next_word(&words, &word)) {
        add_word(v, word.text, word.position);
        if (v->sealed && word.paired && !word.last)
            add_word(v, first_of(word.text), word.position);
    }
    v->position = words.position + 1; /* a phrase does not go on from one string to the next */
}

static bool is_one_of(struct str name, const char *const *names)
{
    while (*names && !str_is(name, *names))
        names++;
    return *names;
}

/* The text that an entity stands for; others are a blank. */
static void add_entity(struct buf *b, struct str name)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    char *end;
    char digits[12] = "";
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
        if (str_is(name, entities[i].name)) {
            buf_addc(b, entities[i].c);
            return;
        }
    bool hex = name.len > 2 && name.s[1] == 'x';
    size_t skip = hex ? 2 : 1;
    if (name.len <= skip || name.s[0] != '#' || name.len - skip >= sizeof digits) {
        buf_addc(b, ' ');
        return;
    }
    memcpy(digits, name.s + skip, name.len - skip);
    unsigned long c = strtoul(digits, &end, hex ? 16 : 10);
    bool valid = !*end && c >= 0x20 && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    utf8_put(b, valid ? (int32_t)c : ' ');
}

/* XHTML without its markup. A tag separates words, unless it is one that stands within them. */
static struct str plain(struct arena *a, struct str xhtml)
{
    static const char *const within[] = {"a",     "abbr", "b",      "big", "em",  "font", "i", "ins",
                                         "small", "span", "strong", "sub", "sup", "tt",   "u", NULL};
    struct buf b;
    buf_init(&b, a, xhtml.len + 1);
    for (size_t i = 0; i < xhtml.len; i++) {
        char c = xhtml.s[i];
        if (c != '<' && c != '&') {
            buf_addc(&b, c);
            continue;
        }
        const char *end = memchr(xhtml.s + i, c == '<' ? '>' : ';', xhtml.len - i);
        if (!end)
            break;
        struct str inner = {xhtml.s + i + 1, (size_t)(end - xhtml.s) - i - 1};
        i = (size_t)(end - xhtml.s);
        if (c == '&') {
            add_entity(&b, inner);
            continue;
        }
        while (inner.len && inner.s[0] == '/')
            inner = (struct str){inner.s + 1, inner.len - 1};
        size_t n = 0;
        while (n < inner.len && !strchr(" /\t\r\n", inner.s[n]))
            n++;
        if (!is_one_of((struct str){inner.s, n}, within))
            buf_addc(&b, ' ');
    }
    return buf_str(&b);
}

static bool is_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

static bool is_date(struct str s)
{
    return s.len >= 10 && is_digits(s.s, 4) && s.s[4] == '-' && is_digits(s.s + 5, 2) && s.s[7] == '-' &&
           is_digits(s.s + 8, 2);
}

/* What nobody looks for as a word. */
static bool is_noise(const char *name, struct str value)
{
    static const char *const names[] = {"resourceType", "id",      "versionId", "reference", "data",
                                        "hash",         "fullUrl", "linkId",    NULL};
    return is_one_of(str_of(name), names) || is_date(value) || str_starts(value, STR("urn:")) ||
           memmem(value.s, value.len, "://", 3);
}

static void add_node(struct vector *v, const json *node, const char *name)
{
    if (json_is_string(node)) {
        struct str text = str_of(node->valuestring);
        if (strcmp(name, "div") == 0)
            add(v, plain(v->a, text));
        else if (!is_noise(name, text))
            add(v, text);
        return;
    }
    json_each (child, node)
        add_node(v, child, child->string ? child->string : name); /* an array's items have its name */
}

static const struct search_tenant *seals_words(const struct search_tenant *t, const struct fhir_type *type)
{
    return t->sealed && !identity_policy_keeps(t->sealed, type) ? t : NULL;
}

void search__index_text(struct search__index *x)
{
    struct vector v = {.a = x->a, .narrative = true, .sealed = seals_words(x->tenant, x->type)};
    const json *narrative = json_get(x->resource, "text");
    const char *div = json_get_string(narrative, "div");
    if (x->tenant->text == SEARCH_TEXT_NONE)
        return;
    buf_init(&v.out, x->a, 512);
    if (div)
        add(&v, plain(x->a, str_of(div)));
    v.narrative = false;
    const json *meta = json_get(x->resource, "meta"); /* in front, where it stands in what is stored */
    if (x->tenant->text == SEARCH_TEXT_CONTENT && meta)
        add_node(&v, meta, "meta");
    if (x->tenant->text == SEARCH_TEXT_CONTENT)
        json_each (child, x->resource)
            if (child != meta && (child != narrative || !div))
                add_node(&v, child, child->string);
    if (v.n)
        x->out->words = buf_str(&v.out);
}

/* ---- query ------------------------------------------------------------------------------------------- */

struct reader {
    struct search__parse *p;
    const struct search__arg *arg;
    struct str text;
    size_t at;
    int depth;
    const char *weight; /* A: in the narrative */
    bool opens;         /* the beginnings of words are asked of sealed text */
    struct str *beginnings;
    size_t n_beginnings, cap_beginnings;
};

/* A part of a tsquery; empty: it says nothing. */
struct part {
    struct str text;
    bool vain; /* true of what has none of the words */
};

static void skip_blanks(struct reader *r)
{
    static const char wide[] = "\xe3\x80\x80";
    for (size_t before = SIZE_MAX; before != r->at;) {
        before = r->at;
        while (r->at < r->text.len && strchr(" \t\r\n", r->text.s[r->at]))
            r->at++;
        if (str_starts((struct str){r->text.s + r->at, r->text.len - r->at}, STR(wide)))
            r->at += sizeof wide - 1;
    }
}

static bool at_end_of_word(const struct reader *r, size_t at)
{
    return at >= r->text.len || strchr(" \t\r\n,()\"", r->text.s[at]) ||
           str_starts((struct str){r->text.s + at, r->text.len - at}, STR("\xe3\x80\x80"));
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at >= r->text.len || r->text.s[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(r);
    if (r->text.len - r->at < n || !str_ieq((struct str){r->text.s + r->at, n}, str_of(word)) ||
        !at_end_of_word(r, r->at + n))
        return false;
    r->at += n;
    return true;
}

static void add_hash(const struct reader *r, struct buf *b, struct str word)
{
    struct str hash = search__sealed_word(r->p->tenant, r->p->a, word);
    buf_addf(b, "'%.*s'%s%s | ", STR_FMT(hash), *r->weight ? ":" : "", r->weight);
}

/* Of sealed text, the words that were met in it and begin so. */
static void add_beginning(struct reader *r, struct buf *b, struct str text)
{
    const struct search__parse *p = r->p;
    for (size_t i = 0; i < p->n_words; i++)
        if (str_starts(p->words[i], text))
            add_hash(r, b, p->words[i]);
    if (!p->met)
        *ARENA_PUSH(p->a, r->beginnings, r->n_beginnings, r->cap_beginnings) = text;
}

static void add_lexeme(struct reader *r, struct buf *b, struct str text, bool open, bool paired)
{
    const char *colon = open || *r->weight ? ":" : "";
    if (r->p->tenant->sealed) { /* of what is not sealed, words are as they are */
        buf_addc(b, '(');
        if (open && !paired && r->opens)
            add_beginning(r, b, text);
        else
            add_hash(r, b, text);
    }
    buf_addf(b, "'%.*s'%s%s%s%s", STR_FMT(text), colon, open ? "*" : "", r->weight,
             r->p->tenant->sealed ? ")" : "");
}

/* Words that stand one after the other. A single kanji or kana is one with which a pair begins, or the last of a run. */
static struct part phrase(struct reader *r, struct str text, bool open)
{
    struct search__words words = {.text = utf8_fold(r->p->a, text, FOLD_MAX)};
    struct search__word word, next;
    struct buf b;
    int before = 0;
    buf_init(&b, r->p->a, 64);
    for (bool more = search__next_word(&words, &word); more; word = next) {
        more = search__next_word(&words, &next);
        if (word.paired && word.last && !word.first)
            continue; /* the pair before it has it */
        if (before)
            buf_addf(&b, " <%d> ", word.position - before);
        before = word.position;
        bool begins = (word.paired && word.last) || (open && !more && !word.paired);
        struct str second;
        bool either = word.paired && word.first && search__second_vowel(r->p->a, word.text, &second);
        buf_adds(&b, either ? "(" : "");
        add_lexeme(r, &b, word.text, begins, word.paired);
        if (either) {
            buf_adds(&b, " | ");
            add_lexeme(r, &b, second, begins, true);
            buf_addc(&b, ')');
        }
    }
    return (struct part){.text = before ? str_of(arena_printf(r->p->a, "(%s)", b.s)) : STR("")};
}

static struct part join(const struct reader *r, struct part x, const char *operator, struct part y)
{
    if (!x.text.len || !y.text.len)
        return x.text.len ? x : y;
    return (struct part){
        str_of(arena_printf(r->p->a, "(%.*s %s %.*s)", STR_FMT(x.text), operator, STR_FMT(y.text))),
        *operator== '&' ? x.vain && y.vain : x.vain || y.vain };
}

static bool any_of(struct reader *r, struct part *out);

static bool fail(struct reader *r, const char *why)
{
    search__refuse(r->p, r->arg, "%s", why);
    return false;
}

static bool operand(struct reader *r, struct part *out)
{
    skip_blanks(r);
    bool minus = r->at + 1 < r->text.len && r->text.s[r->at] == '-' &&
                 (!at_end_of_word(r, r->at + 1) || strchr("(\"", r->text.s[r->at + 1]));
    r->at += minus;
    if (minus || take_word(r, "not")) {
        if (++r->depth > DEPTH_MAX)
            return fail(r, "it is nested too deeply");
        if (!operand(r, out))
            return false;
        r->depth--;
        if (out->text.len)
            *out = (struct part){str_of(arena_printf(r->p->a, "!%.*s", STR_FMT(out->text))), !out->vain};
        return true;
    }
    if (take(r, '(')) {
        if (++r->depth > DEPTH_MAX)
            return fail(r, "it is nested too deeply");
        if (!any_of(r, out))
            return false;
        r->depth--;
        return take(r, ')') || fail(r, "a parenthesis is not closed");
    }
    size_t start = r->at;
    if (take(r, '"')) {
        start = r->at;
        while (r->at < r->text.len && r->text.s[r->at] != '"')
            r->at++;
        if (r->at == r->text.len)
            return fail(r, "quotes are not closed");
        *out = phrase(r, (struct str){r->text.s + start, r->at++ - start}, false);
        return true;
    }
    while (!at_end_of_word(r, r->at))
        r->at++;
    if (r->at == start)
        return fail(r, "a word is missing");
    struct str word = {r->text.s + start, r->at - start};
    bool open = word.s[word.len - 1] == '*';
    if (open && r->p->tenant->sealed && (!r->arg->type || seals_words(r->p->tenant, r->arg->type)))
        r->opens = true;
    *out = phrase(r, word, open);
    return true;
}

static bool all_of(struct reader *r, struct part *out)
{
    if (!operand(r, out))
        return false;
    for (;;) {
        struct part next;
        size_t before = r->at;
        bool and = take_word(r, "and");
        skip_blanks(r);
        bool ends = r->at == r->text.len || strchr(",)", r->text.s[r->at]);
        if (!and&&(ends || take_word(r, "or"))) {
            r->at = before;
            return true;
        }
        if (!operand(r, &next))
            return false;
        *out = join(r, *out, "&", next);
    }
}

static bool any_of(struct reader *r, struct part *out)
{
    if (!all_of(r, out))
        return false;
    while (take(r, ',') || take_word(r, "or")) {
        struct part next;
        if (!all_of(r, &next))
            return false;
        *out = join(r, *out, "|", next);
    }
    return true;
}

/* An escaped separator is punctuation, and that is a blank to words. */
static struct str without_escapes(struct arena *a, struct str s)
{
    char *out = arena_strndup(a, s.s, s.len);
    for (size_t i = 0; i + 1 < s.len; i++)
        if (out[i] == '\\' && strchr("\\,|$", out[i + 1]))
            out[i] = out[i + 1] = ' ';
    return (struct str){out, s.len};
}

struct search_criterion *search__parse_text(struct search__parse *p, const struct search__arg *arg,
                                            struct str value)
{
    bool narrative = arg->param->special == SPECIAL_TEXT;
    struct reader r = {
        .p = p, .arg = arg, .text = without_escapes(p->a, value), .weight = narrative ? "A" : ""};
    struct part all;
    if (arg->modifier.s)
        return search__refuse(p, arg, "it takes no modifier");
    if (p->match && *p->match != MATCH_CONTAINS && *p->match != MATCH_EQUAL)
        return search__refuse(p, arg, "a filter asks for it with eq or co");
    if (!any_of(&r, &all))
        return NULL;
    skip_blanks(&r);
    if (r.at < r.text.len)
        return search__refuse(p, arg, "a parenthesis is closed that was not opened");
    if (all.vain)
        return search__refuse(p, arg, "it asks only for what is not there: name a word that is");
    struct search_criterion *c = search__criterion(p->a, all.text.len ? CRIT_TEXT : CRIT_NONE, arg->param);
    c->words = all.text;
    if (!r.n_beginnings)
        return c;
    if (!search__open(p, c, value)) {
        err_set(p->err, ERR_TOO_COSTLY,
                "search parameter %.*s: what is searched is sealed (identity.seal): whole words are found, "
                "not their beginnings",
                STR_FMT(arg->name));
        return NULL;
    }
    c->beginnings = r.beginnings;
    c->n_beginnings = r.n_beginnings;
    return c;
}

/* ---- SQL --------------------------------------------------------------------------------------------- */

void search__text_score(struct search__sql *w, const struct search_criterion *c, const char *k)
{
    sql_addf(
        w->sql,
        "SELECT ts_rank(s.v, $%d::tsquery)::numeric(9, 6) FROM idx_text s WHERE s.tenant = $%d AND s.k = %s",
        sql_text(w->sql, c->words), w->tenant, k);
}
