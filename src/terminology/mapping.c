/* What the columns of a table mean, and a table read by it (terminology/build.h). */
#include <stdlib.h>

#include "csv.h"
#include "image.h"
#include "terminology/build.h"

enum target { CODE, DISPLAY, DEFINITION, PARENT, ABSTRACT, INACTIVE, DESIGNATION, PROPERTY, N_TARGETS };
static const char *const targets[N_TARGETS] = {"code",     "display",  "definition",  "parent",
                                               "abstract", "inactive", "designation", "property"};

struct rule {
    enum target target;
    const char *of;   /* designation: language, property: code */
    const char *type; /* property */
    struct str column;
    struct str values; /* abstract, inactive: between commas; s NULL: true, 1, yes */
};

struct terminology_mapping {
    struct rule *rules;
    size_t n, cap;
    const char *encoding; /* NULL: UTF-8 */
    char separator;
    bool header;
};

const char terminology_mapping_loinc[] = "code = LOINC_NUM\n"
                                         "display = LONG_COMMON_NAME\n"
                                         "designation.en = SHORTNAME\n"
                                         "designation.en = CONSUMER_NAME\n"
                                         "designation.en = DisplayName\n"
                                         "inactive = STATUS: DEPRECATED, DISCOURAGED\n"
                                         "property.COMPONENT = COMPONENT\n"
                                         "property.PROPERTY = PROPERTY\n"
                                         "property.TIME_ASPCT = TIME_ASPCT\n"
                                         "property.SYSTEM = SYSTEM\n"
                                         "property.SCALE_TYP = SCALE_TYP\n"
                                         "property.METHOD_TYP = METHOD_TYP\n"
                                         "property.CLASS = CLASS\n"
                                         "property.CLASSTYPE = CLASSTYPE\n"
                                         "property.STATUS = STATUS\n"
                                         "property.ORDER_OBS = ORDER_OBS\n"
                                         "property.EXAMPLE_UCUM_UNITS = EXAMPLE_UCUM_UNITS\n";

const char terminology_mapping_loinc_hierarchy[] = "code = CODE\n"
                                                   "display = CODE_TEXT\n"
                                                   "parent = IMMEDIATE_PARENT\n";

/* ---- the mapping ------------------------------------------------------------------------------------------ */

static const char *copy(struct arena *a, struct str s)
{
    return arena_strndup(a, s.s, s.len);
}

static bool read_rule(struct arena *a, struct str what, struct str column, struct rule *r, struct err *err)
{
    struct str of, name = str_cut(what, '.', &of), type = {NULL, 0};
    *r = (struct rule){.column = column, .of = "", .type = "string"};
    while (r->target < N_TARGETS && !str_is(name, targets[r->target]))
        r->target++;
    if (of.s && r->target == PROPERTY)
        of = str_cut(of, ':', &type);
    if (r->target == N_TARGETS || (r->target == PROPERTY && !of.len) ||
        (of.s && r->target != PROPERTY && r->target != DESIGNATION))
        return err_set(err, ERR_SYNTAX, "A mapping does not know '%.*s'",
                       (int)(what.len < 60 ? what.len : 60), what.s);
    if (of.s)
        r->of = copy(a, of);
    if (type.s)
        r->type = copy(a, type);
    if (r->target == ABSTRACT || r->target == INACTIVE) {
        r->column = str_trim(str_cut(column, ':', &r->values));
        r->values = r->values.s ? str_trim(r->values) : r->values;
    }
    return true;
}

static bool read_setting(struct arena *a, struct terminology_mapping *m, struct str name, struct str value,
                         bool *is, struct err *err)
{
    *is = true;
    if (str_is(name, "encoding")) {
        m->encoding = str_ieq(value, STR("utf-8")) ? NULL : copy(a, value);
    } else if (str_is(name, "separator")) {
        m->separator = str_is(value, "tab") ? '\t' : *copy(a, value);
        if (!m->separator || (value.len != 1 && !str_is(value, "tab")))
            return err_set(err, ERR_SYNTAX, "separator is one character, or tab");
    } else if (str_is(name, "header")) {
        m->header = str_is(value, "yes");
        if (!m->header && !str_is(value, "no"))
            return err_set(err, ERR_SYNTAX, "header is yes or no");
    } else {
        *is = false;
    }
    return true;
}

