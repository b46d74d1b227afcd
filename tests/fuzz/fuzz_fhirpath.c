/* Expressions as they come in profiles and requests, compiled strictly and not, and evaluated within small limits. */
#include <stdlib.h>

#include "fhirpath/fhirpath.h"

static const char record[] = "{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\",\"code\":{"
                             "\"coding\":[{\"system\":\"urn:x\","
                             "\"code\":\"c\"}],\"text\":\"t\"},\"contained\":[{\"resourceType\":\"Patient\","
                             "\"id\":\"p\",\"name\":[{\"given\":[null,\"b\"],"
                             "\"_given\":[{\"id\":\"x\"},null]}]}],\"subject\":{\"reference\":\"#p\"},"
                             "\"effectiveDateTime\":\"2024-02-29T10:00:00+09:00\","
                             "\"valueQuantity\":{\"value\":7.40,\"unit\":\"mg\",\"system\":\"http://"
                             "unitsofmeasure.org\",\"code\":\"mg\"},"
                             "\"component\":[{\"code\":{\"text\":\"u\"},\"valueInteger\":3},{\"code\":{"
                             "\"text\":\"v\"},\"valueString\":\"s\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena lasting;
    static const struct fhir_defs *defs;
    static json *node;
    struct err err;
    if (!defs) {
        arena_init(&lasting, 0);
        if (!fhir_defs_load(&lasting, &defs, &err) || !json_parse(&lasting, str_of(record), 64, &node, &err))
            abort();
    }
    struct arena a;
    arena_init(&a, 0);
    struct fp_item root = fp_root(defs, node, NULL);
    for (int strict = 0; strict < 2; strict++) {
        const struct fp_expr *x;
        struct fp_list out;
        struct fp_env env = {.a = &a,
                             .defs = defs,
                             .resource = node,
                             .now_us = 1,
                             .max_steps = 20000,
                             .max_items = 2000,
                             .single_as = strict};
        if (!fp_compile(&a, defs, (struct str){(const char *)data, size}, root.type, strict, &x, &err))
            continue;
        if (fp_eval(x, &env, &root, &out, &err))
            for (size_t i = 0; i < out.n; i++)
                if (!fp_path(&a, &out.items[i]).len)
                    abort();
        bool holds;
        (void)!fp_eval_bool(x, &env, &root, &holds, &err);
    }
    arena_release(&a);
    return 0;
}
