/* $lookup and $subsumes of CodeSystem, $validate-code of CodeSystem and ValueSet (terminology-service.html). */
#include "codes.h"

/* ---- $validate-code --------------------------------------------------------------------------------------- */

struct verdict {
    bool valid;
    const char *message, *display; /* NULL: none */
};

/* in NULL: its code system is not here, so there is no text to compare with. */
static void check_display(struct api_request *r, const struct conformance_view *view,
                          const struct terminology_system *in, uint32_t at, const struct codes_coding *c,
                          struct verdict *v)
{
    v->display = in ? codes_display(r, view, in, at) : NULL;
    if (!in || !c->display.s || !v->display || terminology_is_display(view, in, at, c->display))
        return;
    v->valid = false;
    v->message =
        arena_printf(r->a, "The code is valid and the display is not: its display is '%s'", v->display);
}

static const char *cut(struct arena *a, struct str s)
{
    return arena_strndup(a, s.s, s.len < 200 ? s.len : 200);
}

static void judge_in_system(struct api_request *r, const struct conformance_view *view,
                            const struct codes_coding *c, bool abstract, struct verdict *v)
{
    struct arena *a = r->a;
    const struct terminology_system *in;
    struct str canonical = codes_canonical(a, c->system, c->version);
    uint32_t at;
    switch (terminology_has_code(view, canonical, c->code, &in, &at)) {
    case TERMINOLOGY_YES:
        v->valid = !in || abstract || !terminology_is_abstract(in, at);
        if (v->valid)
            check_display(r, view, in, at, c, v);
        else
            v->message = "The code is abstract: it is not for use in records";
        break;
    case TERMINOLOGY_NO:
        v->message = arena_printf(a, "The code system %s has no such code", cut(a, canonical));
        break;
    case TERMINOLOGY_UNKNOWN:
        v->message =
            in ? arena_printf(a, "Only a part of the code system %s is known here, without this code",
                              cut(a, canonical))
               : arena_printf(a, "The code system %s is not known here: store it as a CodeSystem",
                              cut(a, canonical));
        break;
    }
}

static void judge_in_set(struct api_request *r, const struct conformance_view *view,
                         const struct terminology_valueset *set, const struct codes_coding *c, bool abstract,
                         struct verdict *v)
{
    struct arena *a = r->a;
    struct err why = {0};
    const char *system = c->system.s ? arena_strndup(a, c->system.s, c->system.len) : NULL,
               *code = arena_strndup(a, c->code.s, c->code.len),
               *url = terminology_valueset_url(set) ? terminology_valueset_url(set) : "that was given";
    const struct terminology_system *in;
    uint32_t at;
    enum terminology_answer is = terminology_decide(view, set, system, code, abstract, &why);
    if (is != TERMINOLOGY_YES) {
        v->message = is == TERMINOLOGY_NO
                         ? arena_printf(a, "The code is not in the value set %.200s", url)
                         : arena_printf(a, "Whether the code is in the value set %.200s is not known: %s",
                                        url, why.msg);
        return;
    }
    v->valid = true;
    if (!system)
        system = terminology_implied_system(view, set, code);
    if (!system)
        return;
    struct str canonical = codes_canonical(a, str_of(system), c->version);
    if (terminology_has_code(view, canonical, c->code, &in, &at) == TERMINOLOGY_YES)
        check_display(r, view, in, at, c, v);
}

static void answer_verdict(struct api_request *r, const struct verdict *v, struct api_response *out)
{
    json *p = codes_parameters(r->a);
    codes_add(r->a, p, "result", "valueBoolean", json_bool(r->a, v->valid));
    if (v->message)
        codes_add(r->a, p, "message", "valueString", json_string(r->a, v->message));
    if (v->display)
        codes_add(r->a, p, "display", "valueString", json_string(r->a, v->display));
    codes_answer(r, p, out);
}

