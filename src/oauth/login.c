/* POST oauth/login: each form of a login under way, until the browser is sent back with a code. */
#include "base/clock.h"
#include "crypto/random.h"
#include "internal.h"

/* How long what was allowed holds: with offline_access 90 days, else a day's work. */
enum { OFFLINE_S = 90 * 24 * 3600, ONLINE_S = 12 * 3600 };
enum { HASHING_MAX = 4, PASSWORDS_OF_REQUESTS = 10, PASSWORD_MAX = 1000 };

static const char *patient_of(const struct oauth__user *u)
{
    return u->fhir_user && strncmp(u->fhir_user, "Patient/", 8) == 0 ? u->fhir_user + 8 : NULL;
}

static bool needs_patient(const json *request)
{
    const char *scope = json_get_string(request, "scope");
    return (oauth__scope_has(scope, "launch/patient") || strstr(scope, "patient/")) &&
           !json_get_string(request, "patient");
}

static bool refuse(struct oauth__call *c, const struct oauth__flow *f, const char *why, struct err *err)
{
    bool ours;
    if (!oauth__flow_end(c, f, &ours, err))
        return false;
    return ours ? oauth__send_back(c, f->request, "error", "access_denied", why)
                : oauth__problem_page(c, 400, OAUTH__NO_FLOW);
}

/* Who logs in for himself is the patient; others choose one, unless an EHR has. */
bool oauth__logged_in(struct oauth__call *c, struct oauth__flow *f, const struct oauth__user *u,
                      const char *how, struct err *err)
{
    oauth__event(c, OAUTH_EVENT_LOGIN, 200, u->id, f->client->id, how);
    if (!oauth__user_succeeded(c, u->id, err))
        return false;
    f->user_id = u->id;
    const char *own = patient_of(u), *opened = json_get_string(f->request, "patient");
    bool seen = true;
    if (own) {
        if (opened && strcmp(opened, own) != 0)
            json_detach(f->request, json_get(f->request, "encounter"));
        json_put(c->a, f->request, "patient", json_string(c->a, own));
    } else if (opened && !oauth__patient_seen(c, f, u, opened, &seen, err)) {
        return false;
    }
    if (!seen)
        return refuse(c, f, "The person may not see the patient that is open.", err);
    f->stage = needs_patient(f->request) ? OAUTH__PATIENT : OAUTH__CONSENT;
    return oauth__flow_save(c, f, err) && oauth__page(c, f, u, OAUTH__NO_NOTE);
}

bool oauth__login_again(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                        enum oauth__note note, struct err *err)
{
    bool dead;
    if (!oauth__flow_wrong(c, f, &dead, err))
        return false;
    return dead ? oauth__problem_page(c, 400, OAUTH__NO_FLOW) : oauth__page(c, f, u, note);
}

static bool judge_password(struct oauth__call *c, struct oauth__flow *f, const char *name,
                           const char *password, struct err *err)
{
    struct oauth__user *u;
    bool fits;
    if (!oauth__user_attempt(c, name, NULL, &u, err) ||
        !oauth__password_fits(c->a, str_of(password), u ? u->password : NULL, &fits, err))
        return false;
    if (!fits) {
        const char *locked = NULL;
        if (!u && !oauth__user_locked(c, name, &locked, err))
            return false;
        oauth__event(c, OAUTH_EVENT_LOGIN, locked ? 429 : 401, u ? u->id : locked, f->client->id, "password");
        return oauth__login_again(c, f, NULL, OAUTH__WRONG_LOGIN, err);
    }
    if (!u->totp.s)
        return oauth__logged_in(c, f, u, "password", err);
    f->user_id = u->id;
    f->stage = OAUTH__TOTP;
    return oauth__flow_save(c, f, err) && oauth__page(c, f, u, OAUTH__NO_NOTE);
}

static bool take_password(struct oauth__call *c, struct oauth__flow *f, struct err *err)
{
    const char *name = oauth__field(&c->form, "username"), *password = oauth__field(&c->form, "password");
    const char *who = arena_printf(c->a, "login %.*s", STR_FMT(c->r->peer));
    if (!oauth__limit_take(c->o->limit, str_of(who), 1 + c->config->oauth_token_rate / PASSWORDS_OF_REQUESTS,
                           clock_mono_us()))
        return oauth__problem_page(c, 429, OAUTH__BUSY);
    if (!name || !password || strlen(password) > PASSWORD_MAX)
        return oauth__login_again(c, f, NULL, OAUTH__WRONG_LOGIN, err);
    if (atomic_fetch_add(&c->o->hashing, 1) >= HASHING_MAX) {
        atomic_fetch_sub(&c->o->hashing, 1);
        return oauth__problem_page(c, 503, OAUTH__BUSY);
    }
    bool ok = judge_password(c, f, name, password, err);
    atomic_fetch_sub(&c->o->hashing, 1);
    return ok;
}

static bool take_certificate(struct oauth__call *c, struct oauth__flow *f, struct err *err)
{
    struct oauth__user *u;
    if (!oauth__certificate_user(c, &u, err))
        return false;
    if (u)
        return oauth__logged_in(c, f, u, OAUTH__CERTIFICATE, err);
    oauth__event(c, OAUTH_EVENT_LOGIN, 401, NULL, f->client->id, OAUTH__CERTIFICATE);
    return oauth__login_again(c, f, NULL, OAUTH__WRONG_CERTIFICATE, err);
}

/* How does somebody want to log in? */
static bool take_login(struct oauth__call *c, struct oauth__flow *f, struct err *err)
{
    const char *with = oauth__field(&c->form, "with");
    const struct oauth__provider *p = with ? oauth__provider(c->o, str_of(with)) : NULL;
    if (p)
        return oauth__federation_begin(c, f, p, err);
    return with && strcmp(with, OAUTH__CERTIFICATE) == 0 ? take_certificate(c, f, err)
                                                         : take_password(c, f, err);
}

