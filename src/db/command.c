#include "db/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "db/db.h"

static const char usage[] =
    "Usage: kagari migrate [--new-epoch] [--config FILE] [--set KEY=VALUE]…\n\n"
    "Brings the schema of the database db.conninfo up to date. Safe to run again, and by\n"
    "several at once.\n\n"
    "  --new-epoch   after a restore, before the server starts: readers of the change feed are\n"
    "                told to start over (docs/history.md)\n";

static void progress(const char *name)
{
    printf("applying %s\n", name);
}

static bool migrate(const struct config_source *from, bool new_epoch, struct arena *a, struct err *err)
{
    struct config c;
    struct db_conn *conn;
    if (!config_read(from, a, &c, err) || !db_open(&c, &conn, err))
        return false;
    bool ok = db_migrate(conn, progress, err) && db_check_schema(conn, err) &&
              (!new_epoch || db_run(conn, "SELECT kagari_new_epoch()", err));
    db_close(conn);
    return ok;
}

/* Takes an option without value out of the arguments. */
static bool take_option(int *argc, char **argv, const char *name)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], name) != 0)
            argv[kept++] = argv[i];
    bool found = kept < *argc;
    argv[ *argc = kept] = NULL;
    return found;
}

int migrate_command(int argc, char **argv)
{
    struct arena a;
    struct config_source from;
    struct err err;
    arena_init(&a, 0);
    bool new_epoch = take_option(&argc, argv, "--new-epoch");
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0) {
        bool ok = migrate(&from, new_epoch, &a, &err);
        status = !ok;
        if (ok)
            puts("the schema is up to date");
        else
            fprintf(stderr, "kagari migrate: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
