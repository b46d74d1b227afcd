#include "fhir/primitive.h"

#include "base/utf8.h"
#include "fhir/datetime.h"

#define STRING_MAX   (1024 * 1024) /* characters */
#define EXPONENT_MAX 10000         /* as decimal_parse() takes it */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static const char *skip_digits(const char *s)
{
    while (is_digit(*s))
        s++;
    return s;
}

/* ---- strings ------------------------------------------------------------------------------------------- */

bool fhir_id_valid(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alpha(s.s[i]) && !is_digit(s.s[i]) && s.s[i] != '-' && s.s[i] != '.')
            return false;
    return s.len >= 1 && s.len <= 64;
}

static bool id(struct str s)
{
    return fhir_id_valid(s);
}

static bool any(struct str s)
{
    (void)s;
    return true;
}

static bool string(struct str s)
{
    return s.len <= STRING_MAX || utf8_length(s) <= STRING_MAX;
}

static bool uri(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_space(s.s[i]))
            return false;
    return true;
}

/* Blanks only within, and only one at a time. */
static bool code(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_space(s.s[i]) && (i == 0 || i + 1 == s.len || is_space(s.s[i + 1])))
            return false;
    return true;
}

static bool base64(struct str s)
{
    size_t n = 0, padding = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.s[i];
        if (is_space(c))
            continue;
        if (c == '=')
            padding++;
        else if (padding || (!is_alpha(c) && !is_digit(c) && c != '+' && c != '/'))
            return false;
        n++;
    }
    return n > 0 && n % 4 == 0 && padding <= 2;
}

static bool oid(struct str s)
{
    if (!str_starts(s, STR("urn:oid:")) || s.len < 9 || s.s[8] < '0' || s.s[8] > '2')
        return false;
    const char *at = s.s + 9;
    while (*at == '.') {
        const char *arc = at + 1;
        at = skip_digits(arc);
        if (at == arc || (*arc == '0' && at - arc > 1))
            return false;
    }
    return at == s.s + s.len && s.len > 9;
}

static bool uuid(struct str s)
{
    static const char form[] = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (s.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (form[i] == 'x' ? !is_hex(s.s[i]) : s.s[i] != form[i])
            return false;
    return true;
}

static bool date(struct str s)
{
    struct fhir_datetime d;
    return fhir_datetime_parse(s, &d) && d.precision <= FHIR_DAY;
}

static bool instant(struct str s)
{
    struct fhir_datetime d;
    return fhir_datetime_parse(s, &d) && d.precision >= FHIR_SECOND && d.has_zone;
}

static bool date_time(struct str s)
{
    return date(s) || instant(s);
}

static bool time_of_day(struct str s)
{
    struct fhir_datetime d;
    return fhir_time_parse(s, &d) && d.precision >= FHIR_SECOND;
}

/* ---- numbers: their literals, which are those of JSON's grammar ---------------------------------------- */

static bool between(struct str s, int64_t lo, int64_t hi)
{
    int64_t n;
    return str_int64(s, &n) && n >= lo && n <= hi && !str_is(s, "-0");
}

static bool integer(struct str s)
{
    return between(s, INT32_MIN, INT32_MAX);
}
static bool unsigned_int(struct str s)
{
    return between(s, 0, INT32_MAX);
}
static bool positive_int(struct str s)
{
    return between(s, 1, INT32_MAX);
}

static bool decimal(struct str s)
{
    size_t i = 0;
    int64_t exponent;
    while (i < s.len && (s.s[i] | 32) != 'e')
        i++;
    if (i == s.len)
        return true;
    struct str text = {s.s + i + 1, s.len - i - 1};
    if (*text.s == '+')
        text = (struct str){text.s + 1, text.len - 1};
    return str_int64(text, &exponent) && exponent >= -EXPONENT_MAX && exponent <= EXPONENT_MAX;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

static const struct {
    bool (*valid)(struct str text);
    const char *message;
} rules[] = {
    [FHIR_P_base64Binary] =
        {base64, "is not base64: A-Z, a-z, 0-9, + and / in groups of four, the last filled up with ="},
    [FHIR_P_boolean] = {any, ""},
    [FHIR_P_canonical] = {uri, "a canonical is a URL without white space"},
    [FHIR_P_code] = {code, "a code has no white space at its ends and at most one blank in a row within"},
    [FHIR_P_date] = {date, "a date is YYYY, YYYY-MM or YYYY-MM-DD and exists in the calendar"},
    [FHIR_P_dateTime] = {date_time,
                         "a dateTime is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a zone (Z or "
                         "+hh:mm), and exists in the calendar"},
    [FHIR_P_decimal] = {decimal, "the exponent of a decimal is between -10000 and 10000"},
    [FHIR_P_id] = {id, "an id has 1 to 64 characters out of A-Z, a-z, 0-9, - and ."},
    [FHIR_P_instant] =
        {instant, "an instant is YYYY-MM-DDThh:mm:ss with a zone (Z or +hh:mm), and exists in the calendar"},
    [FHIR_P_integer] =
        {integer,
         "an integer is a whole number between -2147483648 and 2147483647, without point or exponent"},
    [FHIR_P_markdown] = {string, "a markdown text has at most 1048576 characters"},
    [FHIR_P_oid] = {oid, "an oid is urn:oid: and numbers divided by points, the first of them 0, 1 or 2"},
    [FHIR_P_positiveInt] = {positive_int,
                            "a positiveInt is a whole number between 1 and 2147483647, without point or "
                            "exponent"},
    [FHIR_P_string] = {string, "a string has at most 1048576 characters"},
    [FHIR_P_time] = {time_of_day, "a time is hh:mm:ss, without a zone"},
    [FHIR_P_unsignedInt] = {unsigned_int,
                            "an unsignedInt is a whole number between 0 and 2147483647, without point or "
                            "exponent"},
    [FHIR_P_uri] = {uri, "a uri has no white space"},
    [FHIR_P_url] = {uri, "a url has no white space"},
    [FHIR_P_uuid] = {uuid, "a uuid is urn:uuid: and 32 hexadecimal digits in lower case, grouped 8-4-4-4-12"},
    [FHIR_P_xhtml] = {any, ""},
};

const char *fhir_primitive_check(const struct fhir_type *t, const json *node)
{
    switch (t->json) {
    case FHIR_JSON_BOOL:
        if (!json_is_bool(node))
            return "is to be true or false, without quotes";
        return NULL;
    case FHIR_JSON_NUMBER:
        if (!json_is_number(node))
            return "is to be a number, without quotes";
        break;
    case FHIR_JSON_STRING:
        if (!json_is_string(node))
            return "is to be a string, in quotes";
        if (!*node->valuestring)
            return "is empty; leave the element out when there is no value";
        break;
    }
    return rules[t->primitive].valid(str_of(node->valuestring)) ? NULL : rules[t->primitive].message;
}