bool terminology_mapping_read(struct arena *a, struct str text, const struct terminology_mapping **out,
                              struct err *err)
{
    struct terminology_mapping *m = ARENA_NEW(a, struct terminology_mapping);
    bool codes = false;
    *m = (struct terminology_mapping){.separator = ',', .header = true};
    for (struct str rest = text; rest.s;) {
        struct str line = str_trim(str_cut(rest, '\n', &rest)), column, what = str_cut(line, '=', &column);
        bool setting;
        if (!line.len || *line.s == '#')
            continue;
        if (!column.s || !str_trim(column).len)
            return err_set(err, ERR_SYNTAX, "A mapping has lines 'what = column', not '%.*s'",
                           (int)(line.len < 60 ? line.len : 60), line.s);
        what = str_trim(what);
        column = str_trim(column);
        if (!read_setting(a, m, what, column, &setting, err))
            return false;
        if (setting)
            continue;
        struct rule *r = ARENA_PUSH(a, m->rules, m->n, m->cap);
        if (!read_rule(a, what, (struct str){copy(a, column), column.len}, r, err))
            return false;
        codes = codes || r->target == CODE;
    }
    *out = m;
    return codes || err_set(err, ERR_SYNTAX, "The mapping does not say which column has the code");
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

struct reading {
    const struct terminology_import *to;
    const struct terminology_mapping *m;
    size_t *columns; /* by rule */
};

/* "#3" is the third. */
static bool find_column(const struct str *names, size_t n, bool header, struct str column, size_t *at)
{
    int64_t number;
    if (column.len > 1 && *column.s == '#' &&
        str_int64((struct str){column.s + 1, column.len - 1}, &number) && number > 0 && number < 100000) {
        *at = (size_t)number - 1;
        return true;
    }
    for (*at = 0; header && *at < n; ++*at)
        if (str_ieq(str_trim(names[*at]), column))
            return true;
    return false;
}

static bool find_columns(struct reading *g, const struct str *names, size_t n, const char *path,
                         struct err *err)
{
    for (size_t i = 0; i < g->m->n; i++)
        if (!find_column(names, n, g->m->header, g->m->rules[i].column, &g->columns[i]))
            return err_set(err, ERR_INVALID, "%.200s has no column %.*s", path,
                           (int)(g->m->rules[i].column.len < 60 ? g->m->rules[i].column.len : 60),
                           g->m->rules[i].column.s);
    return true;
}

static bool is_set(const struct rule *r, struct str value)
{
    if (!r->values.s)
        return str_ieq(value, STR("true")) || str_is(value, "1") || str_ieq(value, STR("yes"));
    for (struct str rest = r->values; rest.s;)
        if (str_ieq(str_trim(str_cut(rest, ',', &rest)), value))
            return true;
    return false;
}

static void apply(struct terminology_build *b, uint32_t at, const struct rule *r, struct str value)
{
    switch (r->target) {
    case DISPLAY:
        terminology_build_display(b, at, value);
        break;
    case DEFINITION:
        terminology_build_definition(b, at, value);
        break;
    case PARENT:
        terminology_build_parent(b, at, value);
        break;
    case ABSTRACT:
        if (is_set(r, value))
            terminology_build_abstract(b, at);
        break;
    case INACTIVE:
        if (is_set(r, value))
            terminology_build_inactive(b, at);
        break;
    case DESIGNATION:
        terminology_build_designation(b, at, str_of(r->of), value);
        break;
    case PROPERTY:
        terminology_build_property(b, at, r->of, r->type, value);
        break;
    case CODE:
    case N_TARGETS:
        break;
    }
}

static struct str value_of(const struct reading *g, size_t rule, const struct str *fields, size_t n)
{
    return g->columns[rule] < n ? str_trim(fields[g->columns[rule]]) : STR("");
}

static void add_row(const struct reading *g, const struct str *fields, size_t n)
{
    struct terminology_build *b = g->to->build;
    struct str code = {NULL, 0};
    for (size_t i = 0; i < g->m->n && !code.len; i++)
        if (g->m->rules[i].target == CODE)
            code = value_of(g, i, fields, n);
    if (!code.len)
        return;
    uint32_t at = terminology_build_concept(b, code, NULL);
    for (size_t i = 0; i < g->m->n; i++) {
        struct str value = value_of(g, i, fields, n);
        if (value.len)
            apply(b, at, &g->m->rules[i], value);
    }
}

bool terminology__import_rows(const struct terminology_import *to, const struct terminology_mapping *m,
                              struct csv *c, const char *path, struct err *err)
{
    struct reading g = {to, m, calloc(m->n, sizeof *g.columns)};
    const struct str *fields;
    struct err end = {0};
    uint64_t rows = 0;
    size_t n = 0;
    if (!g.columns)
        abort();
    bool ok = (!m->header || csv_next(c, &fields, &n, &end)) && find_columns(&g, fields, n, path, &end);
    while (ok && csv_next(c, &fields, &n, &end)) {
        add_row(&g, fields, n);
        if (++rows % 100000 == 0 && to->progress)
            to->progress(to->arg, path, rows, terminology_build_count(to->build));
    }
    free(g.columns);
    if (ok && !end.msg[0] && to->progress)
        to->progress(to->arg, path, rows, terminology_build_count(to->build));
    if (!ok && !end.msg[0])
        return err_set(err, ERR_INVALID, "%.200s is empty", path);
    return !end.msg[0] || err_set(err, end.kind, "%.200s: %.250s", path, end.msg);
}

bool terminology_import_csv(const struct terminology_import *to, const struct terminology_mapping *m,
                            const char *path, struct err *err)
{
    struct csv *c;
    if (!csv_open(path, m->encoding, m->separator, true, &c, err))
        return false;
    bool ok = terminology__import_rows(to, m, c, path, err);
    csv_close(c);
    return ok;
}
