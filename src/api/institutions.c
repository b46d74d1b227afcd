#include "institutions.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"
#include "tenant/tenant.h"

struct institution {
    struct institution *next; /* of those that are being closed */
    struct arena a;           /* as long as it */
    int32_t id;
    const char *name, *settings;
    struct house *house;
    atomic_int active; /* requests that it serves */
};

struct institutions {
    const struct house_shared *shared;
    _Atomic(const struct config *) config;
    const struct config *applied; /* what the houses have of it */
    pthread_rwlock_t lock;        /* of the list, which one thread changes */
    struct institution **list;    /* by name */
    size_t n;
    struct institution *closing;
    struct house *nobody; /* its auth; NULL: there has been no other institution yet */
    struct api *absent;   /* and its api */
    _Atomic bool several; /* there is, or was, another institution than the first */
    int64_t retry_us;     /* what could not be opened is not tried again before */
};

bool institutions_new(const struct house_shared *shared, const struct config *c, struct institutions **out,
                      struct err *err)
{
    struct institutions *i = calloc(1, sizeof *i);
    if (!i)
        return err_set(err, ERR_INTERNAL, "out of memory");
    i->shared = shared;
    atomic_store(&i->config, c);
    i->applied = c;
    pthread_rwlock_init(&i->lock, NULL);
    *out = i;
    return true;
}

/* ---- requests ---------------------------------------------------------------------------------------------- */

/* "/NAME/fhir…" → NAME, and the rest. */
static bool take_name(struct str path, struct str *name, struct str *rest)
{
    const char *slash = path.len > 1 ? memchr(path.s + 1, '/', path.len - 1) : NULL;
    if (!slash)
        return false;
    *name = (struct str){path.s + 1, (size_t)(slash - path.s) - 1};
    *rest = (struct str){slash, path.len - name->len - 1};
    return tenant_name_valid(*name) && str_starts(*rest, STR("/fhir")) &&
           (rest->len == 5 || rest->s[5] == '/');
}

/* The same behind "/.well-known/X", which stays in front. */
static bool take_known_name(struct arena *a, struct str path, struct str *name, struct str *rest)
{
    static const char front[] = "/.well-known/";
    if (!str_starts(path, str_of(front)))
        return false;
    const char *slash = memchr(path.s + sizeof front - 1, '/', path.len - (sizeof front - 1));
    size_t head = slash ? (size_t)(slash - path.s) : 0;
    if (!slash || !take_name((struct str){slash, path.len - head}, name, rest))
        return false;
    *rest = str_of(arena_printf(a, "%.*s%.*s", (int)head, path.s, STR_FMT(*rest)));
    return true;
}

static bool is_first(struct str path)
{
    return str_starts(path, STR("/fhir")) && (path.len == 5 || path.s[5] == '/');
}

static int compare(const void *key, const void *element)
{
    const struct str *name = key;
    const struct institution *const *i = element;
    int order = strncmp(name->s, (*i)->name, name->len);
    return order ? order : -(int)((*i)->name[name->len] != '\0');
}

static struct institution **find(const struct institutions *i, struct str name)
{
    return i->n ? bsearch(&name, i->list, i->n, sizeof *i->list, compare) : NULL;
}

static void leave(void *institution)
{
    atomic_fetch_sub(&((struct institution *)institution)->active, 1);
}

/* The institution stays as long as the request. */
static struct api *enter(struct institutions *i, struct arena *a, struct str name)
{
    pthread_rwlock_rdlock(&i->lock);
    struct institution **found = find(i, name);
    if (found)
        atomic_fetch_add(&(*found)->active, 1);
    struct api *api = found ? (*found)->house->api : i->absent;
    pthread_rwlock_unlock(&i->lock);
    if (found)
        arena_cleanup(a, leave, *found);
    return api;
}

