#include "base/config.h"

#include <stdio.h>
#include <unistd.h>

#include "support/test.h"

static struct arena a;
static struct err err;
static struct config c;

static void setup(void)
{
    arena_init(&a, 0);
    config_defaults(&c, &a);
}
static void teardown(void)
{
    arena_release(&a);
}

START_TEST(test_defaults)
{
    ck_assert_int_eq(c.http_port, 8443);
    ck_assert_int_eq(c.http_max_body, 64 * 1024 * 1024);
    ck_assert_int_eq(c.http_request_timeout, 60 * INT64_C(1000000));
    ck_assert(c.http_compress && !c.http_plain);
    ck_assert_str_eq(c.db_conninfo, "");
}
END_TEST

static const struct {
    const char *key, *value;
    bool ok;
} sets[] = {
    {"http.port", "0", true},        {"http.port", "65536", false},   {"http.port", "x", false},
    {"http.max_body", "1G", true},   {"http.max_body", "1T", false},  {"http.plain", "yes", false},
    {"http.tls_min", "1.3", true},   {"http.tls_min", "1.1", false},  {"log.level", "debug", true},
    {"auth.clock_skew", "2m", true}, {"auth.clock_skew", "2", false}, {"no.such", "1", false},
};

START_TEST(test_set)
{
    ck_assert_int_eq(config_set(&c, &a, str_of(sets[_i].key), str_of(sets[_i].value), &err), sets[_i].ok);
    if (!sets[_i].ok)
        ck_assert_msg(strstr(err.msg, sets[_i].key), "%s", err.msg);
}
END_TEST

START_TEST(test_file)
{
    char path[] = "/tmp/kagari-test-XXXXXX";
    int fd = mkstemp(path);
    const char text[] =
        "# comment\n\nhttp.port = 9000\nhttp.cors_origins = https://a.example  https://b.example\n";
    ck_assert_int_eq(write(fd, text, sizeof text - 1), sizeof text - 1);
    ck_ok(config_load(&c, &a, path, &err));
    ck_assert_int_eq(c.http_port, 9000);
    ck_assert_int_eq(c.http_cors_origins.n, 2);
    ck_assert_str_eq(c.http_cors_origins.items[1], "https://b.example");
    ck_assert_int_eq(write(fd, "nonsense\n", 9), 9);
    ck_assert(!config_load(&c, &a, path, &err));
    ck_assert_msg(strstr(err.msg, "line 5"), "%s", err.msg);
    close(fd);
    unlink(path);
    ck_assert(!config_load(&c, &a, path, &err));
}
END_TEST

START_TEST(test_reload)
{
    struct config next;
    struct buf pending;
    buf_init(&pending, &a, 0);
    config_defaults(&next, &a);
    ck_ok(config_set(&next, &a, STR("log.level"), STR("debug"), &err));
    ck_ok(config_set(&next, &a, STR("http.port"), STR("1"), &err));
    config_reload(&c, &next, &pending);
    ck_assert_int_eq(c.log_level, 3);
    ck_assert_int_eq(c.http_port, 8443);
    ck_str_eq(buf_str(&pending), "http.port");
}
END_TEST

/* The table is alphabetical and the sample names every key once. */
START_TEST(test_table)
{
    char *text = NULL, last[64] = "", key[64];
    size_t len, n = 0;
    FILE *f = open_memstream(&text, &len);
    config_print_markdown(f);
    fclose(f);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "| `%63[^`]`", key) != 1)
            continue;
        ck_assert_msg(strcmp(last, key) < 0, "%s stands after %s", key, last);
        strcpy(last, key);
        n++;
    }
    ck_assert_uint_gt(n, 30);
    free(text);
}
END_TEST

/* Files are looked up among the credentials, then beside the configuration file. */
START_TEST(test_paths)
{
    char dir[] = "/tmp/kagari-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    const char *conf = arena_printf(&a, "%s/kagari.conf", dir), *cert = arena_printf(&a, "%s/tls.crt", dir);
    FILE *f = fopen(conf, "w");
    fputs("http.tls_cert = tls.crt\nhttp.tls_key = tls.key\nstore.hash_key = /etc/hash.key\n", f);
    fclose(f);
    fclose(fopen(cert, "w"));
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    ck_ok(config_load(&c, &a, conf, &err));
    ck_assert_str_eq(c.http_tls_cert, cert);
    ck_assert_str_eq(c.http_tls_key, arena_printf(&a, "%s/tls.key", dir));
    ck_assert_str_eq(c.store_hash_key, "/etc/hash.key");
    ck_ok(config_set(&c, &a, STR("http.tls_cert"), STR("tls.crt"), &err));
    ck_assert_str_eq(c.http_tls_cert, cert);
    unsetenv("CREDENTIALS_DIRECTORY");
    ck_ok(config_set(&c, &a, STR("http.tls_cert"), STR("tls.crt"), &err));
    ck_assert_str_eq(c.http_tls_cert, "tls.crt");
    unlink(cert);
    unlink(conf);
    rmdir(dir);
}
END_TEST

START_TEST(test_options)
{
    const char *good[] = {"x", "--set", "http.port=9001", "--set", "http.address=::1"};
    const char *bad[] = {"x", "operand"};
    struct config_source from;
    ck_assert_int_eq(config_options(5, (char **)good, "", &a, &from), -1);
    ck_assert_uint_eq(from.n_sets, 2);
    ck_ok(config_read(&from, &a, &c, &err));
    ck_assert_int_eq(c.http_port, 9001);
    ck_assert_str_eq(c.http_address, "::1");
    ck_assert_int_eq(config_options(2, (char **)bad, "", &a, &from), 2);
    from = (struct config_source){.sets = (const char *[]){"http.port"}, .n_sets = 1};
    ck_assert(!config_read(&from, &a, &c, &err));
}
END_TEST

Suite *suite_base_config(void)
{
    Suite *s = suite_create("base_config");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_defaults);
    tcase_add_loop_test(t, test_set, 0, sizeof sets / sizeof sets[0]);
    tcase_add_test(t, test_file);
    tcase_add_test(t, test_paths);
    tcase_add_test(t, test_options);
    tcase_add_test(t, test_reload);
    tcase_add_test(t, test_table);
    suite_add_tcase(s, t);
    return s;
}
