/* CodeSystem → compact form, in two passes: the first counts, so that every table is allocated once at its size. */
#include "internal.h"

struct count {
    size_t concepts, properties, designations, text;
    bool definitions;
};

struct fill {
    struct terminology_system *s;
    size_t text, properties, designations;
    uint32_t next;
    struct terminology__edge *edges; /* of nesting: by number */
    size_t n_edges;
    struct terminology__pending { /* of properties: the other end is a code */
        uint32_t at;
        const char *code;
        bool parent;
    } * pending;
    size_t n_pending;
    bool nested; /* nesting means subsumption */
};

static const char *const value_members[TERMINOLOGY__N_VALUES] = {
    [TERMINOLOGY__CODE] = "valueCode",       [TERMINOLOGY__CODING] = "valueCoding",
    [TERMINOLOGY__STRING] = "valueString",   [TERMINOLOGY__INTEGER] = "valueInteger",
    [TERMINOLOGY__BOOLEAN] = "valueBoolean", [TERMINOLOGY__DATETIME] = "valueDateTime",
    [TERMINOLOGY__DECIMAL] = "valueDecimal",
};

static const struct hash_key fixed = {0x7465726d, 0x696e6f6c};

uint32_t terminology__hash(struct str s)
{
    return (uint32_t)hash_bytes(&fixed, s.s, s.len);
}

struct str terminology__fold(struct str code, char *buffer, size_t size)
{
    if (code.len > size)
        return code;
    for (size_t i = 0; i < code.len; i++)
        buffer[i] = code.s[i] >= 'A' && code.s[i] <= 'Z' ? (char)(code.s[i] + 32) : code.s[i];
    return (struct str){buffer, code.len};
}

static bool same(const struct terminology_system *s, const char *x, struct str y)
{
    struct str a = str_of(x);
    return s->fold ? str_ieq(a, y) : str_eq(a, y);
}

bool terminology_find(const struct terminology_system *s, struct str code, uint32_t *at)
{
    char buffer[256];
    for (uint32_t i = terminology__hash(s->fold ? terminology__fold(code, buffer, sizeof buffer) : code);;
         i++) {
        uint32_t slot = s->slots[i & s->mask];
        if (slot == 0)
            return false;
        if (same(s, s->text + s->code[slot - 1], code)) {
            *at = slot - 1;
            return true;
        }
    }
}

/* ---- the first pass --------------------------------------------------------------------------------------- */

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 1;
}

/* The value of a concept's property: its kind, or -1. */
static int value_of(const json *property, const char **text)
{
    for (int i = 0; i < TERMINOLOGY__N_VALUES; i++) {
        const json *value = json_get(property, value_members[i]);
        if (!value)
            continue;
        *text = i == TERMINOLOGY__CODING ? json_get_string(value, "code")
                : json_is_bool(value)    ? (json_is_true(value) ? "true" : "false")
                                         : value->valuestring;
        return *text ? i : -1;
    }
    return -1;
}

static void count_coding(struct count *c, const json *coding)
{
    c->text += text_size(json_get_string(coding, "system")) + text_size(json_get_string(coding, "display"));
}

static void count_concepts(struct count *c, const json *list)
{
    json_each (concept, list) {
        const char *definition = json_get_string(concept, "definition"), *value;
        c->concepts++;
        c->text += text_size(json_get_string(concept, "code")) +
                   text_size(json_get_string(concept, "display")) + text_size(definition);
        c->definitions = c->definitions || definition;
        json_each (property, json_get(concept, "property")) {
            int kind = value_of(property, &value);
            if (kind < 0)
                continue;
            c->properties++;
            c->text += text_size(value);
            if (kind == TERMINOLOGY__CODING)
                count_coding(c, json_get(property, value_members[kind]));
        }
        json_each (designation, json_get(concept, "designation")) {
            const json *use = json_get(designation, "use");
            c->designations++;
            c->text += text_size(json_get_string(designation, "language")) +
                       text_size(json_get_string(designation, "value")) +
                       text_size(json_get_string(use, "code"));
            count_coding(c, use);
        }
        count_concepts(c, json_get(concept, "concept"));
    }
}

/* ---- the second pass -------------------------------------------------------------------------------------- */

static uint32_t keep(struct fill *f, const char *text)
{
    uint32_t at = (uint32_t)f->text;
    size_t size = text_size(text);
    memcpy(f->s->text + at, text ? text : "", size);
    f->text += size;
    return at;
}

static uint32_t keep_some(struct fill *f, const char *text)
{
    return text && *text ? keep(f, text) : 0;
}

