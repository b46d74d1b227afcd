/* A code system made concept by concept, its image, and the readers that make it. */
#include "terminology/build.h"

#include <stdio.h>

#include "../../../src/terminology/csv.h"
#include "../../../src/terminology/image.h"
#include "support/test.h"

static struct arena a;
static struct err err;

static void begin(void)
{
    arena_init(&a, 0);
}

static void end(void)
{
    arena_release(&a);
}

static const struct terminology_head head = {
    .url = "http://x/pets", .version = "2", .name = "Pets", .case_sensitive = true};

static const struct terminology_system *finish(struct terminology_build *b)
{
    const struct terminology_system *s;
    struct str image;
    ck_ok(terminology_build_image(b, &a, &image, &err));
    terminology_build_free(b);
    ck_ok(terminology_image_open(&a, image, &s, &err));
    return s;
}

static uint32_t at(const struct terminology_system *s, const char *code)
{
    uint32_t found;
    ck_assert_msg(terminology_find(s, str_of(code), &found), "no %s", code);
    return found;
}

START_TEST(test_everything)
{
    struct terminology_build *b = terminology_build_new(&head);
    bool is_new;
    uint32_t dog = terminology_build_concept(b, STR("dog"), &is_new), other;
    ck_assert(is_new);
    terminology_build_parent(b, dog, STR("mammal"));  /* which comes later */
    terminology_build_parent(b, dog, STR("unicorn")); /* which never comes */
    terminology_build_parent(b, dog, STR("dog"));
    terminology_build_display(b, dog, STR("Dog"));
    terminology_build_display(b, dog, STR("Hound"));
    terminology_build_definition(b, dog, STR("It barks"));
    uint32_t mammal = terminology_build_concept(b, STR("mammal"), NULL);
    terminology_build_abstract(b, mammal);
    terminology_build_designation(b, mammal, STR("ja"), STR("哺乳類"));
    terminology_build_designation(b, dog, STR("ja"), STR("犬"));
    terminology_build_designation(b, dog, STR(""), STR("Canis"));
    terminology_build_designation(b, dog, STR("de"), STR(""));
    terminology_build_property(b, mammal, "legs", "integer", STR("4"));
    terminology_build_property(b, dog, "legs", "integer", STR("4"));
    terminology_build_property(b, dog, "food", "code", STR("bone"));
    terminology_build_inactive(b, dog);
    ck_assert(terminology_build_find(b, STR("dog"), &other) && other == dog);
    ck_assert_uint_eq(terminology_build_concept(b, STR("dog"), &is_new), dog);
    ck_assert(!is_new);
    const struct terminology_system *s = finish(b);

    struct terminology_designation d;
    struct terminology_property p;
    const uint32_t *list;
    ck_assert_str_eq(terminology_system_url(s), "http://x/pets");
    ck_assert_str_eq(terminology_system_version(s), "2");
    ck_assert_str_eq(terminology_system_name(s), "Pets");
    ck_assert_uint_eq(terminology_concepts(s), 2);
    ck_assert_str_eq(terminology_display(s, at(s, "dog")), "Dog");
    ck_assert_str_eq(terminology_definition(s, at(s, "dog")), "It barks");
    ck_assert_ptr_null(terminology_display(s, at(s, "mammal")));
    ck_assert(terminology_is_abstract(s, at(s, "mammal")) && !terminology_is_abstract(s, at(s, "dog")));
    ck_assert(terminology_is_inactive(s, at(s, "dog")));
    ck_assert_uint_eq(terminology_parents(s, at(s, "dog"), &list), 1);
    ck_assert_uint_eq(list[0], at(s, "mammal"));
    ck_assert_uint_eq(terminology_children(s, at(s, "mammal"), &list), 1);
    ck_assert(terminology_designation(s, at(s, "dog"), 0, &d));
    ck_assert_str_eq(d.value, "犬");
    ck_assert_str_eq(d.language, "ja");
    ck_assert_str_eq(d.use_code, "");
    ck_assert(terminology_designation(s, at(s, "dog"), 1, &d));
    ck_assert_str_eq(d.value, "Canis");
    ck_assert(!terminology_designation(s, at(s, "dog"), 2, &d));
    ck_assert(terminology_designation(s, at(s, "mammal"), 0, &d));
    ck_assert_str_eq(d.value, "哺乳類");
    ck_assert(terminology_property(s, at(s, "dog"), 1, &p));
    ck_assert_str_eq(p.code, "food");
    ck_assert_str_eq(p.member, "valueCode");
    ck_assert_str_eq(p.value, "bone");
    ck_assert(!terminology_property(s, at(s, "dog"), 2, &p));
    ck_assert(terminology_property(s, at(s, "mammal"), 0, &p) &&
              !terminology_property(s, at(s, "mammal"), 1, &p));
    ck_assert(!terminology_find(s, STR("DOG"), &other));
}
END_TEST

