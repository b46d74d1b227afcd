/*
 * terminology/map.h: ConceptMaps: from the codes of one code system to those of another (conceptmap.html).
 *
 * Like the rest of the module it asks an immutable view; what it returns lives as long as the view, or as the arena.
 */
#ifndef KAGARI_TERMINOLOGY_MAP_H
#define KAGARI_TERMINOLOGY_MAP_H

#include "terminology/terminology.h"

struct terminology_map;

/* Errors as of terminology_valueset(). */
bool terminology_map(const struct conformance_view *v, struct str canonical,
                     const struct terminology_map **out, struct err *err) NODISCARD;
bool terminology_map_by_id(const struct conformance_view *v, struct str id,
                           const struct terminology_map **out, struct err *err) NODISCARD;
/* One that is given with a request. It belongs to a. */
bool terminology_map_read(struct arena *a, const json *resource, const struct terminology_map **out,
                          struct err *err) NODISCARD;
const char *terminology_map_url(const struct terminology_map *m); /* NULL: it has none */

/* "this mapping holds when the other element has that value": ConceptMap.group.element.target.dependsOn and product */
struct terminology_dependency {
    const char *property, *system, *value, *display; /* but property and value they may be NULL */
};

struct terminology_match {
    const char *equivalence;
    const char *system, *version, *code, *display; /* code NULL: that there is none is what the map says */
    const struct terminology_dependency *products;
    size_t n_products;
    const char *map; /* its URL, or NULL */
};

struct terminology_translation {
    struct str system, code;                    /* system s NULL: any */
    struct str target_system;                   /* s NULL: any */
    struct str source, target;                  /* value sets that maps are chosen by; s NULL: any */
    bool reverse;                               /* from the targets of the maps to their sources */
    const struct terminology_dependency *given; /* what is known of other elements */
    size_t n_given;
};

/* By one map; map NULL: by all that fit. In the order of the maps; those that depend on something that is not so are left
 * out. ERR_UNSUPPORTED when another map that one refers to is not here. */
bool terminology_translate(const struct conformance_view *v, struct arena *a,
                           const struct terminology_map *map, const struct terminology_translation *t,
                           struct terminology_match **out, size_t *n, struct err *err) NODISCARD;
/* Does one of them say that there is something of the kind? */
bool terminology_translated(const struct terminology_match *list, size_t n);

#endif
