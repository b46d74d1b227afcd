/* What the tests of identity share: definitions, and the policy of the server. */
#ifndef KAGARI_TEST_IDENTITY_H
#define KAGARI_TEST_IDENTITY_H

#include "identity/seal.h"
#include "support/test.h"

struct identity_test {
    struct arena a;
    const struct fhir_defs *defs;
    const struct identity_policy *policy;
    struct identity_keys *keys;
};

static inline void identity_test_init(struct identity_test *t)
{
    struct err err;
    struct identity_kek kek = {1, {{7}}};
    uint8_t wrapped[IDENTITY_WRAPPED];
    arena_init(&t->a, 0);
    ck_ok(fhir_defs_load(&t->a, &t->defs, &err));
    ck_ok(identity_policy_new(&t->a, t->defs, (struct str){0}, &t->policy, &err));
    t->keys = identity_keys_new(1);
    identity_key_make(&kek, 1, 1, wrapped);
    ck_assert(identity_keys_add(t->keys, &kek, 1, (struct str){(const char *)wrapped, sizeof wrapped}));
}

static inline void identity_test_release(struct identity_test *t)
{
    identity_keys_free(t->keys);
    arena_release(&t->a);
}

/* Prints a resource's members, but for its type; returns what remains. */
static inline struct str identity_test_cut(struct identity_test *t, json *resource, bool *any,
                                           struct identity_pieces *pieces)
{
    struct buf b;
    const struct fhir_type *type = fhir_resource(t->defs, str_of(json_get_string(resource, "resourceType")));
    *any = identity_mark(t->policy, t->defs, resource, type);
    buf_init(&b, &t->a, 256);
    json_each (m, resource)
        if (strcmp(m->string, "resourceType") != 0)
            identity_print_member(&b, m, pieces);
    return buf_str(&b);
}

#endif
