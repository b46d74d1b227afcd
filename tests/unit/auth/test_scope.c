#include "../../../src/auth/internal.h"
#include "support/test.h"

static const struct {
    const char *text;
    enum auth_level level;
    const char *type;
    unsigned rights;
    bool restricted;
} understood[] = {
    {"system/Patient.cruds", AUTH_SYSTEM, "Patient", AUTH_ALL, false},
    {"system/*.cruds", AUTH_SYSTEM, "*", AUTH_ALL, false},
    {"user/Observation.rs", AUTH_USER, "Observation", AUTH_READ | AUTH_SEARCH, false},
    {"user/*.c", AUTH_USER, "*", AUTH_CREATE, false},
    {"system/Patient.s", AUTH_SYSTEM, "Patient", AUTH_SEARCH, false},
    {"system/Patient.cud", AUTH_SYSTEM, "Patient", AUTH_CREATE | AUTH_UPDATE | AUTH_DELETE, false},
    {"system/Patient.ds", AUTH_SYSTEM, "Patient", AUTH_DELETE | AUTH_SEARCH, false},
    {"patient/*.rs", AUTH_PATIENT, "*", AUTH_READ | AUTH_SEARCH, false},
    {"system/Patient.read", AUTH_SYSTEM, "Patient", AUTH_READ | AUTH_SEARCH, false},
    {"system/Patient.write", AUTH_SYSTEM, "Patient", AUTH_CREATE | AUTH_UPDATE | AUTH_DELETE, false},
    {"user/*.*", AUTH_USER, "*", AUTH_ALL, false},
    {"system/Observation.rs?category=http://example.org/c|lab", AUTH_SYSTEM, "Observation",
     AUTH_READ | AUTH_SEARCH, true},
    {"system/Observation.rs?", AUTH_SYSTEM, "Observation", AUTH_READ | AUTH_SEARCH, true},
    {"system/Observation.rs?a=b/c.d?e", AUTH_SYSTEM, "Observation", AUTH_READ | AUTH_SEARCH, true},
    {"system/NoSuchType.r", AUTH_SYSTEM, "NoSuchType", AUTH_READ, false},
};

START_TEST(each_understood)
{
    struct auth__scope got;
    ck_assert_msg(auth__scope_parse(str_of(understood[_i].text), &got), "%s", understood[_i].text);
    ck_assert_int_eq(got.level, understood[_i].level);
    ck_str_eq(got.type, understood[_i].type);
    ck_assert_uint_eq(got.rights, understood[_i].rights);
    ck_assert_int_eq(got.query.s != NULL, understood[_i].restricted);
}
END_TEST

static const char *const refused[] = {
    "",
    "openid",
    "launch/patient",
    "offline_access",
    "system",
    "system/",
    "system/.rs",
    "system/Patient",
    "system/Patient.",
    "system/Patient.sr",
    "system/Patient.rr",
    "system/Patient.rw",
    "system/Patient.rs ",
    "system/Patient.CRUDS",
    "system/Patient.Read",
    "system/Patient.reads",
    "system/Patient.r*",
    "system/Patient.**",
    "system/Patient.rs.rs",
    "system/Patient?x=.rs",
    "system/**.rs",
    "system/Pat*.rs",
    "system/patient.rs",
    "system/Patient,Observation.rs",
    "system/Patient/Observation.rs",
    "System/Patient.rs",
    "systems/Patient.rs",
    "/Patient.rs",
    "Patient.rs",
    "practitioner/Patient.rs",
};

START_TEST(each_refused)
{
    struct auth__scope got;
    ck_assert_msg(!auth__scope_parse(str_of(refused[_i]), &got), "%s", refused[_i]);
}
END_TEST

Suite *suite_auth_scope(void)
{
    Suite *s = suite_create("auth_scope");
    TCase *t = tcase_create("scope");
    tcase_add_loop_test(t, each_understood, 0, sizeof understood / sizeof *understood);
    tcase_add_loop_test(t, each_refused, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(s, t);
    return s;
}
