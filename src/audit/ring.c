/*
 * A ring of records in a mapped file of fixed size. What a process stores there the kernel keeps when the process is
 * killed: no system call an entry, and no turn of the loop in which one could be lost. The file is allocated whole, so
 * that a full disk is met when the server starts and never by a store into a page that cannot be had.
 *
 * Offsets count all bytes ever put; modulo the size they are the place. A record does not wrap: what is left at the end is
 * skipped. Every start of a server makes rings of its own; those that another one has left are read to their end, which
 * is not believed but found, by walking records whose number and check sum are right.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "crypto/random.h"
#include "internal.h"

enum { HEAD = 4096, ALIGN = 8, REWIND = 256 * 1024 };
static const char magic[8] = "KGAUDIT1";
static const uint32_t skip = UINT32_MAX;

/* The oldest record that is still wanted. Written in turn, so that one of the two is whole. */
struct mark {
    uint64_t at, seq, check;
};

struct head {
    char magic[8];
    uint64_t room; /* bytes behind the head */
    int64_t id;
    struct mark marks[2];
};

struct record {
    uint32_t len, check;
    uint64_t seq;
};

struct audit__ring {
    int fd; /* -1: memory alone */
    char *path;
    struct head *head;
    uint8_t *data;
    size_t room;
    uint64_t seq;           /* the writer's: of the next record */
    _Atomic uint64_t until; /* where it goes */
    _Atomic uint64_t from;  /* the reader's */
    uint64_t from_seq;      /* the same */
    uint64_t given_back;    /* the same: pages before this are not held in memory */
};

static uint32_t check_of(uint64_t seq, const void *data, size_t len)
{
    const struct hash_key key = {seq, UINT64_C(0x6b61676172692121)};
    return (uint32_t)hash_bytes(&key, data, len);
}

static size_t whole(size_t len)
{
    return (sizeof(struct record) + len + ALIGN - 1) / ALIGN * ALIGN;
}

/* The record there, or the one behind the end of the file; NULL: none that is whole. */
static const struct record *look(const struct audit__ring *r, uint64_t *at, uint64_t seq)
{
    const struct record *rec = (const struct record *)(r->data + *at % r->room);
    size_t left = r->room - *at % r->room;
    if (left < sizeof *rec || rec->len == skip) {
        *at += left;
        left = r->room;
        rec = (const struct record *)r->data;
    }
    if (rec->seq != seq || rec->len > left - sizeof *rec || check_of(seq, rec + 1, rec->len) != rec->check)
        return NULL;
    return rec;
}

static uint64_t mark_check(const struct mark *m)
{
    const struct hash_key key = {UINT64_C(0x6d61726b), 0};
    return hash_bytes(&key, m, offsetof(struct mark, check));
}

static void find_start(struct audit__ring *r)
{
    struct mark best = {0};
    for (int i = 0; i < 2; i++) {
        const struct mark *m = &r->head->marks[i];
        if (m->check == mark_check(m) && m->at > best.at)
            best = *m;
    }
    atomic_store(&r->from, best.at);
    r->given_back = best.at / HEAD * HEAD;
    r->from_seq = best.seq;
}

static void find_end(struct audit__ring *r)
{
    uint64_t from = atomic_load(&r->from), at = from, seq = r->from_seq;
    for (;;) {
        uint64_t place = at;
        const struct record *rec = look(r, &place, seq);
        if (!rec || place + whole(rec->len) > from + r->room)
            break;
        at = place + whole(rec->len);
        seq++;
    }
    r->seq = seq;
    atomic_store(&r->until, at);
}

static bool failed(struct err *err, const char *what)
{
    return err_detail(err, ERR_INTERNAL, "The audit spool cannot be used (audit.directory)", "%s: %s", what,
                      strerror(errno));
}

static bool map(struct audit__ring *r, struct err *err)
{
    void *m = mmap(NULL, HEAD + r->room, PROT_READ | PROT_WRITE,
                   r->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, r->fd, 0);
    if (m == MAP_FAILED)
        return failed(err, "map");
    r->head = m;
    r->data = (uint8_t *)m + HEAD;
    return true;
}

static struct audit__ring *blank(void)
{
    struct audit__ring *r = calloc(1, sizeof *r);
    if (r)
        r->fd = -1;
    return r;
}

