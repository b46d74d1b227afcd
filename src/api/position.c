/*
 * Read replicas, and that a client sees what it wrote (docs/scaling.md). A write is answered with its position: a header,
 * and a cookie for clients that keep cookies. A read that carries one may go to a replica that has come as far; it is the
 * primary's otherwise, and again when the replica cannot answer it well. In the same way it may be answered from the
 * cache when that knows as much.
 */
#include "internal.h"

static const char header[] = "Kagari-Position", cookie[] = "kagari-position=";
enum { COOKIE_S = 3600 };

static struct str in_cookies(struct str cookies)
{
    while (cookies.s) {
        struct str one = str_trim(str_cut(cookies, ';', &cookies));
        if (str_starts(one, str_of(cookie)))
            return (struct str){one.s + sizeof cookie - 1, one.len - (sizeof cookie - 1)};
    }
    return (struct str){NULL, 0};
}

/* Of no use where all reads are the primary's. */
static bool in_use(const struct api_request *r)
{
    return *r->config->db_replicas || store_cache_mode(r->api->deps.store) == STORE_CACHE_BOUNDED;
}

bool api__position(const struct api_request *r, int64_t *position)
{
    struct str text = http_header(r->http, header);
    if (!text.s)
        text = in_cookies(http_header(r->http, "Cookie"));
    return text.s && str_int64(text, position) && *position >= 0;
}

bool api__may_ask_replica(const struct api_request *r, int64_t *position)
{
    /* later pages are cut by a snapshot that a replica may not have yet */
    if (!*r->config->db_replicas || !r->route->interaction->replica || r->primary || api__arg(r, "_cursor").s)
        return false;
    *position = 0;
    return api__position(r, position) || r->config->db_replica_reads == READS_ANY;
}

void api__find_position(struct api_request *r, struct db_conn *c, struct api_response *out)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct err ignored; /* what was written stays written; its client reads from the primary */
    const bool reads =
        r->method == HTTP_GET || r->method == HTTP_HEAD || r->route->interaction->right == AUTH_SEARCH;
    if (!in_use(r) || reads || out->position)
        return;
    sql_init(&q, r->a, "last-position");
    sql_adds(&q, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
    if (db_exec(c, r->a, &q, &rows, &ignored))
        out->position = db_int8(rows, 0, 0) - 1;
}

void api__add_position(struct api_request *r, const struct api_response *out)
{
    if (!out->position || !in_use(r))
        return;
    const char *number = arena_printf(r->a, "%lld", (long long)out->position);
    http_add_header(r->http, &r->http_response, header, str_of(number));
    http_add_header(
        r->http, &r->http_response, "Set-Cookie",
        str_of(arena_printf(r->a, "%s%s; Max-Age=%d; Path=/; HttpOnly; SameSite=Strict%s", cookie, number,
                            COOKIE_S, str_starts(r->base, STR("https:")) ? "; Secure" : "")));
}
