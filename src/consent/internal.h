/*
 * src/consent/internal.h: what the files of the module share.
 *
 *   rule.c     Consent → rules              member.c   who belongs to which organization, team, group
 *   decide.c   rules × caller → conditions  current.c  the set in force
 *   emergency.c  records that are open to somebody
 */
#ifndef KAGARI_CONSENT_INTERNAL_H
#define KAGARI_CONSENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "consent/consent.h"

/* Does it apply? MAYBE: nobody knows. */
enum consent__tri { NO, MAYBE, YES };

enum consent__type { CONSENT__NOTHING, CONSENT__DENY, CONSENT__PERMIT };

struct consent__actor {
    bool caller;    /* by its role: it is who asks; else who holds or has written the data */
    struct str who; /* "Practitioner/7"; len 0: none of this server */
    const struct fhir_type *type;
};

struct consent__code {
    const char *system, *code; /* system NULL: none */
};

struct consent__data {
    const struct fhir_type *type;
    struct str id;
};

struct consent__rule {
    enum consent__type type; /* NOTHING: not said */
    bool unsure;             /* part of it is beyond us: it may hold */
    int64_t from, to;        /* µs */
    struct consent__actor *actors;
    size_t n_actors, cap_actors;
    bool has_actions;
    enum consent__tri reads, writes; /* the actions, together */
    struct consent__code *labels, *purposes, *codes;
    size_t n_labels, cap_labels, n_purposes, cap_purposes, n_codes, cap_codes;
    bool odd_label, odd_purpose, odd_class, odd_code, odd_data; /* one of them is not understood */
    const struct fhir_type **classes;
    size_t n_classes, cap_classes;
    bool has_data_period;
    int64_t data_from, data_to;
    struct consent__data *data;
    size_t n_data, cap_data;
    const struct consent__rule *child, *next;
};

struct consent__consent {
    int64_t patient; /* search_hash_id() */
    int64_t at_us;   /* dateTime */
    enum consent__type base;
    const struct consent__rule *root; /* NULL: none */
};

/* ---- rule.c ---- */

struct consent__reader {
    const struct fhir_defs *defs;
    const struct search_tenant *tenant;
    struct arena *a;
    struct str base;
    struct consent_finding *found; /* what was not understood */
    size_t n_found, cap_found;
};
/* False: it is not one that is in force, whatever the time. What is kept is in r->a and does not point into resource. */
bool consent__read(struct consent__reader *r, const json *resource, struct consent__consent *out);
/* "Type/id" of this server; len 0: none. */
struct str consent__local(const struct consent__reader *r, const json *reference,
                          const struct fhir_type **type);

/* ---- member.c ---- */

struct consent__pair {
    struct str group, member; /* "Organization/1", "Practitioner/7" */
};
/* Sorted by member. */
struct consent__members {
    struct consent__pair *list;
    size_t n, cap;
    struct str *groups; /* CareTeams, Groups and PractitionerRoles that there are */
    size_t n_groups, cap_groups;
};
void consent__read_members(struct consent__reader *r, const struct fhir_type *type, struct str id,
                           const json *resource, int64_t now_us, struct consent__members *m);
void consent__sort_members(struct consent__members *m);
enum consent__tri consent__is_actor(const struct consent__members *m, const struct consent_caller *caller,
                                    const struct consent__actor *actor);

/* ---- decide.c ---- */

struct consent__verdict {
    const struct search_condition *denies,
        *permits; /* the first rather more, the second rather less than is said */
};
extern const struct search_condition consent__always, consent__never;
const struct search_condition *consent__either(struct arena *a, const struct search_condition *x,
                                               const struct search_condition *y);
const struct search_condition *consent__both(struct arena *a, const struct search_condition *x,
                                             const struct search_condition *y);
const struct search_condition *consent__not(struct arena *a, const struct search_condition *x);
struct consent__verdict consent__decide(struct arena *a, const struct consent__members *m,
                                        const struct consent_caller *caller,
                                        const struct consent__consent *c);

/* ---- emergency.c ---- */

struct consent__openings {
    pthread_mutex_t lock; /* of what follows */
    struct arena a;
    struct consent__opening {
        struct str who;
        int64_t patient; /* search_hash_id() */
        int64_t until_us;
    } * list;
    size_t n;
    atomic_bool any;
};
void consent__openings_init(struct consent__openings *o);
void consent__openings_release(struct consent__openings *o);
bool consent__openings_read(struct consent__openings *o, const struct fhir_defs *d, const struct store *s,
                            struct db_conn *conn, struct arena *a, struct err *err) NODISCARD;
size_t consent__openings_of(struct consent__openings *o, struct arena *a, struct str who,
                            const int64_t **patients);

#endif
