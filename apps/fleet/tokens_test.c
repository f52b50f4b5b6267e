#include "door_fixture.h"

#include "tokens.h"

#define TOKENS "/api/v1/tokens"
#define READ_ONE "{\"name\":\"one\",\"scopes\":[\"read\"]}"

/// `Authorization: …\r\n` with the token of the last answer.
static void keep_token(const door *d, char out[DOOR_HEAD_MAX]) {
    char token[SV_TOKEN_ROOM];
    door_cut(d, "\"token\":\"", '"', token, sizeof token);
    (void) snprintf(out, DOOR_HEAD_MAX, "Authorization: Bearer %s\r\n", token);
}

// [people-12]
static void a_token_is_shown_once_and_does_what_its_scopes_say(void **state) {
    door *d = *state;
    char ada[DOOR_HEAD_MAX];
    char token[DOOR_HEAD_MAX];
    door_user(d, "ada", "operator", "null", ada);
    assert_int_equal(door_ask(d, "POST", TOKENS, ada, READ_ONE), 201);
    assert_true(door_says(d, "{\"name\":\"one\",\"token\":\"svt_"));
    assert_true(door_says(d, "\"user\":\"ada\",\"role\":\"viewer\",\"sites\":null,\"scopes\":["
                             "\"read\"],\"created\":1800000000000,\"expires\":1807776000000,"
                             "\"used\":null,\"used_from\":null}"));
    keep_token(d, token);
    assert_int_equal(door_ask(d, "GET", TOKENS, ada, ""), 200);
    assert_false(door_says(d, "svt_"));
    assert_int_equal(door_ask(d, "GET", "/api/v1/devices", token, ""), 200);
    assert_int_equal(door_ask(d, "POST", "/api/v1/enrolments", token, "{}"), 403);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", token, ""), 200);
    assert_true(door_says(d, "\"user\":\"ada\",\"role\":\"viewer\"")
                && door_says(d, "\"scopes\":[\"read\"],\"token\":\"one\""));
    assert_int_equal(door_ask(d, "GET", TOKENS, ada, ""), 200);
    assert_true(door_says(d, "\"used\":1800000000000,\"used_from\":\"127.0.0.1\""));
    assert_int_equal(door_ask(d, "DELETE", TOKENS "/one", ada, ""), 204);
    assert_int_equal(door_ask(d, "GET", "/api/v1/devices", token, ""), 401);
    assert_int_equal(door_ask(d, "DELETE", TOKENS "/one", ada, ""), 404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE who = 'ada' AND"
                                          " about = 'one' AND what IN ('token.add', 'token.remove')"
                                          " AND outcome = 'done'"),
                     2);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what = 'token.add'"
                                          " AND \"after\" = 'viewer of all sites, scopes"
                                          " [\"read\"]'"),
                     1);
}

// [people-12]
static void nobody_makes_a_token_that_may_more_than_he_may(void **state) {
    door *d = *state;
    char ada[DOOR_HEAD_MAX];
    char eve[DOOR_HEAD_MAX];
    static const struct {
        const char *body, *says;
    } REFUSED[] = {
        { "", "the body must be" },
        { "{}", "name" },
        { "{\"name\":\"a b\",\"scopes\":[\"read\"]}", "name" },
        { "{\"name\":\"t\"}", "scopes must be an array" },
        { "{\"name\":\"t\",\"scopes\":[\"root\"]}", "'root' is no scope" },
        { "{\"name\":\"t\",\"scopes\":[\"admin\"]}", "role admin is more than ada has" },
        { "{\"name\":\"t\",\"scopes\":[\"updates\"]}", "role release is more than ada has" },
        { "{\"name\":\"t\",\"scopes\":[\"read\"],\"role\":\"admin\"}", "role admin is more than" },
        { "{\"name\":\"t\",\"scopes\":[\"alerts\"],\"role\":\"viewer\"}",
          "scope alerts needs the role operator, not viewer" },
        { "{\"name\":\"t\",\"scopes\":[\"read\"],\"sites\":[\"south\"]}", "sites: more than ada" },
        { "{\"name\":\"t\",\"scopes\":[\"read\"],\"days\":0}", "days is a number from 1 to 400" },
        { "{\"name\":\"t\",\"scopes\":[\"read\"],\"days\":401}", "days is a number from 1 to 400" },
    };
    door_user(d, "ada", "operator", "[\"north\"]", ada);
    door_user(d, "eve", "operator", "null", eve);
    for (size_t i = 0; i < SV_COUNT(REFUSED); i++) {
        assert_int_equal(door_ask(d, "POST", TOKENS, ada, REFUSED[i].body), 400);
        assert_true(door_says(d, REFUSED[i].says));
    }
    // [people-14]: five of them asked for more than there is to give
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what = 'token.add'"
                                          " AND who = 'ada' AND outcome = 'refused'"),
                     5);
    assert_int_equal(door_ask(d, "POST", TOKENS, ada, READ_ONE), 201);
    assert_true(door_says(d, "\"sites\":[\"north\"]")); // as the maker's
    assert_int_equal(door_ask(d, "POST", TOKENS, eve, READ_ONE), 409);
    assert_int_equal(door_ask(d, "DELETE", TOKENS "/one", eve, ""), 404); // it is ada's
    assert_int_equal(door_ask(d, "GET", TOKENS, eve, ""), 200);
    assert_true(door_says(d, "\"items\":[]"));
    assert_int_equal(door_admin(d, "GET", TOKENS, ""), 200);
    assert_true(door_says(d, "\"name\":\"one\"") && !door_says(d, SV_OWN_TOKEN));
    assert_int_equal(door_admin(d, "DELETE", TOKENS "/" SV_OWN_TOKEN, ""), 404);
    assert_int_equal(door_admin(d, "DELETE", TOKENS "/one", ""), 204);
    assert_int_equal(door_admin(d, "POST", TOKENS, READ_ONE), 409); // there is no user admin
}

