#include "../src/oauth/internal.h"
#include "support/test.h"

#define KEYS                                                                                                 \
    "'jwks':{'keys':[{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}]}"

static const struct {
    const char *id, *metadata, *error; /* NULL: fine */
} cases[] = {
    {"app", "{'scope':'openid'," KEYS ",'grant_types':['client_credentials']}", NULL},
    {"app", "{'scope':'openid','jwks_uri':'https://app.example/jwks'," KEYS "}", "one of them"},
    {"app", "{'scope':'openid','grant_types':['client_credentials']}", "prove who they are"},
    {"app",
     "{'scope':'openid','redirect_uris':['https://a.example/"
     "'],'token_endpoint_auth_method':'private_key_jwt'}",
     "needs the client's public keys"},
    {"app", "{'scope':'openid','token_endpoint_auth_method':'client_secret_basic'}", "are supported"},
    {"app", "{'scope':'openid'," KEYS ",'grant_types':['password']}", "are supported"},
    {"app", "{'scope':'openid','jwks':{'keys':[]}}", "no usable key"},
    {"app", "{" KEYS "}", "scope: "},
    {"app", "[]", "JSON object"},
    {"https://app.example", "{'scope':'openid'}", "made of letters"},
    {"", "{'scope':'openid'}", "made of letters"},
};

START_TEST(metadata)
{
    struct arena a;
    struct err err;
    struct oauth__client c;
    arena_init(&a, 0);
    bool ok = oauth__client_read(&a, cases[_i].id, test_quoted(&a, cases[_i].metadata), &c, &err);
    if (!cases[_i].error)
        ck_ok(ok);
    else
        ck_assert_msg(!ok && strstr(err.msg, cases[_i].error), "%s: %s", cases[_i].metadata,
                      ok ? "accepted" : err.msg);
    arena_release(&a);
}
END_TEST

Suite *suite_oauth_client(void)
{
    Suite *s = suite_create("oauth/client");
    TCase *t = tcase_create("client");
    tcase_add_loop_test(t, metadata, 0, sizeof cases / sizeof *cases);
    suite_add_tcase(s, t);
    return s;
}
