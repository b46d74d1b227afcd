/*
 * The statement of a read by id for somebody who does not see everything. What of it is the caller's is the same for every
 * read of a type by a token: it is written once, and kept by the event loop for as long as token, definitions and Consents
 * are the same ones.
 */
#include <stdlib.h>

#include "internal.h"

enum { SLOTS = 512, OWN = STORE_READ_OWN };

struct key {
    int64_t token, generation, type, consents[AUTH_LEVELS];
};

struct slot {
    struct key key;
    char *memory; /* of what follows; NULL: the slot is free */
    struct str text;
    struct sql_param *params; /* behind the read's own */
    size_t n;
};

struct api_seen {
    struct slot slots[SLOTS];
};

bool api__seen_new(struct api *api, struct err *err)
{
    api->seen = calloc((size_t)api->deps.n_loops, sizeof *api->seen);
    return api->seen || err_set(err, ERR_INTERNAL, "out of memory");
}

void api__seen_free(struct api *api)
{
    for (int loop = 0; api->seen && loop < api->deps.n_loops; loop++)
        for (int i = 0; i < SLOTS; i++)
            free(api->seen[loop].slots[i].memory);
    free(api->seen);
}

/* NULL: nothing is kept of this one. */
static struct slot *find(const struct api_request *r, struct key *key)
{
    const struct auth_principal *p = r->principal;
    const struct search_consent *const *consents = api__consents(r, AUTH_READ);
    if (!p->serial || p->n_opened)
        return NULL;
    *key = (struct key){.token = (int64_t)p->serial,
                        .generation = r->search->generation,
                        .type = (int64_t)store_tenant(r->api->deps.store)->id << 16 | r->type->id};
    for (int level = 0; consents && level < AUTH_LEVELS; level++)
        key->consents[level] = consents[level] ? consents[level]->id : 0;
    return &r->api->seen[r->http->loop].slots[(p->serial * 31 + (uint64_t)r->type->id) % SLOTS];
}

static void keep(struct slot *slot, const struct key *key, const struct sql *q)
{
    size_t size = (q->n - OWN) * sizeof *slot->params + q->text.len + 1;
    for (size_t i = OWN; i < q->n; i++)
        size += (size_t)q->params[i].len + 1;
    free(slot->memory);
    *slot = (struct slot){.key = *key, .memory = malloc(size), .n = q->n - OWN};
    if (!slot->memory)
        return;
    slot->params = (struct sql_param *)slot->memory;
    char *at = slot->memory + slot->n * sizeof *slot->params;
    for (size_t i = 0; i < slot->n; i++) {
        slot->params[i] = q->params[OWN + i];
        memcpy(at, slot->params[i].data, (size_t)slot->params[i].len);
        at[slot->params[i].len] = '\0';
        slot->params[i].data = at;
        at += slot->params[i].len + 1;
    }
    memcpy(at, q->text.s, q->text.len);
    slot->text = (struct str){at, q->text.len};
}

/* The slot may be another's before the statement has been sent. */
static void repeat(const struct slot *slot, struct sql *q)
{
    for (size_t i = 0; i < slot->n; i++) {
        struct sql_param *param = ARENA_PUSH(q->a, q->params, q->n, q->cap);
        *param = slot->params[i];
        param->data = arena_strndup(q->a, param->data, (size_t)param->len);
    }
}

void api__seen_plan(const struct api_request *r, struct sql *q)
{
    const struct store *s = r->api->deps.store;
    struct key key;
    struct slot *slot = auth_unrestricted(r->principal, AUTH_READ, r->type) ? NULL : find(r, &key);
    if (slot && slot->memory && memcmp(&slot->key, &key, sizeof key) == 0) {
        store_read_repeat_plan(s, r->type, r->id, slot->text, q);
        repeat(slot, q);
        return;
    }
    const struct search_access *x = api__access(r, AUTH_READ, r->type);
    store_read_live_plan(s, r->type, r->id, x, q);
    if (slot && x && !search_access_is_open(x, r->type)) /* those go by the request's base, too */
        keep(slot, &key, q);
}
