/*
 * Code systems that are too large, or licensed, to be here always, but whose codes have a form: what cannot be one of
 * their codes is known without them. LOINC: a number, a hyphen, a check digit (modulus 10), or a part, list, answer or
 * group. SNOMED CT: 6 to 18 digits, the last by Verhoeff's rule, or an expression that begins with one. Languages and
 * media types: by their grammar.
 */
#include <ctype.h>

#include "internal.h"

static size_t digits(struct str s)
{
    size_t n = 0;
    while (n < s.len && s.s[n] >= '0' && s.s[n] <= '9')
        n++;
    return n;
}

static int modulus10(struct str number)
{
    int sum = 0;
    for (size_t i = 0; i < number.len; i++) {
        int digit = number.s[number.len - 1 - i] - '0';
        digit *= i % 2 == 0 ? 2 : 1;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return (10 - sum % 10) % 10;
}

static bool is_loinc(struct str code)
{
    static const char *const prefixes[] = {"LP", "LA", "LL", "LG", "MTHU"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts(code, str_of(prefixes[i])))
            return true;
    size_t n = digits(code);
    return n > 0 && n < 9 && code.len == n + 2 && code.s[n] == '-' &&
           modulus10((struct str){code.s, n}) == code.s[n + 1] - '0';
}

/* The check digit is that of the dihedral group D5: its multiplication, and the permutation of the i-th digit. */
static int verhoeff(struct str number)
{
    static const char permuted[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527",
                                         "9453126870", "4286573901", "2793806415", "7046913258"};
    int sum = 0;
    for (size_t i = 0; i < number.len; i++) {
        int digit = permuted[i % 8][number.s[number.len - 1 - i] - '0'] - '0';
        if (sum < 5)
            sum = digit < 5 ? (sum + digit) % 5 : 5 + (sum + digit) % 5;
        else
            sum = digit < 5 ? 5 + (sum - digit) % 5 : (sum - digit + 5) % 5;
    }
    return sum;
}

static bool is_snomed(struct str code)
{
    size_t n = digits(code);
    bool expression = n < code.len && strchr(":+|,={}() ", code.s[n]);
    /* before the check digit: 00 or 10, which are concepts' */
    return n >= 6 && n <= 18 && code.s[0] != '0' && code.s[n - 2] == '0' &&
           (code.s[n - 3] == '0' || code.s[n - 3] == '1') && (n == code.len || expression) &&
           verhoeff((struct str){code.s, n}) == 0;
}

/* Subtags of one to eight letters or digits; the first of letters (bcp47). */
static bool is_language(struct str code)
{
    struct str rest = code, tag = str_cut(rest, '-', &rest);
    for (size_t i = 0; i < tag.len; i++)
        if (!isalpha((unsigned char)tag.s[i]))
            return false;
    for (; tag.len >= 1 && tag.len <= 8; tag = str_cut(rest, '-', &rest)) {
        for (size_t i = 0; i < tag.len; i++)
            if (!isalnum((unsigned char)tag.s[i]))
                return false;
        if (!rest.s)
            return true;
    }
    return false;
}

enum terminology_answer terminology__by_form(struct str system, struct str code)
{
    static const struct {
        const char *system;
        bool (*is)(struct str code);
    } forms[] = {{"http://loinc.org", is_loinc},
                 {"http://snomed.info/sct", is_snomed},
                 {"urn:ietf:bcp:47", is_language}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (str_is(system, forms[i].system) && !forms[i].is(code))
            return TERMINOLOGY_NO;
    return TERMINOLOGY_UNKNOWN;
}
