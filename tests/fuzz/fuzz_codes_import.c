/* A mapping, an empty line and a table; or a table of RF2: no crash, and each concept of the image is found. */
#include <assert.h>

#include "../../src/terminology/csv.h"
#include "../../src/terminology/image.h"
#include "terminology/build.h"

static void check(struct terminology_build *b, struct arena *a)
{
    const struct terminology_system *s;
    struct str image;
    struct err err;
    uint32_t at;
    bool ok = terminology_build_image(b, a, &image, &err) && terminology_image_open(a, image, &s, &err);
    assert(ok && terminology_concepts(s) == terminology_build_count(b));
    for (uint32_t i = 0; i < terminology_concepts(s); i++)
        assert(terminology_find(s, str_of(terminology_code(s, i)), &at) && at == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct terminology_head head = {.url = "http://x/f", .case_sensitive = size % 2};
    struct terminology_import to = {.build = terminology_build_new(&head)};
    const struct terminology_mapping *m;
    struct str all = {(const char *)data, size};
    const char *gap = memmem(data, size, "\n\n", 2);
    struct arena a;
    struct err err;
    arena_init(&a, 0);
    struct str mapping = {all.s, gap ? (size_t)(gap - all.s) : 0},
               table = gap ? (struct str){gap + 2, size - mapping.len - 2} : all;
    struct csv *c = csv_from(table, gap ? ',' : '\t', gap != NULL);
    bool done = gap ? terminology_mapping_read(&a, mapping, &m, &err) &&
                          terminology__import_rows(&to, m, c, "f", &err)
                    : terminology__import_rf2_rows(&to, c, "f", &err);
    (void)done;
    check(to.build, &a);
    csv_close(c);
    terminology_build_free(to.build);
    arena_release(&a);
    return 0;
}
