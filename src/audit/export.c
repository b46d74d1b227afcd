#include "audit/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/render.h"
#include "internal.h"

enum { PAGE = 500 };

static bool export_page(struct db_conn *conn, struct arena *a, const struct audit_export *o,
                        struct audit_place *last, bool *more, int64_t *n, struct err *err)
{
    const struct audit_query page = {.tenant = o->tenant,
                                     .patient_type = (int16_t)fhir_resource(o->defs, STR("Patient"))->id,
                                     .after = *n ? last : NULL,
                                     .lo_us = o->lo_us,
                                     .hi_us = o->hi_us,
                                     .ascending = true,
                                     .limit = PAGE};
    struct sql q = {.a = a};
    const struct db_rows *rows;
    audit_query_plan(&page, &q);
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++) {
        if (!o->write(o->arg, audit_render(a, o->defs, o->base, rows, i)))
            return err_set(err, ERR_INTERNAL, "the events cannot be written: %s", strerror(errno));
        *last = audit_place_of(rows, i);
        ++*n;
    }
    *more = db_count(rows) == PAGE;
    return true;
}

bool audit_export(struct db_conn *conn, const struct audit_export *o, int64_t *n, struct err *err)
{
    struct audit_place last;
    bool ok = true;
    *n = 0;
    for (bool more = true; ok && more;) {
        struct arena a;
        arena_init(&a, 0);
        ok = export_page(conn, &a, o, &last, &more, n, err);
        arena_release(&a);
    }
    return ok;
}
