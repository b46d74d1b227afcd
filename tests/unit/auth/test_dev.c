#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/command.h"
#include "base/config.h"
#include "crypto/jwt.h"
#include "support/test.h"

static struct arena a;
static struct err err;
static char dir[] = "/tmp/kagari-dev-XXXXXX";

static void setup(void)
{
    arena_init(&a, 0);
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    unlink(arena_printf(&a, "%s/token.key", dir));
    unlink(arena_printf(&a, "%s/jwks.json", dir));
    ck_assert_int_eq(rmdir(dir), 0); /* no temporary file is left */
    arena_release(&a);
}

static struct str read_file(const char *name)
{
    struct str text;
    ck_ok(config_read_file(&a, arena_printf(&a, "%s/%s", dir, name), 65536, &text, &err));
    return text;
}

static json *verify(struct str token)
{
    struct jwks *set;
    json *claims;
    bool unknown;
    ck_ok(jwks_parse(read_file("jwks.json"), &set, &err));
    ck_ok(jwt_verify(set, &a, token, &claims, &unknown, &err));
    jwks_free(set);
    return claims;
}

START_TEST(key_is_made_once)
{
    struct str first, second;
    struct stat st;
    ck_ok(auth_dev_key(&a, dir, &first, &err));
    ck_assert_int_eq(stat(arena_printf(&a, "%s/token.key", dir), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(arena_printf(&a, "%s/jwks.json", dir), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0644);
    ck_ok(auth_dev_key(&a, dir, &second, &err));
    ck_assert(str_eq(first, second));
}
END_TEST

START_TEST(public_half_follows_the_key)
{
    struct str pem, token;
    ck_ok(auth_dev_key(&a, dir, &pem, &err));
    struct str jwks = read_file("jwks.json");
    FILE *f = fopen(arena_printf(&a, "%s/jwks.json", dir), "w");
    fputs("{\"keys\":[]}", f);
    fclose(f);
    ck_ok(auth_dev_key(&a, dir, &pem, &err));
    ck_assert(str_eq(read_file("jwks.json"), jwks));
    ck_ok(auth_dev_mint(&a, pem, &(struct auth_dev_token){0}, &token, &err));
    verify(token);
}
END_TEST

START_TEST(many_at_once)
{
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            struct str pem;
            _exit(!auth_dev_key(&a, dir, &pem, &err) || !str_eq(read_file("token.key"), pem));
        }
    for (int status, i = 0; i < 8; i++) {
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

START_TEST(errors_name_the_file)
{
    struct str pem;
    ck_assert(!auth_dev_key(&a, "/nonexistent", &pem, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/token.key"));
}
END_TEST

START_TEST(defaults_of_a_token)
{
    struct str pem, token;
    ck_ok(auth_dev_key(&a, dir, &pem, &err));
    ck_ok(auth_dev_mint(&a, pem, &(struct auth_dev_token){0}, &token, &err));
    json *claims = verify(token);
    ck_assert_str_eq(json_get_string(claims, "iss"), AUTH_DEV_ISSUER);
    ck_assert_str_eq(json_get_string(claims, "aud"), AUTH_DEV_AUDIENCE);
    ck_assert_str_eq(json_get_string(claims, "sub"), "dev");
    ck_assert_str_eq(json_get_string(claims, "scope"), AUTH_DEV_SCOPE);
    ck_assert_uint_eq(strlen(json_get_string(claims, "jti")), 36);
    ck_assert_double_eq(json_get(claims, "exp")->valuedouble - json_get(claims, "iat")->valuedouble,
                        30 * 86400);
}
END_TEST

/* Runs `kagari token …` with its output in *out and *messages. */
static int run_command(const char *const *options, struct str *out, struct str *messages)
{
    char *argv[16] = {(char *)"token"};
    int argc = 1;
    for (; *options; options++)
        argv[argc++] = (char *)*options;
    pid_t child = fork();
    if (child == 0) {
        if (!freopen(arena_printf(&a, "%s/out", dir), "w", stdout) ||
            !freopen(arena_printf(&a, "%s/messages", dir), "w", stderr))
            _exit(99);
        int status = token_command(argc, argv);
        fflush(NULL);
        _exit(status);
    }
    int status;
    waitpid(child, &status, 0);
    *out = read_file("out");
    *messages = read_file("messages");
    unlink(arena_printf(&a, "%s/out", dir));
    unlink(arena_printf(&a, "%s/messages", dir));
    return WEXITSTATUS(status);
}

START_TEST(command)
{
    struct str out, messages;
    const char *all[] = {"--data", dir,        "--scope", "user/*.rs",  "--sub", "alice", "--ttl",
                         "90s",    "--issuer", "i",       "--audience", "b",     NULL};
    ck_assert_int_eq(run_command(all, &out, &messages), 0);
    ck_assert_int_eq(out.s[out.len - 1], '\n');
    json *claims = verify(str_trim(out));
    ck_assert_str_eq(json_get_string(claims, "iss"), "i");
    ck_assert_str_eq(json_get_string(claims, "aud"), "b");
    ck_assert_str_eq(json_get_string(claims, "sub"), "alice");
    ck_assert_str_eq(json_get_string(claims, "scope"), "user/*.rs");
    ck_assert_double_eq(json_get(claims, "exp")->valuedouble - json_get(claims, "iat")->valuedouble, 90);

    const char *key = arena_printf(&a, "%s/token.key", dir);
    ck_assert_int_eq(run_command((const char *[]){"--key", key, NULL}, &out, &messages), 0);
    verify(str_trim(out));
}
END_TEST

START_TEST(command_called_wrongly)
{
    struct str out, messages;
    ck_assert_int_eq(run_command((const char *[]){"--help", NULL}, &out, &messages), 0);
    ck_assert(str_starts(out, STR("Usage: kagari token")));
    const char *const *wrong[] = {
        (const char *[]){"--no-such", NULL},
        (const char *[]){"extra", NULL},
        (const char *[]){"--ttl", NULL},
        (const char *[]){"--data", dir, "--ttl", "tomorrow", NULL},
        (const char *[]){"--data", dir, "--ttl", "0s", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(run_command(wrong[i], &out, &messages), 2);
        ck_assert_uint_eq(out.len, 0);
        ck_assert_uint_gt(messages.len, 0);
    }
    ck_assert_int_eq(run_command((const char *[]){"--key", "/nonexistent", NULL}, &out, &messages), 1);
    ck_assert_ptr_nonnull(strstr(messages.s, "/nonexistent"));
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

Suite *suite_auth_dev(void)
{
    Suite *s = suite_create("auth_dev");
    TCase *t = tcase_create("dev");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, key_is_made_once);
    tcase_add_test(t, public_half_follows_the_key);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, errors_name_the_file);
    tcase_add_test(t, defaults_of_a_token);
    tcase_add_test(t, command);
    tcase_add_test(t, command_called_wrongly);
    suite_add_tcase(s, t);
    return s;
}
