/* Which blocks may have entries of this patient, agent, resource or kind? A Bloom filter of eight bits a key and four hashes: it
 * says yes for one of forty that have none. The hashes are computed here, for the statement to look at their bits. */
#include "base/hash.h"
#include "internal.h"

enum { FEW = 8, HASHES = 4, BITS_A_KEY = 8 };

static uint64_t hash_of(int64_t key, int i)
{
    const struct hash_key k = {UINT64_C(0x61756469742e6b65) + (uint64_t)i, UINT64_C(0x79732e626c6f6f6d)};
    return hash_bytes(&k, &key, sizeof key) >> 1;
}

void audit__filter_init(struct audit__filter *f, struct arena *a, size_t n)
{
    size_t bytes = 1;
    *f = (struct audit__filter){0};
    if (n < FEW)
        return;
    while (bytes * 8 < n * BITS_A_KEY)
        bytes *= 2;
    f->room = arena_zalloc(a, bytes);
    f->bits = (struct str){(const char *)f->room, bytes};
}

void audit__filter_add(struct audit__filter *f, int64_t key)
{
    int64_t *added = &f->added[(uint64_t)key % (sizeof f->added / sizeof f->added[0])];
    if (key && *added == key)
        return;
    *added = key;
    for (int i = 0; f->bits.s && i < HASHES; i++) {
        uint64_t bit = hash_of(key, i) & (f->bits.len * 8 - 1);
        f->room[bit / 8] |= (uint8_t)(1 << bit % 8);
    }
}

int64_t audit__filter_resource(int16_t rtype, struct str id)
{
    static const struct hash_key key = {UINT64_C(0x61756469742e7265), UINT64_C(0x736f757263652e69)};
    return (int64_t)hash_strs(&key, (struct str){(const char *)&rtype, sizeof rtype}, id);
}

int64_t audit__filter_op(int16_t op)
{
    return INT64_MIN + op;
}

/* A CASE, of which the planner believes that it holds for every second block: it would take a conjunction for one that
 * holds for none, and sort what should be walked. */
void audit__filter_where(const int64_t *keys, size_t n, struct sql *q)
{
    sql_adds(q, " AND CASE WHEN a.keys IS NULL THEN true ELSE ");
    for (size_t k = 0; k < n; k++)
        for (int i = 0; i < HASHES; i++)
            sql_addf(q, "%sget_bit(a.keys, $%d & (octet_length(a.keys) * 8 - 1)::int8) = 1",
                     i       ? " AND "
                     : k > 0 ? " OR "
                             : "",
                     sql_int8(q, (int64_t)hash_of(keys[k], i)));
    sql_adds(q, " END");
}
