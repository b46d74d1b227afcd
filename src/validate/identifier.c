/* datatypes.html#Identifier */
#include "internal.h"

/* Where the identifier is itself a URI, its value is a whole one. */
void validate__identifier(struct validate__walk *w, struct validate__place *at)
{
    const char *system = json_get_string(at->node, "system"), *value = json_get_string(at->node, "value");
    if (!system || !value || strcmp(system, "urn:ietf:rfc:3986") != 0 || strchr(value, ':'))
        return;
    validate__find(w, at, validate__policy(w), "code-invalid", NULL,
                   "With the system urn:ietf:rfc:3986 the value is a whole URI, which begins with its scheme "
                   "(urn:oid:…, https://…)");
}
