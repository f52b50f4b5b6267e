#include "door_fixture.h"

#define USERS "/api/v1/users"

// [people-1] [people-4]
static void an_admin_adds_changes_and_removes_users(void **state) {
    door *d = *state;
    char root[DOOR_HEAD_MAX];
    char ada[DOOR_HEAD_MAX];
    assert_int_equal(door_admin(d, "POST", "/api/v1/login-links", "{}"), 201);
    door_use_link(d, root); // the first admin
    assert_int_equal(door_ask(d, "POST", USERS, root,
                              "{\"name\":\"ada\",\"role\":\"viewer\",\"sites\":[\"north\"]}"),
                     201);
    door_use_link(d, ada);
    assert_int_equal(door_ask(d, "GET", USERS "/ada", root, ""), 200);
    assert_true(door_says(d, "{\"name\":\"ada\",\"role\":\"viewer\",\"sites\":[\"north\"],"
                             "\"password\":false,\"totp\":false,\"disabled\":false,\"created\":"));
    assert_true(door_says(d, "\"created_by\":\"admin\"") && door_says(d, "\"sessions\":1"));
    assert_int_equal(door_ask(d, "PATCH", USERS "/ada", root, "{\"role\":\"operator\"}"), 200);
    assert_true(door_says(d, "\"role\":\"operator\",\"sites\":[\"north\"]"));
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", ada, ""), 401); // [people-8]
    assert_int_equal(door_ask(d, "PATCH", USERS "/ada", root, "{\"sites\":null}"), 200);
    assert_true(door_says(d, "\"role\":\"operator\",\"sites\":null"));
    assert_int_equal(door_ask(d, "PATCH", USERS "/admin", root, "{\"role\":\"viewer\"}"), 409);
    assert_int_equal(door_ask(d, "DELETE", USERS "/admin", root, ""), 409);
    assert_true(door_says(d, "admin is the last admin who can sign in"));
    assert_int_equal(door_ask(d, "DELETE", USERS "/ada", root, ""), 204);
    assert_int_equal(door_ask(d, "GET", USERS "/ada", root, ""), 404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE who = 'admin' AND"
                                          " about = 'ada' AND what = 'user.change' AND"
                                          " \"before\" = 'viewer of [\"north\"]' AND"
                                          " \"after\" = 'operator of [\"north\"]'"),
                     1);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE outcome = 'refused'"
                                          " AND about = 'admin'"),
                     2);
}

// [audit-5]
static void a_user_of_very_many_sites_is_written_down_as_it_is(void **state) {
    door *d = *state;
    char body[2 * SV_SITES_ROOM];
    sv_textbuf text = SV_TEXTBUF(body);
    sv_textbuf_add_str(&text, "{\"name\":\"ada\",\"role\":\"viewer\",\"sites\":[");
    for (int i = 0; i < SV_PERSON_SITES_MAX; i++) {
        sv_textbuf_addf(&text, "%s\"s%063d\"", i > 0 ? "," : "", i);
    }
    sv_textbuf_add_str(&text, "]}");
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_int_equal(door_admin(d, "POST", USERS, body), 201);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what = 'user.add'"
                                          " AND about = 'ada' AND detail = 'with a link' AND"
                                          " \"after\" GLOB 'viewer of ?\"s000*\",\"s000*(2155"
                                          " bytes, SHA-256 *)'"),
                     1);
}

static void what_is_wrong_with_a_user_is_said(void **state) {
    door *d = *state;
    static const struct {
        const char *body, *says;
        int status;
    } CASES[] = {
        { "", "the body must be a JSON object", 400 },
        { "[]", "the body must be a JSON object", 400 },
        { "{\"role\":\"viewer\"}", "user", 400 },
        { "{\"name\":\"ada\"}", "'' is no role; there are viewer, operator, release and admin",
          400 },
        { "{\"name\":\"ada\",\"role\":\"root\"}", "'root' is no role", 400 },
        { "{\"name\":\"a'b\",\"role\":\"viewer\"}", "user", 400 },
        { "{\"name\":\"ada\",\"role\":\"viewer\",\"sites\":[]}", "sites must be an array", 400 },
        { "{\"name\":\"ada\",\"role\":\"admin\",\"sites\":[\"north\"]}",
          "an admin is for all sites", 400 },
        { "{\"name\":\"ada\",\"role\":\"viewer\"}", "", 201 },
        { "{\"name\":\"ada\",\"role\":\"viewer\"}", "there is a user 'ada' already", 409 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(door_admin(d, "POST", USERS, CASES[i].body), CASES[i].status);
        assert_true(door_says(d, CASES[i].says));
    }
    assert_int_equal(door_admin(d, "PATCH", USERS "/ada", "{\"disabled\":1}"), 400);
    assert_int_equal(door_admin(d, "PATCH", USERS "/nobody", "{}"), 404);
}

// [people-5]
static void a_link_lets_somebody_in_again(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char again[DOOR_HEAD_MAX];
    door_user(d, "ada", "viewer", "null", cookie);
    assert_int_equal(door_admin(d, "POST", USERS "/ada/link", "{\"kind\":\"open\"}"), 400);
    assert_int_equal(door_admin(d, "POST", USERS "/ada/link", "{\"kind\":\"invite\"}"), 201);
    assert_int_equal(door_ask(d, "POST", "/api/v1/session/password", cookie,
                              "{\"password\":\"a long enough password\"}"),
                     204);
    door_keep_cookie(d, cookie);
    assert_int_equal(door_admin(d, "POST", USERS "/ada/link", "{\"kind\":\"invite\"}"), 409);
    assert_int_equal(door_admin(d, "POST", USERS "/ada/link", "{\"kind\":\"recover\"}"), 201);
    assert_null(strstr(door_body(d), "login")); // the link is in the header alone
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", cookie, ""), 200);
    assert_int_equal(door_admin(d, "POST", USERS "/ada/link", "{\"kind\":\"recover\"}"), 201);
    door_use_link(d, again);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", cookie, ""), 401);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", again, ""), 200);
    assert_true(door_says(d, "\"password\":false"));
    assert_int_equal(door_admin(d, "PATCH", USERS "/ada", "{\"disabled\":true}"), 200);
    assert_int_equal(door_admin(d, "POST", USERS "/ada/link", "{\"kind\":\"recover\"}"), 409);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_admin_adds_changes_and_removes_users),
        TEST(a_user_of_very_many_sites_is_written_down_as_it_is),
        TEST(what_is_wrong_with_a_user_is_said),
        TEST(a_link_lets_somebody_in_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
