/* Runs every suite, or those whose name starts with an argument; ends with one line that counts the tests. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "support/test.h"

extern Suite *(*const all_suites[])(void);

int main(int argc, char **argv)
{
    log_set_level(LOG_ERROR); /* what is tested to be refused is logged as such */
    SRunner *runner = srunner_create(NULL);
    for (int i = 0; all_suites[i]; i++)
        srunner_add_suite(runner, all_suites[i]());
    srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    printf("%d passed, %d failed\n", srunner_ntests_run(runner) - failed, failed);
    srunner_free(runner);
    return failed != 0;
}
