#include "db/command.h"

#include <getopt.h>
#include <stdio.h>

#include "db/db.h"

static const char usage[] =
    "Usage: kagari migrate [--config FILE] [--set KEY=VALUE]…\n\n"
    "Brings the schema of the database db.conninfo up to date. Safe to run again, and by\n"
    "several at once.\n";

static void progress(const char *name)
{
    printf("applying %s\n", name);
}

static bool migrate(const struct config_source *from, struct arena *a, struct err *err)
{
    struct config c;
    struct db_conn *conn;
    if (!config_read(from, a, &c, err) || !db_open(&c, &conn, err))
        return false;
    bool ok = db_migrate(conn, progress, err) && db_check_schema(conn, err);
    db_close(conn);
    return ok;
}

int migrate_command(int argc, char **argv)
{
    struct arena a;
    struct config_source from;
    struct err err;
    arena_init(&a, 0);
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0) {
        bool ok = migrate(&from, &a, &err);
        status = !ok;
        if (ok)
            puts("the schema is up to date");
        else
            fprintf(stderr, "kagari migrate: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
