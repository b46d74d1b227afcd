/* src/api/codes.h: what the operations on CodeSystem, ValueSet and ConceptMap share (codes.c). */
#ifndef KAGARI_API_CODES_H
#define KAGARI_API_CODES_H

#include "internal.h"

/* A coding that is asked about; s NULL: not given. */
struct codes_coding {
    struct str system, version, code, display;
};

/* One of: code, with its system in the parameter `system` names; coding; codeableConcept. */
bool codes_read(struct api_request *r, const char *system, struct codes_coding **out, size_t *n,
                struct err *err) NODISCARD;
/* "system|version" */
struct str codes_canonical(struct arena *a, struct str system, struct str version);
/* A value set, and what is known where it is: with one that is given, what it contains. */
struct codes_set {
    const struct conformance_view *view;
    const struct terminology_valueset *set;
    const json *given;                 /* NULL: it was not given with the request */
    const struct conformance_entry *e; /* NULL: it was, or nobody stores it */
};
/* By the parameters url (and valueSetVersion), valueSet or context, or of the instance; as things are now. */
bool codes_valueset(struct api_request *r, struct db_conn *conn, struct codes_set *out,
                    struct err *err) NODISCARD;
/* As a tree; *out NULL: there is nothing but what its URL says. */
bool codes_definition(struct api_request *r, const struct codes_set *set, const json **out,
                      struct err *err) NODISCARD;
/* The parameter date, where it is given, is none of the past: what was in force then is not known. */
bool codes_present(const struct api_request *r, struct err *err) NODISCARD;
/* "ja" is the language of "ja-JP". wanted s NULL: false. */
bool codes_speaks(const char *language, struct str wanted);
/* In the displayLanguage, where there is one; NULL: it has none. */
const char *codes_display(struct api_request *r, const struct conformance_view *v,
                          const struct terminology_system *s, uint32_t at);
/* An argument that is true or false; not given: false. */
bool codes_flag(const struct api_request *r, const char *name, bool *out, struct err *err) NODISCARD;

/* A Parameters resource being made; member "valueString" and its like. */
json *codes_parameters(struct arena *a);
json *codes_add(struct arena *a, json *parameters, const char *name, const char *member, json *value);
/* A parameter `message` that is not anywhere yet. */
json *codes_message(struct arena *a, const char *text);
/* Another parameter below one: parts. */
json *codes_part(struct arena *a, json *parameter, const char *name, const char *member, json *value);
void codes_answer(struct api_request *r, const json *resource, struct api_response *out);

#endif
