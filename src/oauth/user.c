/* People with a password of their own. An attempt is counted before it is judged, so that many at once are many. */
#include "crypto/random.h"
#include "internal.h"

enum { FREE_ATTEMPTS = 5, FIRST_LOCK_S = 30, LONGEST_LOCK_S = 900 };

static bool read_user(struct oauth__call *c, const struct db_rows *rows, struct oauth__user **out,
                      struct err *err)
{
    *out = NULL;
    if (db_count(rows) == 0)
        return true;
    struct oauth__user *u = ARENA_NEW(c->a, struct oauth__user);
    *u = (struct oauth__user){.id = db_text(rows, 0, 0).s,
                              .name = db_text(rows, 0, 1).s,
                              .display = db_text(rows, 0, 2).s,
                              .fhir_user = db_text(rows, 0, 3).s,
                              .password = db_text(rows, 0, 4).s};
    struct str wrapped = db_text(rows, 0, 5);
    *out = u;
    return !wrapped.s || crypto_unwrap(c->a, c->o->base.secret, str_of(oauth__totp_purpose(c->a, u->id)),
                                       wrapped, &u->totp, err);
}

#define COLUMNS "id, name, display, fhir_user, password, totp"

bool oauth__user_attempt(struct oauth__call *c, const char *name, const char *id, struct oauth__user **out,
                         struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(
        &q,
        "UPDATE oauth_user SET failures = failures + 1, locked_until = CASE WHEN failures + 1 >= %d THEN "
        "now() "
        "+ least(%d, %d * 2 ^ least(failures + 1 - %d, 20)) * interval '1 second' END WHERE tenant = $%d AND "
        "%s = $%d AND (locked_until IS NULL OR locked_until < now()) RETURNING " COLUMNS,
        FREE_ATTEMPTS, LONGEST_LOCK_S, FIRST_LOCK_S, FREE_ATTEMPTS, sql_int4(&q, c->o->base.tenant),
        id ? "id" : "name", sql_text(&q, str_of(id ? id : name)));
    return db_exec(c->conn, c->a, &q, &rows, err) && read_user(c, rows, out, err);
}

bool oauth__user_locked(struct oauth__call *c, const char *name, const char **id, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "SELECT id FROM oauth_user WHERE tenant = $%d AND name = $%d AND locked_until > now()",
             sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(name)));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *id = db_count(rows) ? db_text(rows, 0, 0).s : NULL;
    return true;
}

bool oauth__user_find(struct oauth__call *c, const char *id, struct oauth__user **out, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "SELECT " COLUMNS " FROM oauth_user WHERE tenant = $%d AND id = $%d",
             sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(id)));
    return db_exec(c->conn, c->a, &q, &rows, err) && read_user(c, rows, out, err);
}

bool oauth__user_succeeded(struct oauth__call *c, const char *id, struct err *err)
{
    struct sql q;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "UPDATE oauth_user SET failures = 0, locked_until = NULL WHERE tenant = $%d AND id = $%d",
             sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(id)));
    return db_exec(c->conn, c->a, &q, NULL, err);
}

bool oauth__user_use_step(struct oauth__call *c, const char *id, int64_t step, bool *fresh, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "UPDATE oauth_user SET totp_used = $%d WHERE tenant = $%d AND id = $%d AND totp_used < $%d "
             "RETURNING 1",
             sql_int8(&q, step), sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(id)),
             sql_int8(&q, step));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *fresh = db_count(rows) > 0;
    return true;
}

const char *oauth__totp_purpose(struct arena *a, const char *id)
{
    return arena_printf(a, "oauth totp %s", id);
}

