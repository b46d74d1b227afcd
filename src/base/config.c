#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct setting {
    const char *key;
    enum config_type type;
    size_t offset;
    const char *def, *text, *choices;
    int64_t lo, hi;
    bool reload;
};

#define ENTRY(kind, field, k, d, c, l, h, r, t)                                                              \
    {.key = (k),                                                                                             \
     .type = (kind),                                                                                         \
     .offset = offsetof(struct config, field),                                                               \
     .def = (d),                                                                                             \
     .choices = (c),                                                                                         \
     .lo = (l),                                                                                              \
     .hi = (h),                                                                                              \
     .reload = (r),                                                                                          \
     .text = (t)},
static const struct setting settings[] = {
#define STRING(field, key, def, reload, text) ENTRY(CONFIG_STRING, field, key, def, NULL, 0, 0, reload, text)
#define PATH(field, key, def, reload, text)   ENTRY(CONFIG_PATH, field, key, def, NULL, 0, 0, reload, text)
#define INT(field, key, def, lo, hi, reload, text)                                                           \
    ENTRY(CONFIG_INT, field, key, def, NULL, lo, hi, reload, text)
#define BOOL(field, key, def, reload, text) ENTRY(CONFIG_BOOL, field, key, def, NULL, 0, 0, reload, text)
#define SIZE(field, key, def, reload, text) ENTRY(CONFIG_SIZE, field, key, def, NULL, 0, 0, reload, text)
#define DURATION(field, key, def, reload, text)                                                              \
    ENTRY(CONFIG_DURATION, field, key, def, NULL, 0, 0, reload, text)
#define CHOICE(field, key, def, choices, reload, text)                                                       \
    ENTRY(CONFIG_CHOICE, field, key, def, choices, 0, 0, reload, text)
#define LIST(field, key, def, reload, text) ENTRY(CONFIG_LIST, field, key, def, NULL, 0, 0, reload, text)
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
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

#define FIELD(c, s, type) ((type *)(void *)((char *)(c) + (s)->offset))

static const struct setting *find(struct str key)
{
    for (int i = 0; i < N_SETTINGS; i++)
        if (str_is(key, settings[i].key))
            return &settings[i];
    return NULL;
}

struct unit {
    const char *suffix;
    int64_t factor;
};

static const struct unit size_units[] = {
    {"", 1}, {"k", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}, {NULL, 0}};
static const struct unit duration_units[] = {{"us", 1},       {"ms", 1000},      {"s", 1000000},
                                             {"m", 60000000}, {"h", 3600000000}, {NULL, 0}};

static bool scaled(struct str v, const struct unit *units, int64_t *out)
{
    size_t digits = 0;
    while (digits < v.len && v.s[digits] >= '0' && v.s[digits] <= '9')
        digits++;
    int64_t n;
    if (!str_int64((struct str){v.s, digits}, &n))
        return false;
    struct str suffix = {v.s + digits, v.len - digits};
    for (; units->suffix; units++)
        if (str_is(suffix, units->suffix))
            return !__builtin_mul_overflow(n, units->factor, out);
    return false;
}

bool config_duration(struct str text, int64_t *us)
{
    return scaled(text, duration_units, us);
}

static bool choice(struct str v, const char *choices, int *out)
{
    struct str rest = str_of(choices);
    for (int i = 0; rest.s; i++) {
        if (str_eq(str_cut(rest, ' ', &rest), v)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static void list(struct arena *a, struct str v, struct config_list *out)
{
    size_t n = 0, cap = 0;
    const char **items = NULL;
    while (v.s) {
        struct str word = str_trim(str_cut(v, ' ', &v));
        if (word.len)
            *ARENA_PUSH(a, items, n, cap) = arena_strndup(a, word.s, word.len);
    }
    *out = (struct config_list){(int)n, items};
}

/* folder NULL: the working directory. */
static const char *find_file(struct arena *a, struct str v, const char *folder)
{
    const char *name = arena_strndup(a, v.s, v.len), *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (!v.len || name[0] == '/')
        return name;
    if (credentials) {
        const char *path = arena_printf(a, "%s/%s", credentials, name);
        if (access(path, F_OK) == 0)
            return path;
    }
    return folder ? arena_printf(a, "%s/%s", folder, name) : name;
}

static bool assign(struct config *c, struct arena *a, const struct setting *s, struct str v,
                   const char *folder, struct err *err)
{
    switch (s->type) {
    case CONFIG_PATH:
        *FIELD(c, s, const char *) = find_file(a, v, folder);
        return true;
    case CONFIG_STRING:
        *FIELD(c, s, const char *) = arena_strndup(a, v.s, v.len);
        return true;
    case CONFIG_LIST:
        list(a, v, FIELD(c, s, struct config_list));
        return true;
    case CONFIG_BOOL:
        *FIELD(c, s, bool) = str_is(v, "on");
        return str_is(v, "on") || str_is(v, "off") || err_set(err, ERR_INVALID, "%s is on or off", s->key);
    case CONFIG_CHOICE:
        return choice(v, s->choices, FIELD(c, s, int)) ||
               err_set(err, ERR_INVALID, "%s is one of: %s", s->key, s->choices);
    case CONFIG_SIZE:
        return scaled(v, size_units, FIELD(c, s, int64_t)) ||
               err_set(err, ERR_INVALID, "%s is a size: a number with k, M or G, such as %s", s->key, s->def);
    case CONFIG_DURATION:
        return config_duration(v, FIELD(c, s, int64_t)) ||
               err_set(err, ERR_INVALID, "%s is a duration: a number with ms, s, m or h, such as %s", s->key,
                       s->def);
    case CONFIG_INT: {
        int64_t n;
        if (!str_int64(v, &n) || n < s->lo || n > s->hi)
            return err_set(err, ERR_INVALID, "%s is a number from %lld to %lld", s->key, (long long)s->lo,
                           (long long)s->hi);
        *FIELD(c, s, int64_t) = n;
        return true;
    }
    }
    return false;
}

void config_defaults(struct config *c, struct arena *a)
{
    struct err err;
    c->tenant = (struct config_tenant){.id = 1};
    for (int i = 0; i < N_SETTINGS; i++) {
        if (!assign(c, a, &settings[i], str_of(settings[i].def), NULL, &err))
            abort(); /* a default that its own type refuses: a test holds them all */
    }
}

static bool set(struct config *c, struct arena *a, struct str key, struct str value, const char *folder,
                struct err *err)
{
    const struct setting *s = find(key);
    if (!s)
        return err_set(err, ERR_INVALID,
                       "there is no setting '%.*s'; `kagari check-config --sample` lists all", STR_FMT(key));
    return assign(c, a, s, value, folder, err);
}

bool config_set(struct config *c, struct arena *a, struct str key, struct str value, struct err *err)
{
    return set(c, a, key, value, NULL, err);
}

bool config_load(struct config *c, struct arena *a, const char *path, struct err *err)
{
    struct str rest;
    if (!config_read_file(a, path, 1024 * 1024, &rest, err))
        return false;
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_strndup(a, path, (size_t)(slash - path)) : NULL;
    for (int line = 1; rest.s; line++) {
        struct str text = str_trim(str_cut(rest, '\n', &rest));
        if (!text.len || text.s[0] == '#')
            continue;
        struct str value, key = str_trim(str_cut(text, '=', &value));
        struct err cause;
        if (!value.s)
            return err_set(err, ERR_SYNTAX, "%s, line %d: expected key = value", path, line);
        if (!set(c, a, key, str_trim(value), folder, &cause)) {
            err_set(err, cause.kind, "%s, line %d: %s", path, line, cause.msg);
            err->line = line;
            return false;
        }
    }
    return true;
}

bool config_read(const struct config_source *from, struct arena *a, struct config *out, struct err *err)
{
    config_defaults(out, a);
    if (from->file && !config_load(out, a, from->file, err))
        return false;
    for (size_t i = 0; i < from->n_sets; i++) {
        struct str value, key = str_cut(str_of(from->sets[i]), '=', &value);
        if (!value.s)
            return err_set(err, ERR_SYNTAX, "--set %s: expected key=value", from->sets[i]);
        if (!config_set(out, a, key, value, err))
            return false;
    }
    return true;
}

int config_options(int argc, char **argv, const char *usage, struct arena *a, struct config_source *from)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"set", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    *from =
        (struct config_source){.file = access(CONFIG_DEFAULT_FILE, F_OK) == 0 ? CONFIG_DEFAULT_FILE : NULL,
                               .sets = ARENA_ARRAY(a, const char *, argc)};
    bool wrong = false;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            from->file = optarg;
            break;
        case 's':
            from->sets[from->n_sets++] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            wrong = true;
        }
    }
    if (!wrong && optind == argc)
        return -1;
    fputs(usage, stderr);
    return 2;
}

static bool same(const struct config *x, const struct config *y, const struct setting *s)
{
    switch (s->type) {
    case CONFIG_STRING:
    case CONFIG_PATH:
        return strcmp(*FIELD(x, s, const char *), *FIELD(y, s, const char *)) == 0;
    case CONFIG_BOOL:
        return *FIELD(x, s, bool) == *FIELD(y, s, bool);
    case CONFIG_CHOICE:
        return *FIELD(x, s, int) == *FIELD(y, s, int);
    case CONFIG_LIST: {
        const struct config_list *l = FIELD(x, s, struct config_list), *m = FIELD(y, s, struct config_list);
        bool equal = l->n == m->n;
        for (int i = 0; equal && i < l->n; i++)
            equal = strcmp(l->items[i], m->items[i]) == 0;
        return equal;
    }
    default:
        return *FIELD(x, s, int64_t) == *FIELD(y, s, int64_t);
    }
}

void config_reload(struct config *c, const struct config *from, struct buf *pending)
{
    static const size_t sizes[] = {
        [CONFIG_STRING] = sizeof(char *), [CONFIG_PATH] = sizeof(char *),
        [CONFIG_INT] = sizeof(int64_t),   [CONFIG_BOOL] = sizeof(bool),
        [CONFIG_SIZE] = sizeof(int64_t),  [CONFIG_DURATION] = sizeof(int64_t),
        [CONFIG_CHOICE] = sizeof(int),    [CONFIG_LIST] = sizeof(struct config_list)};
    for (int i = 0; i < N_SETTINGS; i++) {
        const struct setting *s = &settings[i];
        if (s->reload)
            memcpy((char *)c + s->offset, (const char *)from + s->offset, sizes[s->type]);
        else if (!same(c, from, s))
            buf_addf(pending, "%s%s", pending->len ? " " : "", s->key);
    }
}

static const char *type_name(const struct setting *s)
{
    static const char *const names[] = {
        [CONFIG_STRING] = "text", [CONFIG_INT] = "number",        [CONFIG_BOOL] = "on or off",
        [CONFIG_SIZE] = "size",   [CONFIG_DURATION] = "duration", [CONFIG_CHOICE] = "one of",
        [CONFIG_LIST] = "list",   [CONFIG_PATH] = "file"};
    return names[s->type];
}

void config_print_sample(FILE *out)
{
    fputs("# Kagari's settings, each with its default. Remove the '#' before a key to change it.\n"
          "# Sizes take k, M, G; durations ms, s, m, h; lists are separated by blanks. Secrets are paths of "
          "files.\n"
          "# \"reload\": SIGHUP (systemctl reload kagari) applies a change; other settings need a restart.\n",
          out);
    for (int i = 0; i < N_SETTINGS; i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "\n# %s\n# (%s%s%s%s)\n#%s =%s%s\n", s->text, type_name(s), s->choices ? ": " : "",
                s->choices ? s->choices : "", s->reload ? "; reload" : "", s->key, *s->def ? " " : "",
                s->def);
    }
}

void config_print_markdown(FILE *out)
{
    fputs("| key | type | default | reload | meaning |\n|---|---|---|---|---|\n", out);
    for (int i = 0; i < N_SETTINGS; i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "| `%s` | %s%s%s | %s%s%s | %s | %s |\n", s->key, type_name(s), s->choices ? ": " : "",
                s->choices ? s->choices : "", *s->def ? "`" : "", s->def, *s->def ? "`" : "",
                s->reload ? "yes" : "no", s->text);
    }
}

bool config_read_file(struct arena *a, const char *path, size_t max, struct str *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    struct stat st;
    size_t size = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : max;
    if (size > max) {
        close(fd);
        return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
    }
    char *data = malloc(size + 1);
    size_t n = 0;
    for (ssize_t got; data && n < size; n += (size_t)got)
        if ((got = read(fd, data + n, size - n)) <= 0)
            break;
    close(fd);
    if (!data)
        return err_set(err, ERR_INTERNAL, "%s: out of memory", path);
    data[n] = '\0';
    *out = (struct str){data, n};
    arena_cleanup(a, free, data);
    return true;
}
