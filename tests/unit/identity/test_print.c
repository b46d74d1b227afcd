/* What remains of resources, and that the pieces make them whole. */
#include "support.h"

static const struct {
    const char *resource, *rest; /* ' for " */
} cut[] = {
    {"{'resourceType':'Patient','active':true,'name':[{'family':'山田'}],'gender':'male'}",
     ",'active':true,'gender':'male'"},
    {"{'resourceType':'Patient','birthDate':'1980-05-12','_birthDate':{'id':'x'}}", ",'birthDate':'1980'"},
    {"{'resourceType':'Patient','birthDate':'1980'}", ",'birthDate':'1980'"},
    {"{'resourceType':'Patient','birthDate':'born in May'}", ""},
    {"{'resourceType':'Patient','address':[{'city':'横浜市','state':'神奈川県','line':['x']},{'text':'y'}]}",
     ",'address':[{'state':'神奈川県'},{}]"},
    {"{'resourceType':'Patient','extension':[{'url':'u','valueString':'x'}],'contact':[{'gender':'male'}]}",
     ""},
    {"{'resourceType':'Observation','subject':{'reference':'Patient/1','display':'Taro'},"
     "'encounter':{'reference':'Encounter/2','display':'visit'}}",
     ",'subject':{'reference':'Patient/1'},'encounter':{'reference':'Encounter/2','display':'visit'}"},
    {"{'resourceType':'Observation','subject':{'display':'Taro','reference':'Patient/1'}}",
     ",'subject':{'reference':'Patient/1'}"},
    {"{'resourceType':'Observation','subject':{'display':'Taro','_display':{'id':'a'}}}", ",'subject':{}"},
    {"{'resourceType':'Observation','performer':[{'reference':'#p','display':'Dr. "
     "X'},{'reference':'Organization/1',"
     "'display':'Clinic'}]}",
     ",'performer':[{'reference':'#p'},{'reference':'Organization/1','display':'Clinic'}]"},
    {"{'resourceType':'Observation','subject':{'type':'Location','display':'Ward 3'}}",
     ",'subject':{'type':'Location','display':'Ward 3'}"},
    {"{'resourceType':'Observation','identifier':[{'value':'1'}],'valueQuantity':{'value':1.10,'unit':'mg'}}",
     ",'valueQuantity':{'value':1.10,'unit':'mg'}"},
    {"{'resourceType':'Observation','text':{'status':'generated','div':'<div>x</div>'},'status':'final'}",
     ",'status':'final'"},
    {"{'resourceType':'Observation','code':{'text':'c','extension':[{'url':'u','valueHumanName':{'text':'x'}}"
     "]}}",
     ",'code':{'text':'c','extension':[{'url':'u'}]}"},
    {"{'resourceType':'Observation','_status':{'extension':[{'url':'u','valueIdentifier':{'value':'x'}}]}}",
     ",'_status':{'extension':[{'url':'u'}]}"},
    {"{'resourceType':'Observation','contained':[{'resourceType':'Patient','id':'p','name':[{'text':'x'}]},"
     "{'resourceType':'Organization','name':'Clinic','telecom':[{'value':'1'}]}]}",
     ",'contained':[{'resourceType':'Patient','id':'p'},{'resourceType':'Organization','name':'Clinic','"
     "telecom':[{"
     "'value':'1'}]}]"},
    {"{'resourceType':'DocumentReference','content':[{'attachment':{'contentType':'text/"
     "plain','title':'x','data':'eA=='}}]"
     "}",
     ",'content':[{'attachment':{'contentType':'text/plain'}}]"},
    {"{'resourceType':'QuestionnaireResponse','status':'completed','item':[{'linkId':'1'}]}",
     ",'status':'completed'"},
    {"{'resourceType':'Bundle','type':'document','entry':[{'resource':{'resourceType':'Patient'}}]}",
     ",'type':'document'"},
    {"{'resourceType':'Binary','contentType':'text/plain','data':'eA=='}", ",'contentType':'text/plain'"},
    {"{'resourceType':'Organization','name':'Clinic','identifier':[{'value':'1'}],'text':{'div':'x'}}",
     ",'name':'Clinic','identifier':[{'value':'1'}],'text':{'div':'x'}"},
};

START_TEST(remains)
{
    struct identity_test t;
    identity_test_init(&t);
    struct identity_pieces pieces = {0};
    bool any;
    json *resource = test_quoted(&t.a, cut[_i].resource);
    struct str whole = json_text(&t.a, resource), rest = identity_test_cut(&t, resource, &any, &pieces);
    const char *expected = arena_strdup(&t.a, cut[_i].rest);
    for (char *c = (char *)expected; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    ck_str_eq(rest, expected);
    ck_assert_int_eq(any, pieces.n > 0);
    struct str joined = identity_join(&t.a, rest, &pieces);
    const char *first = strchr(whole.s, ',');
    ck_str_eq(joined, arena_strndup(&t.a, first, strlen(first) - 1));
    identity_test_release(&t);
}
END_TEST

/* A tree that was written, changed and is written again. */
START_TEST(again)
{
    struct identity_test t;
    struct identity_pieces first = {0}, second = {0};
    bool any;
    identity_test_init(&t);
    json *resource =
        test_quoted(&t.a, "{'resourceType':'Observation','subject':{'reference':'Patient/1','display':'x'}}");
    identity_test_cut(&t, resource, &any, &first);
    ck_assert(any);
    json *subject = json_get(resource, "subject");
    json_put(&t.a, subject, "reference", json_string(&t.a, "Location/1"));
    identity_test_cut(&t, resource, &any, &second);
    ck_assert(!any);
    ck_assert_uint_eq(second.n, 0);
    identity_test_release(&t);
}
END_TEST

Suite *suite_identity_print(void)
{
    Suite *s = suite_create("identity_print");
    TCase *t = tcase_create("print");
    tcase_add_loop_test(t, remains, 0, sizeof cut / sizeof cut[0]);
    tcase_add_test(t, again);
    suite_add_tcase(s, t);
    return s;
}
