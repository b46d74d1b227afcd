#include "../../../src/conformance/internal.h"
#include "support/test.h"

static struct str head[CONFORMANCE__N_HEADS];

static bool read(const char *text)
{
    char quoted[1000];
    size_t n = strlen(text);
    for (size_t i = 0; i <= n; i++)
        quoted[i] = text[i] == '\'' ? '"' : text[i];
    static char kept[1000];
    memcpy(kept, quoted, n + 1);
    return conformance__head((struct str){kept, n}, head);
}

START_TEST(what_is_at_the_top)
{
    ck_assert(read(
        " { 'text' : {'url':'no','a':[1,'}',{'x':'\\''}]}, 'n':-1.5e3 ,'t':true,'resourceType':\n"
        "'CodeSystem','url':'u','status':'draft','concept':[{'version':'no'}],'content':'complete','id':'i'"
        "}"));
    ck_assert(str_is(head[CONFORMANCE__TYPE], "CodeSystem"));
    ck_assert(str_is(head[CONFORMANCE__URL], "u"));
    ck_assert(str_is(head[CONFORMANCE__STATUS], "draft"));
    ck_assert(str_is(head[CONFORMANCE__CONTENT], "complete"));
    ck_assert(str_is(head[CONFORMANCE__ID], "i"));
    ck_assert_ptr_null(head[CONFORMANCE__VERSION].s);
    ck_assert_ptr_null(head[CONFORMANCE__VALUESET].s);
}
END_TEST

START_TEST(no_further_than_needed)
{
    ck_assert(read("{'resourceType':'Patient','url':"));
    ck_assert_int_eq(conformance__kind(head[CONFORMANCE__TYPE]), CONFORMANCE_N_KINDS);
    ck_assert(
        read("{'resourceType':'ValueSet','id':'i','url':'u','version':'1','status':'active','compose':{"));
    ck_assert(str_is(head[CONFORMANCE__VERSION], "1"));
    ck_assert(
        !read("{'resourceType':'CodeSystem','id':'i','url':'u','version':'1','status':'active','concept':{"));
}
END_TEST

START_TEST(the_rest_is_for_the_reader)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{",
                                        "{'",
                                        "{'a'",
                                        "{'a':",
                                        "{'a':1",
                                        "{'a':1,",
                                        "{'a':1,}",
                                        "{'a':[}",
                                        "{'a' 1}",
                                        "{'a':1 'b':2}",
                                        "{a:1}",
                                        "{'resourceType':'ValueSet','url':'http:\\/\\/x'}",
                                        "{'re\\u0073ourceType':'ValueSet'}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!read(texts[i]), "%s", texts[i]);
    ck_assert(read("{'resourceType':'ValueSet','title':'\\u0041\\\\'}"));
}
END_TEST

Suite *suite_conformance_head(void)
{
    Suite *s = suite_create("conformance_head");
    TCase *t = tcase_create("all");
    tcase_add_test(t, what_is_at_the_top);
    tcase_add_test(t, no_further_than_needed);
    tcase_add_test(t, the_rest_is_for_the_reader);
    suite_add_tcase(s, t);
    return s;
}
