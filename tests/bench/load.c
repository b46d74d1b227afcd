/*
 * load: sends prepared requests to 127.0.0.1 over a fixed number of keep-alive connections for a fixed time, and prints
 * one line of JSON: answers a second and their latencies.
 *
 *     load --port N --connections N --seconds S [--rate R] [--each] [--warm S] [--tls] [--first N] FILE
 *     load --port N --connections N --once [--tls] FILE
 *
 * FILE: requests as they go over the wire, each behind a line "LENGTH [NAME [SLOT]]"; taken in turn by whichever connection
 * is free. Latencies are counted for each NAME as well. Eight tildes in a request become a running number of eight digits,
 * so that every update differs.
 *
 * With --each every connection sends the whole file in its order, again and again; it begins with one of the requests that
 * have the first one's NAME. The id in the Location of an answer is kept by the connection under SLOT (0 to 9), and goes
 * into its later requests where 35 times '@' and the digit stand.
 *
 * Without --rate every connection sends its next request when it has its answer: that measures throughput, and latencies
 * are those under full load. With --rate requests are due at fixed times and a latency counts from the time when its
 * request was due, whether or not a connection was free: a server that stalls is charged for everybody who would have
 * come meanwhile. --once sends each request of the file once.
 *
 * With --warm the connections begin one after the other in as many seconds before the measurement.
 *
 * --journal prints a line of each write before the JSON: "+ METHOD PATH NUMBER STATUS LOCATION" when it was answered, and
 * at the end "? METHOD PATH NUMBER" for those that wait for their answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 512,
    IN_SIZE = 65536,
    STALL_SECONDS = 30,
    NAMES = 64,
    SLOTS = 10,
    ID_LEN = 36,
    NUMBER_LEN = 8
};
static const char number_mark[] = "~~~~~~~~", id_mark[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

/* ---- latencies: 128 steps to each power of two, so within 1 % ------------------------------------------------- */

enum { STEP_BITS = 7, STEPS = 1 << STEP_BITS, BUCKETS = STEPS * (64 - STEP_BITS) };

struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t n, max;
    double sum;
};

static size_t bucket_of(uint64_t ns)
{
    if (ns < STEPS)
        return ns;
    int shift = 63 - __builtin_clzll(ns) - STEP_BITS;
    return (size_t)shift * STEPS + (ns >> shift);
}

static double bucket_us(size_t b)
{
    if (b < STEPS)
        return (double)b / 1e3;
    size_t shift = b / STEPS - 1;
    return ((double)((b - shift * STEPS) << shift) + (double)(1ULL << shift) / 2) / 1e3;
}

static void add(struct histogram *h, uint64_t ns)
{
    h->counts[bucket_of(ns)]++;
    h->n++;
    h->sum += (double)ns;
    if (ns > h->max)
        h->max = ns;
}

static double quantile_us(const struct histogram *h, double q)
{
    uint64_t below = 0, wanted = (uint64_t)(q * (double)h->n);
    for (size_t b = 0; b < BUCKETS; b++)
        if ((below += h->counts[b]) > wanted)
            return bucket_us(b);
    return 0;
}

/* ---- what to do ------------------------------------------------------------------------------------------------ */

enum { NUMBER = -1, NO_SLOT = -1 };

struct mark {
    size_t at;
    int slot; /* or NUMBER */
};

struct request {
    const char *s;
    size_t len;
    struct mark *marks;
    size_t n_marks;
    int name, slot; /* name: 0: none */
};

struct conn {
    int fd;
    SSL *ssl;
    bool ready, busy, wants_write;
    char *out;
    size_t out_len, out_sent, out_cap;
    char in[IN_SIZE];
    size_t in_len;
    int64_t body_left; /* -1: the headers are not complete */
    int status;
    uint64_t start_ns;
    const struct request *request;
    size_t next; /* with --each */
    char number[16], ids[SLOTS][ID_LEN], location[256];
};

static struct {
    int port, connections;
    double seconds, warm, rate;
    bool tls, once, each, journal;
    unsigned number; /* for the marks */

