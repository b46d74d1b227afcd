/* Runs tests/cases/xml (its README tells the format), and what no text can hold. */
#include <dirent.h>
#include <stdio.h>

#include "base/config.h"
#include "fhir/xml.h"
#include "support/test.h"

#define FOLDER      "tests/cases/xml"
#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define PATIENT     "<Patient xmlns=\"http://hl7.org/fhir\">"

struct xcase {
    const char *file;
    struct str title, given, then, expected; /* then: "xml", "json" or what the refusal says */
    struct str *texts;
    size_t n_texts, cap_texts;
};

static struct arena arena;
static struct xcase *cases;
static size_t n_cases, cap_cases;
static const struct fhir_defs *defs;

static struct str behind(struct str line, size_t n)
{
    return (struct str){line.s + n, line.len - n};
}

static void read_file(const char *name)
{
    struct err err;
    struct str text;
    const char *path = arena_printf(&arena, FOLDER "/%s", name);
    if (!config_read_file(&arena, path, 1 << 20, &text, &err)) {
        fprintf(stderr, "%s: %s\n", path, err.msg);
        abort();
    }
    struct xcase *c = NULL;
    struct str *body = NULL;
    while (text.s && text.len > 0) {
        struct str line = str_cut(text, '\n', &text);
        if (str_starts(line, STR("== "))) {
            c = ARENA_PUSH(&arena, cases, n_cases, cap_cases);
            *c = (struct xcase){.file = name, .title = behind(line, 3), .given = {text.s, 0}};
            body = &c->given;
        } else if (c && str_starts(line, STR("-- "))) {
            c->then = behind(line, 3);
            c->expected = (struct str){text.s, 0};
            body = &c->expected;
        } else if (c && str_starts(line, STR("@ "))) {
            *ARENA_PUSH(&arena, c->texts, c->n_texts, c->cap_texts) = behind(line, 2);
        } else if (body) {
            body->len = (size_t)(line.s + line.len - body->s);
        }
    }
}

static void read_cases(void)
{
    DIR *dir = opendir(FOLDER);
    if (!dir) {
        fprintf(stderr, "run the tests from the top of the project: no " FOLDER "\n");
        abort();
    }
    for (const struct dirent *e; (e = readdir(dir));)
        if (str_ends(str_of(e->d_name), STR(".cases")))
            read_file(arena_strdup(&arena, e->d_name));
    closedir(dir);
}

static void load(void)
{
    struct err err;
    ck_ok(fhir_defs_load(&arena, &defs, &err));
}

static void unload(void)
{
    arena_release(&arena);
}

static bool print(struct arena *a, const json *resource, bool pretty, struct str *out, struct err *err)
{
    struct buf b;
    buf_init(&b, a, 256);
    bool ok = fhir_xml_print(defs, &b, resource, pretty, err);
    *out = buf_str(&b);
    return ok;
}

static void check_same(const struct xcase *c, struct arena *a, const json *got, const json *wanted)
{
    ck_assert_msg(json_equal(got, wanted), "%s: %.*s: read as %s", c->file, STR_FMT(c->title),
                  json_text(a, got).s);
}

/* Written, plain and indented, and read again it is the same. */
static void check_round(const struct xcase *c, struct arena *a, const json *resource)
{
    struct err err;
    json *back;
    for (int pretty = 0; pretty < 2; pretty++) {
        struct str text;
        ck_assert_msg(print(a, resource, pretty, &text, &err), "%s: %.*s: %s", c->file, STR_FMT(c->title),
                      err.msg);
        ck_assert_msg(fhir_xml_parse(a, defs, text, 100, &back, &err), "%s: %.*s: %s", c->file,
                      STR_FMT(c->title), err.msg);
        check_same(c, a, back, resource);
    }
}

static void check_refusal(const struct xcase *c, struct arena *a, const struct err *err)
{
    const char *got = arena_printf(a, "%s %d:%d%s%s", err_kind_name(err->kind), err->line, err->column,
                                   *err->expression ? " " : "", err->expression);
    ck_assert_msg(str_is(c->then, got), "%s: %.*s: %s: %s", c->file, STR_FMT(c->title), got, err->msg);
    for (size_t i = 0; i < c->n_texts; i++)
        ck_assert_msg(memmem(err->msg, strlen(err->msg), c->texts[i].s, c->texts[i].len), "%s: %.*s: %s",
                      c->file, STR_FMT(c->title), err->msg);
}