// [people-12]
static void a_token_is_worth_no_more_than_its_owner_is_now(void **state) {
    door *d = *state;
    char ada[DOOR_HEAD_MAX];
    char token[DOOR_HEAD_MAX];
    door_user(d, "ada", "operator", "null", ada);
    assert_int_equal(door_ask(d, "POST", TOKENS, ada,
                              "{\"name\":\"t\",\"scopes\":[\"read\",\"devices\"],\"days\":400}"),
                     201);
    keep_token(d, token);
    assert_int_equal(door_ask(d, "POST", "/api/v1/enrolments", token, "{}"), 400);
    assert_int_equal(
        door_admin(d, "PATCH", "/api/v1/users/ada", "{\"role\":\"viewer\",\"sites\":[\"north\"]}"),
        200);
    assert_int_equal(door_ask(d, "POST", "/api/v1/enrolments", token, "{}"), 403);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", token, ""), 200);
    assert_true(door_says(d, "\"role\":\"viewer\",\"sites\":[\"north\"]"));
    assert_int_equal(door_admin(d, "PATCH", "/api/v1/users/ada", "{\"disabled\":true}"), 200);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", token, ""), 401);
    assert_int_equal(door_admin(d, "PATCH", "/api/v1/users/ada", "{\"disabled\":false}"), 200);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", token, ""), 200);
    fixture_now_us += 400 * SV_TIME_DAY_US;
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", token, ""), 401);
    fixture_now_us -= 400 * SV_TIME_DAY_US;
    assert_int_equal(door_admin(d, "DELETE", "/api/v1/users/ada", ""), 204);
    assert_int_equal(door_ask(d, "GET", "/api/v1/session", token, ""), 401);
}

// [people-12]
static void a_token_makes_no_token_that_outlives_it(void **state) {
    door *d = *state;
    char boss[DOOR_HEAD_MAX];
    char token[DOOR_HEAD_MAX];
    door_user(d, "boss", "admin", "null", boss);
    assert_int_equal(door_ask(d, "POST", TOKENS, boss,
                              "{\"name\":\"t\",\"scopes\":[\"read\",\"admin\"],\"days\":10}"),
                     201);
    keep_token(d, token);
    assert_int_equal(
        door_ask(d, "POST", TOKENS, token, "{\"name\":\"u\",\"scopes\":[\"read\"],\"days\":11}"),
        400);
    assert_true(door_says(d, "the API token t ends before that itself"));
    assert_int_equal(
        door_ask(d, "POST", TOKENS, token, "{\"name\":\"u\",\"scopes\":[\"rules\"],\"days\":1}"),
        400);
    assert_true(door_says(d, "the API token t has not the scope rules itself"));
    assert_int_equal(
        door_ask(d, "POST", TOKENS, token, "{\"name\":\"u\",\"scopes\":[\"read\"],\"days\":10}"),
        201);
    assert_int_equal(door_ask(d, "POST", "/api/v1/session/password", token, "{}"), 403);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_shown_once_and_does_what_its_scopes_say),
        TEST(nobody_makes_a_token_that_may_more_than_he_may),
        TEST(a_token_is_worth_no_more_than_its_owner_is_now),
        TEST(a_token_makes_no_token_that_outlives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
