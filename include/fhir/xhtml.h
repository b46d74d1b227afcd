/*
 * fhir/xhtml.h: is the div of a narrative the limited XHTML that FHIR allows (narrative.html, txt-1 and
 * txt-2)?
 *
 * Well-formed, a div in the XHTML namespace, only the elements and attributes of basic formatting, no active
 * content (no script, no event handlers, no links that run code), no document type, and something to read.
 * Nothing is fetched and no entity is defined.
 */
#ifndef KAGARI_FHIR_XHTML_H
#define KAGARI_FHIR_XHTML_H

#include "base/str.h"

enum fhir_xhtml_problem {
    FHIR_XHTML_MALFORMED, /* not well-formed; nothing else is reported then */
    FHIR_XHTML_ROOT,      /* the outermost element is no div, or not in the namespace */
    FHIR_XHTML_ELEMENT,   /* an element that is not allowed */
    FHIR_XHTML_ATTRIBUTE, /* an attribute that is not allowed */
    FHIR_XHTML_LINK,      /* href, src or style with a scheme or a function that can run code */
    FHIR_XHTML_EMPTY,     /* no text and no image */
    FHIR_XHTML__N,
};

struct fhir_xhtml_finding {
    enum fhir_xhtml_problem problem;
    char name[32]; /* of the element or attribute, cut; empty when it is no plain name */
};

/* The first of each kind; returns how many. Thread safe. */
int fhir_xhtml_check(struct str div, struct fhir_xhtml_finding out[FHIR_XHTML__N]);

/* The same, and fragment is called with the id of each link and image of the form "#id"; it must return. */
int fhir_xhtml_check_links(struct str div, void (*fragment)(void *arg, const char *id), void *arg,
                           struct fhir_xhtml_finding out[FHIR_XHTML__N]);

#endif
