/*
 * tests/support/search.h: a small store for the tests of search: a schema of its own in the tests' database, rows
 * from search_index(), and queries answered as lists of ids.
 */
#ifndef KAGARI_TEST_SEARCH_H
#define KAGARI_TEST_SEARCH_H

#include "db/db.h"
#include "search/opened.h"
#include "support/test.h"

struct test_search {
    struct arena a;
    const struct fhir_defs *defs;
    const struct conformance_view *definitions,
        *codes; /* codes: with the CodeSystems and ValueSets that are there */
    const struct search_registry *registry;
    struct search_tenant tenant;
    struct search_stats stats;
    struct search_limits limits;
    struct db_conn *db; /* NULL without test_search_open() */
    int64_t k;
    int explained;
};

#define TEST_SEARCH_BASE "https://kagari.test/fhir"

/* Definitions and parameters only. */
void test_search_init(struct test_search *t);
/* The schema too. */
void test_search_open(struct test_search *t);
/* After either: what is indexed and asked from now on is of sealed identities. */
void test_search_seal(struct test_search *t);
void test_search_close(struct test_search *t);

void test_search_index(struct test_search *t, const json *resource, struct search_index *out);
/* Stores a new resource, or a new version in place of the one with its type and id. */
void test_search_put(struct test_search *t, const json *resource);
void test_search_delete(struct test_search *t, const char *type, const char *id);

/* url: "Patient?name=x", "?_type=…", "Patient/1/Observation?…". False: *err says why. */
bool test_search_parse(struct test_search *t, const char *url, struct search_query **out, struct err *err);

struct test_page {
    struct str ids; /* in order, separated by blanks; several types: "Type/id" */
    size_t n;
    int64_t total;             /* -1: not counted */
    struct str next, previous; /* cursors of the pages beside it; len 0: there is none */
};
bool test_search_page(struct test_search *t, struct search_query *q, struct test_page *out, struct err *err);

/* The statement's plan for whatever values, as EXPLAIN prints it. */
struct str test_search_explain(struct test_search *t, const struct search_query *q);

#endif
