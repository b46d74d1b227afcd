/* A search by url for what this server has built in, and not stored as a resource: the answer says where it is. */
#include "internal.h"

static bool is_parameter(const struct api_request *r, struct str url)
{
    const struct search_registry *registry = r->search->registry;
    const struct fhir_defs *d = r->api->deps.defs;
    for (int i = 0; i < fhir_resource_count(d); i++) {
        const struct fhir_type *type = fhir_resource_at(d, i);
        for (int j = 0; j < search_offers(registry, type); j++) {
            struct search_offer offer = search_offer(registry, type, j);
            if (!offer.custom && str_is(url, offer.def->url))
                return true;
        }
    }
    return false;
}

static void note(const struct api_request *r, struct str url, struct issues *list)
{
    bool operation = strcmp(r->type->name, "OperationDefinition") == 0;
    struct str id = operation ? api__operation_id(url) : (struct str){0};
    if (id.s)
        issues_add(list, ISSUE_INFORMATION, "informational", NULL,
                   "The definition '%.*s' is of this server itself: read it at OperationDefinition/%.*s; a "
                   "search finds "
                   "what is stored",
                   STR_FMT(url), STR_FMT(id));
    else if (!operation && is_parameter(r, url))
        issues_add(
            list, ISSUE_INFORMATION, "informational", NULL,
            "The definition '%.*s' is one of FHIR R4 that this server has built in: the CapabilityStatement "
            "lists it with its types; a search finds what is stored",
            STR_FMT(url));
}

void api__note_built_in(const struct api_request *r, struct issues *list)
{
    if (!r->type ||
        (strcmp(r->type->name, "OperationDefinition") != 0 && strcmp(r->type->name, "SearchParameter") != 0))
        return;
    for (size_t i = 0; i < r->n_args; i++)
        for (struct str rest = r->args[i].value; str_is(r->args[i].name, "url") && rest.s;) {
            struct str version, url = str_cut(str_cut(rest, ',', &rest), '|', &version);
            note(r, url, list);
        }
}