START_TEST(test_folded_and_empty)
{
    struct terminology_build *b = terminology_build_new(&(struct terminology_head){.url = "http://x/e"});
    terminology_build_concept(b, STR("Ab"), NULL);
    uint32_t found;
    ck_assert(terminology_build_find(b, STR("aB"), &found));
    const struct terminology_system *s = finish(b);
    ck_assert(terminology_find(s, STR("AB"), &found) && !terminology_find(s, STR("b"), &found));
    ck_assert_ptr_null(terminology_system_version(s));
    s = finish(terminology_build_new(&head));
    ck_assert_uint_eq(terminology_concepts(s), 0);
    ck_assert(!terminology_find(s, STR("a"), &found));
}
END_TEST

START_TEST(test_broken_images)
{
    struct terminology_build *b = terminology_build_new(&head);
    const struct terminology_system *s;
    struct str image;
    char name[33], again[33];
    terminology_build_concept(b, STR("a"), NULL);
    ck_ok(terminology_build_image(b, &a, &image, &err));
    terminology_build_free(b);
    terminology_image_name(image, name);
    ck_assert_uint_eq(strlen(name), 32);
    char *copy = arena_strndup(&a, image.s, image.len);
    for (size_t i = 0; i < image.len; i += 7) {
        copy[i] ^= 1;
        bool open = terminology_image_open(&a, (struct str){copy, image.len}, &s, &err);
        terminology_image_name((struct str){copy, image.len}, again);
        ck_assert_str_ne(name, again);
        ck_assert(!open);
        copy[i] ^= 1;
    }
    ck_assert(!terminology_image_open(&a, (struct str){copy, image.len - 8}, &s, &err));
    ck_assert(!terminology_image_open(&a, (struct str){copy, 8}, &s, &err));
    ck_assert_int_eq(err.kind, ERR_UNSUPPORTED);
}
END_TEST

/* ---- readers ---------------------------------------------------------------------------------------------- */

static bool import(struct terminology_build *b, const char *mapping, const char *text)
{
    const struct terminology_import to = {.build = b};
    const struct terminology_mapping *m;
    if (!terminology_mapping_read(&a, str_of(mapping), &m, &err))
        return false;
    struct csv *c = csv_from(str_of(text), ',', true);
    bool ok = terminology__import_rows(&to, m, c, "table", &err);
    csv_close(c);
    return ok;
}

START_TEST(test_tables)
{
    struct terminology_build *b = terminology_build_new(&head);
    struct terminology_property p;
    struct terminology_designation d;
    ck_ok(import(
        b,
        "# what is what\ncode = Code\ndisplay=Name\ndesignation.ja = Name JP\nparent = Above\n\n"
        "property.kind:code = Kind\nproperty.note = Note\ninactive = State: gone, old\nabstract = Group\n",
        "CODE,Name,Name JP,Above,Kind,Note,State,Group\na,Alpha,あ,,x,\"one, "
        "two\",,yes\nb,Beta,,a,y,,OLD,no\n"
        ",none,,,,,,\nc,Gamma,う\n"));
    const struct terminology_system *s = finish(b);
    ck_assert_uint_eq(terminology_concepts(s), 3);
    ck_assert(terminology_is_a(s, at(s, "a"), at(s, "b")));
    ck_assert(terminology_property(s, at(s, "a"), 1, &p));
    ck_assert_str_eq(p.value, "one, two");
    ck_assert_str_eq(p.member, "valueString");
    ck_assert(terminology_designation(s, at(s, "c"), 0, &d));
    ck_assert(terminology_is_inactive(s, at(s, "b")) && !terminology_is_inactive(s, at(s, "a")));
    ck_assert(terminology_is_abstract(s, at(s, "a")) && !terminology_is_abstract(s, at(s, "b")));
}
END_TEST

