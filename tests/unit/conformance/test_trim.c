#include "conformance/distil.h"
#include "support/test.h"

static struct arena a;

static const char *trimmed(const char *resource, bool brief)
{
    const json *r = test_quoted(&a, resource);
    enum conformance_kind kind = conformance_kind_named(json_get_string(r, "resourceType"));
    struct buf b;
    buf_init(&b, &a, 100);
    json_print(&b, conformance_trim(&a, kind, r, brief), false);
    for (char *c = b.s; *c; c++)
        *c = *c == '"' ? '\'' : *c;
    return b.s;
}

static void begin(void)
{
    arena_init(&a, 0);
}
static void end(void)
{
    arena_release(&a);
}

START_TEST(a_structure_by_its_differential)
{
    ck_assert_str_eq(
        trimmed(
            "{'resourceType':'StructureDefinition','id':'i','meta':{},'text':{},'url':'u','version':'1','"
            "name':'N',"
            "'status':'draft','publisher':'p','description':'d','kind':'resource','abstract':false,"
            "'context':[{'type':'element','expression':'Patient'}],'type':'Patient','baseDefinition':'b',"
            "'derivation':'constraint','mapping':[{'identity':'x'}],'snapshot':{'element':[{'id':'Patient'}]}"
            ","
            "'differential':{'element':[{'id':'Patient.x','path':'Patient.x','short':'s','definition':'prose'"
            ","
            "'comment':'c','requirements':'r','alias':['a'],'min':1,'max':'2','base':{'path':'p'},"
            "'slicing':{'discriminator':[{'type':'value','path':'y'}],'description':'d','rules':'open'},"
            "'type':[{'code':'Reference','targetProfile':['t'],'aggregation':['bundled']}],'isSummary':true,"
            "'fixedCode':'f','patternCoding':{'code':'g'},'maxLength':3,'condition':['k'],'mapping':[{}],"
            "'constraint':[{'key':'k','requirements':'r','severity':'error','human':'h','expression':'e','"
            "xpath':'x',"
            "'source':'s'}],'binding':{'strength':'required','description':'d','valueSet':'v'}}]}}",
            false),
        "{'resourceType':'StructureDefinition','id':'i','url':'u','version':'1','name':'N','status':'draft',"
        "'kind':'resource','abstract':false,'context':[{'type':'element','expression':'Patient'}],'type':'"
        "Patient',"
        "'baseDefinition':'b','derivation':'constraint','differential':{'element':[{'id':'Patient.x',"
        "'path':'Patient.x','min':1,'max':'2','slicing':{'discriminator':[{'type':'value','path':'y'}],"
        "'rules':'open'},'type':[{'code':'Reference','targetProfile':['t'],'aggregation':['bundled']}],"
        "'fixedCode':'f','patternCoding':{'code':'g'},'maxLength':3,'condition':['k'],'constraint':[{'key':'"
        "k',"
        "'severity':'error','human':'h','expression':'e'}],'binding':{'strength':'required','valueSet':'v'}}]"
        "}}");
}
END_TEST

START_TEST(a_structure_by_its_snapshot)
{
    ck_assert_str_eq(
        trimmed("{'resourceType':'StructureDefinition','url':'u','snapshot':{'element':[{'id':'P',"
                "'short':'s'}]},'differential':{'element':[]}}",
                false),
        "{'resourceType':'StructureDefinition','url':'u','snapshot':{'element':[{'id':'P'}]}}");
}
END_TEST

START_TEST(extensions_that_mean_something)
{
    ck_assert_str_eq(
        trimmed(
            "{'resourceType':'StructureDefinition','extension':[{'url':'http://example.org/"
            "other','valueCode':'x'}],"
            "'differential':{'element':[{'id':'P','constraint':[{'key':'k','extension':[{'url':"
            "'http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice','valueBoolean':true},"
            "{'url':'http://example.org/other'}]}]}]}}",
            false),
        "{'resourceType':'StructureDefinition','differential':{'element':[{'id':'P','constraint':[{'key':'k',"
        "'extension':[{'url':'http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice',"
        "'valueBoolean':true}]}]}]}}");
}
END_TEST

START_TEST(codes_in_full_and_in_brief)
{
    static const char system[] =
        "{'resourceType':'CodeSystem','id':'i','meta':{},'text':{},'url':'u','title':'T','_title':{'"
        "extension':[]},"
        "'_description':{},'description':'d','content':'complete','count':1,'concept':[{'code':'a','display':"
        "'A',"
        "'definition':'prose','designation':[{'value':'x'}],'concept':[{'code':'b','definition':'d'}]}]}";
    ck_assert_str_eq(
        trimmed(system, false),
        "{'resourceType':'CodeSystem','id':'i','url':'u','title':'T','_title':{'extension':[]},"
        "'content':'complete','count':1,'concept':[{'code':'a','display':'A','definition':'prose',"
        "'designation':[{'value':'x'}],'concept':[{'code':'b','definition':'d'}]}]}");
    ck_assert_str_eq(trimmed(system, true),
                     "{'url':'u','title':'T','content':'complete','concept':[{'code':'a','display':'A',"
                     "'concept':[{'code':'b'}]}]}");
    ck_assert_str_eq(
        trimmed("{'resourceType':'Questionnaire','text':{},'item':[{'linkId':'1','text':'Why?'}]}", true),
        "{'resourceType':'Questionnaire','item':[{'linkId':'1','text':'Why?'}]}");
}
END_TEST

START_TEST(a_line)
{
    struct buf b;
    buf_init(&b, &a, 100);
    conformance_line(&b, CONFORMANCE_MEASURE, 3, test_quoted(&a, "{'url':'u','version':'1','x':['\\t']}"));
    conformance_line(&b, CONFORMANCE_VALUE_SET, 0, test_quoted(&a, "{}"));
    ck_assert_str_eq(
        b.s, "Measure\tu\t1\t3\t{\"url\":\"u\",\"version\":\"1\",\"x\":[\"\\t\"]}\nValueSet\t\t\t0\t{}\n");
}
END_TEST

Suite *suite_conformance_trim(void)
{
    Suite *s = suite_create("conformance_trim");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, a_structure_by_its_differential);
    tcase_add_test(t, a_structure_by_its_snapshot);
    tcase_add_test(t, extensions_that_mean_something);
    tcase_add_test(t, codes_in_full_and_in_brief);
    tcase_add_test(t, a_line);
    suite_add_tcase(s, t);
    return s;
}
