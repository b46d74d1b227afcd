#include "cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"

#define SECOND    INT64_C(1000000)
#define ELSEWHERE "/var/lib/kagari-dev" /* not /var/tmp, where old files may be cleaned away */

/* Who PostgreSQL runs as; it refuses to be root. */
struct user {
    uid_t uid;
    gid_t gid;
    bool change; /* from root */
};

struct keeper {
    struct arena *a;
    pid_t self, postmaster;
    int control, signals, log;
    const char *root, *bin, *socket_dir;
    bool reported;
};

/* Where things are */

static bool find_user(struct user *u, struct err *err)
{
    *u = (struct user){.uid = geteuid(), .gid = getegid()};
    if (u->uid != 0)
        return true;
    const struct passwd *p = getpwnam("postgres");
    if (!p)
        p = getpwnam("nobody");
    if (!p)
        return err_set(err, ERR_INTERNAL,
                       "PostgreSQL cannot run as root, and there is no user postgres or nobody");
    *u = (struct user){.uid = p->pw_uid, .gid = p->pw_gid, .change = true};
    return true;
}

static bool become(const struct user *u)
{
    return !u->change || (setgroups(0, NULL) == 0 && setgid(u->gid) == 0 && setuid(u->uid) == 0);
}

static bool reachable(const struct user *u, const char *dir)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(!become(u) || access(dir, X_OK) != 0);
    int status;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Makes a folder that is the user's alone, or finds it so: in a folder where everybody may write, somebody
 * else could have been first. */
static bool own_folder(const char *path, const struct user *u, struct err *err)
{
    struct stat st;
    if (mkdir(path, 0700) == 0) {
        if (chown(path, u->uid, u->gid) == 0)
            return true;
    } else if (errno == EEXIST && lstat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode) && st.st_uid == u->uid && (st.st_mode & 077) == 0)
            return true;
        return err_set(err, ERR_INTERNAL,
                       "%s is not a folder that only uid %d can enter; remove it or choose another --data",
                       path, (int)u->uid);
    }
    return err_set(err, ERR_INTERNAL, "cannot make %s: %s", path, strerror(errno));
}

/* dir/postgres; or, when PostgreSQL's account cannot get there, a symbolic link to a folder where it can. */
static bool find_root(struct arena *a, const char *dir, const struct user *u, const char **root,
                      struct err *err)
{
    struct stat st;
    const char *path = arena_printf(a, "%s/postgres", dir);
    if (u->change && !reachable(u, dir) && stat(dir, &st) == 0)
        (void)!chmod(dir, (st.st_mode & 07777) | S_IXOTH);
    char *target = realpath(path, NULL);
    if (target) {
        arena_cleanup(a, free, target);
        *root = target;
        return own_folder(target, u, err);
    }
    *root = path;
    if (reachable(u, dir))
        return own_folder(path, u, err);
    (void)mkdir(ELSEWHERE, 0755);
    char *made = arena_strdup(a, ELSEWHERE "/XXXXXX");
    unlink(path); /* a link to what is no longer there */
    if (!mkdtemp(made) || chown(made, u->uid, u->gid) != 0 || symlink(made, path) != 0)
        return err_set(err, ERR_INTERNAL, "cannot make a folder for PostgreSQL in %s: %s", ELSEWHERE,
                       strerror(errno));
    *root = made;
    return true;
}

