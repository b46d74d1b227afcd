#include "admin.h"

#include <stdio.h>

#include "tenant/tenant.h"

const struct oauth__option *oauth__options(const struct oauth__command *c, const char *name)
{
    const struct oauth__option *o = c->options;
    while (strcmp(o->name, name) != 0)
        o++;
    return o;
}

const char *oauth__option(const struct oauth__command *c, const char *name)
{
    const struct oauth__option *o = oauth__options(c, name);
    return o->n ? o->values[o->n - 1] : NULL;
}

static struct oauth__option *find_option(struct oauth__option *options, const char *name)
{
    for (struct oauth__option *o = options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* Takes words and options out of argv; what is left is config_options()'s. */
static bool take(struct oauth__command *c, int *argc, char **argv, struct oauth__option *options)
{
    int kept = 1;
    c->words = ARENA_ARRAY(c->a, const char *, *argc);
    for (int i = 1; i < *argc; i++) {
        struct oauth__option *o = find_option(options, argv[i]);
        bool setting = strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--set") == 0;
        if (argv[i][0] != '-') {
            c->words[c->n_words++] = argv[i];
        } else if (!o) {
            argv[kept++] = argv[i];
            if (setting && i + 1 < *argc)
                argv[kept++] = argv[++i];
        } else if (o->n == OAUTH__VALUES || (!o->flag && i + 1 == *argc)) {
            return false;
        } else {
            o->values[o->n++] = o->flag ? "" : argv[++i];
        }
    }
    argv[ *argc = kept] = NULL;
    return true;
}

static bool run(struct oauth__command *c, const struct config_source *from, const char *institution,
                const struct oauth__action *action, struct err *err)
{
    if (!config_read(from, c->a, &c->config, err) || !db_open(&c->config, &c->conn, err))
        return false;
    bool ok = db_check_schema(c->conn, err) && tenant_choose(c->conn, c->a, institution, &c->config, err);
    c->tenant = c->config.tenant.id;
    ok = ok && action->run(c, err);
    db_close(c->conn);
    return ok;
}

int oauth__command_run(int argc, char **argv, const char *usage, const struct oauth__action *actions,
                       size_t n, struct oauth__option *options)
{
    struct arena a;
    struct config_source from;
    struct err err;
    struct oauth__command c = {.a = &a, .options = options};
    const struct oauth__action *action = NULL;
    const char *name = argv[0], *institution = tenant_option(&argc, argv);
    arena_init(&a, 0);
    bool understood = take(&c, &argc, argv, options);
    int status = config_options(argc, argv, usage, &a, &from);
    for (size_t i = 0; i < n && c.n_words; i++)
        if (strcmp(c.words[0], actions[i].name) == 0 && c.n_words == actions[i].words + 1)
            action = &actions[i];
    if (status < 0 && (!action || !understood)) {
        fputs(usage, stderr);
        status = 2;
    }
    if (status < 0) {
        c.words++;
        c.n_words--;
        status = !run(&c, &from, institution, action, &err);
        if (status)
            fprintf(stderr, "kagari %s: %s%s%s\n", name, err.msg, err.detail[0] ? ": " : "", err.detail);
    }
    arena_release(&a);
    return status;
}
