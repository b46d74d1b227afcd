#include "support/test.h"

json *test_json(struct arena *a, const char *text)
{
    struct err err;
    json *node;
    ck_ok(json_parse(a, str_of(text), 100, &node, &err));
    return node;
}

json *test_quoted(struct arena *a, const char *text)
{
    char *quoted = arena_strdup(a, text);
    for (char *c = quoted; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return test_json(a, quoted);
}

const char *test_conninfo(void)
{
    const char *s = getenv("KAGARI_TEST_DB");
    ck_assert_msg(s != NULL, "KAGARI_TEST_DB is not set: run the tests with make test");
    return s;
}
