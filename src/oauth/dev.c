/* What somebody logs in with at a development instance. */
#include "admin.h"
#include "oauth/command.h"

static const char metadata[] =
    "{\"client_name\":\"Development\",\"grant_types\":[\"authorization_code\",\"refresh_token\"],"
    "\"redirect_uris\":[\"http://127.0.0.1/\",\"http://127.0.0.1/callback\",\"http://[::1]/\","
    "\"http://[::1]/callback\"],\"scope\":\"openid fhirUser profile offline_access online_access launch "
    "launch/patient user/*.cruds patient/*.cruds\"}";

/* Already there is fine. */
static bool done(bool ok, const struct err *why, struct err *err)
{
    if (!ok && why->kind != ERR_CONFLICT)
        *err = *why;
    return ok || why->kind == ERR_CONFLICT;
}

static bool is_there(int32_t tenant, struct db_conn *conn, struct arena *a, bool *there, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q, "SELECT FROM oauth_user WHERE tenant = $%d AND name = 'dev'", sql_int4(&q, tenant));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    *there = db_count(rows) > 0;
    return true;
}

bool oauth_dev_login(struct arena *a, const struct config *c, struct db_conn *conn, struct str password,
                     struct err *err)
{
    struct oauth__base base;
    struct oauth__user u = {
        .name = "dev", .display = "Suzuki Makoto (dev)", .fhir_user = "Practitioner/suzuki-makoto"};
    struct err why;
    json *m;
    bool there;
    if (!oauth__base_init(&base, c, c->tenant.id, err) || !json_parse(a, STR(metadata), 8, &m, err) ||
        !done(oauth__client_add(base.tenant, conn, a, "dev", m, &why), &why, err) ||
        !is_there(base.tenant, conn, a, &there, err))
        return false;
    return there || (oauth__password_hash(a, password, &u.password, err) &&
                     done(oauth__user_add(&base, conn, a, &u, &why), &why, err));
}
