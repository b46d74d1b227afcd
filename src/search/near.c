/*
 * near (location.html#search, positional searching): Locations within a distance. Index: a row of idx_num, latitude in
 * lo and hi, longitude in slo and shi. Query: latitude|longitude|distance|unit. A box around the circle is looked up by
 * latitude or longitude, whichever leaves fewer; what is in it is measured on the sphere (kagari_km). A box that crosses
 * the antimeridian is two, one that reaches over a pole has all longitudes.
 */
#include <math.h>
#include <stdlib.h>

#include "internal.h"

#define EARTH_KM   6371.0088
#define DEFAULT_KM "50"

static const struct {
    const char *name;
    double km;
} units[] = {
    {"km", 1},          {"[km]", 1}, {"m", 0.001}, {"[mi_i]", 1.609344}, {"[mi_us]", 1.609347218694437},
    {"[nmi_i]", 1.852},
};

/* Any standard unit but 0: the index by the second number is of rows that have one. */
enum { HAS_LONGITUDE = 1 };

void search__index_near(struct search__index *x, const struct fp_item *item)
{
    const char *lat = search__number_member(x->a, item->node, "latitude"),
               *lon = search__number_member(x->a, item->node, "longitude");
    if (!lat || !lon || fabs(strtod(lat, NULL)) > 90 || fabs(strtod(lon, NULL)) > 180)
        return;
    struct search_index *out = x->out;
    *ARENA_PUSH(x->a, out->nums, out->n_nums, out->cap_nums) = (struct search_index_num){
        .param = x->slot->param->id,
        .lo = str_of(lat),
        .hi = str_of(lat),
        .slo = str_of(lon),
        .shi = str_of(lon),
        .sc = HAS_LONGITUDE,
        .c = (int64_t)hash_strs(&x->tenant->key, str_of(lon)), /* so that it is part of the row's hash */
    };
}

/* ---- query ------------------------------------------------------------------------------------------- */

static bool read_number(struct arena *a, struct str text, double from, double to, double *out)
{
    const char *literal = arena_strndup(a, text.s, text.len);
    if (!search__is_number(a, literal))
        return false;
    *out = strtod(literal, NULL);
    return *out >= from && *out <= to;
}

static bool read_unit(struct str text, double *km)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (str_is(text, units[i].name)) {
            *km = units[i].km;
            return true;
        }
    return false;
}

struct search_criterion *search__parse_near(struct search__parse *p, const struct search__arg *arg,
                                            struct str value)
{
    struct str rest, lat = search__cut(value, '|', &rest), lon = {0}, distance = {0}, unit = {0}, more = {0};
    double each = 1, number;
    if (arg->modifier.s)
        return search__refuse(p, arg, "it takes no modifier but :missing");
    if (rest.s)
        lon = search__cut(rest, '|', &rest);
    if (rest.s)
        distance = search__cut(rest, '|', &rest);
    if (rest.s)
        unit = search__cut(rest, '|', &more);
    struct search_criterion *c = search__criterion(p->a, CRIT_NEAR, arg->param);
    if (more.s || !read_number(p->a, lat, -90, 90, &c->latitude) ||
        !read_number(p->a, lon, -180, 180, &c->longitude) ||
        !read_number(p->a, distance.len ? distance : STR(DEFAULT_KM), 0, 1e6, &number))
        return search__refuse(p, arg, "it is written latitude|longitude|distance|unit, in degrees");
    if (unit.len && !read_unit(unit, &each))
        return search__refuse(p, arg,
                              "the units are km (also when none is given), m, [mi_i], [mi_us] and [nmi_i]");
    c->km = number * (distance.len ? each : 1);
    return c;
}

/* ---- SQL --------------------------------------------------------------------------------------------- */

static int float_param(struct search__sql *w, double v)
{
    return sql_numeric(w->sql, str_of(arena_printf(w->sql->a, "%.9f", v)));
}

static void distance_to(struct search__sql *w, const struct search_criterion *c)
{
    sql_addf(w->sql, "kagari_km(s.lo, s.slo, $%d, $%d)", float_param(w, c->latitude),
             float_param(w, c->longitude));
}

/* All boxes have the same shape, so that there is one statement: two ranges of longitudes, the second mostly empty. */
void search__near_condition(struct search__sql *w, const struct search_criterion *c)
{
    const double degree = 180 / M_PI, margin = 1e-6;
    double angle = c->km / EARTH_KM, lat = angle * degree + margin, lon = 180;
    double south = c->latitude - lat, north = c->latitude + lat;
    if (south > -90 && north < 90) /* otherwise a pole is inside */
        lon = asin(fmin(1, sin(angle) / cos(c->latitude / degree))) * degree + margin;
    double west = c->longitude - lon, east = c->longitude + lon;
    double from = west < -180 ? west + 360 : east > 180 ? -180 : 180.5; /* the second range */
    double to = west < -180 ? 180 : east > 180 ? east - 360 : 180.5;
    if (lon >= 180)
        west = -180, east = 180;
    sql_addf(w->sql, "s.sc = %d AND s.lo >= $%d AND s.lo <= $%d", HAS_LONGITUDE, float_param(w, south),
             float_param(w, north));
    sql_addf(w->sql, " AND (s.slo >= $%d AND s.slo <= $%d OR ", float_param(w, west), float_param(w, east));
    sql_addf(w->sql, "s.slo >= $%d AND s.slo <= $%d) AND ", float_param(w, from), float_param(w, to));
    distance_to(w, c);
    sql_addf(w->sql, " <= $%d", float_param(w, c->km));
}

void search__near_distance(struct search__sql *w, const struct search_criterion *c, const char *k)
{
    sql_adds(w->sql, "SELECT min(");
    distance_to(w, c);
    sql_addf(w->sql, ")::numeric(12, 6) FROM idx_num s WHERE s.tenant = $%d AND s.k = %s AND s.param = $%d",
             w->tenant, k, sql_int4(w->sql, c->param->id));
}
