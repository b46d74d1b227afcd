/*
 * identity/policy.h: which elements identify a person. A table of lines, conf/identity.txt or the file that identity.policy
 * names, compiled against a definitions snapshot; immutable, shared by threads.
 *
 *     keep TYPE…              resources of these types are of no person: nothing in them is sealed
 *     person TYPE…            references to these are references to a person
 *     seal TYPE               values of this datatype, wherever they stand
 *     seal TYPE ELEMENT…      these elements, with all below them
 *     year TYPE ELEMENT…      dates, behind the year
 *     persons TYPE ELEMENT…   of a Reference: when it is to a person, or to nobody knows whom
 *
 * TYPE is a resource type or a datatype. What is sealed of a primitive is its value and its extensions.
 */
#ifndef KAGARI_IDENTITY_POLICY_H
#define KAGARI_IDENTITY_POLICY_H

#include "fhir/defs.h"

struct identity_policy;

/* text s NULL: the table of the server. ERR_INVALID naming the line. */
bool identity_policy_new(struct arena *a, const struct fhir_defs *d, struct str text,
                         const struct identity_policy **out, struct err *err) NODISCARD;
/* Two that say the same have the same. */
uint64_t identity_policy_print(const struct identity_policy *p);

/* Can this element hold something that is sealed, or be a part of it? actual: its type; NULL: any. */
bool identity_policy_seals(const struct identity_policy *p, const struct fhir_element *e,
                           const struct fhir_type *actual);
/* Resources of this type have dates of which the year remains. */
bool identity_policy_dates(const struct identity_policy *p, const struct fhir_type *type);
/* Resources of this type have nothing to seal. */
bool identity_policy_keeps(const struct identity_policy *p, const struct fhir_type *type);

#endif
