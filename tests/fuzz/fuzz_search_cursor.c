/* What a cursor says, behind its signature. What passes must make a statement whose parameters are all there. */
#include <stdlib.h>

#include "../../src/search/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct search_sort sorts[] = {
        {.by = ORDER_STRING}, {.by = ORDER_NUMBER, .desc = true}, {.by = ORDER_UPDATED}};
    struct arena a;
    jmp_buf out;
    arena_init(&a, 16 << 20);
    a.guard = &out;
    if (!setjmp(out)) {
        struct search__cursor cursor;
        struct search_query q = {.a = &a, .sorts = sorts, .n_sorts = 3};
        if (search__cursor_parse(&q, (struct str){(const char *)data, size}, &cursor) &&
            (!cursor.given || cursor.n != 4 || !cursor.snapshot.len))
            abort();
    }
    arena_release(&a);
    return 0;
}