    struct request *requests;
    size_t n_requests, next;
    char *names[NAMES];
    int n_names;

    SSL_CTX *ctx;
    int epoll_fd;
    struct conn *conns, **idle;
    int n_idle, n_ready;

    uint64_t begin_ns, end_ns, last_ns;
    double cpu_us;                                   /* used before */
    uint64_t due;                                    /* requests scheduled so far */
    struct histogram latencies[NAMES];               /* [0]: of all */
    uint64_t answered, statuses[600], bytes, failed; /* these while warming up as well */
} g = {.connections = 1, .seconds = 1};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *grown(void *p, size_t n, size_t size)
{
    if (n & (n - 1)) /* room doubles */
        return p;
    p = realloc(p, (n ? n * 2 : 1) * size);
    if (!p)
        die("realloc");
    return p;
}

static int name_of(const char *s, size_t len)
{
    for (int i = 1; i < g.n_names; i++)
        if (strlen(g.names[i]) == len && memcmp(g.names[i], s, len) == 0)
            return i;
    if (g.n_names == NAMES) {
        errno = E2BIG;
        die("names of requests");
    }
    g.names[g.n_names] = strndup(s, len);
    return g.n_names++;
}

/* Where what changes stands in a request. */
static void find_marks(struct request *r)
{
    const char *end = r->s + r->len;
    for (const char *p = r->s; (p = memchr(p, '~', (size_t)(end - p)));) {
        bool found = end - p >= NUMBER_LEN && memcmp(p, number_mark, NUMBER_LEN) == 0;
        if (found) {
            r->marks = grown(r->marks, r->n_marks, sizeof *r->marks);
            r->marks[r->n_marks++] = (struct mark){(size_t)(p - r->s), NUMBER};
        }
        p += found ? NUMBER_LEN : 1;
    }
    for (const char *p = r->s; (p = memmem(p, (size_t)(end - p), id_mark, ID_LEN - 1)) && p + ID_LEN <= end;
         p += ID_LEN) {
        r->marks = grown(r->marks, r->n_marks, sizeof *r->marks);
        r->marks[r->n_marks++] = (struct mark){(size_t)(p - r->s), (p[ID_LEN - 1] - '0') % SLOTS};
    }
}

static void read_requests(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
        die(path);
    const char *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0), *end = p + st.st_size;
    if (p == MAP_FAILED)
        die(path);
    close(fd);
    g.n_names = 1;
    for (; p < end; g.n_requests++) {
        char line[128], name[64] = "";
        int length = 0, slot = NO_SLOT;
        const char *body = memchr(p, '\n', (size_t)(end - p));
        snprintf(line, sizeof line, "%.*s", body ? (int)(body - p) : 0, p);
        if (!body++ || sscanf(line, "%d %63s %d", &length, name, &slot) < 1 || length <= 0 ||
            length > end - body || slot >= SLOTS) {
            errno = EINVAL;
            die(path);
        }
        g.requests = grown(g.requests, g.n_requests, sizeof *g.requests);
        struct request *r = &g.requests[g.n_requests];
        *r = (struct request){.s = body, .len = (size_t)length, .slot = slot};
        r->name = *name ? name_of(name, strlen(name)) : 0;
        find_marks(r);
        p = body + length;
    }
}

/* ---- one connection --------------------------------------------------------------------------------------------- */

static void watch(struct conn *c, bool write)
{
    if (c->wants_write == write)
        return;
    c->wants_write = write;
    struct epoll_event e = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(g.epoll_fd, EPOLL_CTL_MOD, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void connect_to(struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)g.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS))
        die("connect");
    c->wants_write = true;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(g.epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
        die("epoll_ctl");
    if (g.tls) {
        c->ssl = SSL_new(g.ctx);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_connect_state(c->ssl);
    }
}

