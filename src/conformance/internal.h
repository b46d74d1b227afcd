/*
 * conformance/internal.h: what the files of the module share.
 *
 *   package.c      what packages bring                  head.c         what a text says about itself
 *   view.c         the snapshot: canonical → entry      slot.c         what modules keep beside a view
 *   entry.c        one resource: text, read when asked  trim.c         what is kept of a resource
 *   definitions.c  the built-in resources
 *   current.c      the snapshot in force, following the database
 */
#ifndef KAGARI_CONFORMANCE_INTERNAL_H
#define KAGARI_CONFORMANCE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "conformance/distil.h"

/* ---- entry.c ---------------------------------------------------------------------------------------------- */

/* Memory for what is stored: what is used is counted when a resource is added and when it is read. */
struct conformance__budget {
    size_t limit;
    atomic_size_t used;
};

/* Where what has been read of entries is kept. */
struct conformance__library {
    pthread_mutex_t lock; /* of what follows */
    struct arena a;
    struct conformance__budget *budget; /* of a library that has one entry only; NULL: no limit */
};
/* Belongs to a. */
struct conformance__library *conformance__library_new(struct arena *a, struct conformance__budget *budget);

struct conformance_entry {
    enum conformance_kind kind;
    const char *url, *version; /* version NULL: none */
    const char *supplements;   /* of a CodeSystem: the URL of the one that it adds to, or NULL */
    const char *image_name;    /* of a CodeSystem: that of its image, or NULL */
    struct str image;          /* as long as the entry; s NULL: it is not here */
    int layer;                 /* higher is better, whatever else there is: what a request brings */
    int rank;                  /* lower is better; versions are compared after it */
    const char *package;       /* that it is of, with its version, or NULL */
    struct str id;             /* of the stored resource; s NULL: not stored */
    struct str text;           /* JSON */
    bool whole;                /* text has not been trimmed */
    struct conformance__library *library;
    /* The rest is filled in by the first question. */
    _Atomic(const void *) read;  /* NULL: not read yet, or wrong */
    _Atomic(const char *) wrong; /* why it cannot be used; NULL: it can, as far as is known */
};

enum {
    CONFORMANCE__STATUSES = 8
}; /* of a rank: the lower part is the status, the upper one what there is of the content */

#define CONFORMANCE__DEPTH     200 /* of files of packages */
#define CONFORMANCE__TOO_LARGE "It is larger than what conformance.memory leaves for it"

/* What a resource brings: itself, and of a CodeSystem the value set of all its codes that it names. It belongs to a; the
 * tree and scratch may go. id s NULL: not stored. budget NULL: no limit. */
enum { CONFORMANCE__BRINGS = 2 };
/* The ValueSet of all codes of a CodeSystem. */
struct conformance_entry *conformance__all_codes(struct arena *a, struct arena *scratch, struct str valueset,
                                                 struct str system, struct str version);
/* The same of a text that has been trimmed already. */
size_t conformance__kept(struct arena *a, struct arena *scratch, enum conformance_kind kind, struct str kept,
                         struct str id, const char *package, struct conformance__budget *budget,
                         struct conformance_entry *out[CONFORMANCE__BRINGS]);
/* Of CodeSystem.content and status; s NULL: it has none. */
int conformance__rank_of(struct str content, struct str status);
size_t conformance__entries(struct arena *a, struct arena *scratch, enum conformance_kind kind,
                            const json *resource, struct str id, struct conformance__budget *budget,
                            struct conformance_entry *out[CONFORMANCE__BRINGS]);

/* ---- head.c ----------------------------------------------------------------------------------------------- */

enum conformance__heads {
    CONFORMANCE__TYPE,
    CONFORMANCE__ID,
    CONFORMANCE__URL,
    CONFORMANCE__VERSION,
    CONFORMANCE__STATUS,
    CONFORMANCE__CONTENT,
    CONFORMANCE__VALUESET,
    CONFORMANCE__SUPPLEMENTS,
    CONFORMANCE__N_HEADS
};
/* Slices of text; s NULL: it is not there, or no string, or of no interest (of another type than a kind, only that is
 * sure to be there). False: it has to be read really. */
bool conformance__head(struct str text, struct str out[CONFORMANCE__N_HEADS]);
enum conformance_kind conformance__kind(struct str type); /* CONFORMANCE_N_KINDS: another */

/* ---- view.c ----------------------------------------------------------------------------------------------- */

struct conformance_view {
    struct conformance_entry **entries;    /* sorted by kind, URL, and the better first */
    size_t first[CONFORMANCE_N_KINDS + 1]; /* of each kind, and the end */
    uint32_t *slots, mask;                 /* kind and URL → first entry + 1; 0: free */
    const struct fhir_defs *defs;
    int layer; /* the highest of its entries */
    bool definitions;
    struct conformance__kept *kept; /* slot.c */
};

/* base (NULL: none) and these. It belongs to a. */
struct conformance_view *conformance__view_new(struct arena *a, const struct fhir_defs *defs,
                                               const struct conformance_view *base,
                                               struct conformance_entry *const *entries, size_t n);

/* ---- slot.c ----------------------------------------------------------------------------------------------- */

/* Belongs to a: what is in it is released with it. */
struct conformance__kept *conformance__kept_new(struct arena *a);

#endif
