/*
 * validate/message.h: the texts of findings in other languages than English.
 *
 * Who finds something writes English, with printf's conversions; that text is the key of its translation in the tables of
 * message_ja.c. There {1}, {2} … stand for the conversions in the order of the English text. An argument that is itself a
 * text of the tables is translated too: "%s: %s" with a path and a sentence.
 */
#ifndef KAGARI_VALIDATE_MESSAGE_H
#define KAGARI_VALIDATE_MESSAGE_H

#include "validate/validate.h"

struct message {
    const char *english, *translated;
};

struct messages {
    const struct message *list;
    size_t n;
};

extern const struct messages
    messages_ja; /* in no order: few are asked for, and only where something is wrong */

/* NULL: not translated, or English itself. */
const char *message_translation(enum language language, const char *english);

/* The text, in the language when there is a translation. Conversions: s d i u x c f g, with flags, width, precision, l, ll
 * and z. */
const char *message_text(struct arena *a, enum language language, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
