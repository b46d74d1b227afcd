/*
 * cluster.h: a private PostgreSQL cluster, for `kagari dev`.
 *
 * A child process, the keeper, makes the cluster when it is not there, starts PostgreSQL, starts it again
 * when it dies, and ends it when this process ends, however that happens: it reads the end of the control
 * socket. Started by root, the keeper and PostgreSQL run as `postgres` (or `nobody`).
 *
 * Reached through a unix socket alone, in a folder that only this user (and root) can enter.
 */
#ifndef KAGARI_CLUSTER_H
#define KAGARI_CLUSTER_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct cluster {
    pid_t keeper;
    int control;
    const char *root;     /* data/, log, lock and, when its path is short enough, the socket */
    const char *conninfo; /* database and role kagari, no superuser */
};

/*
 * Returns when PostgreSQL accepts connections. dir is absolute, exists and is the caller's; the cluster lives
 * in dir/postgres, which is a link into /var/lib/kagari-dev when the unprivileged user cannot reach dir. Forks:
 * call it before the first thread. The keeper ends before cluster_stop() only when PostgreSQL cannot be kept
 * running (SIGCHLD).
 */
bool cluster_start(struct arena *a, const char *dir, struct cluster *out, struct err *err) NODISCARD;

/* Ends PostgreSQL (fast shutdown) and waits for it. */
void cluster_stop(struct cluster *c);

#endif
