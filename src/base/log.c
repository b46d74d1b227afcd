#define SD_JOURNAL_SUPPRESS_LOCATION /* it would be this file's */
#include "base/log.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"

static _Atomic int threshold = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const int syslog_priority[] = {3, 4, 6, 7};

void log_set_level(enum log_level level)
{
    threshold = (int)level;
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

enum { LINE_MAX_BYTES = 4096, FIELDS_MAX = 24 };

_Static_assert(LINE_MAX_BYTES <= PIPE_BUF, "a pipe takes so much at once");

/* One call, so that lines of threads do not mix. */
static void put_out(const char *s, size_t len)
{
    ssize_t ignored = write(STDERR_FILENO, s, len);
    (void)ignored;
}

static _Thread_local struct {
    char s[LINE_MAX_BYTES];
    size_t len;
    bool on;
} gathered;

void log_flush(void)
{
    if (gathered.len)
        put_out(gathered.s, gathered.len);
    gathered.len = 0;
}

void log_gather(bool on)
{
    log_flush();
    gathered.on = on;
}

struct line {
    char s[LINE_MAX_BYTES];
    size_t len;
};

/* What does not fit is cut, so that '"', '}' and the end of the line always do. */
static void put(struct line *l, const char *s, size_t n)
{
    if (n > sizeof l->s - 4 - l->len)
        n = sizeof l->s - 4 - l->len;
    memcpy(l->s + l->len, s, n);
    l->len += n;
}

static bool has_room(const struct line *l)
{
    return l->len < sizeof l->s - 128; /* a name and a number */
}

static void put_string(struct line *l, const char *s)
{
    put(l, "\"", 1);
    size_t plain = 0; /* most strings are */
    while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
        plain++;
    if (l->len + plain < sizeof l->s - 128) {
        put(l, s, plain);
        s += plain;
    }
    for (; *s && (has_room(l) || (*s & 0xC0) == 0x80); s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            put(l, (char[]){'\\', (char)c}, 2);
        else if (c < 0x20)
            put(l, " ", 1);
        else
            put(l, s, 1);
    }
    l->s[l->len++] = '"';
}

/* Every request logs some: snprintf() took half of a line's time. */
static void put_int(struct line *l, int64_t i)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = i < 0 ? -(uint64_t)i : (uint64_t)i;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (i < 0)
        digits[--at] = '-';
    put(l, digits + at, sizeof digits - at);
}

static void put_value(struct line *l, const struct log_field *f)
{
    if (f->type == LOG_FIELD_INT)
        put_int(l, f->i);
    else
        put_string(l, f->s);
}

static void write_json(enum log_level level, const char *event, const struct log_field *fields, int n)
{
    struct line l = {.len = 0};
    char when[32];
    clock_instant(clock_wall_us(), when);
    put(&l, "{\"time\":", 8);
    put_string(&l, when);
    put(&l, ",\"level\":", 9);
    put_string(&l, level_names[level]);
    put(&l, ",\"event\":", 9);
    put_string(&l, event);
    for (int i = 0; i < n && has_room(&l); i++) {
        if (fields[i].type == LOG_FIELD_STRING && !fields[i].s)
            continue;
        put(&l, ",", 1);
        put_string(&l, fields[i].name);
        put(&l, ":", 1);
        put_value(&l, &fields[i]);
    }
    memcpy(l.s + l.len, "}\n", 2);
    l.len += 2;
    if (!gathered.on) {
        put_out(l.s, l.len);
        return;
    }
    if (gathered.len + l.len > sizeof gathered.s)
        log_flush();
    memcpy(gathered.s + gathered.len, l.s, l.len);
    gathered.len += l.len;
    if (level <= LOG_WARN)
        log_flush();
}

/* MESSAGE, which journalctl shows, says all of it; the fields are for journalctl's matches. */
static void write_journal(enum log_level level, const char *event, const struct log_field *fields, int n)
{
    struct line message = {.len = 0};
    put(&message, "MESSAGE=", 8);
    put(&message, event, strlen(event));
    char text[FIELDS_MAX][256];
    struct iovec iov[FIELDS_MAX];
    int used = 0;
#define ADD(...)                                                                                             \
    do {                                                                                                     \
        int len = snprintf(text[used], sizeof text[used], __VA_ARGS__);                                      \
        iov[used].iov_base = text[used];                                                                     \
        iov[used].iov_len = len < (int)sizeof text[used] ? (size_t)len : sizeof text[used] - 1;              \
        used++;                                                                                              \
    } while (0)
    ADD("PRIORITY=%d", syslog_priority[level]);
    ADD("SYSLOG_IDENTIFIER=kagari");
    ADD("KAGARI_EVENT=%s", event);
    for (int i = 0; i < n && used < FIELDS_MAX - 1 && has_room(&message); i++) {
        if (fields[i].type == LOG_FIELD_STRING && !fields[i].s)
            continue;
        put(&message, " ", 1);
        put(&message, fields[i].name, strlen(fields[i].name));
        put(&message, "=", 1);
        put_value(&message, &fields[i]);
        char name[64];
        size_t j = 0;
        for (; fields[i].name[j] && j < sizeof name - 1; j++)
            name[j] = (char)(fields[i].name[j] >= 'a' && fields[i].name[j] <= 'z' ? fields[i].name[j] - 32
                                                                                  : fields[i].name[j]);
        name[j] = '\0';
        if (fields[i].type == LOG_FIELD_INT)
            ADD("KAGARI_%s=%lld", name, (long long)fields[i].i);
        else
            ADD("KAGARI_%s=%s", name, fields[i].s);
    }
#undef ADD
    iov[used++] = (struct iovec){message.s, message.len};
    sd_journal_sendv(iov, used);
}

/* $JOURNAL_STREAM names the device and inode that systemd connected to stderr (systemd.exec(5)). */
static bool to_journal(void)
{
    static _Atomic int known; /* 0 not asked, 1 no, 2 yes */
    if (!known) {
        const char *env = getenv("JOURNAL_STREAM");
        struct stat st;
        unsigned long long dev = 0, ino = 0;
        bool yes = env && sscanf(env, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                   st.st_dev == dev && st.st_ino == ino;
        known = yes ? 2 : 1;
    }
    return known == 2;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, int n)
{
    if ((int)level > threshold)
        return;
    if (to_journal())
        write_journal(level, event, fields, n);
    else
        write_json(level, event, fields, n);
}
