/*
 * base/config.h: the settings. One table in config.c names every key with its type, default, whether SIGHUP
 * reloads it, and its explanation; the sample file, the manual and `kagari check-config` come from it.
 *
 * File format: "key = value" lines, '#' comments, blank lines. Sizes take k, M, G (1024-based); durations
 * ms, s, m, h; booleans on/off; lists are separated by blanks. Secrets are never values, only paths of files:
 * a relative one is looked up in $CREDENTIALS_DIRECTORY, then beside the configuration file (on the command
 * line: in the working directory).
 */
#ifndef KAGARI_BASE_CONFIG_H
#define KAGARI_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

enum config_type {
    CONFIG_STRING,
    CONFIG_PATH,
    CONFIG_INT,
    CONFIG_BOOL,
    CONFIG_SIZE,
    CONFIG_DURATION,
    CONFIG_CHOICE,
    CONFIG_LIST
};

struct config_list {
    int n;
    const char **items;
};

/* Durations are µs, sizes bytes. Strings are never NULL: an unset one is "". */
struct config {
    /* Whose settings these are: no setting, but what tenant_settings() fills in (tenant/tenant.h). */
    struct config_tenant {
        int32_t id;
        const char *name; /* NULL: the first institution, which is all there is to whoever has one */
        uint8_t salt[16]; /* of the hash key, but for the first */
        bool
            by_claim; /* tokens of another issuer name it by auth.institution_claim: their audience does not */
    } tenant;
#define STRING(field, key, def, reload, text)          const char *field;
#define PATH(field, key, def, reload, text)            const char *field;
#define INT(field, key, def, lo, hi, reload, text)     int64_t field;
#define BOOL(field, key, def, reload, text)            bool field;
#define SIZE(field, key, def, reload, text)            int64_t field;
#define DURATION(field, key, def, reload, text)        int64_t field;
#define CHOICE(field, key, def, choices, reload, text) int field; /* index into the choices */
#define LIST(field, key, def, reload, text)            struct config_list field;
#include "base/config.def"
#undef STRING
#undef PATH
#undef INT
#undef BOOL
#undef SIZE
#undef DURATION
#undef CHOICE
#undef LIST
};

/* A duration as settings have it ("90s"), in µs. */
bool config_duration(struct str text, int64_t *us);

/* All defaults; what config_load() starts from. */
void config_defaults(struct config *c, struct arena *a);
/* Reads a file over *c. The error names file, line and key, and lists the choices. */
bool config_load(struct config *c, struct arena *a, const char *path, struct err *err) NODISCARD;
/* One setting, as from the command line ("http.port=8443"). */
bool config_set(struct config *c, struct arena *a, struct str key, struct str value,
                struct err *err) NODISCARD;
/* Where the settings come from: the defaults, then a file, then single settings of the command line. Kept, so
 * that a reload asks the same sources. */
struct config_source {
    const char *file; /* NULL: none */
    const char **sets;
    size_t n_sets;
};
bool config_read(const struct config_source *from, struct arena *a, struct config *out,
                 struct err *err) NODISCARD;

/*
 * The command line of a sub-command that takes settings: --config FILE (else CONFIG_DEFAULT_FILE, when it is
 * there), --set KEY=VALUE, and --help, which prints usage. Returns -1: go on, with *from made and optind at
 * the first operand; else the exit status.
 */
#define CONFIG_DEFAULT_FILE "/etc/kagari/kagari.conf"
int config_options(int argc, char **argv, const char *usage, struct arena *a, struct config_source *from);

/* Copies the reloadable settings of *from; names the changed keys that need a restart in *pending. */
void config_reload(struct config *c, const struct config *from, struct buf *pending);
/* The sample file: every key, its explanation and its default, commented out. */
void config_print_sample(FILE *out);
/* The same table as Markdown. */
void config_print_markdown(FILE *out);

/* Reads a whole file into the arena; for secrets and certificates too. At most max bytes. */
bool config_read_file(struct arena *a, const char *path, size_t max, struct str *out,
                      struct err *err) NODISCARD;

#endif
