#include "fhir/xhtml.h"
#include "support/test.h"

#define DIV(content) "<div xmlns=\"http://www.w3.org/1999/xhtml\">" content "</div>"

/* The problems as letters, in the order of the enum: M R E A L C; lower case never. */
static const char *problems(const char *div)
{
    static char out[FHIR_XHTML__N + 1];
    struct fhir_xhtml_finding found[FHIR_XHTML__N];
    int n = fhir_xhtml_check(str_of(div), found);
    size_t len = 0;
    for (int p = 0; p < FHIR_XHTML__N; p++)
        for (int i = 0; i < n; i++)
            if ((int)found[i].problem == p)
                out[len++] = "MREALC"[p];
    out[len] = '\0';
    return out;
}

static const struct {
    const char *div, *problems;
} table[] = {
    {DIV("a"), ""},
    {"  " DIV("a") "\n", ""},
    {"<x:div xmlns:x=\"http://www.w3.org/1999/xhtml\">a<x:p/></x:div>", ""},
    {DIV("<![CDATA[a]]>"), ""},
    {DIV("&#x3042;"), ""},
    {"", "C"},
    {"a", "M"},
    {"<?xml version=\"1.0\"?>" DIV("a"), "M"},
    {"<!DOCTYPE div>" DIV("a"), "M"},
    {DIV("<p>"), "M"},
    {DIV("&a;"), "M"},
    {DIV("<p id=\"1\" id=\"2\">a</p>"), "M"},
    {DIV("<x:p>a</x:p>"), "M"},
    {DIV("a") "b", "M"},
    {"<div>a</div>", "R"},
    {"<span xmlns=\"http://www.w3.org/1999/xhtml\">a</span>", "R"},
    {DIV("<script/>a"), "E"},
    {DIV("<style>p {}</style>"), "E"},
    {DIV("<P>a</P>"), "E"},
    {DIV("<svg xmlns=\"http://www.w3.org/2000/svg\">a</svg>"), "E"},
    {DIV("<?php echo ?>a"), "E"},
    {DIV("<p xml:space=\"preserve\" xml:lang=\"ja\">a</p>"), ""},
    {DIV("<p space=\"preserve\">a</p>"), "A"},
    {DIV("<p xml:base=\"http://example.org\">a</p>"), "A"},
    {DIV("<p onmouseover=\"x\">a</p>"), "A"},
    {DIV("<p xmlns:x=\"http://example.org\" x:href=\"y\">a</p>"), "A"},
    {DIV("<a href=\"#x\">a</a><a href=\"b/c?d:e\">a</a><a href=\"mailto:x@example.org\">b</a>"), ""},
    {DIV("<a href=\"JavaScript:x\">a</a>"), "L"},
    {DIV("<a href=\" javascript:x\">a</a>"), "L"},
    {DIV("<a href=\"java&#9;script:x\">a</a>"), "L"},
    {DIV("<a href=\"vbscript:x\">a</a>"), "L"},
    {DIV("<a href=\"data:text/html,x\">a</a>"), "L"},
    {DIV("<img src=\"data:text/html,x\"/>"), "L"},
    {DIV("<img src=\"data:image/gif;base64,R0lG\"/>"), ""},
    {DIV("<img src=\"data: image/gif;base64,R0lG\"/>"), ""},
    {DIV("<a href=\"data:image/svg+xml,x\">a</a>"), "L"},
    {DIV("<p style=\"width: expression(x)\">a</p>"), "L"},
    {DIV("<p style=\"background: URL(http://example.org/x)\">a</p>"), "L"},
    {DIV("<p style=\"background: u\\72l(x)\">a</p>"), "L"},
    {DIV("<p style=\"background: url(data: image/png;base64,AA) repeat\">a</p>"), ""},
    {DIV("<p style=\"background: url('data:image/png;base64,AA') url(b)\">a</p>"), "L"},
    {DIV("<p style=\"background: url(\">a</p>"), "L"},
    {DIV("<p style=\"text-align: right; color: #fff\">a</p>"), ""},
    {DIV(" \t\r\n"), "C"},
    {DIV("<br/>"), "C"},
    {DIV("<form onsubmit=\"x\"/>"), "EAC"},
};

START_TEST(test_table)
{
    ck_assert_msg(strcmp(problems(table[_i].div), table[_i].problems) == 0, "%s: %s, not %s", table[_i].div,
                  problems(table[_i].div), table[_i].problems);
}
END_TEST

