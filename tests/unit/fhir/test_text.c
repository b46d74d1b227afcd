/* The text form: what is read is what was written, and what is wrong is named by its line. */
#include "../../../src/fhir/internal.h"

#include "base/embed.h"
#include "support/test.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 0);
}
static void teardown(void)
{
    arena_release(&arena);
}

static bool read_text(struct fhir__records *r, const char *text, struct err *err)
{
    *r = (struct fhir__records){.a = &arena};
    return fhir__text_read(r, arena_strdup(&arena, text), strlen(text), err);
}

START_TEST(embedded_files_come_back)
{
    struct fhir__records r = {.a = &arena};
    struct err err;
    struct str files[FHIR__TEXT_N];
    for (int i = 0; i < FHIR__TEXT_N; i++) {
        files[i] = embed_get(arena_printf(&arena, "conf/definitions/%s", fhir__text_files[i]));
        ck_assert(files[i].len > 1000);
        ck_ok(fhir__text_read(&r, arena_strndup(&arena, files[i].s, files[i].len), files[i].len, &err));
    }
    for (int i = 0; i < FHIR__TEXT_N; i++) {
        struct buf b;
        buf_init(&b, &arena, files[i].len + 1);
        fhir__text_write(&r, (enum fhir__text)i, &b);
        ck_assert_msg(str_eq(buf_str(&b), files[i]), "%s", fhir__text_files[i]);
    }
}
END_TEST

START_TEST(broken_lines)
{
    static const char *const wrong[] = {
        "e\ta\t0..1\t-\tstring\n",                                       /* of no type */
        "i\tk\t-\ttrue\tt\n",                                            /* on nothing */
        "type\tA\tresource\tB\t-\n",                                     /* too few fields */
        "type\tA\tthing\tB\t-\t1\tu\n",                                  /* kind */
        "type\tA\tresource\tB\t-\tone\tu\n",                             /* number */
        "type\tA\tresource\tB\t-\t99999\tu\n",                           /* number */
        "type\tA\tresource\tB\t-\t1\tu\ta\tb\tc\td\n",                   /* too many fields */
        "type\tA\tcomplex-type\t-\t-\t-\tu\ne\ta\t0-1\t-\tB\n",          /* cardinality */
        "type\tA\tcomplex-type\t-\t-\t-\tu\ne\ta\t0..\t-\tB\n",          /* cardinality */
        "type\tA\tcomplex-type\t-\t-\t-\tu\ne\ta\t0..1\t-\tB\tany\tv\n", /* strength */
        "param\tA\tb\tnumbers\tu\tx\n",
        "component\tu\tx\n",
        "member\tA\tb\n",
        "what\n",
        "type", /* no line end */
    };
    struct fhir__records r;
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(!read_text(&r, wrong[i], &err), "%s", wrong[i]);
        ck_assert_int_eq(err.kind, ERR_SYNTAX);
    }
    ck_assert(!read_text(&r, "# comment\n\ncompartment\tPatient\nwhat\n", &err));
    ck_assert(strstr(err.msg, "line 4") != NULL);
}
END_TEST

/* Read and built; "" when it can be, else the message. */
static const char *build(const char *text)
{
    struct fhir__records r;
    static struct err err;
    const struct fhir_defs *d;
    err.msg[0] = '\0';
    ck_ok(read_text(&r, text, &err));
    return fhir__build(&arena, &r, &d, &err) ? "" : err.msg;
}

#define ELEMENT "type\tElement\tcomplex-type\t-\ta\t-\tu\n"

START_TEST(unknown_names)
{
    static const char *const wrong[] = {
        ELEMENT "e\tx\t0..1\t-\tNone\n",
        ELEMENT "e\tx\t0..1\t-\tElement(None)\n",
        ELEMENT "e\tx\t0..1\t-\tElement(Element\n",
        ELEMENT "e\tx\t0..1\t-\t#Element.y\n",
        ELEMENT "e\tx\t0..1\t-\t\n",
        ELEMENT "e\tx.y\t0..1\t-\tElement\n",
        "type\tA\tcomplex-type\tB\t-\t-\tu\n",
        "type\tA\tcomplex-type\tA\t-\t-\tu\n",
        "type\tA\tcomplex-type\tB\t-\t-\tu\ntype\tB\tcomplex-type\tA\t-\t-\tu\n",
        "type\tinteger64\tprimitive-type\t-\t-\t-\tu\n",
        "type\tA\tresource\t-\t-\t-\tu\n",
        "type\tA\tresource\t-\t-\t1\tu\ntype\tB\tresource\t-\t-\t1\tu\n",
        "param\tA\tb\ttoken\tu\tx\n",
        ELEMENT "param\tElement\tb\ttoken\tu\tx\n",
        "type\tA\tresource\t-\t-\t1\tu\nparam\tA\tb\treference\tu\tx\tB\n",
        "type\tA\tresource\t-\t-\t1\tu\nparam\tA\tb\tcomposite\tu\tx\ncomponent\tv\tx\n",
        "compartment\tA\n",
        "type\tA\tresource\t-\t-\t1\tu\ncompartment\tA\nmember\tB\tx\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(*build(wrong[i]), "%s", wrong[i]);
    ck_assert_str_eq(build(ELEMENT "e\tx\t0..1\t-\tElement(Element)\ne\tx.y\t0..*\tsm\t#Element.x\n"),
                     "Element.x.y has no parent");
    ck_assert_str_eq(build(ELEMENT "e\tx\t0..1\t-\tElement\ne\tx.y\t0..*\tsm\t#Element.x\n"), "");
}
END_TEST

Suite *suite_fhir_text(void)
{
    Suite *s = suite_create("fhir_text");
    TCase *t = tcase_create("text");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, embedded_files_come_back);
    tcase_add_test(t, broken_lines);
    tcase_add_test(t, unknown_names);
    suite_add_tcase(s, t);
    return s;
}
