/* `kagari fhirpath`: evaluates expressions on files, for people and for the conformance cases. */
#include "fhirpath/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "internal.h"

#define MAX_FILE  (256u << 20)
#define MAX_DEPTH 200

static void usage(FILE *out)
{
    fputs("Usage: kagari fhirpath [--resource FILE] [--strict] EXPRESSION\n"
          "       kagari fhirpath [--resource FILE] [--strict] --expression-file FILE\n"
          "       kagari fhirpath --batch\n\n"
          "Evaluates a FHIRPath expression on a FHIR R4 resource in JSON and prints the resulting items as "
          "one\n"
          "JSON array of {\"type\", \"value\"}. Exit status: 0 when it could be evaluated, 1 when the "
          "expression is\n"
          "wrong, 2 when called wrongly.\n\n"
          "  --resource FILE         the resource it is evaluated on\n"
          "  --expression-file FILE  where the expression stands\n"
          "  --strict                names that the resource's type does not have are errors\n"
          "  --batch                 one JSON object a line on stdin: {\"id\", \"resource\": FILE or null,\n"
          "                          \"expression\", \"strict\"}; one a line on stdout: {\"id\", \"result\"} "
          "or\n"
          "                          {\"id\", \"error\"}\n"
          "  --help                  this text\n",
          out);
}

static json *item_json(struct arena *a, const struct fp_item *item)
{
    json *o = json_object(a), *value;
    const struct fhir_type *t = item->type;
    if (t && t->kind == FHIR_BACKBONE)
        t = t->base;
    const char *type = item->kind != FP_NODE ? arena_printf(a, "System.%s", fp__kind_name(item->kind))
                       : t                   ? t->name
                                             : "Element";
    switch (item->kind) {
    case FP_NODE:
        value = item->node ? json_copy(a, item->node) : json_null(a);
        break;
    case FP_BOOLEAN:
        value = json_bool(a, item->boolean);
        break;
    case FP_INTEGER:
        value = json_int(a, item->integer);
        break;
    case FP_DECIMAL: {
        struct str text = decimal_text(a, &item->decimal);
        value = json_number(a, arena_strndup(a, text.s, text.len));
        break;
    }
    default:
        value = json_string_n(a, fp__to_string(a, item));
        break;
    }
    json_add_string(a, o, "type", type);
    json_add(a, o, "value", value);
    return o;
}

struct known {
    const struct fhir_defs *defs;
    struct fp_terminology terminology;
};

struct question {
    const char *resource; /* a file; NULL: none */
    struct str expression;
    bool strict;
};

static bool answer(struct arena *a, const struct known *k, const struct question *q, json **out,
                   struct err *err)
{
    const struct fhir_defs *d = k->defs;
    struct fp_env env = {.a = a, .defs = d, .single_as = true, .terminology = &k->terminology};
    struct fp_item root;
    const struct fp_expr *x;
    struct fp_list result;
    struct str text;
    json *node = NULL;
    if (q->resource && (!config_read_file(a, q->resource, MAX_FILE, &text, err) ||
                        !json_parse(a, text, MAX_DEPTH, &node, err)))
        return false;
    if (node) {
        root = fp_root(d, node, NULL);
        env.resource = node;
    }
    if (!fp_compile(a, d, q->expression, node ? root.type : NULL, q->strict, &x, err) ||
        !fp_eval(x, &env, node ? &root : NULL, &result, err))
        return false;
    *out = json_array(a);
    for (size_t i = 0; i < result.n; i++)
        json_push(*out, item_json(a, &result.items[i]));
    return true;
}

static const char *message(struct arena *a, const struct err *err)
{
    return err->line ? arena_printf(a, "%d:%d: %s", err->line, err->column, err->msg) : err->msg;
}

/* One line of a batch; false when the line itself is wrong. */
static bool batch_line(struct arena *a, const struct known *k, struct str line, json **out, struct err *err)
{
    json *in, *result, *id;
    if (!json_parse(a, line, MAX_DEPTH, &in, err))
        return false;
    struct question q = {json_get_string(in, "resource"), str_of(json_get_string(in, "expression")),
                         json_is_true(json_get(in, "strict"))};
    if (!q.expression.s)
        return err_set(err, ERR_INVALID, "a line of a batch has an expression");
    *out = json_object(a);
    id = json_get(in, "id");
    json_add(a, *out, "id", id ? json_copy(a, id) : json_null(a));
    if (answer(a, k, &q, &result, err))
        json_add(a, *out, "result", result);
    else
        json_add_string(a, *out, "error", message(a, err));
    return true;
}

static int batch(const struct known *k)
{
    char *line = NULL;
    size_t room = 0;
    int status = 0;
    struct arena a;
    arena_init(&a, 0);
    for (ssize_t len; status == 0 && (len = getline(&line, &room, stdin)) >= 0;) {
        struct err err;
        json *out = NULL;
        if (batch_line(&a, k, str_trim((struct str){line, (size_t)len}), &out, &err)) {
            puts(json_text(&a, out).s);
        } else {
            fprintf(stderr, "kagari fhirpath: %s\n", message(&a, &err));
            status = 2;
        }
        arena_clear(&a);
    }
    arena_release(&a);
    free(line);
    return status;
}

static int single(const struct known *k, const struct question *q)
{
    struct arena a;
    struct err err;
    json *result;
    arena_init(&a, 0);
    bool ok = answer(&a, k, q, &result, &err);
    if (ok)
        puts(json_text(&a, result).s);
    else
        fprintf(stderr, "kagari fhirpath: %s\n", message(&a, &err));
    arena_release(&a);
    return ok ? 0 : 1;
}

int fhirpath_command(int argc, char **argv, fhirpath_terminology_fn *terminology)
{
    static const struct option options[] = {
        {"resource", required_argument, NULL, 'r'}, {"expression-file", required_argument, NULL, 'f'},
        {"strict", no_argument, NULL, 's'},         {"batch", no_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    struct question q = {0};
    const char *file = NULL;
    bool many = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'h') {
            usage(stdout);
            return 0;
        }
        if (o == 'r')
            q.resource = optarg;
        else if (o == 'f')
            file = optarg;
        else if (o == 's')
            q.strict = true;
        else if (o == 'b')
            many = true;
        else
            return 2;
    }
    int expected = many || file ? 0 : 1;
    if (argc - optind != expected || (many && (file || q.resource))) {
        usage(stderr);
        return 2;
    }
    struct arena a;
    struct err err;
    struct known k;
    int status = 2;
    arena_init(&a, 0);
    if (expected)
        q.expression = str_of(argv[optind]);
    if (!fhir_defs_load(&a, &k.defs, &err) || !terminology(&a, k.defs, &k.terminology, &err) ||
        (file && !config_read_file(&a, file, MAX_FILE, &q.expression, &err)))
        fprintf(stderr, "kagari fhirpath: %s\n", err.msg);
    else
        status = many ? batch(&k) : single(&k, &q);
    arena_release(&a);
    return status;
}
