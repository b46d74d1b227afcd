/* The operations of terminology: $expand, $validate-code, $lookup, $subsumes (terminology-service.html). */
#include "support/flow.h"

#define GENDER  "http://hl7.org/fhir/administrative-gender"
#define GENDERS "http://hl7.org/fhir/ValueSet/administrative-gender"
#define ANIMALS "http://x/animals"

static void put(const char *path, const char *body)
{
    const struct flow_answer *a = flow_put(path, body);
    ck_assert_msg(a->status == 200 || a->status == 201, "%s: %.*s", path, STR_FMT(a->body));
}

static void begin(void)
{
    flow_begin();
    put("CodeSystem/animals",
        "{\"resourceType\":\"CodeSystem\",\"id\":\"animals\",\"url\":\"" ANIMALS
        "\",\"version\":\"3\",\"name\":"
        "\"Animals\",\"status\":\"active\",\"content\":\"complete\",\"caseSensitive\":true,\"concept\":[{"
        "\"code\":"
        "\"animal\",\"display\":\"Animal\",\"property\":[{\"code\":\"notSelectable\",\"valueBoolean\":true}],"
        "\"concept\":[{\"code\":\"dog\",\"display\":\"Dog\",\"definition\":\"It barks\",\"designation\":[{"
        "\"language\":\"ja-JP\",\"use\":{\"system\":\"http://x/use\",\"code\":\"common\"},\"value\":\"犬\"}],"
        "\"property\":[{\"code\":\"legs\",\"valueInteger\":4},{\"code\":\"food\",\"valueCoding\":{\"system\":"
        "\"http://x/"
        "food\",\"code\":\"meat\"}}]},{\"code\":\"dodo\",\"display\":\"Dodo\",\"property\":[{\"code\":"
        "\"inactive\",\"valueBoolean\":true}]}]},{\"code\":\"plant\",\"display\":\"Plant\"}]}");
    put("ValueSet/animals", "{\"resourceType\":\"ValueSet\",\"id\":\"animals\",\"url\":\"http://x/"
                            "vs\",\"version\":\"1\",\"status\":"
                            "\"draft\",\"compose\":{\"include\":[{\"system\":\"" ANIMALS "\"}]}}");
}

static const struct flow_answer *post(const char *path, const char *parameters)
{
    return flow_post(
        path, arena_printf(flow_arena(), "{\"resourceType\":\"Parameters\",\"parameter\":[%s]}", parameters));
}

/* The value of an answer's parameter; NULL: it has none. */
static const char *value(const struct flow_answer *a, const char *name)
{
    json_each (p, json_get(a->json, "parameter")) {
        const char *is = json_get_string(p, "name");
        if (!is || strcmp(is, name) != 0)
            continue;
        json_each (m, p) {
            if (strncmp(m->string, "value", 5) != 0)
                continue;
            return json_is_bool(m) ? (json_is_true(m) ? "true" : "false") : m->valuestring;
        }
    }
    return NULL;
}

static void ck_value(const struct flow_answer *a, const char *name, const char *expected)
{
    ck_status(a, 200);
    const char *is = value(a, name);
    ck_assert_msg(is && strcmp(is, expected) == 0, "%s is not %s: %.*s", name, expected, STR_FMT(a->body));
}

/* "dog dodo plant" */
static void ck_codes(const struct flow_answer *a, const char *expected)
{
    struct buf b;
    ck_status(a, 200);
    buf_init(&b, flow_arena(), 100);
    json_each (c, flow_node(a->json, "expansion.contains"))
        buf_addf(&b, "%s%s", b.len ? " " : "", json_get_string(c, "code"));
    ck_assert_str_eq(b.len ? b.s : "", expected);
}