static bool find_places(struct arena *a, const char *dir, const struct user *u, struct cluster *c,
                        const char **socket_dir, struct err *err)
{
    if (!find_root(a, dir, u, &c->root, err))
        return false;
    *socket_dir = c->root;
    /* What a socket's path has no room for, and what would have to be quoted in two ways. */
    if (strlen(c->root) + sizeof "/.s.PGSQL.5432" > sizeof((struct sockaddr_un *)0)->sun_path ||
        c->root[strspn(c->root, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")]) {
        *socket_dir =
            arena_printf(a, "/tmp/kagari-%016" PRIx64, hash_bytes(&(struct hash_key){0}, dir, strlen(dir)));
        if (!own_folder(*socket_dir, u, err))
            return false;
    }
    c->conninfo = arena_printf(a, "host=%s port=5432 dbname=kagari user=kagari", *socket_dir);
    return true;
}

/* The keeper. Its errors go to the parent until PostgreSQL was ready once, then to stderr. */

static _Noreturn void give_up(const struct keeper *k, const char *message)
{
    if (k->reported)
        fprintf(stderr, "kagari dev: %s\n", message);
    else
        (void)!send(k->control, message, strlen(message), MSG_NOSIGNAL);
    _exit(1);
}

enum event { EVENT_STOP, EVENT_CHILD, EVENT_TIMEOUT };

static enum event next_event(const struct keeper *k, int timeout_ms)
{
    struct pollfd p[] = {{.fd = k->control, .events = POLLIN}, {.fd = k->signals, .events = POLLIN}};
    if (poll(p, 2, timeout_ms) <= 0)
        return EVENT_TIMEOUT;
    if (p[0].revents)
        return EVENT_STOP;
    struct signalfd_siginfo info;
    if (read(k->signals, &info, sizeof info) != sizeof info)
        return EVENT_TIMEOUT;
    return info.ssi_signo == SIGCHLD ? EVENT_CHILD : EVENT_STOP;
}

static pid_t spawn(const struct keeper *k, int in, const char *const argv[])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    /* A shell may have started us with SIGINT ignored; a child that is still starting must not miss it. */
    signal(SIGINT, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGINT) != 0 || getppid() != k->self)
        _exit(1);
    dup2(in, STDIN_FILENO);
    dup2(k->log, STDOUT_FILENO);
    dup2(k->log, STDERR_FILENO);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

static bool run(const struct keeper *k, const char *const argv[], const char *input)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool ok = write(ends[1], input, strlen(input)) == (ssize_t)strlen(input);
    close(ends[1]);
    pid_t pid = spawn(k, ends[0], argv);
    close(ends[0]);
    int status;
    return ok && pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static struct str read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size);
    if (fd >= 0)
        close(fd);
    return (struct str){out, n < 0 ? 0 : (size_t)n};
}

