/* A resource of any shape is whole again when it is opened; and pieces that nobody cut are refused or put in. */
#include <stdlib.h>

#include "../../src/identity/internal.h"

static struct arena forever;
static const struct fhir_defs *defs;
static const struct identity_policy *policy;
static struct identity_keys *keys;

static void start(void)
{
    const struct identity_kek kek = {1, {{1}}};
    uint8_t wrapped[IDENTITY_WRAPPED];
    struct err err;
    arena_init(&forever, 0);
    keys = identity_keys_new(1);
    identity_key_make(&kek, 1, 1, wrapped);
    if (!fhir_defs_load(&forever, &defs, &err) ||
        !identity_policy_new(&forever, defs, (struct str){0}, &policy, &err) ||
        !identity_keys_add(keys, &kek, 1, (struct str){(const char *)wrapped, sizeof wrapped}))
        abort();
}

static void check(struct arena *a, json *resource, const struct fhir_type *type)
{
    const struct identity_about about = {1, type->name, STR("1")};
    struct identity_pieces pieces = {0};
    struct str whole = json_text(a, resource), sealed, out;
    struct buf b;
    struct err err;
    identity_mark(policy, defs, resource, type);
    buf_init(&b, a, 256);
    json_each (m, resource)
        identity_print_member(&b, m, &pieces);
    struct str rest = buf_str(&b), joined = identity_join(a, rest, &pieces);
    if (joined.len + 1 != whole.len || (joined.len && memcmp(joined.s + 1, whole.s + 1, joined.len - 1) != 0))
        abort();
    identity_seal(keys, a, &about, rest, &pieces, &sealed);
    if (!identity_open(keys, a, &about, rest, sealed, &out, &err) || !str_eq(out, joined))
        abort();
    /* what remains is JSON, with a brace in the place of its first comma */
    char *object = arena_strndup(a, rest.s, rest.len);
    struct str text = {rest.len ? arena_printf(a, "{%s}", object + 1) : "{}", rest.len ? rest.len + 1 : 2};
    json *again;
    if (!json_parse(a, text, 1000, &again, &err))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!keys)
        start();
    struct arena a;
    jmp_buf out;
    arena_init(&a, 64 << 20);
    a.guard = &out;
    if (!setjmp(out)) {
        struct err err;
        json *resource;
        struct str text = {(const char *)data, size}, spliced;
        const char *name = NULL;
        if (json_parse(&a, text, 64, &resource, &err))
            name = json_get_string(resource, "resourceType");
        const struct fhir_type *type = name ? fhir_resource(defs, str_of(name)) : NULL;
        if (type)
            check(&a, resource, type);
        const struct identity_about about = {1, "Patient", STR("1")};
        if (identity_open(keys, &a, &about, text, text, &spliced, &err))
            abort(); /* nobody forges one */
        struct str head = {text.s, size > 40 ? 40 : size}, rest = {text.s + head.len, size - head.len};
        if (identity__splice(&a, head, 0, rest, &spliced) && spliced.len < head.len)
            abort();
    }
    arena_release(&a);
    return 0;
}
