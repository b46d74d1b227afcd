/* Conformance resources that are stored: the server that wrote one works with it at the next request, others soon. */
#include <unistd.h>

#include "base/clock.h"
#include "support/flow.h"

#define PATIENCE_US (20 * 1000 * 1000)
#define PROFILE(id, version)                                                                                 \
    "{\"resourceType\":\"StructureDefinition\",\"id\":\"" id "\",\"url\":\"http://x/" id                     \
    "\",\"version\":\"" version                                                                              \
    "\",\"name\":\"P\",\"status\":\"active\",\"kind\":\"resource\",\"abstract\":"                            \
    "false,\"type\":\"Patient\",\"baseDefinition\":\"http://hl7.org/fhir/StructureDefinition/Patient\","     \
    "\"derivation\":\"constraint\",\"differential\":{\"element\":[{\"id\":\"Patient.name\",\"path\":"        \
    "\"Patient.name\",\"min\":1}]}}"

/* The version that a request would find; "none". */
static const char *version(struct conformance_current *c, const char *url)
{
    struct arena held;
    arena_init(&held, 0);
    const struct conformance_entry *e =
        conformance_find(conformance_hold(c, &held), CONFORMANCE_STRUCTURE, str_of(url));
    const char *found = e ? arena_strdup(flow_arena(), conformance_version(e)) : "none";
    arena_release(&held);
    return found;
}

static void wait_for(const char *url, const char *expected)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    while (strcmp(version(flow_other_conformance(), url), expected) != 0)
        ck_assert_msg(clock_mono_us() < until && usleep(20000) == 0, "%s does not come", expected);
}

START_TEST(test_every_way_of_writing)
{
    ck_assert_str_eq(version(flow_conformance(), "http://x/p"), "none");
    ck_status(flow_put("StructureDefinition/p", PROFILE("p", "1")), 201);
    ck_assert_str_eq(version(flow_conformance(), "http://x/p"), "1");
    ck_status(flow_put("StructureDefinition/p", PROFILE("p", "2")), 200);
    ck_assert_str_eq(version(flow_conformance(), "http://x/p"), "2");
    ck_status(flow("PATCH", "StructureDefinition/p", "Content-Type: application/json-patch+json\n",
                   "[{\"op\":\"replace\",\"path\":\"/version\",\"value\":\"3\"}]"),
              200);
    ck_assert_str_eq(version(flow_conformance(), "http://x/p"), "3");
    ck_status(flow_delete("StructureDefinition/p"), 204);
    ck_assert_str_eq(version(flow_conformance(), "http://x/p"), "none");
    ck_status(flow_delete("StructureDefinition/p"), 204);
    ck_status(flow_post("StructureDefinition", PROFILE("q", "1")), 201);
    ck_assert_str_eq(version(flow_conformance(), "http://x/q"), "1");
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{"
                            "\"method\":\"PUT\",\"url\":\"StructureDefinition/r\"},\"resource\":" PROFILE(
                                "r", "1") "}]}"),
              200);
    ck_assert_str_eq(version(flow_conformance(), "http://x/r"), "1");
    ck_status(flow_post("",
                        "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":"
                        "\"DELETE\",\"url\":\"StructureDefinition/r\"}}]}"),
              200);
    ck_assert_str_eq(version(flow_conformance(), "http://x/r"), "none");
    ck_status(flow_delete("StructureDefinition?url=http://x/q"), 204);
    ck_assert_str_eq(version(flow_conformance(), "http://x/q"), "none");
}
END_TEST

START_TEST(test_what_failed_is_not_there)
{
    ck_status(flow_post("",
                        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{"
                        "\"method\":\"PUT\",\"url\":\"StructureDefinition/f\"},\"resource\":" PROFILE(
                            "f", "1") "},{\"request\":{\"method\":\"PUT\",\"url\":\"Patient/f\",\"ifMatch\":"
                                      "\"W/\\\"7\\\"\"},\"resource\":{\"resourceType\":\"Patient\","
                                      "\"id\":\"f\"}}]}"),
              412);
    ck_assert_str_eq(version(flow_conformance(), "http://x/f"), "none");
}
END_TEST

START_TEST(test_a_delete_that_races_says_the_truth)
{
    ck_status(flow_put("StructureDefinition/d", PROFILE("d", "1")), 201);
    ck_status(flow("DELETE", "StructureDefinition/d", "If-Match: W/\"2\"\n", NULL), 412);
    const struct flow_answer *a = flow("DELETE", "StructureDefinition/d", "If-Match: W/\"1\"\n", NULL);
    ck_status(a, 204);
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"2\"");
}
END_TEST

START_TEST(test_other_servers_follow)
{
    ck_status(flow_put("StructureDefinition/o", PROFILE("o", "1")), 201);
    flow_jobs_start();
    flow_jobs_start();
    ck_assert_str_eq(version(flow_other_conformance(), "http://x/o"), "1"); /* before its first request */
    ck_status(flow_put("StructureDefinition/o", PROFILE("o", "2")), 200);
    wait_for("http://x/o", "2");
    ck_status(flow_delete("StructureDefinition/o"), 204);
    wait_for("http://x/o", "none");
}
END_TEST

Suite *suite_flow_conformance(void)
{
    Suite *s = suite_create("flow/conformance");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, flow_begin, flow_end);
    tcase_add_test(t, test_every_way_of_writing);
    tcase_add_test(t, test_what_failed_is_not_there);
    tcase_add_test(t, test_a_delete_that_races_says_the_truth);
    tcase_add_test(t, test_other_servers_follow);
    suite_add_tcase(s, t);
    return s;
}
