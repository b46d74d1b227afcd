/* The operations of terminology: the other parameters of $expand, supplements, $translate and $closure. */
#include "support/flow.h"

#define ANIMALS "http://x/animals"

/* ' for " */
static const char *quoted(struct arena *a, const char *text)
{
    char *s = arena_strdup(a, text);
    for (char *c = s; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return s;
}

static void put(const char *path, const char *body)
{
    const struct flow_answer *a = flow("PUT", path, NULL, quoted(flow_arena(), body));
    ck_assert_msg(a->status == 200 || a->status == 201, "%s: %.*s", path, STR_FMT(a->body));
}

static const struct flow_answer *post(const char *path, const char *parameters)
{
    return flow_post(path, quoted(flow_arena(),
                                  arena_printf(flow_arena(), "{'resourceType':'Parameters','parameter':[%s]}",
                                               parameters)));
}

static void begin(void)
{
    flow_begin();
    put("CodeSystem/animals",
        "{'resourceType':'CodeSystem','id':'animals','url':'" ANIMALS
        "','version':'2','status':'active','content':'complete','caseSensitive':true,'concept':[{'code':'"
        "animal','display':'Animal','concept':[{'code':'dog','display':'Dog','designation':[{'language':'ja',"
        "'value':'犬'},{'use':{'system':'http://x/"
        "use','code':'pet'},'value':'Rex'}]},{'code':'cat','display':'Cat'}]},{'code':'plant','display':'"
        "Plant'}]}");
    put("CodeSystem/animals-1", "{'resourceType':'CodeSystem','id':'animals-1','url':'" ANIMALS
                                "','version':'1','status':'active','content':'complete','concept':[{'code':'"
                                "dodo','display':'Dodo'}]}");
    put("CodeSystem/more", "{'resourceType':'CodeSystem','id':'more','url':'http://x/"
                           "more','status':'active','content':'supplement','supplements':'" ANIMALS
                           "','concept':[{'code':'cat','designation':[{'language':'ja','value':'猫'}],'"
                           "property':[{'code':'lives','valueInteger':9}]}]}");
    put("ValueSet/animals", "{'resourceType':'ValueSet','id':'animals','url':'http://x/"
                            "vs','status':'active','compose':{'include':[{'system':'" ANIMALS "'}]}}");
    put("ConceptMap/map",
        "{'resourceType':'ConceptMap','id':'map','url':'http://x/map','status':'active','sourceUri':'http://"
        "x/vs','targetUri':'http://x/tiere','group':[{'source':'" ANIMALS "','target':'http://x/"
        "tier','element':[{'code':'dog','target':[{'code':'hund','display':'Hund','equivalence':'equivalent'}"
        "]},{'code':'cat','target':[{'code':'kater','equivalence':'narrower','comment':'male','dependsOn':[{'"
        "property':'http://x/sex','system':'http://x/"
        "s','value':'male'}]},{'code':'katze','equivalence':'wider','product':[{'property':'http://x/"
        "p','system':'http://x/"
        "s','value':'v'}]}]},{'code':'plant','target':[{'equivalence':'unmatched'}]}],'unmapped':{'mode':'"
        "fixed','code':'tier'}},{'source':'" ANIMALS "','target':'http://x/"
        "same','element':[{'code':'dog','target':[{'code':'d','equivalence':'equal'}]}],'unmapped':{'mode':'"
        "provided'}},{'source':'http://x/other','target':'http://x/"
        "tier','element':[{'code':'9','target':[{'code':'neun','equivalence':'equal'}]}],'unmapped':{'mode':'"
        "other-map','url':'http://x/second'}}]}");
    put("ConceptMap/second",
        "{'resourceType':'ConceptMap','id':'second','url':'http://x/"
        "second','status':'active','group':[{'source':'http://x/other','target':'http://x/"
        "tier','element':[{'code':'1','target':[{'code':'eins','equivalence':'equal'}]}]}]}");
}

/* "animal(dog cat) plant" */
static void add_codes(struct buf *b, const json *list)
{
    json_each (c, list) {
        buf_addf(b, "%s%s", b->len && b->s[b->len - 1] != '(' ? " " : "", json_get_string(c, "code"));
        if (json_get(c, "contains")) {
            buf_addc(b, '(');
            add_codes(b, json_get(c, "contains"));
            buf_addc(b, ')');
        }
    }
}

static void ck_codes(const struct flow_answer *a, const char *expected)
{
    struct buf b;
    ck_status(a, 200);
    buf_init(&b, flow_arena(), 100);
    add_codes(&b, flow_node(a->json, "expansion.contains"));
    ck_assert_str_eq(b.len ? b.s : "", expected);
}

START_TEST(test_expand)
{
    const struct flow_answer *a;
    ck_codes(flow_get("ValueSet/animals/$expand?excludeNested=false"), "animal(dog cat) plant");
    ck_codes(flow_get("ValueSet/animals/$expand?excludeNested=true"), "animal dog cat plant");
    a = flow_get("ValueSet/animals/$expand?offset=1&count=2");
    ck_codes(a, "dog cat");
    ck_assert_str_eq(flow_node(a->json, "expansion.total")->valuestring, "4");
    flow_set("terminology.max_codes=2");
    ck_codes(flow_get("ValueSet/animals/$expand?offset=2&count=2&filter=a"),
             "plant"); /* of a large one, a part */
    ck_status(flow_get("ValueSet/animals/$expand?count=3"), 403);
    flow_set("terminology.max_codes=100000");
    ck_codes(flow_get("ValueSet/animals/$expand?system-version=" ANIMALS "%7C1"), "dodo");
    ck_codes(flow_get("ValueSet/animals/$expand?force-system-version=" ANIMALS "%7C1"), "dodo");
    ck_status(flow_get("ValueSet/animals/$expand?check-system-version=" ANIMALS "%7C1"), 422);
    ck_codes(flow_get("ValueSet/animals/$expand?check-system-version=" ANIMALS "%7C2&filter=dog"), "dog");
    ck_codes(flow_get("ValueSet/animals/$expand?exclude-system=" ANIMALS), "");
    a = flow_get("ValueSet/animals/$expand?designation=ja&filter=cat&displayLanguage=ja");
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[0].display"), "猫"); /* of a supplement */
    a = flow_get("ValueSet/animals/$expand?designation=http://x/use%7Cpet&filter=dog");
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[0].designation[0].value"), "Rex");
    ck_assert_ptr_null(flow_node(a->json, "expansion.contains[0].designation[1]"));
    a = flow_get("ValueSet/animals/$expand?includeDefinition=true");
    ck_assert_str_eq(flow_text(a->json, "compose.include[0].system"), ANIMALS);
    ck_codes(flow_get("ValueSet/$expand?context=Patient.gender"), "male female other unknown");
    ck_status(flow_get("ValueSet/$expand?context=Patient.photo"), 404);
    ck_codes(flow_get("ValueSet/$expand?url=" ANIMALS "?fhir_vs"), "animal dog cat plant");
    ck_codes(flow_get("ValueSet/$expand?url=" ANIMALS "?fhir_vs%3Disa/animal"), "animal dog cat");
    ck_status(flow_get("ValueSet/$expand?url=http://x/nowhere?fhir_vs"), 404);
    ck_status(flow_get("ValueSet/animals/$expand?date=2001-01-01"), 501);
    ck_status(flow_get("ValueSet/animals/$expand?date=2999-01-01"), 200);
    ck_codes(
        post("ValueSet/$expand",
             "{'name':'valueSet','resource':{'resourceType':'ValueSet','status':'active','contained':[{'"
             "resourceType':'ValueSet','id':'c','status':'active','compose':{'include':[{'system':'" ANIMALS
             "','concept':[{'code':'cat'}]}]}}],'compose':{'include':[{'valueSet':['#c']}]}}}"),
        "cat");
}
END_TEST

START_TEST(test_supplement)
{
    const struct flow_answer *a =
        flow_get("CodeSystem/$lookup?system=" ANIMALS "&code=cat&displayLanguage=ja");
    ck_status(a, 200);
    ck_assert(memmem(a->body.s, a->body.len, "猫", 3) != NULL);
    ck_assert(memmem(a->body.s, a->body.len, "lives", 5) != NULL);
    a = flow_get("CodeSystem/$validate-code?url=" ANIMALS "&code=cat&display=%E7%8C%AB");
    ck_assert(json_is_true(flow_node(a->json, "parameter[0].valueBoolean")));
    ck_status(flow_get("CodeSystem/$lookup?system=http://x/more&code=cat"), 404);
}
END_TEST

/* Records come from systems with other versions: displays and codes that differ are no reason to refuse one. */
START_TEST(test_writes)
{
    const char *body =
        "{'resourceType':'Observation','id':'o','status':'final','code':{'coding':[{'system':'" ANIMALS
        "','code':'dog','display':'Cat'},{'system':'" ANIMALS "','code':'emu'}]}}";
    put("Observation/o", body);
    const struct flow_answer *a = flow_post("Observation/$validate", quoted(flow_arena(), body));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "error");
    ck_assert_str_eq(flow_text(a->json, "issue[0].expression[0]"), "Observation.code.coding[0].display");
    ck_assert_str_eq(flow_text(a->json, "issue[1].expression[0]"), "Observation.code.coding[1].code");
}
END_TEST

