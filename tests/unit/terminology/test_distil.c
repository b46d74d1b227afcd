#include "../../../src/terminology/internal.h"
#include "support/test.h"

static struct arena a;

static bool keeps(void *arg, const char *url)
{
    (void)arg;
    return strcmp(url, "v/bound") == 0 || strcmp(url, "v/computable") == 0 || strcmp(url, "v/units") == 0;
}

static void add(struct terminology__distil *d, const char *text, bool expansion_only)
{
    terminology__distil_add(d, test_json(&a, text), expansion_only);
}

START_TEST(keeps_what_counts)
{
    struct terminology__distil d = {.a = &a};
    struct buf out;
    arena_init(&a, 0);
    add(&d,
        "{\"resourceType\":\"CodeSystem\",\"id\":\"c\",\"url\":\"c\",\"version\":\"1\",\"status\":\"active\","
        "\"content\":"
        "\"complete\",\"description\":\"prose\",\"concept\":[{\"code\":\"a\",\"definition\":\"prose\","
        "\"concept\":[{"
        "\"code\":\"b\",\"display\":\"B\",\"designation\":[{\"value\":\"x\"}]}]}]}",
        false);
    add(&d, "{\"resourceType\":\"CodeSystem\",\"url\":\"n\",\"content\":\"not-present\"}", false);
    add(&d, "{\"resourceType\":\"CodeSystem\",\"url\":\"late\",\"content\":\"complete\"}", true);
    add(&d, "{\"resourceType\":\"Patient\",\"url\":\"p\"}", false);
    add(&d,
        "{\"resourceType\":\"ValueSet\",\"url\":\"v/"
        "bound\",\"status\":\"draft\",\"compose\":{\"include\":[{\"system\":"
        "\"elsewhere\",\"extension\":[]}]}}",
        false);
    add(&d,
        "{\"resourceType\":\"ValueSet\",\"url\":\"v/"
        "bound\",\"expansion\":{\"identifier\":\"i\",\"contains\":[{\"system\":"
        "\"elsewhere\",\"code\":\"1\",\"display\":\"One\"}]}}",
        true);
    add(&d,
        "{\"resourceType\":\"ValueSet\",\"url\":\"v/"
        "computable\",\"compose\":{\"include\":[{\"system\":\"c\"},{\"valueSet\":["
        "\"v/computable2|1\"]}]},\"expansion\":{\"contains\":[{\"code\":\"x\"}]}}",
        false);
    add(&d,
        "{\"resourceType\":\"ValueSet\",\"url\":\"v/"
        "computable2\",\"compose\":{\"include\":[{\"system\":\"e\",\"concept\":[{"
        "\"code\":\"1\",\"designation\":[]}]}],\"exclude\":[{\"system\":\"c\"}]}}",
        false);
    add(&d,
        "{\"resourceType\":\"ValueSet\",\"url\":\"v/"
        "free\",\"compose\":{\"include\":[{\"system\":\"elsewhere\"}]},"
        "\"expansion\":{\"contains\":[{\"code\":\"x\"}]}}",
        false);
    add(&d,
        "{\"resourceType\":\"ValueSet\",\"url\":\"v/units\",\"compose\":{\"include\":[{\"system\":\"http://"
        "unitsofmeasure.org\"}]},\"expansion\":{\"contains\":[{\"code\":\"x\"}]}}",
        false);
    buf_init(&out, &a, 100);
    terminology__distil_write(&d, keeps, NULL, &out);
    const char *text = strchr(out.s, '\n') + 1;
    ck_assert_str_eq(
        text,
        "CodeSystem\tc\t1\t0\t{\"url\":\"c\",\"version\":\"1\",\"status\":\"active\",\"content\":"
        "\"complete\",\"concept\":[{"
        "\"code\":\"a\",\"concept\":[{\"code\":\"b\",\"display\":\"B\"}]}]}\n"
        "ValueSet\tv/bound\t\t1\t{\"url\":\"v/"
        "bound\",\"status\":\"draft\",\"compose\":{\"include\":[{\"system\":"
        "\"elsewhere\"}]},\"expansion\":{\"contains\":[{\"system\":\"elsewhere\",\"code\":\"1\",\"display\":"
        "\"One\"}]}}\n"
        "ValueSet\tv/computable\t\t0\t{\"url\":\"v/"
        "computable\",\"compose\":{\"include\":[{\"system\":\"c\"},{\"valueSet\":["
        "\"v/computable2|1\"]}]}}\n"
        "ValueSet\tv/computable2\t\t0\t{\"url\":\"v/"
        "computable2\",\"compose\":{\"include\":[{\"system\":\"e\",\"concept\":[{"
        "\"code\":\"1\"}]}],\"exclude\":[{\"system\":\"c\"}]}}\n"
        "ValueSet\tv/free\t\t0\t{\"url\":\"v/free\",\"compose\":{\"include\":[{\"system\":\"elsewhere\"}]}}\n"
        "ValueSet\tv/units\t\t0\t{\"url\":\"v/units\",\"compose\":{\"include\":[{\"system\":\"http://"
        "unitsofmeasure.org\"}]}}\n");
    arena_release(&a);
}
END_TEST

Suite *suite_terminology_distil(void)
{
    Suite *s = suite_create("terminology_distil");
    TCase *t = tcase_create("all");
    tcase_add_test(t, keeps_what_counts);
    suite_add_tcase(s, t);
    return s;
}
