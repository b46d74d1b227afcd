#include "auth/auth.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/command.h"
#include "base/clock.h"
#include "crypto/jwt.h"
#include "support/test.h"

static struct arena a;
static struct err err;
static const struct fhir_defs *defs;
static struct config config;
static char file[] = "/tmp/kagari-jwks-XXXXXX";
static const char *audiences[] = {AUTH_DEV_AUDIENCE};

/* Two issuers' keys. */
static struct str pem[2], jwks[2];

static void write_jwks(struct str text)
{
    FILE *f = fopen(file, "w");
    ck_assert_uint_eq(fwrite(text.s, 1, text.len, f), text.len);
    fclose(f);
}

static void setup(void)
{
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&a, &defs, &err));
    for (int i = 0; i < 2; i++) {
        ck_ok(jwt_key_generate(&a, "ES256", &pem[i], &err));
        ck_ok(jwt_key_jwks(&a, pem[i], &jwks[i], &err));
    }
    memcpy(file + sizeof file - 7, "XXXXXX", 6);
    close(mkstemp(file));
    write_jwks(jwks[0]);
    config_defaults(&config, &a);
    config.auth_jwks_file = file;
    config.auth_issuer = AUTH_DEV_ISSUER;
    config.auth_audience = (struct config_list){1, audiences};
}

static void teardown(void)
{
    unlink(file);
    arena_release(&a);
}

static struct auth *new_auth(void)
{
    struct auth *au;
    ck_ok(auth_new(&config, defs, &au, &err));
    return au;
}

static struct str header(int key, const struct auth_dev_token *t)
{
    struct str token;
    ck_ok(auth_dev_mint(&a, pem[key], t, &token, &err));
    return str_of(arena_printf(&a, "Bearer %.*s", STR_FMT(token)));
}

/* As one request does it. */
static bool check(struct auth *au, struct str authorization, struct err *e)
{
    struct arena request;
    struct auth_principal p;
    arena_init(&request, 0);
    bool ok = auth_check(au, &request, authorization, STR(""), &p, e);
    if (ok) {
        ck_str_eq(p.subject, "dev");
        ck_str_eq(p.issuer, AUTH_DEV_ISSUER);
        ck_assert(auth_allows(&p, AUTH_READ, fhir_resource(defs, STR("Patient"))));
    }
    arena_release(&request);
    return ok;
}

static void refused(struct auth *au, struct str authorization, enum err_kind kind, const char *message)
{
    ck_assert_msg(!check(au, authorization, &err), "accepted: %.*s", STR_FMT(authorization));
    ck_assert_int_eq(err.kind, kind);
    ck_assert_msg(strstr(err.msg, message) != NULL, "'%s' lacks '%s'", err.msg, message);
}

START_TEST(header_forms)
{
    struct auth *au = new_auth();
    struct str good = header(0, &(struct auth_dev_token){0}), token = {good.s + 7, good.len - 7};
    ck_ok(check(au, good, &err));
    ck_ok(check(au, str_of(arena_printf(&a, "bearer   %s ", token.s)), &err));
    refused(au, (struct str){0}, ERR_LOGIN, "needs a bearer token");
    refused(au, STR(""), ERR_LOGIN, "must be: Bearer");
    refused(au, STR("Bearer"), ERR_LOGIN, "must be: Bearer");
    refused(au, STR("Bearer "), ERR_LOGIN, "must be: Bearer");
    refused(au, STR("Basic ZGV2OmRldg=="), ERR_LOGIN, "must be: Bearer");
    refused(au, token, ERR_LOGIN, "must be: Bearer");
    refused(au, str_of(arena_printf(&a, "Bearer%s", token.s)), ERR_LOGIN, "must be: Bearer");
    refused(au, str_of(arena_printf(&a, "%s %s", good.s, token.s)), ERR_LOGIN, "no signed JWT");
    refused(au, str_of(arena_printf(&a, "%s,%s", good.s, good.s)), ERR_LOGIN, "no signed JWT");
    refused(au, str_of(arena_printf(&a, "Bearer %*s", JWT_MAX + 1, "x")), ERR_LOGIN, "no signed JWT");
    char *large = arena_alloc(&a, JWT_MAX + 8);
    memset(large, 'x', JWT_MAX + 8);
    memcpy(large, "Bearer ", 7);
    refused(au, (struct str){large, JWT_MAX + 8}, ERR_LOGIN, "larger than");
    auth_free(au);
}
END_TEST

