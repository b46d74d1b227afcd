/* FHIR packages in the database: there as a whole or not at all, for all to read, and for no client to change. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/package_store.h"
#include "base/clock.h"
#include "support/flow.h"
#include "support/package.h"

#define PATIENCE_US (20 * 1000 * 1000)
#define ABOUT(name, version, dependencies)                                                                   \
    "{'name':'" name "','version':'" version "','canonical':'http://x/guide','dependencies':{"               \
    "'hl7.fhir.r4.core':'4.0.1'" dependencies "}}"
#define PROFILE(version)                                                                                     \
    "{'resourceType':'StructureDefinition','id':'clinic-patient','text':{'status':'generated','div':"        \
    "'<div "                                                                                                 \
    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\">x</div>'},'url':'http://x/patient','version':'" version      \
    "','name':'ClinicPatient','status':'active','kind':'resource','abstract':false,'type':'Patient',"        \
    "'baseDefinition':'http://hl7.org/fhir/StructureDefinition/Patient','derivation':'constraint',"          \
    "'differential':{'element':[{'id':'Patient.name','path':'Patient.name','min':1}]}}"
#define ELSEWHERE                                                                                            \
    "{'url':'http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation','valueCode':'SHALL'}"
#define CODES                                                                                                \
    "{'resourceType':'CodeSystem','id':'ward','identifier':[{'extension':[" ELSEWHERE "]}],"                 \
    "'extension':[" ELSEWHERE "],'url':'http://x/ward','version':'1','status':'active',"                     \
    "'content':'complete','valueSet':'http://x/wards','concept':[{'code':'east','display':'East'}]}"
#define EXAMPLE "{'resourceType':'Patient','id':'example'}"

static struct package_store *store;
static struct err err;

static void begin(void)
{
    flow_begin();
    ck_ok(package_store_open(flow_arena(), flow_config(), flow_conn(), &store, &err));
    struct package_stored *list; /* of the test before */
    size_t n;
    ck_ok(package_store_list(store, flow_arena(), &list, &n, &err));
    for (size_t i = 0; i < n; i++)
        ck_ok(package_store_remove(store, list[i].about.name, list[i].about.version, &err));
}

static const char *clinic(const char *about, const char *version_of_profile)
{
    const struct test_file files[] = {{"StructureDefinition-clinic-patient.json", version_of_profile},
                                      {"CodeSystem-ward.json", CODES},
                                      {"Patient-example.json", EXAMPLE},
                                      {NULL, NULL}};
    return test_package(flow_arena(), about, files);
}

static bool install(const char *path, enum package_result expected)
{
    struct package_stored stored;
    enum package_result result;
    if (!package_store_install(store, path, NULL, &stored, &result, &err))
        return false;
    ck_assert_int_eq(result, expected);
    return true;
}

static size_t count(const char *path)
{
    const struct flow_answer *a = flow_get(path);
    ck_status(a, 200);
    return json_count(json_get(a->json, "entry"));
}

static const char *only(const char *path)
{
    const struct flow_answer *a = flow_get(path);
    ck_assert_uint_eq(json_count(json_get(a->json, "entry")), 1);
    const json *resource = json_get(json_at(json_get(a->json, "entry"), 0), "resource");
    return arena_printf(flow_arena(), "%s/%s", json_get_string(resource, "resourceType"),
                        json_get_string(resource, "id"));
}

