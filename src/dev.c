/* `kagari dev`: a server of one's own, with its PostgreSQL, certificate, keys, token and sample patients. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/server.h"
#include "auth/command.h"
#include "background.h"
#include "base/config.h"
#include "base/embed.h"
#include "cluster.h"
#include "commands.h"
#include "crypto/cert.h"
#include "crypto/random.h"
#include "db/db.h"
#include "http/http.h"
#include "oauth/command.h"

static const char usage[] =
    "Usage: kagari dev [OPTION]…\n"
    "\n"
    "Starts a server of your own on https://127.0.0.1:8443/fhir, with a PostgreSQL cluster that nobody\n"
    "else uses, a self-signed certificate, sample patients and a token that may do everything. What it\n"
    "needs it makes at the first start and finds again at the next. Ctrl-C ends it and its PostgreSQL.\n"
    "\n"
    "  --data DIR         where everything is kept (default: $XDG_STATE_HOME/kagari or\n"
    "                     ~/.local/state/kagari); PostgreSQL's part is in /var/lib/kagari-dev when root\n"
    "                     starts it and PostgreSQL's account cannot reach DIR\n"
    "  --port N           TCP port; 0: any free one\n"
    "  --token-file FILE  where to put the token (default: DIR/token)\n"
    "  --no-samples       no sample patients\n"
    "  --set KEY=VALUE    a setting, as in kagari.conf; may be repeated\n"
    "  --help             this text\n"
    "\n"
    "Prints one line `ready https://127.0.0.1:PORT/fhir` when it serves.\n";

struct dev {
    struct arena a;
    const char *dir, *port, *token_file;
    bool samples;
    struct config_source from;
    struct config config;
    struct str token;
    struct cluster cluster;
    pthread_t greeter;
    int bound_port;
};

static bool failed(struct err *err, const char *doing, const char *path)
{
    return err_set(err, ERR_INTERNAL, "cannot %s %s: %s", doing, path, strerror(errno));
}

static const char *file_in(const struct dev *d, struct arena *a, const char *name)
{
    return arena_printf(a, "%s/%s", d->dir, name);
}

/* Whole or not at all. */
static bool write_file(struct arena *a, const char *path, struct str text, mode_t mode, struct err *err)
{
    const char *part = arena_printf(a, "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool ok = fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text.s, text.len) == (ssize_t)text.len;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    return (ok && rename(part, path) == 0) || failed(err, "write", path);
}

/* The folder */

static bool make_folders(struct arena *a, const char *path, struct err *err)
{
    char *p = arena_strdup(a, path);
    for (char *slash = strchr(p + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(p, 0700) != 0 && errno != EEXIST)
            return failed(err, "make", p);
        if (!slash)
            return true;
        *slash = '/';
    }
}

static bool prepare_folder(struct dev *d, struct err *err)
{
    char *real;
    if (!d->dir && !(d->dir = auth_dev_data(&d->a)))
        return err_set(err, ERR_INVALID, "there is no HOME: say where with --data DIR");
    if (!make_folders(&d->a, d->dir, err))
        return false;
    if (!(real = realpath(d->dir, NULL)))
        return failed(err, "find", d->dir);
    arena_cleanup(&d->a, free, real);
    d->dir = real;
    int lock =
        open(file_in(d, &d->a, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* held until the process ends */
    if (lock < 0)
        return failed(err, "write to", d->dir);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0)
        return err_set(
            err, ERR_CONFLICT,
            "another `kagari dev` is running in %s; end it, or give this one another --data and --port",
            d->dir);
    return true;
}

/* Its files */

static bool prepare_certificate(struct dev *d, struct err *err)
{
    struct str cert, key;
    if (access(file_in(d, &d->a, "tls.crt"), F_OK) == 0)
        return true;
    return cert_self_signed(&d->a, 3650, &cert, &key, err) &&
           write_file(&d->a, file_in(d, &d->a, "tls.key"), key, 0600, err) &&
           write_file(&d->a, file_in(d, &d->a, "tls.crt"), cert, 0644, err);
}

/* Random bytes, made once, in hexadecimal; beside the database's folder, not in it. */
static bool prepare_secret(struct dev *d, const char *name, size_t bytes, struct err *err)
{
    unsigned char key[32];
    struct buf hex;
    if (access(file_in(d, &d->a, name), F_OK) == 0)
        return true;
    crypto_random(key, bytes);
    buf_init(&hex, &d->a, 80);
    for (size_t i = 0; i < bytes; i++)
        buf_addf(&hex, "%02x", key[i]);
    buf_addc(&hex, '\n');
    return write_file(&d->a, file_in(d, &d->a, name), buf_str(&hex), 0600, err);
}

/* Tokens name the server by its URL, which is not known beforehand when any port will do. */
static bool has_login(const struct dev *d)
{
    return strcmp(d->port, "0") != 0;
}

static bool prepare_secrets(struct dev *d, struct err *err)
{
    return prepare_secret(d, "hash.key", 16, err) && prepare_secret(d, "oauth.key", 32, err) &&
           prepare_secret(d, "identity.key", 32, err) && prepare_secret(d, "password", 8, err);
}

static bool prepare_token(struct dev *d, struct err *err)
{
    struct str key;
    struct auth_dev_token wanted = {0};
    return auth_dev_key(&d->a, d->dir, &key, err) && auth_dev_mint(&d->a, key, &wanted, &d->token, err) &&
           write_file(&d->a, d->token_file, d->token, 0600, err);
}

static bool prepare_settings(struct dev *d, struct err *err)
{
    struct buf text;
    buf_init(&text, &d->a, 512);
    buf_addf(&text,
             "# Written by `kagari dev` at every start; its own settings come from --set.\n"
             "db.conninfo = %s\n"
             "http.port = %s\n"
             "http.tls_cert = tls.crt\n"
             "http.tls_key = tls.key\n"
             "http.cors_origins = *\n" /* browser apps under development come from anywhere */
             "auth.jwks_file = jwks.json\n"
             "auth.issuer = %s\n"
             "auth.audience = %s\n"
             "identity.key = identity.key\n"
             "store.hash_key = hash.key\n"
             "audit.directory = %s\n"
             "oauth.key_file = oauth.key\n"
             "oauth.issuer = https://127.0.0.1:%s/fhir\n"
             "oauth.server = %s\n",
             d->cluster.conninfo, d->port, AUTH_DEV_ISSUER, AUTH_DEV_AUDIENCE, file_in(d, &d->a, "audit"),
             d->port, has_login(d) ? "on" : "off");
    d->from.file = file_in(d, &d->a, "kagari.conf");
    return write_file(&d->a, d->from.file, buf_str(&text), 0600, err) &&
           config_read(&d->from, &d->a, &d->config, err);
}

static void show_migration(const char *name)
{
    printf("applying %s\n", name);
}

static bool prepare_schema(struct dev *d, struct err *err)
{
    struct db_conn *conn;
    if (!db_open(&d->config, &conn, err))
        return false;
    struct str password;
    bool ok = db_migrate(conn, show_migration, err) &&
              config_read_file(&d->a, file_in(d, &d->a, "password"), 1024, &password, err) &&
              oauth_dev_login(&d->a, &d->config, conn, str_trim(password), err);
    db_close(conn);
    return ok;
}

/* Once it serves */

/* With the database, so that they go together. */
static const char *samples_mark(const struct dev *d, struct arena *a)
{
    return arena_printf(a, "%s/samples-loaded", d->cluster.root);
}

static bool load_samples(struct dev *d, struct arena *a, const char *base, struct err *err)
{
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/fhir+json")},
        {STR("Authorization"), str_of(arena_printf(a, "Bearer %.*s", STR_FMT(d->token)))},
    };
    for (const struct embed_file *f = embed_files; f->name; f++) {
        if (!str_starts(str_of(f->name), STR("conf/samples/")))
            continue;
        int status;
        struct str body;
        struct http_call call = {.method = HTTP_POST,
                                 .url = base,
                                 .headers = headers,
                                 .n_headers = sizeof headers / sizeof *headers,
                                 .body = embed_text(f),
                                 .ca_file = d->config.http_tls_cert,
                                 .timeout_us = INT64_C(30000000),
                                 .max = 16 << 20};
        if (!http_call(a, &call, &status, &body, err))
            return false;
        if (status != 200)
            return err_set(err, ERR_INTERNAL, "%s: status %d: %.*s", f->name, status,
                           (int)(body.len < 300 ? body.len : 300), body.s);
    }
    return write_file(a, samples_mark(d, a), STR(""), 0600, err);
}

static void *greet(void *arg)
{
    struct dev *d = arg;
    struct arena a;
    struct err err;
    arena_init(&a, 0);
    const char *base = arena_printf(&a, "https://127.0.0.1:%d/fhir", d->bound_port);
    if (d->samples && access(samples_mark(d, &a), F_OK) != 0) {
        printf("loading sample patients\n");
        if (!load_samples(d, &a, base, &err))
            fprintf(stderr, "kagari dev: the sample patients were not loaded: %s\n", err.msg);
    }
    printf("\ncurl --cacert %s -H \"Authorization: Bearer $(cat %s)\" "
           "'%s/Patient?_count=3&_pretty=true'\n\n",
           d->config.http_tls_cert, d->token_file, base);
    if (has_login(d))
        printf("SMART apps: server %s, client id dev; log in as dev with the password in %s\n\n", base,
               file_in(d, &a, "password"));
    printf("ready %s\n", base);
    arena_release(&a);
    return NULL;
}

static void on_ready(void *arg, int port)
{
    struct dev *d = arg;
    d->bound_port = port;
    pthread_create(&d->greeter, NULL, greet, d);
}

/* The keeper ends on its own only when PostgreSQL cannot be kept running. */
static volatile sig_atomic_t keeper_ended;

static void on_keeper_end(int signal_number)
{
    (void)signal_number;
    keeper_ended = 1;
    kill(getpid(), SIGTERM);
}

static bool run(struct dev *d, struct err *err)
{
    if (!prepare_folder(d, err))
        return false;
    if (!d->token_file)
        d->token_file = file_in(d, &d->a, "token");
    printf("data in %s\n", d->dir);
    if (!cluster_start(&d->a, d->dir, &d->cluster, err))
        return false;
    if (!str_starts(str_of(d->cluster.root), str_of(d->dir)))
        printf("PostgreSQL in %s, which its account can reach\n", d->cluster.root);
    sigaction(SIGCHLD,
              &(struct sigaction){.sa_handler = on_keeper_end, .sa_flags = SA_RESTART | SA_NOCLDSTOP}, NULL);
    bool ok = prepare_certificate(d, err) && prepare_secrets(d, err) && prepare_token(d, err) &&
              prepare_settings(d, err) && prepare_schema(d, err) &&
              server_run(&d->from, &background_jobs, on_ready, d, err);
    if (d->bound_port)
        pthread_join(d->greeter, NULL);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    cluster_stop(&d->cluster);
    return ok && (!keeper_ended || err_set(err, ERR_INTERNAL, "ended, as PostgreSQL cannot be kept running"));
}

int dev_command(int argc, char **argv)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"token-file", required_argument, NULL, 't'},
                                            {"no-samples", no_argument, NULL, 'n'},
                                            {"set", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct dev d = {.port = "8443", .samples = true};
    struct err err;
    bool wrong = false, help = false;
    arena_init(&d.a, 0);
    d.from.sets = ARENA_ARRAY(&d.a, const char *, argc);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            d.dir = optarg;
            break;
        case 'p':
            d.port = optarg;
            break;
        case 't':
            d.token_file = optarg;
            break;
        case 'n':
            d.samples = false;
            break;
        case 's':
            d.from.sets[d.from.n_sets++] = optarg;
            break;
        case 'h':
            help = true;
            break;
        default:
            wrong = true;
        }
    }
    int status = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (wrong || help || optind < argc) {
        status = help ? 0 : 2;
        fputs(usage, help ? stdout : stderr);
    } else if (!run(&d, &err)) {
        status = 1;
        fprintf(stderr, "kagari dev: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&d.a);
    return status;
}
