#include "../../../src/audit/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

static char dir[] = "/tmp/kagari-ring-XXXXXX";
static struct err err;

static void begin(void)
{
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static const char *only_file(void)
{
    static char path[256];
    char command[128];
    snprintf(command, sizeof command, "ls -d %s/ring-* 2>/dev/null", dir);
    FILE *p = popen(command, "r");
    bool found = fgets(path, sizeof path, p) != NULL;
    pclose(p);
    path[strcspn(path, "\n")] = '\0';
    return found ? path : NULL;
}

/* A record of its number, of varying length. */
static struct str record(int i)
{
    static char text[400];
    memset(text, 'a' + i % 26, sizeof text);
    int n = snprintf(text, sizeof text, "%d:", i);
    text[n] = 'x';
    return (struct str){text, (size_t)(n + i * 7 % 300)};
}

static int read_all(struct audit__ring *r, int from)
{
    struct audit__cursor c;
    struct str got;
    audit__ring_first(r, &c);
    while (audit__ring_next(r, &c, &got)) {
        ck_assert(str_eq(got, record(from)));
        from++;
    }
    audit__ring_drop(r, &c);
    return from;
}

START_TEST(goes_round)
{
    struct audit__ring *r;
    int put = 0, got = 0, refused = 0;
    ck_ok(audit__ring_new(_i ? dir : NULL, _i == 2 ? 400 * 1024 : 8192, &r, &err));
    for (int turn = 0; turn < (_i == 2 ? 2000 : 200); turn++) {
        for (int i = 0; i < 1 + turn % 90; i++) {
            struct str x = record(put);
            if (audit__ring_put(r, x.s, x.len))
                put++;
            else
                refused++;
        }
        ck_assert_uint_le(audit__ring_used(r), audit__ring_room(r));
        got = read_all(r, got);
        ck_assert_int_eq(got, put);
        ck_assert_uint_eq(audit__ring_used(r), 0);
    }
    ck_assert(_i == 2 || refused > 0);
    ck_assert_int_gt(put, 1000);
    audit__ring_close(r);
    ck_assert_ptr_null(only_file()); /* nothing is left to be shipped */
}
END_TEST

/* What a process has put is there when it is killed without warning. */
START_TEST(survives)
{
    enum { BEFORE = 40, AFTER = 70 };
    struct audit__ring *r;
    pid_t pid = fork();
    if (pid == 0) {
        if (!audit__ring_new(dir, 64 * 1024, &r, &err))
            _exit(1);
        for (int i = 0; i < BEFORE; i++)
            if (!audit__ring_put(r, record(i).s, record(i).len))
                _exit(1);
        if (read_all(r, 0) != BEFORE)
            _exit(1);
        for (int i = BEFORE; i < AFTER; i++)
            if (!audit__ring_put(r, record(i).s, record(i).len))
                _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert(WIFSIGNALED(status));
    ck_ok(audit__ring_adopt(only_file(), &r, &err));
    ck_assert_int_eq(read_all(r, BEFORE), AFTER);
    audit__ring_close(r);
    ck_assert_ptr_null(only_file());
}
END_TEST

START_TEST(is_one_process)
{
    struct audit__ring *r, *other;
    ck_ok(audit__ring_new(dir, 8192, &r, &err));
    ck_assert(audit__ring_put(r, "x", 1));
    ck_assert(!audit__ring_adopt(only_file(), &other, &err));
    ck_assert_int_eq(err.kind, ERR_CONFLICT);
    audit__ring_close(r);
    ck_ok(audit__ring_adopt(only_file(), &r, &err));
    ck_assert_uint_gt(audit__ring_used(r), 0);
    audit__ring_close(r);
}
END_TEST

/* Bytes that changed, and a file that ends early. */
START_TEST(damage)
{
    struct audit__ring *r;
    char path[256];
    ck_ok(audit__ring_new(dir, 8192, &r, &err));
    for (int i = 0; i < 10; i++)
        ck_assert(audit__ring_put(r, record(i).s, record(i).len));
    snprintf(path, sizeof path, "%s", only_file());
    audit__ring_close(r);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pwrite(fd, "!", 1, 4096 + 300), 1);
    close(fd);
    ck_ok(audit__ring_adopt(path, &r, &err));
    struct audit__cursor c;
    struct str got;
    int n = 0;
    audit__ring_first(r, &c);
    while (audit__ring_next(r, &c, &got))
        ck_assert(str_eq(got, record(n++)));
    ck_assert_int_gt(n, 2);
    ck_assert_int_lt(n, 10);
    audit__ring_close(r);
    ck_assert_int_eq(truncate(path, 5000), 0);
    ck_assert(!audit__ring_adopt(path, &r, &err));
    ck_assert_int_eq(err.kind, ERR_INVALID);
}
END_TEST

START_TEST(nowhere)
{
    struct audit__ring *r;
    ck_assert(!audit__ring_new("/nonexistent", 8192, &r, &err));
}
END_TEST

Suite *suite_audit_ring(void)
{
    Suite *s = suite_create("audit/ring");
    TCase *tc = tcase_create("ring");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_loop_test(tc, goes_round, 0, 3);
    tcase_add_test(tc, survives);
    tcase_add_test(tc, is_one_process);
    tcase_add_test(tc, damage);
    tcase_add_test(tc, nowhere);
    suite_add_tcase(s, tc);
    return s;
}
