/* What PostgreSQL has of a sealed resource, and that settings which do not fit are refused and change nothing. */
#include <unistd.h>

#include "store/reseal.h"
#include "support/store.h"

static struct err err;
static struct config sealing;
static char key_file[] = "/tmp/kagari-kek-XXXXXX";
#define T (test_store())

static void write_key(const char *key)
{
    FILE *f = fopen(key_file, "w");
    ck_assert_int_gt(fputs(key, f), 0);
    fclose(f);
}

static void begin(void)
{
    test_store_begin();
    memcpy(key_file + sizeof key_file - 7, "XXXXXX", 6);
    close(mkstemp(key_file));
    write_key("00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0\n");
    sealing = T->config;
    sealing.identity_seal = true;
    sealing.identity_key = key_file;
}

static void end(void)
{
    unlink(key_file);
    test_store_end();
}

static void forget(void)
{
    test_ask(
        T->c, &T->a,
        "WITH a AS (DELETE FROM res), b AS (DELETE FROM res_history), c AS (DELETE FROM identity_key), d AS "
        "(DELETE FROM identity_state), e AS (DELETE FROM blind_key) SELECT 1");
}

static void restart(const struct config *c)
{
    store_free(T->s);
    T->s = NULL;
    ck_ok(store_new(c, T->defs, T->c, &T->s, &err));
}

#define PATIENT                                                                                              \
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"name\":[{\"family\":\"Takamatsuzuka\"}],"  \
    "\"birthDate\":\"1980-05-12\"}"

static struct str whole(const char *id, struct store_version *v)
{
    struct str out;
    ck_assert(test_read("Patient", id, v));
    ck_ok(store_open(T->s, &T->a, fhir_type(T->defs, "Patient"), str_of(id), v->text, &out, &err));
    return out;
}

START_TEST(test_written_and_read)
{
    struct store_version v;
    struct str text;
    forget();
    restart(&sealing);
    struct store_write *w = test_write(PATIENT);
    struct store_written at = test_create(w);
    struct str answer = store_content_text(&T->a, &w->content, at.ver, at.lu_us), read = whole("p", &v);
    ck_assert_ptr_nonnull(strstr(answer.s, "Takamatsuzuka"));
    ck_assert(str_eq(answer, read));
    ck_assert_ptr_null(strstr(v.text.kept.s, "Takamatsuzuka"));
    ck_assert_ptr_nonnull(strstr(v.text.kept.s, "\"birthDate\":\"1980\""));
    ck_ok(store_redact(&T->a, v.text, &text, &err));
    ck_assert_ptr_nonnull(strstr(text.s, "\"PSEUDED\""));
    ck_assert_int_eq(test_put(PATIENT), STORE_UPDATED);
    read = whole("p", &v);
    ck_assert_int_eq(v.ver, 2);
    ck_assert_ptr_nonnull(strstr(read.s, "1980-05-12"));
    /* Changed behind the server's back. */
    test_ask(T->c, &T->a,
             "WITH u AS (UPDATE res SET content = replace(content, 'true', 'null') RETURNING 1) SELECT 1");
    ck_assert(test_read("Patient", "p", &v));
    ck_assert(!store_open(T->s, &T->a, fhir_type(T->defs, "Patient"), STR("p"), v.text, &text, &err));
    ck_assert_int_eq(err.kind, ERR_INTERNAL);
    forget();
}
END_TEST

START_TEST(test_settings_that_do_not_fit)
{
    struct store *s;
    struct config c = sealing;
    forget();
    c.identity_key = "";
    ck_assert(!store_new(&c, T->defs, T->c, &s, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "identity.key is not set"));
    restart(&sealing);
    test_create(test_write(PATIENT));
    write_key("00112233445566778899aabbccddeeff00112233445566778899aabbccddeef1\n");
    ck_assert(!store_new(&sealing, T->defs, T->c, &s, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "is not the key"));
    write_key("00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0\n");
    c = sealing;
    c.identity_seal = false;
    ck_assert(!store_new(&c, T->defs, T->c, &s, &err));
    ck_assert_int_eq(err.kind, ERR_RULE);
    ck_ok(store_new(&sealing, T->defs, T->c, &s, &err));
    store_free(s);
    /* And one that was filled without. */
    forget();
    restart(&c);
    test_create(test_write(PATIENT));
    ck_assert(!store_new(&sealing, T->defs, T->c, &s, &err));
    ck_assert_int_eq(err.kind, ERR_RULE);
    forget();
}
END_TEST

#define OLD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0\n"
#define NEW "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeef0\n"

START_TEST(test_another_key_encryption_key)
{
    struct store_version v;
    struct store *s;
    struct store_blind b;
    int changed, total;
    forget();
    restart(&sealing);
    test_create(test_write(PATIENT));
    ck_ok(store_blind_begin(T->s, &T->a, T->c, &b, &err));
    ck_assert(b.made);
    write_key(NEW); /* the old one is missing: nothing is touched */
    ck_assert(!store_rewrap(T->s, &T->a, T->c, &changed, &total, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "is not the key"));
    write_key(NEW OLD);
    ck_ok(store_rewrap(T->s, &T->a, T->c, &changed, &total, &err));
    ck_assert_int_eq(changed, 2);
    ck_assert_int_eq(total, 2);
    ck_ok(store_rewrap(T->s, &T->a, T->c, &changed, &total, &err));
    ck_assert_int_eq(changed, 0);
    ck_assert_ptr_nonnull(strstr(whole("p", &v).s, "Takamatsuzuka"));
    write_key(OLD);
    ck_assert(!store_new(&sealing, T->defs, T->c, &s, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "is not the key"));
    write_key(NEW);
    restart(&sealing);
    ck_assert_ptr_nonnull(strstr(whole("p", &v).s, "Takamatsuzuka"));
    forget();
}
END_TEST

Suite *suite_store_sealing(void)
{
    Suite *s = suite_create("store_sealing");
    TCase *t = tcase_create("sealing");
    tcase_add_unchecked_fixture(t, test_store_suite_begin, test_store_suite_end);
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, test_written_and_read);
    tcase_add_test(t, test_settings_that_do_not_fit);
    tcase_add_test(t, test_another_key_encryption_key);
    suite_add_tcase(s, t);
    return s;
}
