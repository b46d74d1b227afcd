#include "support/cost.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "db/db.h"

static atomic_llong trips, statements, parsed, parses, mallocs, sent, received;

static void count(atomic_llong *what, int64_t n)
{
    atomic_fetch_add_explicit(what, n, memory_order_relaxed);
}

struct cost cost_now(void)
{
    return (struct cost){.trips = trips,
                         .statements = statements,
                         .parsed = parsed,
                         .json = parses,
                         .mallocs = mallocs,
                         .sent = sent,
                         .received = received};
}

struct cost cost_between(const struct cost *from, const struct cost *to)
{
    return (struct cost){.trips = to->trips - from->trips,
                         .statements = to->statements - from->statements,
                         .parsed = to->parsed - from->parsed,
                         .json = to->json - from->json,
                         .mallocs = to->mallocs - from->mallocs,
                         .sent = to->sent - from->sent,
                         .received = to->received - from->received,
                         .arena = to->arena - from->arena};
}

/* ---- memory and JSON ------------------------------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
bool __real_json_parse(struct arena *a, struct str text, int max_depth, json **out, struct err *err);

void *__wrap_malloc(size_t size)
{
    count(&mallocs, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    count(&mallocs, 1);
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    count(&mallocs, 1);
    return __real_realloc(p, size);
}

bool __wrap_json_parse(struct arena *a, struct str text, int max_depth, json **out, struct err *err)
{
    count(&parses, 1);
    return __real_json_parse(a, text, max_depth, out, err);
}

/* ---- whose rows ------------------------------------------------------------------------------------------------ */

static size_t occurrences(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* The name under which a table's columns are known: behind it, unless that is a word of SQL. */
static struct str alias_of(const char *table, size_t length)
{
    static const char *const words[] = {"WHERE", "SET",   "ON",  "JOIN",  "LEFT", "CROSS",
                                        "FULL",  "ORDER", "FOR", "GROUP", "UNION"};
    const char *at = table + length + (table[length] == ' ');
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            n = 0;
    return n ? (struct str){at, n} : (struct str){table, length};
}

/* Rows are asked for behind these words. */
static bool asked_for(const char *text, const char *at, size_t length)
{
    static const char *const before[] = {"FROM ", "JOIN ", "UPDATE ", "USING ", "ONLY "};
    if (at[length] && !strchr(" )(;,", at[length]))
        return false;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        size_t l = strlen(before[i]);
        if ((size_t)(at - text) >= l && strncmp(at - l, before[i], l) == 0)
            return true;
    }
    return false;
}

const char *cost_untenanted(const char *text)
{
    static const char *const tables[] = {
        "res",          "res_history",    "idx_str",           "idx_date",         "idx_num",
        "idx_ovf",      "idx_text",       "idx_dict",          "deferred",         "deferred_file",
        "job",          "server",         "search_generation", "search_parameter", "index_state",
        "contained",    "audit",          "audit_word",        "audit_spool",      "audit_seal",
        "audit_anchor", "oauth_key",      "oauth_client",      "oauth_revoked",    "oauth_assertion",
        "oauth_user",   "oauth_flow",     "oauth_grant",       "oauth_secret",     "oauth_launch",
        "identity_key", "identity_state", "audit_block",       "oauth_identity",   "emergency",
        "blind_key"};
    size_t said = occurrences(text, "tenant = ") + occurrences(text, "USING (tenant,"), asked = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        size_t length = strlen(tables[i]);
        for (const char *at = text; (at = strstr(at, tables[i])); at += length) {
            char column[64];
            if (!asked_for(text, at, length))
                continue;
            struct str alias = alias_of(at, length);
            snprintf(column, sizeof column, "%.*s.tenant", STR_FMT(alias));
            if (++asked > said || (alias.s != at && !strstr(text, column) && !strstr(text, " tenant = ") &&
                                   !strstr(text, "USING (tenant,")))
                return tables[i];
        }
    }
    return NULL;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char untenanted[4096];

/* What tests ask by themselves has no parameters. */
static void look_at(const char *text)
{
    if (!strchr(text, '$') || !cost_untenanted(text))
        return;
    pthread_mutex_lock(&lock);
    if (!untenanted[0])
        snprintf(untenanted, sizeof untenanted, "%s", text);
    pthread_mutex_unlock(&lock);
}

