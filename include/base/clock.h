/* base/clock.h: the clocks, and the two text forms of an instant that HTTP and FHIR use. Thread safe. */
#ifndef KAGARI_BASE_CLOCK_H
#define KAGARI_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t clock_mono_us(void); /* never goes back; for durations and deadlines */
int64_t clock_wall_us(void); /* µs since 1970-01-01T00:00:00Z */

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7); out holds 30 bytes. */
void clock_http_date(int64_t wall_us, char out[30]);
bool clock_parse_http_date(struct str s, int64_t *wall_us);
/* "2021-01-10T08:00:00.123Z"; out holds 32 bytes. */
void clock_instant(int64_t wall_us, char out[32]);

/* Proleptic Gregorian calendar, days since 1970-01-01. */
int64_t clock_days(int64_t year, int month, int day);
void clock_civil(int64_t days, int64_t *year, int *month, int *day);

#endif
