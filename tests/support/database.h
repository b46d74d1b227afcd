/* tests/support/database.h: a PostgreSQL database of a suite's own, with the whole schema. */
#ifndef KAGARI_TEST_DATABASE_H
#define KAGARI_TEST_DATABASE_H

#include "db/db.h"
#include "support/test.h"

/* Made in the tests' cluster; the libpq connection string that names it. For unchecked fixtures: one a suite. */
const char *test_database_new(struct arena *a);
void test_database_drop(void);

/* Rows of a statement without parameters; fails the test when it fails. */
const struct db_rows *test_ask(struct db_conn *c, struct arena *a, const char *text);
/* The one number that a statement answers, an int8. */
int64_t test_count(struct db_conn *c, struct arena *a, const char *text);
/* All rows of the side tables that belong to a resource, as text in a fixed order: two resources of the same content
 * have the same. */
struct str test_index_rows(struct db_conn *c, struct arena *a, const char *rid);

#endif
