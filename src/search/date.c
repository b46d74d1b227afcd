/*
 * Date parameters (search.html#date). A value is the range of instants that it covers: 2021 is a year, a Period
 * from its start to its end, a Timing between its outer limits. Index: the lane dt, dt_hi, or idx_date. Query: the
 * prefixes compare two ranges.
 *
 * An open end lies so far away that nothing is beyond it, and so near that the difference of two ends is no
 * overflow.
 */
#include "base/clock.h"
#include "internal.h"

#define OPEN_END (INT64_C(1) << 61)

/* ---- index ------------------------------------------------------------------------------------------- */

static bool range_of(const struct search__index *x, const char *text, int64_t *lo, int64_t *hi)
{
    struct fhir_datetime t;
    if (!text || !fhir_datetime_parse(str_of(text), &t))
        return false;
    fhir_datetime_range(&t, x->tenant->zone, lo, hi);
    return true;
}

static bool period_range(const struct search__index *x, const json *period, int64_t *lo, int64_t *hi)
{
    int64_t ignored;
    bool start = range_of(x, json_get_string(period, "start"), lo, &ignored);
    bool end = range_of(x, json_get_string(period, "end"), &ignored, hi);
    if (!start)
        *lo = -OPEN_END;
    if (!end)
        *hi = OPEN_END;
    return start || end;
}

static bool timing_range(const struct search__index *x, const json *timing, int64_t *lo, int64_t *hi)
{
    bool any = period_range(x, json_get(json_get(timing, "repeat"), "boundsPeriod"), lo, hi);
    json_each (event, json_get(timing, "event")) {
        int64_t first, last;
        if (!json_is_string(event) || !range_of(x, event->valuestring, &first, &last))
            continue;
        *lo = any && *lo < first ? *lo : first;
        *hi = any && *hi > last ? *hi : last;
        any = true;
    }
    return any;
}

void search__index_date(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    int64_t lo, hi;
    const char *text = fp_text(item), *type = item->type ? item->type->name : "";
    bool found = text                          ? range_of(x, text, &lo, &hi)
                 : strcmp(type, "Period") == 0 ? period_range(x, item->node, &lo, &hi)
                 : strcmp(type, "Timing") == 0 ? timing_range(x, item->node, &lo, &hi)
                                               : false;
    if (!found)
        return;
    if (x->sealed)
        search__seal_date(x, text, &lo, &hi);
    struct search_index *out = x->out;
    if (x->slot->lane == LANE_DATE) {
        out->dt = lo;
        out->dt_hi = hi;
    } else {
        *ARENA_PUSH(x->a, out->dates, out->n_dates, out->cap_dates) =
            (struct search_index_date){x->slot->param->id, lo, hi};
    }
}

/* ---- query ------------------------------------------------------------------------------------------- */

struct search_criterion *search__parse_date(struct search__parse *p, const struct search__arg *arg,
                                            struct str value)
{
    if (arg->modifier.s)
        return search__refuse(p, arg, "a date parameter takes no modifier but :missing");
    struct search_criterion *c = search__criterion(
        p->a, arg->param->special == SPECIAL_UPDATED ? CRIT_UPDATED : CRIT_DATE, arg->param);
    c->lane = arg->lane;
    c->op = search__prefix(&value);
    if (p->op)
        c->op = *p->op;
    struct fhir_datetime t;
    if (!fhir_datetime_parse(search__unescape(p->a, value), &t))
        return search__refuse(p, arg,
                              "a date is written YYYY[-MM[-DD[Thh:mm[:ss[.fff]][Z|±hh:mm]]]], after one of "
                              "eq ne gt lt ge le sa eb ap or none");
    fhir_datetime_range(&t, p->tenant->zone, &c->lo, &c->hi);
    if (c->op == OP_AP) { /* a tenth of the gap to now, both ways */
        int64_t gap = clock_wall_us() - c->lo;
        gap = (gap < 0 ? -gap : gap) / 10;
        c->lo -= gap;
        c->hi += gap;
    }
    return c->kind == CRIT_DATE && search__is_sealed(p->tenant, arg->param)
               ? search__seal_date_criterion(p, c)
               : c;
}
