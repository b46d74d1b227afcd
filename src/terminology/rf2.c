/*
 * SNOMED CT as it is published (Release Format 2): tables of tabs, without quotes. Of each the first line tells which it
 * is. Display is the fully specified name; the synonyms are designations. Relationships: is-a is the hierarchy, the others
 * are properties by the code of their attribute.
 */
#include "csv.h"
#include "image.h"
#include "terminology/build.h"

#define FSN  "900000000000003001"
#define IS_A "116680003"

enum { CONCEPT_ID, CONCEPT_ACTIVE = 2, CONCEPT_COLUMNS = 5 };
enum { DESCRIPTION_ACTIVE = 2, DESCRIPTION_OF = 4, DESCRIPTION_LANGUAGE, DESCRIPTION_TYPE, DESCRIPTION_TERM };
enum { RELATION_ACTIVE = 2, RELATION_FROM = 4, RELATION_TO, RELATION_TYPE = 7 };

static void concept(struct terminology_build *b, const struct str *f)
{
    uint32_t at = terminology_build_concept(b, f[CONCEPT_ID], NULL);
    if (!str_is(f[CONCEPT_ACTIVE], "1"))
        terminology_build_inactive(b, at);
}

static void description(struct terminology_build *b, const struct str *f)
{
    uint32_t at;
    if (!str_is(f[DESCRIPTION_ACTIVE], "1") || !terminology_build_find(b, f[DESCRIPTION_OF], &at))
        return;
    if (str_is(f[DESCRIPTION_TYPE], FSN) && !terminology_build_has_display(b, at))
        terminology_build_display(b, at, f[DESCRIPTION_TERM]);
    else
        terminology_build_designation(b, at, f[DESCRIPTION_LANGUAGE], f[DESCRIPTION_TERM]);
}

static void relationship(struct terminology_build *b, const struct str *f)
{
    uint32_t at;
    char type[24];
    if (!str_is(f[RELATION_ACTIVE], "1") || !terminology_build_find(b, f[RELATION_FROM], &at) ||
        f[RELATION_TYPE].len >= sizeof type)
        return;
    memcpy(type, f[RELATION_TYPE].s, f[RELATION_TYPE].len);
    type[f[RELATION_TYPE].len] = '\0';
    if (strcmp(type, IS_A) == 0)
        terminology_build_parent(b, at, f[RELATION_TO]);
    else
        terminology_build_property(b, at, type, "code", f[RELATION_TO]);
}

static const struct table {
    const char *column; /* the fifth of its names */
    size_t columns;
    void (*add)(struct terminology_build *b, const struct str *fields);
} tables[] = {
    {"definitionStatusId", 5, concept}, {"conceptId", 9, description}, {"sourceId", 10, relationship}};

bool terminology__import_rf2_rows(const struct terminology_import *to, struct csv *c, const char *path,
                                  struct err *err)
{
    const struct table *t = NULL;
    const struct str *fields;
    struct err end = {0};
    uint64_t rows = 0;
    size_t n = 0;
    if (csv_next(c, &fields, &n, &end))
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
            if (n == tables[i].columns && str_is(fields[4], tables[i].column))
                t = &tables[i];
    if (!t && !end.msg[0])
        return err_set(err, ERR_INVALID, "%.200s is no RF2 table of concepts, descriptions or relationships",
                       path);
    while (t && csv_next(c, &fields, &n, &end)) {
        if (n != t->columns)
            return err_set(err, ERR_SYNTAX, "%.200s: line %llu has %zu columns, not %zu", path,
                           (unsigned long long)csv_line(c), n, t->columns);
        t->add(to->build, fields);
        if (++rows % 100000 == 0 && to->progress)
            to->progress(to->arg, path, rows, terminology_build_count(to->build));
    }
    if (!end.msg[0] && to->progress)
        to->progress(to->arg, path, rows, terminology_build_count(to->build));
    return !end.msg[0] || err_set(err, end.kind, "%.200s: %.250s", path, end.msg);
}

bool terminology_import_rf2(const struct terminology_import *to, const char *path, struct err *err)
{
    struct csv *c;
    if (!csv_open(path, NULL, '\t', false, &c, err))
        return false;
    bool ok = terminology__import_rf2_rows(to, c, path, err);
    csv_close(c);
    return ok;
}
