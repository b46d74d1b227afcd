/* What stands for somebody elsewhere: a certificate, a name at a provider of identities. */
#include "internal.h"

bool oauth__identity_find(struct oauth__call *c, const char *provider, const char *subject,
                          struct oauth__user **out, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    *out = NULL;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "SELECT user_id FROM oauth_identity WHERE tenant = $%d AND provider = $%d AND subject = $%d",
             sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(provider)), sql_text(&q, str_of(subject)));
    return db_exec(c->conn, c->a, &q, &rows, err) &&
           (!db_count(rows) || oauth__user_find(c, db_text(rows, 0, 0).s, out, err));
}

bool oauth__identity_add(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name,
                         const char *provider, const char *subject, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(
        &q,
        "WITH u AS (SELECT id FROM oauth_user WHERE tenant = $%d AND name = $%d), i AS (INSERT INTO "
        "oauth_identity (tenant, provider, subject, user_id) SELECT $%d, $%d, $%d, id FROM u ON CONFLICT "
        "(tenant, provider, subject) DO NOTHING RETURNING 1) SELECT EXISTS (SELECT FROM u), EXISTS (SELECT "
        "FROM i)",
        sql_int4(&q, tenant), sql_text(&q, str_of(name)), sql_int4(&q, tenant),
        sql_text(&q, str_of(provider)), sql_text(&q, str_of(subject)));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    if (!db_bool(rows, 0, 0))
        return err_set(err, ERR_NOT_FOUND, "There is no user %s", name);
    return db_bool(rows, 0, 1) ||
           err_set(err, ERR_CONFLICT, "It stands for somebody already: unlink that user first");
}

bool oauth__identities_remove(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name, int *n,
                              struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "DELETE FROM oauth_identity WHERE tenant = $%d AND user_id IN (SELECT id FROM oauth_user WHERE "
             "tenant "
             "= $%d AND name = $%d) RETURNING 1",
             sql_int4(&q, tenant), sql_int4(&q, tenant), sql_text(&q, str_of(name)));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    *n = db_count(rows);
    return true;
}
