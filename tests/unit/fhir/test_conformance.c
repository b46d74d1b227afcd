/* Conformance resources as packages have them, down to the text that is kept of them. */
#include "../../../src/fhir/internal.h"

#include "support/test.h"

static struct arena arena;
static struct fhir__records records;

static void setup(void)
{
    arena_init(&arena, 0);
    records = (struct fhir__records){.a = &arena};
}

static void teardown(void)
{
    arena_release(&arena);
}

static void add(const char *text)
{
    struct err err;
    ck_ok(fhir__conformance_add(&records, test_json(&arena, text), &err));
}

static void ck_text(enum fhir__text which, const char *expected)
{
    struct buf b;
    buf_init(&b, &arena, 256);
    fhir__text_write(&records, which, &b);
    const char *body = strchr(b.s, '\n') + 1; /* after the heading */
    ck_assert_str_eq(body, expected);
}

#define ELE_1 "{\"key\":\"ele-1\",\"severity\":\"error\",\"expression\":\"hasValue()\",\"human\":\"h\"}"
#define TYPE(name, kind, base, elements)                                                                     \
    "{\"resourceType\":\"StructureDefinition\",\"url\":\"u/" name "\",\"type\":\"" name                      \
    "\",\"kind\":\"" kind "\",\"baseDefinition\":\"http://hl7.org/fhir/StructureDefinition/" base            \
    "\",\"derivation\":\"specialization\",\"snapshot\":{\"element\":[" elements "]}}"
#define ELEMENT_TYPE                                                                                         \
    "{\"resourceType\":\"StructureDefinition\",\"url\":\"u/"                                                 \
    "Element\",\"type\":\"Element\",\"kind\":\"complex-type\","                                              \
    "\"abstract\":true,\"snapshot\":{\"element\":[{\"path\":\"Element\",\"constraint\":[" ELE_1 "]},"        \
    "{\"path\":\"Element.id\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"http://hl7.org/fhirpath/"        \
    "System.String\"}]}]}}"

START_TEST(structures)
{
    add(ELEMENT_TYPE);
    add(TYPE("Quantity", "complex-type", "Element", "{\"path\":\"Quantity\",\"constraint\":[" ELE_1 "]}"));
    add(TYPE("string", "primitive-type", "Element",
             "{\"path\":\"string\"},{\"path\":\"string.value\",\"min\":0,\"max\":\"1\"}"));
    add(TYPE(
        "Thing", "complex-type", "Element",
        "{\"path\":\"Thing\",\"constraint\":[" ELE_1
        ",{\"key\":\"t-1\",\"severity\":\"warning\",\"expression\":\"a or\\n b\","
        "\"human\":\"one\\tor the other\",\"extension\":[{\"url\":"
        "\"http://hl7.org/fhir/StructureDefinition/"
        "elementdefinition-bestpractice\",\"valueBoolean\":true}]}]},"
        "{\"path\":\"Thing.id\",\"min\":0,\"max\":\"1\",\"base\":{\"path\":\"Element.id\",\"max\":\"1\"},"
        "\"type\":[{\"code\":\"http://hl7.org/fhirpath/System.String\"}]},"
        "{\"path\":\"Thing.a[x]\",\"min\":1,\"max\":\"*\",\"base\":{\"path\":\"Thing.a[x]\",\"max\":\"*\"},"
        "\"isSummary\":true,\"isModifier\":true,\"type\":[{\"code\":\"string\"},{\"code\":\"Reference\","
        "\"targetProfile\":["
        "\"http://hl7.org/fhir/StructureDefinition/Patient\",\"http://hl7.org/fhir/StructureDefinition/"
        "Group\"]}],"
        "\"constraint\":[" ELE_1 "]},"
        "{\"path\":\"Thing.b\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"Reference\",\"targetProfile\":["
        "\"http://hl7.org/fhir/StructureDefinition/Resource\"]}],"
        "\"binding\":{\"strength\":\"required\",\"valueSet\":\"v|1\"}},"
        "{\"path\":\"Thing.c\",\"min\":0,\"max\":\"1\",\"contentReference\":\"#Thing.b\",\"constraint\":"
        "[" ELE_1 "]},"
        "{\"path\":\"Thing.q\",\"min\":0,\"max\":\"1\",\"type\":[{\"code\":\"Quantity\",\"profile\":[\"u/"
        "Simple\"]}]}"));
    /* A profile on a datatype gives its invariants to the elements that name it, and is no type. */
    add("{\"resourceType\":\"StructureDefinition\",\"url\":\"u/"
        "Simple\",\"type\":\"Quantity\",\"kind\":\"complex-type\","
        "\"derivation\":\"constraint\",\"snapshot\":{\"element\":[{\"path\":\"Quantity\",\"constraint\":"
        "[" ELE_1 ",{\"key\":\"s-1\",\"severity\":\"error\",\"expression\":\"x\",\"human\":\"y\"}]}]}}");
    add("{\"resourceType\":\"StructureDefinition\",\"url\":\"u/L\",\"type\":\"L\",\"kind\":\"logical\"}");
    add("{\"resourceType\":\"Patient\"}");
    add("{}");
    fhir__conformance_finish(&records);
    ck_text(FHIR__TEXT_TYPES, "\ntype\tElement\tcomplex-type\t-\ta\t-\tu/Element\n"
                              "i\tele-1\t-\thasValue()\th\n"
                              "e\tid\t0..1\t-\tstring\n"
                              "\ntype\tQuantity\tcomplex-type\tElement\t-\t-\tu/Quantity\n"
                              "\ntype\tThing\tcomplex-type\tElement\t-\t-\tu/Thing\n"
                              "i\tt-1\twb\ta or  b\tone or the other\n"
                              "e\ta[x]\t1..*\tsm\tstring Reference(Patient,Group)\n"
                              /* kept, as Reference is not known here */
                              "i\tele-1\t-\thasValue()\th\n"
                              "e\tb\t0..1\t-\tReference\trequired\tv|1\n"
                              "e\tc\t0..1\t-\t#Thing.b\n"
                              "i\tele-1\t-\thasValue()\th\n"
                              "e\tq\t0..1\t-\tQuantity\n"
                              "i\ts-1\t-\tx\ty\n"
                              "\ntype\tstring\tprimitive-type\tElement\t-\t-\tu/string\n");
}
END_TEST

