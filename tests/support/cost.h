/*
 * tests/support/cost.h: what work costs, counted where the project's objects call out (see the wraps in the Makefile):
 * round trips to PostgreSQL and statements in them, JSON parses, calls of malloc, and bytes. Counted for the whole process:
 * exact while one request is under way and nothing works beside it.
 *
 * The text of every statement is looked at as well: whatever a test does, a statement names the tenant once for each table
 * that has one, as it must where the tenant says on which machine the rows are (docs/scaling.md).
 */
#ifndef KAGARI_TEST_COST_H
#define KAGARI_TEST_COST_H

#include <stdint.h>

#include "base/str.h"

struct cost {
    int64_t trips;      /* times that somebody waits for PostgreSQL */
    int64_t statements; /* executed, BEGIN and COMMIT included */
    int64_t parsed;     /* prepared, or sent as text with parameters */
    int64_t json;       /* parses */
    int64_t mallocs;    /* malloc, calloc, realloc */
    int64_t sent;       /* bytes of parameters, and of text to be parsed */
    int64_t received;   /* bytes of columns */
    int64_t arena;      /* bytes taken from the request's arena; filled in by flow() */
};

struct cost cost_now(void);
struct cost cost_between(const struct cost *from, const struct cost *to);

/* The table of which a statement reads or changes rows of more than one tenant; NULL: none. */
const char *cost_untenanted(const char *text);
/* The first statement so far that does; s NULL: none. Forgets it. */
struct str cost_first_untenanted(void);

#endif
