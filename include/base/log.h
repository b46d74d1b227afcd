/*
 * base/log.h: structured log. One event is one line: JSON on stderr, or fields of a journald entry when
 * stderr is the journal.
 *
 *     log_event(LOG_INFO, "request", LOG_S("method", "GET"), LOG_I("status", 200));
 *
 * Only typed fields, whose names are literals: there is no call that takes a body, a header or a search
 * value, and none is to be added. Thread safe; a line is written whole.
 *
 * A thread that comes by log_flush() again and again may gather lines: then a write is for many of them. Warnings and
 * errors are written at once, with what came before them.
 */
#ifndef KAGARI_BASE_LOG_H
#define KAGARI_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
    const char *name;
    enum { LOG_FIELD_STRING, LOG_FIELD_INT } type;
    const char *s;
    int64_t i;
};

#define LOG_S(field, value) ((struct log_field){(field), LOG_FIELD_STRING, (value), 0})
#define LOG_I(field, value) ((struct log_field){(field), LOG_FIELD_INT, NULL, (int64_t)(value)})

#define log_event(level, event, ...)                                                                         \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                                     \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_write(enum log_level level, const char *event, const struct log_field *fields, int n);
void log_gather(bool on); /* of the calling thread; off: what there is is written */
void log_flush(void);
void log_set_level(enum log_level level);
bool log_level_parse(const char *name, enum log_level *out);

#endif