struct str cost_first_untenanted(void)
{
    static char copy[sizeof untenanted];
    pthread_mutex_lock(&lock);
    memcpy(copy, untenanted, sizeof copy);
    untenanted[0] = '\0';
    pthread_mutex_unlock(&lock);
    return copy[0] ? str_of(copy) : (struct str){0};
}

/* ---- libpq ------------------------------------------------------------------------------------------------------ */

static void count_parsed(const char *text)
{
    count(&parsed, 1);
    count(&sent, (int64_t)strlen(text));
    look_at(text);
}

static void count_executed(const char *const *values, const int *lengths, const int *formats, int n)
{
    count(&statements, 1);
    for (int i = 0; i < n; i++)
        if (values[i])
            count(&sent, formats[i] ? lengths[i] : (int)strlen(values[i]));
}

/* In a pipeline nobody waits until its Sync. */
static void count_sent(const PGconn *pg)
{
    count(&trips, PQpipelineStatus(pg) == PQ_PIPELINE_OFF);
}

#define VALUES int n, const char *const *values, const int *lengths, const int *formats, int binary
#define TYPED                                                                                                \
    int n, const Oid *types, const char *const *values, const int *lengths, const int *formats, int binary

int __real_PQpipelineSync(PGconn *pg);
int __wrap_PQpipelineSync(PGconn *pg)
{
    count(&trips, 1);
    return __real_PQpipelineSync(pg);
}

int __real_PQsendQuery(PGconn *pg, const char *text);
int __wrap_PQsendQuery(PGconn *pg, const char *text)
{
    count_sent(pg);
    count(&statements, 1);
    return __real_PQsendQuery(pg, text);
}

int __real_PQsendPrepare(PGconn *pg, const char *name, const char *text, int n, const Oid *types);
int __wrap_PQsendPrepare(PGconn *pg, const char *name, const char *text, int n, const Oid *types)
{
    count_sent(pg);
    count_parsed(text);
    return __real_PQsendPrepare(pg, name, text, n, types);
}

int __real_PQsendQueryPrepared(PGconn *pg, const char *name, VALUES);
int __wrap_PQsendQueryPrepared(PGconn *pg, const char *name, VALUES)
{
    count_sent(pg);
    count_executed(values, lengths, formats, n);
    return __real_PQsendQueryPrepared(pg, name, n, values, lengths, formats, binary);
}

int __real_PQsendQueryParams(PGconn *pg, const char *text, TYPED);
int __wrap_PQsendQueryParams(PGconn *pg, const char *text, TYPED)
{
    count_sent(pg);
    count_parsed(text);
    count_executed(values, lengths, formats, n);
    return __real_PQsendQueryParams(pg, text, n, types, values, lengths, formats, binary);
}

PGresult *__real_PQexec(PGconn *pg, const char *text);
PGresult *__wrap_PQexec(PGconn *pg, const char *text)
{
    count(&trips, 1);
    count(&statements, 1);
    return __real_PQexec(pg, text);
}

PGresult *__real_PQprepare(PGconn *pg, const char *name, const char *text, int n, const Oid *types);
PGresult *__wrap_PQprepare(PGconn *pg, const char *name, const char *text, int n, const Oid *types)
{
    count(&trips, 1);
    count_parsed(text);
    return __real_PQprepare(pg, name, text, n, types);
}

PGresult *__real_PQexecPrepared(PGconn *pg, const char *name, VALUES);
PGresult *__wrap_PQexecPrepared(PGconn *pg, const char *name, VALUES)
{
    count(&trips, 1);
    count_executed(values, lengths, formats, n);
    return __real_PQexecPrepared(pg, name, n, values, lengths, formats, binary);
}

PGresult *__real_PQexecParams(PGconn *pg, const char *text, TYPED);
PGresult *__wrap_PQexecParams(PGconn *pg, const char *text, TYPED)
{
    count(&trips, 1);
    count_parsed(text);
    count_executed(values, lengths, formats, n);
    return __real_PQexecParams(pg, text, n, types, values, lengths, formats, binary);
}

/* Where a result becomes the rows that others see: src/db/internal.h. */
const struct db_rows *__real_db__rows(PGresult **place, PGresult *r);
const struct db_rows *__wrap_db__rows(PGresult **place, PGresult *r);
const struct db_rows *__wrap_db__rows(PGresult **place, PGresult *r)
{
    for (int row = 0; row < PQntuples(r); row++)
        for (int column = 0; column < PQnfields(r); column++)
            count(&received, PQgetlength(r, row, column));
    return __real_db__rows(place, r);
}