START_TEST(test_case)
{
    const struct xcase *c = &cases[_i];
    struct arena a;
    arena_init(&a, 0);
    struct err err = {0};
    struct str given = str_trim(c->given), text;
    json *resource, *other;
    bool is_json = given.s[0] == '{';
    bool ok = is_json ? json_parse(&a, given, 100, &resource, &err)
                      : fhir_xml_parse(&a, defs, given, 100, &resource, &err);
    ck_assert_msg(!is_json || ok, "%s: %.*s: %s", c->file, STR_FMT(c->title), err.msg);
    if (str_is(c->then, "xml") || str_is(c->then, "json")) {
        ck_assert_msg(ok, "%s: %.*s: %s", c->file, STR_FMT(c->title), err.msg);
        check_round(c, &a, resource);
    }
    if (str_is(c->then, "xml")) {
        ck_ok(print(&a, resource, false, &text, &err));
        text = behind(text, strlen(DECLARATION));
        ck_assert_msg(str_eq(text, str_trim(c->expected)), "%s: %.*s: %.*s", c->file, STR_FMT(c->title),
                      STR_FMT(text));
    } else if (str_is(c->then, "json")) {
        ck_ok(json_parse(&a, c->expected, 100, &other, &err));
        check_same(c, &a, resource, other);
    } else {
        ck_assert_msg(is_json ? !print(&a, resource, false, &text, &err) : !ok, "%s: %.*s: not refused",
                      c->file, STR_FMT(c->title));
        check_refusal(c, &a, &err);
    }
    arena_release(&a);
}
END_TEST

/* The sample patients, both ways. */
START_TEST(test_samples)
{
    struct arena a;
    struct err err;
    json *resource;
    struct str text;
    DIR *dir = opendir("conf/samples");
    ck_assert_ptr_nonnull(dir);
    arena_init(&a, 0);
    for (const struct dirent *e; (e = readdir(dir));) {
        const struct xcase c = {.file = e->d_name, .title = STR("sample")};
        if (!str_ends(str_of(e->d_name), STR(".json")))
            continue;
        ck_ok(config_read_file(&a, arena_printf(&a, "conf/samples/%s", e->d_name), 1 << 20, &text, &err));
        ck_ok(json_parse(&a, text, 100, &resource, &err));
        check_round(&c, &a, resource);
    }
    closedir(dir);
    arena_release(&a);
}
END_TEST

START_TEST(test_pretty)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct str text;
    ck_ok(print(
        &a,
        test_json(&a,
                  "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\",\"id\":\"b\"}],"
                  "\"text\":{\"status\":\"generated\",\"div\":\"<div "
                  "xmlns='http://www.w3.org/1999/xhtml'><p>a</p></div>\"},\"_gender\":{\"id\":\"g\"},"
                  "\"gender\":\"male\"}"),
        true, &text, &err));
    ck_str_eq(text, DECLARATION "\n" PATIENT "\n"
                                "  <text>\n"
                                "    <status value=\"generated\"/>\n"
                                "    <div xmlns='http://www.w3.org/1999/xhtml'><p>a</p></div>\n"
                                "  </text>\n"
                                "  <contained>\n"
                                "    <Basic>\n"
                                "      <id value=\"b\"/>\n"
                                "    </Basic>\n"
                                "  </contained>\n"
                                "  <gender id=\"g\" value=\"male\"/>\n"
                                "</Patient>\n");
    arena_release(&a);
}
END_TEST

static void check_bytes(struct str text, enum err_kind kind, int line, int column)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *resource;
    ck_assert(!fhir_xml_parse(&a, defs, text, 100, &resource, &err));
    ck_assert_msg(err.kind == kind && err.line == line && err.column == column, "%d:%d %s", err.line,
                  err.column, err.msg);
    arena_release(&a);
}

/* What an editor would not keep in a case file. */
START_TEST(test_characters)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *resource = test_json(&a, "{\"resourceType\":\"Basic\",\"text\":{\"div\":\"<div "
                                   "xmlns=\\\"http://www.w3.org/1999/xhtml\\\">\\r\\n\\u2028</div>\"},"
                                   "\"code\":{\"text\":\"\\r\\n\\u007f\\u0085\\u2028\\ufffd \"}}"),
         *back;
    struct str text;
    ck_ok(print(&a, resource, false, &text, &err));
    ck_str_eq(text, DECLARATION "<Basic xmlns=\"http://hl7.org/fhir\"><text><div "
                                "xmlns=\"http://www.w3.org/1999/xhtml\">\r\n\u2028</div></text><code><text "
                                "value=\"&#13;&#10;\x7f\xc2\x85\u2028\ufffd \"/></code></Basic>");
    ck_ok(fhir_xml_parse(&a, defs, text, 100, &back, &err));
    ck_assert(json_equal(resource, back));
    arena_release(&a);
}
END_TEST

