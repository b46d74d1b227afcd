/* src/oauth/admin.h: what the commands on clients, users and keys share. */
#ifndef KAGARI_OAUTH_COMMAND_INTERNAL_H
#define KAGARI_OAUTH_COMMAND_INTERNAL_H

#include "internal.h"

enum { OAUTH__OPTIONS = 16, OAUTH__VALUES = 32 };

struct oauth__option {
    const char *name; /* "--scope"; up to one without a name */
    bool flag;        /* has no value */
    const char *values[OAUTH__VALUES];
    int n;
};

struct oauth__command {
    struct arena *a;
    struct config config;
    struct db_conn *conn;
    int32_t tenant; /* of config */
    const struct oauth__option *options;
    const char **words; /* behind the action */
    int n_words;
};
const char *oauth__option(const struct oauth__command *c,
                          const char *name); /* the last one's value; NULL: none */
const struct oauth__option *oauth__options(const struct oauth__command *c, const char *name);

struct oauth__action {
    const char *name;
    int words; /* how many it takes */
    bool (*run)(struct oauth__command *c, struct err *err);
};

/* Reads the command line and the settings, connects, and runs the action that is named. The exit status. */
int oauth__command_run(int argc, char **argv, const char *usage, const struct oauth__action *actions,
                       size_t n, struct oauth__option *options);

#endif
