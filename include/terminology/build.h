/*
 * terminology/build.h: a code system being made concept by concept, without a tree of the whole, and its image: the compact
 * form as bytes, which is kept in the database and used where it lies (docs/terminology.md).
 *
 * Memory is that of the image and a quarter more. One thread; strings are copied.
 */
#ifndef KAGARI_TERMINOLOGY_BUILD_H
#define KAGARI_TERMINOLOGY_BUILD_H

#include "terminology/terminology.h"

struct terminology_build;

struct terminology_head {
    const char *url, *version, *name; /* version and name may be NULL */
    enum terminology_content content; /* complete or a fragment */
    bool case_sensitive;
};
struct terminology_build *terminology_build_new(const struct terminology_head *head);
void terminology_build_free(struct terminology_build *b);

/* The concept of that code, which is made when it is not there yet; *is_new may be NULL. */
uint32_t terminology_build_concept(struct terminology_build *b, struct str code, bool *is_new);
bool terminology_build_find(const struct terminology_build *b, struct str code, uint32_t *at);
uint32_t terminology_build_count(const struct terminology_build *b);
/* The first one that is given stays. */
void terminology_build_display(struct terminology_build *b, uint32_t at, struct str text);
bool terminology_build_has_display(const struct terminology_build *b, uint32_t at);
void terminology_build_definition(struct terminology_build *b, uint32_t at, struct str text);
void terminology_build_designation(struct terminology_build *b, uint32_t at, struct str language,
                                   struct str value);
/* type: "code", "string", "integer", "boolean", "dateTime", "decimal"; another one: string. */
void terminology_build_property(struct terminology_build *b, uint32_t at, const char *code, const char *type,
                                struct str value);
void terminology_build_inactive(struct terminology_build *b, uint32_t at);
void terminology_build_abstract(struct terminology_build *b, uint32_t at);
/* parent may come later; one that never does is left out. */
void terminology_build_parent(struct terminology_build *b, uint32_t at, struct str parent);

/* The image; it belongs to a. ERR_TOO_LARGE. */
bool terminology_build_image(struct terminology_build *b, struct arena *a, struct str *image,
                             struct err *err) NODISCARD;
/* What an image is known by: 32 hexadecimal digits of its content. */
void terminology_image_name(struct str image, char out[33]);

/* The code system of an image, which has to stay where it is. ERR_UNSUPPORTED: it is of another version, or broken. */
bool terminology_image_open(struct arena *a, struct str image, const struct terminology_system **out,
                            struct err *err) NODISCARD;

/* ---- readers of what terminologies are published as -------------------------------------------------------- */

/* Called now and then with what has been read. */
typedef void (*terminology_progress)(void *arg, const char *file, uint64_t lines, uint32_t concepts);

struct terminology_import {
    struct terminology_build *build;
    terminology_progress progress; /* may be NULL */
    void *arg;
};

/*
 * A table with a line of column names, and what its columns mean. A mapping has lines "what = column":
 *     code, display, definition, parent, abstract, inactive; designation.LANGUAGE; property.CODE[:TYPE]
 * inactive and abstract may say by which values: "inactive = STATUS: DEPRECATED, DISCOURAGED"; without, by true, 1, yes.
 * A column is named, or numbered as #1 where the file has no names ("header = no"). encoding = utf-8, shift_jis …;
 * separator = , or ; or tab. Lines that begin with # are comments.
 */
struct terminology_mapping;
bool terminology_mapping_read(struct arena *a, struct str text, const struct terminology_mapping **out,
                              struct err *err) NODISCARD;
bool terminology_import_csv(const struct terminology_import *to, const struct terminology_mapping *m,
                            const char *path, struct err *err) NODISCARD;
/* LOINC's Loinc.csv, and its ComponentHierarchyBySystem.csv. */
extern const char terminology_mapping_loinc[], terminology_mapping_loinc_hierarchy[];

/* A file of a SNOMED CT snapshot (RF2): concepts, descriptions, relationships, told apart by its first line. Concepts come
 * first. */
bool terminology_import_rf2(const struct terminology_import *to, const char *path, struct err *err) NODISCARD;

#endif
