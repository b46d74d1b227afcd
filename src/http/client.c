#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#include "internal.h"

/* malloc, not the arena: the arena may jump out, and libcurl's frames lie between. */
struct answer {
    char *data;
    size_t len, max;
    bool too_large;
};

static void answer_free(void *object)
{
    free(((struct answer *)object)->data);
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
    struct answer *b = arg;
    size_t more = size * n;
    b->too_large = more > b->max - b->len;
    char *grown = b->too_large ? NULL : realloc(b->data, b->len + more + 1);
    if (!grown)
        return 0;
    memcpy(grown + b->len, data, more);
    b->data = grown;
    b->len += more;
    b->data[b->len] = '\0';
    return more;
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* https, or http that does not leave this machine. */
static bool check_url(const char *url, bool *local, struct err *err)
{
    char *scheme = NULL, *host = NULL;
    CURLU *u = curl_url();
    bool known = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    struct http__address address;
    *local = known && (strcmp(host, "localhost") == 0 ||
                       (http__address_parse(str_of(host), &address) && http__is_loopback(&address)));
    bool ok = known && (strcmp(scheme, "https") == 0 || (*local && strcmp(scheme, "http") == 0));
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return ok || err_set(err, ERR_INVALID, "%s: expected an https URL (http only for this machine)", url);
}

bool http_call(struct arena *a, const struct http_call *c, int *status, struct str *body, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const char *const methods[] = {
        [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",      [HTTP_PUT] = "PUT",
        [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS"};
    bool local;
    pthread_once(&once, init_curl);
    if (!check_url(c->url, &local, err))
        return false;
    struct answer *answer = ARENA_NEW(a, struct answer);
    answer->max = c->max;
    arena_cleanup(a, answer_free, answer);
    const char **lines = ARENA_ARRAY(a, const char *, c->n_headers);
    for (size_t i = 0; i < c->n_headers; i++)
        lines[i] = arena_printf(a, "%.*s: %.*s", STR_FMT(c->headers[i].name), STR_FMT(c->headers[i].value));

    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    for (size_t i = 0; curl && i < c->n_headers; i++)
        headers = curl_slist_append(headers, lines[i]);
    CURLcode code = curl ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    long got = 0;
    if (curl) {
        curl_easy_setopt(curl, CURLOPT_URL, c->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        if (local)
            curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment names */
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(c->timeout_us / 1000));
        curl_easy_setopt(curl, CURLOPT_NOBODY, c->method == HTTP_HEAD ? 1L : 0L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, methods[c->method]);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        if (c->body.s) {
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, c->body.s);
        }
        if (c->ca_file)
            curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got);
        curl_easy_cleanup(curl);
    }
    curl_slist_free_all(headers);

    if (answer->too_large)
        return err_set(err, ERR_TOO_LARGE, "%s answers with more than %zu bytes", c->url, c->max);
    if (code != CURLE_OK)
        return err_detail(err, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_BUSY,
                          arena_printf(a, "no answer from %s", c->url), "%s", curl_easy_strerror(code));
    *status = (int)got;
    *body = answer->data ? (struct str){answer->data, answer->len} : STR("");
    return true;
}

bool http_get(struct arena *a, const char *url, int64_t timeout_us, size_t max, struct str *body,
              struct err *err)
{
    int status;
    struct http_call call = {.method = HTTP_GET, .url = url, .timeout_us = timeout_us, .max = max};
    if (!http_call(a, &call, &status, body, err))
        return false;
    return status == 200 || err_set(err, ERR_BUSY, "%s answers with status %d", url, status);
}
