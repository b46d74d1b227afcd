/* Some lines of NDJSON: each becomes a request of its own, a create or, with an id, an update; see gather.h. */
#include "bulk.h"
#include "gather.h"

struct line {
    struct str text;
    int64_t number;
    struct api_request *r;
    struct api_response out;
};

static const struct api_route create = {HTTP_POST, "T", &api__create, false},
                              update = {HTTP_PUT, "T/I", &api__update, false};

/* ---- one line -------------------------------------------------------------------------------------------------- */

static bool read_line(struct line *l, struct err *err)
{
    struct api_request *r = l->r;
    if (*l->text.s == BULK_TOO_LONG)
        return err_set(err, ERR_TOO_LARGE,
                       "The line is longer than a resource may be (http.max_body): it was not read");
    if (!json_parse(r->a, l->text, (int)r->config->json_max_depth, &r->body, err))
        return false;
    const char *type = json_get_string(r->body, "resourceType"), *id = json_get_string(r->body, "id");
    r->type = type ? fhir_resource(r->api->deps.defs, str_of(type)) : NULL;
    if (!r->type)
        return err_set(err, ERR_INVALID, "The line has no resourceType that FHIR R4 knows");
    r->route = id ? &update : &create;
    r->method = r->route->method;
    r->run = r->route->interaction->run;
    r->id = id ? str_of(id) : (struct str){NULL, 0};
    return true;
}

static void prepare(struct line *l)
{
    struct api_request *r = l->r;
    struct err err;
    jmp_buf guard;
    if (setjmp(guard) == 0) {
        r->a->guard = &guard;
        r->a->limit = r->a->used + (size_t)r->config->request_memory;
        if (!read_line(l, &err) || !api__prepare(r, &l->out, &err))
            api__error_response(r, &err, &l->out);
    } else {
        r->a->limit = 0;
        err_set(&err, ERR_TOO_LARGE, "The line needs more memory than request.memory allows");
        api__error_response(r, &err, &l->out);
    }
    r->a->guard = NULL;
    r->a->limit = 0;
}

static void make_request(const struct api_request *whole, struct line *l)
{
    struct api_request *r = l->r = ARENA_NEW(whole->a, struct api_request);
    *r = *whole;
    r->in_bundle = true;
    r->text = l->text;
    r->shown = (struct api_shown){0};
    r->args = NULL;
    r->n_args = 0;
    r->if_match = r->if_none_match = r->if_modified_since = r->if_none_exist = (struct str){NULL, 0};
    api__issues_init(r, &r->warnings);
}

/* ---- what they came to ------------------------------------------------------------------------------------------- */

static void note_finding(struct bulk_batch *b, const struct line *l, const struct issue *i)
{
    struct arena *a = &b->a;
    if ((int64_t)b->findings.n >= l->r->config->bulk_findings)
        return;
    struct issue *copy = ARENA_PUSH(a, b->findings.list, b->findings.n, b->findings.cap);
    *copy = *i;
    copy->text = arena_strdup(a, i->text);
    copy->expression = i->expression ? arena_strdup(a, i->expression) : NULL;
    copy->key = i->key ? arena_strdup(a, i->key) : NULL;
    copy->line = l->number < INT32_MAX ? (int)l->number : INT32_MAX;
    copy->column = i->line == 1 ? i->column : 1;
}

static void note(struct bulk_batch *b, const struct line *l)
{
    const struct issues *list = l->out.issues;
    b->counts.lines++;
    if (l->out.status < 400) {
        b->counts.created += l->out.status == 201;
        b->counts.updated += l->out.status != 201;
        if (l->out.position > b->position)
            b->position = l->out.position;
        list = l->r->prefer == RETURN_OUTCOME ? &l->r->warnings : NULL;
    } else {
        b->counts.refused++;
        b->busy |= l->out.status == 503;
    }
    for (size_t i = 0; list && i < list->n; i++)
        if (l->out.status < 400 || list->list[i].severity <= ISSUE_ERROR)
            note_finding(b, l, &list->list[i]);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static struct line *split(struct bulk_batch *b, struct arena *a, size_t *n)
{
    struct line *lines = NULL;
    size_t cap = 0;
    int64_t number = b->line;
    *n = 0;
    for (struct str rest = {b->text, b->len}; rest.s && rest.len; number++) {
        struct str text = str_cut(rest, '\n', &rest);
        if (str_trim(text).len)
            *ARENA_PUSH(a, lines, *n, cap) = (struct line){.text = text, .number = number};
    }
    return lines;
}

void bulk_batch_run(struct bulk_batch *b, struct db_conn *c, const struct err *failure)
{
    struct arena a;
    struct http_request http = b->from->http;
    struct api_response whole_out = {0};
    struct err err;
    size_t n;
    arena_init(&a, 0);
    http.a = &a;
    struct api_request *whole = api__request_new(b->from->api, &http);
    struct gather *g = ARENA_NEW(&a, struct gather);
    bool ready = api__negotiate(whole, &err);
    whole->principal = b->from->principal;
    whole->route = &create;
    struct line *lines = split(b, &a, &n);
    gather_init(g, &a, c);
    for (size_t i = 0; i < n; i++) {
        make_request(whole, &lines[i]);
        if (!c || !ready) {
            api__error_response(lines[i].r, c ? &err : failure, &lines[i].out);
            continue;
        }
        prepare(&lines[i]);
        if (!lines[i].out.status)
            gather_add(g, lines[i].r, &lines[i].out);
    }
    gather_flush(g);
    if (c) {
        api__follow(whole, c);
        api__find_position(whole, c, &whole_out);
        b->position = whole_out.position;
    }
    for (size_t i = 0; i < n; i++) {
        bool entered = api__audit(lines[i].r, &lines[i].out);
        (void)entered; /* what was written is not taken back */
        note(b, &lines[i]);
    }
    arena_release(&a);
}
