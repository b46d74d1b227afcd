/* The table of functions, and its index by name. */
#include "functions.h"

static const struct fp__function functions[] = {
#define L(c_name, name, min, max, input, result, flags, want)                                                \
    {name, min, max, FP__##input, FP__R_##result, FP__##flags, want, fp__fn_##c_name, NULL},
#define T(c_name, name, min, max, input, result, flags, want)                                                \
    {name, min, max, FP__##input, FP__R_##result, FP__##flags, want, NULL, fp__fn_##c_name},
    FP__FUNCTIONS(L, T)
#undef L
#undef T
};

const struct fp__function *fp__function(struct str name, size_t n_args)
{
    const struct fp__function *found = NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (str_is(name, functions[i].name)) {
            found = &functions[i];
            if ((size_t)found->min <= n_args && n_args <= (size_t)found->max)
                break;
        }
    return found;
}
