/*
 * Records that somebody has opened in an emergency. They are few and each for some hours, so that every server has all
 * of them in memory and reads them anew every second.
 */
#include "base/clock.h"
#include "internal.h"

void consent__openings_init(struct consent__openings *o)
{
    pthread_mutex_init(&o->lock, NULL);
    atomic_init(&o->any, false);
    arena_init(&o->a, 0);
    o->list = NULL;
    o->n = 0;
}

void consent__openings_release(struct consent__openings *o)
{
    arena_release(&o->a);
    pthread_mutex_destroy(&o->lock);
}

void consent_open_plan(const struct store *s, const struct consent_opening *o, int64_t duration_us,
                       struct sql *q)
{
    sql_init(q, q->a, "emergency-open");
    sql_addf(q,
             "INSERT INTO emergency (tenant, who, patient, communication, until) VALUES ($%d, $%d, $%d, $%d, "
             "now() + $%d * interval '1 microsecond') RETURNING until",
             sql_int4(q, store_tenant(s)->id), sql_text(q, o->who), sql_text(q, o->patient),
             sql_text(q, o->communication), sql_int8(q, duration_us));
}

bool consent__openings_read(struct consent__openings *o, const struct fhir_defs *d, const struct store *s,
                            struct db_conn *conn, struct arena *a, struct err *err)
{
    enum { WHO, PATIENT, UNTIL };
    const struct fhir_type *patient = fhir_resource(d, STR("Patient"));
    struct sql q = {.a = a};
    const struct db_rows *rows;
    struct arena fresh, old;
    sql_init(&q, a, "emergency-read");
    sql_addf(&q, "SELECT who, patient, until FROM emergency WHERE tenant = $%d AND until > now()",
             sql_int4(&q, store_tenant(s)->id));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    arena_init(&fresh, 0);
    size_t n = (size_t)db_count(rows);
    struct consent__opening *list = ARENA_ARRAY(&fresh, struct consent__opening, n);
    for (size_t i = 0; i < n; i++) {
        struct str who = db_text(rows, (int)i, WHO);
        list[i] = (struct consent__opening){
            .who = {arena_strndup(&fresh, who.s, who.len), who.len},
            .patient = search_hash_id(store_tenant(s), patient, db_text(rows, (int)i, PATIENT)),
            .until_us = db_timestamptz(rows, (int)i, UNTIL)};
    }
    pthread_mutex_lock(&o->lock);
    old = o->a;
    o->a = fresh;
    o->list = list;
    o->n = n;
    atomic_store(&o->any, n > 0);
    pthread_mutex_unlock(&o->lock);
    arena_release(&old);
    return true;
}

struct str consent_who(struct arena *a, struct str issuer, struct str subject, struct str client)
{
    return str_of(arena_printf(a, "%zu:%.*s%zu:%.*s%zu:%.*s", issuer.len, STR_FMT(issuer), subject.len,
                               STR_FMT(subject), client.len, STR_FMT(client)));
}

size_t consent__openings_of(struct consent__openings *o, struct arena *a, struct str who,
                            const int64_t **patients)
{
    const int64_t now_us = clock_wall_us();
    int64_t *list;
    size_t n = 0;
    if (!atomic_load(&o->any))
        return 0;
    pthread_mutex_lock(&o->lock);
    size_t most = o->n;
    pthread_mutex_unlock(&o->lock);
    list = ARENA_ARRAY(a, int64_t, most); /* it may jump out, and holds nothing */
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n && n < most; i++)
        if (now_us < o->list[i].until_us && str_eq(o->list[i].who, who))
            list[n++] = o->list[i].patient;
    pthread_mutex_unlock(&o->lock);
    *patients = list;
    return n;
}
