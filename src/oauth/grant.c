/* Grants: what a person has allowed a program; and the secrets that stand for them, each good once. */
#include "base/base64.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "internal.h"

enum { CODE_S = 60, GRANTED_DEPTH = 8 };

const char *oauth__secret_new(struct arena *a)
{
    uint8_t bytes[32];
    crypto_random(bytes, sizeof bytes);
    return base64_encode(a, BASE64_URL, bytes, sizeof bytes).s;
}

int oauth__sql_digest(struct sql *q, const char *secret)
{
    uint8_t *hash = arena_alloc(q->a, OAUTH__DIGEST); /* the statement points to it */
    crypto_sha256(secret, strlen(secret), hash);
    return sql_bytea(q, hash, OAUTH__DIGEST);
}

bool oauth__secret_add(struct oauth__call *c, const struct oauth__secret *s, const char **text,
                       struct err *err)
{
    struct sql q;
    *text = oauth__secret_new(c->a);
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "INSERT INTO oauth_secret (tenant, kind, digest, grant_id, redirect_uri, challenge, bound, until) "
        "VALUES ($%d, $%d, $%d, $%d, $%d, $%d, $%d, now() + $%d * interval '1 second')",
        sql_int4(&q, c->o->base.tenant), sql_int2(&q, (int16_t)s->kind), oauth__sql_digest(&q, *text),
        sql_text(&q, str_of(s->grant)),
        s->redirect_uri ? sql_text(&q, str_of(s->redirect_uri)) : sql_null(&q, SQL_TEXT),
        s->challenge ? sql_text(&q, str_of(s->challenge)) : sql_null(&q, SQL_TEXT),
        s->bound ? sql_text(&q, str_of(s->bound)) : sql_null(&q, SQL_TEXT),
        sql_int8(&q, s->kind == OAUTH__CODE ? CODE_S : s->ttl_us / OAUTH__SECOND));
    return db_exec(c->conn, c->a, &q, NULL, err);
}

static bool parse_grant(struct oauth__call *c, const char *id, const char *client, const char *user,
                        struct str granted, struct oauth__grant *g, struct err *err)
{
    json *o;
    if (!json_parse(c->a, granted, GRANTED_DEPTH, &o, err))
        return false;
    *g = (struct oauth__grant){.id = id,
                               .client = client,
                               .subject = user,
                               .granted = o,
                               .scope = json_get_string(o, "scope"),
                               .patient = json_get_string(o, "patient"),
                               .encounter = json_get_string(o, "encounter"),
                               .fhir_user = json_get_string(o, "fhirUser"),
                               .nonce = json_get_string(o, "nonce")};
    return true;
}

bool oauth__secret_use(struct oauth__call *c, enum oauth__kind kind, const char *text,
                       struct oauth__secret *s, struct oauth__grant *g, enum oauth__used *how,
                       struct err *err)
{
    struct sql q, use;
    const struct db_rows *rows;
    *how = OAUTH__UNKNOWN;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "SELECT s.used, s.until > now() AND g.until > now() AND g.ended IS NULL, g.id, g.client, g.user_id, "
        "g.granted, s.redirect_uri, s.challenge, extract(epoch FROM g.until)::int8, s.bound FROM "
        "oauth_secret s JOIN "
        "oauth_grant g ON "
        "g.tenant = s.tenant AND g.id = s.grant_id WHERE s.tenant = $%d AND s.digest = $%d AND s.kind = $%d "
        "FOR "
        "UPDATE OF s",
        sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, text), sql_int2(&q, (int16_t)kind));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return true;
    *how = db_bool(rows, 0, 0) ? OAUTH__USED : db_bool(rows, 0, 1) ? OAUTH__FRESH : OAUTH__EXPIRED;
    *s = (struct oauth__secret){.kind = kind,
                                .grant = db_text(rows, 0, 2).s,
                                .redirect_uri = db_text(rows, 0, 6).s,
                                .challenge = db_text(rows, 0, 7).s,
                                .bound = db_text(rows, 0, 9).s,
                                .grant_until_us = db_int8(rows, 0, 8) * OAUTH__SECOND};
    sql_init(&use, c->a, NULL);
    sql_addf(&use, "UPDATE oauth_secret SET used = true WHERE tenant = $%d AND digest = $%d",
             sql_int4(&use, c->o->base.tenant), oauth__sql_digest(&use, text));
    return parse_grant(c, s->grant, db_text(rows, 0, 3).s, db_text(rows, 0, 4).s, db_text(rows, 0, 5), g,
                       err) &&
           db_exec(c->conn, c->a, &use, NULL, err);
}

bool oauth__secret_find(struct oauth__call *c, const char *text, struct oauth__grant *g, int64_t *until_s,
                        bool *active, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    *g = (struct oauth__grant){0};
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "SELECT NOT s.used AND s.until > now() AND g.until > now() AND g.ended IS NULL, g.id, g.client, "
             "g.user_id, "
             "g.granted, extract(epoch FROM s.until)::int8 FROM oauth_secret s JOIN oauth_grant g ON "
             "g.tenant = s.tenant AND g.id "
             "= s.grant_id WHERE s.tenant = $%d AND s.digest = $%d AND s.kind = %d",
             sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, text), OAUTH__REFRESH);
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *active = db_count(rows) && db_bool(rows, 0, 0);
    if (db_count(rows) == 0)
        return true;
    *until_s = db_int8(rows, 0, 5);
    return parse_grant(c, db_text(rows, 0, 1).s, db_text(rows, 0, 2).s, db_text(rows, 0, 3).s,
                       db_text(rows, 0, 4), g, err);
}

bool oauth__grant_add(struct oauth__call *c, const struct oauth__grant *g, int64_t ttl_us, struct err *err)
{
    struct sql q;
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "INSERT INTO oauth_grant (tenant, id, client, user_id, granted, until) VALUES ($%d, $%d, $%d, "
             "$%d, $%d, "
             "now() + $%d * interval '1 second')",
             sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(g->id)), sql_text(&q, str_of(g->client)),
             sql_text(&q, str_of(g->subject)), sql_text(&q, json_text(c->a, g->granted)),
             sql_int8(&q, ttl_us / OAUTH__SECOND));
    return db_exec(c->conn, c->a, &q, NULL, err);
}

bool oauth__grants_end(int32_t tenant, struct db_conn *conn, struct arena *a, const char *column,
                       const char *value, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(
        &q,
        "UPDATE oauth_grant SET ended = now() WHERE tenant = $%d AND %s = $%d AND ended IS NULL RETURNING id",
        sql_int4(&q, tenant), column, sql_text(&q, str_of(value)));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++)
        if (!oauth__revoke(tenant, conn, a, db_text(rows, i, 0).s, err))
            return false;
    return true;
}
