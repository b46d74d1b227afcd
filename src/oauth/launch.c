/* POST oauth/launch: a record system says which patient is open before it starts a program (SMART App Launch, "EHR
 * Launch"). The value goes into the program's URL; it is good once, for minutes, for that program. */
#include "internal.h"

#define SCOPE_LAUNCH "system/launch"
enum { LAUNCH_S = 300, TEXT_MAX = 200 };

/* Whether it exists is all that the record system is told. */
static const char *access_of(struct oauth__call *c, const struct oauth__client *client, struct str *token,
                             struct err *err)
{
    return oauth__access_token(c,
                               &(struct oauth__grant){.id = client->grant_id,
                                                      .client = client->id,
                                                      .subject = client->id,
                                                      .scope = "system/Patient.r system/Encounter.r"},
                               token, err)
               ? token->s
               : NULL;
}

/* *why NULL: the patient is there, and the encounter is that patient's. */
static bool check_context(struct oauth__call *c, const struct oauth__client *client, const char *patient,
                          const char *encounter, const char **why, struct err *err)
{
    struct str token;
    json *found;
    *why = NULL;
    if (!access_of(c, client, &token, err))
        return false;
    if (patient && !oauth__look(c, token, "Patient", patient, &found, err))
        return false;
    if (patient && !found)
        *why = "patient: there is no patient of this id.";
    if (*why || !encounter)
        return true;
    if (!oauth__look(c, token, "Encounter", encounter, &found, err))
        return false;
    const char *subject = json_get_string(json_get(found, "subject"), "reference");
    if (!found)
        *why = "encounter: there is no encounter of this id.";
    else if (!patient || !subject || strcmp(subject, arena_printf(c->a, "Patient/%s", patient)) != 0)
        *why = "encounter: it is not that patient's.";
    return true;
}

static void put(struct oauth__call *c, json *context, const char *name)
{
    const char *value = oauth__field(&c->form, name);
    if (value)
        json_add_string(c->a, context, name, value);
}

static bool keep(struct oauth__call *c, const char *app, const json *context, const char **launch,
                 struct err *err)
{
    struct sql q;
    *launch = oauth__secret_new(c->a);
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "INSERT INTO oauth_launch (tenant, digest, client, context, until) VALUES ($%d, $%d, $%d, $%d, "
             "now() + "
             "$%d * interval '1 second')",
             sql_int4(&q, c->o->base.tenant), oauth__sql_digest(&q, *launch), sql_text(&q, str_of(app)),
             sql_text(&q, json_text(c->a, context)), sql_int4(&q, LAUNCH_S));
    return db_exec(c->conn, c->a, &q, NULL, err);
}

bool oauth__launch(struct oauth__call *c, struct err *err)
{
    struct oauth__client *client, *program = NULL;
    const struct oauth__form *f = &c->form;
    const char *app = oauth__field(f, "app"), *patient = oauth__field(f, "patient"),
               *encounter = oauth__field(f, "encounter"), *intent = oauth__field(f, "intent"),
               *banner = oauth__field(f, "need_patient_banner"), *why, *launch;
    if (!oauth__authenticate(c, &client, err) || !client)
        return !client && c->out->status;
    if (client->method == OAUTH__PUBLIC || !oauth__scope_has(client->scope, SCOPE_LAUNCH))
        return oauth__refuse(c, 403, "unauthorized_client",
                             "Only a client that proves who it is and whose scope has " SCOPE_LAUNCH
                             " may start programs.");
    if (app && !oauth__client_find(c->o->base.tenant, c->conn, c->a, app, &program, err))
        return false;
    if (!program || !program->code || !oauth__scope_has(program->scope, "launch"))
        return oauth__refuse(c, 400, "invalid_request",
                             "app: the id of a client that people log in to and whose scope has launch.");
    if ((patient && !oauth__is_id(patient)) || (encounter && !oauth__is_id(encounter)) ||
        (intent && strlen(intent) > TEXT_MAX) ||
        (banner && strcmp(banner, "true") != 0 && strcmp(banner, "false") != 0))
        return oauth__refuse(c, 400, "invalid_request",
                             "patient and encounter are ids, need_patient_banner is true or false.");
    if (!check_context(c, client, patient, encounter, &why, err))
        return false;
    if (why)
        return oauth__refuse(c, 400, "invalid_request", why);
    json *context = json_object(c->a), *body = json_object(c->a);
    put(c, context, "patient");
    put(c, context, "encounter");
    put(c, context, "intent");
    put(c, context, "need_patient_banner");
    if (!keep(c, program->id, context, &launch, err))
        return false;
    json_add_string(c->a, body, "launch", launch);
    json_add(c->a, body, "iss", json_string_n(c->a, c->o->issuer));
    json_add(c->a, body, "expires_in", json_int(c->a, LAUNCH_S));
    return oauth__json(c, 200, body);
}