/* Of several codings the first that is valid decides. */
static bool work_validate_in_set(struct api_request *r, struct db_conn *conn, struct api_response *out,
                                 struct err *err)
{
    struct codes_set set;
    struct codes_coding *codings;
    struct verdict v = {false, NULL, NULL};
    size_t n;
    bool abstract;
    if (!codes_read(r, "system", &codings, &n, err) || !codes_flag(r, "abstract", &abstract, err) ||
        !codes_present(r, err) || !codes_valueset(r, conn, &set, err))
        return false;
    for (size_t i = 0; i < n && !v.valid; i++) {
        v = (struct verdict){false, NULL, NULL};
        judge_in_set(r, set.view, set.set, &codings[i], abstract, &v);
    }
    answer_verdict(r, &v, out);
    return true;
}

/* The code system that the url, the instance or the resource in the request means. */
static bool find_system(struct api_request *r, const struct conformance_view *view,
                        struct codes_coding *codings, size_t n, const struct terminology_system **out,
                        struct err *err)
{
    struct str url = api__arg(r, "url");
    const json *given = api__input(r, "codeSystem");
    *out = NULL;
    if ((url.s != NULL) + (given != NULL) + (r->id.s != NULL) > 1)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The code system is given once: by its url, as a codeSystem, or by its id in the URL");
    if (given && !terminology_system_read(r->a, given, out, err))
        return false;
    if (r->id.s && !terminology_system_by_id(view, r->id, out, err))
        return false;
    if (*out)
        url = str_of(terminology_system_url(*out));
    for (size_t i = 0; i < n; i++) {
        if (!codings[i].system.s)
            codings[i].system = url;
        if (!codings[i].system.s)
            return err_at(err, ERR_INVALID, "Parameters.parameter",
                          "The code system is missing: as url, or as the coding's system");
        if (url.s && !str_eq(url, codings[i].system))
            return err_at(err, ERR_INVALID, "Parameters.parameter",
                          "The coding's system is another than the code system that is asked");
    }
    return true;
}

static void judge_in_given(struct api_request *r, const struct conformance_view *view,
                           const struct terminology_system *s, const struct codes_coding *c, bool abstract,
                           struct verdict *v)
{
    uint32_t at;
    if (!terminology_find(s, c->code, &at))
        v->message = "The code system has no such code";
    else if (!abstract && terminology_is_abstract(s, at))
        v->message = "The code is abstract: it is not for use in records";
    else
        v->valid = true;
    if (v->valid)
        check_display(r, view, s, at, c, v);
}

static bool work_validate_in_system(struct api_request *r, struct db_conn *conn, struct api_response *out,
                                    struct err *err)
{
    const struct conformance_view *view;
    const struct terminology_system *given;
    struct codes_coding *codings;
    struct verdict v = {false, NULL, NULL};
    size_t n;
    bool abstract;
    if (!codes_read(r, "url", &codings, &n, err) || !codes_flag(r, "abstract", &abstract, err) ||
        !codes_present(r, err) || !api__terminology(r, conn, &view, err) ||
        !find_system(r, view, codings, n, &given, err))
        return false;
    for (size_t i = 0; i < n && !v.valid; i++) {
        v = (struct verdict){false, NULL, NULL};
        if (given)
            judge_in_given(r, view, given, &codings[i], abstract, &v);
        else
            judge_in_system(r, view, &codings[i], abstract, &v);
    }
    answer_verdict(r, &v, out);
    return true;
}

static bool work_validate_code(struct api_request *r, struct db_conn *conn, struct api_response *out,
                               struct err *err)
{
    return strcmp(r->type->name, "ValueSet") == 0 ? work_validate_in_set(r, conn, out, err)
                                                  : work_validate_in_system(r, conn, out, err);
}

/* ---- $lookup ---------------------------------------------------------------------------------------------- */

/* Without the parameter property, everything. */
static bool wants(const struct api_request *r, const char *property)
{
    bool some = false;
    for (size_t i = 0; i < r->n_args; i++)
        if (str_is(r->args[i].name, "property")) {
            some = true;
            if (str_is(r->args[i].value, property))
                return true;
        }
    return !some;
}

static void add_property(struct arena *a, json *p, const char *code, const char *member, json *value)
{
    json *property = codes_add(a, p, "property", NULL, NULL);
    codes_part(a, property, "code", "valueCode", json_string(a, code));
    codes_part(a, property, "value", member, value);
}

