#include "validate/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "validate/supporting.h"

static void usage(FILE *out)
{
    fputs(
        "Usage: kagari validate [--package PACKAGE]… [--supporting FILE]… [--profile URL]… FILE…\n\n"
        "Validates FHIR R4 resources, in JSON, XML or NDJSON (*.ndjson, *.jsonl: one a line), and prints an\n"
        "OperationOutcome for each: one file's is indented, else each is one line that names file and line.\n"
        "'-' is the standard input. Exit status: 0 without errors, 1 with errors, 2 when called wrongly or "
        "when\n"
        "a file cannot be read.\n\n"
        "  --package PACKAGE  a FHIR package (.tgz, or a folder) with what the validation may need\n"
        "  --supporting FILE  a resource that the validation may need, or a Bundle of them\n"
        "  --profile URL      validate against this profile too\n"
        "  --level LEVEL      structure: without invariants and terminology; full: all, as is the default\n"
        "  --ndjson           the standard input is NDJSON\n"
        "  --language TAG     of the findings: en or ja; otherwise as the locale says\n"
        "  --help             this text\n",
        out);
}

struct texts {
    const char **items;
    size_t n, cap;
};

struct call {
    struct arena a;
    struct texts packages, supporting, profiles;
    struct validate_options options;
    struct validate_batch batch;
};

static bool prepare(struct call *c, struct err *err)
{
    const struct conformance_view *core, *packed;
    struct validate_batch *b = &c->batch;
    if (!fhir_defs_load(&c->a, &b->defs, err) || !conformance_definitions(&c->a, b->defs, &core, err) ||
        !validator_new(&c->a, b->defs, core, &b->validator, err) ||
        !validate_packages(&c->a, c->packages.items, c->packages.n, core, &packed, err) ||
        !validate_supporting(&c->a, c->supporting.items, c->supporting.n, packed, &c->options.view, err))
        return false;
    c->options.profiles = c->profiles.items;
    c->options.n_profiles = c->profiles.n;
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

/* -1: go on; else the exit status. */
static int read_option(struct call *c, int option, const char *value)
{
    switch (option) {
    case 'k':
        *ARENA_PUSH(&c->a, c->packages.items, c->packages.n, c->packages.cap) = value;
        return -1;
    case 's':
        *ARENA_PUSH(&c->a, c->supporting.items, c->supporting.n, c->supporting.cap) = value;
        return -1;
    case 'p':
        *ARENA_PUSH(&c->a, c->profiles.items, c->profiles.n, c->profiles.cap) = value;
        return -1;
    case 'v':
        c->options.level = strcmp(value, "structure") == 0 ? VALIDATE_STRUCTURE : VALIDATE_FULL;
        return strcmp(value, "structure") == 0 || strcmp(value, "full") == 0 ? -1 : 2;
    case 'n':
        c->batch.ndjson = true;
        return -1;
    case 'l':
        return language_choose(str_of(value), &c->batch.language) ? -1 : 2;
    default:
        return option == 'h' ? 0 : 2;
    }
}

static int run(struct call *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"package", required_argument, NULL, 'k'}, {"supporting", required_argument, NULL, 's'},
        {"profile", required_argument, NULL, 'p'}, {"level", required_argument, NULL, 'v'},
        {"ndjson", no_argument, NULL, 'n'},        {"language", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},          {0}};
    struct err err;
    int status = -1;
    optind = 1;
    for (int o; status < 0 && (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        status = read_option(c, o, optarg);
    if (status < 0 && argc == optind)
        status = 2;
    if (status >= 0) {
        usage(status ? stderr : stdout);
        return status;
    }
    if (!prepare(c, &err)) {
        fprintf(stderr, "kagari validate: %s\n", err.msg);
        return 2;
    }
    validate_batch(&c->batch, (const char *const *)argv + optind, (size_t)(argc - optind));
    return c->batch.unreadable ? 2 : c->batch.wrong > 0;
}

int validate_command(int argc, char **argv)
{
    struct call c = {.options.level = VALIDATE_FULL};
    arena_init(&c.a, 0);
    locale(&c.batch.language);
    c.batch.options = &c.options;
    c.batch.out = stdout;
    int status = run(&c, argc, argv);
    arena_release(&c.a);
    return status;
}
