/*
 * Migrations: the files sql/NNNN_name.sql embedded in the binary, applied in order, each in one transaction
 * together with its row in kagari_migration. After the last, a fingerprint of the resulting tables and
 * indexes is kept; a server compares both at start, so that neither a half-applied schema nor one changed by
 * hand goes unnoticed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/embed.h"
#include "base/hash.h"
#include "internal.h"

enum { LOCK_KEY = 0x6b616761 }; /* pg_advisory_lock: one migration at a time */

struct migration {
    const struct embed_file *file;
    int version;
    char checksum[17];
};

struct migrations {
    struct migration *list;
    size_t n, cap;
};

static void find_migrations(struct arena *a, struct migrations *out)
{
    static const struct hash_key key = {1, 2};
    *out = (struct migrations){0};
    for (const struct embed_file *f = embed_files; f->name; f++) {
        struct migration m = {.file = f};
        if (sscanf(f->name, "sql/%4d_", &m.version) != 1)
            continue;
        struct str text = embed_text(f);
        snprintf(m.checksum, sizeof m.checksum, "%016llx",
                 (unsigned long long)hash_bytes(&key, text.s, text.len));
        *ARENA_PUSH(a, out->list, out->n, out->cap) = m;
    }
}

static const char fingerprint_sql[] =
    "SELECT md5(coalesce(string_agg(line, E'\\n' ORDER BY line), '')) FROM ("
    "SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || "
    "a.attnotnull AS line "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = "
    "current_schema()::regnamespace "
    "AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
    "UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() "
    "UNION ALL SELECT 'sequence ' || sequencename FROM pg_sequences WHERE schemaname = current_schema()) x";

struct applied {
    int version;
    struct str checksum;
};

static bool read_applied(struct db_conn *c, struct arena *a, bool *exists, struct applied **list, size_t *n,
                         struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_adds(&q, "SELECT to_regclass('kagari_migration') IS NOT NULL");
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    *exists = db_bool(rows, 0, 0);
    *n = 0;
    if (!*exists)
        return true;
    sql_init(&q, a, NULL);
    sql_adds(&q, "SELECT version, checksum FROM kagari_migration ORDER BY version");
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    *n = (size_t)db_count(rows);
    *list = ARENA_ARRAY(a, struct applied, *n);
    for (size_t i = 0; i < *n; i++)
        (*list)[i] = (struct applied){db_int4(rows, (int)i, 0), db_text(rows, (int)i, 1)};
    return true;
}

/* What is applied must be a beginning of what this binary has. */
static bool check_applied(const struct migrations *ours, const struct applied *applied, size_t n,
                          struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (i >= ours->n)
            return err_set(err, ERR_RULE,
                           "The database's schema (version %d) is newer than this kagari (version %d): use "
                           "the kagari that "
                           "migrated it, or a newer one",
                           applied[n - 1].version, ours->n ? ours->list[ours->n - 1].version : 0);
        if (applied[i].version != ours->list[i].version ||
            !str_is(applied[i].checksum, ours->list[i].checksum))
            return err_set(
                err, ERR_RULE,
                "The database was migrated with another text of %s: it belongs to another build of kagari",
                ours->list[i].file->name);
    }
    return true;
}

static bool apply(struct db_conn *c, const struct migration *m, struct err *err)
{
    char record[256];
    snprintf(record, sizeof record,
             "INSERT INTO kagari_migration (version, name, checksum) VALUES (%d, '%s', '%s')", m->version,
             m->file->name, m->checksum);
    struct err cause;
    if (!db_begin(c, err))
        return false;
    if (!db_run(c, m->file->start, &cause) || !db_run(c, record, &cause) || !db_commit(c, &cause)) {
        db_rollback(c);
        return err_detail(err, cause.kind,
                          "A migration failed and was rolled back; the database is as it was before",
                          "%s: %s", m->file->name, cause.detail);
    }
    return true;
}

static bool migrate_locked(struct db_conn *c, struct arena *a, void (*progress)(const char *name),
                           struct err *err)
{
    struct migrations ours;
    struct applied *applied;
    size_t n;
    bool exists;
    find_migrations(a, &ours);
    if (!db_run(c,
                "CREATE TABLE IF NOT EXISTS kagari_migration (version int4 PRIMARY KEY, name text NOT NULL, "
                "checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now()); "
                "CREATE TABLE IF NOT EXISTS kagari_schema (fingerprint text NOT NULL)",
                err) ||
        !read_applied(c, a, &exists, &applied, &n, err) || !check_applied(&ours, applied, n, err))
        return false;
    if (n == ours.n)
        return true;
    for (size_t i = n; i < ours.n; i++) {
        if (progress)
            progress(ours.list[i].file->name);
        if (!apply(c, &ours.list[i], err))
            return false;
    }
    char *keep = arena_printf(a, "BEGIN; DELETE FROM kagari_schema; INSERT INTO kagari_schema %s; COMMIT",
                              fingerprint_sql);
    return db_run(c, keep, err);
}

bool db_migrate(struct db_conn *c, void (*progress)(const char *name), struct err *err)
{
    struct arena a;
    char lock[64], unlock[64];
    snprintf(lock, sizeof lock, "SELECT pg_advisory_lock(%d)", LOCK_KEY);
    snprintf(unlock, sizeof unlock, "SELECT pg_advisory_unlock(%d)", LOCK_KEY);
    if (!db_run(c, "SET statement_timeout = 0; SET client_min_messages = warning", err) ||
        !db_run(c, lock, err))
        return false;
    arena_init(&a, 0);
    bool ok = migrate_locked(c, &a, progress, err);
    arena_release(&a);
    struct err ignored;
    bool unlocked = db_run(c, unlock, ok ? err : &ignored);
    return ok && unlocked;
}

bool db_check_schema(struct db_conn *c, struct err *err)
{
    struct arena a;
    struct migrations ours;
    struct applied *applied = NULL;
    size_t n = 0;
    bool exists = false;
    arena_init(&a, 0);
    find_migrations(&a, &ours);
    bool ok = read_applied(c, &a, &exists, &applied, &n, err) &&
              (exists ||
               err_set(err, ERR_RULE, "The database has no schema of kagari yet: run `kagari migrate`")) &&
              check_applied(&ours, applied, n, err) &&
              (n == ours.n || err_set(err, ERR_RULE,
                                      "The database's schema is at version %d, this kagari needs %d: run "
                                      "`kagari migrate`",
                                      n ? applied[n - 1].version : 0, ours.list[ours.n - 1].version));
    if (ok) {
        struct sql q;
        const struct db_rows *rows;
        sql_init(&q, &a, NULL);
        sql_addf(&q, "SELECT coalesce((SELECT fingerprint FROM kagari_schema), '') = (%s)", fingerprint_sql);
        ok = db_exec(c, &a, &q, &rows, err) &&
             (db_bool(rows, 0, 0) ||
              err_set(err, ERR_RULE,
                      "The database's tables or indexes are not those that the migrations made: a migration "
                      "was cut short or somebody changed them; restore them before serving"));
    }
    arena_release(&a);
    return ok;
}
