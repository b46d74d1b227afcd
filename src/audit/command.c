#include "audit/command.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/export.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "fhir/datetime.h"
#include "internal.h"
#include "tenant/tenant.h"

enum { PROGRESS_US = 1000 * 1000 };

static const char usage[] =
    "Usage: kagari audit verify [--keys FILE] [--anchors DIR]\n"
    "       kagari audit export [--since TIME] [--until TIME] [--base URL]\n\n"
    "verify reads the whole audit log and computes its chain anew: names where entries were removed,\n"
    "added, altered or moved, every seal and anchor that is not what was sealed and signed, and an\n"
    "end that is missing. Exit status 1 when something was found.\n\n"
    "  --keys FILE         public keys of the anchors, a JWK Set (default: of audit.key)\n"
    "  --anchors DIR       where the files anchors and head are (default: audit.directory)\n"
    "export prints the entries as AuditEvents, one a line, oldest first.\n\n"
    "  --since TIME, --until TIME\n"
    "                      a date or a time, both inclusive (default: all)\n"
    "  --base URL          of the server that the events name (default: urn:kagari)\n\n" TENANT_USAGE
    "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n";

enum { KEYS, ANCHORS, SINCE, UNTIL, BASE, OPTIONS };
static const char *const names[OPTIONS] = {
    [KEYS] = "--keys", [ANCHORS] = "--anchors", [SINCE] = "--since", [UNTIL] = "--until", [BASE] = "--base"};

struct session {
    struct arena a;
    struct config config;
    struct db_conn *conn;
    int64_t told_us;
    const char *options[OPTIONS]; /* NULL: not given */
};

static void show_fault(void *arg, const char *text)
{
    (void)arg;
    printf("FOUND: %s\n", text);
}

static void show_progress(void *arg, int64_t entries, int64_t of)
{
    struct session *s = arg;
    int64_t now = clock_mono_us();
    if (now - s->told_us < PROGRESS_US)
        return;
    s->told_us = now;
    fprintf(stderr, "%lld of %lld entries (%d %%)\n", (long long)entries, (long long)of,
            of ? (int)(entries * 100 / of) : 100);
}

static bool find_keys(struct session *s, const char *file, struct str *jwks, struct err *err)
{
    struct str pem;
    *jwks = (struct str){NULL, 0};
    if (file)
        return config_read_file(&s->a, file, JWKS_MAX, jwks, err);
    return audit__key(&s->config, &s->a, false, &pem, err) && (!pem.s || jwt_key_jwks(&s->a, pem, jwks, err));
}

static int verify(struct session *s, struct err *err)
{
    const char *keys = s->options[KEYS], *anchors = s->options[ANCHORS];
    struct audit_verified v;
    struct audit_verify o = {.tenant = s->config.tenant.id,
                             .dir = anchors ? anchors : audit__directory(&s->config),
                             .fault = show_fault,
                             .progress = show_progress,
                             .arg = s};
    s->told_us = clock_mono_us();
    if (!find_keys(s, keys, &o.jwks, err) || !audit_verify(s->conn, &o, &v, err))
        return -1;
    printf("%lld entries in %lld seals, %lld anchors: %s", (long long)v.entries, (long long)v.seals,
           (long long)v.anchors, v.faults ? "TAMPERED WITH" : "as they were written");
    if (v.unsealed)
        printf("; %lld entries are not sealed yet", (long long)v.unsealed);
    if (!o.jwks.s)
        printf("; without keys no anchor was looked at");
    putchar('\n');
    return v.faults ? 1 : 0;
}

/* *lo, *hi: what the value of an option covers. */
static bool read_time(const struct session *s, int option, int64_t *lo, int64_t *hi, struct err *err)
{
    struct fhir_datetime d;
    if (!s->options[option])
        return true;
    if (!fhir_datetime_parse(str_of(s->options[option]), &d))
        return err_set(err, ERR_INVALID, "%s: a date or time was expected, such as 2026-04-01",
                       names[option]);
    fhir_datetime_range(&d, (int)s->config.store_zone, lo, hi);
    return true;
}

static bool print(void *arg, struct str event)
{
    (void)arg;
    return fwrite(event.s, 1, event.len, stdout) == event.len && putchar('\n') != EOF;
}

static int export(struct session *s, struct err *err)
{
    struct audit_export o = {.tenant = s->config.tenant.id,
                             .lo_us = INT64_MIN,
                             .hi_us = INT64_MAX,
                             .base = str_of(s->options[BASE] ? s->options[BASE] : "urn:kagari"),
                             .write = print};
    int64_t unused, n;
    if (!read_time(s, SINCE, &o.lo_us, &unused, err) || !read_time(s, UNTIL, &unused, &o.hi_us, err) ||
        !fhir_defs_load(&s->a, &o.defs, err) || !audit_export(s->conn, &o, &n, err))
        return -1;
    if (fflush(stdout) != 0) {
        err_set(err, ERR_INTERNAL, "the events cannot be written: %s", strerror(errno));
        return -1;
    }
    fprintf(stderr, "%lld events\n", (long long)n);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct session *s, struct err *err); /* the exit status; -1: it failed */
} acts[] = {{"verify", verify}, {"export", export}};
enum { ACTS = sizeof acts / sizeof acts[0] };

/* The value of "--name VALUE", taken out of the arguments; NULL: not given. */
static const char *take_option(int *argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        const char *value = argv[i + 1];
        memmove(argv + i, argv + i + 2, sizeof *argv * (size_t)(*argc - i - 1));
        *argc -= 2;
        return value;
    }
    return NULL;
}

int audit_command(int argc, char **argv)
{
    struct session s = {0};
    struct config_source from;
    struct err err;
    const char *what = argc > 1 ? argv[1] : "";
    size_t act = 0;
    while (act < ACTS && strcmp(what, acts[act].name) != 0)
        act++;
    if (act == ACTS) {
        bool help = strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0;
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    argc--, argv++;
    const char *institution = tenant_option(&argc, argv);
    for (int i = 0; i < OPTIONS; i++)
        s.options[i] = take_option(&argc, argv, names[i]);
    arena_init(&s.a, 0);
    int status = config_options(argc, argv, usage, &s.a, &from);
    if (status < 0) {
        status = config_read(&from, &s.a, &s.config, &err) && db_open(&s.config, &s.conn, &err) &&
                         db_check_schema(s.conn, &err) &&
                         tenant_choose(s.conn, &s.a, institution, &s.config, &err)
                     ? acts[act].run(&s, &err)
                     : -1;
        if (status < 0) {
            fprintf(stderr, "kagari audit: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
            status = 1;
        }
    }
    if (s.conn)
        db_close(s.conn);
    arena_release(&s.a);
    return status;
}
