/* Runs every suite, or the one that the argument names; ends with one line that counts the tests.
 * KAGARI_TEST_PART=i/n runs every nth suite from the ith on, so that n processes share the work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "support/test.h"

extern Suite *(*const all_suites[])(void);

int main(int argc, char **argv)
{
    log_set_level(LOG_ERROR); /* what is tested to be refused is logged as such */
    SRunner *runner = srunner_create(NULL);
    const char *part = getenv("KAGARI_TEST_PART");
    int first = part ? part[0] - '0' : 0, step = part ? part[2] - '0' : 1;
    for (int i = 0; all_suites[i]; i++)
        if (i % step == first)
            srunner_add_suite(runner, all_suites[i]());
    srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    printf("%d passed, %d failed\n", srunner_ntests_run(runner) - failed, failed);
    srunner_free(runner);
    return failed != 0;
}
