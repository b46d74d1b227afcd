/* tests/support/test.h: what every unit test includes. */
#ifndef KAGARI_TEST_H
#define KAGARI_TEST_H

#include <check.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* Fails the test with the error's message when a call that should succeed does not. */
#define ck_ok(call)                                                                                          \
    do {                                                                                                     \
        if (!(call))                                                                                         \
            ck_abort_msg("%s: %s: %s [%s]", #call, err_kind_name(err.kind), err.msg, err.detail);            \
    } while (0)

/* Parses a literal; fails the test when it is no JSON. */
json *test_json(struct arena *a, const char *text);
/* The same with ' for " in the literal. */
json *test_quoted(struct arena *a, const char *text);
#define ck_str_eq(value, literal)                                                                            \
    ck_assert_msg(str_is((value), (literal)), "'%.*s' is not '%s'", STR_FMT(value), (literal))

/* libpq connection string of the tests' database (environment KAGARI_TEST_DB), set by tests/run; each test
 * that writes uses a tenant or a schema of its own. Fails the test when it is not set. */
const char *test_conninfo(void);

#endif