/* "true: equivalent hund@http://x/tier, …" */
static void ck_translated(const struct flow_answer *a, const char *expected)
{
    struct buf b;
    ck_status(a, 200);
    buf_init(&b, flow_arena(), 100);
    buf_adds(&b, json_is_true(flow_node(a->json, "parameter[0].valueBoolean")) ? "true:" : "false:");
    json_each (p, json_get(a->json, "parameter")) {
        if (strcmp(json_get_string(p, "name"), "match") != 0)
            continue;
        const json *concept = flow_node(p, "part[1].valueCoding");
        buf_addf(&b, " %s", flow_text(p, "part[0].valueCode"));
        if (concept)
            buf_addf(&b, "=%s", json_get_string(concept, "code"));
    }
    ck_assert_str_eq(b.s, expected);
}

START_TEST(test_translate)
{
#define ASK "ConceptMap/$translate?url=http://x/map&system=" ANIMALS
    const struct flow_answer *a = flow_get(ASK "&code=dog");
    ck_translated(a, "true: equivalent=hund equal=d");
    ck_assert_str_eq(flow_text(a->json, "parameter[1].part[1].valueCoding.display"), "Hund");
    ck_assert_str_eq(flow_text(a->json, "parameter[1].part[2].valueUri"), "http://x/map");
    ck_translated(flow_get(ASK "&code=dog&targetsystem=http://x/same"), "true: equal=d");
    ck_translated(flow_get(ASK "&code=plant&targetsystem=http://x/tier"), "false: unmatched");
    ck_translated(flow_get(ASK "&code=emu"), "true: inexact=tier equivalent=emu");
    a = flow_get(ASK "&code=cat&targetsystem=http://x/tier");
    ck_translated(a, "true: narrower=kater wider=katze");
    ck_assert_str_eq(flow_text(a->json, "parameter[2].part[2].part[1].valueCoding.code"), "v");
    ck_translated(flow_get("ConceptMap/map/$translate?system=http://x/other&code=1"), "true: equal=eins");
    ck_translated(flow_get("ConceptMap/map/$translate?system=http://x/other&code=2"), "false:");
    ck_translated(flow_get("ConceptMap/map/$translate?system=http://x/tier&code=katze&reverse=true"),
                  "true: narrower=cat");
    ck_translated(flow_get("ConceptMap/$translate?source=http://x/vs&system=" ANIMALS
                           "&code=dog&target=http://x/tiere&targetsystem=http://x/tier"),
                  "true: equivalent=hund");
    ck_translated(flow_get("ConceptMap/$translate?system=http://x/other&code=1&targetsystem=http://x/tier"),
                  "true: equal=eins");
    ck_translated(
        post("ConceptMap/$translate",
             "{'name':'url','valueUri':'http://x/map'},{'name':'coding','valueCoding':{'system':'" ANIMALS
             "','code':'cat'}},{'name':'targetsystem','valueUri':'http://x/"
             "tier'},{'name':'dependency','part':[{'name':'element','valueUri':'http://x/"
             "sex'},{'name':'concept','valueCodeableConcept':{'coding':[{'system':'http://x/"
             "s','code':'female'}]}}]}"),
        "true: wider=katze");
    ck_translated(
        post("ConceptMap/$translate",
             "{'name':'conceptMap','resource':{'resourceType':'ConceptMap','status':'active','group':[{'"
             "source':'s','target':'t','element':[{'code':'1','target':[{'code':'2','equivalence':'equal'}]}]"
             "}]}},{'name':'codeableConcept','valueCodeableConcept':{'coding':[{'system':'s','code':'1'}]}}"),
        "true: equal=2");
    ck_status(flow_get("ConceptMap/$translate?url=http://x/none&system=s&code=1"), 404);
    ck_status(flow_get("ConceptMap/$translate?url=http://x/map&code=1"), 400);
    ck_status(flow_get("ConceptMap/$translate?system=s&code=1"), 400);
    ck_status(flow_get("ConceptMap/nobody/$translate?system=s&code=1"), 404);
    /* what the definitions bring */
    a = flow_get("ConceptMap/$translate?url=http://hl7.org/fhir/ConceptMap/"
                 "cm-administrative-gender-v3&system=http://hl7.org/fhir/administrative-gender&code=male");
    ck_status(a, 200);
}
END_TEST

