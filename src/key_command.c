/* `kagari key rotate …`: the keys of sealed identities (docs/identity.md). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "commands.h"
#include "db/db.h"
#include "fhir/defs.h"
#include "store/reseal.h"
#include "tenant/tenant.h"

enum { PROGRESS_US = 1000 * 1000, PAUSE_US = 100 * 1000 };

static const char usage[] =
    "Usage: kagari key rotate identities\n"
    "       kagari key rotate index\n"
    "       kagari key rotate wrapping\n\n"
    "identities: makes a new data key, and seals with it all that is stored, while servers go on reading\n"
    "and writing. It may be ended at any time, and goes on where it was when it is called again; another\n"
    "key is made when everything has the newest one. Older keys stay in the database, for its backups.\n\n"
    "index: makes a new blind key, by which sealed values are hashed in the search index. Until everything\n"
    "has it, both are searched by; POST [base]/$reindex brings it to everything, while servers run. Called\n"
    "again before that is done it makes no other one, and says how far it is.\n\n"
    "wrapping: wraps all data keys by the key-encryption key in the first line of the file of identity.key;\n"
    "the one that wrapped them until now is in another line of it. Servers do not notice.\n\n" TENANT_USAGE
    "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n";

static void tell(const struct store_reseal *r, bool always)
{
    static int64_t told_us;
    int64_t now = clock_mono_us();
    if (!always && now - told_us < PROGRESS_US)
        return;
    told_us = now;
    if (r->ripe)
        printf("data key %d: %lld of %lld versions\n", r->number, (long long)r->done, (long long)r->total);
    else
        printf("data key %d %s: waiting until every server has it\n", r->number,
               r->made ? "is made" : "is there");
    fflush(stdout);
}

static bool rotate(struct store *s, struct db_conn *conn, struct err *err)
{
    struct arena a;
    struct store_reseal r;
    bool ended = false;
    arena_init(&a, 0);
    bool ok = store_reseal_begin(s, &a, conn, &r, err);
    for (bool first = true; ok && !ended; first = false) {
        int64_t left = r.left;
        arena_clear(&a);
        tell(&r, first);
        ok = store_reseal_step(s, &a, conn, &r, &ended, err);
        if (!r.ripe || r.left > left)
            usleep(PAUSE_US);
    }
    if (ok)
        tell(&r, true);
    arena_release(&a);
    return ok;
}

static bool wrap(struct store *s, struct db_conn *conn, struct err *err)
{
    struct arena a;
    int changed, total;
    arena_init(&a, 0);
    bool ok = store_rewrap(s, &a, conn, &changed, &total, err);
    if (ok)
        printf("%d of %d keys wrapped anew; the others had been\n", changed, total);
    arena_release(&a);
    return ok;
}

static bool index_anew(struct store *s, struct db_conn *conn, struct err *err)
{
    struct arena a;
    struct store_blind b;
    arena_init(&a, 0);
    bool ok = store_blind_begin(s, &a, conn, &b, err);
    if (ok)
        printf("blind key %d %s: ", b.number, b.made ? "is made" : "is not in all of the index yet");
    if (ok && b.seconds > 0)
        printf("in %d seconds POST [base]/$reindex\n", b.seconds);
    else if (ok && b.indexed < 0)
        printf("POST [base]/$reindex\n");
    else if (ok)
        printf("%lld of %lld resources\n", (long long)b.indexed, (long long)b.total);
    arena_release(&a);
    return ok;
}

typedef bool rotate_fn(struct store *s, struct db_conn *conn, struct err *err);
static const struct {
    const char *name;
    rotate_fn *rotate;
} kinds[] = {{"identities", rotate}, {"index", index_anew}, {"wrapping", wrap}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static rotate_fn *find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].rotate;
    return NULL;
}

static bool run(const struct config_source *from, const char *institution, rotate_fn *rotate_kind,
                struct err *err)
{
    struct arena a;
    struct config c;
    const struct fhir_defs *defs;
    struct db_conn *conn;
    struct store *s;
    arena_init(&a, 0);
    bool ok = config_read(from, &a, &c, err) && fhir_defs_load(&a, &defs, err) && db_open(&c, &conn, err);
    if (ok) {
        ok = db_check_schema(conn, err) && tenant_choose(conn, &a, institution, &c, err) &&
             store_new(&c, defs, conn, &s, err);
        if (ok) {
            ok = rotate_kind(s, conn, err);
            store_free(s);
        }
        db_close(conn);
    }
    arena_release(&a);
    return ok;
}

bool is_identity_key_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (find(argv[i]))
            return true;
    return false;
}

int identity_key_command(int argc, char **argv)
{
    struct arena a;
    struct config_source from;
    struct err err;
    const char *institution = tenant_option(&argc, argv);
    rotate_fn *understood = argc > 2 && strcmp(argv[1], "rotate") == 0 ? find(argv[2]) : NULL;
    arena_init(&a, 0);
    if (understood) {
        argv[2] = argv[0];
        argv += 2;
        argc -= 2;
    }
    int status = config_options(argc, argv, usage, &a, &from);
    if (status < 0 && !understood) {
        fputs(usage, stderr);
        status = 2;
    }
    if (status < 0) {
        status = !run(&from, institution, understood, &err);
        if (status)
            fprintf(stderr, "kagari key: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
