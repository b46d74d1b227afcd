/* `kagari serve`: the server in the foreground, as a service manager runs it. */
#include <stdio.h>

#include "api/server.h"
#include "background.h"
#include "commands.h"

static const char usage[] =
    "Usage: kagari serve [--config FILE] [--set KEY=VALUE]…\n\n"
    "Serves FHIR until SIGTERM or SIGINT. SIGHUP reads the settings, keys and certificates\n"
    "again. The schema must be up to date: see kagari migrate.\n";

int serve_command(int argc, char **argv)
{
    struct arena a;
    struct config_source from;
    struct err err;
    arena_init(&a, 0);
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0) {
        status = !server_run(&from, &background_jobs, NULL, NULL, &err);
        if (status)
            fprintf(stderr, "kagari serve: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
