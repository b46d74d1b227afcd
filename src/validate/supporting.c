/* What a command line brings along for a validation: resources in files of their own or in Bundles. */
#include "validate/supporting.h"
#include <stdio.h>

#include "base/config.h"
#include "conformance/package.h"
#include "fhir/xml.h"
#include "internal.h"

struct list {
    const json **items;
    size_t n, cap;
};

static void collect(struct arena *a, const json *resource, struct list *out)
{
    const char *type = json_get_string(resource, "resourceType");
    *ARENA_PUSH(a, out->items, out->n, out->cap) = resource;
    if (!type || strcmp(type, "Bundle") != 0)
        return;
    json_each (entry, json_get(resource, "entry"))
        if (json_get(entry, "resource"))
            collect(a, json_get(entry, "resource"), out);
}

bool validate_parse(struct arena *a, const struct fhir_defs *d, struct str text, json **out, struct err *err)
{
    struct str bare = str_starts(text, STR("\xef\xbb\xbf")) ? (struct str){text.s + 3, text.len - 3} : text;
    return str_starts(str_trim(bare), STR("<")) ? fhir_xml_parse(a, d, text, VALIDATE_DEPTH_MAX, out, err)
                                                : json_parse(a, text, VALIDATE_DEPTH_MAX, out, err);
}

bool validate_packages(struct arena *a, const char *const *paths, size_t n,
                       const struct conformance_view *base, const struct conformance_view **out,
                       struct err *err)
{
    struct conformance_package *packages;
    *out = base;
    if (n == 0)
        return true;
    if (!conformance_view_packages(a, base, paths, n, out, &packages, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct conformance_dependency *d = conformance_package_missing(&packages[i], packages, n);
        if (d)
            fprintf(stderr,
                    "kagari validate: the package %s %s depends on %s %s, which is not given (--package)\n",
                    packages[i].name, packages[i].version, d->name, d->version);
    }
    return true;
}

bool validate_supporting(struct arena *a, const char *const *paths, size_t n,
                         const struct conformance_view *base, const struct conformance_view **out,
                         struct err *err)
{
    struct list list = {0};
    for (size_t i = 0; i < n; i++) {
        struct str text;
        struct err cause;
        json *resource;
        if (!config_read_file(a, paths[i], VALIDATE_FILE_MAX, &text, err))
            return false;
        if (!validate_parse(a, conformance_defs(base), text, &resource, &cause))
            return err_set(err, cause.kind, "%s: %s", paths[i], cause.msg);
        collect(a, resource, &list);
    }
    return conformance_view_with(a, base, list.items, list.n, out, err);
}