static uint16_t property_code(struct fill *f, struct arena *a, const char *code)
{
    struct terminology_system *s = f->s;
    int known = terminology__property_code(s, code);
    if (known >= 0)
        return (uint16_t)known;
    s->codes = arena_grow(a, s->codes, sizeof *s->codes * s->n_codes, sizeof *s->codes * (s->n_codes + 1));
    s->codes[s->n_codes] = arena_strdup(a, code);
    return (uint16_t)s->n_codes++;
}

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

/* Properties that say what the compact form keeps in flags and edges (codesystem.html#props, and v3's own). */
static void read_meaning(struct fill *f, uint32_t at, const char *code, const char *value)
{
    static const char *const abstract[] = {"notSelectable", "not-selectable", "abstract", NULL};
    static const char *const gone[] = {"retired", "deprecated", "inactive", NULL};
    static const char *const parent[] = {"parent", "subsumedBy", NULL};
    uint8_t *flags = &f->s->flags[at];
    if (is_one_of(code, abstract) && strcmp(value, "true") == 0)
        *flags |= TERMINOLOGY__ABSTRACT;
    else if (strcmp(code, "inactive") == 0 && strcmp(value, "true") == 0)
        *flags |= TERMINOLOGY__INACTIVE;
    else if (strcmp(code, "status") == 0 && is_one_of(value, gone))
        *flags |= TERMINOLOGY__INACTIVE;
    else if (is_one_of(code, parent) || strcmp(code, "child") == 0)
        f->pending[f->n_pending++] = (struct terminology__pending){at, value, *code != 'c'};
}

static void fill_property(struct fill *f, struct arena *a, uint32_t at, const json *property)
{
    const char *code = json_get_string(property, "code"), *value;
    int kind = value_of(property, &value);
    if (kind < 0 || !code)
        return;
    f->s->properties[f->properties++] =
        (struct terminology__property){property_code(f, a, code), (uint16_t)kind, keep(f, value)};
    if (kind == TERMINOLOGY__CODING) {
        const json *coding = json_get(property, value_members[kind]);
        keep(f, json_get_string(coding, "system"));
        keep(f, json_get_string(coding, "display"));
    }
    read_meaning(f, at, code, value);
}

static void fill_designation(struct fill *f, const json *designation)
{
    const json *use = json_get(designation, "use");
    f->s->designations[f->designations++] = keep(f, json_get_string(designation, "language"));
    keep(f, json_get_string(designation, "value"));
    keep(f, json_get_string(use, "system"));
    keep(f, json_get_string(use, "code"));
    keep(f, json_get_string(use, "display"));
}

static bool fill_concepts(struct fill *f, struct arena *a, const json *list, uint32_t parent, struct err *err)
{
    struct terminology_system *s = f->s;
    json_each (concept, list) {
        const char *code = json_get_string(concept, "code");
        uint32_t at = f->next++, known;
        if (!code || !*code)
            return err_set(err, ERR_UNSUPPORTED, "The code system %.200s has a concept without a code",
                           s->url);
        if (terminology_find(s, str_of(code), &known))
            return err_set(err, ERR_UNSUPPORTED, "The code system %.200s has the code '%.100s' twice", s->url,
                           code);
        s->code[at] = keep(f, code);
        char buffer[256];
        struct str key = str_of(code);
        uint32_t i = terminology__hash(s->fold ? terminology__fold(key, buffer, sizeof buffer) : key);
        while (s->slots[i & s->mask])
            i++;
        s->slots[i & s->mask] = at + 1;
        s->display[at] = keep_some(f, json_get_string(concept, "display"));
        if (s->definition)
            s->definition[at] = keep_some(f, json_get_string(concept, "definition"));
        if (parent != UINT32_MAX && f->nested)
            f->edges[f->n_edges++] = (struct terminology__edge){at, parent};
        if (s->property_at)
            s->property_at[at] = (uint32_t)f->properties;
        json_each (property, json_get(concept, "property"))
            fill_property(f, a, at, property);
        if (s->designation_at)
            s->designation_at[at] = (uint32_t)f->designations;
        json_each (designation, json_get(concept, "designation"))
            fill_designation(f, designation);
        if (!fill_concepts(f, a, json_get(concept, "concept"), at, err))
            return false;
    }
    return true;
}

static void resolve_edges(struct fill *f)
{
    for (size_t i = 0; i < f->n_pending; i++) {
        const struct terminology__pending *p = &f->pending[i];
        uint32_t other;
        if (terminology_find(f->s, str_of(p->code), &other) && other != p->at)
            f->edges[f->n_edges++] = p->parent ? (struct terminology__edge){p->at, other}
                                               : (struct terminology__edge){other, p->at};
    }
}

