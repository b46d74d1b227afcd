#include <stdlib.h>

#include "message.h"

void issues_init(struct issues *list, struct arena *a)
{
    *list = (struct issues){.a = a};
}

struct issue *issues_addv(struct issues *list, enum issue_severity severity, const char *code,
                          const char *expression, const char *fmt, va_list args)
{
    const char *text = message_text(list->a, list->language, fmt, args);
    struct issue *issue = ARENA_PUSH(list->a, list->list, list->n, list->cap);
    *issue = (struct issue){
        .severity = severity, .code = code, .text = text, .expression = expression, .offset = JSON_NOWHERE};
    list->errors += severity <= ISSUE_ERROR;
    return issue;
}

struct issue *issues_add(struct issues *list, enum issue_severity severity, const char *code,
                         const char *expression, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct issue *issue = issues_addv(list, severity, code, expression, fmt, args);
    va_end(args);
    return issue;
}

/* ---- where ------------------------------------------------------------------------------------------ */

static int by_offset(const void *a, const void *b)
{
    size_t x = (*(const struct issue *const *)a)->offset, y = (*(const struct issue *const *)b)->offset;
    return (x > y) - (x < y);
}

void issues_locate_on(struct issues *list, struct str text, struct issues_place *place)
{
    struct issue **sorted = ARENA_ARRAY(list->a, struct issue *, list->n);
    size_t n = 0;
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = (struct str){text.s + 3, text.len - 3};
    for (size_t i = 0; i < list->n && text.s; i++)
        if (list->list[i].offset != JSON_NOWHERE)
            sorted[n++] = &list->list[i];
    if (n == 0)
        return;
    qsort(sorted, n, sizeof *sorted, by_offset);
    if (place->line == 0 || sorted[0]->offset < place->offset)
        *place = (struct issues_place){.line = 1, .column = 1};
    for (size_t i = 0; i < n; i++) { /* each from where the one before ended: the text is read once */
        size_t from = place->offset, to = sorted[i]->offset < text.len ? sorted[i]->offset : text.len;
        int down, right;
        str_position((struct str){text.s + from, text.len - from}, to - from, &down, &right);
        place->column = down > 1 ? right : place->column + right - 1;
        place->line += down - 1;
        place->offset = to;
        sorted[i]->line = place->line;
        sorted[i]->column = place->column;
    }
}

void issues_locate(struct issues *list, struct str text)
{
    issues_locate_on(list, text, &(struct issues_place){0});
}

/* ---- as an OperationOutcome -------------------------------------------------------------------------- */

static void add_place(struct arena *a, json *o, const struct issue *i)
{
    const struct {
        const char *url;
        int v;
    } places[] = {{"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line", i->line},
                  {"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col", i->column}};
    json *extensions = json_add(a, o, "extension", json_array(a));
    for (int p = 0; p < 2; p++) {
        json *e = json_push(extensions, json_object(a));
        json_add_string(a, e, "url", places[p].url);
        json_add(a, e, "valueInteger", json_int(a, places[p].v));
    }
}

static json *outcome_issue(struct arena *a, const struct issue *i)
{
    static const char *const severities[] = {"fatal", "error", "warning", "information"};
    json *o = json_object(a);
    if (i->line)
        add_place(a, o, i);
    json_add_string(a, o, "severity", severities[i->severity]);
    json_add_string(a, o, "code", i->code);
    json *details = json_add(a, o, "details", json_object(a));
    if (i->key)
        json_add_string(a, json_push(json_add(a, details, "coding", json_array(a)), json_object(a)), "code",
                        i->key);
    json_add_string(a, details, "text", i->text);
    json_add_string(a, o, "diagnostics", i->text);
    if (i->line)
        json_push(json_add(a, o, "location", json_array(a)),
                  json_string(a, arena_printf(a, "Line %d, Col %d", i->line, i->column)));
    if (i->expression)
        json_push(json_add(a, o, "expression", json_array(a)), json_string(a, i->expression));
    return o;
}

json *issues_outcome(struct arena *a, const struct issues *list)
{
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", "OperationOutcome");
    json *issues = json_add(a, o, "issue", json_array(a));
    for (size_t i = 0; i < list->n; i++)
        json_push(issues, outcome_issue(a, &list->list[i]));
    if (list->n == 0) {
        struct issues none;
        issues_init(&none, a);
        none.language = list->language;
        json_push(issues, outcome_issue(
                              a, issues_add(&none, ISSUE_INFORMATION, "informational", NULL, "No findings")));
    }
    return o;
}
