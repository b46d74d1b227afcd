/* Programs that a record system starts with its context, and people who choose a patient. */
#include "support/browser.h"
#include "support/flow.h"
#include "support/oauth.h"

static struct err err;

static const struct flow_answer *launch(const char *client, const char *more)
{
    return flow(
        "POST", "oauth/launch", OAUTH_FORM,
        arena_printf(flow_arena(),
                     "client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3A"
                     "jwt-bearer&client_assertion=%s&%s",
                     oauth_assertion(client, (struct oauth_assertion){0}), more));
}

static const char *launch_of(const char *more)
{
    const struct flow_answer *a = launch("ehr", more);
    ck_status(a, 200);
    return flow_text(a->json, "launch");
}

static const char *with(const char *value)
{
    return arena_printf(flow_arena(), "scope=launch openid patient/*.rs|+launch=%s", value);
}

/* ---- what a record system has prepared ------------------------------------------------------------------------------ */

START_TEST(from_launch_to_token)
{
    const char *value =
        launch_of("app=app&patient=p-12&encounter=e-1&intent=order&need_patient_banner=false");
    const struct flow_answer *page = browser_consent_page(with(value));
    ck_status(page, 200);
    ck_assert_ptr_nonnull(strstr(page->body.s, "decision")); /* nobody is asked for a patient */
    const struct flow_answer *a =
        browser_exchange(browser_of_redirect(browser_fill_in(page, "decision=allow"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "p-12");
    ck_assert_str_eq(flow_text(a->json, "encounter"), "e-1");
    ck_assert_str_eq(flow_text(a->json, "intent"), "order");
    ck_assert(json_is_bool(json_get(a->json, "need_patient_banner")));
    ck_assert(!json_is_true(json_get(a->json, "need_patient_banner")));
    const char *bearer = oauth_bearer(flow_text(a->json, "access_token"));
    ck_status(flow("GET", "Patient/p-12", bearer, NULL), 200);
    ck_status(flow("GET", "Patient/p-13", bearer, NULL), 404);
}
END_TEST

START_TEST(good_once)
{
    const char *value = launch_of("app=app&patient=p-12"), *late = launch_of("app=app&patient=p-12"),
               *others = launch_of("app=app&patient=p-12");
    ck_status(browser_authorize(with(value)), 200);
    ck_assert_str_eq(browser_of_redirect(browser_authorize(with(value)), "error"), "invalid_request");
    ck_assert_str_eq(
        browser_of_redirect(
            browser_authorize(arena_printf(flow_arena(), "client_id=second|%s", with(others))), "error"),
        "invalid_request");
    ck_status(browser_authorize(with(others)), 200);
    ck_ok(db_run(flow_conn(), "UPDATE oauth_launch SET until = now() - interval '1 second'", &err));
    ck_assert_str_eq(browser_of_redirect(browser_authorize(with(late)), "error"), "invalid_request");
}
END_TEST

START_TEST(who_may_launch)
{
    oauth_refused(launch("backend", "app=app&patient=p-12"), 403, "unauthorized_client");
    oauth_refused(flow("POST", "oauth/launch", OAUTH_FORM, "client_id=public&app=app&patient=p-12"), 403,
                  "unauthorized_client");
    oauth_refused(flow("POST", "oauth/launch", OAUTH_FORM, "client_id=ehr&app=app&patient=p-12"), 401,
                  "invalid_client");
    static const char *const wrong[] = {"patient=p-12",
                                        "app=nobody&patient=p-12",
                                        "app=backend&patient=p-12",
                                        "app=public&patient=p-12",
                                        "app=app&patient=none",
                                        "app=app&patient=p-12%2F..",
                                        "app=app&patient=p-12&encounter=none",
                                        "app=app&patient=p-13&encounter=e-1",
                                        "app=app&encounter=e-1",
                                        "app=app&patient=p-12&need_patient_banner=maybe"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        oauth_refused(launch("ehr", wrong[i]), 400, "invalid_request");
}
END_TEST

/* The record system knows the patient; the person in front of it may not. */
START_TEST(not_for_this_person)
{
    const struct flow_answer *a = browser_consent_page(with(launch_of("app=app&patient=hidden")));
    ck_assert_str_eq(browser_of_redirect(a, "error"), "access_denied");
    /* a patient is himself, whatever is open */
    const struct flow_answer *page =
        browser_fill_in(browser_authorize(with(launch_of("app=app&patient=p-12&encounter=e-1"))),
                        "username=mori&password=" PASSWORD);
    a = browser_exchange(browser_of_redirect(browser_fill_in(page, "decision=allow"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "m-1");
    ck_assert_ptr_null(flow_node(a->json, "encounter"));
}
END_TEST

/* ---- choosing a patient --------------------------------------------------------------------------------------------- */

static const struct flow_answer *picker(void)
{
    const struct flow_answer *page = browser_consent_page("scope=launch/patient patient/*.rs");
    ck_status(page, 200);
    ck_assert_ptr_nonnull(strstr(page->body.s, "name=\"name\""));
    return page;
}

START_TEST(found_by_name)
{
    const struct flow_answer *page = browser_fill_in(picker(), "do=search&name=%E9%9D%92%E6%9C%A8");
    ck_status(page, 200);
    ck_assert_ptr_nonnull(strstr(page->body.s, "value=\"p-12\""));
    ck_assert_ptr_nonnull(strstr(page->body.s, "青木 &lt;花&gt;"));
    ck_assert_ptr_nonnull(strstr(page->body.s, "1970-01-02"));
    ck_assert_ptr_null(strstr(page->body.s, "value=\"p-13\""));
    ck_assert_ptr_null(strstr(page->body.s, "value=\"hidden\""));
    page = browser_fill_in(page, "do=choose&name=x&patient=p-12");
    ck_assert_ptr_nonnull(strstr(page->body.s, "decision"));
    const struct flow_answer *a =
        browser_exchange(browser_of_redirect(browser_fill_in(page, "decision=allow"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "p-12");
}
END_TEST

START_TEST(not_found)
{
    static const char *const names[] = {"nobody",          "%2C", "x%7Cy", "%5C", "%27%20OR%201%3D1",
                                        "%26_id%3Dhidden", "%00"};
    const struct flow_answer *page = picker();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct flow_answer *a =
            browser_fill_in(page, arena_printf(flow_arena(), "do=search&name=%s", names[i]));
        ck_assert_ptr_null(strstr(a->body.s, "type=\"radio\""));
    }
    static const char *const ids[] = {"patient=none", "patient=hidden",
                                      "id=hidden",    "patient=p-12%3F_x",
                                      "patient=",     "patient=..%2FPatient",
                                      "name=x",       "do=choose",
                                      "patient=p-12 "};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const struct flow_answer *a = browser_fill_in(page, ids[i]);
        ck_assert_msg(a->status == 400, "%s: %d", ids[i], a->status);
        ck_assert_ptr_null(strstr(a->body.s, "decision"));
    }
}
END_TEST

START_TEST(by_id)
{
    ck_assert_ptr_nonnull(strstr(browser_fill_in(picker(), "do=choose&name=&id=p-12")->body.s, "decision"));
}
END_TEST

/* Who looked for whom is in the audit log. */
START_TEST(looking_is_noticed)
{
    const struct flow_answer *page = picker();
    ck_ok(audit_turn(flow_audit(), &err));
    int64_t before = test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM audit");
    browser_fill_in(page, "do=search&name=%E9%9D%92%E6%9C%A8");
    browser_fill_in(page, "patient=p-12");
    ck_ok(audit_turn(flow_audit(), &err));
    ck_assert_int_ge(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM audit") - before, 2);
}
END_TEST

static void each(void)
{
    flow_begin();
    browser_cookie = NULL;
    oauth_app("app", "{\"redirect_uris\":[\"" CALLBACK "\"],\"grant_types\":[\"authorization_code\"],"
                     "\"scope\":\"openid launch launch/patient patient/*.rs\"}");
    oauth_app("second", "{\"redirect_uris\":[\"" CALLBACK "\"],\"grant_types\":[\"authorization_code\"],"
                        "\"scope\":\"openid launch patient/*.rs\"}");
    oauth_app("public", "{\"redirect_uris\":[\"" CALLBACK "\"],\"grant_types\":[\"authorization_code\"],"
                        "\"scope\":\"openid system/launch\"}");
    oauth_client("ehr", OAUTH_ES256, "\"scope\":\"system/launch\"");
    oauth_client("backend", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    oauth_user("sato", "Practitioner/7", false);
    oauth_user("mori", "Patient/m-1", false);
    flow_put("Patient/p-12",
             "{\"resourceType\":\"Patient\",\"id\":\"p-12\",\"birthDate\":\"1970-01-02\",\"name\":[{"
             "\"family\":\"青木\",\"given\":[\"<花>\"]}]}");
    flow_put("Patient/p-13",
             "{\"resourceType\":\"Patient\",\"id\":\"p-13\",\"name\":[{\"text\":\"Other\"}]}");
    flow_put("Patient/m-1", "{\"resourceType\":\"Patient\",\"id\":\"m-1\"}");
    flow_put("Patient/hidden",
             "{\"resourceType\":\"Patient\",\"id\":\"hidden\",\"meta\":{\"security\":[{\"system\":\"http://"
             "terminology.hl7.org/CodeSystem/"
             "v3-Confidentiality\",\"code\":\"V\"}]},\"name\":[{\"family\":\"青木\"}]}");
    flow_put("Encounter/e-1",
             "{\"resourceType\":\"Encounter\",\"id\":\"e-1\",\"status\":\"in-progress\",\"class\":{"
             "\"code\":\"AMB\"},\"subject\":{\"reference\":\"Patient/p-12\"}}");
}

Suite *suite_flow_launch(void)
{
    Suite *s = suite_create("flow/launch");
    TCase *t = tcase_create("launch");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, oauth_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, each, flow_end);
    tcase_add_test(t, from_launch_to_token);
    tcase_add_test(t, good_once);
    tcase_add_test(t, who_may_launch);
    tcase_add_test(t, not_for_this_person);
    tcase_add_test(t, found_by_name);
    tcase_add_test(t, not_found);
    tcase_add_test(t, by_id);
    tcase_add_test(t, looking_is_noticed);
    suite_add_tcase(s, t);
    return s;
}
