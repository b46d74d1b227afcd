#include <stdio.h>
#include <unistd.h>

#include "support/test.h"
#include "validate/command.h"

static struct arena a;
static char input[] = "/tmp/kagari-validate-XXXXXX";

static void setup(void)
{
    arena_init(&a, 0);
    int fd = mkstemp(input);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(input);
    arena_release(&a);
}

/* Runs `kagari validate …` on a file with this text; what it printed is in *out. */
static int run(const char *text, const char *option, const char *value, struct str *out)
{
    FILE *f = fopen(input, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    char *argv[5] = {(char[]){"validate"}};
    int argc = 1;
    if (option) {
        argv[argc++] = arena_strdup(&a, option);
        argv[argc++] = arena_strdup(&a, value);
    }
    argv[argc++] = input;

    FILE *printed = tmpfile();
    ck_assert_ptr_nonnull(printed);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(printed), STDOUT_FILENO);
    int status = validate_command(argc, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);

    struct buf b;
    buf_init(&b, &a, 1024);
    rewind(printed);
    for (int c; (c = fgetc(printed)) != EOF;)
        buf_addc(&b, (char)c);
    fclose(printed);
    *out = buf_str(&b);
    return status;
}

static const json *issue(struct str out, size_t i)
{
    const json *outcome = test_json(&a, out.s);
    ck_assert_str_eq(json_get_string(outcome, "resourceType"), "OperationOutcome");
    return json_at(json_get(outcome, "issue"), i);
}

START_TEST(test_valid)
{
    struct str out;
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\"}", NULL, NULL, &out), 0);
    ck_assert_str_eq(json_get_string(issue(out, 0), "severity"), "information");
    ck_assert_ptr_null(issue(out, 1));
}
END_TEST

START_TEST(test_invalid)
{
    struct str out;
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\",\"active\":1}", NULL, NULL, &out), 1);
    const json *i = issue(out, 0);
    ck_assert_str_eq(json_get_string(i, "severity"), "error");
    ck_assert_str_eq(json_get_string(i, "code"), "structure");
    ck_assert_str_eq(json_at(json_get(i, "expression"), 0)->valuestring, "Patient.active");
    ck_assert_ptr_nonnull(json_get_string(json_get(i, "details"), "text"));
}
END_TEST

START_TEST(test_no_json)
{
    struct str out;
    ck_assert_int_eq(run("{\"resourceType\":\n\"Patient\",}", NULL, NULL, &out), 1);
    ck_assert_str_eq(json_get_string(issue(out, 0), "severity"), "fatal");
    ck_assert_ptr_nonnull(strstr(json_get_string(json_get(issue(out, 0), "details"), "text"), "line 2"));
}
END_TEST

START_TEST(test_xml)
{
    struct str out;
    ck_assert_int_eq(run("\xef\xbb\xbf\n<Patient xmlns=\"http://hl7.org/fhir\"/>", NULL, NULL, &out), 0);
    ck_assert_int_eq(
        run("<Patient xmlns=\"http://hl7.org/fhir\"><gender value=\"x\"/></Patient>", NULL, NULL, &out), 1);
    ck_assert_str_eq(json_at(json_get(issue(out, 0), "expression"), 0)->valuestring, "Patient.gender");
    ck_assert_int_eq(run("<Patient xmlns=\"http://hl7.org/fhir\">\n<x/></Patient>", NULL, NULL, &out), 1);
    ck_assert_str_eq(json_get_string(issue(out, 0), "severity"), "fatal");
    ck_assert_str_eq(json_at(json_get(issue(out, 0), "expression"), 0)->valuestring, "Patient");
    ck_assert_ptr_nonnull(strstr(json_get_string(json_get(issue(out, 0), "details"), "text"), "line 2"));
}
END_TEST

START_TEST(test_language)
{
    struct str out;
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\",\n \"active\":1}", "--language", "ja-JP", &out), 1);
    ck_assert_ptr_nonnull(strstr(json_get_string(json_get(issue(out, 0), "details"), "text"), "引用符なし"));
    ck_assert_str_eq(json_at(json_get(issue(out, 0), "location"), 0)->valuestring, "Line 2, Col 11");
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\"}", "--language", "xx", &out), 2);
}
END_TEST

START_TEST(test_ndjson)
{
    struct str out, rest;
    char path[64];
    snprintf(path, sizeof path, "%s.ndjson", input);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 500; i++)
        fputs(i % 100 ? "{\"resourceType\":\"Patient\"}\n"
              : i     ? "{\"resourceType\":\"Patient\", \"active\":1}\n"
                      : "\n{\r\n",
              f);
    fclose(f);
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\"}", "--language=en", path, &out), 1);
    unlink(path);
    for (int i = 0; i < 501; i++) { /* in the order of the input; the last is the other file */
        struct str line = str_cut(out, '\n', &rest);
        const json *outcome = test_json(&a, arena_strndup(&a, line.s, line.len)),
                   *first = json_at(json_get(outcome, "issue"), 0);
        const char *name = json_get_string(json_at(json_get(outcome, "extension"), 0), "valueString");
        ck_assert_str_eq(name, i == 500 ? input : arena_printf(&a, "%s:%d", path, i + 2));
        ck_assert_str_eq(json_get_string(first, "severity"), i == 0                    ? "fatal"
                                                             : i < 500 && i % 100 == 0 ? "error"
                                                                                       : "information");
        if (i == 100)
            ck_assert_str_eq(json_at(json_get(first, "location"), 0)->valuestring, "Line 102, Col 37");
        out = rest;
    }
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_options)
{
    struct str out;
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\"}", "--profile", "http://example.org/p", &out), 1);
    ck_assert_str_eq(json_get_string(issue(out, 0), "code"), "not-found");
    ck_assert_int_eq(run("{\"resourceType\":\"Patient\"}", "--supporting", "/nonexistent/file", &out), 2);
    ck_assert_int_eq(
        run("{\"resourceType\":\"StructureDefinition\",\"url\":\"http://example.org/"
            "p\",\"name\":\"P\",\"status\":"
            "\"draft\",\"kind\":\"resource\",\"abstract\":false,\"type\":\"StructureDefinition\","
            "\"derivation\":"
            "\"constraint\",\"baseDefinition\":\"http://hl7.org/fhir/StructureDefinition/"
            "StructureDefinition\","
            "\"differential\":{\"element\":[{\"path\":\"StructureDefinition.title\",\"min\":1}]},"
            "\"meta\":{\"profile\":[\"http://example.org/p\"]}}",
            "--supporting", input, &out),
        1);
    ck_assert_ptr_nonnull(strstr(out.s, "StructureDefinition.title: at least 1 required"));
}
END_TEST

START_TEST(test_called_wrongly)
{
    char *none[] = {(char[]){"validate"}, NULL};
    ck_assert_int_eq(validate_command(1, none), 2);
    char *missing[] = {(char[]){"validate"}, (char[]){"/nonexistent/file"}, NULL};
    ck_assert_int_eq(validate_command(2, missing), 2);
}
END_TEST

Suite *suite_validate_command(void)
{
    Suite *s = suite_create("validate_command");
    TCase *t = tcase_create("command");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_valid);
    tcase_add_test(t, test_invalid);
    tcase_add_test(t, test_no_json);
    tcase_add_test(t, test_xml);
    tcase_add_test(t, test_language);
    tcase_add_test(t, test_ndjson);
    tcase_add_test(t, test_options);
    tcase_add_test(t, test_called_wrongly);
    suite_add_tcase(s, t);
    return s;
}
