/*
 * The OperationDefinitions of the operations that this server has (operationdefinition.html), made from their table: read
 * at OperationDefinition/ID, where ID is the last part of their canonical URL. They say what can be called here, which
 * may be less than what the specification has under the same URL.
 */
#include "internal.h"

static struct str id_of(const struct api_operation *op)
{
    const char *at = op->definition + strlen(op->definition);
    while (at > op->definition && at[-1] != '/' && at[-1] != ':')
        at--;
    return str_of(at);
}

struct str api__operation_id(struct str url)
{
    size_t n;
    for (const struct api_operation *op = api__operations(&n); n > 0; n--, op++)
        if (str_is(url, op->definition))
            return id_of(op);
    return (struct str){NULL, 0};
}

/* "valueMeta" → "Meta"; a resource is of any type. */
static const char *type_of(const struct api_parameter *p)
{
    if (!p->value)
        return p->type ? p->type : "string";
    return strncmp(p->value, "value", 5) == 0 ? p->value + 5 : "Resource";
}

static json *add_parameter(struct arena *a, json *list, const char *name, const char *use, bool required,
                           bool repeats, const char *type)
{
    json *o = json_push(list, json_object(a));
    json_add_string(a, o, "name", name);
    json_add_string(a, o, "use", use);
    json_add(a, o, "min", json_int(a, required));
    json_add_string(a, o, "max", repeats ? "*" : "1");
    if (type)
        json_add_string(a, o, "type", type);
    return o;
}

static void add_parameters(struct arena *a, json *list, const struct api_parameter *p)
{
    for (; p->name; p++) {
        if (strcmp(p->name, "_cursor") == 0) /* of our links only */
            continue;
        json *o =
            add_parameter(a, list, p->name, "in", p->required, p->repeats, p->parts ? NULL : type_of(p));
        if (p->parts)
            add_parameters(a, json_add(a, o, "part", json_array(a)), p->parts);
    }
}

static json *types_of(struct arena *a, const struct api_operation *op)
{
    json *list = json_array(a);
    json_push(list, json_string(a, op->type ? op->type : "Resource"));
    return list;
}

struct str api__operation_definition(struct arena *a, struct str id)
{
    size_t n;
    const struct api_operation *op = api__operations(&n);
    while (n > 0 && !str_eq(id_of(op), id))
        n--, op++;
    if (n == 0)
        return (struct str){NULL, 0};
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", "OperationDefinition");
    json_add_string(a, o, "id", id_of(op).s);
    json_add_string(a, o, "url", op->definition);
    json_add_string(a, o, "name", op->name);
    json_add_string(a, o, "status", "active");
    json_add_string(a, o, "kind", "operation");
    json_add(a, o, "affectsState", json_bool(a, op->affects_state));
    json_add_string(a, o, "code", op->name);
    json_add(a, o, "resource", types_of(a, op));
    json_add(a, o, "system", json_bool(a, op->levels & LEVEL_SYSTEM));
    json_add(a, o, "type", json_bool(a, op->levels & LEVEL_TYPE));
    json_add(a, o, "instance", json_bool(a, op->levels & (LEVEL_INSTANCE | LEVEL_VERSION)));
    json *list = json_array(a);
    add_parameters(a, list, op->parameters);
    if (!op->returns || *op->returns)
        add_parameter(a, list, "return", "out", true, false, op->returns ? op->returns : "Resource");
    if (list->child)
        json_add(a, o, "parameter", list);
    return json_text(a, o);
}
