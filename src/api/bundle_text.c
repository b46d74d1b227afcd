/* Bundles are written as text: the resources in them are text already, as the database keeps it. */
#include "base/clock.h"
#include "internal.h"

void bundle_start(struct bundle *w, struct arena *a, const char *type)
{
    char now[32];
    *w = (struct bundle){0};
    buf_init(&w->b, a, 4096);
    clock_instant(clock_wall_us(), now);
    buf_addf(&w->b, "{\"resourceType\":\"Bundle\",\"meta\":{\"lastUpdated\":\"%s\"},\"type\":\"%s\"", now,
             type);
}

void bundle_total(struct bundle *w, int64_t total)
{
    buf_addf(&w->b, ",\"total\":%lld", (long long)total);
}

static void add_string(struct bundle *w, struct str s)
{
    json node = {.type = cJSON_String, .valuestring = arena_strndup(w->b.a, s.s, s.len)};
    json_print(&w->b, &node, false);
}

void bundle_link(struct bundle *w, const char *relation, struct str url)
{
    buf_adds(&w->b, w->part == BUNDLE_HEAD ? ",\"link\":[" : ",");
    w->part = BUNDLE_LINKS;
    buf_addf(&w->b, "{\"relation\":\"%s\",\"url\":", relation);
    add_string(w, url);
    buf_addc(&w->b, '}');
}

void bundle_reserve(struct bundle *w, size_t entries, size_t bytes)
{
    buf_reserve(&w->b, bytes + entries * 256);
}

void bundle_entry_open(struct bundle *w)
{
    static const char *const before[] = {
        [BUNDLE_HEAD] = ",\"entry\":[{", [BUNDLE_LINKS] = "],\"entry\":[{", [BUNDLE_ENTRIES] = ",{"};
    buf_adds(&w->b, before[w->part]);
    w->part = BUNDLE_ENTRIES;
    w->first = true;
}

static void member(struct bundle *w, const char *name)
{
    if (!w->first)
        buf_addc(&w->b, ',');
    buf_addc(&w->b, '"');
    buf_adds(&w->b, name);
    buf_adds(&w->b, "\":");
    w->first = false;
}

void bundle_entry_url(struct bundle *w, struct str base, const char *type, struct str id)
{
    member(w, "fullUrl");
    buf_addf(&w->b, "\"%.*s/%s/%.*s\"", STR_FMT(base), type, STR_FMT(id));
}

void bundle_entry_resource(struct bundle *w, struct str text)
{
    member(w, "resource");
    buf_addstr(&w->b, text);
}

void bundle_entry_search(struct bundle *w, const char *mode)
{
    member(w, "search");
    buf_addf(&w->b, "{\"mode\":\"%s\"}", mode);
}

void bundle_entry_match(struct bundle *w, struct str score, struct str distance)
{
    member(w, "search");
    buf_adds(&w->b, "{");
    if (distance.len)
        buf_addf(&w->b,
                 "\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/location-distance\","
                 "\"valueDistance\":{\"value\":%.*s,\"unit\":\"km\",\"system\":\"http://unitsofmeasure.org\","
                 "\"code\":\"km\"}}],",
                 STR_FMT(distance));
    buf_adds(&w->b, "\"mode\":\"match\"");
    if (score.len)
        buf_addf(&w->b, ",\"score\":%.*s", STR_FMT(score));
    buf_adds(&w->b, "}");
}

void bundle_entry_request(struct bundle *w, const char *method, const char *type, struct str id)
{
    member(w, "request");
    buf_addf(&w->b, "{\"method\":\"%s\",\"url\":\"%s%s%.*s\"}", method, type, id.len ? "/" : "", STR_FMT(id));
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return " OK";
    case 201:
        return " Created";
    case 204:
        return " No Content";
    case 304:
        return " Not Modified";
    case 400:
        return " Bad Request";
    case 403:
        return " Forbidden";
    case 404:
        return " Not Found";
    case 409:
        return " Conflict";
    case 410:
        return " Gone";
    case 412:
        return " Precondition Failed";
    case 422:
        return " Unprocessable Entity";
    default:
        return "";
    }
}

void bundle_entry_response(struct bundle *w, int status, struct str location, int32_t ver, int64_t lu_us,
                           struct str outcome)
{
    member(w, "response");
    buf_addf(&w->b, "{\"status\":\"%d%s\"", status, reason(status));
    if (location.s) {
        buf_adds(&w->b, ",\"location\":");
        add_string(w, location);
    }
    if (ver) {
        char when[32];
        clock_instant(lu_us, when);
        buf_addf(&w->b, ",\"etag\":\"W/\\\"%d\\\"\",\"lastModified\":\"%s\"", ver, when);
    }
    if (outcome.s) {
        buf_adds(&w->b, ",\"outcome\":");
        buf_addstr(&w->b, outcome);
    }
    buf_addc(&w->b, '}');
}

void bundle_entry_close(struct bundle *w)
{
    buf_addc(&w->b, '}');
}

struct str bundle_end(struct bundle *w)
{
    buf_adds(&w->b, w->part == BUNDLE_HEAD ? "}" : "]}");
    return buf_str(&w->b);
}
