/* A login under way: a row, named by a secret that the forms carry, and bound to the browser by a cookie, so that nobody
 * can be made to continue somebody else's (RFC 9700, 4.7). */
#include "crypto/digest.h"
#include "internal.h"

enum { LIFE_S = 900, WRONG_MAX = 10, REQUEST_DEPTH = 8, COOKIE_MAX = 64 };

static bool is_secure(const struct oauth__call *c)
{
    return str_starts(c->o->issuer, STR("https://"));
}

/* A cookie of this name can be set by this very host alone (RFC 6265bis, 4.1.3.2). */
static const char *cookie_name(const struct oauth__call *c)
{
    return is_secure(c) ? "__Host-kagari-login" : "kagari-login";
}

static const char *read_cookie(struct oauth__call *c)
{
    for (size_t i = 0; i < c->r->n_headers; i++) {
        if (!str_ieq(c->r->headers[i].name, STR("Cookie")))
            continue;
        for (struct str rest = c->r->headers[i].value; rest.s;) {
            struct str value, name = str_cut(str_trim(str_cut(rest, ';', &rest)), '=', &value);
            if (str_is(name, cookie_name(c)) && value.len > 20 && value.len <= COOKIE_MAX)
                return arena_strndup(c->a, value.s, value.len);
        }
    }
    return NULL;
}

bool oauth__flow_new(struct oauth__call *c, struct oauth__flow *f, struct err *err)
{
    struct sql q;
    const char *cookie = read_cookie(c);
    if (!cookie)
        cookie = oauth__secret_new(c->a);
    f->secret = oauth__secret_new(c->a);
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "INSERT INTO oauth_flow (tenant, digest, browser, stage, request, until) VALUES ($%d, $%d, $%d, $%d, "
        "$%d, now() + $%d * interval '1 second')",
        sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, f->secret), oauth__sql_digest(&q, cookie),
        sql_int2(&q, (int16_t)f->stage), sql_text(&q, json_text(c->a, f->request)), sql_int4(&q, LIFE_S));
    if (!db_exec(c->conn, c->a, &q, NULL, err))
        return false;
    /* Lax: another site's link leads here, and a provider of identities sends the browser back. */
    oauth__header(c, "Set-Cookie",
                  str_of(arena_printf(c->a, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s", cookie_name(c), cookie,
                                      is_secure(c) ? "; Secure" : "")));
    return true;
}

bool oauth__flow_find(struct oauth__call *c, const char *secret, struct oauth__flow *f, bool *found,
                      struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    const char *cookie = read_cookie(c);
    *found = false;
    *f = (struct oauth__flow){.secret = secret};
    if (!cookie || !f->secret)
        return true;
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "SELECT stage, user_id, request FROM oauth_flow WHERE tenant = $%d AND digest = $%d AND browser "
             "= $%d "
             "AND until > now()",
             sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, f->secret),
             oauth__sql_digest(&q, cookie));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return true;
    f->stage = (enum oauth__stage)db_int2(rows, 0, 0);
    f->user_id = db_text(rows, 0, 1).s;
    if (!json_parse(c->a, db_text(rows, 0, 2), REQUEST_DEPTH, &f->request, err) ||
        !oauth__client_find(c->o->base.tenant, c->conn, c->a, json_get_string(f->request, "client"),
                            &f->client, err))
        return false;
    *found = f->client;
    return true;
}

bool oauth__flow_save(struct oauth__call *c, const struct oauth__flow *f, struct err *err)
{
    struct sql q;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "UPDATE oauth_flow SET stage = $%d, user_id = $%d, request = $%d WHERE tenant = $%d AND digest = $%d",
        sql_int2(&q, (int16_t)f->stage),
        f->user_id ? sql_text(&q, str_of(f->user_id)) : sql_null(&q, SQL_TEXT),
        sql_text(&q, json_text(c->a, f->request)), sql_int4(&q, c->o->base.tenant),
        oauth__sql_digest(&q, f->secret));
    return db_exec(c->conn, c->a, &q, NULL, err);
}

bool oauth__flow_move(struct oauth__call *c, struct oauth__flow *f, enum oauth__stage to, bool *ours,
                      struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "UPDATE oauth_flow SET stage = $%d WHERE tenant = $%d AND digest = $%d AND stage = $%d RETURNING 1",
        sql_int2(&q, (int16_t)to), sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, f->secret),
        sql_int2(&q, (int16_t)f->stage));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *ours = db_count(rows) > 0;
    f->stage = to;
    return true;
}

bool oauth__flow_end(struct oauth__call *c, const struct oauth__flow *f, bool *ours, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "DELETE FROM oauth_flow WHERE tenant = $%d AND digest = $%d RETURNING 1",
             sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, f->secret));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *ours = db_count(rows) > 0;
    return true;
}

bool oauth__flow_wrong(struct oauth__call *c, const struct oauth__flow *f, bool *dead, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "UPDATE oauth_flow SET wrong = wrong + 1, until = CASE WHEN wrong >= %d THEN now() ELSE until END "
        "WHERE tenant = $%d AND digest = $%d RETURNING wrong > %d",
        WRONG_MAX - 1, sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, f->secret), WRONG_MAX - 1);
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *dead = db_count(rows) == 0 || db_bool(rows, 0, 0);
    return true;
}
