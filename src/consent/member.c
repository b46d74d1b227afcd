/* Who belongs to which organization, team or group: PractitionerRole, CareTeam, Group. */
#include <stdlib.h>

#include "fhir/datetime.h"
#include "internal.h"

static void add(struct consent__reader *r, struct consent__members *m, struct str group, struct str member)
{
    if (group.len && member.len)
        *ARENA_PUSH(r->a, m->list, m->n, m->cap) = (struct consent__pair){group, member};
}

static bool is_now(const struct consent__reader *r, const json *period, int64_t now_us)
{
    const char *start = json_get_string(period, "start"), *end = json_get_string(period, "end");
    struct fhir_datetime d;
    int64_t from = INT64_MIN, to = INT64_MAX, ignored;
    if (start && fhir_datetime_parse(str_of(start), &d))
        fhir_datetime_range(&d, r->tenant->zone, &from, &ignored);
    if (end && fhir_datetime_parse(str_of(end), &d))
        fhir_datetime_range(&d, r->tenant->zone, &ignored, &to);
    return from <= now_us && now_us <= to;
}

static void read_role(struct consent__reader *r, struct str own, const json *role, struct consent__members *m)
{
    const struct fhir_type *type;
    struct str who = consent__local(r, json_get(role, "practitioner"), &type),
               where = consent__local(r, json_get(role, "organization"), &type);
    const json *active = json_get(role, "active");
    if (active && !json_is_true(active))
        return;
    add(r, m, own, who);
    add(r, m, where, who);
    add(r, m, where, own);
}

void consent__read_members(struct consent__reader *r, const struct fhir_type *type, struct str id,
                           const json *resource, int64_t now_us, struct consent__members *m)
{
    struct str own = str_of(arena_printf(r->a, "%s/%.*s", type->name, STR_FMT(id)));
    const struct fhir_type *of;
    *ARENA_PUSH(r->a, m->groups, m->n_groups, m->cap_groups) = own;
    if (!is_now(r, json_get(resource, "period"), now_us))
        return;
    if (strcmp(type->name, "PractitionerRole") == 0) {
        read_role(r, own, resource, m);
        return;
    }
    json_each (one, json_get(resource, "participant")) /* of a CareTeam */
        if (is_now(r, json_get(one, "period"), now_us))
            add(r, m, own, consent__local(r, json_get(one, "member"), &of));
    json_each (one, json_get(resource, "member")) /* of a Group */
        if (!json_is_true(json_get(one, "inactive")) && is_now(r, json_get(one, "period"), now_us))
            add(r, m, own, consent__local(r, json_get(one, "entity"), &of));
}

static int compare(struct str x, struct str y)
{
    int by = memcmp(x.s, y.s, x.len < y.len ? x.len : y.len);
    return by ? by : (x.len > y.len) - (x.len < y.len);
}

static int by_member(const void *x, const void *y)
{
    return compare(((const struct consent__pair *)x)->member, ((const struct consent__pair *)y)->member);
}

static int by_name(const void *x, const void *y)
{
    return compare(*(const struct str *)x, *(const struct str *)y);
}

void consent__sort_members(struct consent__members *m)
{
    if (m->n)
        qsort(m->list, m->n, sizeof *m->list, by_member);
    if (m->n_groups)
        qsort(m->groups, m->n_groups, sizeof *m->groups, by_name);
}

enum { DEPTH = 3 }; /* a team has an organization for a member, which has a practitioner */

/* Is who a member of group? *placed: an organization of his is known. */
static bool belongs(const struct consent__members *m, struct str who, struct str group, int depth,
                    bool *placed)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(m->list[middle].member, who) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < m->n && str_eq(m->list[i].member, who); i++) {
        *placed |= str_starts(m->list[i].group, STR("Organization/"));
        if (str_eq(m->list[i].group, group) ||
            (depth > 1 && belongs(m, m->list[i].group, group, depth - 1, placed)))
            return true;
    }
    return false;
}

static bool is_person(struct str who)
{
    return str_starts(who, STR("Practitioner/")) || str_starts(who, STR("PractitionerRole/"));
}

enum consent__tri consent__is_actor(const struct consent__members *m, const struct consent_caller *caller,
                                    const struct consent__actor *actor)
{
    static const char *const groups[] = {"CareTeam", "Group", "PractitionerRole"};
    bool placed = false;
    if (!actor->caller || !actor->who.len || !caller->user.len)
        return MAYBE;
    if (str_eq(actor->who, caller->user) || belongs(m, caller->user, actor->who, DEPTH, &placed))
        return YES;
    if (strcmp(actor->type->name, "Organization") == 0)
        return is_person(caller->user) && !placed ? MAYBE : NO;
    /* whoever comes in a role is the practitioner of that role */
    if (strcmp(actor->type->name, "Practitioner") == 0 &&
        str_starts(caller->user, STR("PractitionerRole/"))) {
        bool known =
            m->n_groups && bsearch(&caller->user, m->groups, m->n_groups, sizeof *m->groups, by_name);
        return !known ? MAYBE : belongs(m, actor->who, caller->user, 1, &placed) ? YES : NO;
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strcmp(actor->type->name, groups[i]) == 0)
            return m->n_groups && bsearch(&actor->who, m->groups, m->n_groups, sizeof *m->groups, by_name)
                       ? NO
                       : MAYBE;
    return NO;
}
