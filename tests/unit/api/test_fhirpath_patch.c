#include "../../../src/api/fhirpath_patch.h"
#include "support/test.h"

static struct arena a;
static struct err err;
#define BIRTH(members) "{\"resourceType\":\"Patient\"," members "}"
#define GIVEN(given, sibling)                                                                                \
    "{\"resourceType\":\"Patient\",\"name\":[{\"given\":" given ",\"_given\":" sibling "}]}"

static const struct fhir_defs *defs;

static void setup(void)
{
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&a, &defs, &err));
}
static void teardown(void)
{
    arena_release(&a);
}

#define TYPE(t)      "{\"name\":\"type\",\"valueCode\":\"" t "\"},"
#define PATH(p)      "{\"name\":\"path\",\"valueString\":\"" p "\"}"
#define NAME(n)      ",{\"name\":\"name\",\"valueString\":\"" n "\"}"
#define NUMBER(n, v) ",{\"name\":\"" n "\",\"valueInteger\":" v "}"
#define VALUE(v)     ",{\"name\":\"value\"," v "}"

static const struct {
    const char *resource, *operation, *result; /* result NULL: refused */
} cases[] = {
    {"{\"resourceType\":\"Patient\"}",
     TYPE("add") PATH("Patient") NAME("gender") VALUE("\"valueCode\":\"male\""),
     "{\"resourceType\":\"Patient\",\"gender\":\"male\"}"},
    {"{\"resourceType\":\"Patient\",\"gender\":\"male\"}",
     TYPE("add") PATH("Patient") NAME("gender") VALUE("\"valueCode\":\"female\""), NULL},
    {"{\"resourceType\":\"Patient\"}",
     TYPE("add") PATH("Patient") NAME("shoes") VALUE("\"valueCode\":\"two\""), NULL},
    {"{\"resourceType\":\"Patient\"}",
     TYPE("add") PATH("Patient") NAME("deceased") VALUE("\"valueBoolean\":true"),
     "{\"resourceType\":\"Patient\",\"deceasedBoolean\":true}"},
    {"{\"resourceType\":\"Patient\"}",
     TYPE("add") PATH("Patient") NAME("contact")
         VALUE("\"part\":[{\"name\":\"name\",\"valueHumanName\":{\"text\":\"x\"}},{\"name\":\"gender\","
               "\"valueCode\":\"other\"}]"),
     "{\"resourceType\":\"Patient\",\"contact\":[{\"name\":{\"text\":\"x\"},\"gender\":\"other\"}]}"},
    {"{\"resourceType\":\"Patient\",\"birthDate\":\"1970-01-01\",\"_birthDate\":{\"id\":\"b\"}}",
     TYPE("delete") PATH("Patient.birthDate"), "{\"resourceType\":\"Patient\"}"},
    {"{\"resourceType\":\"Patient\"}", TYPE("delete") PATH("Patient.birthDate"),
     "{\"resourceType\":\"Patient\"}"},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
     TYPE("delete") PATH("Patient.name"), NULL},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
     TYPE("delete") PATH("Patient.name[0]"), "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"b\"}]}"},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"}]}", TYPE("delete") PATH("Patient.name[0]"),
     "{\"resourceType\":\"Patient\"}"},
    {"{\"resourceType\":\"Patient\"}", TYPE("delete") PATH("Patient"), NULL},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",\"B\"],\"_given\":[null,{\"id\":\"g\"}]}]}",
     TYPE("delete") PATH("Patient.name.given[1]"),
     "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\"]}]}"},
    {"{\"resourceType\":\"Patient\",\"gender\":\"male\"}",
     TYPE("replace") PATH("Patient.gender") VALUE("\"valueCode\":\"other\""),
     "{\"resourceType\":\"Patient\",\"gender\":\"other\"}"},
    {"{\"resourceType\":\"Patient\",\"deceasedBoolean\":true}",
     TYPE("replace") PATH("Patient.deceased") VALUE("\"valueDateTime\":\"2020\""),
     "{\"resourceType\":\"Patient\",\"deceasedDateTime\":\"2020\"}"},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"b\"}]}",
     TYPE("replace") PATH("Patient.name.where(text = 'b')") VALUE("\"valueHumanName\":{\"text\":\"c\"}"),
     "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"},{\"text\":\"c\"}]}"},
    {"{\"resourceType\":\"Patient\"}",
     TYPE("replace") PATH("Patient.gender") VALUE("\"valueCode\":\"other\""), NULL},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"}]}",
     TYPE("insert") PATH("Patient.name") NUMBER("index", "0") VALUE("\"valueHumanName\":{\"text\":\"z\"}"),
     "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"z\"},{\"text\":\"a\"}]}"},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\"}]}",
     TYPE("insert") PATH("Patient.name") NUMBER("index", "2") VALUE("\"valueHumanName\":{\"text\":\"z\"}"),
     NULL},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",\"B\",\"C\"]}]}",
     TYPE("move") PATH("Patient.name.given") NUMBER("source", "2") NUMBER("destination", "0"),
     "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"C\",\"A\",\"B\"]}]}"},
    {"{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\"]}]}",
     TYPE("move") PATH("Patient.name.given") NUMBER("source", "1") NUMBER("destination", "0"), NULL},
    /* primitives: their ids and extensions, and those that have nothing else */
    {BIRTH("\"_birthDate\":{\"id\":\"b\"}"), TYPE("delete") PATH("Patient.birthDate"),
     "{\"resourceType\":\"Patient\"}"},
    {BIRTH("\"birthDate\":\"1970\",\"_birthDate\":{\"id\":\"b\"}"),
     TYPE("delete") PATH("Patient.birthDate.id"), BIRTH("\"birthDate\":\"1970\"")},
    {BIRTH("\"_birthDate\":{\"extension\":[{\"url\":\"u\",\"valueCode\":\"c\"}]}"),
     TYPE("replace") PATH("Patient.birthDate.extension.value") VALUE("\"valueString\":\"s\""),
     BIRTH("\"_birthDate\":{\"extension\":[{\"url\":\"u\",\"valueString\":\"s\"}]}")},
    {BIRTH("\"_birthDate\":{\"id\":\"b\"}"),
     TYPE("replace") PATH("Patient.birthDate") VALUE("\"valueDate\":\"1970\""),
     BIRTH("\"_birthDate\":{\"id\":\"b\"},\"birthDate\":\"1970\"")},
    {BIRTH("\"birthDate\":\"1970\""),
     TYPE("add") PATH("Patient.birthDate") NAME("extension") VALUE("\"valueExtension\":{\"url\":\"u\"}"),
     BIRTH("\"birthDate\":\"1970\",\"_birthDate\":{\"extension\":[{\"url\":\"u\"}]}")},
    {GIVEN("[\"A\",null,\"C\"]", "[null,{\"id\":\"g\"},{\"id\":\"c\"}]"),
     TYPE("delete") PATH("Patient.name.given[1]"), GIVEN("[\"A\",\"C\"]", "[null,{\"id\":\"c\"}]")},
    {GIVEN("[\"A\",\"B\"]", "[null,{\"id\":\"g\"}]"), TYPE("delete") PATH("Patient.name.given[1].id"),
     "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[\"A\",\"B\"]}]}"},
    {GIVEN("[\"A\",null]", "[null,{\"id\":\"g\"}]"),
     TYPE("replace") PATH("Patient.name.given[1]") VALUE("\"valueString\":\"B\""),
     GIVEN("[\"A\",\"B\"]", "[null,{\"id\":\"g\"}]")},
    {GIVEN("[\"A\",\"B\",\"C\"]", "[{\"id\":\"a\"}]"),
     TYPE("move") PATH("Patient.name.given") NUMBER("source", "2") NUMBER("destination", "0"),
     GIVEN("[\"C\",\"A\",\"B\"]", "[null,{\"id\":\"a\"},null]")},
    {GIVEN("[\"A\",\"B\"]", "[{\"id\":\"a\"}]"),
     TYPE("insert") PATH("Patient.name.given") NUMBER("index", "2") VALUE("\"valueString\":\"C\""),
     GIVEN("[\"A\",\"B\",\"C\"]", "[{\"id\":\"a\"},null,null]")},
    {GIVEN("[\"A\",\"B\"]", "[{\"id\":\"a\"},null]"),
     TYPE("add") PATH("Patient.name.given[1]") NAME("extension") VALUE("\"valueExtension\":{\"url\":\"u\"}"),
     GIVEN("[\"A\",\"B\"]", "[{\"id\":\"a\"},{\"extension\":[{\"url\":\"u\"}]}]")},
    {BIRTH("\"birthDate\":\"1970\""),
     TYPE("add") PATH("Patient.birthDate") NAME("shoes") VALUE("\"valueCode\":\"x\""), NULL},
    {"{\"resourceType\":\"Patient\"}", TYPE("delete") PATH("Patient.type().name"), NULL},
    {"{\"resourceType\":\"Patient\"}", TYPE("delete") PATH("1.repeatAll($this)"), NULL},
    {"{\"resourceType\":\"Patient\"}", TYPE("spoil") PATH("Patient"), NULL},
    {"{\"resourceType\":\"Patient\"}", TYPE("delete") PATH("Patient.("), NULL},
    {"{\"resourceType\":\"Patient\"}", TYPE("replace") PATH("1 + 1") VALUE("\"valueCode\":\"x\""), NULL},
};

START_TEST(test_case)
{
    json *resource = test_json(&a, cases[_i].resource);
    json *patch = test_json(
        &a,
        arena_printf(
            &a, "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"operation\",\"part\":[%s]}]}",
            cases[_i].operation));
    bool ok = fhirpath_patch(&a, defs, resource, patch, &err);
    ck_assert_msg(ok == (cases[_i].result != NULL), "%s: %s", cases[_i].operation, ok ? "accepted" : err.msg);
    if (ok)
        ck_str_eq(json_text(&a, resource), cases[_i].result);
}
END_TEST

Suite *suite_api_fhirpath_patch(void)
{
    Suite *s = suite_create("api_fhirpath_patch");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_case, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, t);
    return s;
}
