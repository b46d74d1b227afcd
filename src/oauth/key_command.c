#include <stdio.h>

#include "admin.h"
#include "oauth/command.h"
#include "tenant/tenant.h"

static const char usage[] =
    "Usage: kagari key list\n"
    "       kagari key rotate\n"
    "       kagari key remove KID\n"
    "       kagari key rotate identities|index|wrapping    (docs/identity.md)\n\n"
    "The keys that this server's authorisation server signs tokens with. They change by themselves\n"
    "(oauth.key_ttl); rotate makes the next one now, which signs five minutes later, when all that verify\n"
    "tokens have it. remove withdraws one: tokens that it has signed end within seconds. When it is the one\n"
    "that signs and there is no other, another is made in its place.\n\n" TENANT_USAGE
    "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n";

static bool list(struct oauth__command *c, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "SELECT kid, to_char(created, 'YYYY-MM-DD'), CASE WHEN signs_from > now() THEN 'signs from ' || "
             "to_char(signs_from, 'YYYY-MM-DD HH24:MI') WHEN signs_from = max(signs_from) FILTER (WHERE "
             "signs_from <= now()) OVER () THEN 'signs' ELSE 'verifies' END FROM oauth_key WHERE tenant = "
             "$%d ORDER BY signs_from",
             sql_int4(&q, c->tenant));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++)
        printf("%s\t%s\t%s\n", db_text(rows, i, 0).s, db_text(rows, i, 1).s, db_text(rows, i, 2).s);
    return true;
}

static bool rotate(struct oauth__command *c, struct err *err)
{
    struct oauth__base base;
    const char *kid;
    if (!oauth__base_init(&base, &c->config, c->tenant, err) ||
        !oauth__key_tend(&base, c->conn, c->a, 0, &kid, err))
        return false;
    printf("key %s is made\n", kid);
    return true;
}

/* None is left that signs now: the next one begins at once. */
static bool replace(struct oauth__command *c, struct err *err)
{
    struct sql q;
    struct oauth__base base;
    const char *kid;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "UPDATE oauth_key SET signs_from = now() WHERE tenant = $%d AND signs_from > now() AND NOT EXISTS "
        "(SELECT FROM oauth_key k WHERE k.tenant = $%d AND k.signs_from <= now())",
        sql_int4(&q, c->tenant), sql_int4(&q, c->tenant));
    return db_exec(c->conn, c->a, &q, NULL, err) && oauth__base_init(&base, &c->config, c->tenant, err) &&
           oauth__key_tend(&base, c->conn, c->a, INT64_MAX / 2, &kid, err);
}

static bool take_away(struct oauth__command *c, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "DELETE FROM oauth_key WHERE tenant = $%d AND kid = $%d RETURNING kid",
             sql_int4(&q, c->tenant), sql_text(&q, str_of(c->words[0])));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no key %s (kagari key list)", c->words[0]);
    printf("key %s is removed\n", c->words[0]);
    return replace(c, err);
}

int key_command(int argc, char **argv)
{
    static const struct oauth__action actions[] = {
        {"list", 0, list}, {"remove", 1, take_away}, {"rotate", 0, rotate}};
    struct oauth__option none[1] = {{0}};
    return oauth__command_run(argc, argv, usage, actions, sizeof actions / sizeof *actions, none);
}