struct api *institutions_choose(struct institutions *i, struct http_request *r, struct api *first)
{
    struct str name, rest;
    if (!atomic_load_explicit(&i->several, memory_order_acquire))
        return first;
    if (is_first(r->path)) {
        const struct config *c = atomic_load(&first->config);
        if (!*c->auth_institution_claim)
            return first;
        name = auth_institution(c, r->a, http_header(r, "Authorization"));
        if (!name.s || str_is(name, AUTH_FIRST_INSTITUTION))
            return first;
        r->mount = str_of(arena_printf(r->a, "/%.*s", STR_FMT(name)));
        return enter(i, r->a, name);
    }
    if (!take_name(r->path, &name, &rest) && !take_known_name(r->a, r->path, &name, &rest))
        return first;
    r->mount = str_of(arena_printf(r->a, "/%.*s", STR_FMT(name)));
    r->path = rest;
    return enter(i, r->a, name);
}

bool institutions_streams(const struct http_request *r, void *arg)
{
    struct http_request below = *r;
    struct str name;
    return api_streams(!is_first(r->path) && take_name(r->path, &name, &below.path) ? &below : r, arg);
}

/* ---- houses ------------------------------------------------------------------------------------------------ */

enum { RETRY_US = 10 * 1000 * 1000 };

static void free_institution(struct institution *one)
{
    if (one->house)
        house_free(one->house);
    arena_release(&one->a);
    free(one);
}

static bool make(struct institutions *i, const struct tenant *t, struct db_conn *c, struct institution **out,
                 struct err *err)
{
    struct config config;
    struct institution *one = calloc(1, sizeof *one);
    if (!one)
        return err_set(err, ERR_INTERNAL, "out of memory");
    arena_init(&one->a, 0);
    one->id = t->id;
    one->name = arena_strdup(&one->a, t->name);
    one->settings = arena_strdup(&one->a, t->settings);
    if (!tenant_settings(i->applied, t, &one->a, &config, err) ||
        !house_new(i->shared, &config, &one->house, err) || !house_open(one->house, c, err)) {
        free_institution(one);
        return false;
    }
    *out = one;
    return true;
}

/* Who is refused in the name of institutions that there are not. */
static bool make_nobody(struct institutions *i, const struct api *first, struct err *err)
{
    struct config c = *i->applied;
    if (i->absent)
        return true;
    c.tenant = (struct config_tenant){.id = -1, .name = "-", .by_claim = true};
    c.audit_enabled = false;
    if (!i->nobody && !house_new(i->shared, &c, &i->nobody, err))
        return false;
    struct api_deps deps = first->deps;
    deps.auth = i->nobody->auth;
    deps.nobody = true;
    return (!auth_own_server(&c) || auth_no_keys(i->nobody->auth, err)) &&
           api_new(i->nobody->config, &deps, &i->nobody->api, err) && (i->absent = i->nobody->api);
}

static void apply(struct house *h, const struct config *c, const char *name)
{
    struct err err;
    struct buf pending;
    struct arena a;
    arena_init(&a, 0);
    buf_init(&pending, &a, 64);
    if (house_reload(h, c, &pending, &err))
        log_event(LOG_INFO, "reloaded", LOG_S("institution", name),
                  LOG_S("need_restart", pending.len ? pending.s : NULL));
    else
        log_event(LOG_ERROR, "reload-failed", LOG_S("institution", name), LOG_S("reason", err.msg),
                  LOG_S("detail", err.detail));
    arena_release(&a);
}

static void reload(struct institutions *i, struct institution *one, const struct tenant *t)
{
    struct err err;
    struct config c;
    one->settings = arena_strdup(&one->a, t->settings);
    if (tenant_settings(i->applied, t, &one->a, &c, &err))
        apply(one->house, &c, one->name);
    else
        log_event(LOG_ERROR, "reload-failed", LOG_S("institution", one->name), LOG_S("reason", err.msg));
}

/* The house of an active institution, opened when it is not yet; NULL: not now. */
static struct institution *tend_one(struct institutions *i, const struct tenant *t, bool configured,
                                    struct db_conn *c)
{
    struct err err;
    struct institution **found = find(i, str_of(t->name)), *one = NULL;
    if (found && (*found)->id == t->id) {
        if (configured || strcmp((*found)->settings, t->settings) != 0)
            reload(i, *found, t);
        return *found;
    }
    if (clock_mono_us() < i->retry_us)
        return NULL;
    if (make(i, t, c, &one, &err)) {
        log_event(LOG_INFO, "institution-opened", LOG_S("institution", t->name));
        return one;
    }
    i->retry_us = clock_mono_us() + RETRY_US;
    log_event(LOG_ERROR, "institution-not-opened", LOG_S("institution", t->name), LOG_S("reason", err.msg),
              LOG_S("detail", err.detail));
    return NULL;
}

