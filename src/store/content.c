#include <string.h>

#include "base/clock.h"
#include "store/store.h"

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

void store_content(struct arena *a, json *resource, struct str id, struct store_content *out)
{
    static const char *const first[] = {"resourceType", "id", "meta", NULL};
    static const char *const ours[] = {"versionId", "lastUpdated", NULL};
    struct buf b;
    buf_init(&b, a, 256);
    buf_addf(&b, "{\"resourceType\":\"%s\",\"id\":\"%.*s\"", json_get_string(resource, "resourceType"),
             STR_FMT(id));
    json_each (m, resource)
        if (strcmp(m->string, "_id") == 0)
            print_member(&b, m);
    buf_adds(&b, ",\"meta\":{\"versionId\":\"");
    out->pre = buf_str(&b);

    buf_init(&b, a, 1024);
    buf_addc(&b, '"');
    json_each (m, json_get(resource, "meta"))
        if (!is_one_of(m->string, ours))
            print_member(&b, m);
    buf_addc(&b, '}');
    json_each (m, resource)
        if (!is_one_of(m->string, first) && strcmp(m->string, "_id") != 0)
            print_member(&b, m);
    buf_addc(&b, '}');
    out->post = buf_str(&b);
}

struct str store_content_text(struct arena *a, const struct store_content *c, int32_t ver, int64_t lu_us)
{
    char when[32];
    struct buf b;
    clock_instant(lu_us, when);
    buf_init(&b, a, c->pre.len + c->post.len + 64);
    buf_addstr(&b, c->pre);
    buf_addf(&b, "%d%s%s", ver, STORE_MID, when);
    buf_addstr(&b, c->post);
    return buf_str(&b);
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