static void allocate(struct terminology_system *s, struct arena *a, const struct count *c)
{
    size_t size = 4;
    while (size < c->concepts * 2)
        size *= 2;
    s->n = (uint32_t)c->concepts;
    s->mask = (uint32_t)size - 1;
    s->slots = ARENA_ARRAY(a, uint32_t, size);
    s->text = arena_alloc(a, c->text + 1);
    s->text[0] = '\0';
    s->code = ARENA_ARRAY(a, uint32_t, s->n);
    s->display = ARENA_ARRAY(a, uint32_t, s->n);
    s->definition = c->definitions ? ARENA_ARRAY(a, uint32_t, s->n) : NULL;
    s->flags = ARENA_ARRAY(a, uint8_t, s->n);
    if (c->properties) {
        s->property_at = ARENA_ARRAY(a, uint32_t, s->n + 1);
        s->properties = ARENA_ARRAY(a, struct terminology__property, c->properties);
    }
    if (c->designations) {
        s->designation_at = ARENA_ARRAY(a, uint32_t, s->n + 1);
        s->designations = ARENA_ARRAY(a, uint32_t, c->designations);
    }
}

static const char *copy(struct arena *a, const char *s)
{
    return s && *s ? arena_strdup(a, s) : NULL;
}

static bool read_content(const json *resource, struct terminology_system *s, struct err *err)
{
    static const char *const words[] = {"complete", "fragment", "example", "supplement"};
    const char *content = json_get_string(resource, "content");
    if (json_get_string(resource, "supplements"))
        content = words[TERMINOLOGY_SUPPLEMENT];
    for (int i = 0; content && i < 4; i++)
        if (strcmp(content, words[i]) == 0) {
            s->content = (enum terminology_content)i;
            return true;
        }
    return err_set(err, ERR_UNSUPPORTED,
                   "The CodeSystem %.200s brings no concepts of its own (its content is '%.20s')", s->url,
                   content ? content : "");
}

static void read_declared(struct arena *a, const json *resource, struct terminology_system *s)
{
    const json *properties = json_get(resource, "property"), *filters = json_get(resource, "filter");
    s->declared = ARENA_ARRAY(a, struct terminology__declared, json_count(properties) + json_count(filters));
    json_each (p, properties) {
        const char *code = json_get_string(p, "code"), *type = json_get_string(p, "type");
        if (code && type)
            s->declared[s->n_declared++] =
                (struct terminology__declared){arena_strdup(a, code), arena_strdup(a, type)};
    }
    json_each (f, filters)
        if (json_get_string(f, "code"))
            s->declared[s->n_declared++] =
                (struct terminology__declared){arena_strdup(a, json_get_string(f, "code")), NULL};
}

bool terminology__system_read(struct arena *a, struct arena *scratch, const json *resource,
                              const struct terminology_system **out, struct err *err)
{
    struct terminology_system *s = ARENA_NEW(a, struct terminology_system);
    const char *meaning = json_get_string(resource, "hierarchyMeaning"),
               *title = json_get_string(resource, "title"), *url = json_get_string(resource, "url");
    const json *folds = json_get(resource, "caseSensitive"), *list = json_get(resource, "concept");
    struct count c = {0};
    s->url = arena_strdup(a, url ? url : "");
    s->version = copy(a, json_get_string(resource, "version"));
    s->name = copy(a, title ? title : json_get_string(resource, "name"));
    s->valueset = copy(a, json_get_string(resource, "valueSet"));
    s->fold = json_is_bool(folds) && !json_is_true(folds);
    if (!read_content(resource, s, err))
        return false;
    read_declared(a, resource, s);
    count_concepts(&c, list);
    if (c.text >= UINT32_MAX || c.concepts >= UINT32_MAX / 4)
        return err_set(err, ERR_UNSUPPORTED, "The code system %.200s is too large", s->url);
    allocate(s, a, &c);

    struct fill f = {.s = s, .text = 1, .nested = !meaning || strcmp(meaning, "is-a") == 0};
    f.edges = ARENA_ARRAY(scratch, struct terminology__edge, c.concepts + c.properties);
    f.pending = ARENA_ARRAY(scratch, struct terminology__pending, c.properties);
    bool ok = fill_concepts(&f, a, list, UINT32_MAX, err);
    if (ok) {
        if (s->property_at)
            s->property_at[s->n] = (uint32_t)f.properties;
        if (s->designation_at)
            s->designation_at[s->n] = (uint32_t)f.designations;
        resolve_edges(&f);
        terminology__hierarchy(s, a, f.edges, f.n_edges);
    }
    *out = s;
    return ok;
}

static void release(void *arena)
{
    arena_release(arena);
}

bool terminology_system_read(struct arena *a, const json *resource, const struct terminology_system **out,
                             struct err *err)
{
    struct arena *scratch = ARENA_NEW(a, struct arena);
    arena_init(scratch, a->limit);
    scratch->guard = a->guard;
    arena_cleanup(a, release, scratch); /* when it runs out */
    bool ok = terminology__system_read(a, scratch, resource, out, err);
    arena_release(scratch);
    return ok;
}

