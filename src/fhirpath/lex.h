/*
 * src/fhirpath/lex.h: FHIRPath text → tokens, one at a time. Private to lex.c and parse.c.
 *
 * Literals arrive ready: strings and delimited identifiers unescaped, dates checked against the calendar.
 */
#ifndef KAGARI_FHIRPATH_LEX_H
#define KAGARI_FHIRPATH_LEX_H

#include "fhirpath/fhirpath.h"

enum fp__token_kind {
    FP__END,
    FP__NAME, /* identifier or keyword; delimited: in backticks, never a keyword */
    FP__STRING,
    FP__NUMBER, /* text as written; "." in it makes it a Decimal */
    FP__DATE,   /* the moment in .date; kind says Date, DateTime or Time */
    FP__DOLLAR, /* $this, $index, $total: the name without the dollar */
    FP__SYMBOL, /* the one or two characters in .text */
};

struct fp__token {
    enum fp__token_kind kind;
    struct str text;
    bool delimited;
    enum fp_kind date_kind;
    struct fhir_datetime date;
    int line, column;
};

struct fp__lexer {
    struct arena *a;
    const char *p, *end, *line_start;
    int line;
};

void fp__lex_init(struct fp__lexer *lx, struct arena *a, struct str text);
bool fp__lex_next(struct fp__lexer *lx, struct fp__token *out, struct err *err) NODISCARD;

/* "2014-01-05T10:30:00.000+09:00", "2014T", "2014": every form of a FHIRPath Date or DateTime literal without its
 * @, hours alone included. *used gets how much of s it is; false when s does not begin with one, or it is not in
 * the calendar. *with_time: there was a T. */
bool fp__read_datetime(struct str s, struct fhir_datetime *out, bool *with_time, size_t *used);
/* "10:30:00.000", without the T. */
bool fp__read_time(struct str s, struct fhir_datetime *out, size_t *used);

#endif
