/*
 * identity/seal.h: a resource's text without what identifies a person, that beside it under encryption, and both together
 * again.
 *
 * Stored text is cut from the printed resource: pieces are taken out where they stand, so that the rest is JSON still, and
 * kept with the offset at which they belong. Putting them back needs no parser. All pieces of a resource are one
 * ciphertext (AES-256-GCM under the institution's data key). It is bound to the institution, the resource's type and id,
 * and the text that remains, so that nobody can put it beside another one. (Bound is the text itself:
 * a digest of it would bind the same.) Not bound are versionId and lastUpdated, which the
 * statement adds when the text is under way: "the text" here is what comes behind them.
 */
#ifndef KAGARI_IDENTITY_SEAL_H
#define KAGARI_IDENTITY_SEAL_H

#include "identity/keys.h"
#include "identity/policy.h"

struct identity_piece {
    size_t at; /* in the text without the pieces; ascending */
    struct str text;
};
struct identity_pieces {
    struct identity_piece *list;
    size_t n, cap;
};

/* Marks what the policy seals in the tree of a resource. False: nothing. */
bool identity_mark(const struct identity_policy *p, const struct fhir_defs *d, json *resource,
                   const struct fhir_type *type);
/* Prints ",\"name\":value" of a marked tree: what is not sealed to b, the rest to *out. */
void identity_print_member(struct buf *b, const json *member, struct identity_pieces *out);
/* The whole again. */
struct str identity_join(struct arena *a, struct str text, const struct identity_pieces *pieces);

/* Whose it is. */
struct identity_about {
    int32_t tenant;
    const char *type;
    struct str id;
};
void identity_seal(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                   struct str text, const struct identity_pieces *pieces, struct str *sealed);
/* content: what is stored, whose end is the text that was sealed with. *out is in a, and wiped with it. */
bool identity_open(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                   struct str content, struct str sealed, struct str *out, struct err *err) NODISCARD;
/* The same, sealed with the newest data key. */
bool identity_seal_anew(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                        struct str content, struct str sealed, struct str *out, struct err *err) NODISCARD;
/* The number of the data key; 0: it is no sealed text. */
int identity_key_of(struct str sealed);

/* A text sealed whole: what is kept for a while. context: what it is, and of whom. */
void identity_seal_text(const struct identity_keys *k, struct arena *a, struct str context, struct str text,
                        struct str *sealed);
bool identity_open_text(const struct identity_keys *k, struct arena *a, struct str context, struct str sealed,
                        struct str *out, struct err *err) NODISCARD;

/* For those who may not see it: as stored, with the security labels REDACTED and PSEUDED. */
bool identity_redact(struct arena *a, struct str content, struct str *out, struct err *err) NODISCARD;

#endif
