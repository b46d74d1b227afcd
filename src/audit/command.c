#include "audit/command.h"

#include <stdio.h>
#include <unistd.h>

#include "audit/verify.h"
#include "base/clock.h"
#include "internal.h"

enum { PROGRESS_US = 1000 * 1000, TENANT = 1 };

static const char usage[] =
    "Usage: kagari audit verify [--keys FILE] [--anchors DIR]\n\n"
    "Reads the whole audit log and computes its chain anew: names every entry that was removed,\n"
    "added, altered or moved, every seal and anchor that is not what was sealed and signed, and an\n"
    "end that is missing. Exit status 1 when something was found.\n\n"
    "  --keys FILE         public keys of the anchors, a JWK Set (default: of audit.key)\n"
    "  --anchors DIR       where the files anchors and head are (default: audit.directory)\n"
    "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n";

struct session {
    struct arena a;
    struct config config;
    struct db_conn *conn;
    int64_t told_us;
    bool tty;
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

static int verify(struct session *s, const char *keys, const char *anchors, struct err *err)
{
    struct audit_verified v;
    struct audit_verify o = {.tenant = TENANT,
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
    if (strcmp(what, "verify") != 0) {
        bool help = strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0;
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    argc--, argv++;
    const char *keys = take_option(&argc, argv, "--keys"), *anchors = take_option(&argc, argv, "--anchors");
    arena_init(&s.a, 0);
    int status = config_options(argc, argv, usage, &s.a, &from);
    if (status < 0) {
        status = config_read(&from, &s.a, &s.config, &err) && db_open(&s.config, &s.conn, &err) &&
                         db_check_schema(s.conn, &err)
                     ? verify(&s, keys, anchors, &err)
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
