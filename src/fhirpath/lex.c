#include "lex.h"

#include "base/utf8.h"

void fp__lex_init(struct fp__lexer *lx, struct arena *a, struct str text)
{
    *lx = (struct fp__lexer){.a = a, .p = text.s, .end = text.s + text.len, .line_start = text.s, .line = 1};
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool fail(struct fp__lexer *lx, const char *at, struct err *err, const char *what)
{
    err_set(err, ERR_SYNTAX, "FHIRPath: %s", what);
    err->line = lx->line;
    err->column = (int)(at - lx->line_start) + 1;
    return false;
}

static void newline(struct fp__lexer *lx, const char *at)
{
    lx->line++;
    lx->line_start = at + 1;
}

static bool skip_blanks(struct fp__lexer *lx, struct err *err)
{
    for (; lx->p < lx->end; lx->p++) {
        const char *p = lx->p;
        if (*p == '\n') {
            newline(lx, p);
        } else if (*p == '/' && p + 1 < lx->end && p[1] == '/') {
            while (lx->p + 1 < lx->end && lx->p[1] != '\n')
                lx->p++;
        } else if (*p == '/' && p + 1 < lx->end && p[1] == '*') {
            for (p += 2; p + 1 < lx->end && !(p[0] == '*' && p[1] == '/'); p++)
                if (*p == '\n')
                    newline(lx, p);
            if (p + 1 >= lx->end)
                return fail(lx, lx->p, err, "the comment is not closed");
            lx->p = p + 1;
        } else if (*p != ' ' && *p != '\t' && *p != '\r') {
            break;
        }
    }
    return true;
}

/* ---- strings ---------------------------------------------------------------------------------------- */

static int hex4(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = digit(c)               ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* \uXXXX at p (after the u); a surrogate needs its other half. Returns the bytes taken, 0 when it is none. */
static int unicode_escape(struct buf *b, const char *p, const char *end)
{
    int c = hex4(p, end);
    if (c >= 0xD800 && c <= 0xDBFF && end - p >= 10 && p[4] == '\\' && p[5] == 'u') {
        int low = hex4(p + 6, end);
        if (low < 0xDC00 || low > 0xDFFF)
            return -1;
        utf8_put(b, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
        return 10;
    }
    if (c < 0)
        return 0;
    if (c == 0 || (c >= 0xD800 && c <= 0xDFFF))
        return -1;
    utf8_put(b, c);
    return 4;
}

/* 'text' or `text`. A backslash before anything but an escape is dropped (Literals, String). */
static bool quoted(struct fp__lexer *lx, struct fp__token *t, struct err *err)
{
    static const char letters[] = "fnrt", meaning[] = "\f\n\r\t";
    const char *start = lx->p, quote = *start, *p = start + 1;
    struct buf b;
    buf_init(&b, lx->a, 32);
    while (p < lx->end && *p != quote) {
        if (*p == '\n')
            newline(lx, p);
        if (*p != '\\' || p + 1 == lx->end) {
            buf_addc(&b, *p++);
            continue;
        }
        const char *escape = memchr(letters, p[1], 4);
        p += 2;
        if (p[-1] == 'u') {
            int used = unicode_escape(&b, p, lx->end);
            if (used < 0)
                return fail(lx, p - 2, err, "the escape is no Unicode character");
            if (used == 0)
                buf_addc(&b, 'u');
            p += used;
        } else {
            buf_addc(&b, escape ? meaning[escape - letters] : p[-1]);
        }
    }
    if (p >= lx->end)
        return fail(lx, start, err,
                    quote == '`' ? "the name in backticks is not closed" : "the string is not closed");
    t->kind = quote == '`' ? FP__NAME : FP__STRING;
    t->delimited = true;
    t->text = buf_str(&b);
    if (utf8_valid_prefix(b.s, b.len) != b.len)
        return fail(lx, start, err, "the text is not UTF-8");
    lx->p = p + 1;
    return true;
}

/* ---- dates and times -------------------------------------------------------------------------------- */

/* n digits at s[*i]. */
static bool number(struct str s, size_t *i, int n, int *out)
{
    if (s.len - *i < (size_t)n)
        return false;
    int v = 0;
    for (int k = 0; k < n; k++) {
        if (!digit(s.s[*i + (size_t)k]))
            return false;
        v = v * 10 + (s.s[*i + (size_t)k] - '0');
    }
    *i += (size_t)n;
    *out = v;
    return true;
}

/* separator and n digits, or nothing. */
static bool part(struct str s, size_t *i, char separator, int *out)
{
    size_t j = *i;
    if (j >= s.len || s.s[j++] != separator || !number(s, &j, 2, out))
        return false;
    *i = j;
    return true;
}

static bool clock_part(struct str s, size_t *i, struct fhir_datetime *d)
{
    int v;
    if (!number(s, i, 2, &v) || v > 23)
        return false;
    d->hour = (int8_t)v;
    d->precision = FHIR_HOUR;
    if (!part(s, i, ':', &v))
        return true;
    d->minute = (int8_t)v;
    d->precision = FHIR_MINUTE;
    if (v > 59)
        return false;
    if (!part(s, i, ':', &v))
        return true;
    d->second = (int8_t)v;
    d->precision = FHIR_SECOND;
    if (v > 60)
        return false;
    if (*i + 1 >= s.len || s.s[*i] != '.' || !digit(s.s[*i + 1]))
        return true;
    d->precision = FHIR_FRACTION;
    int scale = 100000;
    for (++*i; *i < s.len && digit(s.s[*i]); ++*i, scale /= 10) {
        d->micros += (s.s[*i] - '0') * scale;
        if (d->fraction_digits < 6)
            d->fraction_digits++;
    }
    return true;
}

static bool zone_part(struct str s, size_t *i, struct fhir_datetime *d)
{
    int hours, minutes;
    size_t j = *i;
    if (j < s.len && s.s[j] == 'Z') {
        d->has_zone = true;
        ++*i;
        return true;
    }
    if (j >= s.len || (s.s[j] != '+' && s.s[j] != '-'))
        return true;
    bool west = s.s[j++] == '-';
    if (!number(s, &j, 2, &hours) || !part(s, &j, ':', &minutes))
        return true; /* an operator, not a zone */
    if (hours > 14 || minutes > 59)
        return false;
    d->has_zone = true;
    d->zone = (int16_t)((hours * 60 + minutes) * (west ? -1 : 1));
    *i = j;
    return true;
}

static int month_days(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool fp__read_datetime(struct str s, struct fhir_datetime *out, bool *with_time, size_t *used)
{
    struct fhir_datetime d = {.month = 1, .day = 1, .precision = FHIR_YEAR};
    size_t i = 0;
    int v;
    *with_time = false;
    if (!number(s, &i, 4, &v) || v == 0)
        return false;
    d.year = (int16_t)v;
    if (part(s, &i, '-', &v)) {
        if (v < 1 || v > 12)
            return false;
        d.month = (int8_t)v;
        d.precision = FHIR_MONTH;
        if (part(s, &i, '-', &v)) {
            if (v < 1 || v > month_days(d.year, d.month))
                return false;
            d.day = (int8_t)v;
            d.precision = FHIR_DAY;
        }
    }
    if (i < s.len && s.s[i] == 'T') {
        i++;
        *with_time = true;
        if (d.precision == FHIR_DAY && i < s.len && digit(s.s[i]) &&
            (!clock_part(s, &i, &d) || !zone_part(s, &i, &d)))
            return false;
    }
    *out = d;
    *used = i;
    return true;
}

bool fp__read_time(struct str s, struct fhir_datetime *out, size_t *used)
{
    struct fhir_datetime d = {.year = 1970, .month = 1, .day = 1};
    *used = 0;
    if (!clock_part(s, used, &d) || d.second == 60)
        return false;
    *out = d;
    return true;
}

static bool date(struct fp__lexer *lx, struct fp__token *t, struct err *err)
{
    struct str s = {lx->p + 1, (size_t)(lx->end - lx->p - 1)};
    size_t used = 0;
    bool with_time = false, ok;
    t->kind = FP__DATE;
    if (s.len && s.s[0] == 'T') {
        t->date_kind = FP_TIME;
        ok = fp__read_time((struct str){s.s + 1, s.len - 1}, &t->date, &used);
        used++;
    } else {
        ok = fp__read_datetime(s, &t->date, &with_time, &used);
        t->date_kind = with_time ? FP_DATETIME : FP_DATE;
    }
    if (!ok)
        return fail(
            lx, lx->p, err,
            "after @ stands a date (YYYY, YYYY-MM, YYYY-MM-DD), a date and time (…Thh:mm:ss) or a time "
            "(Thh:mm:ss) that exists");
    lx->p = s.s + used;
    return true;
}

/* ---- the rest --------------------------------------------------------------------------------------- */

static struct str take(struct fp__lexer *lx, bool (*more)(char))
{
    const char *start = lx->p;
    while (lx->p < lx->end && more(*lx->p))
        lx->p++;
    return (struct str){start, (size_t)(lx->p - start)};
}

static bool name_char(char c)
{
    return letter(c) || digit(c);
}

bool fp__lex_next(struct fp__lexer *lx, struct fp__token *t, struct err *err)
{
    static const char pairs[][3] = {"<=", ">=", "!=", "!~"};
    if (!skip_blanks(lx, err))
        return false;
    *t = (struct fp__token){.line = lx->line, .column = (int)(lx->p - lx->line_start) + 1};
    if (lx->p == lx->end)
        return true;
    char c = *lx->p;
    if (letter(c)) {
        t->kind = FP__NAME;
        t->text = take(lx, name_char);
        return true;
    }
    if (c == '\'' || c == '`')
        return quoted(lx, t, err);
    if (digit(c)) {
        t->kind = FP__NUMBER;
        t->text = take(lx, digit);
        if (lx->end - lx->p > 1 && lx->p[0] == '.' && digit(lx->p[1])) {
            lx->p++;
            t->text.len += 1 + take(lx, digit).len;
        }
        return true;
    }
    if (c == '@')
        return date(lx, t, err);
    if (c == '$') {
        lx->p++;
        t->kind = FP__DOLLAR;
        t->text = take(lx, letter);
        return true;
    }
    t->kind = FP__SYMBOL;
    t->text = (struct str){lx->p, 1};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (lx->end - lx->p > 1 && memcmp(lx->p, pairs[i], 2) == 0)
            t->text.len = 2;
    if (!strchr(".,()[]{}+-*/&|<>=~!%", c) || (c == '!' && t->text.len == 1) || c == '\0')
        return fail(lx, lx->p, err, "a character that has no meaning here");
    lx->p += t->text.len;
    return true;
}