START_TEST(tokens)
{
    struct auth *au = new_auth();
    refused(au, header(1, &(struct auth_dev_token){0}), ERR_LOGIN, "none of the issuer's known keys");
    refused(au, header(0, &(struct auth_dev_token){.issuer = "x"}), ERR_LOGIN, "another issuer");
    refused(au, header(0, &(struct auth_dev_token){.audience = "x"}), ERR_LOGIN, "another server");
    refused(au, header(0, &(struct auth_dev_token){.scope = "openid"}), ERR_FORBIDDEN,
            "None of the token's scopes");
    refused(au, header(0, &(struct auth_dev_token){.ttl_us = -INT64_C(3600000000)}), ERR_LOGIN, "expired");
    auth_free(au);
}
END_TEST

START_TEST(cached_token_expires)
{
    config.auth_clock_skew = 0;
    struct auth *au = new_auth();
    struct str h = header(0, &(struct auth_dev_token){.ttl_us = 2000000});
    int64_t until = clock_wall_us() + 2000000;
    for (int i = 0; i < 3; i++)
        ck_ok(check(au, h, &err));
    while (clock_wall_us() < until)
        usleep(10000);
    refused(au, h, ERR_LOGIN, "expired");
    auth_free(au);
}
END_TEST

START_TEST(reload_forgets)
{
    struct auth *au = new_auth();
    struct str first = header(0, &(struct auth_dev_token){0}),
               second = header(1, &(struct auth_dev_token){0});
    ck_ok(check(au, first, &err));
    write_jwks(jwks[1]);
    ck_ok(check(au, first, &err)); /* not before the reload */
    ck_ok(auth_reload(au, &config, &err));
    refused(au, first, ERR_LOGIN, "none of the issuer's known keys");
    ck_ok(check(au, second, &err));

    const char *other[] = {"https://other.example.org/fhir"};
    config.auth_audience.items = other;
    ck_ok(auth_reload(au, &config, &err));
    refused(au, second, ERR_LOGIN, "another server");
    auth_free(au);
}
END_TEST

START_TEST(failed_reload_changes_nothing)
{
    struct auth *au = new_auth();
    struct str h = header(0, &(struct auth_dev_token){0});
    write_jwks(STR("{\"keys\":[]}"));
    ck_assert(!auth_reload(au, &config, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "no usable key"));
    ck_ok(check(au, h, &err));
    config.auth_audience.n = 0;
    ck_assert(!auth_reload(au, &config, &err));
    ck_ok(check(au, h, &err));
    auth_free(au);
}
END_TEST

