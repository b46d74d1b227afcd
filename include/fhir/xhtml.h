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

/* What a narrative has that others ask for, in its order. */
enum fhir_xhtml_mark {
    FHIR_XHTML_HREF,    /* of an a */
    FHIR_XHTML_SRC,     /* of an img */
    FHIR_XHTML_ID,      /* id of any element, name of an a */
    FHIR_XHTML_SECTION, /* the language of a div directly within the outermost one */
};

enum { FHIR_XHTML_FOUND_MAX = 32 };

struct fhir_xhtml {
    struct fhir_xhtml_finding found[FHIR_XHTML_FOUND_MAX]; /* each one */
    int n_found;
    struct {
        enum fhir_xhtml_mark mark;
        const char *value;
    } * marks;
    size_t n_marks;
    int unsourced; /* texts and elements directly within the outermost one whose class does not tell where they are from */
};

void fhir_xhtml_read(struct arena *a, struct str div, struct fhir_xhtml *out);

#endif
