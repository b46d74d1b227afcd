/* Certificates of callers: what they say, and who vouches for it. */
#include "crypto/cert.h"
#include "support/certificate.h"
#include "support/test.h"

static struct arena a;
static struct err err;

static void begin(void)
{
    arena_init(&a, 0);
}

static void end(void)
{
    arena_release(&a);
}

START_TEST(names)
{
    struct cert_names n;
    struct str cert = certificate_new(
        &a,
        (struct certificate){.name = "佐藤 花子",
                             .serial = 4711,
                             .alt = "DNS:a.example,URI:https://b.example/,IP:192.0.2.7,email:c@d.example"});
    ck_ok(cert_read(&a, cert, &n, &err));
    ck_assert_str_eq(n.subject, "CN=佐藤 花子,O=Test PKI,C=JP");
    ck_assert_str_eq(n.issuer, "CN=Test authority for user authentication,O=Test PKI,C=JP");
    ck_assert_str_eq(n.common_name, "佐藤 花子");
    ck_assert_str_eq(n.serial, "1267");
    static const struct cert_alt want[] = {{CERT_DNS, "a.example"},
                                           {CERT_URI, "https://b.example/"},
                                           {CERT_IP, "192.0.2.7"},
                                           {CERT_EMAIL, "c@d.example"}};
    ck_assert_int_eq((int)n.n_alts, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(n.alts[i].kind, want[i].kind);
        ck_assert_str_eq(n.alts[i].value, want[i].value);
    }
    /* what would end a name within another is written so that it cannot */
    ck_ok(cert_read(&a, certificate_new(&a, (struct certificate){.name = "x,O=Other+C=US"}), &n, &err));
    ck_assert_str_eq(n.subject, "CN=x\\,O=Other\\+C=US,O=Test PKI,C=JP");
}
END_TEST

START_TEST(the_first_of_several)
{
    uint8_t one[32], both[32];
    struct str x = certificate_new(&a, (struct certificate){.name = "x"}),
               y = certificate_new(&a, (struct certificate){.name = "y"}), joined;
    struct buf b;
    buf_init(&b, &a, 4096);
    buf_addstr(&b, x);
    buf_addstr(&b, y);
    joined = buf_str(&b);
    ck_assert(str_eq(cert_first(joined), x));
    ck_assert(cert_thumbprint(x, one) && cert_thumbprint(joined, both));
    ck_assert_mem_eq(one, both, 32);
    ck_assert(!cert_thumbprint(STR(""), one));
    ck_assert(!cert_thumbprint(STR("abc"), one));
    ck_assert(!cert_thumbprint((struct str){x.s, x.len - 1}, one));
    ck_assert(!cert_thumbprint((struct str){"\x30\x84\x7f\xff\xff\xff", 6}, one));
}
END_TEST

START_TEST(who_vouches)
{
    static const struct {
        struct certificate how;
        const char *wrong; /* NULL: fine */
    } cases[] = {
        {{.name = "x"}, NULL},
        {{.name = "x", .by = BY_STRANGER}, "signature failure"},
        {{.name = "x", .by = BY_ITSELF}, "self-signed"},
        {{.name = "x", .from_days = -20, .days = 5}, "expired"},
        {{.name = "x", .from_days = 5}, "not yet valid"},
        {{.name = "x", .usage = "serverAuth"}, "purpose"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = cert_verify(&a, certificate_authority(&a, BY_AUTHORITY, 0),
                              certificate_new(&a, cases[i].how), &err);
        ck_assert_msg(ok == !cases[i].wrong, "%zu: %s", i, ok ? "accepted" : err.msg);
        ck_assert_msg(ok || strstr(err.msg, cases[i].wrong), "%zu: %s", i, err.msg);
    }
    ck_assert(!cert_verify(&a, STR("nothing"), certificate_new(&a, cases[0].how), &err));
    ck_assert(!cert_verify(&a, certificate_authority(&a, BY_AUTHORITY, 0), STR("nothing"), &err));
}
END_TEST

START_TEST(revoked)
{
    struct str list = certificate_authority(&a, BY_AUTHORITY, 8);
    ck_ok(cert_verify(&a, list, certificate_new(&a, (struct certificate){.name = "x", .serial = 9}), &err));
    ck_assert(
        !cert_verify(&a, list, certificate_new(&a, (struct certificate){.name = "x", .serial = 8}), &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "revoked"));
}
END_TEST

Suite *suite_crypto_cert_client(void)
{
    Suite *s = suite_create("crypto/cert_client");
    TCase *t = tcase_create("certificates");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, names);
    tcase_add_test(t, the_first_of_several);
    tcase_add_test(t, who_vouches);
    tcase_add_test(t, revoked);
    suite_add_tcase(s, t);
    return s;
}
