/* fhir/reference.h: the text forms of a reference (references.html#literal). */
#ifndef KAGARI_FHIR_REFERENCE_H
#define KAGARI_FHIR_REFERENCE_H

#include "fhir/defs.h"

enum fhir_reference_form {
    FHIR_REF_NONE,      /* not a reference */
    FHIR_REF_CONTAINED, /* "#id" or "#" */
    FHIR_REF_RELATIVE,  /* "Type/id[/_history/v]" */
    FHIR_REF_ABSOLUTE,  /* "https://…/Type/id[/_history/v]" */
    FHIR_REF_URN,       /* "urn:uuid:…", "urn:oid:…" */
    FHIR_REF_QUERY,     /* "Type?…", a conditional reference; only in transactions */
    FHIR_REF_URL,       /* another absolute URL */
};

struct fhir_reference {
    enum fhir_reference_form form;
    struct str base;              /* absolute: up to the type, without the slash */
    const struct fhir_type *type; /* relative, absolute, query */
    struct str id, version, query, fragment;
};

void fhir_reference_parse(const struct fhir_defs *d, struct str s, struct fhir_reference *out);
/* As above, and an absolute one under `base` ("https://host/fhir") is turned into a relative one. */
void fhir_reference_parse_local(const struct fhir_defs *d, struct str base, struct str s,
                                struct fhir_reference *out);

#endif