START_TEST(refused_structures)
{
    static const char *const wrong[] = {
        "{\"resourceType\":\"StructureDefinition\",\"kind\":\"resource\",\"type\":\"A\"}",
        TYPE("A", "resource", "B", "{\"path\":\"A\"},{}"),
        TYPE("A", "resource", "B", "{\"path\":\"A\"},{\"path\":\"A.b\"}"),
        TYPE("A", "resource", "B", "{\"path\":\"A\"},{\"path\":\"A.b\",\"min\":0}"),
        TYPE("A", "resource", "B", "{\"path\":\"A\"},{\"path\":\"A.b\",\"min\":-1,\"max\":\"1\"}"),
        TYPE("A", "resource", "B",
             "{\"path\":\"A\"},{\"path\":\"A.b\",\"min\":0,\"max\":\"1\",\"type\":[{}]}"),
    };
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!fhir__conformance_add(&records, test_json(&arena, wrong[i]), &err), "%s", wrong[i]);
}
END_TEST

#define PARAM(id, code, type, base, rest)                                                                    \
    "{\"resourceType\":\"SearchParameter\",\"id\":\"" id "\",\"url\":\"u/" id "\",\"code\":\"" code          \
    "\",\"type\":\"" type "\",\"base\":[" base "]" rest "}"

START_TEST(search_parameters)
{
    add(PARAM("one", "one", "reference", "\"B\",\"A\"",
              ",\"expression\":\"A.x.where(y='|') | (B.z as string) | (A.v | A.w).u | "
              "AB.c\",\"target\":[\"C\",\"D\"]"));
    add(PARAM("two", "two", "string", "\"A\"", ",\"expression\":\"name | alias\""));
    add(PARAM("none", "none", "string", "\"A\"", ""));
    add(PARAM("_text", "_text", "string", "\"A\"", ""));
    add(PARAM("example", "e", "string", "\"A\"", ",\"expression\":\"A.x\""));
    add(PARAM("example-x", "e", "string", "\"A\"", ",\"expression\":\"A.x\""));
    add(PARAM("odd", "odd", "stringy", "\"A\"", ",\"expression\":\"A.x\""));
    add(PARAM("any", "any", "reference", "\"A\"", ",\"expression\":\"A.x\",\"target\":[\"Resource\"]"));
    add(PARAM("comp", "comp", "composite", "\"A\"",
              ",\"expression\":\"A.x\",\"component\":[{\"definition\":\"u/one\",\"expression\":\"y\"}]"));
    fhir__conformance_finish(&records);
    ck_text(FHIR__TEXT_SEARCH, "\nparam\tA\t_text\tstring\tu/_text\t-\n"
                               "param\tA\tany\treference\tu/any\tA.x\n"
                               "param\tA\tcomp\tcomposite\tu/comp\tA.x\n"
                               "component\tu/one\ty\n"
                               "param\tA\tone\treference\tu/one\tA.x.where(y='|') | (A.v | A.w).u\tC D\n"
                               "param\tA\ttwo\tstring\tu/two\tname | alias\n"
                               "\nparam\tB\tone\treference\tu/one\t(B.z as string)\tC D\n");
}
END_TEST

START_TEST(compartments)
{
    add("{\"resourceType\":\"CompartmentDefinition\",\"code\":\"Patient\",\"resource\":[{\"code\":\"A\","
        "\"param\":[\"x\",\"y\"]},"
        "{\"code\":\"B\"},{\"code\":\"Patient\",\"param\":[\"{def}\"]}]}");
    add("{\"resourceType\":\"CompartmentDefinition\",\"id\":\"example\",\"code\":\"Device\"}");
    fhir__conformance_finish(&records);
    ck_text(FHIR__TEXT_COMPARTMENTS, "\ncompartment\tPatient\nmember\tA\tx y\n");
}
END_TEST

Suite *suite_fhir_conformance(void)
{
    Suite *s = suite_create("fhir_conformance");
    TCase *t = tcase_create("conformance");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, structures);
    tcase_add_test(t, refused_structures);
    tcase_add_test(t, search_parameters);
    tcase_add_test(t, compartments);
    suite_add_tcase(s, t);
    return s;
}
