/* Records → the text form of definitions (docs/definitions.md). */
#include "internal.h"

const char *const fhir__text_files[FHIR__TEXT_N] = {"types.txt", "search.txt", "compartments.txt",
                                                    "ucum.txt"};

static void write_invariants(const struct fhir__invariants *list, struct buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct fhir__invariant *v = &list->items[i];
        buf_addf(out, "i\t%s\t%s%s%s\t%s\t%s\n", v->key, v->warning ? "w" : "", v->best_practice ? "b" : "",
                 v->warning || v->best_practice ? "" : "-", v->expression, v->human);
    }
}

static void write_element(const struct fhir__element *e, struct buf *out)
{
    buf_addf(out, "e\t%s\t%u..", e->path, e->min);
    if (e->max == FHIR_MANY)
        buf_addc(out, '*');
    else
        buf_addf(out, "%u", e->max);
    buf_addf(out, "\t%s%s%s\t%s", e->summary ? "s" : "", e->modifier ? "m" : "",
             e->summary || e->modifier ? "" : "-", e->types);
    if (e->strength)
        buf_addf(out, "\t%s\t%s", fhir__strength_words[e->strength], e->valueset);
    buf_addc(out, '\n');
    write_invariants(&e->invariants, out);
}

static void write_types(const struct fhir__records *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_types; i++) {
        const struct fhir__type *t = &r->types[i];
        buf_addf(out, "\ntype\t%s\t%s\t%s\t%s\t", t->name, fhir__kind_words[t->kind], t->base ? t->base : "-",
                 t->abstract ? "a" : "-");
        if (t->number)
            buf_addf(out, "%u", t->number);
        else
            buf_addc(out, '-');
        buf_addf(out, "\t%s\n", t->url);
        write_invariants(&t->invariants, out);
        for (size_t k = 0; k < t->n; k++)
            write_element(&t->elements[k], out);
    }
}

static void write_params(const struct fhir__records *r, struct buf *out)
{
    const char *base = "";
    for (size_t i = 0; i < r->n_params; i++) {
        const struct fhir__param *p = &r->params[i];
        if (strcmp(base, p->base) != 0)
            buf_addc(out, '\n');
        base = p->base;
        buf_addf(out, "param\t%s\t%s\t%s\t%s\t%s", p->base, p->code, fhir__search_words[p->type], p->url,
                 p->expression ? p->expression : "-");
        buf_addf(out, "%s%s\n", *p->targets ? "\t" : "", p->targets);
        for (size_t k = 0; k < p->n; k++)
            buf_addf(out, "component\t%s\t%s\n", p->components[k].definition, p->components[k].expression);
    }
}

static void write_compartments(const struct fhir__records *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_compartments; i++) {
        const struct fhir__compartment *c = &r->compartments[i];
        buf_addf(out, "\ncompartment\t%s\n", c->type);
        for (size_t k = 0; k < c->n; k++)
            buf_addf(out, "member\t%s\t%s\n", c->members[k].type, c->members[k].params);
    }
}

static void write_units(const struct fhir__records *r, struct buf *out)
{
    buf_adds(out, "# UCUM is copyright of Regenstrief Institute, Inc. and the UCUM Organization, used under "
                  "its license:\n"
                  "# https://ucum.org/license\n");
    for (size_t i = 0; i < r->n_prefixes; i++)
        buf_addf(out, "%sprefix\t%s\t%s\n", i ? "" : "\n", r->prefixes[i].code, r->prefixes[i].factor);
    for (size_t i = 0; i < r->n_units; i++) {
        const struct fhir__unit *u = &r->units[i];
        buf_addf(out, "%sunit\t%s\t%s%s%s", i ? "" : "\n", u->code, u->metric ? "m" : "",
                 u->special ? "s" : "", u->metric || u->special ? "" : "-");
        if (u->definition)
            buf_addf(out, "\t%s\t%s", u->value, u->definition);
        if (u->offset)
            buf_addf(out, "\t%s", u->offset);
        buf_addc(out, '\n');
    }
}

void fhir__text_write(const struct fhir__records *r, enum fhir__text which, struct buf *out)
{
    static const struct {
        const char *what;
        void (*write)(const struct fhir__records *r, struct buf *out);
    } kinds[FHIR__TEXT_N] = {
        {"Types, their elements and invariants of FHIR R4", write_types},
        {"Search parameters of FHIR R4", write_params},
        {"Compartments of FHIR R4", write_compartments},
        {"UCUM's prefixes and units", write_units},
    };
    buf_addf(out, "# %s, distilled by `make definitions`; see docs/definitions.md.\n", kinds[which].what);
    kinds[which].write(r, out);
}
