/*
 * audit/export.h: the audit log as AuditEvents, one a line, oldest first: for archives and for a SIEM. In pages: memory does
 * not grow with the log.
 */
#ifndef KAGARI_AUDIT_EXPORT_H
#define KAGARI_AUDIT_EXPORT_H

#include "db/db.h"
#include "fhir/defs.h"

struct audit_export {
    int32_t tenant;
    int64_t lo_us, hi_us; /* when, both inclusive */
    const struct fhir_defs *defs;
    struct str base; /* the server's URL, which the events name as their source */
    /* One AuditEvent; false with errno set: it could not be written, and the export ends. */
    bool (*write)(void *arg, struct str event);
    void *arg;
};
/* n: how many there were. Entries that come meanwhile are in it when they are before hi_us. */
bool audit_export(struct db_conn *conn, const struct audit_export *o, int64_t *n, struct err *err) NODISCARD;

#endif