bool audit__ring_new(const char *dir, size_t room, struct audit__ring **out, struct err *err)
{
    struct audit__ring *r = blank();
    int64_t id;
    if (!r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    crypto_random(&id, sizeof id);
    r->room = room / HEAD * HEAD;
    bool ok = true;
    if (dir) {
        ok = asprintf(&r->path, "%s/" AUDIT__RING "%016llx", dir, (unsigned long long)id) > 0;
        r->fd = ok ? open(r->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
        ok = r->fd >= 0 && flock(r->fd, LOCK_EX | LOCK_NB) == 0;
        if (ok)
            errno = posix_fallocate(r->fd, 0, (off_t)(HEAD + r->room));
        ok = (ok && errno == 0) || failed(err, "making a file");
    }
    if (!ok || !map(r, err)) {
        if (r->fd >= 0)
            unlink(r->path);
        audit__ring_close(r);
        return false;
    }
    r->head->room = r->room;
    r->head->id = id;
    memcpy(r->head->magic, magic, sizeof magic);
    *out = r;
    return true;
}

bool audit__ring_adopt(const char *path, struct audit__ring **out, struct err *err)
{
    struct audit__ring *r = blank();
    struct stat st;
    struct head there = {0};
    if (!r)
        return err_set(err, ERR_INTERNAL, "out of memory");
    r->path = strdup(path);
    r->fd = open(path, O_RDWR | O_CLOEXEC);
    if (r->fd < 0 || flock(r->fd, LOCK_EX | LOCK_NB) != 0 || fstat(r->fd, &st) != 0 || st.st_nlink == 0) {
        audit__ring_close(r);
        return err_set(err, ERR_CONFLICT, "Another process has this file, or had it");
    }
    bool ok = pread(r->fd, &there, sizeof there, 0) == sizeof there &&
              memcmp(there.magic, magic, sizeof magic) == 0 && there.room >= HEAD &&
              there.room + HEAD == (uint64_t)st.st_size;
    r->room = there.room;
    if (!ok || !map(r, err)) {
        audit__ring_close(r);
        return err_detail(err, ERR_INVALID, "A file of the audit spool is damaged", "%s", path);
    }
    find_start(r);
    find_end(r);
    *out = r;
    return true;
}

void audit__ring_close(struct audit__ring *r)
{
    if (r->fd >= 0 && r->head && audit__ring_used(r) == 0)
        unlink(r->path);
    if (r->head)
        munmap(r->head, HEAD + r->room);
    if (r->fd >= 0)
        close(r->fd);
    free(r->path);
    free(r);
}

bool audit__ring_put(struct audit__ring *r, const void *record, size_t len)
{
    uint64_t at = atomic_load_explicit(&r->until, memory_order_relaxed);
    uint64_t from = atomic_load_explicit(&r->from, memory_order_acquire);
    size_t left = r->room - at % r->room, need = whole(len), gap = need > left ? left : 0;
    if (at == from && at % r->room > REWIND) /* empty: the same pages again, not all of them in turn */
        gap = left;
    if (at + gap + need > from + r->room)
        return false;
    if (gap >= sizeof(struct record))
        ((struct record *)(r->data + at % r->room))->len = skip;
    at += gap;
    struct record *rec = (struct record *)(r->data + at % r->room);
    memcpy(rec + 1, record, len);
    rec->len = (uint32_t)len;
    rec->check = check_of(r->seq, rec + 1, len);
    rec->seq = r->seq++;
    atomic_store_explicit(&r->until, at + need, memory_order_release);
    return true;
}

int64_t audit__ring_id(const struct audit__ring *r)
{
    return r->head->id;
}

size_t audit__ring_room(const struct audit__ring *r)
{
    return r->room;
}

size_t audit__ring_used(const struct audit__ring *r)
{
    uint64_t from = atomic_load(&r->from); /* first: the other may only grow meanwhile */
    return (size_t)(atomic_load(&r->until) - from);
}

void audit__ring_first(const struct audit__ring *r, struct audit__cursor *c)
{
    *c = (struct audit__cursor){atomic_load(&r->from), r->from_seq};
}

bool audit__ring_next(const struct audit__ring *r, struct audit__cursor *c, struct str *record)
{
    uint64_t at = c->at;
    if (at >= atomic_load_explicit(&r->until, memory_order_acquire))
        return false;
    const struct record *rec = look(r, &at, c->seq);
    if (!rec)
        return false;
    *record = (struct str){(const char *)(rec + 1), rec->len};
    *c = (struct audit__cursor){at + whole(rec->len), c->seq + 1};
    return true;
}

/* Whole pages before upto, as long as no writer has them: under load the writer goes through all of the file. */
static void give_back(struct audit__ring *r, uint64_t upto)
{
    uint64_t end = upto / HEAD * HEAD, from = r->given_back % r->room, to = end % r->room;
    if (end - r->given_back < REWIND)
        return;
    if (from < to) {
        madvise(r->data + from, to - from, MADV_DONTNEED);
    } else {
        madvise(r->data + from, r->room - from, MADV_DONTNEED);
        madvise(r->data, to, MADV_DONTNEED);
    }
    r->given_back = end;
}

void audit__ring_drop(struct audit__ring *r, const struct audit__cursor *upto)
{
    give_back(r, upto->at);
    struct mark m = {.at = upto->at, .seq = upto->seq};
    m.check = mark_check(&m);
    struct mark *older = &r->head->marks[r->head->marks[0].at > r->head->marks[1].at];
    *older = m;
    r->from_seq = upto->seq;
    atomic_store_explicit(&r->from, upto->at, memory_order_release);
}

bool audit__ring_durable(const struct audit__ring *r)
{
    return r->fd >= 0;
}

bool audit__ring_sync(struct audit__ring *r)
{
    return r->fd < 0 || fdatasync(r->fd) == 0;
}