START_TEST(test_names)
{
    struct fhir_xhtml_finding found[FHIR_XHTML__N];
    ck_assert_int_eq(fhir_xhtml_check(STR(DIV("a<blink/><marquee/>")), found), 1);
    ck_assert_str_eq(found[0].name, "blink");
    ck_assert_int_eq(fhir_xhtml_check(STR(DIV("a<山田/>")), found), 1);
    ck_assert_str_eq(found[0].name, "");
    ck_assert_int_eq(
        fhir_xhtml_check(STR(DIV("a<abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz/>")), found), 1);
    ck_assert_str_eq(found[0].name, "abcdefghijklmnopqrstuvwxyzabcde");
}
END_TEST

/* Marks as a letter and a value: H S I L. */
static const char *marks(struct arena *a, const struct fhir_xhtml *x)
{
    struct buf b;
    buf_init(&b, a, 64);
    for (size_t i = 0; i < x->n_marks; i++)
        buf_addf(&b, "%c[%s]", "HSIL"[x->marks[i].mark], x -> marks[i].value);
    return b.s;
}

START_TEST(test_marks)
{
    struct arena a;
    struct fhir_xhtml x;
    arena_init(&a, 0);
    fhir_xhtml_read(
        &a,
        STR(DIV("<a href=\"#x\">a</a><img src=\"#y-1\"/><a name=\"n\" href=\"\">b</a>"
                "<p id=\"z\" lang=\"fr\" cite=\"q\"/><div lang='ja'><div lang='en'>a</div></div>")),
        &x);
    ck_assert_int_eq(x.n_found, 0);
    ck_assert_str_eq(marks(&a, &x), "H[#x]S[#y-1]I[n]H[]I[z]L[ja]");
    ck_assert_int_eq(x.unsourced, 5);
    /* no room is lost to what grows in libxml2 */
    fhir_xhtml_read(&a, STR(DIV("<p id='&lt;&lt;&lt;&lt;'>a</p><p id='b'/>")), &x);
    ck_assert_uint_eq(x.n_marks, 2);
    ck_assert_str_eq(x.marks[1].value, "b");
    arena_release(&a);
}
END_TEST

START_TEST(test_each_is_found)
{
    struct arena a;
    struct fhir_xhtml x;
    arena_init(&a, 0);
    fhir_xhtml_read(
        &a, STR(DIV("x<blink/><p class='generated' onclick='y'>z</p><marquee class='a original'/>")), &x);
    ck_assert_int_eq(x.n_found, 3);
    ck_assert_str_eq(x.found[2].name, "marquee");
    ck_assert_int_eq(x.unsourced, 2);
    struct buf b;
    buf_init(&b, &a, 1 << 12);
    buf_adds(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (int i = 0; i < 100; i++)
        buf_adds(&b, "<blink/>");
    buf_adds(&b, "</div>");
    fhir_xhtml_read(&a, buf_str(&b), &x);
    ck_assert_int_eq(x.n_found, FHIR_XHTML_FOUND_MAX);
    arena_release(&a);
}
END_TEST

/* Deep nesting and long text end quickly, one way or the other. */
START_TEST(test_extremes)
{
    struct arena a;
    arena_init(&a, 0);
    struct buf b;
    buf_init(&b, &a, 1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    ck_assert_str_eq(problems(b.s), "M");
    b.len = 0;
    buf_adds(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "<p>abc</p>");
    buf_adds(&b, "</div>");
    ck_assert_str_eq(problems(b.s), "");

    /* what would take libxml2 minutes */
    b.len = 0;
    buf_adds(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\"><!-- ' --><![CDATA[\"]]><p");
    for (int i = 0; i < 300000; i++)
        buf_addf(&b, " a%d=\">\"", i);
    buf_adds(&b, ">b</p></div>");
    ck_assert_str_eq(problems(b.s), "M");
    b.len = 0;
    buf_adds(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (int i = 0; i < 200; i++)
        buf_addf(&b, "<div xmlns:a%d=\"b\" xmlns:c%d=\"d\" xmlns:e%d=\"f\">", i, i, i);
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "<x:p/>");
    ck_assert_str_eq(problems(b.s), "M");
    b.len = 0;
    buf_adds(&b, "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p style=\"");
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "url(data: image/a)");
    for (int i = 0; i < 1000000; i++)
        buf_addc(&b, ' ');
    buf_adds(&b, "\">a = 'b'</p></div>");
    ck_assert_str_eq(problems(b.s), "");
    arena_release(&a);
}
END_TEST

Suite *suite_fhir_xhtml(void)
{
    Suite *s = suite_create("fhir_xhtml");
    TCase *t = tcase_create("xhtml");
    tcase_add_loop_test(t, test_table, 0, sizeof table / sizeof *table);
    tcase_add_test(t, test_names);
    tcase_add_test(t, test_marks);
    tcase_add_test(t, test_each_is_found);
    tcase_add_test(t, test_extremes);
    suite_add_tcase(s, t);
    return s;
}
