#include <stdio.h>

#include "base/hash.h"
#include "internal.h"

const char *db__name(const struct sql *q, char made[DB__NAME])
{
    if (q->name != SQL_BY_TEXT)
        return q->name;
    struct hash_key types = {0}; /* the same text may stand over parameters of other types */
    for (size_t i = 0; i < q->n; i++)
        types.k0 = types.k0 * 31 + (uint64_t)q->params[i].type;
    snprintf(made, DB__NAME, "t%016llx", (unsigned long long)hash_bytes(&types, q->text.s, q->text.len));
    return made;
}

static bool is_by_text(const char *name)
{
    return name[0] == 't' && strlen(name) == 17;
}

static int find(const struct db__prepared *p, const char *name)
{
    int i = p->n;
    while (i-- > 0)
        if (strcmp(p->names[i], name) == 0)
            break;
    return i;
}

bool db__prepared_has(const struct db__prepared *p, const char *name)
{
    return find(p, name) >= 0;
}

void db__prepared_add(struct db__prepared *p, const char *name)
{
    p->by_text += is_by_text(name);
    snprintf(p->names[p->n++], DB__NAME, "%s", name);
}

void db__prepared_remove(struct db__prepared *p, const char *name)
{
    int i = find(p, name);
    if (i < 0)
        return;
    p->by_text -= is_by_text(name);
    p->n--;
    memmove(p->names[i], p->names[i + 1], (size_t)(p->n - i) * DB__NAME);
}

bool db__prepared_make_room(struct db__prepared *p, const char *name, char forgotten[DB__NAME])
{
    if (!is_by_text(name) || p->by_text < DB__BY_TEXT)
        return false;
    int i = 0;
    while (!is_by_text(p->names[i]))
        i++;
    memcpy(forgotten, p->names[i], DB__NAME);
    db__prepared_remove(p, forgotten);
    return true;
}
