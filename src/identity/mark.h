/* src/identity/mark.h: the marks on nodes. cJSON's own flags end below them. */
#ifndef KAGARI_IDENTITY_MARK_H
#define KAGARI_IDENTITY_MARK_H

#include "internal.h"

enum {
    IDENTITY__SEALED = 1 << 16, /* with all below it */
    IDENTITY__YEAR = 1 << 17,   /* a date's text, behind the year */
    IDENTITY__WITHIN = 1 << 18, /* something below it */
};

#endif