static bool take_code(struct oauth__call *c, struct oauth__flow *f, struct err *err)
{
    struct oauth__user *u;
    const char *code = oauth__field(&c->form, "code");
    bool fresh = false;
    if (!oauth__user_attempt(c, NULL, f->user_id, &u, err))
        return false;
    int64_t step = u && u->totp.s && code ? oauth__totp_step(u->totp, code, c->now_us) : 0;
    if (step && !oauth__user_use_step(c, u->id, step, &fresh, err))
        return false;
    if (fresh)
        return oauth__logged_in(c, f, u, "one-time code", err);
    oauth__event(c, OAUTH_EVENT_LOGIN, u ? 401 : 429, f->user_id, f->client->id, "one-time code");
    return oauth__login_again(c, f, NULL, OAUTH__WRONG_CODE, err);
}

static bool take_patient(struct oauth__call *c, struct oauth__flow *f, const struct oauth__user *u,
                         struct err *err)
{
    const char *what = oauth__field(&c->form, "do"), *name = oauth__field(&c->form, "name"),
               *id = oauth__field(&c->form, "patient");
    struct oauth__found found;
    bool seen = false;
    if (what && strcmp(what, "search") == 0 && name)
        return oauth__patients_find(c, f, u, name, &found, err) && oauth__found_page(c, f, u, &found);
    if (!id)
        id = oauth__field(&c->form, "id");
    if (id && !oauth__patient_seen(c, f, u, id, &seen, err))
        return false;
    if (!seen)
        return oauth__login_again(c, f, u, OAUTH__WRONG_PATIENT, err);
    json_put(c->a, f->request, "patient", json_string(c->a, id));
    f->stage = OAUTH__CONSENT;
    return oauth__flow_save(c, f, err) && oauth__page(c, f, u, OAUTH__NO_NOTE);
}

static void copy(struct oauth__call *c, json *to, const json *from, const char *name)
{
    const char *text = json_get_string(from, name);
    if (text)
        json_add_string(c->a, to, name, text);
}

static bool grant(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                  const char **code, struct err *err)
{
    static const char *const kept[] = {"scope", "patient", "encounter",          "nonce",
                                       "lang",  "intent",  "need_patient_banner"};
    json *granted = json_object(c->a);
    char id[37];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        copy(c, granted, f->request, kept[i]);
    if (u->fhir_user)
        json_add_string(c->a, granted, "fhirUser", u->fhir_user);
    json_add(c->a, granted, "auth_time", json_int(c->a, c->now_us / OAUTH__SECOND));
    crypto_uuid(id);
    const char *scope = json_get_string(granted, "scope");
    int64_t ttl =
        oauth__scope_has(scope, "offline_access") ? OFFLINE_S * OAUTH__SECOND : ONLINE_S * OAUTH__SECOND;
    return oauth__grant_add(c,
                            &(struct oauth__grant){
                                .id = id, .client = f->client->id, .subject = u->id, .granted = granted},
                            ttl, err) &&
           oauth__secret_add(
               c,
               &(struct oauth__secret){.kind = OAUTH__CODE,
                                       .grant = id,
                                       .redirect_uri = json_get_string(f->request, "redirect_uri"),
                                       .challenge = json_get_string(f->request, "challenge")},
               code, err);
}

static bool decide(struct oauth__call *c, struct oauth__flow *f, const struct oauth__user *u, struct err *err)
{
    const char *decision = oauth__field(&c->form, "decision"), *code = NULL;
    bool ours, allowed = decision && strcmp(decision, "allow") == 0;
    if (!db_begin(c->conn, err))
        return false;
    if (!oauth__flow_end(c, f, &ours, err) || (ours && allowed && !grant(c, f, u, &code, err)) ||
        !db_commit(c->conn, err)) {
        db_rollback(c->conn);
        return false;
    }
    if (!ours)
        return oauth__problem_page(c, 400, OAUTH__NO_FLOW);
    oauth__event(c, OAUTH_EVENT_CONSENT, allowed ? 200 : 403, u->id, f->client->id,
                 json_get_string(f->request, "scope"));
    c->events[c->n_events - 1].patient = str_of(json_get_string(f->request, "patient"));
    return allowed ? oauth__send_back(c, f->request, "code", code, NULL)
                   : oauth__send_back(c, f->request, "error", "access_denied", "The person has declined.");
}

bool oauth__login(struct oauth__call *c, struct err *err)
{
    struct oauth__flow f;
    struct oauth__user *u = NULL;
    bool found;
    if (!oauth__flow_find(c, oauth__field(&c->form, "flow"), &f, &found, err) ||
        (found && f.user_id && !oauth__user_find(c, f.user_id, &u, err)))
        return false;
    if (!found || (f.stage != OAUTH__LOGIN && f.stage != OAUTH__ELSEWHERE && !u))
        return oauth__problem_page(c, 400, OAUTH__NO_FLOW);
    switch (f.stage) {
    case OAUTH__LOGIN:
        return take_login(c, &f, err);
    case OAUTH__TOTP:
        return take_code(c, &f, err);
    case OAUTH__PATIENT:
        return take_patient(c, &f, u, err);
    case OAUTH__CONSENT:
        return decide(c, &f, u, err);
    case OAUTH__ELSEWHERE: /* somebody has come back by the browser's button, and chooses another way */
        f.stage = OAUTH__LOGIN;
        return take_login(c, &f, err);
    }
    return oauth__problem_page(c, 400, OAUTH__NO_FLOW);
}