/* The programs of the version that made the cluster, or of the newest one. */
static void find_programs(struct keeper *k)
{
    char buffer[32];
    struct str version = str_trim(read_small("data/PG_VERSION", buffer, sizeof buffer));
    const char *pattern = arena_printf(k->a, "/usr/lib/postgresql/%.*s/bin/postgres",
                                       version.len ? (int)version.len : 1, version.len ? version.s : "*");
    glob_t g;
    const char *best = NULL;
    if (glob(pattern, 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc; i++)
            if (!best || strverscmp(g.gl_pathv[i], best) > 0)
                best = g.gl_pathv[i];
    struct str path = str_of(getenv("PATH"));
    while (!best && path.s) {
        struct str dir = str_cut(path, ':', &path);
        const char *candidate = arena_printf(k->a, "%.*s/postgres", STR_FMT(dir));
        if (access(candidate, X_OK) == 0)
            best = candidate;
    }
    if (!best)
        give_up(k, arena_printf(k->a, "no PostgreSQL server %.*s found; `make deps` installs one",
                                STR_FMT(version)));
    k->bin = arena_strndup(k->a, best, strlen(best) - strlen("/postgres"));
}

/* initdb, a role that is no superuser and a database of its own; in place only when whole. */
static void make_cluster(const struct keeper *k)
{
    if (access("data/PG_VERSION", F_OK) == 0)
        return;
    printf("making a PostgreSQL cluster\n");
    fflush(stdout);
    const char *remove[] = {"/bin/rm", "-rf", "new", NULL};
    const char *initdb[] = {arena_printf(k->a, "%s/initdb", k->bin),
                            "-D",
                            "new",
                            "-U",
                            "postgres",
                            "-A",
                            "trust",
                            "-E",
                            "UTF8",
                            "--locale=C.UTF-8",
                            "--lc-messages=C",
                            NULL};
    const char *single[] = {
        arena_printf(k->a, "%s/postgres", k->bin), "--single", "-D", "new", "postgres", NULL};
    if (!run(k, remove, "") || !run(k, initdb, "") ||
        !run(k, single, "CREATE ROLE kagari LOGIN\nCREATE DATABASE kagari OWNER kagari\n") ||
        rename("new", "data") != 0)
        give_up(k, "cannot make the PostgreSQL cluster; see the file log beside it");
}

/* The whole of postgresql.conf, written at every start. ALTER SYSTEM still overrides it. */
static void write_settings(const struct keeper *k)
{
    int64_t mb = sysconf(_SC_PHYS_PAGES) / 1024 * (sysconf(_SC_PAGESIZE) / 1024);
    int64_t buffers = mb / 8 < 64 ? 64 : mb / 8 > 1024 ? 1024 : mb / 8;
    FILE *f = fopen("data/postgresql.conf", "we");
    if (!f)
        give_up(k, "cannot write postgresql.conf");
    fprintf(f,
            "# Written by `kagari dev` at every start.\n"
            "listen_addresses = ''\n"
            "port = 5432\n"
            "unix_socket_directories = '%s'\n"
            "max_connections = 200\n"
            "shared_buffers = %" PRId64 "MB\n"
            "effective_cache_size = %" PRId64 "MB\n"
            "work_mem = 16MB\n"
            "maintenance_work_mem = 128MB\n"
            "random_page_cost = 1.1\n"
            "effective_io_concurrency = 200\n"
            "jit = off\n"
            "default_toast_compression = lz4\n"
            "wal_compression = lz4\n"
            "max_wal_size = 2GB\n"
            "checkpoint_timeout = 15min\n"
            "timezone = 'UTC'\n"
            "lc_messages = 'C'\n"
            "# No patient's data in the log: neither statements nor the values in an error's detail.\n"
            "log_min_error_statement = panic\n"
            "log_error_verbosity = terse\n"
            "log_parameter_max_length = 0\n"
            "log_timezone = 'UTC'\n",
            k->socket_dir, buffers, mb / 2);
    if (fclose(f) != 0)
        give_up(k, "cannot write postgresql.conf");
}

/* A former keeper may still be ending its PostgreSQL; and one that was killed leaves a postmaster.pid whose
 * number may by now be some other process's. */
static void take_over(struct keeper *k)
{
    int64_t deadline = clock_mono_us() + 30 * SECOND;
    int lock = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (;;) {
        if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0) {
            char buffer[32], cwd[4096], data[4096];
            struct str line = str_trim(read_small("data/postmaster.pid", buffer, sizeof buffer)), rest;
            if (!line.len)
                return;
            int64_t pid = 0;
            (void)!str_int64(str_cut(line, '\n', &rest), &pid);
            ssize_t n = readlink(arena_printf(k->a, "/proc/%" PRId64 "/cwd", pid), cwd, sizeof cwd - 1);
            if (n < 0 || !realpath("data", data) || (size_t)n != strlen(data) ||
                memcmp(cwd, data, (size_t)n) != 0) {
                unlink("data/postmaster.pid");
                return;
            }
        }
        if (clock_mono_us() > deadline)
            give_up(k, "another PostgreSQL still runs in this data folder");
        if (next_event(k, 50) == EVENT_STOP)
            _exit(0);
    }
}

static bool is_ready(const struct keeper *k)
{
    char buffer[1024];
    struct str rest = read_small("data/postmaster.pid", buffer, sizeof buffer);
    int64_t pid;
    if (!str_int64(str_cut(rest, '\n', &rest), &pid) || pid != k->postmaster)
        return false;
    for (int line = 2; line < 8 && rest.s; line++)
        (void)str_cut(rest, '\n', &rest);
    return str_starts(rest, STR("ready"));
}

static bool has_ended(struct keeper *k)
{
    if (k->postmaster > 0 && waitpid(k->postmaster, NULL, WNOHANG) == k->postmaster)
        k->postmaster = 0;
    return k->postmaster <= 0;
}

