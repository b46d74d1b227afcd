/*
 * audit/render.h: entries as AuditEvents (auditevent.html), made when they are asked for. An entry of several patients'
 * data is as many AuditEvents, each naming one of them: so wants IHE's Basic Audit Log Patterns, and no patient learns
 * of another. An AuditEvent's id is the place of its entry: "audit-<pos>-<k>", and "-<i>" from the second patient on.
 */
#ifndef KAGARI_AUDIT_RENDER_H
#define KAGARI_AUDIT_RENDER_H

#include "db/db.h"
#include "fhir/defs.h"

struct audit_place {
    int64_t pos, k;
    int32_t i; /* which of its patients, from 1 */
};
bool audit_place_read(struct str id, struct audit_place *out); /* false: not the id of an entry */

/* What is looked for: all that is given has to hold. */
struct audit_query {
    int32_t tenant;
    int16_t patient_type;            /* the number of Patient */
    const struct audit_place *at;    /* this one; NULL: many */
    const struct audit_place *after; /* older than this one (ascending: newer); NULL: from the first on */
    int64_t patient;                 /* h; 0: all */
    int64_t lo_us, hi_us;            /* when, both inclusive */
    struct str agent;                /* the subject or client of the token; s NULL: all */
    char action;                     /* of AuditEvent.action; 0: all */
    const struct fhir_type *type;    /* with id: of this resource; NULL: all */
    struct str id;
    bool ascending;
    int limit;
};
void audit_query_plan(const struct audit_query *q, struct sql *out);
/* Of a row: its place, and the AuditEvent. base: the server's URL. */
struct audit_place audit_place_of(const struct db_rows *rows, int row);
struct str audit_place_id(struct arena *a, const struct audit_place *p);
struct str audit_render(struct arena *a, const struct fhir_defs *d, struct str base,
                        const struct db_rows *rows, int row);

#endif
