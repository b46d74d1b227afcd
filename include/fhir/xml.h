/*
 * fhir/xml.h: resources in XML (xml.html), to and from the tree of base/json.h.
 *
 * The tree is what everything else works on, and JSON what is stored; XML is read into it and written from it by the
 * definitions. Both ways keep everything: the literals of decimals, ids and extensions of primitives (the "_name"
 * siblings, arrays padded with null), the order of what repeats, the div of a narrative byte for byte.
 *
 * Read: UTF-8 (http.html#mime-type allows no other). No document type, so no entities and nothing to fetch. Elements
 * in the order of their definition, in the namespace http://hl7.org/fhir; comments, processing instructions and
 * xsi:schemaLocation are passed over, everything else that the definitions do not know is refused, with line, column
 * and FHIRPath. Not everything that can be read is a valid resource: cardinality, codes, formats are the validator's.
 *
 * Written: elements in the order of their definition, whatever their order in the tree. XML 1.0 has no form for some
 * characters that JSON strings may have (U+0000 to U+001F but tab and line ends, U+FFFE, U+FFFF): such a tree is
 * refused, as is one with a div that is no well-formed XHTML or with members that are not defined.
 */
#ifndef KAGARI_FHIR_XML_H
#define KAGARI_FHIR_XML_H

#include "fhir/defs.h"

/* max_depth: levels of objects that the tree may have, as json_parse() takes it. Fails with ERR_SYNTAX, ERR_INVALID or
 * ERR_TOO_LARGE. */
bool fhir_xml_parse(struct arena *a, const struct fhir_defs *d, struct str text, int max_depth, json **out,
                    struct err *err) NODISCARD;

/* Appends the whole document, indented by two blanks a level when pretty. Fails with ERR_ACCEPT, whose expression is
 * that of the element; b then ends somewhere within. */
bool fhir_xml_print(const struct fhir_defs *d, struct buf *b, const json *resource, bool pretty,
                    struct err *err) NODISCARD;

/* Is the outermost element FHIR's of this name? Reads no further than it. */
bool fhir_xml_root_is(struct str text, const char *name);

#endif
