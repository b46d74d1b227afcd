#include "validate/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "validate/supporting.h"
#include "validate/validate.h"

static void usage(FILE *out)
{
    fputs("Usage: kagari validate [--package PACKAGE]… [--supporting FILE]… [--profile URL]… FILE\n\n"
          "Validates one FHIR R4 resource, in JSON or XML, and prints an OperationOutcome. Exit status: 0 "
          "without "
          "errors,\n"
          "1 with errors, 2 when called wrongly.\n\n"
          "  --package PACKAGE  a FHIR package (.tgz, or a folder) with what the validation may need\n"
          "  --supporting FILE  a resource that the validation may need, or a Bundle of them\n"
          "  --profile URL      validate against this profile too\n"
          "  --language TAG     of the findings: en or ja; otherwise as the locale says\n"
          "  --help             this text\n",
          out);
}

static void print(struct arena *a, const struct issues *found)
{
    struct buf text;
    buf_init(&text, a, 4096);
    json_print(&text, issues_outcome(a, found), true);
    puts(text.s);
}

struct paths {
    const char **items;
    size_t n, cap;
};

static bool run(struct arena *a, const char *path, const struct paths *packages,
                const struct paths *supporting, const struct paths *profiles, struct issues *found,
                struct err *err)
{
    const struct fhir_defs *defs;
    const struct conformance_view *codes, *packed, *view;
    const struct validator *v;
    struct str text;
    json *resource;
    if (!config_read_file(a, path, VALIDATE_FILE_MAX, &text, err) || !fhir_defs_load(a, &defs, err) ||
        !conformance_definitions(a, defs, &codes, err) || !validator_new(a, defs, codes, &v, err) ||
        !validate_packages(a, packages->items, packages->n, codes, &packed, err) ||
        !validate_supporting(a, supporting->items, supporting->n, packed, &view, err))
        return false;
    struct err syntax;
    if (validate_parse(a, defs, text, &resource, &syntax)) {
        const struct validate_options o = {
            .level = VALIDATE_FULL, .view = view, .profiles = profiles->items, .n_profiles = profiles->n};
        validate_resource(v, a, resource, &o, found);
        issues_locate(found, text);
    } else {
        struct issue *i =
            issues_add(found, ISSUE_FATAL, "structure",
                       *syntax.expression ? arena_strdup(a, syntax.expression) : NULL, "%s", syntax.msg);
        i->line = syntax.line;
        i->column = syntax.column;
    }
    return true;
}

/* As for other programs: the first of these that is set. */
static void locale(enum language *language)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    const char *value = NULL;
    for (size_t i = 0; i < 3 && !(value && *value); i++)
        value = getenv(names[i]);
    language_choose(str_of(value), language);
}

int validate_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"package", required_argument, NULL, 'k'}, {"supporting", required_argument, NULL, 's'},
        {"profile", required_argument, NULL, 'p'}, {"language", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},          {0}};
    struct arena a;
    arena_init(&a, 0);
    struct issues found;
    issues_init(&found, &a);
    locale(&found.language);
    struct paths packages = {0}, supporting = {0}, profiles = {0};
    int status = -1;
    optind = 1;
    for (int c; status < 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'p')
            *ARENA_PUSH(&a, profiles.items, profiles.n, profiles.cap) = optarg;
        else if (c == 'l')
            status = language_choose(str_of(optarg), &found.language) ? -1 : 2;
        else if (c == 'k')
            *ARENA_PUSH(&a, packages.items, packages.n, packages.cap) = optarg;
        else if (c == 's')
            *ARENA_PUSH(&a, supporting.items, supporting.n, supporting.cap) = optarg;
        else
            status = c == 'h' ? 0 : 2;
    }
    if (status < 0 && argc != optind + 1)
        status = 2;
    struct err err;
    if (status >= 0) {
        usage(status ? stderr : stdout);
    } else if (!run(&a, argv[optind], &packages, &supporting, &profiles, &found, &err)) {
        fprintf(stderr, "kagari validate: %s\n", err.msg);
        status = 2;
    } else {
        print(&a, &found);
        status = found.errors > 0;
    }
    arena_release(&a);
    return status;
}
