#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return now(CLOCK_REALTIME);
}

/* Days from civil and back: eras of 400 years that start on 1 March, so that the leap day comes last. */
int64_t clock_days(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void clock_civil(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct parts {
    int64_t year, days;
    int month, day, hour, minute, second, ms;
};

static struct parts split(int64_t wall_us)
{
    struct parts p;
    int64_t ms = wall_us / 1000 - (wall_us % 1000 < 0);
    int64_t in_day = ms % 86400000;
    p.days = ms / 86400000;
    if (in_day < 0) {
        in_day += 86400000;
        p.days--;
    }
    clock_civil(p.days, &p.year, &p.month, &p.day);
    p.ms = (int)(in_day % 1000);
    p.second = (int)(in_day / 1000 % 60);
    p.minute = (int)(in_day / 60000 % 60);
    p.hour = (int)(in_day / 3600000);
    return p;
}

static void put_digits(char *out, int n, int v)
{
    for (; n > 0; v /= 10)
        out[--n] = (char)('0' + v % 10);
}

void clock_http_date(int64_t wall_us, char out[30])
{
    struct parts p = split(wall_us);
    int weekday = (int)(((p.days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    memcpy(out, "Day, 00 Mon 0000 00:00:00 GMT", 30);
    memcpy(out, weekdays[weekday], 3);
    put_digits(out + 5, 2, p.day);
    memcpy(out + 8, months[p.month - 1], 3);
    put_digits(out + 12, 4, (int)(p.year % 10000));
    put_digits(out + 17, 2, p.hour);
    put_digits(out + 20, 2, p.minute);
    put_digits(out + 23, 2, p.second);
}

bool clock_parse_http_date(struct str s, int64_t *wall_us)
{
    char text[64], month[4];
    int day, year, hour, minute, second, end = 0;
    if (s.len >= sizeof text)
        return false;
    memcpy(text, s.s, s.len);
    text[s.len] = '\0';
    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour, &minute, &second,
               &end) != 6 ||
        end != (int)s.len || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    for (int m = 0; m < 12; m++) {
        if (strcmp(month, months[m]) == 0) {
            *wall_us = ((clock_days(year, m + 1, day) * 24 + hour) * 60 + minute) * 60000000 +
                       second * INT64_C(1000000);
            return true;
        }
    }
    return false;
}

void clock_instant(int64_t wall_us, char out[32])
{
    struct parts p = split(wall_us);
    memcpy(out, "0000-00-00T00:00:00.000Z", 25);
    put_digits(out, 4, (int)(p.year % 10000));
    put_digits(out + 5, 2, p.month);
    put_digits(out + 8, 2, p.day);
    put_digits(out + 11, 2, p.hour);
    put_digits(out + 14, 2, p.minute);
    put_digits(out + 17, 2, p.second);
    put_digits(out + 20, 3, p.ms);
}
