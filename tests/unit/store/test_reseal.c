/* All that is stored, sealed anew: step by step, begun again, and beside writers. */
#include "store/reseal.h"

#include "support/store.h"

static struct err err;
static struct config sealing;
static struct arena a;
#define T (test_store())

static void forget(void)
{
    test_ask(
        T->c, &T->a,
        "WITH a AS (DELETE FROM res), b AS (DELETE FROM res_history), c AS (DELETE FROM identity_key), d AS "
        "(DELETE FROM identity_state) SELECT 1");
}

static void begin(void)
{
    test_store_begin();
    arena_init(&a, 0);
    forget();
    sealing = T->config;
    sealing.identity_seal = true;
    store_free(T->s);
    T->s = NULL;
    ck_ok(store_new(&sealing, T->defs, T->c, &T->s, &err));
}

static void end(void)
{
    forget();
    arena_release(&a);
    test_store_end();
}

static const char *patient(const char *id)
{
    return arena_printf(&T->a,
                        "{\"resourceType\":\"Patient\",\"id\":\"%s\",\"name\":[{\"family\":\"Muto\"}]}", id);
}

static void ripen(void)
{
    test_ask(T->c, &T->a, "WITH u AS (UPDATE identity_key SET made = made - interval '1 minute') SELECT 1");
}

static void check(const char *id, int key)
{
    struct store_version v;
    struct str text;
    ck_assert(test_read("Patient", id, &v));
    ck_assert_int_eq(identity_key_of(v.text.sealed), key);
    ck_ok(store_open(T->s, &T->a, fhir_type(T->defs, "Patient"), str_of(id), v.text, &text, &err));
    ck_assert_ptr_nonnull(strstr(text.s, "Muto"));
}

static void go_on(struct store_reseal *r)
{
    bool ended = false;
    for (int i = 0; !ended; i++) {
        ck_assert_int_lt(i, 20);
        ck_ok(store_reseal_step(T->s, &a, T->c, r, &ended, &err));
    }
}

START_TEST(test_all_of_it)
{
    struct store_reseal r;
    bool ended;
    test_create(test_write(patient("p")));
    ck_assert_int_eq(test_put(patient("p")), STORE_UPDATED);
    ck_ok(store_reseal_begin(T->s, &a, T->c, &r, &err));
    ck_assert(r.made && !r.ripe);
    ck_assert_int_eq(r.number, 2);
    ck_assert_int_eq(r.total, 3);
    /* Other servers do not have it yet: it seals nothing. */
    ck_ok(store_reseal_step(T->s, &a, T->c, &r, &ended, &err));
    ck_assert(!r.ripe && !ended);
    test_create(test_write(patient("q")));
    check("q", 1);
    ripen();
    ck_ok(store_keys_refresh(T->s, &a, T->c, &err));
    test_create(test_write(patient("r")));
    check("r", 2);
    go_on(&r);
    ck_assert_int_eq(r.done, 5);
    check("p", 2);
    check("q", 2);
    /* Done: the next time there is another key; begun and left, it is gone on with. */
    ck_ok(store_reseal_begin(T->s, &a, T->c, &r, &err));
    ck_assert(r.made);
    ck_ok(store_reseal_begin(T->s, &a, T->c, &r, &err));
    ck_assert(!r.made);
    ck_assert_int_eq(r.number, 3);
    ripen();
    go_on(&r);
    check("p", 3);
}
END_TEST

START_TEST(test_not_sealed)
{
    struct store_reseal r;
    struct config c = sealing;
    forget();
    c.identity_seal = false;
    store_free(T->s);
    T->s = NULL;
    ck_ok(store_new(&c, T->defs, T->c, &T->s, &err));
    ck_assert(!store_reseal_begin(T->s, &a, T->c, &r, &err));
    ck_assert_int_eq(err.kind, ERR_RULE);
}
END_TEST

Suite *suite_store_reseal(void)
{
    Suite *s = suite_create("store_reseal");
    TCase *t = tcase_create("reseal");
    tcase_add_unchecked_fixture(t, test_store_suite_begin, test_store_suite_end);
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, test_all_of_it);
    tcase_add_test(t, test_not_sealed);
    suite_add_tcase(s, t);
    return s;
}
