/* `kagari tenant`: the institutions of a database (docs/institutions.md). */
#include "tenant/command.h"

#include <stdio.h>
#include <time.h>

#include "tenant/tenant.h"

static const char usage[] = "Usage: kagari tenant add NAME [KEY=VALUE]…\n"
                            "       kagari tenant set NAME KEY=VALUE…\n"
                            "       kagari tenant suspend NAME\n"
                            "       kagari tenant resume NAME\n"
                            "       kagari tenant list\n\n"
                            "The institutions whose data a database holds. Servers follow within seconds.\n\n"
                            "  add      another one, at https://HOST/NAME/fhir, with settings of its own\n"
                            "  set      changes settings of its own; an empty VALUE takes one away\n"
                            "  suspend  it is answered as one that there is not; its data stay\n\n"
                            "  --config FILE, --set KEY=VALUE\n"
                            "                      settings of the server, as for kagari serve\n";

struct session {
    struct arena a;
    struct config config;
    struct db_conn *conn;
    char **words; /* behind the action */
    int n;
};

/* A setting, of the lines of a text, anew; the rest as it was. */
static const char *with(struct arena *a, const char *settings, const char *word)
{
    struct buf b;
    struct str value, key = str_trim(str_cut(str_of(word), '=', &value));
    buf_init(&b, a, 128);
    for (struct str rest = str_of(settings); rest.s;) {
        struct str line = str_cut(rest, '\n', &rest), ignored;
        if (line.len && !str_eq(str_trim(str_cut(line, '=', &ignored)), key))
            buf_addf(&b, "%.*s\n", STR_FMT(line));
    }
    if (!value.s || str_trim(value).len) /* without '=': refused when it is read */
        buf_addf(&b, "%.*s%s%.*s\n", STR_FMT(key), value.s ? " = " : "", STR_FMT(value));
    return buf_str(&b).s;
}

static bool read_settings(struct session *s, struct tenant *t, struct err *err)
{
    struct config ignored;
    for (int i = 1; i < s->n; i++)
        t->settings = with(&s->a, t->settings, s->words[i]);
    return tenant_settings(&s->config, t, &s->a, &ignored, err);
}

static bool add(struct session *s, struct err *err)
{
    struct tenant t = {.id = -1, .name = s->words[0], .settings = ""};
    if (!tenant_name_valid(str_of(t.name)))
        return err_set(
            err, ERR_INVALID,
            "a name has at most 32 of a to z, 0 to 9 and '-', which is not the first or the last; and is "
            "none that means something else in URLs");
    if (!read_settings(s, &t, err) || !tenant_add(s->conn, &s->a, t.name, t.settings, err))
        return false;
    printf("%s\n", *s->config.http_base_url ? tenant_url(&s->a, s->config.http_base_url, t.name)
                                            : arena_printf(&s->a, "https://HOST/%s/fhir", t.name));
    return true;
}

static bool find(struct session *s, struct tenant *t, struct err *err)
{
    return tenant_find(s->conn, &s->a, s->words[0], t, err) &&
           (t->id != TENANT_FIRST ||
            err_set(err, ERR_INVALID, "%s is the server's own institution: its settings are the server's",
                    t->name)) &&
           (t->state != TENANT_REMOVING || err_set(err, ERR_CONFLICT, "%s is being removed", t->name));
}

static bool set(struct session *s, struct err *err)
{
    struct tenant t;
    return find(s, &t, err) && read_settings(s, &t, err) &&
           tenant_change(s->conn, &s->a, &t, t.state, t.settings, err);
}

static bool change(struct session *s, enum tenant_state state, struct err *err)
{
    struct tenant t;
    return find(s, &t, err) && tenant_change(s->conn, &s->a, &t, state, t.settings, err);
}

static bool suspend(struct session *s, struct err *err)
{
    return change(s, TENANT_SUSPENDED, err);
}

static bool resume(struct session *s, struct err *err)
{
    return change(s, TENANT_ACTIVE, err);
}

static bool list(struct session *s, struct err *err)
{
    static const char *const states[] = {
        [TENANT_ACTIVE] = "active", [TENANT_SUSPENDED] = "suspended", [TENANT_REMOVING] = "being removed"};
    struct tenant *all;
    size_t n;
    if (!tenant_list(s->conn, &s->a, &all, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        char made[32];
        time_t at = (time_t)(all[i].made_us / 1000000);
        struct tm day;
        strftime(made, sizeof made, "%Y-%m-%d", gmtime_r(&at, &day));
        printf("%-32s  %4d  %s  %s\n", all[i].name, (int)all[i].id, made, states[all[i].state]);
        for (struct str rest = str_of(all[i].settings); rest.s;) {
            struct str line = str_cut(rest, '\n', &rest);
            if (line.len)
                printf("    %.*s\n", STR_FMT(line));
        }
    }
    return true;
}

static const struct action {
    const char *name;
    int least, most; /* words behind it */
    bool (*run)(struct session *s, struct err *err);
} actions[] = {{"add", 1, 1000, add},
               {"set", 2, 1000, set},
               {"suspend", 1, 1, suspend},
               {"resume", 1, 1, resume},
               {"list", 0, 0, list}};

/* Takes the operands out of argv; what is left is config_options()'s. */
static void take_words(struct session *s, int *argc, char **argv)
{
    int kept = 1;
    s->words = ARENA_ARRAY(&s->a, char *, *argc);
    for (int i = 1; i < *argc; i++) {
        bool two = strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--set") == 0;
        if (argv[i][0] != '-') {
            s->words[s->n++] = argv[i];
            continue;
        }
        argv[kept++] = argv[i];
        if (two && i + 1 < *argc)
            argv[kept++] = argv[++i];
    }
    argv[ *argc = kept] = NULL;
}

static const struct action *find_action(const struct session *s)
{
    for (size_t i = 0; s->n && i < sizeof actions / sizeof *actions; i++)
        if (strcmp(s->words[0], actions[i].name) == 0 && s->n - 1 >= actions[i].least &&
            s->n - 1 <= actions[i].most)
            return &actions[i];
    return NULL;
}

static bool run(struct session *s, const struct config_source *from, const struct action *action,
                struct err *err)
{
    s->words++;
    s->n--;
    return config_read(from, &s->a, &s->config, err) && db_open(&s->config, &s->conn, err) &&
           db_check_schema(s->conn, err) && action->run(s, err);
}

int tenant_command(int argc, char **argv)
{
    struct session s = {0};
    struct config_source from;
    struct err err;
    arena_init(&s.a, 0);
    take_words(&s, &argc, argv);
    int status = config_options(argc, argv, usage, &s.a, &from);
    const struct action *action = find_action(&s);
    if (status < 0 && !action) {
        fputs(usage, stderr);
        status = 2;
    }
    if (status < 0) {
        status = !run(&s, &from, action, &err);
        if (status)
            fprintf(stderr, "kagari tenant: %s%s%s\n", err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    if (s.conn)
        db_close(s.conn);
    arena_release(&s.a);
    return status;
}