static bool has(struct institution *const *list, size_t n, const struct institution *one)
{
    for (size_t k = 0; k < n; k++)
        if (list[k] == one)
            return true;
    return false;
}

/* Those that are in the old list alone are closed, as soon as nobody needs them. */
static void replace(struct institutions *i, struct institution **list, size_t n)
{
    pthread_rwlock_wrlock(&i->lock);
    struct institution **old = i->list;
    size_t n_old = i->n;
    i->list = list;
    i->n = n;
    pthread_rwlock_unlock(&i->lock);
    for (size_t k = 0; k < n_old; k++) {
        if (has(list, n, old[k]))
            continue;
        old[k]->next = i->closing;
        i->closing = old[k];
    }
    free(old);
}

static void count(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

/* Every loop has ended what it was about. */
static void await_loops(const struct institutions *i)
{
    atomic_int past = 0;
    for (int k = 0; k < i->shared->n; k++)
        loop_post(i->shared->loops[k], count, &past);
    while (atomic_load(&past) < i->shared->n)
        usleep(500);
}

static void close_unused(struct institutions *i)
{
    for (struct institution **at = &i->closing; *at;) {
        struct institution *one = *at;
        if (atomic_load(&one->active)) {
            at = &one->next;
            continue;
        }
        await_loops(i);
        *at = one->next;
        log_event(LOG_INFO, "institution-closed", LOG_S("institution", one->name));
        free_institution(one);
    }
}

/* The others, by name. */
static bool follow(struct institutions *i, struct api *first, const struct tenant *t, size_t n,
                   struct db_conn *c, struct err *err)
{
    const struct config *config = atomic_load(&i->config);
    bool configured = config != i->applied;
    size_t open = 0;
    i->applied = config;
    if (!make_nobody(i, first, err))
        return false;
    struct institution **list = calloc(n + 1, sizeof *list);
    if (!list)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (configured)
        apply(i->nobody, config, "-");
    for (size_t k = 0; k < n; k++) {
        struct institution *one =
            t[k].id != TENANT_FIRST && t[k].state == TENANT_ACTIVE ? tend_one(i, &t[k], configured, c) : NULL;
        if (one)
            list[open++] = one;
    }
    replace(i, list, open);
    atomic_store_explicit(&i->several, true, memory_order_release);
    close_unused(i);
    return true;
}

bool institutions_follow(struct institutions *i, struct api *first, struct db_conn *c, struct err *err)
{
    struct arena a;
    struct tenant *t;
    size_t n;
    arena_init(&a, 0);
    bool ok = tenant_list(c, &a, &t, &n, err) &&
              ((n < 2 && !atomic_load(&i->several)) || follow(i, first, t, n, c, err));
    arena_release(&a);
    return ok;
}

bool institutions_tend(struct institutions *i, struct db_conn *c, struct err *err)
{
    for (size_t k = 0; k < i->n; k++)
        if (!store_stats_refresh(i->list[k]->house->store, c, err) ||
            !api_tend(i->list[k]->house->api, c, err))
            return false;
    return true;
}

void institutions_configure(struct institutions *i, const struct config *c)
{
    atomic_store(&i->config, c);
}

void institutions_drain(struct institutions *i)
{
    for (size_t k = 0; k < i->n; k++)
        api_drain(i->list[k]->house->api);
}

void institutions_close(struct institutions *i)
{
    for (size_t k = 0; k < i->n; k++)
        house_close(i->list[k]->house);
}

void institutions_free(struct institutions *i)
{
    if (!i)
        return;
    replace(i, NULL, 0);
    for (struct institution *one = i->closing, *next; one; one = next) {
        next = one->next;
        free_institution(one);
    }
    if (i->nobody)
        house_free(i->nobody);
    pthread_rwlock_destroy(&i->lock);
    free(i);
}
