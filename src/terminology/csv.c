#include "csv.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

enum { BLOCK = 1 << 16, FIELDS_MAX = 1024, ROW_MAX = 1 << 22 };

struct csv {
    FILE *file; /* NULL: memory */
    iconv_t encoding;
    bool converts, quotes, ended, started;
    char separator;
    const char *in; /* what has been read and not been used */
    size_t n_in;
    char raw[BLOCK], block[BLOCK * 4]; /* as in the file, and as UTF-8 */
    size_t n_raw;
    uint64_t lines, line;
    char *row; /* the fields, one after the other */
    size_t n_row, cap_row;
    size_t starts[FIELDS_MAX + 1];
    struct str fields[FIELDS_MAX];
};

static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static struct csv *make(char separator, bool quotes)
{
    struct csv *c = need(calloc(1, sizeof *c));
    c->separator = separator;
    c->quotes = quotes;
    c->cap_row = BLOCK;
    c->row = need(malloc(c->cap_row));
    return c;
}

bool csv_open(const char *path, const char *encoding, char separator, bool quotes, struct csv **out,
              struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, ERR_NOT_FOUND, "%.300s: %s", path, strerror(errno));
    struct csv *c = make(separator, quotes);
    c->file = file;
    if (encoding && (c->encoding = iconv_open("UTF-8", encoding)) != (iconv_t)-1) {
        c->converts = true;
    } else if (encoding) {
        csv_close(c);
        return err_set(err, ERR_INVALID, "The encoding %.40s is not known", encoding);
    }
    *out = c;
    return true;
}

struct csv *csv_from(struct str text, char separator, bool quotes)
{
    struct csv *c = make(separator, quotes);
    c->in = text.s;
    c->n_in = text.len;
    return c;
}

void csv_close(struct csv *c)
{
    if (c->file)
        fclose(c->file);
    if (c->converts)
        iconv_close(c->encoding);
    free(c->row);
    free(c);
}

uint64_t csv_line(const struct csv *c)
{
    return c->line;
}

/* ---- bytes ------------------------------------------------------------------------------------------------ */

static bool convert(struct csv *c, struct err *err)
{
    char *in = c->raw, *out = c->block;
    size_t left = c->n_raw, room = sizeof c->block;
    if (iconv(c->encoding, &in, &left, &out, &room) == (size_t)-1 && errno != EINVAL)
        return err_set(err, ERR_SYNTAX, "Line %llu has a character that its encoding does not have",
                       (unsigned long long)c->lines + 1);
    memmove(c->raw, in, left); /* the beginning of a character */
    c->n_raw = left;
    c->in = c->block;
    c->n_in = (size_t)(out - c->block);
    return true;
}

/* False: there is no more. */
static bool fill(struct csv *c, struct err *err)
{
    if (!c->file || c->ended)
        return false;
    size_t got = fread(c->raw + c->n_raw, 1, sizeof c->raw - c->n_raw, c->file);
    c->ended = got == 0;
    c->n_raw += got;
    if (got == 0)
        return ferror(c->file) && err_set(err, ERR_INTERNAL, "The file could not be read to its end");
    if (c->converts)
        return convert(c, err) && (c->n_in > 0 || fill(c, err));
    c->in = c->raw;
    c->n_in = c->n_raw;
    c->n_raw = 0;
    if (!c->started && c->n_in >= 3 && memcmp(c->in, "\xef\xbb\xbf", 3) == 0) {
        c->in += 3;
        c->n_in -= 3;
    }
    c->started = true;
    return c->n_in > 0 || fill(c, err);
}

static int next(struct csv *c, struct err *err)
{
    if (c->n_in == 0 && !fill(c, err))
        return -1;
    c->n_in--;
    return (unsigned char)*c->in++;
}

static int peek(struct csv *c, struct err *err)
{
    return c->n_in == 0 && !fill(c, err) ? -1 : (unsigned char)*c->in;
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static bool add(struct csv *c, char byte, struct err *err)
{
    if (c->n_row == ROW_MAX)
        return err_set(err, ERR_TOO_LARGE, "The row of line %llu is too long: is a quote missing?",
                       (unsigned long long)c->line);
    if (c->n_row == c->cap_row)
        c->row = need(realloc(c->row, c->cap_row *= 2));
    c->row[c->n_row++] = byte;
    return true;
}

/* One row into c->row; *n fields. False: nothing more, or an error. */
static bool read_row(struct csv *c, size_t *n, struct err *err)
{
    bool quoted = false, any = false;
    int byte;
    c->n_row = 0;
    c->starts[0] = 0;
    *n = 0;
    c->line = c->lines + 1;
    while ((byte = next(c, err)) >= 0) {
        any = true;
        c->lines += byte == '\n';
        if (quoted && byte == '"' && peek(c, err) == '"') {
            next(c, err);
        } else if (c->quotes && byte == '"' && (quoted || c->n_row == c->starts[*n])) {
            quoted = !quoted;
            continue;
        } else if (!quoted && byte == '\n') {
            break;
        } else if (!quoted && byte == c->separator) {
            if (*n + 1 == FIELDS_MAX)
                return err_set(err, ERR_TOO_LARGE, "Line %llu has too many columns",
                               (unsigned long long)c->line);
            c->starts[++*n] = c->n_row;
            continue;
        } else if (!quoted && byte == '\r' && peek(c, err) == '\n') {
            continue;
        }
        if (!add(c, (char)byte, err))
            return false;
    }
    if (quoted)
        return err_set(err, ERR_SYNTAX, "A quote of line %llu is not closed", (unsigned long long)c->line);
    c->starts[++*n] = c->n_row;
    return any && !err->msg[0];
}

bool csv_next(struct csv *c, const struct str **fields, size_t *n, struct err *err)
{
    err->msg[0] = '\0';
    do
        if (!read_row(c, n, err))
            return false;
    while (c->n_row == 0 && *n == 1);
    for (size_t i = 0; i < *n; i++)
        c->fields[i] = (struct str){c->row + c->starts[i], c->starts[i + 1] - c->starts[i]};
    if (utf8_valid_prefix(c->row, c->n_row) < c->n_row || memchr(c->row, '\0', c->n_row))
        return err_set(err, ERR_SYNTAX, "Line %llu is not UTF-8: say its encoding in the mapping",
                       (unsigned long long)c->line);
    *fields = c->fields;
    return true;
}
