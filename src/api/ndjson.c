#include "ndjson.h"

#include "base/clock.h"

bool ndjson_is(struct str media_type)
{
    /* a '+' in a URL is a blank */
    static const char *const names[] = {"application/fhir+ndjson", "application/fhir ndjson",
                                        "application/ndjson", "ndjson"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(media_type, names[i]))
            return true;
    return false;
}

void ndjson_init(struct ndjson *n, struct arena *a, const struct store *store, struct str id,
                 struct str status, int64_t max)
{
    *n = (struct ndjson){.a = a, .store = store, .id = id, .status = status, .max = max};
    n->output = json_array(a);
    n->error = json_array(a);
}

/* The resources of one type in one page. */
struct file {
    const char *type;
    bool outcome;
    struct buf lines;
    int count;
};

static struct file *file_of(struct arena *a, struct file **files, size_t *n, size_t *cap, const json *entry)
{
    const char *type = json_get_string(json_get(entry, "resource"), "resourceType"),
               *mode = json_get_string(json_get(entry, "search"), "mode");
    bool outcome = mode && strcmp(mode, "outcome") == 0;
    for (size_t i = 0; i < *n; i++)
        if (strcmp((*files)[i].type, type) == 0 && (*files)[i].outcome == outcome)
            return &(*files)[i];
    struct file *f = ARENA_PUSH(a, *files, *n, *cap);
    *f = (struct file){.type = type, .outcome = outcome};
    buf_init(&f->lines, a, 4096);
    return f;
}

static bool store_file(struct ndjson *n, struct arena *page, const struct file *f, struct db_conn *c,
                       struct err *err)
{
    struct sql q = {.a = page};
    n->bytes += (int64_t)f->lines.len;
    if (n->bytes > n->max)
        return err_set(
            err, ERR_TOO_LARGE,
            "The answer is larger than this server keeps (async.max_result): ask for less at a time");
    store_deferred_file_plan(n->store, n->id, n->files, buf_str(&f->lines), &q);
    if (!db_exec(c, page, &q, NULL, err))
        return false;
    json *o = json_push(f->outcome ? n->error : n->output, json_object(n->a));
    json_add_string(n->a, o, "type", f->type);
    json_add_string(n->a, o, "url", arena_printf(n->a, "%.*s/%d", STR_FMT(n->status), n->files));
    json_add(n->a, o, "count", json_int(n->a, f->count));
    n->files++;
    return true;
}

static struct str next_query(const json *bundle)
{
    json_each (link, json_get(bundle, "link")) {
        const char *relation = json_get_string(link, "relation"), *url = json_get_string(link, "url");
        struct str query;
        if (!relation || strcmp(relation, "next") != 0 || !url)
            continue;
        str_cut(str_of(url), '?', &query);
        return query;
    }
    return (struct str){NULL, 0};
}

bool ndjson_add(struct ndjson *n, struct arena *page, struct str bundle, struct db_conn *c, struct str *next,
                struct err *err)
{
    struct file *files = NULL;
    size_t n_files = 0, cap = 0;
    json *o;
    if (!json_parse(page, bundle, INT16_MAX, &o, err))
        return false;
    json_each (entry, json_get(o, "entry")) {
        const json *resource = json_get(entry, "resource");
        if (!resource) /* a deletion in a history */
            continue;
        struct file *f = file_of(page, &files, &n_files, &cap, entry);
        buf_addstr(&f->lines, json_text(page, resource));
        buf_addc(&f->lines, '\n');
        f->count++;
    }
    for (size_t i = 0; i < n_files; i++)
        if (!store_file(n, page, &files[i], c, err))
            return false;
    *next = next_query(o);
    return true;
}

struct str ndjson_manifest(const struct ndjson *n, struct str request, int64_t started_us)
{
    char started[32];
    clock_instant(started_us, started);
    json *o = json_object(n->a);
    json_add_string(n->a, o, "transactionTime", started);
    json_add(n->a, o, "request", json_string_n(n->a, request));
    json_add(n->a, o, "requiresAccessToken", json_bool(n->a, true));
    json_add(n->a, o, "output", n->output);
    json_add(n->a, o, "error", n->error);
    return json_text(n->a, o);
}
