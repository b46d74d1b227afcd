/*
 * src/fhirpath/functions.h: every function of the language: one line here and one implementation, fp__fn_<C name>,
 * in fn_*.c.
 *
 * L: the result is a list; T: it is one Boolean or empty. Columns: C name, name, arguments at least and at most, what
 * the input must be, what the compiler knows of the result, flags, how many items of the input suffice.
 */
#ifndef KAGARI_FHIRPATH_FUNCTIONS_H
#define KAGARI_FHIRPATH_FUNCTIONS_H

#include "internal.h"

/* clang-format off */
#define FP__FUNCTIONS(L, T) \
    /* existence */ \
    T(empty,           "empty",              0, 0, ANY,       BOOLEAN,   PLAIN,    1) \
    T(exists,          "exists",             0, 0, ANY,       BOOLEAN,   PLAIN,    1) \
    T(exists_where,    "exists",             1, 1, ANY,       BOOLEAN,   EACH,     0) \
    T(all,             "all",                1, 1, ANY,       BOOLEAN,   EACH,     0) \
    T(all_true,        "allTrue",            0, 0, ANY,       BOOLEAN,   PLAIN,    0) \
    T(any_true,        "anyTrue",            0, 0, ANY,       BOOLEAN,   PLAIN,    0) \
    T(all_false,       "allFalse",           0, 0, ANY,       BOOLEAN,   PLAIN,    0) \
    T(any_false,       "anyFalse",           0, 0, ANY,       BOOLEAN,   PLAIN,    0) \
    T(not,             "not",                0, 0, ANY,       BOOLEAN,   PLAIN,    2) \
    T(subset_of,       "subsetOf",           1, 1, ANY,       BOOLEAN,   PLAIN,    0) \
    T(superset_of,     "supersetOf",         1, 1, ANY,       BOOLEAN,   PLAIN,    0) \
    L(count,           "count",              0, 0, ANY,       INTEGER,   PLAIN,    0) \
    L(distinct,        "distinct",           0, 0, ANY,       INPUT,     PLAIN,    0) \
    T(is_distinct,     "isDistinct",         0, 0, ANY,       BOOLEAN,   PLAIN,    0) \
    /* filtering and projection */ \
    L(where,           "where",              1, 1, ANY,       INPUT,     EACH,     0) \
    L(select,          "select",             1, 1, ANY,       ARG,       EACH,     0) \
    L(repeat,          "repeat",             1, 1, ANY,       UNORDERED, EACH,     0) \
    L(repeat_all,      "repeatAll",          1, 1, ANY,       UNORDERED, EACH,     0) \
    L(of_type,         "ofType",             1, 1, ANY,       TYPE,      TYPE,     0) \
    L(sort,            "sort",               0, 9, ANY,       INPUT,     EACH,     0) \
    L(coalesce,        "coalesce",           1, 99, ANY,       ANY,       PLAIN,    1) \
    /* subsetting */ \
    L(first,           "first",              0, 0, ANY,       INPUT,     IN_ORDER, 1) \
    L(last,            "last",               0, 0, ANY,       INPUT,     IN_ORDER, 0) \
    L(tail,            "tail",               0, 0, ANY,       INPUT,     IN_ORDER, 0) \
    L(single,          "single",             0, 0, ANY,       INPUT,     PLAIN,    2) \
    L(skip,            "skip",               1, 1, ANY,       INPUT,     IN_ORDER, 0) \
    L(take,            "take",               1, 1, ANY,       INPUT,     IN_ORDER, 0) \
    /* combining */ \
    L(intersect,       "intersect",          1, 1, ANY,       INPUT,     PLAIN,    0) \
    L(exclude,         "exclude",            1, 1, ANY,       INPUT,     PLAIN,    0) \
    L(union,           "union",              1, 1, ANY,       BOTH,      PLAIN,    0) \
    L(combine,         "combine",            1, 2, ANY,       BOTH,      PLAIN,    0) \
    /* aggregates */ \
    L(aggregate,       "aggregate",          1, 2, ANY,       ANY,       EACH,     0) \
    L(sum,             "sum",                0, 0, ANY,       INPUT,     PLAIN,    0) \
    L(avg,             "avg",                0, 0, ANY,       ANY,       PLAIN,    0) \
    L(min,             "min",                0, 0, ANY,       INPUT,     PLAIN,    0) \
    L(max,             "max",                0, 0, ANY,       INPUT,     PLAIN,    0) \
    /* conversion */ \
    L(iif,             "iif",                2, 3, ANY,       ANY,       ON_INPUT, 2) \
    L(to_boolean,      "toBoolean",          0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    L(to_integer,      "toInteger",          0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(to_decimal,      "toDecimal",          0, 0, VALUE,     DECIMAL,   PLAIN,    2) \
    L(to_string,       "toString",           0, 0, VALUE,     STRING,    PLAIN,    2) \
    L(to_date,         "toDate",             0, 0, VALUE,     DATE,      PLAIN,    2) \
    L(to_datetime,     "toDateTime",         0, 0, VALUE,     DATETIME,  PLAIN,    2) \
    L(to_time,         "toTime",             0, 0, VALUE,     TIME,      PLAIN,    2) \
    L(to_quantity,     "toQuantity",         0, 1, VALUE,     QUANTITY,  PLAIN,    2) \
    T(is_boolean,      "convertsToBoolean",  0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_integer,      "convertsToInteger",  0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_decimal,      "convertsToDecimal",  0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_string,       "convertsToString",   0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_date,         "convertsToDate",     0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_datetime,     "convertsToDateTime", 0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_time,         "convertsToTime",     0, 0, VALUE,     BOOLEAN,   PLAIN,    2) \
    T(is_quantity,     "convertsToQuantity", 0, 1, VALUE,     BOOLEAN,   PLAIN,    2) \
    /* strings */ \
    L(index_of,        "indexOf",            1, 1, STRING_IN, INTEGER,   PLAIN,    2) \
    L(last_index_of,   "lastIndexOf",        1, 1, STRING_IN, INTEGER,   PLAIN,    2) \
    L(substring,       "substring",          1, 2, STRING_IN, STRING,    PLAIN,    2) \
    T(starts_with,     "startsWith",         1, 1, STRING_IN, BOOLEAN,   PLAIN,    2) \
    T(ends_with,       "endsWith",           1, 1, STRING_IN, BOOLEAN,   PLAIN,    2) \
    T(contains,        "contains",           1, 1, STRING_IN, BOOLEAN,   PLAIN,    2) \
    L(upper,           "upper",              0, 0, STRING_IN, STRING,    PLAIN,    2) \
    L(lower,           "lower",              0, 0, STRING_IN, STRING,    PLAIN,    2) \
    L(replace,         "replace",            2, 2, STRING_IN, STRING,    PLAIN,    2) \
    T(matches,         "matches",            1, 2, STRING_IN, BOOLEAN,   REGEX,    2) \
    T(matches_full,    "matchesFull",        1, 2, STRING_IN, BOOLEAN,   REGEX,    2) \
    L(replace_matches, "replaceMatches",     2, 3, STRING_IN, STRING,    REGEX,    2) \
    L(length,          "length",             0, 0, STRING_IN, INTEGER,   PLAIN,    2) \
    L(to_chars,        "toChars",            0, 0, STRING_IN, STRING,    PLAIN,    2) \
    L(encode,          "encode",             1, 1, STRING_IN, STRING,    PLAIN,    2) \
    L(decode,          "decode",             1, 1, STRING_IN, STRING,    PLAIN,    2) \
    L(escape,          "escape",             1, 1, STRING_IN, STRING,    PLAIN,    2) \
    L(unescape,        "unescape",           1, 1, STRING_IN, STRING,    PLAIN,    2) \
    L(trim,            "trim",               0, 0, STRING_IN, STRING,    PLAIN,    2) \
    L(split,           "split",              1, 1, STRING_IN, STRING,    PLAIN,    2) \
    L(join,            "join",               0, 1, ANY,       STRING,    PLAIN,    0) \
    /* mathematics */ \
    L(abs,             "abs",                0, 0, NUMBER_IN, INPUT,     PLAIN,    2) \
    L(ceiling,         "ceiling",            0, 0, NUMBER_IN, ANY,       PLAIN,    2) \
    L(floor,           "floor",              0, 0, NUMBER_IN, ANY,       PLAIN,    2) \
    L(truncate,        "truncate",           0, 0, NUMBER_IN, ANY,       PLAIN,    2) \
    L(round,           "round",              0, 1, NUMBER_IN, ANY,       PLAIN,    2) \
    L(exp,             "exp",                0, 0, NUMBER_IN, DECIMAL,   PLAIN,    2) \
    L(ln,              "ln",                 0, 0, NUMBER_IN, DECIMAL,   PLAIN,    2) \
    L(log,             "log",                1, 1, NUMBER_IN, DECIMAL,   PLAIN,    2) \
    L(power,           "power",              1, 1, NUMBER_IN, ANY,       PLAIN,    2) \
    L(sqrt,            "sqrt",               0, 0, NUMBER_IN, DECIMAL,   PLAIN,    2) \
    /* dates and times */ \
    L(now,             "now",                0, 0, ANY,       DATETIME,  PLAIN,    1) \
    L(today,           "today",              0, 0, ANY,       DATE,      PLAIN,    1) \
    L(time_of_day,     "timeOfDay",          0, 0, ANY,       TIME,      PLAIN,    1) \
    L(year_of,         "yearOf",             0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(month_of,        "monthOf",            0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(day_of,          "dayOf",              0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(hour_of,         "hourOf",             0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(minute_of,       "minuteOf",           0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(second_of,       "secondOf",           0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(millisecond_of,  "millisecondOf",      0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    L(zone_of,         "timezoneOffsetOf",   0, 0, VALUE,     DECIMAL,   PLAIN,    2) \
    L(date_of,         "dateOf",             0, 0, VALUE,     DATE,      PLAIN,    2) \
    L(time_of,         "timeOf",             0, 0, VALUE,     TIME,      PLAIN,    2) \
    L(duration,        "duration",           2, 2, VALUE,     INTEGER,   PLAIN,    2) \
    L(difference,      "difference",         2, 2, VALUE,     INTEGER,   PLAIN,    2) \
    L(low_boundary,    "lowBoundary",        0, 1, VALUE,     INPUT,     PLAIN,    2) \
    L(high_boundary,   "highBoundary",       0, 1, VALUE,     INPUT,     PLAIN,    2) \
    L(precision,       "precision",          0, 0, VALUE,     INTEGER,   PLAIN,    2) \
    /* quantities */ \
    T(comparable,      "comparable",         1, 1, VALUE,     BOOLEAN,   PLAIN,    2) \
    /* types */ \
    T(is,              "is",                 1, 1, ANY,       BOOLEAN,   TYPE,     2) \
    L(as,              "as",                 1, 1, ANY,       TYPE,      TYPE,     0) \
    L(type,            "type",               0, 0, ANY,       ANY,       PLAIN,    0) \
    /* tree and utilities */ \
    L(children,        "children",           0, 0, ANY,       UNORDERED, PLAIN,    0) \
    L(descendants,     "descendants",        0, 0, ANY,       UNORDERED, PLAIN,    0) \
    L(trace,           "trace",              1, 2, ANY,       INPUT,     EACH,     0) \
    L(define_variable, "defineVariable",     1, 2, ANY,       INPUT,     PLAIN,    0) \
    L(pathname,        "pathname",           0, 1, ANY,       STRING,    PLAIN,    0) \
    /* FHIR's own */ \
    L(extension,       "extension",          1, 1, ANY,       EXTENSION, PLAIN,    0) \
    T(has_extension,   "hasExtension",       1, 1, ANY,       BOOLEAN,   PLAIN,    0) \
    L(check_modifiers, "checkModifiers",     0, 99, ANY,      INPUT,     PLAIN,    0) \
    T(has_value,       "hasValue",           0, 0, ANY,       BOOLEAN,   PLAIN,    2) \
    L(get_value,       "getValue",           0, 0, ANY,       ANY,       PLAIN,    2) \
    L(resolve,         "resolve",            0, 0, ANY,       ANY,       PLAIN,    0) \
    T(member_of,       "memberOf",           1, 1, ONE,       BOOLEAN,   PLAIN,    2) \
    T(subsumes,        "subsumes",           1, 1, ONE,       BOOLEAN,   PLAIN,    2) \
    T(subsumed_by,     "subsumedBy",         1, 1, ONE,       BOOLEAN,   PLAIN,    2) \
    T(conforms_to,     "conformsTo",         1, 1, ONE,       BOOLEAN,   PLAIN,    2) \
    T(html_checks,     "htmlChecks",         0, 0, ONE,       BOOLEAN,   PLAIN,    2)
/* clang-format on */

#define L(c_name, ...) bool fp__fn_##c_name(struct fp__call *c, struct fp_list *out) NODISCARD;
#define T(c_name, ...) bool fp__fn_##c_name(struct fp__call *c, enum fp__tri *out) NODISCARD;
FP__FUNCTIONS(L, T)
#undef L
#undef T

/* `resolve() is T` in one; the input is the reference. */
bool fp__fn_resolves_to(struct fp__call *c, enum fp__tri *out) NODISCARD;

#endif
