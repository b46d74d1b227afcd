/*
 * _explain=true: how the page of a search is found, for those who run the server. The answer is a Parameters resource:
 * the statement, in which values are parameters ($1, …), and the steps of PostgreSQL's plan, each after the one that it
 * serves, with what was expected and what happened. No value of the search or of a resource is in it.
 */
#include "internal.h"

static json *add_parameter(struct arena *a, json *list, const char *name, const char *type, json *value)
{
    json *o = json_object(a);
    json_add_string(a, o, "name", name);
    json_add(a, o, type, value);
    json_push(list, o);
    return o;
}

/* What of a node is shown: PostgreSQL's name, ours, and the type. */
static const struct {
    const char *from, *name, *type;
} members[] = {
    {"Node Type", "operation", "valueString"},
    {"Subplan Name", "of", "valueString"},
    {"Relation Name", "table", "valueString"},
    {"Index Name", "index", "valueString"},
    {"CTE Name", "from", "valueString"},
    {"Index Cond", "index-condition", "valueString"},
    {"Filter", "filter", "valueString"},
    {"Plan Rows", "estimated-rows", "valueDecimal"},
    {"Actual Rows", "rows", "valueDecimal"},
    {"Actual Loops", "loops", "valueDecimal"},
    {"Rows Removed by Filter", "removed-rows", "valueDecimal"},
    {"Actual Total Time", "time", "valueDecimal"},
};

static json *copied(struct arena *a, const json *v)
{
    return json_is_number(v) ? json_number(a, v->valuestring) : json_string(a, v->valuestring);
}

static void add_step(struct arena *a, json *list, const json *node, int level)
{
    json *part = json_array(a);
    add_parameter(a, part, "level", "valueInteger", json_int(a, level));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json *v = json_get(node, members[i].from);
        if (v)
            add_parameter(a, part, members[i].name, members[i].type, copied(a, v));
    }
    add_parameter(a, list, "step", "part", part);
    json_each (child, json_get(node, "Plans"))
        add_step(a, list, child, level + 1);
}

bool api__explain_search(struct api_request *r, struct db_conn *c, const struct sql *q,
                         struct api_response *out, struct err *err)
{
    struct arena *a = r->a;
    struct str text;
    json *plan;
    bool run = db_explain(c, a, q, true, &text, err);
    if (!run && (err->kind != ERR_TIMEOUT || !db_explain(c, a, q, false, &text, err)))
        return false;
    if (!json_parse(a, text, INT16_MAX, &plan, err))
        return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                          "plan: %s", err->msg);
    plan = json_at(plan, 0);
    json *o = json_object(a), *list = json_array(a);
    json_add_string(a, o, "resourceType", "Parameters");
    json_add(a, o, "parameter", list);
    add_parameter(a, list, "statement", "valueString", json_string_n(a, buf_str(&q->text)));
    add_parameter(a, list, "completed", "valueBoolean", json_bool(a, run));
    static const char *const times[][2] = {{"Planning Time", "planning-time"},
                                           {"Execution Time", "execution-time"}};
    for (int i = 0; i < 2; i++)
        if (json_get(plan, times[i][0]))
            add_parameter(a, list, times[i][1], "valueDecimal", copied(a, json_get(plan, times[i][0])));
    add_step(a, list, json_get(plan, "Plan"), 0);
    *out = (struct api_response){.status = 200, .resource = json_text(a, o)};
    return true;
}