static json *property_value(struct arena *a, const struct terminology_property *p)
{
    if (strcmp(p->member, "valueCoding") == 0) {
        json *coding = json_object(a);
        if (*p->system)
            json_add_string(a, coding, "system", p->system);
        json_add_string(a, coding, "code", p->value);
        if (*p->display)
            json_add_string(a, coding, "display", p->display);
        return coding;
    }
    if (strcmp(p->member, "valueBoolean") == 0)
        return json_bool(a, strcmp(p->value, "true") == 0);
    bool number = strcmp(p->member, "valueInteger") == 0 || strcmp(p->member, "valueDecimal") == 0;
    return number ? json_number(a, p->value) : json_string(a, p->value);
}

/* main: of the code system itself, not of what supplements it. */
static void add_properties(struct api_request *r, json *p, const struct terminology_system *s, uint32_t at,
                           bool main)
{
    struct terminology_property property;
    const char *definition = terminology_definition(s, at);
    bool told = false; /* inactive, by a property of its own */
    if (main && definition && wants(r, "definition"))
        add_property(r->a, p, "definition", "valueString", json_string(r->a, definition));
    for (size_t i = 0; terminology_property(s, at, i, &property); i++) {
        told = told || strcmp(property.code, "inactive") == 0;
        /* those that say what the hierarchy is follow */
        if (strcmp(property.code, "parent") != 0 && strcmp(property.code, "child") != 0 &&
            wants(r, property.code))
            add_property(r->a, p, property.code, property.member, property_value(r->a, &property));
    }
    if (main && !told && wants(r, "inactive"))
        add_property(r->a, p, "inactive", "valueBoolean", json_bool(r->a, terminology_is_inactive(s, at)));
}

static void add_relatives(struct api_request *r, json *p, const struct terminology_system *s, uint32_t at)
{
    const uint32_t *list;
    size_t n = wants(r, "parent") ? terminology_parents(s, at, &list) : 0;
    for (size_t i = 0; i < n; i++)
        add_property(r->a, p, "parent", "valueCode", json_string(r->a, terminology_code(s, list[i])));
    n = wants(r, "child") ? terminology_children(s, at, &list) : 0;
    for (size_t i = 0; i < n; i++)
        add_property(r->a, p, "child", "valueCode", json_string(r->a, terminology_code(s, list[i])));
}

static void add_designations(struct api_request *r, json *p, const struct terminology_system *s, uint32_t at)
{
    struct terminology_designation d;
    for (size_t i = 0; wants(r, "designation") && terminology_designation(s, at, i, &d); i++) {
        json *designation = codes_add(r->a, p, "designation", NULL, NULL);
        if (*d.language)
            codes_part(r->a, designation, "language", "valueCode", json_string(r->a, d.language));
        if (*d.use_code) {
            json *use = json_object(r->a);
            if (*d.use_system)
                json_add_string(r->a, use, "system", d.use_system);
            json_add_string(r->a, use, "code", d.use_code);
            if (*d.use_display)
                json_add_string(r->a, use, "display", d.use_display);
            codes_part(r->a, designation, "use", "valueCoding", use);
        }
        codes_part(r->a, designation, "value", "valueString", json_string(r->a, d.value));
    }
}