/* ---- what is asked of it ---------------------------------------------------------------------------------- */

const char *terminology_system_url(const struct terminology_system *s)
{
    return s->url;
}
const char *terminology_system_version(const struct terminology_system *s)
{
    return s->version;
}
const char *terminology_system_name(const struct terminology_system *s)
{
    return s->name;
}
enum terminology_content terminology_system_content(const struct terminology_system *s)
{
    return s->content;
}
uint32_t terminology_concepts(const struct terminology_system *s)
{
    return s->n;
}
const char *terminology_code(const struct terminology_system *s, uint32_t at)
{
    return s->text + s->code[at];
}
const char *terminology_display(const struct terminology_system *s, uint32_t at)
{
    return s->display[at] ? s->text + s->display[at] : NULL;
}
const char *terminology_definition(const struct terminology_system *s, uint32_t at)
{
    return s->definition && s->definition[at] ? s->text + s->definition[at] : NULL;
}
bool terminology_is_abstract(const struct terminology_system *s, uint32_t at)
{
    return s->flags[at] & TERMINOLOGY__ABSTRACT;
}
bool terminology_is_inactive(const struct terminology_system *s, uint32_t at)
{
    return s->flags[at] & TERMINOLOGY__INACTIVE;
}

const char *terminology_declared(const struct terminology_system *s, const char *property)
{
    for (size_t i = 0; i < s->n_declared; i++)
        if (s->declared[i].type && strcmp(s->declared[i].code, property) == 0)
            return s->declared[i].type;
    return NULL;
}

bool terminology_is_filter(const struct terminology_system *s, const char *code)
{
    for (size_t i = 0; i < s->n_declared; i++)
        if (!s->declared[i].type && strcmp(s->declared[i].code, code) == 0)
            return true;
    return false;
}

int terminology__property_code(const struct terminology_system *s, const char *code)
{
    for (size_t i = 0; i < s->n_codes; i++)
        if (strcmp(s->codes[i], code) == 0)
            return (int)i;
    return -1;
}

static const char *next_text(const char *text)
{
    return text + strlen(text) + 1;
}

bool terminology_property(const struct terminology_system *s, uint32_t at, size_t i,
                          struct terminology_property *out)
{
    if (!s->property_at || i >= s->property_at[at + 1] - s->property_at[at])
        return false;
    const struct terminology__property *p = &s->properties[s->property_at[at] + i];
    bool coding = p->type == TERMINOLOGY__CODING;
    const char *value = s->text + p->text, *system = coding ? next_text(value) : "";
    *out = (struct terminology_property){
        .code = s->codes[p->code],
        .member = value_members[p->type],
        .value = value,
        .system = system,
        .display = coding ? next_text(system) : "",
    };
    return true;
}

bool terminology_designation(const struct terminology_system *s, uint32_t at, size_t i,
                             struct terminology_designation *out)
{
    if (!s->designation_at || i >= s->designation_at[at + 1] - s->designation_at[at])
        return false;
    out->language = s->text + s->designations[s->designation_at[at] + i];
    out->value = next_text(out->language);
    out->use_system = next_text(out->value);
    out->use_code = next_text(out->use_system);
    out->use_display = next_text(out->use_code);
    return true;
}

static struct str next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && !strchr(" \t\r\n", rest->s[n]))
        n++;
    struct str word = {rest->s, n};
    *rest = (struct str){rest->s + n, rest->len - n};
    return word;
}

static bool same_words(struct str x, struct str y)
{
    struct str a, b;
    do {
        a = next_word(&x);
        b = next_word(&y);
        if (!str_ieq(a, b))
            return false;
    } while (a.len);
    return true;
}

static bool is_text(const struct terminology_system *s, uint32_t at, struct str text)
{
    struct terminology_designation d;
    const char *main = terminology_display(s, at);
    bool found = main && same_words(text, str_of(main));
    for (size_t i = 0; !found && terminology_designation(s, at, i, &d); i++)
        found = same_words(text, str_of(d.value));
    return found;
}

bool terminology_is_display(const struct conformance_view *v, const struct terminology_system *s, uint32_t at,
                            struct str text)
{
    const struct terminology_system *const *list;
    struct arena scratch;
    bool found = is_text(s, at, text);
    uint32_t there;
    if (found)
        return true;
    arena_init(&scratch, 0);
    size_t n = terminology_supplements(v, &scratch, s, &list);
    for (size_t i = 0; !found && i < n; i++)
        found = terminology_find(list[i], str_of(terminology_code(s, at)), &there) &&
                is_text(list[i], there, text);
    arena_release(&scratch);
    return found;
}