START_TEST(test_two_versions_come_and_go)
{
    const char *first = clinic(ABOUT("x.clinic", "1.0.0", ""), PROFILE("1.0.0"));
    ck_ok(install(first, PACKAGE_INSTALLED));
    ck_ok(install(test_package_pack(flow_arena(), first), PACKAGE_WAS_THERE));
    ck_ok(install(clinic(ABOUT("x.clinic", "2.0.0", ""), PROFILE("2.0.0")), PACKAGE_INSTALLED));
    ck_assert_uint_eq(count("StructureDefinition?url=http://x/patient"), 2);
    ck_assert_uint_eq(count("StructureDefinition?url=http://x/patient&version=2.0.0"), 1);
    ck_assert_uint_eq(count("CodeSystem?url=http://x/ward"), 2);
    ck_assert_uint_eq(count("Patient?_id=example"), 0);
    const char *path = only("StructureDefinition?url=http://x/patient&version=1.0.0");
    ck_assert(conformance_is_packaged(str_of(strchr(path, '/') + 1)));
    ck_status(flow_get(path), 200);
    ck_assert_str_eq(flow_text(flow_get(path)->json, "text.status"), "generated");
    ck_status(flow_get("ValueSet/$expand?url=http://x/wards"), 200);

    struct package_stored *list;
    size_t n;
    ck_ok(package_store_list(store, flow_arena(), &list, &n, &err));
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(list[1].about.version, "2.0.0");
    ck_assert_int_eq(list[1].resources, 2);

    ck_ok(package_store_remove(store, "x.clinic", "1.0.0", &err));
    ck_status(flow_get(path), 410);
    ck_assert_uint_eq(count("StructureDefinition?url=http://x/patient"), 1);
    ck_ok(install(first, PACKAGE_INSTALLED));
    ck_status(flow_get(path), 200);
    ck_ok(package_store_remove(store, "x.clinic", "1.0.0", &err));
    ck_ok(package_store_remove(store, "x.clinic", "2.0.0", &err));
    ck_assert_uint_eq(count("StructureDefinition?url=http://x/patient"), 0);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM package_resource"), 0);
    ck_assert(!package_store_remove(store, "x.clinic", "2.0.0", &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
}
END_TEST

static const char *version_before;

static void ck_kept(const struct flow_answer *a, const char *path)
{
    ck_assert_msg(a->status == 422, "%d %.*s", a->status, STR_FMT(a->body));
    ck_assert_ptr_nonnull(memmem(a->body.s, a->body.len, "kagari package remove", 21));
    ck_status(flow_get(path), 200);
    ck_assert_str_eq(flow_text(flow_get(path)->json, "meta.versionId"), version_before);
}

START_TEST(test_clients_cannot_change_them)
{
    ck_ok(install(clinic(ABOUT("x.clinic", "1.0.0", ""), PROFILE("1.0.0")), PACKAGE_INSTALLED));
    const char *path = only("CodeSystem?url=http://x/ward"), *id = strchr(path, '/') + 1;
    version_before = flow_text(flow_get(path)->json, "meta.versionId");
    struct arena *a = flow_arena();
    const char *body =
        arena_printf(a,
                     "{\"resourceType\":\"CodeSystem\",\"id\":\"%s\",\"status\":\"draft\",\"content\":"
                     "\"complete\"}",
                     id);
    ck_status(flow_put("CodeSystem/other", "{\"resourceType\":\"CodeSystem\",\"id\":\"other\",\"status\":"
                                           "\"draft\",\"content\":\"complete\"}"),
              201); /* and so the view is that of now */
    const struct flow_answer *put = flow_put(path, body);
    ck_kept(put, path);
    ck_assert_ptr_nonnull(memmem(put->body.s, put->body.len, "x.clinic 1.0.0", 14));
    ck_kept(flow_delete(path), path);
    ck_kept(flow_delete("CodeSystem?url=http://x/ward"), path);
    ck_kept(flow("PUT", "CodeSystem?url=http://x/ward", NULL,
                 "{\"resourceType\":\"CodeSystem\",\"status\":\"draft\",\"content\":\"complete\"}"),
            path);
    ck_kept(flow("PATCH", path, "Content-Type: application/json-patch+json\n",
                 "[{\"op\":\"add\",\"path\":\"/title\",\"value\":\"x\"}]"),
            path);
    ck_kept(flow_post(
                arena_printf(a, "%s/$meta-add", path),
                "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"meta\",\"valueMeta\":{\"tag\":[{"
                "\"code\":\"x\"}]}}]}"),
            path);
    const char *const entries[] = {
        arena_printf(a, "{\"request\":{\"method\":\"PUT\",\"url\":\"%s\"},\"resource\":%s}", path, body),
        arena_printf(a, "{\"request\":{\"method\":\"DELETE\",\"url\":\"%s\"}}", path),
        "{\"request\":{\"method\":\"DELETE\",\"url\":\"CodeSystem?url=http://x/ward\"}}",
    };
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        ck_kept(flow_post("", arena_printf(
                                  a, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[%s]}",
                                  entries[i])),
                path);
}
END_TEST

static void ck_refused(const char *path, const char *text)
{
    ck_assert(!install(path, PACKAGE_INSTALLED));
    ck_assert_msg(strstr(err.msg, text), "%s", err.msg);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM package_resource"), 0);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(),
                                "SELECT count(*) FROM res WHERE rid LIKE 'pkg-%' AND NOT deleted"),
                     0);
}