START_TEST(test_wrong_tables)
{
    static const struct {
        const char *mapping, *text, *says;
    } wrong[] = {
        {"display = x", "x\n", "which column has the code"},
        {"code = x\ncolour = y", "x\n", "does not know 'colour'"},
        {"code = x\nproperty = y", "x\n", "does not know 'property'"},
        {"code", "x\n", "'what = column', not 'code'"},
        {"code = x\nheader = maybe", "x\n", "yes or no"},
        {"code = x\nseparator = ab", "x\n", "one character"},
        {"code = x", "y\n", "no column x"},
        {"code = x", "", "is empty"},
        {"code = x", "x\n\"a", "is not closed"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct terminology_build *b = terminology_build_new(&head);
        ck_assert_msg(!import(b, wrong[i].mapping, wrong[i].text), "%s", wrong[i].mapping);
        ck_assert_msg(strstr(err.msg, wrong[i].says), "%s", err.msg);
        terminology_build_free(b);
    }
    struct terminology_build *b = terminology_build_new(&head);
    ck_ok(import(b, "code = #2\nheader = no", "x,a\ny,b\n"));
    ck_assert_uint_eq(terminology_build_count(b), 2);
    ck_ok(import(
        b, terminology_mapping_loinc_hierarchy,
        "PATH_TO_ROOT,SEQUENCE,IMMEDIATE_PARENT,CODE,CODE_TEXT\n,1,,LP1-1,Root\nLP1-1,1,LP1-1,1-1,Leaf\n"));
    ck_assert_uint_eq(terminology_build_count(b), 4);
    terminology_build_free(b);
}
END_TEST

static bool rf2(struct terminology_build *b, const char *text)
{
    const struct terminology_import to = {.build = b};
    struct csv *c = csv_from(str_of(text), '\t', false);
    bool ok = terminology__import_rf2_rows(&to, c, "release", &err);
    csv_close(c);
    return ok;
}

#define T "\t"
#define DESCRIPTION(id, active, of, lang, type, term)                                                        \
    id T "20240101" T active T "m" T of T lang T type T term T "s\n"
#define RELATION(active, from, to, type)                                                                     \
    "1" T "20240101" T active T "m" T from T to T "0" T type T "c" T "d\n"

START_TEST(test_rf2)
{
    struct terminology_build *b = terminology_build_new(&head);
    struct terminology_designation d;
    struct terminology_property p;
    ck_ok(rf2(b, "id" T "effectiveTime" T "active" T "moduleId" T "definitionStatusId\n"
                 "10" T "x" T "1" T "m" T "p\n20" T "x" T "1" T "m" T "p\n30" T "x" T "0" T "m" T "p\n"));
    ck_ok(rf2(
        b, "id" T "effectiveTime" T "active" T "moduleId" T "conceptId" T "languageCode" T "typeId" T "term" T
           "caseSignificanceId\n" DESCRIPTION("1", "1", "20", "en", "900000000000013009", "Dog \"hound\"")
               DESCRIPTION("2", "1", "20", "en", "900000000000003001", "Dog (animal)")
                   DESCRIPTION("3", "0", "20", "en", "900000000000013009", "Cur")
                       DESCRIPTION("4", "1", "99", "en", "900000000000013009", "Nobody")));
    ck_ok(rf2(b, "id" T "effectiveTime" T "active" T "moduleId" T "sourceId" T "destinationId" T
                 "relationshipGroup" T "typeId" T "characteristicTypeId" T
                 "modifierId\n" RELATION("1", "20", "10", "116680003") RELATION("0", "30", "10", "116680003")
                     RELATION("1", "20", "30", "363698007")));
    ck_assert(!rf2(b, "a" T "b\n") && strstr(err.msg, "no RF2 table"));
    ck_assert(!rf2(b, "id" T "effectiveTime" T "active" T "moduleId" T "definitionStatusId\n1" T "2\n"));
    ck_assert(strstr(err.msg, "line 2 has 2 columns"));
    const struct terminology_system *s = finish(b);
    ck_assert_uint_eq(terminology_concepts(s), 3);
    ck_assert_str_eq(terminology_display(s, at(s, "20")), "Dog (animal)");
    ck_assert(terminology_designation(s, at(s, "20"), 0, &d));
    ck_assert_str_eq(d.value, "Dog \"hound\"");
    ck_assert(!terminology_designation(s, at(s, "20"), 1, &d));
    ck_assert(terminology_is_a(s, at(s, "10"), at(s, "20")) &&
              !terminology_is_a(s, at(s, "10"), at(s, "30")));
    ck_assert(terminology_property(s, at(s, "20"), 0, &p));
    ck_assert_str_eq(p.code, "363698007");
    ck_assert_str_eq(p.value, "30");
    ck_assert(terminology_is_inactive(s, at(s, "30")));
}
END_TEST

Suite *suite_terminology_build(void)
{
    Suite *s = suite_create("terminology_build");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, test_everything);
    tcase_add_test(t, test_folded_and_empty);
    tcase_add_test(t, test_broken_images);
    tcase_add_test(t, test_tables);
    tcase_add_test(t, test_wrong_tables);
    tcase_add_test(t, test_rf2);
    suite_add_tcase(s, t);
    return s;
}
