#include "fhir/reference.h"

#include "support/test.h"

static struct arena arena;
static const struct fhir_defs *defs;

static void setup(void)
{
    struct err err;
    arena_init(&arena, 0);
    ck_ok(fhir_defs_load(&arena, &defs, &err));
}

static void teardown(void)
{
    arena_release(&arena);
}

static const struct {
    const char *text;
    enum fhir_reference_form form;
    const char *base, *type, *id, *version, *query, *fragment;
} cases[] = {
    {"", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"#", FHIR_REF_CONTAINED, 0, 0, 0, 0, 0, ""},
    {"#p1", FHIR_REF_CONTAINED, 0, 0, 0, 0, 0, "p1"},
    {"Patient/1", FHIR_REF_RELATIVE, 0, "Patient", "1", 0, 0, 0},
    {"Patient/1/_history/2", FHIR_REF_RELATIVE, 0, "Patient", "1", "2", 0, 0},
    {"Patient/1#p", FHIR_REF_RELATIVE, 0, "Patient", "1", 0, 0, "p"},
    {"Patient/_history/2", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"Patient/a_b", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"Patient/1/", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"/Patient/1", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"x/Patient/1", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"Patient", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"Patient/", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"patient/1", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"Resource/1", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"HumanName/1", FHIR_REF_NONE, 0, 0, 0, 0, 0, 0},
    {"https://h/fhir/Patient/1", FHIR_REF_ABSOLUTE, "https://h/fhir", "Patient", "1", 0, 0, 0},
    {"http://h/Patient/1/_history/3", FHIR_REF_ABSOLUTE, "http://h", "Patient", "1", "3", 0, 0},
    {"https://Patient/1", FHIR_REF_URL, 0, 0, 0, 0, 0, 0},
    {"https://h/fhir/patients/1", FHIR_REF_URL, 0, 0, 0, 0, 0, 0},
    {"https://h/Patient?identifier=1", FHIR_REF_URL, 0, 0, 0, 0, "identifier=1", 0},
    {"ftp://h/Patient/1", FHIR_REF_URL, 0, 0, 0, 0, 0, 0},
    {"mailto:a@example.org", FHIR_REF_URL, 0, 0, 0, 0, 0, 0},
    {"urn:uuid:c757873d-ec9a-4326-a141-556f43239520", FHIR_REF_URN, 0, 0, 0, 0, 0, 0},
    {"urn:oid:1.2.3", FHIR_REF_URN, 0, 0, 0, 0, 0, 0},
    {"urn:isbn:1", FHIR_REF_URL, 0, 0, 0, 0, 0, 0},
    {"Practitioner?identifier=a|b", FHIR_REF_QUERY, 0, "Practitioner", 0, 0, "identifier=a|b", 0},
    {"Foo?identifier=a", FHIR_REF_NONE, 0, 0, 0, 0, "identifier=a", 0},
    {"Patient/1?x=y", FHIR_REF_NONE, 0, 0, 0, 0, "x=y", 0},
};

static void ck_part(const char *text, const char *part, struct str actual, const char *expected)
{
    ck_assert_msg(expected ? actual.s && str_is(actual, expected) : actual.len == 0, "%s: %s is '%.*s'", text,
                  part, STR_FMT(actual));
}

START_TEST(forms)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fhir_reference r;
        const char *text = cases[i].text;
        fhir_reference_parse(defs, str_of(text), &r);
        ck_assert_msg(r.form == cases[i].form, "%s: %d", text, r.form);
        ck_part(text, "base", r.base, cases[i].base);
        ck_part(text, "type", str_of(r.type ? r.type->name : NULL), cases[i].type);
        ck_part(text, "id", r.id, cases[i].id);
        ck_part(text, "version", r.version, cases[i].version);
        ck_part(text, "query", r.query, cases[i].query);
        ck_part(text, "fragment", r.fragment, cases[i].fragment);
    }
}
END_TEST

START_TEST(own_base)
{
    struct fhir_reference r;
    struct str base = STR("https://h/fhir");
    fhir_reference_parse_local(defs, base, STR("https://h/fhir/Patient/1/_history/2"), &r);
    ck_assert_int_eq(r.form, FHIR_REF_RELATIVE);
    ck_str_eq(r.id, "1");
    ck_str_eq(r.version, "2");
    ck_assert_uint_eq(r.base.len, 0);
    fhir_reference_parse_local(defs, base, STR("https://h/fhirx/Patient/1"), &r);
    ck_assert_int_eq(r.form, FHIR_REF_ABSOLUTE);
    fhir_reference_parse_local(defs, base, STR("Patient/1"), &r);
    ck_assert_int_eq(r.form, FHIR_REF_RELATIVE);
}
END_TEST

Suite *suite_fhir_reference(void)
{
    Suite *s = suite_create("fhir_reference");
    TCase *t = tcase_create("reference");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, forms);
    tcase_add_test(t, own_base);
    suite_add_tcase(s, t);
    return s;
}
