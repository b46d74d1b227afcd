/* `kagari fhirpath`, as a process of its own: exit statuses, forms of output, batches. */
#include "fhirpath/command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/config.h"
#include "support/test.h"

static struct arena arena;
static char dir[] = "/tmp/kagari-test-XXXXXX";

static void setup(void)
{
    arena_init(&arena, 0);
    ck_assert(mkdtemp(dir) != NULL);
}

static const char *file(const char *name)
{
    return arena_printf(&arena, "%s/%s", dir, name);
}

static void teardown(void)
{
    static const char *const names[] = {"in", "out", "expression"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(file(names[i]));
    rmdir(dir);
    arena_release(&arena);
}

static void write_file(const char *name, const char *text)
{
    int fd = open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

/* Runs it with the words of a command line; returns its exit status, *out its standard output. */
static int unknown(const void *arg, const char *x, const char *y, const char *z)
{
    (void)arg, (void)x, (void)y, (void)z;
    return -1;
}

static bool no_terminology(struct arena *a, const struct fhir_defs *d, struct fp_terminology *out,
                           struct err *err)
{
    (void)a, (void)d, (void)err;
    *out = (struct fp_terminology){unknown, unknown, NULL};
    return true;
}

static int run(char **argv, int argc, const char *input, struct str *out)
{
    struct err err;
    int status;
    write_file("in", input);
    pid_t pid = fork();
    if (pid == 0) {
        int in = open(file("in"), O_RDONLY), to = open(file("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600),
            nothing = open("/dev/null", O_WRONLY);
        dup2(in, 0);
        dup2(to, 1);
        dup2(nothing, 2);
        exit(fhirpath_command(argc, argv, no_terminology));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_ok(config_read_file(&arena, file("out"), 1 << 20, out, &err));
    return WEXITSTATUS(status);
}

#define RUN(out, input, ...)                                                                                 \
    run((char *[]){(char *)"fhirpath", __VA_ARGS__, NULL},                                                   \
        (int)(sizeof(char *[]){(char *)"fhirpath", __VA_ARGS__} / sizeof(char *)), input, out)

START_TEST(one_expression)
{
    struct str out;
    char *patient = (char *)"tests/cases/fhirpath/patient.json", *resource = (char *)"--resource";
    ck_assert_int_eq(RUN(&out, "", (char *)"1.10 | 'a' | 4 days | @2012"), 0);
    ck_str_eq(out,
              "[{\"type\":\"System.Decimal\",\"value\":1.10},{\"type\":\"System.String\",\"value\":\"a\"},{"
              "\"type\":"
              "\"System.Quantity\",\"value\":\"4 days\"},{\"type\":\"System.Date\",\"value\":\"2012\"}]\n");
    ck_assert_int_eq(RUN(&out, "", resource, patient, (char *)"gender | contact[0].name"), 0);
    ck_str_eq(out, "[{\"type\":\"code\",\"value\":\"female\"},{\"type\":\"HumanName\",\"value\":{\"family\":"
                   "\"Yamada\"}}]\n");
    write_file("expression", "// a name\nname.nothing\n");
    ck_assert_int_eq(
        RUN(&out, "", resource, patient, (char *)"--expression-file", (char *)file("expression")), 0);
    ck_str_eq(out, "[]\n");
    ck_assert_int_eq(RUN(&out, "", resource, patient, (char *)"--strict", (char *)"name.nothing"), 1);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_int_eq(RUN(&out, "", (char *)"1 +"), 1);
    ck_assert_int_eq(RUN(&out, "", resource, (char *)file("missing"), (char *)"1"), 1);
    ck_assert_int_eq(RUN(&out, "", (char *)"--help"), 0);
    ck_assert(str_starts(out, STR("Usage:")));
}
END_TEST

START_TEST(wrong_calls)
{
    struct str out;
    ck_assert_int_eq(RUN(&out, "", (char *)"1", (char *)"2"), 2);
    ck_assert_int_eq(RUN(&out, "", (char *)"--batch", (char *)"1"), 2);
    ck_assert_int_eq(RUN(&out, "", (char *)"--nothing"), 2);
    ck_assert_int_eq(RUN(&out, "", (char *)"--expression-file", (char *)file("missing")), 2);
    ck_assert_int_eq(RUN(&out, "no JSON\n", (char *)"--batch"), 2);
    ck_assert_int_eq(RUN(&out, "{\"id\":1}\n", (char *)"--batch"), 2);
}
END_TEST

START_TEST(batches)
{
    struct str out;
    ck_assert_int_eq(
        RUN(&out,
            "{\"id\":\"a\",\"resource\":null,\"expression\":\"1 + 1\",\"strict\":false}\n"
            "{\"id\":2,\"resource\":\"tests/cases/fhirpath/patient.json\",\"expression\":\"name.x\"}\n"
            "{\"id\":3,\"resource\":\"tests/cases/fhirpath/"
            "patient.json\",\"expression\":\"x\",\"strict\":true}",
            (char *)"--batch"),
        0);
    ck_str_eq(out, "{\"id\":\"a\",\"result\":[{\"type\":\"System.Integer\",\"value\":2}]}\n"
                   "{\"id\":2,\"result\":[]}\n"
                   "{\"id\":3,\"error\":\"1:1: FHIRPath: Patient has no element 'x'\"}\n");
}
END_TEST

Suite *suite_fhirpath_command(void)
{
    Suite *s = suite_create("fhirpath_command");
    TCase *t = tcase_create("command");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, one_expression);
    tcase_add_test(t, wrong_calls);
    tcase_add_test(t, batches);
    suite_add_tcase(s, t);
    return s;
}
