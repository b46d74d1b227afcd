/* The table of institutions. */
#include "tenant/tenant.h"

#include "crypto/random.h"

enum { NAME_MAX_LEN = 32 };
#define COLUMNS "id, state, name, settings, salt, made"

bool tenant_name_valid(struct str name)
{
    static const char *const taken[] = {"fhir", "health", "metrics"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (str_is(name, taken[i]))
            return false;
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name.s[i]) || !name.s[i])
            return false;
    return name.len > 0 && name.len <= NAME_MAX_LEN && name.s[0] != '-' && name.s[name.len - 1] != '-';
}

static void read_row(const struct db_rows *rows, int row, struct arena *a, struct tenant *out)
{
    struct str salt = db_text(rows, row, 4);
    *out = (struct tenant){.id = db_int4(rows, row, 0),
                           .state = (enum tenant_state)db_int2(rows, row, 1),
                           .name = arena_strdup(a, db_text(rows, row, 2).s),
                           .settings = arena_strdup(a, db_text(rows, row, 3).s),
                           .made_us = db_timestamptz(rows, row, 5)};
    if (salt.len == sizeof out->salt)
        memcpy(out->salt, salt.s, salt.len);
}

bool tenant_list(struct db_conn *c, struct arena *a, struct tenant **list, size_t *n, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, "institutions");
    sql_adds(&q, "SELECT " COLUMNS " FROM institution ORDER BY name");
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    *n = (size_t)db_count(rows);
    *list = ARENA_ARRAY(a, struct tenant, *n);
    for (size_t i = 0; i < *n; i++)
        read_row(rows, (int)i, a, &(*list)[i]);
    return true;
}

bool tenant_find(struct db_conn *c, struct arena *a, const char *name, struct tenant *out, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q, "SELECT " COLUMNS " FROM institution WHERE name = $%d", sql_text(&q, str_of(name)));
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no institution '%s'; kagari tenant list", name);
    read_row(rows, 0, a, out);
    return true;
}

bool tenant_add(struct db_conn *c, struct arena *a, const char *name, const char *settings, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    uint8_t salt[TENANT_SALT];
    crypto_random(salt, sizeof salt);
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "INSERT INTO institution (id, name, settings, salt) VALUES (nextval('institution_seq'), $%d, "
             "$%d, $%d) ON CONFLICT (name) DO NOTHING RETURNING id",
             sql_text(&q, str_of(name)), sql_text(&q, str_of(settings)), sql_bytea(&q, salt, sizeof salt));
    return db_exec(c, a, &q, &rows, err) &&
           (db_count(rows) == 1 || err_set(err, ERR_CONFLICT, "there is an institution '%s' already", name));
}

bool tenant_change(struct db_conn *c, struct arena *a, const struct tenant *t, enum tenant_state state,
                   const char *settings, struct err *err)
{
    struct sql q;
    sql_init(&q, a, NULL);
    sql_addf(&q, "UPDATE institution SET state = $%d, settings = $%d WHERE id = $%d AND id <> %d",
             sql_int2(&q, (int16_t)state), sql_text(&q, str_of(settings)), sql_int4(&q, t->id), TENANT_FIRST);
    return db_exec(c, a, &q, NULL, err);
}