/* Fast, then immediate shutdown. */
static _Noreturn void stop(struct keeper *k)
{
    static const struct {
        int signal, ms;
    } steps[] = {{SIGINT, 20000}, {SIGQUIT, 5000}, {SIGKILL, 1000}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !has_ended(k); i++) {
        kill(k->postmaster, steps[i].signal);
        for (int64_t until = clock_mono_us() + steps[i].ms * 1000; !has_ended(k) && clock_mono_us() < until;)
            poll(NULL, 0, 5);
    }
    if (strcmp(k->socket_dir, k->root) != 0)
        rmdir(k->socket_dir);
    _exit(0);
}

/* Waits in steps until the postmaster is ready or has ended. */
static bool wait_ready(struct keeper *k)
{
    while (!has_ended(k)) {
        if (is_ready(k))
            return true;
        if (next_event(k, 10) == EVENT_STOP)
            stop(k);
    }
    return false;
}

static _Noreturn void keep(struct keeper *k)
{
    const char *argv[] = {arena_printf(k->a, "%s/postgres", k->bin), "-D", "data", NULL};
    int64_t deadline = clock_mono_us() + 10 * SECOND;
    for (int delay_ms = 20;; delay_ms = delay_ms < 1000 ? delay_ms * 2 : 1000) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        k->postmaster = spawn(k, null, argv);
        close(null);
        if (wait_ready(k)) {
            if (!k->reported)
                (void)!send(k->control, "", 1, MSG_NOSIGNAL);
            k->reported = true;
            delay_ms = 20;
            while (!has_ended(k))
                if (next_event(k, -1) == EVENT_STOP)
                    stop(k);
            fputs("kagari dev: PostgreSQL ended; starting it again\n", stderr);
            deadline = clock_mono_us() + 60 * SECOND;
        }
        if (clock_mono_us() > deadline)
            give_up(k, "PostgreSQL does not start; see the file log in its folder");
        for (int64_t until = clock_mono_us() + delay_ms * 1000; clock_mono_us() < until;)
            if (next_event(k, delay_ms) == EVENT_STOP)
                stop(k);
    }
}

static _Noreturn void keeper_run(struct arena *a, const char *root, const char *socket_dir,
                                 const struct user *u, int control)
{
    struct keeper k = {.a = a, .self = getpid(), .root = root, .socket_dir = socket_dir};
    /* A terminal's Ctrl-C is for the server, which still needs PostgreSQL while it drains. */
    setsid();
    prctl(PR_SET_NAME, "kagari-keeper");
    k.control = dup2(control, 3);
    close_range(4, ~0U, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    k.signals = signalfd(-1, &wanted, SFD_CLOEXEC);
    if (!become(u) || chdir(root) != 0)
        give_up(&k, arena_printf(a, "cannot enter %s: %s", root, strerror(errno)));
    take_over(&k);
    k.log = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    find_programs(&k);
    make_cluster(&k);
    write_settings(&k);
    keep(&k);
}

/* The parent */

bool cluster_start(struct arena *a, const char *dir, struct cluster *out, struct err *err)
{
    struct user u;
    const char *socket_dir;
    if (!find_user(&u, err) || !find_places(a, dir, &u, out, &socket_dir, err))
        return false;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(err, ERR_INTERNAL, "socketpair: %s", strerror(errno));
    out->control = ends[0];
    out->keeper = fork();
    if (out->keeper == 0)
        keeper_run(a, out->root, socket_dir, &u, ends[1]);
    close(ends[1]);
    char message[256];
    ssize_t n = out->keeper < 0 ? -1 : recv(out->control, message, sizeof message - 1, 0);
    if (n == 1 && message[0] == '\0')
        return true;
    message[n > 0 ? n : 0] = '\0';
    cluster_stop(out);
    return err_set(err, ERR_INTERNAL, "%s (in %s)", n > 0 ? message : "the keeper of PostgreSQL ended",
                   out->root);
}

void cluster_stop(struct cluster *c)
{
    close(c->control);
    while (c->keeper > 0 && waitpid(c->keeper, NULL, 0) < 0 && errno == EINTR)
        ;
}
