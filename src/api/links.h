/*
 * src/api/links.h: links between the entries of a transaction (http.html#transaction, bundle.html#references).
 *
 * An entry's fullUrl stands for the resource that it becomes; wherever another entry points to it, the final
 * identity is put in its place: in references, in elements of type uri and url, and in href and src of narratives.
 * Elements of type canonical are left alone, and those of type oid and uuid too, which cannot hold a URL.
 */
#ifndef KAGARI_API_LINKS_H
#define KAGARI_API_LINKS_H

#include "fhir/reference.h"
#include "internal.h"

struct links {
    struct arena *a;
    const struct fhir_defs *defs;
    struct str base;
    struct {
        struct str url, target;
    } * slots; /* hash table by url */
    size_t n, size;
    /* The identity that a conditional reference ("Patient?identifier=…") names: "Type/id" in the arena. */
    bool (*resolve)(void *arg, struct str reference, struct str *target, struct err *err);
    void *arg;
};

void links_init(struct links *l, struct arena *a, const struct fhir_defs *defs, struct str base);
/* False when the fullUrl is there already. target: "Type/id". */
bool links_add(struct links *l, struct str full_url, struct str target);
bool links_get(const struct links *l, struct str url, struct str *target);
/* Rewrites one entry's resource. Fails on a urn: reference that no entry has, and where resolve fails. */
bool links_rewrite(struct links *l, json *resource, struct str full_url, struct err *err) NODISCARD;

#endif
