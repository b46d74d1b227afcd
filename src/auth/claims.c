/* What a token's claims say (RFC 7519, 4.1; RFC 9068), and whether that is for us and for now. */
#include "base/base64.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"
#include "internal.h"

#define LATEST 253402300799.0 /* 9999-12-31T23:59:59Z, in seconds */

static struct str string_claim(const json *claims, const char *name)
{
    const char *s = json_get_string(claims, name);
    return s ? str_of(s) : (struct str){0};
}

/* A NumericDate (RFC 7519, 2) in µs. False when it is there and is none; absent is left alone. */
static bool date_claim(const json *claims, const char *name, int64_t *us)
{
    const json *n = json_get(claims, name);
    if (!n)
        return true;
    if (!json_is_number(n) || !(n->valuedouble >= 0 && n->valuedouble <= LATEST))
        return false;
    *us = (int64_t)(n->valuedouble * 1e6);
    return true;
}

static bool check_times(const json *claims, int64_t now_us, int64_t skew_us, int64_t *expires_us,
                        struct err *err)
{
    int64_t exp = -1, nbf = INT64_MIN, iat = INT64_MIN;
    if (!date_claim(claims, "exp", &exp) || !date_claim(claims, "nbf", &nbf) ||
        !date_claim(claims, "iat", &iat))
        return err_set(err, ERR_LOGIN,
                       "The token's exp, nbf and iat must be seconds since 1970, as numbers.");
    if (exp < 0)
        return err_set(err, ERR_LOGIN, "The token has no exp: tokens that never expire are not accepted.");
    if (now_us >= exp + skew_us)
        return err_set(err, ERR_LOGIN, "The token has expired.");
    if (nbf > now_us + skew_us)
        return err_set(err, ERR_LOGIN, "The token is not valid yet (nbf).");
    if (iat > now_us + skew_us)
        return err_set(err, ERR_LOGIN,
                       "The token was issued in the future (iat): one of the clocks is wrong.");
    *expires_us = exp;
    return true;
}

static bool is_audience(const struct config_list *ours, const json *value)
{
    for (int i = 0; json_is_string(value) && i < ours->n; i++)
        if (strcmp(value->valuestring, ours->items[i]) == 0)
            return true;
    return false;
}

static bool names(const struct config_list *ours, const json *aud)
{
    if (is_audience(ours, aud))
        return true;
    if (json_is_array(aud))
        json_each (one, aud)
            if (is_audience(ours, one))
                return true;
    return false;
}

/* Tokens of one issuer may be for several institutions of this server; without the claim they are for the first. Those of our
 * own authorisation server are of one institution by their keys. */
static bool for_institution(const struct auth__settings *s, const json *claims)
{
    const char *claim = s->institution_claim;
    const json *said = claim && *claim ? json_get(claims, claim) : NULL;
    if (!said)
        return !s->by_claim;
    return json_is_string(said) &&
           strcmp(said->valuestring, s->institution ? s->institution : AUTH_FIRST_INSTITUTION) == 0;
}

/* A token says it is from its keys' issuer, and no other's keys may speak for our own server. */
static bool is_for_us(const struct auth__state *st, bool own, const json *claims, struct err *err)
{
    const char *iss = json_get_string(claims, "iss");
    const struct config_list self = {1, (const char **)&(const char *){st->own.issuer.s}};
    bool says_own = iss && st->own.issuer.s && strcmp(iss, st->own.issuer.s) == 0;
    if (says_own != own || (!own && *st->settings.issuer && !(iss && strcmp(iss, st->settings.issuer) == 0)))
        return err_set(err, ERR_LOGIN, "The token is from another issuer (iss).");
    return names(own ? &self : &st->settings.audiences, json_get(claims, "aud")) ||
           err_set(err, ERR_LOGIN, "The token was made for another server: its aud does not name this one.");
}

