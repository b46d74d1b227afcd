/* Prefixes and units of the records → the table that codes are read by. */
#include "internal.h"

struct ucum *ucum__new(struct arena *a, size_t n_prefixes, size_t n_units)
{
    struct ucum *u = ARENA_NEW(a, struct ucum);
    u->atoms = ARENA_ARRAY(a, struct ucum__atom, n_units);
    fhir__map_init(&u->by_code, a, n_units);
    fhir__map_init(&u->prefixes, a, n_prefixes);
    return u;
}

static bool positive(struct arena *a, const char *text, struct decimal *out)
{
    return decimal_parse(a, str_of(text), out) && !out->negative && (out->small || out->big);
}

bool ucum__add_prefix(struct ucum *u, struct arena *a, const struct fhir__prefix *p)
{
    struct ucum__prefix *prefix = ARENA_NEW(a, struct ucum__prefix);
    prefix->code = p->code;
    if (!positive(a, p->factor, &prefix->factor))
        return false;
    fhir__map_add(&u->prefixes, p->code, prefix);
    return true;
}

bool ucum__add_unit(struct ucum *u, struct arena *a, const struct fhir__unit *t)
{
    struct ucum__atom *atom = &u->atoms[u->n];
    struct ucum_unit factor = ucum__one;
    *atom = (struct ucum__atom){.code = t->code, .metric = t->metric, .unit = ucum__one};
    if (!t->definition) {
        atom->unit.dim[0].id = (int16_t)u->n;
        atom->unit.dim[0].exponent = 1;
    } else if (!positive(a, t->value, &factor.num) || !ucum_parse(u, a, str_of(t->definition), &atom->unit) ||
               !ucum__multiply(a, &atom->unit, &factor, false)) {
        return false;
    }
    if (t->offset && !decimal_parse(a, str_of(t->offset), &atom->unit.offset))
        return false;
    if (t->special)
        atom->unit.scale = UCUM_POINTS;
    fhir__map_add(&u->by_code, t->code, atom);
    u->n++;
    return true;
}