START_TEST(test_bytes)
{
    check_bytes(STR(""), ERR_SYNTAX, 1, 1);
    check_bytes(STR(PATIENT "\n\xff</Patient>"), ERR_SYNTAX, 2, 1);
    check_bytes(STR(PATIENT "\n \0</Patient>"), ERR_SYNTAX, 2, 2);
    check_bytes(STR(PATIENT "\n<name><family value=\"\x01\"/></name></Patient>"), ERR_SYNTAX, 2, 22);
    check_bytes(STR("\xff\xfe<\0P\0/\0>\0"), ERR_SYNTAX, 1, 1);
    check_bytes(STR("<\0P\0/\0>\0"), ERR_SYNTAX, 1, 2);
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *resource;
    ck_ok(fhir_xml_parse(&a, defs, STR("\xef\xbb\xbf" PATIENT "</Patient>"), 100, &resource, &err));
    ck_assert(json_equal(resource, test_json(&a, "{\"resourceType\":\"Patient\"}")));
    arena_release(&a);
}
END_TEST

/* The same trees are too deep in XML and in JSON. */
START_TEST(test_depth)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct buf x, j;
    buf_init(&x, &a, 1024);
    buf_init(&j, &a, 1024);
    buf_adds(&x, PATIENT "<birthDate>");
    buf_adds(&j, "{\"resourceType\":\"Patient\",\"_birthDate\":{");
    for (int i = 0; i < 8; i++) {
        buf_adds(&x, "<extension url=\"a\">");
        buf_adds(&j, "\"extension\":[{\"url\":\"a\"");
        if (i < 7)
            buf_adds(&j, ",");
    }
    buf_adds(&x, "<valueCode value=\"b\"/>");
    buf_adds(&j, ",\"valueCode\":\"b\"");
    for (int i = 0; i < 8; i++) {
        buf_adds(&x, "</extension>");
        buf_adds(&j, "}]");
    }
    buf_adds(&x, "</birthDate></Patient>");
    buf_adds(&j, "}}");
    json *from_json, *from_xml;
    ck_assert(!json_parse(&a, buf_str(&j), 9, &from_json, &err));
    ck_assert(!fhir_xml_parse(&a, defs, buf_str(&x), 9, &from_xml, &err));
    ck_assert_int_eq(err.kind, ERR_TOO_LARGE);
    ck_ok(json_parse(&a, buf_str(&j), 10, &from_json, &err));
    ck_ok(fhir_xml_parse(&a, defs, buf_str(&x), 10, &from_xml, &err));
    ck_assert(json_equal(from_json, from_xml));
    arena_release(&a);
}
END_TEST

/* What would take long or much ends at once. */
/* A node begins where the tag does that it was read from. */
START_TEST(test_offsets)
{
    struct arena a;
    struct err err;
    arena_init(&a, 0);
    json *n;
    const char *text = "<Patient xmlns=\"http://hl7.org/fhir\">\n <text><status value=\"empty\"/>"
                       "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</p></div></text>\n"
                       " <active value=\"true\"/><name><given value=\"A\"/><given value=\"B\"/></name>\n"
                       " <multipleBirthInteger value=\"2\"/></Patient>";
    static const struct {
        const char *tag;
        int at[3]; /* members from the root, -1: end */
    } tags[] = {{"<Patient", {-1}},    {"<text", {1, -1}}, {"<div", {1, 1, -1}},  {"<active", {2, -1}},
                {"<name", {3, 0, -1}}, {"<name", {3, -1}}, {"<multiple", {4, -1}}};
    ck_ok(fhir_xml_parse(&a, defs, str_of(text), 10, &n, &err));
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        const json *node = n;
        for (int k = 0; k < 3 && tags[i].at[k] >= 0; k++)
            node = json_at(node, (size_t)tags[i].at[k]);
        ck_assert_msg(json_offset(node) == (size_t)(strstr(text, tags[i].tag) - text), "%s: %zu", tags[i].tag,
                      json_offset(node));
    }
    const json *given = json_get(json_at(json_get(n, "name"), 0), "given");
    ck_assert_uint_eq(json_offset(json_at(given, 1)), (size_t)(strstr(text, "<given value=\"B\"") - text));
    arena_release(&a);
}
END_TEST

