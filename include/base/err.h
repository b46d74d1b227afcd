/*
 * base/err.h: how a function says that it failed.
 *
 *     bool thing_do(…, struct err *err);   // false: *err is filled in; true: *err is untouched
 *
 * The kind decides the HTTP status and the OperationOutcome issue code, in api/outcome.c alone. msg may be
 * shown to any client: what is wrong and what to do about it, no internals, no value of a patient's record.
 * detail goes to the log only. expression is the FHIRPath of the element at fault, or empty.
 */
#ifndef KAGARI_BASE_ERR_H
#define KAGARI_BASE_ERR_H

#include <stdbool.h>

/*      kind             meaning */
#define ERR_KINDS(X)                                                                                         \
    X(ERR_SYNTAX)  /* the input cannot be parsed */                                                          \
    X(ERR_INVALID) /* parsed, but breaks a rule of FHIR or of the URL grammar */                             \
    X(ERR_RULE)    /* breaks a rule of this server or of a profile */                                        \
    X(ERR_NOT_FOUND)                                                                                         \
    X(ERR_GONE)         /* was deleted */                                                                    \
    X(ERR_CONFLICT)     /* another writer was there, or the state forbids it */                              \
    X(ERR_PRECONDITION) /* If-Match and its like do not hold */                                              \
    X(ERR_MULTIPLE)     /* a conditional interaction matches several */                                      \
    X(ERR_LOGIN)        /* no valid token */                                                                 \
    X(ERR_FORBIDDEN)    /* a valid token that may not do this */                                             \
    X(ERR_METHOD)       /* the URL knows other methods */                                                    \
    X(ERR_ACCEPT)       /* no representation that the client accepts */                                      \
    X(ERR_MEDIA)        /* Content-Type or Content-Encoding not understood */                                \
    X(ERR_TOO_LARGE)    /* beyond a configured limit of size, depth or count */                              \
    X(ERR_TOO_COSTLY)   /* the question is too expensive; narrow it */                                       \
    X(ERR_UNSUPPORTED)  /* a thing of FHIR this server does not do */                                        \
    X(ERR_BUSY)         /* no capacity, or PostgreSQL is away; try again */                                  \
    X(ERR_BUDGET)       /* the question took longer than one may; narrow it */                               \
    X(ERR_TIMEOUT)      /* took longer than the configured time */                                           \
    X(ERR_INTERNAL)     /* our fault */

enum err_kind {
#define X(kind) kind,
    ERR_KINDS(X)
#undef X
};

struct err {
    enum err_kind kind;
    int line, column; /* in the input, from 1; 0: unknown */
    char msg[512];
    char detail[512];
    char expression[256];
};

/* Both return false, so that a failure is one line: return err_set(err, ERR_SYNTAX, "…"). */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with an element's FHIRPath. */
bool err_at(struct err *err, enum err_kind kind, const char *expression, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* ERR_INTERNAL or another kind whose cause only the log may know. */
bool err_detail(struct err *err, enum err_kind kind, const char *msg, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

const char *err_kind_name(enum err_kind kind); /* "ERR_SYNTAX" */

#define NODISCARD __attribute__((warn_unused_result))

#endif