/* Our own server's tokens: its keys alone, and what it revokes ends at once, cached or not. */
START_TEST(own_tokens)
{
    struct auth *au = new_auth();
    json *claims = test_quoted(&a, "{'iss':'https://own.example','aud':'https://own.example','sub':'x',"
                                   "'scope':'system/*.cruds','jti':'grant.token','exp':9999999999}");
    struct str token;
    struct auth_principal p;
    uint8_t ids[2][16];
    ck_ok(jwt_sign(&a, pem[1], "at+jwt", claims, &token, &err));
    struct str h = str_of(arena_printf(&a, "Bearer %s", token.s));
    refused(au, h, ERR_LOGIN, "none of the issuer's known keys");
    ck_ok(auth_own_keys(au, STR("https://own.example"), jwks[1], &err));
    ck_ok(auth_check(au, &a, h, STR(""), &p, &err));
    ck_ok(check(au, header(0, &(struct auth_dev_token){0}), &err));
    auth_revocation_id(STR("other"), ids[0]);
    auth_own_revoked(au, (const uint8_t(*)[16])ids, 1);
    ck_ok(auth_check(au, &a, h, STR(""), &p, &err));
    for (int i = 0; i < 2; i++) {
        auth_revocation_id(i ? STR("grant") : STR("grant.token"), ids[0]);
        auth_own_revoked(au, (const uint8_t(*)[16])ids, 1);
        ck_assert(!auth_check(au, &a, h, STR(""), &p, &err));
        ck_assert_str_eq(err.msg, "The token has been revoked.");
        ck_ok(auth_own_keys(au, STR("https://own.example"), jwks[1], &err)); /* nothing is cached */
        ck_assert(!auth_check(au, &a, h, STR(""), &p, &err));
    }
    auth_own_revoked(au, NULL, 0);
    ck_ok(auth_check(au, &a, h, STR(""), &p, &err));
    ck_ok(auth_own_keys(au, STR("https://other.example"), jwks[1], &err));
    refused(au, h, ERR_LOGIN, "another issuer");
    auth_free(au);
}
END_TEST

/* Each principal stays good while its request lasts, whatever is reloaded meanwhile. */
static struct auth *shared;
static struct str shared_header;
static atomic_bool done;

static void *keep_checking(void *arg)
{
    intptr_t failures = 0;
    while (!done) {
        struct err e;
        failures += !check(shared, shared_header, &e);
    }
    (void)arg;
    return (void *)failures;
}

START_TEST(reload_under_load)
{
    shared = new_auth();
    shared_header = header(0, &(struct auth_dev_token){0});
    struct str both = str_of(arena_printf(&a, "{\"keys\":[%.*s,%.*s]}", (int)jwks[0].len - 12, jwks[0].s + 9,
                                          (int)jwks[1].len - 12, jwks[1].s + 9));
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, keep_checking, NULL), 0);
    for (int i = 0; i < 50; i++) {
        write_jwks(i % 2 ? jwks[0] : both);
        ck_ok(auth_reload(shared, &config, &err));
        usleep(2000);
    }
    done = true;
    for (int i = 0; i < 3; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        ck_assert_ptr_null(failures);
    }
    auth_free(shared);
}
END_TEST

/* ---- settings ---- */

static const struct {
    const char *key, *value, *message;
} settings[] = {
    {"auth.jwks_file", "", "auth.jwks_file or auth.jwks_url"},
    {"auth.jwks_url", "https://issuer.example.org/jwks", "not both"},
    {"auth.jwks_file", "/nonexistent/jwks.json", "/nonexistent/jwks.json"},
    {"auth.audience", "", "auth.audience or http.base_url"},
    {"auth.clock_skew", "2h", "auth.clock_skew"},
    {"auth.jwks_min_refresh", "0s", "auth.jwks_min_refresh"},
    {"auth.jwks_min_refresh", "48h", "auth.jwks_min_refresh"},
};

START_TEST(settings_refused)
{
    struct auth *au;
    ck_ok(config_set(&config, &a, STR("oauth.server"), STR("off"), &err));
    ck_ok(config_set(&config, &a, str_of(settings[_i].key), str_of(settings[_i].value), &err));
    ck_assert(!auth_new(&config, defs, &au, &err));
    ck_assert_msg(strstr(err.msg, settings[_i].message) != NULL, "'%s' lacks '%s'", err.msg,
                  settings[_i].message);
}
END_TEST

static const char *const unsafe_urls[] = {
    "http://issuer.example.org/jwks",
    "http://localhost.example.org/jwks",
    "http://127.0.0.1.example.org/",
    "http://127.0.0.1",
    "http://127.0.0.1:80@issuer.example.org",
    "https://user@issuer.example.org/",
    "ftp://127.0.0.1/jwks",
    "file:///etc/jwks.json",
    "issuer.example.org/jwks",
};

