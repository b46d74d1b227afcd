#include "support.h"

static const struct identity_about about = {1, "Patient", {"p1", 2}};

static struct str with_head(struct arena *a, struct str text)
{
    return str_of(arena_printf(a, "{\"resourceType\":\"Patient\"%.*s", STR_FMT(text)));
}

START_TEST(open_again)
{
    struct identity_test t;
    struct identity_pieces pieces = {0};
    struct str sealed, whole;
    struct err err;
    bool any;
    identity_test_init(&t);
    json *resource = test_quoted(
        &t.a, "{'resourceType':'Patient','active':true,'name':[{'family':'山田'}],'birthDate':'1980-05-12'}");
    struct str rest = identity_test_cut(&t, resource, &any, &pieces);
    identity_seal(t.keys, &t.a, &about, rest, &pieces, &sealed);
    ck_assert_int_eq(identity_key_of(sealed), 1);
    ck_assert_ptr_null(memmem(sealed.s, sealed.len, "山田", strlen("山田")));
    struct str content = with_head(&t.a, rest);
    ck_ok(identity_open(t.keys, &t.a, &about, content, sealed, &whole, &err));
    struct str joined = identity_join(&t.a, rest, &pieces);
    struct str expected = with_head(&t.a, joined);
    ck_assert(str_eq(whole, expected));

    /* Nobody puts it beside another resource, another text, into another institution. */
    struct identity_about others[] = {
        {2, "Patient", {"p1", 2}}, {1, "Person", {"p1", 2}}, {1, "Patient", {"p2", 2}}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert(!identity_open(t.keys, &t.a, &others[i], content, sealed, &whole, &err));
    char *swapped = arena_strndup(&t.a, content.s, content.len);
    *strstr(swapped, "true") = 'T';
    ck_assert(!identity_open(t.keys, &t.a, &about, (struct str){swapped, content.len}, sealed, &whole, &err));
    ck_assert_ptr_null(strstr(err.detail, "true"));
    char *bytes = arena_strndup(&t.a, sealed.s, sealed.len);
    for (size_t i = 0; i < sealed.len; i++) {
        bytes[i] ^= 1;
        ck_assert(
            !identity_open(t.keys, &t.a, &about, content, (struct str){bytes, sealed.len}, &whole, &err));
        ck_assert(!identity_open(t.keys, &t.a, &about, content, (struct str){sealed.s, i}, &whole, &err));
        bytes[i] ^= 1;
    }
    identity_test_release(&t);
}
END_TEST

START_TEST(texts)
{
    struct identity_test t;
    struct str sealed, text;
    struct err err;
    identity_test_init(&t);
    identity_seal_text(t.keys, &t.a, STR("answer 1"), STR("Yamada"), &sealed);
    ck_ok(identity_open_text(t.keys, &t.a, STR("answer 1"), sealed, &text, &err));
    ck_str_eq(text, "Yamada");
    ck_assert(!identity_open_text(t.keys, &t.a, STR("answer 2"), sealed, &text, &err));
    ck_assert(!identity_open(t.keys, &t.a, &about, STR("answer 1"), sealed, &text, &err));
    identity_test_release(&t);
}
END_TEST

START_TEST(redacted)
{
    struct identity_test t;
    struct str out;
    struct err err;
    identity_test_init(&t);
    ck_ok(identity_redact(&t.a, STR("{\"meta\":{\"security\":[{\"code\":\"R\"}]},\"active\":true}"), &out,
                          &err));
    ck_assert_ptr_nonnull(strstr(out.s,
                                 "{\"code\":\"R\"},{\"system\":\"http://terminology.hl7.org/CodeSystem/"
                                 "v3-ObservationValue\",\"code\":\"REDACTED\"}"));
    ck_assert_ptr_nonnull(strstr(out.s, "PSEUDED"));
    ck_ok(identity_redact(&t.a, STR("{\"active\":true}"), &out, &err));
    ck_assert_ptr_nonnull(strstr(out.s, "REDACTED"));
    identity_test_release(&t);
}
END_TEST

Suite *suite_identity_seal(void)
{
    Suite *s = suite_create("identity_seal");
    TCase *t = tcase_create("seal");
    tcase_add_test(t, open_again);
    tcase_add_test(t, texts);
    tcase_add_test(t, redacted);
    suite_add_tcase(s, t);
    return s;
}
