/* The sub-commands. Each is `int X_command(int argc, char **argv)`, argv[0] its own name, and returns 0, 1
 * (it failed) or 2 (it was called wrongly). */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "audit/command.h"
#include "auth/command.h"
#include "commands.h"
#include "db/command.h"
#include "fhirpath/command.h"
#include "oauth/command.h"
#include "tenant/command.h"
#include "terminology/terminology.h"
#include "validate/command.h"

static int version_command(int argc, char **argv);

static bool terminology(struct arena *a, const struct fhir_defs *d, struct fp_terminology *out,
                        struct err *err)
{
    const struct conformance_view *v;
    if (!conformance_definitions(a, d, &v, err))
        return false;
    *out = (struct fp_terminology){terminology_member, terminology_subsumes, v};
    return true;
}

static int evaluate_command(int argc, char **argv)
{
    return fhirpath_command(argc, argv, terminology);
}

static int any_key_command(int argc, char **argv)
{
    return is_identity_key_command(argc, argv) ? identity_key_command(argc, argv) : key_command(argc, argv);
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
} commands[] = {
    {"audit", audit_command, "verify the audit log, and export it"},
    {"check-config", check_config_command, "check a configuration file, or print a sample"},
    {"client", client_command, "register programs that may have tokens, list and remove them"},
    {"dev", dev_command, "start a server of your own, with its PostgreSQL and sample patients"},
    {"fhirpath", evaluate_command, "evaluate a FHIRPath expression"},
    {"key", any_key_command, "keys that sign tokens, and keys of sealed identities"},
    {"migrate", migrate_command, "bring the schema of the database up to date"},
    {"package", package_command, "install FHIR packages, list and remove them"},
    {"serve", serve_command, "serve FHIR until SIGTERM"},
    {"tenant", tenant_command, "institutions beside the first one"},
    {"terminology", terminology_command, "import code systems, list and remove them"},
    {"token", token_command, "print a token for a development instance"},
    {"user", user_command, "register people who log in, list and remove them"},
    {"validate", validate_command, "validate a resource"},
    {"version", version_command, "print the version"},
};

static void usage(FILE *out)
{
    fputs("Usage: kagari COMMAND [OPTION]…\n\nA FHIR R4 server on PostgreSQL.\n\nCommands:\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-14s%s\n", commands[i].name, commands[i].text);
    fputs("\n`kagari COMMAND --help` explains a command; kagari(8) is the manual.\n", out);
}

static int version_command(int argc, char **argv)
{
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0;
        fputs("Usage: kagari version\n\nPrints the version.\n", help ? stdout : stderr);
        return help ? 0 : 2;
    }
    puts("kagari " KAGARI_VERSION);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return version_command(1, argv);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1)
        fprintf(stderr, "kagari: there is no command '%s'\n\n", argv[1]);
    usage(stderr);
    return 2;
}
