/*
 * base/json.h: lossless JSON on cJSON's tree. The only module that knows how.
 *
 * cJSON's own parser rounds decimals (1.10 becomes 1.1), stops at \u0000 and keeps duplicate keys, and its
 * printer prints doubles; so the tree is cJSON's and the reading and printing are ours. Rules of a tree made
 * by json_parse():
 *   - a number node has its literal in valuestring, exactly as written, and an approximation in valuedouble;
 *   - a string node has valid UTF-8 without NUL in valuestring;
 *   - the members of an object keep their order and their keys are unique;
 *   - a node knows where in the text its value began (valueint; a copy keeps it);
 *   - everything lives in the arena: never call cJSON_Delete() on any of it.
 * Nodes may be moved, added and detached by the functions below.
 *
 * Rejected, with line and column in err: bytes after the value, duplicate keys, invalid UTF-8, lone
 * surrogates, U+0000, control characters in strings, numbers outside the JSON grammar, depth beyond the
 * limit.
 */
#ifndef KAGARI_BASE_JSON_H
#define KAGARI_BASE_JSON_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/str.h"

typedef struct cJSON json; /* shorter in signatures */

bool json_parse(struct arena *a, struct str text, int max_depth, json **out, struct err *err) NODISCARD;

/* Prints compactly, or with two blanks an indent. */
void json_print(struct buf *b, const json *node, bool pretty);
struct str json_text(struct arena *a, const json *node);

/* Kinds. A NULL node is of no kind. */
static inline bool json_is_object(const json *n)
{
    return n && (n->type & 0xff) == cJSON_Object;
}
static inline bool json_is_array(const json *n)
{
    return n && (n->type & 0xff) == cJSON_Array;
}
static inline bool json_is_string(const json *n)
{
    return n && (n->type & 0xff) == cJSON_String;
}
static inline bool json_is_number(const json *n)
{
    return n && (n->type & 0xff) == cJSON_Number;
}
static inline bool json_is_bool(const json *n)
{
    return n && (n->type & (cJSON_True | cJSON_False));
}
static inline bool json_is_true(const json *n)
{
    return n && (n->type & 0xff) == cJSON_True;
}
static inline bool json_is_null(const json *n)
{
    return n && (n->type & 0xff) == cJSON_NULL;
}

/* Look-ups; NULL when absent or the parent is no object. */
json *json_get(const json *object, const char *name);
const char *json_get_string(const json *object, const char *name); /* NULL unless a string */
json *json_at(const json *array, size_t index);
size_t json_count(const json *parent);

/* Where in its text the value began, in bytes; a byte order mark does not count. JSON_NOWHERE: it was not read, or further
 * down than an int reaches. */
#define JSON_NOWHERE SIZE_MAX
static inline size_t json_offset(const json *n)
{
    return n && n->valueint > 0 ? (size_t)n->valueint - 1 : JSON_NOWHERE;
}
static inline void json_set_offset(json *n, size_t offset)
{
    n->valueint = offset < INT32_MAX ? (int)offset + 1 : 0;
}

#define json_each(item, parent) for (json *item = (parent) ? (parent)->child : NULL; item; item = item->next)

/* Making. Strings are copied into the arena. */
json *json_object(struct arena *a);
json *json_array(struct arena *a);
json *json_string(struct arena *a, const char *s);
json *json_string_n(struct arena *a, struct str s);
json *json_int(struct arena *a, long long v);
json *json_number(struct arena *a, const char *literal);
json *json_bool(struct arena *a, bool v);
json *json_null(struct arena *a);
json *json_copy(struct arena *a, const json *node); /* deep */

/* Changing. add appends; put replaces a member of that name or appends; both return the value. */
json *json_add(struct arena *a, json *object, const char *name, json *value);
json *json_put(struct arena *a, json *object, const char *name, json *value);
json *json_push(json *array, json *value);
void json_insert_after(json *parent, json *before, json *value); /* before NULL: first */
void json_detach(json *parent, json *value);
static inline json *json_add_string(struct arena *a, json *o, const char *name, const char *s)
{
    return json_add(a, o, name, json_string(a, s));
}

/* Same content: members in any order, array order kept, numbers by their literals. */
bool json_equal(const json *a, const json *b);

#endif
