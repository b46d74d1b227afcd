/*
 * fhir/datetime.h: date, dateTime, instant and time with their precision (datatypes.html#date …).
 *
 * A value without zone is a local one; FHIRPath compares such values only with each other, search reads them
 * in the institution's zone (given as minutes east of UTC).
 */
#ifndef KAGARI_FHIR_DATETIME_H
#define KAGARI_FHIR_DATETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum fhir_precision {
    FHIR_YEAR = 1,
    FHIR_MONTH,
    FHIR_DAY,
    FHIR_HOUR,
    FHIR_MINUTE,
    FHIR_SECOND,
    FHIR_FRACTION
};

struct fhir_datetime {
    int16_t year; /* 1 … 9999 */
    int8_t month, day, hour, minute,
        second;             /* beyond the precision: 1, 1, 0, 0, 0; second 60 is a leap second */
    int32_t micros;         /* of the second; digits beyond are dropped */
    int8_t fraction_digits; /* in the text */
    enum fhir_precision precision;
    bool has_zone;
    int16_t zone; /* minutes east of UTC */
};

/* Accepts date and dateTime, and the shorter forms that search allows (minutes without seconds). False when
 * the text is no such thing or not in the calendar. */
bool fhir_datetime_parse(struct str s, struct fhir_datetime *out);
/* hh:mm, hh:mm:ss or hh:mm:ss.fff, on 1970-01-01. */
bool fhir_time_parse(struct str s, struct fhir_datetime *out);

/* The instants it covers, [lo, hi] in µs since 1970 UTC, hi inclusive: 2021 is the whole year. */
void fhir_datetime_range(const struct fhir_datetime *d, int default_zone, int64_t *lo, int64_t *hi);

#endif