static bool work_lookup(struct api_request *r, struct db_conn *conn, struct api_response *out,
                        struct err *err)
{
    const struct conformance_view *view;
    const struct terminology_system *s;
    struct codes_coding *c;
    size_t n;
    uint32_t at;
    if (!codes_read(r, "system", &c, &n, err) || !codes_present(r, err) ||
        !api__terminology(r, conn, &view, err))
        return false;
    if (!c->system.s)
        return err_at(err, ERR_INVALID, "Parameters.parameter", "The system of the code is missing");
    struct str canonical = codes_canonical(r->a, c->system, c->version);
    s = terminology_system(view, canonical);
    if (!s)
        return err_set(err, ERR_NOT_FOUND, "The code system %s is not known here: store it as a CodeSystem",
                       cut(r->a, canonical));
    if (!terminology_find(s, c->code, &at))
        return err_set(err, ERR_NOT_FOUND, "The code system %s has no such code", cut(r->a, canonical));
    const char *name = terminology_system_name(s), *version = terminology_system_version(s),
               *display = codes_display(r, view, s, at);
    json *p = codes_parameters(r->a);
    codes_add(r->a, p, "name", "valueString", json_string(r->a, name ? name : terminology_system_url(s)));
    if (version)
        codes_add(r->a, p, "version", "valueString", json_string(r->a, version));
    codes_add(r->a, p, "display", "valueString",
              json_string(r->a, display ? display : terminology_code(s, at)));
    add_designations(r, p, s, at);
    add_properties(r, p, s, at, true);
    add_relatives(r, p, s, at);
    const struct terminology_system *const *list;
    size_t n_list = terminology_supplements(view, r->a, s, &list);
    for (size_t i = 0; i < n_list; i++)
        if (terminology_find(list[i], c->code, &at)) {
            add_designations(r, p, list[i], at);
            add_properties(r, p, list[i], at, false);
        }
    codes_answer(r, p, out);
    return true;
}

/* ---- $subsumes -------------------------------------------------------------------------------------------- */

/* codeA, or codingA. */
static bool read_side(struct api_request *r, const char *code, const char *coding, struct codes_coding *out,
                      struct err *err)
{
    const json *node = api__input(r, coding);
    *out = (struct codes_coding){.code = api__arg(r, code), .system = api__arg(r, "system")};
    if ((node != NULL) == (out->code.s != NULL))
        return err_at(err, ERR_INVALID, "Parameters.parameter", "$subsumes needs either %s or %s", code,
                      coding);
    if (node) {
        out->code = str_of(json_get_string(node, "code"));
        out->system = str_of(json_get_string(node, "system"));
    }
    return out->code.s || err_at(err, ERR_INVALID, "Parameters.parameter", "%s has no code", coding);
}

static bool work_subsumes(struct api_request *r, struct db_conn *conn, struct api_response *out,
                          struct err *err)
{
    const struct conformance_view *view;
    const struct terminology_system *s = NULL;
    struct codes_coding a, b;
    uint32_t x, y;
    if (!read_side(r, "codeA", "codingA", &a, err) || !read_side(r, "codeB", "codingB", &b, err) ||
        !api__terminology(r, conn, &view, err))
        return false;
    if (r->id.s && !terminology_system_by_id(view, r->id, &s, err))
        return false;
    if (s)
        a.system = a.system.s ? a.system : str_of(terminology_system_url(s));
    b.system = b.system.s ? b.system : a.system;
    if (!a.system.s || !str_eq(a.system, b.system) || (s && !str_is(a.system, terminology_system_url(s))))
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "Both codes have to be of one code system, which is given as system or in the codings");
    struct str canonical = codes_canonical(r->a, a.system, api__arg(r, "version"));
    s = s ? s : terminology_system(view, canonical);
    if (!s)
        return err_set(err, ERR_NOT_FOUND, "The code system %s is not known here: store it as a CodeSystem",
                       cut(r->a, canonical));
    if (!terminology_find(s, a.code, &x) || !terminology_find(s, b.code, &y))
        return err_set(err, ERR_NOT_FOUND, "The code system %s does not have both codes",
                       cut(r->a, canonical));
    const char *outcome = x == y                      ? "equivalent"
                          : terminology_is_a(s, x, y) ? "subsumes"
                          : terminology_is_a(s, y, x) ? "subsumed-by"
                                                      : "not-subsumed";
    json *p = codes_parameters(r->a);
    codes_add(r->a, p, "outcome", "valueCode", json_string(r->a, outcome));
    codes_answer(r, p, out);
    return true;
}

#define OPERATION(name, what)                                                                                \
    {                                                                                                        \
        .code = (name), .run = RUN_WORKER, .right = AUTH_READ, .access = ACCESS_DEFINITIONS, .work = (what)  \
    }
const struct api_interaction api__validate_code = OPERATION("$validate-code", work_validate_code);
const struct api_interaction api__lookup = OPERATION("$lookup", work_lookup);
const struct api_interaction api__subsumes = OPERATION("$subsumes", work_subsumes);