static const char *broken(const char *file)
{
    const struct test_file files[] = {{"A.json", CODES}, {"B.json", file}, {NULL, NULL}};
    return test_package(flow_arena(), ABOUT("x.broken", "1", ""), files);
}

START_TEST(test_nothing_half)
{
    ck_refused(broken("{'resourceType':'ValueSet'"), "B.json: ");
    ck_refused(broken("{'resourceType':'ValueSet','url':5,'status':'active'}"), "B.json: ValueSet.url: ");
    ck_refused(broken("{'resourceType':'ValueSet','compose':[],'status':'active'}"),
               "B.json: ValueSet.compose");
    ck_refused("/nonexistent.tgz", "/nonexistent.tgz");
    ck_refused(clinic(ABOUT("x.clinic", "1", ",'x.base':'1.x'"), PROFILE("1")),
               "depends on x.base 1.x, which is not installed");
}
END_TEST

START_TEST(test_dependencies)
{
    const char *clinics = clinic(ABOUT("x.clinic", "1", ",'x.base':'1.x'"), PROFILE("1"));
    ck_ok(install(clinic(ABOUT("x.base", "1.7", ""), PROFILE("0")), PACKAGE_INSTALLED));
    ck_ok(install(clinics, PACKAGE_INSTALLED));
    ck_assert(!package_store_remove(store, "x.base", "1.7", &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "x.clinic 1 depends on it"));
    ck_assert(!install(clinic(ABOUT("x.clinic", "1", ""), PROFILE("2")), PACKAGE_INSTALLED));
    ck_assert_ptr_nonnull(strstr(err.msg, "remove it first"));
    ck_ok(install(clinic(ABOUT("x.base", "1.8", ""), PROFILE("0")), PACKAGE_INSTALLED));
    ck_ok(package_store_remove(store, "x.base", "1.7", &err));
    ck_ok(package_store_remove(store, "x.clinic", "1", &err));
    ck_ok(package_store_remove(store, "x.base", "1.8", &err));
}
END_TEST

static void die(const struct conformance_package *p, size_t resources)
{
    (void)p;
    if (resources == 2)
        raise(SIGKILL);
}

START_TEST(test_an_installation_that_is_killed)
{
    const char *path = clinic(ABOUT("x.clinic", "1", ""), PROFILE("1"));
    pid_t child = fork();
    if (child == 0) {
        struct db_conn *own;
        struct package_store *s;
        struct package_stored stored;
        enum package_result result;
        struct arena a;
        arena_init(&a, 0);
        if (db_open(flow_config(), &own, &err) && package_store_open(&a, flow_config(), own, &s, &err) &&
            package_store_install(s, path, die, &stored, &result, &err))
            _exit(0);
        _exit(1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM package"), 0);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM package_resource"), 0);
    ck_assert_uint_eq(count("StructureDefinition?url=http://x/patient"), 0);
    ck_ok(install(path, PACKAGE_INSTALLED));
    ck_assert_uint_eq(count("StructureDefinition?url=http://x/patient"), 1);
}
END_TEST

static const struct conformance_entry *held(struct arena *a)
{
    return conformance_find(conformance_hold(flow_other_conformance(), a), CONFORMANCE_STRUCTURE,
                            STR("http://x/patient|1"));
}

static void wait_for(bool there)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    for (bool is = !there; is != there;) {
        struct arena a;
        arena_init(&a, 0);
        const struct conformance_entry *e = held(&a);
        is = e != NULL;
        if (e)
            ck_assert_str_eq(conformance_package(e), "x.clinic 1");
        arena_release(&a);
        ck_assert(clock_mono_us() < until && usleep(20000) == 0);
    }
}

START_TEST(test_servers_follow)
{
    flow_jobs_start();
    ck_ok(install(clinic(ABOUT("x.clinic", "1", ""), PROFILE("1")), PACKAGE_INSTALLED));
    wait_for(true);
    ck_ok(package_store_remove(store, "x.clinic", "1", &err));
    wait_for(false);
}
END_TEST

Suite *suite_flow_packages(void)
{
    Suite *s = suite_create("flow/packages");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, begin, flow_end);
    tcase_add_test(t, test_two_versions_come_and_go);
    tcase_add_test(t, test_clients_cannot_change_them);
    tcase_add_test(t, test_nothing_half);
    tcase_add_test(t, test_dependencies);
    tcase_add_test(t, test_an_installation_that_is_killed);
    tcase_add_test(t, test_servers_follow);
    suite_add_tcase(s, t);
    return s;
}