START_TEST(test_expand)
{
    const struct flow_answer *a = flow_get("ValueSet/$expand?url=http://x/vs");
    ck_codes(a, "animal dog dodo plant");
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "ValueSet");
    ck_assert_str_eq(flow_text(a->json, "url"), "http://x/vs");
    ck_assert_str_eq(flow_text(a->json, "status"), "draft");
    ck_assert_str_eq(flow_node(a->json, "expansion.total")->valuestring, "4");
    ck_assert(json_is_true(flow_node(a->json, "expansion.contains[0].abstract")));
    ck_assert(json_is_true(flow_node(a->json, "expansion.contains[2].inactive")));
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[1].system"), ANIMALS);
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[1].version"), "3");
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[1].display"), "Dog");
    ck_assert_str_eq(flow_text(a->json, "expansion.parameter[0].valueUri"), ANIMALS "|3");
    ck_assert_ptr_null(flow_node(a->json, "expansion.contains[1].designation"));

    ck_codes(flow_get("ValueSet/animals/$expand"), "animal dog dodo plant");
    ck_codes(flow_get("ValueSet/$expand?url=http://x/vs&valueSetVersion=1&filter=do"), "dog dodo");
    ck_codes(flow_get("ValueSet/$expand?url=http://x/vs&activeOnly=true"), "animal dog plant");
    ck_codes(flow_get("ValueSet/$expand?url=" GENDERS), "male female other unknown");
    a = flow_get("ValueSet/$expand?url=http://x/vs&offset=1&count=2");
    ck_codes(a, "dog dodo");
    ck_assert_str_eq(flow_node(a->json, "expansion.total")->valuestring, "4");
    ck_assert_str_eq(flow_node(a->json, "expansion.offset")->valuestring, "1");
    ck_codes(flow_get("ValueSet/$expand?url=http://x/vs&offset=9"), "");
    ck_codes(flow_get("ValueSet/$expand?url=http://x/vs&count=0"), "");
    a = flow_get("ValueSet/$expand?url=http://x/vs&includeDesignations=true&displayLanguage=ja");
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[1].display"), "犬");
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[0].display"), "Animal");
    ck_assert_str_eq(flow_text(a->json, "expansion.contains[1].designation[0].use.code"), "common");

    ck_codes(flow_post("ValueSet/$expand",
                       "{\"resourceType\":\"ValueSet\",\"status\":\"active\",\"compose\":{"
                       "\"include\":[{\"system\":\"" ANIMALS "\",\"concept\":[{\"code\":"
                       "\"dog\"}]}]}}"),
             "dog");
    ck_codes(post("ValueSet/$expand", "{\"name\":\"url\",\"valueUri\":\"http://x/vs\"},{\"name\":\"filter\","
                                      "\"valueString\":\"PLANT\"}"),
             "plant");
}
END_TEST

START_TEST(test_expand_refuses)
{
    ck_status(flow_get("ValueSet/$expand?url=http://x/nothing"), 404);
    ck_status(flow_get("ValueSet/$expand?url=http://x/vs&valueSetVersion=7"), 404);
    ck_status(flow_get("ValueSet/nobody/$expand"), 404);
    ck_status(flow_get("ValueSet/$expand"), 400);
    ck_status(flow_get("ValueSet/animals/$expand?url=http://x/vs"), 400);
    ck_status(flow_get("ValueSet/$expand?url=http://x/vs&count=-1"), 400);
    ck_status(flow_get("ValueSet/$expand?url=http://x/vs&activeOnly=perhaps"), 400);
    ck_status(flow_get("ValueSet/$expand?url=http://x/vs&colour=red"), 400);
    ck_status(flow_get("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/mimetypes"), 403);
    flow_set("terminology.max_codes=3");
    ck_status(flow_get("ValueSet/$expand?url=http://x/vs"), 403);
    ck_codes(flow_get("ValueSet/$expand?url=http://x/vs&filter=do"), "dog dodo");
    flow_set("terminology.max_codes=100000");
    ck_status(flow("GET", "ValueSet/$expand?url=http://x/vs", flow_token("system/Patient.rs"), NULL), 403);
}
END_TEST

