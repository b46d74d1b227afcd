#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "commands.h"

static const char usage[] =
    "Usage: kagari check-config [--config FILE] [--set KEY=VALUE]…\n"
    "       kagari check-config --sample | --markdown\n"
    "\n"
    "Says whether the server could start with these settings (it does not try their files).\n"
    "--sample prints a configuration file with every setting, its meaning and its default,\n"
    "--markdown the same as a table. Without --config: " CONFIG_DEFAULT_FILE ", if it is there.\n";

int check_config_command(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--sample") == 0) {
        config_print_sample(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
        config_print_markdown(stdout);
        return 0;
    }
    struct arena a;
    struct config_source from;
    struct config config;
    struct err err;
    arena_init(&a, 0);
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0) {
        status = !config_read(&from, &a, &config, &err);
        if (status)
            fprintf(stderr, "kagari: %s\n", err.msg);
        else
            printf("%s: fine\n", from.file ? from.file : "the defaults");
    }
    arena_release(&a);
    return status;
}
