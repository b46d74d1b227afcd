#include "../../../src/terminology/csv.h"

#include <stdio.h>
#include <unistd.h>

#include "support/test.h"

/* Rows as "a|b;c|d", fields quoted where they are empty; an error as its text. */
static const char *rows(struct arena *a, const char *text, char separator, bool quotes)
{
    struct csv *c = csv_from(str_of(text), separator, quotes);
    struct buf out;
    const struct str *fields;
    struct err err;
    size_t n;
    buf_init(&out, a, 64);
    while (csv_next(c, &fields, &n, &err)) {
        for (size_t i = 0; i < n; i++)
            buf_addf(&out, "%s%.*s", i ? "|" : "", STR_FMT(fields[i]));
        buf_addc(&out, ';');
    }
    if (err.msg[0])
        buf_addf(&out, "error: %s", err.msg);
    csv_close(c);
    return out.s;
}

START_TEST(test_rows)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_str_eq(rows(&a, "a,b\nc,d\n", ',', true), "a|b;c|d;");
    ck_assert_str_eq(rows(&a, "a,b\r\n\r\n\nc,d", ',', true), "a|b;c|d;");
    ck_assert_str_eq(rows(&a, ",,\n", ',', true), "||;");
    ck_assert_str_eq(rows(&a, "\"a,\"\"b\"\"\nc\",d\n", ',', true), "a,\"b\"\nc|d;");
    ck_assert_str_eq(rows(&a, "say \"x\",\"\"\n", ',', true), "say \"x\"|;");
    ck_assert_str_eq(rows(&a, "\"a\tb\n", '\t', false), "\"a|b;");
    ck_assert_str_eq(rows(&a, "犬;猫\n", ';', true), "犬|猫;");
    ck_assert_str_eq(rows(&a, "", ',', true), "");
    ck_assert(strstr(rows(&a, "a\n\"b", ',', true), "error: A quote of line 2 is not closed"));
    ck_assert(strstr(rows(&a, "a\n\xff", ',', true), "error: Line 2 is not UTF-8"));
    arena_release(&a);
}
END_TEST

START_TEST(test_files)
{
    char path[] = "/tmp/kagari-csv-XXXXXX";
    static const char text[] = "\x8c\xa2,\x94\x4c\n"; /* 犬,猫 in Shift_JIS */
    const struct str *fields;
    struct err err;
    struct csv *c;
    size_t n;
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    for (int i = 0; i < 50000; i++) /* characters that are cut by the ends of blocks */
        ck_assert_int_gt(fputs(text, f), 0);
    fclose(f);
    ck_ok(csv_open(path, "SHIFT_JIS", ',', true, &c, &err));
    for (int i = 1; i <= 50000; i++) {
        ck_ok(csv_next(c, &fields, &n, &err));
        ck_assert(n == 2 && str_is(fields[0], "犬") && str_is(fields[1], "猫"));
        ck_assert_uint_eq(csv_line(c), i);
    }
    ck_assert(!csv_next(c, &fields, &n, &err) && !err.msg[0]);
    csv_close(c);
    ck_assert(!csv_open(path, "NO-SUCH", ',', true, &c, &err));
    ck_assert_int_eq(err.kind, ERR_INVALID);
    f = fopen(path, "w");
    ck_assert_int_gt(fputs("\xef\xbb\xbfx\n", f), 0);
    fclose(f);
    ck_ok(csv_open(path, NULL, ',', true, &c, &err));
    ck_ok(csv_next(c, &fields, &n, &err));
    ck_str_eq(fields[0], "x");
    csv_close(c);
    unlink(path);
    ck_assert(!csv_open(path, NULL, ',', true, &c, &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
}
END_TEST

Suite *suite_terminology_csv(void)
{
    Suite *s = suite_create("terminology_csv");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_rows);
    tcase_add_test(t, test_files);
    suite_add_tcase(s, t);
    return s;
}