START_TEST(test_validate_code_in_a_value_set)
{
    const struct flow_answer *a;
    ck_value(flow_get("ValueSet/$validate-code?url=http://x/vs&system=" ANIMALS "&code=dog"), "result",
             "true");
    a = flow_get("ValueSet/$validate-code?url=http://x/vs&system=" ANIMALS "&code=cat");
    ck_value(a, "result", "false");
    ck_assert_msg(strstr(value(a, "message"), "not in the value set http://x/vs"), "%s", value(a, "message"));
    ck_value(flow_get("ValueSet/animals/$validate-code?system=" ANIMALS "&code=dog"), "display", "Dog");
    ck_value(flow_get("ValueSet/animals/$validate-code?system=" ANIMALS "&code=animal"), "result", "false");
    ck_value(flow_get("ValueSet/animals/$validate-code?system=" ANIMALS "&code=animal&abstract=true"),
             "result", "true");
    ck_value(flow_get("ValueSet/animals/$validate-code?system=http://y&code=dog"), "result", "false");
    ck_value(flow_get("ValueSet/$validate-code?url=" GENDERS "&code=male"), "display", "Male");
    ck_value(flow_get("ValueSet/animals/$validate-code?system=" ANIMALS "&code=dog&display=DOG"), "result",
             "true");
    ck_value(flow_get("ValueSet/animals/$validate-code?system=" ANIMALS "&code=dog&display=%E7%8A%AC"),
             "result", "true");
    a = flow_get("ValueSet/animals/$validate-code?system=" ANIMALS "&code=dog&display=Cat");
    ck_value(a, "result", "false");
    ck_value(a, "display", "Dog");
    ck_value(post("ValueSet/animals/$validate-code",
                  "{\"name\":\"coding\",\"valueCoding\":{\"system\":\"" ANIMALS "\",\"code\":\"plant\"}}"),
             "result", "true");
    ck_value(
        post("ValueSet/$validate-code",
             "{\"name\":\"url\",\"valueUri\":\"http://x/vs\"},{\"name\":\"codeableConcept\","
             "\"valueCodeableConcept\":{\"coding\":[{\"system\":\"http://y\",\"code\":\"1\"},{\"system\":"
             "\"" ANIMALS "\",\"code\":\"plant\"}]}}"),
        "result", "true");
    a = post(
        "ValueSet/$validate-code",
        "{\"name\":\"valueSet\",\"resource\":{\"resourceType\":\"ValueSet\",\"status\":\"active\","
        "\"compose\":{"
        "\"include\":[{\"system\":\"http://nowhere\"}]}}},{\"name\":\"coding\",\"valueCoding\":{\"system\":"
        "\"http://nowhere\",\"code\":\"1\"}}");
    ck_value(a, "result", "false");
    ck_assert_msg(strstr(value(a, "message"), "http://nowhere is not known here"), "%s", value(a, "message"));
    ck_status(flow_get("ValueSet/$validate-code?url=http://x/vs"), 400);
    ck_status(flow_get("ValueSet/$validate-code?code=dog&system=" ANIMALS), 400);
    ck_status(flow_get("ValueSet/$validate-code?url=http://x/nothing&code=dog"), 404);
}
END_TEST

START_TEST(test_validate_code_in_a_code_system)
{
    const struct flow_answer *a;
    ck_value(flow_get("CodeSystem/$validate-code?url=" ANIMALS "&code=dog&display=Dog"), "result", "true");
    ck_value(flow_get("CodeSystem/$validate-code?url=" ANIMALS "&version=3&code=dog"), "display", "Dog");
    ck_value(flow_get("CodeSystem/$validate-code?url=" ANIMALS "&version=2&code=dog"), "result", "false");
    ck_value(flow_get("CodeSystem/$validate-code?url=" ANIMALS "&code=cat"), "result", "false");
    ck_value(flow_get("CodeSystem/animals/$validate-code?code=dog"), "result", "true");
    ck_value(flow_get("CodeSystem/animals/$validate-code?code=animal"), "result", "false");
    ck_value(flow_get("CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mmol/L"), "result",
             "true");
    a = flow_get("CodeSystem/$validate-code?url=http://nowhere&code=1");
    ck_value(a, "result", "false");
    ck_assert_msg(strstr(value(a, "message"), "http://nowhere is not known here"), "%s", value(a, "message"));
    ck_value(post("CodeSystem/$validate-code",
                  "{\"name\":\"coding\",\"valueCoding\":{\"system\":\"" GENDER "\",\"code\":\"male\"}}"),
             "result", "true");
    ck_value(
        post("CodeSystem/$validate-code",
             "{\"name\":\"codeSystem\",\"resource\":{\"resourceType\":\"CodeSystem\",\"url\":\"http://z\","
             "\"status\":\"active\",\"content\":\"complete\",\"concept\":[{\"code\":\"1\"}]}},{\"name\":"
             "\"code\","
             "\"valueCode\":\"1\"}"),
        "result", "true");
    ck_status(flow_get("CodeSystem/$validate-code?code=dog"), 400);
    ck_status(flow_get("CodeSystem/nobody/$validate-code?code=dog"), 404);
    ck_status(post("CodeSystem/animals/$validate-code",
                   "{\"name\":\"coding\",\"valueCoding\":{\"system\":\"" GENDER "\",\"code\":\"male\"}}"),
              400);
}
END_TEST