START_TEST(test_extremes)
{
    struct arena a;
    arena_init(&a, 0);
    struct buf b;
    buf_init(&b, &a, 1 << 20);
    buf_adds(&b, "<Patient xmlns=\"http://hl7.org/fhir\"");
    for (int i = 0; i < 200000; i++)
        buf_addf(&b, " a%d=\">\"", i);
    buf_adds(&b, "/>");
    check_bytes(buf_str(&b), ERR_TOO_LARGE, 1, 1);
    b.len = 0;
    buf_adds(&b, PATIENT "<text><div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "<p>");
    check_bytes(buf_str(&b), ERR_TOO_LARGE, 1, 86 + 3 * 1297);
    b.len = 0;
    buf_adds(&b, "<Bundle xmlns=\"http://hl7.org/fhir\">");
    for (int i = 0; i < 50; i++)
        buf_addf(&b, "<entry xmlns:a%d=\"a\" xmlns:b%d=\"b\"><resource><Bundle>", i, i);
    struct err err;
    json *resource;
    ck_assert(!fhir_xml_parse(&a, defs, buf_str(&b), 100, &resource, &err));
    ck_assert_int_eq(err.kind, ERR_TOO_LARGE);
    arena_release(&a);
}
END_TEST

/* A long attachment in one attribute, and offsets far into a text. */
START_TEST(test_large)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *resource;
    struct buf b;
    buf_init(&b, &a, 24 << 20);
    buf_adds(
        &b,
        "<Bundle xmlns=\"http://hl7.org/fhir\"><entry><resource><Binary><contentType value=\"a/b\"/><data "
        "value=\"");
    for (int i = 0; i < 3000000; i++)
        buf_adds(&b, "QUJD");
    buf_adds(&b,
             "\"/></Binary></resource></entry>\n<entry><resource><Patient><text><div "
             "xmlns=\"http://www.w3.org/1999/xhtml\">c</div></text></Patient></resource></entry></Bundle>");
    ck_ok(fhir_xml_parse(&a, defs, buf_str(&b), 100, &resource, &err));
    const json *entries = json_get(resource, "entry");
    ck_assert_uint_eq(strlen(json_get_string(json_get(json_at(entries, 0), "resource"), "data")), 12000000);
    const json *text = json_get(json_get(json_at(entries, 1), "resource"), "text");
    ck_assert_str_eq(json_get_string(text, "div"), "<div xmlns=\"http://www.w3.org/1999/xhtml\">c</div>");
    arena_release(&a);
}
END_TEST

/* When the memory runs out the jump leaves nothing behind in libxml2: the sanitizer sees it. */
START_TEST(test_exhausted)
{
    static const char text[] = PATIENT
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\">a</div></text><name><family "
        "value=\"a&amp;"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"/><given "
        "value=\"b\"/></name></Patient>";
    volatile int jumps = 0;
    for (volatile size_t limit = 64;; limit += 64) {
        struct arena a;
        jmp_buf guard;
        struct err err;
        json *resource;
        arena_init(&a, limit);
        a.guard = &guard;
        if (setjmp(guard) == 0) {
            ck_ok(fhir_xml_parse(&a, defs, str_of(text), 100, &resource, &err));
            arena_release(&a);
            break;
        }
        ck_assert_ptr_eq(a.guard, &guard);
        jumps++;
        arena_release(&a);
    }
    ck_assert_int_gt(jumps, 10);
}
END_TEST

START_TEST(test_root)
{
    ck_assert(fhir_xml_root_is(STR(" <!-- a --><f:Binary xmlns:f=\"http://hl7.org/fhir\"><x"), "Binary"));
    ck_assert(!fhir_xml_root_is(STR(PATIENT "<Binary/></Patient>"), "Binary"));
    ck_assert(!fhir_xml_root_is(STR("<Binary/>"), "Binary"));
    ck_assert(!fhir_xml_root_is(STR("<!DOCTYPE a><Binary xmlns=\"http://hl7.org/fhir\"/>"), "Binary"));
    ck_assert(!fhir_xml_root_is(STR("Binary"), "Binary"));
    ck_assert(!fhir_xml_root_is(STR(""), "Binary"));
}
END_TEST

Suite *suite_fhir_xml(void)
{
    Suite *s = suite_create("fhir_xml");
    TCase *t = tcase_create("xml");
    arena_init(&arena, 0);
    read_cases();
    tcase_add_unchecked_fixture(t, load, unload);
    tcase_set_timeout(t, 20);
    tcase_add_loop_test(t, test_case, 0, (int)n_cases);
    tcase_add_test(t, test_samples);
    tcase_add_test(t, test_pretty);
    tcase_add_test(t, test_characters);
    tcase_add_test(t, test_bytes);
    tcase_add_test(t, test_depth);
    tcase_add_test(t, test_offsets);
    tcase_add_test(t, test_extremes);
    tcase_add_test(t, test_large);
    tcase_add_test(t, test_exhausted);
    tcase_add_test(t, test_root);
    suite_add_tcase(s, t);
    return s;
}