/* Bytes moved, 0: the other side closed, -1: not now. */
static ssize_t moved(struct conn *c, ssize_t n)
{
    if (c->ssl && n <= 0) {
        int why = SSL_get_error(c->ssl, (int)n);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
            return -1;
        return 0;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    return n < 0 ? 0 : n;
}

/* PATH: of the request that is under way. */
static void journal(const struct conn *c, char mark)
{
    if (!g.journal || memcmp(c->out, "GET ", 4) == 0)
        return;
    int len = (int)((char *)memmem(c->out, c->out_len, " HTTP/", 6) - c->out);
    printf("%c %.*s %s", mark, len, c->out, *c->number ? c->number : "-");
    if (mark == '+')
        printf(" %d %s", c->status, *c->location ? c->location : "-");
    putchar('\n');
}

static void journal_waiting(void)
{
    for (int i = 0; i < g.connections; i++)
        if (g.conns[i].busy)
            journal(&g.conns[i], '?');
}

static _Noreturn void lost(void)
{
    journal_waiting();
    errno = ECONNRESET;
    die("the server closed a connection");
}

static void flush(struct conn *c)
{
    while (c->out_sent < c->out_len) {
        const char *p = c->out + c->out_sent;
        size_t left = c->out_len - c->out_sent;
        ssize_t n = moved(c, c->ssl ? SSL_write(c->ssl, p, (int)left) : write(c->fd, p, left));
        if (n == 0)
            lost();
        if (n < 0)
            break;
        c->out_sent += (size_t)n;
    }
    watch(c, c->out_sent < c->out_len);
}

static void begin_request(struct conn *c, uint64_t start_ns)
{
    size_t *next = g.each ? &c->next : &g.next;
    const struct request *r = c->request = &g.requests[(*next)++ % g.n_requests];
    if (c->out_cap < r->len) {
        c->out = realloc(c->out, r->len);
        if (!c->out)
            die("realloc");
        c->out_cap = r->len;
    }
    memcpy(c->out, r->s, r->len);
    snprintf(c->number, sizeof c->number, "%08u", g.number++ % 100000000);
    for (size_t i = 0; i < r->n_marks; i++) {
        const struct mark *m = &r->marks[i];
        if (m->slot == NUMBER)
            memcpy(c->out + m->at, c->number, NUMBER_LEN);
        else
            memcpy(c->out + m->at, c->ids[m->slot], ID_LEN);
    }
    c->out_len = r->len;
    c->out_sent = 0;
    c->in_len = 0;
    c->body_left = -1;
    c->busy = true;
    c->start_ns = start_ns;
    flush(c);
}

/* Gives the connection its next request, when there is one for it now. */
static void next_request(struct conn *c, uint64_t now)
{
    c->busy = false;
    if (g.once ? g.next < g.n_requests : g.rate <= 0)
        begin_request(c, now);
    else
        g.idle[g.n_idle++] = c;
}

static void begin_due(uint64_t now)
{
    while (g.rate > 0 && g.n_idle > 0) {
        uint64_t at = g.begin_ns + (uint64_t)((double)g.due * 1e9 / g.rate);
        if (at > now || at >= g.end_ns)
            return;
        g.due++;
        begin_request(g.idle[--g.n_idle], at);
    }
}

static void finish(struct conn *c, uint64_t now)
{
    g.answered++;
    g.statuses[c->status]++;
    if ((c->status < 200 || c->status > 299) && g.failed++ == 0)
        fprintf(stderr, "load: first failure: %.*s\n", (int)(c->in_len < 1500 ? c->in_len : 1500), c->in);
    add(&g.latencies[0], now - c->start_ns);
    if (c->request->name)
        add(&g.latencies[c->request->name], now - c->start_ns);
    journal(c, '+');
    g.last_ns = now;
    next_request(c, now);
}

/* …/Patient/ID/_history/1 */
static void keep_location(struct conn *c, const char *value)
{
    size_t len = strcspn(value, "\r\n");
    snprintf(c->location, sizeof c->location, "%.*s", (int)len, value);
    if (c->request->slot == NO_SLOT)
        return;
    const char *end = strstr(c->location, "/_history/");
    if (!end || end - c->location <= ID_LEN || end[-ID_LEN - 1] != '/') {
        errno = EPROTO;
        die("an answer without an id of 36 characters");
    }
    memcpy(c->ids[c->request->slot], end - ID_LEN, ID_LEN);
}

/* Returns false until the headers are complete. */
static bool parse_headers(struct conn *c)
{
    char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (!end) {
        if (c->in_len == IN_SIZE) {
            errno = EMSGSIZE;
            die("headers of an answer");
        }
        return false;
    }
    *end = '\0';
    c->status = c->in_len > 12 ? atoi(c->in + 9) : 0;
    if (c->status < 200 || c->status > 599) {
        errno = EPROTO;
        die("status of an answer");
    }
    int64_t length = c->status == 204 || c->status == 304 ? 0 : -1;
    *c->location = '\0';
    for (char *line = strstr(c->in, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
            length = atoll(line + 17);
        if (strncasecmp(line + 2, "Location: ", 10) == 0)
            keep_location(c, line + 12);
    }
    if (length < 0) {
        errno = EPROTO;
        die("an answer without Content-Length");
    }
    *end = '\r';
    c->body_left = length - (int64_t)(c->in_len - (size_t)(end + 4 - c->in));
    return true;
}

static void receive(struct conn *c)
{
    static char sink[IN_SIZE];
    for (;;) { /* session tickets come between answers too */
        bool headers = c->busy && c->body_left < 0;
        char *to = headers ? c->in + c->in_len : sink;
        size_t room = headers ? IN_SIZE - c->in_len : sizeof sink;
        ssize_t n = moved(c, c->ssl ? SSL_read(c->ssl, to, (int)room) : read(c->fd, to, room));
        if (n == 0)
            lost();
        if (n < 0)
            return;
        g.bytes += (uint64_t)n;
        if (!c->busy) {
            errno = EPROTO;
            die("an answer that nobody asked for");
        }
        if (!headers) {
            c->body_left -= n;
        } else {
            c->in_len += (size_t)n;
            if (!parse_headers(c))
                continue;
        }
        if (c->body_left == 0)
            finish(c, now_ns());
    }
}

static void on_event(struct conn *c, uint32_t events)
{
    if (!c->ready) {
        int error = 0;
        socklen_t len = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error) {
            errno = error;
            die("connect");
        }
        if (c->ssl) {
            int n = SSL_do_handshake(c->ssl);
            if (n != 1) {
                if (moved(c, n) == 0)
                    die("TLS handshake");
                watch(c, SSL_want_write(c->ssl));
                return;
            }
        }
        c->ready = true;
        g.n_ready++;
        watch(c, false);
        return;
    }
    if (events & EPOLLOUT)
        flush(c);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(c);
}

/* Waits for events, at most until `until`. */
static void turn(uint64_t until)
{
    struct epoll_event events[EVENTS];
    uint64_t now = now_ns();
    struct timespec wait = {0, 0};
    if (until > now)
        wait = (struct timespec){(time_t)((until - now) / 1000000000), (long)((until - now) % 1000000000)};
    int n = epoll_pwait2(g.epoll_fd, events, EVENTS, &wait, NULL);
    if (n < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
}

static void run(void)
{
    uint64_t patience = STALL_SECONDS * UINT64_C(1000000000), stall = now_ns() + patience;
    for (int i = 0; i < g.connections; i++) {
        memset(g.conns[i].ids, '0', sizeof g.conns[i].ids); /* until there are any */
        connect_to(&g.conns[i]);
    }
    while (g.n_ready < g.connections && now_ns() < stall)
        turn(stall);
    if (g.n_ready < g.connections) {
        errno = ETIMEDOUT;
        die("connecting");
    }
    uint64_t start_ns = g.last_ns = now_ns(), warm_ns = (uint64_t)(g.warm * 1e9);
    g.begin_ns = start_ns + warm_ns;
    g.end_ns = g.once ? UINT64_MAX : g.begin_ns + (uint64_t)(g.seconds * 1e9);
    g.cpu_us = cpu_us();
    size_t first = 0;
    int started = 0;
    for (bool warm = g.warm > 0;;) {
        uint64_t now = now_ns(), until = g.last_ns + patience, next = 0;
        while (started < g.connections &&
               (next = start_ns + warm_ns * (uint64_t)started / (uint64_t)g.connections) <= now) {
            while (g.requests[first % g.n_requests].name != g.requests[0].name)
                first++;
            g.conns[started].next = first++;
            next_request(&g.conns[started++], now);
        }
        if (started < g.connections && next < until)
            until = next;
        if (warm && now >= g.begin_ns) {
            memset(g.latencies, 0, sizeof g.latencies);
            warm = false;
        }
        if (now >= g.end_ns || (g.once && g.n_idle == g.connections))
            break;
        if (now > until) {
            errno = ETIMEDOUT;
            die("no answer");
        }
        begin_due(now);
        uint64_t at = g.begin_ns + (uint64_t)((double)g.due * 1e9 / g.rate);
        if (g.rate > 0 && g.n_idle > 0 && at < until)
            until = at;
        turn(until < g.end_ns ? until : g.end_ns);
    }
}

static void report_latencies(const struct histogram *h)
{
    printf("\"n\":%llu,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
           "\"max_us\":%.1f",
           (unsigned long long)h->n, h->n ? h->sum / (double)h->n / 1e3 : 0, quantile_us(h, .5),
           quantile_us(h, .9), quantile_us(h, .99), quantile_us(h, .999), (double)h->max / 1e3);
}

static void report(void)
{
    double seconds = (double)(g.last_ns - g.begin_ns) / 1e9, n = (double)g.latencies[0].n;
    putchar('{');
    report_latencies(&g.latencies[0]);
    printf(",\"seconds\":%.4f,\"rate\":%.2f,\"answered\":%llu,\"load_us\":%.1f,\"bytes\":%llu,\"failed\":%"
           "llu,\"statuses\":{",
           seconds, seconds > 0 ? n / seconds : 0, (unsigned long long)g.answered,
           g.answered ? (cpu_us() - g.cpu_us) / (double)g.answered : 0, (unsigned long long)g.bytes,
           (unsigned long long)g.failed);
    const char *comma = "";
    for (int s = 0; s < 600; s++) {
        if (!g.statuses[s])
            continue;
        printf("%s\"%d\":%llu", comma, s, (unsigned long long)g.statuses[s]);
        comma = ",";
    }
    fputs("},\"names\":{", stdout);
    for (int i = 1; i < g.n_names; i++) {
        printf("%s\"%s\":{", i > 1 ? "," : "", g.names[i]);
        report_latencies(&g.latencies[i]);
        putchar('}');
    }
    puts("}}");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"connections", required_argument, NULL, 'c'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"first", required_argument, NULL, 'f'},
                                            {"tls", no_argument, NULL, 't'},
                                            {"once", no_argument, NULL, 'o'},
                                            {"each", no_argument, NULL, 'e'},
                                            {"journal", no_argument, NULL, 'j'},
                                            {"warm", required_argument, NULL, 'w'},
                                            {0}};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'p':
            g.port = atoi(optarg);
            break;
        case 'c':
            g.connections = atoi(optarg);
            break;
        case 's':
            g.seconds = atof(optarg);
            break;
        case 'r':
            g.rate = atof(optarg);
            break;
        case 'f':
            g.number = (unsigned)atoi(optarg);
            break;
        case 't':
            g.tls = true;
            break;
        case 'o':
            g.once = true;
            break;
        case 'e':
            g.each = true;
            break;
        case 'w':
            g.warm = atof(optarg);
            break;
        case 'j':
            g.journal = true;
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc || g.port <= 0 || g.connections <= 0) {
        fputs("load: see the top of tests/bench/load.c\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    read_requests(argv[optind]);
    g.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    g.conns = calloc((size_t)g.connections, sizeof *g.conns);
    g.idle = calloc((size_t)g.connections, sizeof(struct conn *));
    if (g.epoll_fd < 0 || !g.conns || !g.idle)
        die("starting");
    if (g.tls) {
        /* the certificate is self-signed, and this talks to 127.0.0.1 alone */
        g.ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(g.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    run();
    journal_waiting();
    report();
    return g.failed != 0;
}
