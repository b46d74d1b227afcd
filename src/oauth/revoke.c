#include "internal.h"

enum { LONGEST_S = 3600 + 120 }; /* an access token and what clocks may differ */

bool oauth__revoke(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name, struct err *err)
{
    struct sql q;
    uint8_t id[16];
    auth_revocation_id(str_of(name), id);
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "INSERT INTO oauth_revoked (tenant, digest, until) VALUES ($%d, $%d, now() + $%d * interval '1 "
             "second') ON CONFLICT (tenant, digest) DO UPDATE SET until = excluded.until",
             sql_int4(&q, tenant), sql_bytea(&q, id, sizeof id), sql_int4(&q, LONGEST_S));
    return db_exec(conn, a, &q, NULL, err);
}