static const struct flow_answer *closure(const char *parameters)
{
    return post("$closure", arena_printf(flow_arena(), "{'name':'name','valueString':'mine'}%s", parameters));
}
#define CONCEPT(code) ",{'name':'concept','valueCoding':{'system':'" ANIMALS "','code':'" code "'}}"

/* "2: dog<animal" */
static void ck_closure(const struct flow_answer *a, const char *expected)
{
    struct buf b;
    ck_status(a, 200);
    buf_init(&b, flow_arena(), 100);
    buf_addf(&b, "%s:", flow_text(a->json, "version"));
    json_each (e, flow_node(a->json, "group[0].element"))
        json_each (t, json_get(e, "target")) {
            ck_assert_str_eq(json_get_string(t, "equivalence"), "subsumes");
            buf_addf(&b, " %s<%s", json_get_string(e, "code"), json_get_string(t, "code"));
        }
    ck_assert_str_eq(b.s, expected);
}

START_TEST(test_closure)
{
    ck_status(closure(CONCEPT("dog")), 404);
    ck_closure(closure(""), "0:");
    ck_closure(closure(CONCEPT("dog")), "1:");
    ck_closure(closure(CONCEPT("animal") CONCEPT("plant")), "2: dog<animal");
    ck_closure(closure(CONCEPT("animal")), "2:"); /* nothing new */
    ck_closure(closure(CONCEPT("cat")), "3: cat<animal");
    ck_closure(closure(",{'name':'version','valueString':'1'}"), "3: cat<animal dog<animal");
    ck_closure(closure(",{'name':'version','valueString':'2'}"), "3: cat<animal");
    ck_status(closure(",{'name':'version','valueString':'x'}"), 400);
    ck_status(closure(",{'name':'version','valueString':'1'}" CONCEPT("dog")), 400);
    ck_status(closure(CONCEPT("unicorn")), 404);
    ck_closure(closure(",{'name':'version','valueString':'0'}"), "3: cat<animal dog<animal");
    ck_closure(closure(""), "0:"); /* from the beginning */
    ck_closure(closure(CONCEPT("dog") CONCEPT("animal")), "1: dog<animal");
    ck_status(flow_get("$closure?name=mine"), 405);
    ck_status(
        flow("POST", "$closure", flow_token("system/Patient.rs"),
             "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"name\",\"valueString\":\"x\"}]}"),
        403);
}
END_TEST

Suite *suite_flow_codes_more(void)
{
    Suite *s = suite_create("flow/codes_more");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, begin, flow_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_expand);
    tcase_add_test(t, test_supplement);
    tcase_add_test(t, test_writes);
    tcase_add_test(t, test_translate);
    tcase_add_test(t, test_closure);
    suite_add_tcase(s, t);
    return s;
}