/* The value of a property of $lookup. */
static const char *property(const struct flow_answer *a, const char *code)
{
    json_each (p, json_get(a->json, "parameter"))
        if (strcmp(json_get_string(p, "name"), "property") == 0 &&
            strcmp(flow_text(p, "part[0].valueCode"), code) == 0) {
            const json *value = flow_node(p, "part[1]");
            json_each (m, value)
                if (strncmp(m->string, "value", 5) == 0)
                    return json_is_bool(m)     ? (json_is_true(m) ? "true" : "false")
                           : json_is_object(m) ? json_get_string(m, "code")
                                               : m->valuestring;
        }
    return "";
}

START_TEST(test_lookup)
{
    const struct flow_answer *a = flow_get("CodeSystem/$lookup?system=" ANIMALS "&code=dog");
    ck_value(a, "name", "Animals");
    ck_value(a, "version", "3");
    ck_value(a, "display", "Dog");
    ck_assert_str_eq(property(a, "legs"), "4");
    ck_assert_str_eq(property(a, "food"), "meat");
    ck_assert_str_eq(property(a, "definition"), "It barks");
    ck_assert_str_eq(property(a, "parent"), "animal");
    ck_assert_str_eq(property(a, "inactive"), "false");
    ck_assert_msg(memmem(a->body.s, a->body.len, "犬", 3), "%.*s", STR_FMT(a->body));
    a = flow_get("CodeSystem/$lookup?system=" ANIMALS "&code=animal&property=child&property=designation");
    ck_assert_str_eq(property(a, "child"), "dog");
    ck_assert_str_eq(property(a, "notSelectable"), "");
    a = post("CodeSystem/$lookup",
             "{\"name\":\"coding\",\"valueCoding\":{\"system\":\"" ANIMALS "\",\"code\":\"dodo\"}}");
    ck_assert_str_eq(property(a, "inactive"), "true");
    ck_value(flow_get("CodeSystem/$lookup?system=" GENDER "&code=male"), "display", "Male");
    ck_status(flow_get("CodeSystem/$lookup?system=" ANIMALS "&code=cat"), 404);
    ck_status(flow_get("CodeSystem/$lookup?system=http://nowhere&code=cat"), 404);
    ck_status(flow_get("CodeSystem/$lookup?code=cat"), 400);
    ck_status(flow_get("CodeSystem/$lookup?system=" ANIMALS), 400);
}
END_TEST

START_TEST(test_subsumes)
{
    ck_value(flow_get("CodeSystem/$subsumes?system=" ANIMALS "&codeA=animal&codeB=dog"), "outcome",
             "subsumes");
    ck_value(flow_get("CodeSystem/$subsumes?system=" ANIMALS "&codeA=dog&codeB=animal"), "outcome",
             "subsumed-by");
    ck_value(flow_get("CodeSystem/$subsumes?system=" ANIMALS "&codeA=dog&codeB=dog"), "outcome",
             "equivalent");
    ck_value(flow_get("CodeSystem/animals/$subsumes?codeA=dog&codeB=plant"), "outcome", "not-subsumed");
    ck_value(post("CodeSystem/$subsumes",
                  "{\"name\":\"codingA\",\"valueCoding\":{\"system\":\"" ANIMALS
                  "\",\"code\":\"animal\"}},{\"name\":"
                  "\"codingB\",\"valueCoding\":{\"system\":\"" ANIMALS "\",\"code\":\"dodo\"}}"),
             "outcome", "subsumes");
    ck_status(flow_get("CodeSystem/$subsumes?system=" ANIMALS "&codeA=dog&codeB=cat"), 404);
    ck_status(flow_get("CodeSystem/$subsumes?system=http://nowhere&codeA=dog&codeB=cat"), 404);
    ck_status(flow_get("CodeSystem/$subsumes?codeA=dog&codeB=cat"), 400);
    ck_status(flow_get("CodeSystem/$subsumes?system=" ANIMALS "&codeA=dog"), 400);
}
END_TEST

Suite *suite_flow_codes(void)
{
    Suite *s = suite_create("flow/codes");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, begin, flow_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_expand);
    tcase_add_test(t, test_expand_refuses);
    tcase_add_test(t, test_validate_code_in_a_value_set);
    tcase_add_test(t, test_validate_code_in_a_code_system);
    tcase_add_test(t, test_lookup);
    tcase_add_test(t, test_subsumes);
    suite_add_tcase(s, t);
    return s;
}
