/* Which patient? Whoever logs in finds what he may see anyway: it is asked for with a token of his own, by the way that all
 * requests go. */
#include "internal.h"

enum { FOUND_MAX = 20, ID_MAX = 64, NAME_MAX_LEN = 100 };

bool oauth__is_id(const char *id)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
    return n > 0 && n <= ID_MAX && !id[n];
}

bool oauth__look(struct oauth__call *c, struct str token, const char *type, const char *id, json **out,
                 struct err *err)
{
    int status;
    *out = NULL;
    return c->look->find(c->look->arg, token, arena_printf(c->a, "%s/%s", type, id), &status, out, err);
}

static bool token_of(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                     struct str *token, struct err *err)
{
    return oauth__access_token(c,
                               &(struct oauth__grant){.id = oauth__secret_new(c->a),
                                                      .client = f->client->id,
                                                      .subject = u->id,
                                                      .scope = "user/Patient.rs",
                                                      .fhir_user = u->fhir_user},
                               token, err);
}

bool oauth__patient_seen(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                         const char *id, bool *seen, struct err *err)
{
    struct str token;
    json *found = NULL;
    bool ok = token_of(c, f, u, &token, err) &&
              (!oauth__is_id(id) || oauth__look(c, token, "Patient", id, &found, err));
    *seen = found;
    return ok;
}

/* "佐藤 花子", or what there is. */
static const char *name_of(struct arena *a, const json *patient)
{
    const json *name = json_at(json_get(patient, "name"), 0);
    const char *text = json_get_string(name, "text"), *family = json_get_string(name, "family");
    const json *given = json_at(json_get(name, "given"), 0);
    if (text)
        return text;
    return arena_printf(a, "%s%s%s", family ? family : "", family && given ? " " : "",
                        json_is_string(given) ? given->valuestring : "");
}

bool oauth__patients_find(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                          const char *name, struct oauth__found *out, struct err *err)
{
    struct str token;
    struct buf url;
    json *bundle;
    int status;
    *out = (struct oauth__found){.asked = name};
    if (strlen(name) > NAME_MAX_LEN)
        return true;
    buf_init(&url, c->a, 256);
    buf_addf(&url, "Patient?_count=%d&_elements=name,birthDate&name=", FOUND_MAX + 1);
    /* what separates or ends values in a search is none of a name */
    struct buf escaped;
    buf_init(&escaped, c->a, 128);
    for (const char *p = name; *p; p++) {
        if (strchr("\\,$|", *p))
            buf_addc(&escaped, '\\');
        buf_addc(&escaped, *p);
    }
    buf_add_percent(&url, buf_str(&escaped));
    if (!token_of(c, f, u, &token, err) || !c->look->find(c->look->arg, token, url.s, &status, &bundle, err))
        return false;
    const json *entries = json_get(bundle, "entry");
    out->list = ARENA_ARRAY(c->a, struct oauth__found_patient, FOUND_MAX);
    json_each (entry, entries) {
        const json *patient = json_get(entry, "resource");
        const char *id = json_get_string(patient, "id"), *born = json_get_string(patient, "birthDate");
        if (!id || !oauth__is_id(id))
            continue;
        if (out->n == FOUND_MAX) {
            out->more = true;
            break;
        }
        out->list[out->n++] = (struct oauth__found_patient){id, name_of(c->a, patient), born ? born : ""};
    }
    return true;
}