START_TEST(urls_refused)
{
    struct auth *au;
    config.auth_jwks_file = "";
    config.auth_jwks_url = unsafe_urls[_i];
    ck_assert_msg(!auth_new(&config, defs, &au, &err), "%s", unsafe_urls[_i]);
    ck_assert_ptr_nonnull(strstr(err.msg, "auth.jwks_url must begin with https://"));
}
END_TEST

START_TEST(base_url_is_the_default_audience)
{
    config.auth_audience.n = 0;
    config.http_base_url = "https://fhir.example.org/fhir";
    struct auth *au = new_auth();
    ck_ok(check(au, header(0, &(struct auth_dev_token){.audience = "https://fhir.example.org/fhir"}), &err));
    refused(au, header(0, &(struct auth_dev_token){0}), ERR_LOGIN, "another server");
    auth_free(au);
}
END_TEST

/* ---- keys from a URL ---- */

static int listener;
static pthread_t server;
static pthread_mutex_t answer_lock = PTHREAD_MUTEX_INITIALIZER;
static struct str answer; /* s NULL: status 500 */
static atomic_int asked;

static void *serve(void *arg)
{
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char request[4096], reply[4096];
        size_t n = 0;
        ssize_t got;
        while (n < sizeof request - 1 && (got = read(fd, request + n, sizeof request - 1 - n)) > 0) {
            request[n += (size_t)got] = '\0';
            if (strstr(request, "\r\n\r\n"))
                break;
        }
        asked++;
        pthread_mutex_lock(&answer_lock);
        int len = snprintf(reply, sizeof reply,
                           "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%.*s",
                           answer.s ? "200 OK" : "500 Broken", answer.len, STR_FMT(answer));
        pthread_mutex_unlock(&answer_lock);
        if (write(fd, reply, (size_t)len) != len)
            break;
    }
    return arg;
}

static void answer_with(struct str text)
{
    pthread_mutex_lock(&answer_lock);
    answer = text;
    pthread_mutex_unlock(&answer_lock);
}

static void start_server(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof name;
    setup();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(listener, 5), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    ck_assert_int_eq(pthread_create(&server, NULL, serve, NULL), 0);
    config.auth_jwks_file = "";
    config.auth_jwks_url = arena_printf(&a, "http://127.0.0.1:%d/jwks", ntohs(name.sin_port));
    config.auth_jwks_min_refresh = 300000;
    answer_with(jwks[0]);
    asked = 0;
}

static void stop_server(void)
{
    shutdown(listener, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listener);
    teardown();
}

/* Asks until the answer is yes, or 5 s have gone. */
static bool soon(struct auth *au, struct str authorization)
{
    for (int i = 0; i < 500; i++) {
        if (check(au, authorization, &err))
            return true;
        usleep(10000);
    }
    return false;
}

START_TEST(fetched_and_rotated)
{
    struct auth *au = new_auth();
    struct str first = header(0, &(struct auth_dev_token){0}),
               second = header(1, &(struct auth_dev_token){0});
    ck_assert_msg(soon(au, first), "%s", err.msg);
    ck_assert_int_eq(asked, 1);
    answer_with(jwks[1]);
    refused(au, second, ERR_LOGIN, "none of the issuer's known keys"); /* and starts a refresh */
    ck_assert_msg(soon(au, second), "%s", err.msg);
    refused(au, first, ERR_LOGIN,
            "none of the issuer's known keys"); /* withdrawn, though it was in the cache */
    auth_free(au);
}
END_TEST