/* Beside the first institution the reason is not told, which would say whether there is one of this name. */
static bool for_us(const struct auth__state *st, bool own, const json *claims, struct err *err)
{
    static const char other[] = "The token is not one of this institution's.";
    if (!is_for_us(st, own, claims, err))
        return st->settings.institution ? err_set(err, ERR_LOGIN, other) : false;
    return own || for_institution(&st->settings, claims) || err_set(err, ERR_LOGIN, other);
}

/* By what a token of our own server can be revoked. */
static bool read_ids(const json *claims, struct auth_ids *out, struct err *err)
{
    struct str jti = string_claim(claims, "jti"), rest;
    if (!jti.len)
        return err_set(err, ERR_LOGIN, "The token has no jti.");
    auth_revocation_id(jti, out->token);
    auth_revocation_id(str_cut(jti, '.', &rest), out->grant);
    return true;
}

/* RFC 7800: worth something only together with a proof of its key; certificates are the only one known here. */
static bool read_bound(struct arena *a, const json *claims, struct auth_principal *p, struct err *err)
{
    const json *cnf = json_get(claims, "cnf");
    const char *text = json_get_string(cnf, "x5t#S256");
    struct str hash;
    if (!cnf)
        return true;
    if (!text || json_count(cnf) != 1 || !base64_decode(a, BASE64_URL, str_of(text), &hash) ||
        hash.len != sizeof p->bound_to)
        return err_set(
            err, ERR_LOGIN,
            "The token is bound to a key (cnf) in a way that this server does not know: bearer tokens and "
            "those bound to a certificate (x5t#S256) are expected.");
    p->bound = true;
    memcpy(p->bound_to, hash.s, sizeof p->bound_to);
    return true;
}

/* Resource types are numbered by fhir_type.id, with room to spare below the highest one. */
static size_t id_bound(const struct fhir_defs *d)
{
    size_t bound = 0;
    for (int i = 0; i < fhir_resource_count(d); i++)
        if (fhir_resource_at(d, i)->id >= bound)
            bound = (size_t)fhir_resource_at(d, i)->id + 1;
    return bound;
}

/* Does a scope of this level speak for somebody whom this server knows? Of a Person it is not known what they may see. */
static bool speaks(const struct auth_principal *p, enum auth_level level)
{
    if (level == AUTH_PATIENT)
        return p->patient.len;
    return level != AUTH_USER || !p->user.len ||
           !(str_starts(p->user, STR("Person/")) || memmem(p->user.s, p->user.len, "://", 3));
}

/* Adds a scope to the grants and their sums. */
struct sum {
    struct arena *a;
    struct auth_principal *p;
    uint8_t *type_rights, *type_whole;
    struct auth_grant *grants;
    size_t cap;
};

static void add(struct sum *s, const struct auth_grant *granted)
{
    struct auth_principal *p = s->p;
    struct auth_grant grant = *granted, *const g = &grant;
    if (p->pseudonyms) /* what it wrote would replace what it does not see */
        g->rights &= AUTH_READ | AUTH_SEARCH;
    if (!g->rights)
        return;
    bool all =
        g->level == AUTH_SYSTEM && !g->query.s && p->sight[AUTH_SYSTEM] == AUTH_SEES_ALL && !p->purposes.s;
    unsigned whole = all ? g->rights : 0;
    *ARENA_PUSH(s->a, s->grants, p->n_grants, s->cap) = *g;
    if (g->type) {
        s->type_rights[g->type->id] |= (uint8_t)g->rights;
        s->type_whole[g->type->id] |= (uint8_t)whole;
    } else {
        p->rights |= g->rights;
        p->whole |= whole;
    }
}

