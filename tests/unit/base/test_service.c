#include "base/service.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/test.h"

/* The manager's end of $NOTIFY_SOCKET, in the abstract namespace. */
static int manager(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "kagari-test-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, (socklen_t)(sizeof(sa_family_t) + 1 + (size_t)len)),
                     0);
    char value[128];
    snprintf(value, sizeof value, "@%s", name.sun_path + 1);
    setenv("NOTIFY_SOCKET", value, 1);
    return fd;
}

static const struct {
    void (*call)(void);
    const char *message;
} calls[] = {{service_ready, "READY=1"},
             {service_reloading, "RELOADING=1\nMONOTONIC_USEC="},
             {service_stopping, "STOPPING=1"},
             {service_alive, "WATCHDOG=1"}};

START_TEST(test_calls)
{
    int fd = manager();
    char text[256];
    calls[_i].call();
    ssize_t n = recv(fd, text, sizeof text, MSG_DONTWAIT);
    ck_assert(n >= (ssize_t)strlen(calls[_i].message));
    ck_assert(memcmp(text, calls[_i].message, strlen(calls[_i].message)) == 0);
    close(fd);
}
END_TEST

START_TEST(test_watchdog)
{
    ck_assert_int_eq(service_watchdog_us(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    ck_assert_int_eq(service_watchdog_us(), 15000000);
}
END_TEST

Suite *suite_base_service(void)
{
    Suite *s = suite_create("base_service");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, test_calls, 0, sizeof calls / sizeof calls[0]);
    tcase_add_test(t, test_watchdog);
    suite_add_tcase(s, t);
    return s;
}