START_TEST(unknown_keys_do_not_make_many_fetches)
{
    struct auth *au = new_auth();
    struct str first = header(0, &(struct auth_dev_token){0}),
               second = header(1, &(struct auth_dev_token){0});
    ck_assert(soon(au, first));
    int64_t start = clock_mono_us();
    while (clock_mono_us() < start + 1000000) {
        refused(au, second, ERR_LOGIN, "none of the issuer's known keys");
        usleep(1000);
    }
    ck_assert_int_ge(asked, 2);
    ck_assert_int_le(asked, 5); /* one at the start, then each 300 ms */
    ck_ok(check(au, first, &err));
    auth_free(au);
}
END_TEST

START_TEST(busy_until_fetched)
{
    answer_with((struct str){0});
    struct auth *au = new_auth();
    struct str h = header(0, &(struct auth_dev_token){0});
    refused(au, h, ERR_BUSY, "have not been fetched yet");
    while (asked < 2)
        usleep(10000);
    refused(au, h, ERR_BUSY, "have not been fetched yet");
    answer_with(STR("{\"keys\":"));
    while (asked < 3)
        usleep(10000);
    answer_with(jwks[0]);
    ck_assert_msg(soon(au, h), "%s", err.msg);
    auth_free(au);
}
END_TEST

START_TEST(old_keys_serve_while_the_issuer_is_away)
{
    struct auth *au = new_auth();
    struct str first = header(0, &(struct auth_dev_token){0}),
               second = header(1, &(struct auth_dev_token){0});
    ck_assert(soon(au, first));
    answer_with((struct str){0});
    refused(au, second, ERR_LOGIN, "none of the issuer's known keys");
    while (asked < 2)
        usleep(10000);
    ck_ok(check(au, first, &err));
    ck_ok(check(au, header(0, &(struct auth_dev_token){0}), &err)); /* not from the cache */
    auth_free(au);
}
END_TEST

START_TEST(reload_keeps_fetched_keys)
{
    struct auth *au = new_auth();
    struct str first = header(0, &(struct auth_dev_token){0}),
               second = header(1, &(struct auth_dev_token){0});
    ck_assert(soon(au, first));
    ck_ok(auth_reload(au, &config, &err));
    ck_ok(check(au, first, &err));
    ck_assert_int_eq(asked, 1);
    /* those of another URL are not trusted any more */
    answer_with(jwks[1]);
    config.auth_jwks_url = arena_printf(&a, "%s?v=2", config.auth_jwks_url);
    ck_ok(auth_reload(au, &config, &err));
    ck_assert(!check(au, first, &err));
    ck_assert_msg(soon(au, second), "%s", err.msg);
    /* and a file ends the fetching */
    config.auth_jwks_url = "";
    config.auth_jwks_file = file;
    ck_ok(auth_reload(au, &config, &err));
    ck_ok(check(au, first, &err));
    refused(au, second, ERR_LOGIN, "none of the issuer's known keys");
    auth_free(au);
}
END_TEST

Suite *suite_auth_auth(void)
{
    Suite *s = suite_create("auth_auth");
    TCase *t = tcase_create("check");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, header_forms);
    tcase_add_test(t, tokens);
    tcase_add_test(t, cached_token_expires);
    tcase_add_test(t, reload_forgets);
    tcase_add_test(t, failed_reload_changes_nothing);
    tcase_add_test(t, own_tokens);
    tcase_add_test(t, reload_under_load);
    tcase_add_loop_test(t, settings_refused, 0, sizeof settings / sizeof *settings);
    tcase_add_loop_test(t, urls_refused, 0, sizeof unsafe_urls / sizeof *unsafe_urls);
    tcase_add_test(t, base_url_is_the_default_audience);
    suite_add_tcase(s, t);

    t = tcase_create("keys from a URL");
    tcase_add_checked_fixture(t, start_server, stop_server);
    tcase_add_test(t, fetched_and_rotated);
    tcase_add_test(t, unknown_keys_do_not_make_many_fetches);
    tcase_add_test(t, busy_until_fetched);
    tcase_add_test(t, old_keys_serve_while_the_issuer_is_away);
    tcase_add_test(t, reload_keeps_fetched_keys);
    suite_add_tcase(s, t);
    return s;
}
