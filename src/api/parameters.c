/*
 * The parameters of an operation (operations.html#request): of the URL, of a Parameters resource, or one resource that is
 * the body itself.
 */
#include "internal.h"

/* Of every interaction (http.html#parameters). */
static bool is_general(struct str name)
{
    static const char *const names[] = {"_format", "_pretty", "_summary", "_elements"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static struct str known(struct arena *a, const struct api_operation *op)
{
    struct buf b;
    buf_init(&b, a, 64);
    for (const struct api_parameter *p = op->parameters; p->name; p++)
        if (strcmp(p->name, "_cursor") != 0) /* of our links only */
            buf_addf(&b, "%s%s", b.len ? ", " : "", p->name);
    return b.len ? buf_str(&b) : STR("none");
}

static bool find(struct api_request *r, struct str name, const struct api_parameter **out, struct err *err)
{
    for (*out = r->operation->parameters; (*out)->name; (*out)++)
        if (str_is(name, (*out)->name))
            return true;
    return err_at(err, ERR_INVALID, "Parameters.parameter",
                  "$%s has no parameter '%.*s'; those that it has: %.*s", r->operation->name,
                  name.len > 64 ? 64 : (int)name.len, name.s, STR_FMT(known(r->a, r->operation)));
}

struct reading {
    struct api_request *r;
    struct search_arg *args;
    size_t n_args, cap_args;
    struct api_input *inputs;
    size_t n_inputs, cap_inputs;
    bool seen[sizeof((struct api_operation){0}).parameters / sizeof(struct api_parameter)];
};

static bool once(struct reading *g, const struct api_parameter *p, struct err *err)
{
    bool *seen = &g->seen[p - g->r->operation->parameters];
    if (*seen && !p->repeats)
        return err_at(err, ERR_INVALID, "Parameters.parameter", "The parameter '%s' is there twice", p->name);
    *seen = true;
    return true;
}

static bool add_argument(struct reading *g, struct search_arg arg, struct err *err)
{
    const struct api_parameter *p;
    if (!is_general(arg.name)) {
        if (!find(g->r, arg.name, &p, err) || !once(g, p, err))
            return false;
        if (p->value)
            return err_at(err, ERR_INVALID, "Parameters.parameter",
                          "The parameter '%s' is no primitive: it is sent by POST, in a Parameters resource",
                          p->name);
    }
    *ARENA_PUSH(g->r->a, g->args, g->n_args, g->cap_args) = arg;
    return true;
}

static bool add_input(struct reading *g, const struct api_parameter *p, json *value, struct err *err)
{
    if (!once(g, p, err))
        return false;
    if (!json_is_object(value) && !(strcmp(p->value, "part") == 0 && json_is_array(value)))
        return err_at(err, ERR_INVALID, "Parameters.parameter", "The parameter '%s' has its value in %s",
                      p->name, p->value);
    *ARENA_PUSH(g->r->a, g->inputs, g->n_inputs, g->cap_inputs) = (struct api_input){p, value};
    return true;
}

/* The text of a primitive value[x]; s NULL: there is none. */
static struct str primitive(const json *parameter)
{
    json_each (m, parameter) {
        if (strncmp(m->string, "value", 5) != 0)
            continue;
        if (json_is_string(m) || json_is_number(m))
            return str_of(m->valuestring);
        if (json_is_bool(m))
            return json_is_true(m) ? STR("true") : STR("false");
    }
    return (struct str){NULL, 0};
}

static bool add_parameter(struct reading *g, const json *node, struct err *err)
{
    const char *name = json_get_string(node, "name");
    const struct api_parameter *p;
    if (!name)
        return err_at(err, ERR_INVALID, "Parameters.parameter.name", "Each parameter needs a name");
    if (!find(g->r, str_of(name), &p, err))
        return false;
    if (p->value)
        return add_input(g, p, json_get(node, p->value), err);
    struct str text = primitive(node);
    if (!text.s)
        return err_at(err, ERR_INVALID, "Parameters.parameter.value",
                      "The parameter '%s' needs a primitive value", p->name);
    return add_argument(g, (struct search_arg){str_of(p->name), text}, err);
}

static bool add_body(struct reading *g, struct err *err)
{
    struct api_request *r = g->r;
    if (!api__read_body(r, err))
        return false;
    const char *type = json_get_string(r->body, "resourceType");
    if (type && strcmp(type, "Parameters") == 0) {
        json_each (node, json_get(r->body, "parameter"))
            if (!add_parameter(g, node, err))
                return false;
        return true;
    }
    for (const struct api_parameter *p = r->operation->parameters; p->name; p++)
        if (p->value && strcmp(p->value, "resource") == 0)
            return add_input(g, p, r->body, err);
    return err_set(err, ERR_INVALID, "$%s takes its parameters in a Parameters resource", r->operation->name);
}

bool api__read_parameters(struct api_request *r, struct err *err)
{
    struct reading g = {.r = r};
    for (size_t i = 0; i < r->n_args; i++)
        if (!add_argument(&g, r->args[i], err))
            return false;
    if (r->method == HTTP_POST && (r->in_bundle ? r->body != NULL : r->http->body.len > 0) &&
        !add_body(&g, err))
        return false;
    for (const struct api_parameter *p = r->operation->parameters; p->name; p++)
        if (p->required && !g.seen[p - r->operation->parameters])
            return err_at(err, ERR_INVALID, "Parameters.parameter", "$%s needs the parameter '%s'",
                          r->operation->name, p->name);
    r->args = g.args;
    r->n_args = g.n_args;
    r->inputs = g.inputs;
    r->n_inputs = g.n_inputs;
    return true;
}

json *api__input(const struct api_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_inputs; i++)
        if (strcmp(r->inputs[i].parameter->name, name) == 0)
            return r->inputs[i].value;
    return NULL;
}