bool oauth__user_add(const struct oauth__base *b, struct db_conn *conn, struct arena *a,
                     const struct oauth__user *u, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    struct str wrapped = {NULL, 0};
    char id[37];
    crypto_uuid(id);
    if (u->totp.s)
        wrapped = crypto_wrap(a, b->secret, str_of(oauth__totp_purpose(a, id)), u->totp);
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "INSERT INTO oauth_user (tenant, id, name, display, fhir_user, password, totp) VALUES ($%d, "
             "$%d, $%d, "
             "$%d, $%d, $%d, $%d) ON CONFLICT (tenant, name) DO NOTHING RETURNING 1",
             sql_int4(&q, b->tenant), sql_text(&q, str_of(id)), sql_text(&q, str_of(u->name)),
             sql_text(&q, str_of(u->display)),
             u->fhir_user ? sql_text(&q, str_of(u->fhir_user)) : sql_null(&q, SQL_TEXT),
             sql_text(&q, str_of(u->password)),
             wrapped.s ? sql_bytea(&q, wrapped.s, wrapped.len) : sql_null(&q, SQL_BYTEA));
    return db_exec(conn, a, &q, &rows, err) &&
           (db_count(rows) || err_set(err, ERR_CONFLICT, "There is a user %s: remove it first", u->name));
}

bool oauth__is_person(const char *text)
{
    struct str id, type = str_cut(str_of(text), '/', &id);
    static const char *const types[] = {"Patient", "Practitioner", "PractitionerRole", "RelatedPerson",
                                        "Person"};
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        known |= str_is(type, types[i]);
    return known && id.len > 0 && id.len <= 64 &&
           strspn(id.s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") == id.len;
}

static bool provide_in_transaction(struct oauth__call *c, const char *provider, const char *subject,
                                   const struct oauth__user *u, struct err *err)
{
    return oauth__user_add(&c->o->base, c->conn, c->a, u, err) &&
           oauth__identity_add(c->o->base.tenant, c->conn, c->a, u->name, provider, subject, err);
}

static bool update(struct oauth__call *c, const struct oauth__user *u, struct err *err)
{
    struct sql q;
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "UPDATE oauth_user SET display = $%d, fhir_user = $%d WHERE tenant = $%d AND id = $%d",
             sql_text(&q, str_of(u->display)), sql_text(&q, str_of(u->fhir_user)),
             sql_int4(&q, c->o->base.tenant), sql_text(&q, str_of(u->id)));
    return db_exec(c->conn, c->a, &q, NULL, err);
}

bool oauth__user_provide(struct oauth__call *c, const char *provider, const char *subject,
                         const char *display, const char *fhir_user, struct oauth__user **out,
                         struct err *err)
{
    const struct oauth__user u = {
        .name = arena_printf(c->a, "%s:%s", provider, subject), .display = display, .fhir_user = fhir_user};
    struct err why;
    for (int i = 0; i < 2; i++) { /* twice: somebody logs in for the first time in two browsers */
        if (!oauth__identity_find(c, provider, subject, out, err))
            return false;
        if (*out) {
            (*out)->display = display;
            (*out)->fhir_user = fhir_user;
            return update(c, *out, err);
        }
        if (i > 0 || !db_begin(c->conn, err))
            return i > 0;
        if (!provide_in_transaction(c, provider, subject, &u, &why) || !db_commit(c->conn, &why)) {
            db_rollback(c->conn);
            if (why.kind != ERR_CONFLICT) {
                *err = why;
                return false;
            }
        }
    }
    return true;
}

static bool remove_in_transaction(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name,
                                  struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    int n;
    if (!oauth__identities_remove(tenant, conn, a, name, &n, err))
        return false;
    sql_init(&q, a, NULL);
    sql_addf(&q, "DELETE FROM oauth_user WHERE tenant = $%d AND name = $%d RETURNING id",
             sql_int4(&q, tenant), sql_text(&q, str_of(name)));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no user %s", name);
    return oauth__grants_end(tenant, conn, a, "user_id", db_text(rows, 0, 0).s, err);
}

bool oauth__user_remove(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name,
                        struct err *err)
{
    if (db_begin(conn, err) && remove_in_transaction(tenant, conn, a, name, err) && db_commit(conn, err))
        return true;
    db_rollback(conn);
    return false;
}
