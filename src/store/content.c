#include <string.h>

#include "base/clock.h"
#include "internal.h"

static void print_member(struct buf *b, const json *m)
{
    json name = {.type = cJSON_String, .valuestring = m->string};
    buf_addc(b, ',');
    json_print(b, &name, false);
    buf_addc(b, ':');
    json_print(b, m, false);
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Behind versionId and lastUpdated. */
static void print_rest(struct buf *b, const json *resource, void (*print)(struct buf *, const json *, void *),
                       void *arg)
{
    static const char *const first[] = {"resourceType", "id", "meta", "_id", NULL};
    static const char *const ours[] = {"versionId", "lastUpdated", NULL};
    buf_addc(b, '"');
    json_each (m, json_get(resource, "meta"))
        if (!is_one_of(m->string, ours))
            print(b, m, arg);
    buf_addc(b, '}');
    json_each (m, resource)
        if (!is_one_of(m->string, first))
            print(b, m, arg);
    buf_addc(b, '}');
}

static void print_whole(struct buf *b, const json *m, void *unused)
{
    (void)unused;
    print_member(b, m);
}

static void print_cut(struct buf *b, const json *m, void *pieces)
{
    identity_print_member(b, m, pieces);
}

void store_content(const struct store *s, struct arena *a, json *resource, const struct fhir_type *type,
                   struct str id, struct store_content *out)
{
    struct buf b;
    *out = (struct store_content){0};
    buf_init(&b, a, 256);
    buf_addf(&b, "{\"resourceType\":\"%s\",\"id\":\"%.*s\"", type->name, STR_FMT(id));
    json_each (m, resource)
        if (strcmp(m->string, "_id") == 0)
            print_member(&b, m);
    buf_adds(&b, ",\"meta\":{\"versionId\":\"");
    out->pre = buf_str(&b);

    bool cut = s->policy && identity_mark(s->policy, s->defs, resource, type);
    buf_init(&b, a, 1024);
    print_rest(&b, resource, cut ? print_cut : print_whole, &out->pieces);
    out->post = buf_str(&b);
    if (cut)
        identity_seal(atomic_load(&s->keys), a, &(struct identity_about){s->tenant.id, type->name, id},
                      out->post, &out->pieces, &out->sealed);
}

struct str store_content_text(struct arena *a, const struct store_content *c, int32_t ver, int64_t lu_us)
{
    char when[32];
    struct buf b;
    clock_instant(lu_us, when);
    struct str post = c->pieces.n ? identity_join(a, c->post, &c->pieces) : c->post;
    buf_init(&b, a, c->pre.len + post.len + 64);
    buf_addstr(&b, c->pre);
    buf_addf(&b, "%d%s%s", ver, STORE_MID, when);
    buf_addstr(&b, post);
    return buf_str(&b);
}

struct str store__content_kept(struct arena *a, const struct store_content *c, int32_t ver, int64_t lu_us)
{
    return store_content_text(a, &(struct store_content){.pre = c->pre, .post = c->post}, ver, lu_us);
}

struct store_text store_text_at(const struct db_rows *rows, int row, int column)
{
    return (struct store_text){db_text(rows, row, column), db_text(rows, row, column + 1)};
}

bool store_open(const struct store *s, struct arena *a, const struct fhir_type *type, struct str id,
                struct store_text text, struct str *out, struct err *err)
{
    *out = text.kept;
    if (!text.sealed.s)
        return true;
    const struct identity_keys *keys = atomic_load(&s->keys);
    if (!keys)
        return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                          "something is sealed, and there is no data key");
    return identity_open(keys, a, &(struct identity_about){s->tenant.id, type->name, id}, text.kept,
                         text.sealed, out, err);
}

bool store_redact(struct arena *a, struct store_text text, struct str *out, struct err *err)
{
    *out = text.kept;
    return !text.sealed.s || identity_redact(a, text.kept, out, err);
}

bool store_same_label(const json *x, const json *y)
{
    if (json_is_string(x))
        return json_equal(x, y);
    return json_equal(json_get(x, "system"), json_get(y, "system")) &&
           json_equal(json_get(x, "code"), json_get(y, "code"));
}

static json *get_or_add(struct arena *a, json *object, const char *name, json *(*make)(struct arena *))
{
    json *m = json_get(object, name);
    return m ? m : json_add(a, object, name, make(a));
}

void store_merge_meta(struct arena *a, json *resource, const json *stored)
{
    static const char *const kept[] = {"profile", "security", "tag"};
    const json *old_meta = json_get(stored, "meta");
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        json_each (old, json_get(old_meta, kept[i])) {
            json *meta = get_or_add(a, resource, "meta", json_object);
            json *list = get_or_add(a, meta, kept[i], json_array);
            bool there = false;
            json_each (m, list)
                there |= store_same_label(m, old);
            if (!there)
                json_push(list, json_copy(a, old));
        }
    }
}