static bool grant(const struct fhir_defs *d, const json *claims, struct sum *s, struct err *err)
{
    struct str rest = string_claim(claims, "scope");
    if (!rest.s)
        return err_set(err, ERR_FORBIDDEN, "The token has no scope, a string of scopes separated by blanks.");
    while (rest.s) {
        struct auth__scope scope;
        struct str text = str_cut(rest, ' ', &rest);
        if (str_is(text, AUTH_SCOPE_EXPLAIN) && !s->p->pseudonyms)
            s->p->rights |= AUTH_EXPLAIN;
        if (str_is(text, AUTH_SCOPE_EMERGENCY))
            s->p->rights |= AUTH_EMERGENCY;
        if (!auth__scope_parse(text, &scope) || !speaks(s->p, scope.level))
            continue;
        const struct fhir_type *type = str_is(scope.type, "*") ? NULL : fhir_resource(d, scope.type);
        if (type || str_is(scope.type, "*"))
            add(s, &(struct auth_grant){scope.level, scope.rights, type, scope.query});
    }
    s->p->grants = s->grants;
    return s->p->n_grants ||
           err_set(
               err, ERR_FORBIDDEN,
               "None of the token's scopes grants anything here: system/…, user/… or patient/… for a "
               "resource "
               "type or * is expected, such as patient/Observation.rs; patient/… needs the claim patient.");
}

/* "Type/id", or its id alone when it is of this type; empty: it is neither. */
static struct str id_claim(const json *claims, const char *name, const char *type)
{
    struct str rest, value = string_claim(claims, name);
    if (!value.len)
        return STR("");
    struct str head = str_cut(value, '/', &rest), id = !rest.s ? value : str_is(head, type) ? rest : STR("");
    return fhir_id_valid(id) ? id : STR("");
}

/* fhirUser is a URL: one of this server's is shortened to Type/id; others stay, and speak for nobody here unless they are
 * of somebody who works: whose records they keep is not asked of them. */
static struct str user_claim(const struct auth__settings *s, const struct fhir_defs *d, struct arena *a,
                             const json *claims)
{
    struct str text = string_claim(claims, "fhirUser");
    struct fhir_reference ref;
    if (!text.len)
        return text;
    fhir_reference_parse(d, text, &ref);
    bool ours = ref.form == FHIR_REF_RELATIVE || (ref.form == FHIR_REF_ABSOLUTE && str_is(ref.base, s->base));
    for (int i = 0; ref.form == FHIR_REF_ABSOLUTE && i < s->audiences.n; i++)
        ours |= str_is(ref.base, s->audiences.items[i]);
    bool works =
        (ref.form == FHIR_REF_RELATIVE || ref.form == FHIR_REF_ABSOLUTE) &&
        (strcmp(ref.type->name, "Practitioner") == 0 || strcmp(ref.type->name, "PractitionerRole") == 0 ||
         strcmp(ref.type->name, "Organization") == 0 || strcmp(ref.type->name, "Device") == 0);
    if (!ours && !works)
        return str_of("unknown://");
    return str_of(arena_printf(a, "%s/%.*s", ref.type->name, STR_FMT(ref.id)));
}

/* A claim of words: a text with blanks between them, or an array. As " A B ". */
static struct str words_claim(struct arena *a, const json *claims, const char *name)
{
    const json *claim = json_get(claims, name);
    struct buf b;
    if (!claim)
        return (struct str){NULL, 0};
    buf_init(&b, a, 64);
    buf_addf(&b, " %s", json_is_string(claim) ? claim->valuestring : "");
    json_each (word, json_is_array(claim) ? claim : NULL)
        if (json_is_string(word))
            buf_addf(&b, "%s ", word->valuestring);
    buf_addc(&b, ' ');
    return buf_str(&b);
}

static bool has_word(struct arena *a, struct str words, const char *word)
{
    struct str spaced = str_of(arena_printf(a, " %s ", word));
    return words.len && memmem(words.s, words.len, spaced.s, spaced.len);
}

