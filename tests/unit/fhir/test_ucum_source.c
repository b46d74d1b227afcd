/* The package's table of units → records: what is taken, put right, refused. */
#include "../../../src/fhir/internal.h"

#include "support/test.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 0);
}
static void teardown(void)
{
    arena_release(&arena);
}

#define TITLES                                                                                               \
    "'isBase_','csCode_','magnitude_',['dim_','dimVec_'],'cnv_','isMetric_','isSpecial_','isArbitrary_',"    \
    "'source_','csUnitString_','baseFactorStr_','baseFactor_'"
#define BASE  "[true,'m',1,[1,0],null,false,false,false,'UCUM',null,null,1]"
#define BASE2 "[true,'s',1,[0,1],null,false,false,false,'UCUM',null,null,1]"

/* rows: further units, each behind a comma; quotes are single ones. */
static bool add(struct fhir__records *r, const char *rows, struct err *err)
{
    char *text = (char *)arena_printf(
        &arena,
        "{'prefixes':{'config':['code_','value_','exp_'],'data':[['k',1000,'3'],['Ki',1024,null]]},"
        "'units':{'config':[" TITLES "],'data':[" BASE "," BASE2 "%s]}}",
        rows);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    *r = (struct fhir__records){.a = &arena};
    return fhir__ucum_add(r, test_json(&arena, text), err);
}

static const struct fhir__unit *find(const struct fhir__records *r, const char *code)
{
    for (size_t i = 0; i < r->n_units; i++)
        if (strcmp(r->units[i].code, code) == 0)
            return &r->units[i];
    return NULL;
}

START_TEST(what_is_taken)
{
    struct fhir__records r;
    struct err err;
    ck_ok(add(&r,
              ",[false,'h',120,[0,1],null,false,false,false,'UCUM','min','2',2]"
              ",[false,'min',60,[0,1],null,false,false,false,'UCUM','s','60',60]"
              ",[false,'km/h',1,[1,-1],null,true,false,false,'LOINC','m','1',1]"
              ",[false,'[u]',1,[0,0],null,true,false,true,'UCUM','1','1',1]"
              ",[false,'[U]',1,[0,0],null,true,false,true,'UCUM','[u]','1',1]"
              ",[false,'B',1,[0,0],'lg',true,true,false,'UCUM','1',null,1]"
              ",[false,'[diop]',1,[1,0],'inv',false,false,false,'UCUM','m','1',1]",
              &err));
    ck_assert_uint_eq(r.n_prefixes, 2);
    ck_assert_str_eq(r.prefixes[0].factor, "1e3");
    ck_assert_str_eq(r.prefixes[1].factor, "1024");
    ck_assert_uint_eq(r.n_units, 8);
    ck_assert(find(&r, "min") < find(&r, "h")); /* definitions before use */
    ck_assert_str_eq(find(&r, "h")->value, "2");
    ck_assert_ptr_null(find(&r, "km/h"));
    ck_assert(find(&r, "m")->metric);
    ck_assert_ptr_null(find(&r, "m")->definition);
    ck_assert_ptr_null(find(&r, "[u]")->definition);
    ck_assert_str_eq(find(&r, "[U]")->definition, "[u]");
    ck_assert(find(&r, "B")->special && find(&r, "B")->metric);
    ck_assert_ptr_null(find(&r, "B")->definition);
    ck_assert_str_eq(find(&r, "[diop]")->definition, "/m");
}
END_TEST

START_TEST(what_is_refused)
{
    static const char *const wrong[][2] = {
        {",[false,'x',3,[1,0],null,false,false,false,'UCUM','m','1',3.14]", "not exact"},
        {",[false,'x',1,[1,0],'inv',false,false,false,'UCUM','m','1',1]", "not exact"},
        {",[false,'x',1,[1,0],null,false,false,false,'UCUM','m',null,1]", "not exact"},
        {",[false,'x',4,[1,0],null,false,false,false,'UCUM','m','3',3]", "computed"},
        {",[false,'x',3,[0,1],null,false,false,false,'UCUM','m','3',3]", "computed"},
        {",[false,'x',3,[1,0],null,false,false,false,'UCUM','y','3',3]", "not known"},
        {",[false,null,3,[1,0],null,false,false,false,'UCUM','m','3',3]", "no code"},
    };
    struct fhir__records r;
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(!add(&r, wrong[i][0], &err), "%s", wrong[i][0]);
        ck_assert_msg(strstr(err.msg, wrong[i][1]) != NULL, "%s", err.msg);
    }
}
END_TEST

Suite *suite_fhir_ucum_source(void)
{
    Suite *s = suite_create("fhir_ucum_source");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_taken);
    tcase_add_test(t, what_is_refused);
    suite_add_tcase(s, t);
    return s;
}
