/* An OperationDefinition by itself, beyond its invariants (operationdefinition.html): its parameters can be told apart, and
 * are of types that there are. */
#include "internal.h"

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

static bool same(const json *x, const json *y, const char *name)
{
    const char *a = json_get_string(x, name), *b = json_get_string(y, name);
    return a && b && strcmp(a, b) == 0;
}

/* Parts have no use of their own: that of the parameter is theirs. */
static bool is_repeated(const json *list, const json *parameter)
{
    json_each (other, list) {
        if (other == parameter)
            return false;
        if (same(other, parameter, "name") &&
            (!json_get(other, "use") || !json_get(parameter, "use") || same(other, parameter, "use")))
            return true;
    }
    return false;
}

static void check_parameter(struct validate__walk *w, struct validate__place *at)
{
    const char *max = json_get_string(at->node, "max");
    const json *min = json_get(at->node, "min");
    int64_t most, least;
    if (max && strcmp(max, "*") != 0 && !str_int64(str_of(max), &most))
        validate__refuse(w, at, "business-rule", "max is a number or '*'");
    else if (max && strcmp(max, "*") != 0 && json_is_number(min) &&
             str_int64(str_of(min->valuestring), &least) && least > most)
        validate__refuse(w, at, "business-rule", "min is greater than max");
}

#define MAX_PARAMETERS 500 /* of which names are compared */

static void check_parameters(struct validate__walk *w, struct validate__place *up, const char *name,
                             int depth)
{
    const json *list = array(up->node, name);
    bool compare = list && json_count(list) <= MAX_PARAMETERS;
    struct validate__place at = {.up = up, .name = name};
    json_each (node, depth < VALIDATE__MAX_DEPTH ? list : NULL) {
        at.node = node;
        check_parameter(w, &at);
        if (compare && is_repeated(list, node))
            validate__refuse(w, &at, "business-rule", "There is another parameter of this name and use");
        check_parameters(w, &at, "part", depth + 1);
        at.index++;
    }
}

void validate__operation_definition(struct validate__walk *w, struct validate__place *at)
{
    bool levels = json_is_true(json_get(at->node, "type")) || json_is_true(json_get(at->node, "instance"));
    check_parameters(w, at, "parameter", 0);
    if (levels && !array(at->node, "resource"))
        validate__find(w, at, ISSUE_WARNING, "business-rule", NULL,
                       "An operation on types or instances names the resource types it is on");
}
