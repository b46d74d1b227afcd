/* tests/support/store.h: a store over a database of the suite's own, and writes made from the text of a resource. */
#ifndef KAGARI_TEST_STORE_H
#define KAGARI_TEST_STORE_H

#include "store/store.h"
#include "support/database.h"

struct test_store {
    struct arena a; /* of the test */
    struct config config;
    struct db_conn *c;
    struct store *s;
    const struct fhir_defs *defs;
};

/* Unchecked and checked fixtures; the one test_store of a process. */
void test_store_suite_begin(void);
void test_store_suite_end(void);
void test_store_begin(void);
void test_store_end(void);
struct test_store *test_store(void);

/* The resource's id, or one of its own. */
struct store_write *test_write(const char *resource);
struct store_written test_create(struct store_write *w);
/* One PUT; *out may be NULL. */
enum store_outcome test_update(struct store_update *u, struct store_written *out);
enum store_outcome test_put(const char *resource);
enum store_outcome test_delete(const char *type, const char *id, int32_t if_match);
/* False: there is none. */
bool test_read(const char *type, const char *id, struct store_version *out);

#endif