/* What labels withhold. A claim that is not understood shows nothing but what everybody may see. */
static void read_sight(const struct auth__settings *s, struct arena *a, const json *claims,
                       struct auth_principal *p)
{
    const json *claim = json_get(claims, "confidentiality");
    struct str known = words_claim(a, claims, "sensitivity");
    struct buf b;
    int said = 0, i = 0;
    for (struct str rest = STR(AUTH_CONFIDENTIALITIES); rest.s; i++) {
        struct str letter = str_cut(rest, ' ', &rest);
        if (json_is_string(claim) && str_is(letter, claim->valuestring))
            said = i;
    }
    for (int level = 0; level < AUTH_LEVELS; level++)
        p->sight[level] = (uint8_t)(claim ? said : level == AUTH_SYSTEM ? AUTH_SEES_ALL : s->confidentiality);
    p->purposes = words_claim(a, claims, "purpose_of_use");
    buf_init(&b, a, 16);
    for (i = 0; i < s->sensitivities.n; i++)
        if (!has_word(a, known, s->sensitivities.items[i]))
            buf_addf(&b, "%s ", s->sensitivities.items[i]);
    p->sensitive = buf_str(&b);
}

/* Research does not need to know whom it is about, unless somebody has granted that. */
static bool read_pseudonyms(const struct auth__settings *s, struct arena *a, const json *claims,
                            struct auth_principal *p, struct err *err)
{
    static const char *const research[] = {"HRESCH", "CLINTRCH", "CLINTRCHNPC", "CLINTRCHPC", "PRECLINTRCH"};
    struct str scopes = words_claim(a, claims, "scope");
    bool hidden = s->sealed && s->granted;
    for (size_t i = 0; i < sizeof research / sizeof *research; i++)
        hidden = hidden || has_word(a, p->purposes, research[i]);
    hidden = hidden && !has_word(a, scopes, AUTH_SCOPE_IDENTITIES);
    p->pseudonyms = (hidden && s->sealed) || has_word(a, scopes, AUTH_SCOPE_PSEUDONYMS);
    return !p->pseudonyms || s->sealed ||
           err_set(err, ERR_FORBIDDEN,
                   "The token is for records under pseudonyms (scope " AUTH_SCOPE_PSEUDONYMS
                   "), which this server does not have: identity.seal is off");
}

bool auth__principal(const struct auth__state *st, bool own, const struct fhir_defs *d, struct arena *a,
                     const json *claims, int64_t now_us, struct auth_principal *out, struct err *err)
{
    struct auth_principal p = {.n_types = id_bound(d)};
    struct sum sum = {a, &p, arena_zalloc(a, p.n_types), arena_zalloc(a, p.n_types), NULL, 0};
    p.type_rights = sum.type_rights;
    p.type_whole = sum.type_whole;

    if (!for_us(st, own, claims, err) ||
        !check_times(claims, now_us, st->settings.skew_us, &p.expires_us, err) ||
        (own && !read_ids(claims, &p.ids, err)))
        return false;
    if (!read_bound(a, claims, &p, err))
        return false;
    p.issuer = string_claim(claims, "iss");
    p.subject = string_claim(claims, "sub");
    p.client = string_claim(claims, "client_id");
    if (!p.client.len)
        p.client = string_claim(claims, "azp");
    if (!p.subject.len && !p.client.len)
        return err_set(err, ERR_LOGIN, "The token names nobody: sub, client_id or azp is expected.");
    p.patient = id_claim(claims, "patient", "Patient");
    p.user = user_claim(&st->settings, d, a, claims);
    if (!p.patient.len && !json_get(claims, "patient") && str_starts(p.user, STR("Patient/")))
        p.patient = (struct str){p.user.s + 8, p.user.len - 8};
    read_sight(&st->settings, a, claims, &p);
    p.encounter = id_claim(claims, "encounter", "Encounter");
    if (!read_pseudonyms(&st->settings, a, claims, &p, err) || !grant(d, claims, &sum, err))
        return false;
    *out = p;
    return true;
}
