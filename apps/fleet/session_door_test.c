#include "door_fixture.h"

#define LOGIN "/api/v1/session"
#define PASSWORD "a long enough password"

static int sign_in(door *d, const char *user, const char *password) {
    char body[512];
    (void) snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
    return door_ask(d, "POST", LOGIN, "", body);
}

static int set_password(door *d, const char *cookie, const char *password, const char *current) {
    char body[512];
    (void) snprintf(body, sizeof body, "{\"password\":\"%s\",\"current\":\"%s\"}", password,
                    current);
    return door_ask(d, "POST", LOGIN "/password", cookie, body);
}

/// ada, with PASSWORD.
static void make_ada(door *d, char cookie[DOOR_HEAD_MAX]) {
    door_user(d, "ada", "operator", "null", cookie);
    assert_int_equal(set_password(d, cookie, PASSWORD, ""), 204);
    door_keep_cookie(d, cookie);
}

// [people-6] [people-8]
static void who_was_invited_sets_a_password_and_signs_in_with_it(void **state) {
    door *d = *state;
    char invited[DOOR_HEAD_MAX];
    char cookie[DOOR_HEAD_MAX];
    door_user(d, "ada", "operator", "[\"north\"]", invited);
    assert_int_equal(door_ask(d, "GET", LOGIN, invited, ""), 200);
    assert_true(door_says(d, "{\"user\":\"ada\",\"role\":\"operator\",\"sites\":[\"north\"],"
                             "\"scopes\":[\"read\",\"alerts\",\"devices\",\"rules\",\"updates\","
                             "\"admin\"],\"token\":null,\"password\":false,\"totp\":false,"
                             "\"version\":\""));
    assert_int_equal(sign_in(d, "ada", PASSWORD), 401);
    assert_int_equal(set_password(d, invited, "short", ""), 400);
    assert_true(door_says(d, "a password has 12 to 256 bytes; this one has 5"));
    assert_int_equal(set_password(d, invited, PASSWORD, ""), 204);
    door_keep_cookie(d, cookie);
    assert_string_not_equal(invited, cookie);
    assert_int_equal(door_ask(d, "GET", LOGIN, invited, ""), 401);
    assert_int_equal(door_ask(d, "GET", LOGIN, cookie, ""), 200);
    assert_true(door_says(d, "\"password\":true"));
    assert_int_equal(sign_in(d, "ada", PASSWORD), 204);
    assert_true(door_says(d, "; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800\r\n"));
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM user WHERE name = 'ada'"
                                          " AND password LIKE '$scrypt$ln=15,r=8,p=1$%'"),
                     1);
}

// [people-6]
static void another_password_needs_the_one_of_before_and_ends_all_other_sessions(void **state) {
    door *d = *state;
    char first[DOOR_HEAD_MAX];
    char second[DOOR_HEAD_MAX];
    make_ada(d, first);
    assert_int_equal(sign_in(d, "ada", PASSWORD), 204);
    door_keep_cookie(d, second);
    assert_int_equal(set_password(d, first, "another long password", "not the one"), 403);
    assert_int_equal(set_password(d, first, "another long password", PASSWORD), 204);
    assert_int_equal(door_ask(d, "GET", LOGIN, first, ""), 401);
    assert_int_equal(door_ask(d, "GET", LOGIN, second, ""), 401);
    assert_int_equal(sign_in(d, "ada", PASSWORD), 401);
    assert_int_equal(sign_in(d, "ada", "another long password"), 204);
}

// [people-9]
static void whoever_is_refused_hears_the_same_and_costs_the_same(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char bodies[4][512];
    static const char *const USERS[] = { "ada", "nobody", "invited", "off" };
    make_ada(d, cookie);
    door_user(d, "invited", "viewer", "null", cookie);
    door_user(d, "off", "viewer", "null", cookie);
    assert_int_equal(set_password(d, cookie, PASSWORD, ""), 204);
    assert_int_equal(door_admin(d, "PATCH", "/api/v1/users/off", "{\"disabled\":true}"), 200);
    for (size_t i = 0; i < SV_COUNT(USERS); i++) {
        uint64_t judged = sv_passwords_judged(d->f.fleet.passwords);
        const char *password = strcmp(USERS[i], "off") == 0 ? PASSWORD : "a wrong long password";
        assert_int_equal(sign_in(d, USERS[i], password), 401);
        assert_int_equal(sv_passwords_judged(d->f.fleet.passwords), judged + 1);
        (void) snprintf(bodies[i], sizeof bodies[i], "%s", door_body(d));
        assert_string_equal(bodies[i], bodies[0]);
    }
    assert_true(door_says(d, "the user name, the password or the code is wrong"));
    // what was typed as a name is kept only if there is somebody of that name
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what ="
                                          " 'session.begin' AND outcome = 'refused'"
                                          " AND about IN ('ada', 'invited', 'off', '')"),
                     4);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE about = 'nobody'"
                                          " OR who = 'nobody' OR detail LIKE '%nobody%'"),
                     0);
}

// [people-7]
static void guesses_of_one_password_wait_wherever_they_come_from(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    make_ada(d, cookie);
    for (int i = 0; i < SV_THROTTLE_USER_FAILURES; i++) {
        d->from++;
        assert_int_equal(sign_in(d, "ada", "a wrong long password"), 401);
    }
    uint64_t judged = sv_passwords_judged(d->f.fleet.passwords);
    d->from++;
    assert_int_equal(sign_in(d, "ada", PASSWORD), 429);
    assert_true(door_says(d, "Retry-After: 60\r\n"));
    assert_int_equal(sv_passwords_judged(d->f.fleet.passwords), judged);
    assert_int_equal(door_ask(d, "GET", LOGIN, cookie, ""), 200); // who is in stays in
    fixture_now_us += SV_TIME_MINUTE_US + 1;
    assert_int_equal(sign_in(d, "ada", PASSWORD), 204);
    fixture_now_us -= SV_TIME_MINUTE_US + 1;
}

// [people-7]
static void right_passwords_are_no_guesses(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    make_ada(d, cookie);
    for (int i = 0; i < SV_THROTTLE_FAILURES + 2; i++) {
        assert_int_equal(sign_in(d, "ada", PASSWORD), 204);
    }
}

// [people-8]
static void a_session_that_the_browser_had_is_left_behind(void **state) {
    door *d = *state;
    char planted[DOOR_HEAD_MAX];
    char cookie[DOOR_HEAD_MAX];
    door_user(d, "eve", "viewer", "null", planted);
    make_ada(d, cookie);
    assert_int_equal(
        door_ask(d, "POST", LOGIN, planted, "{\"user\":\"ada\",\"password\":\"" PASSWORD "\"}"),
        204);
    door_keep_cookie(d, cookie);
    assert_string_not_equal(planted, cookie);
    assert_int_equal(door_ask(d, "GET", LOGIN, planted, ""), 401);
    assert_int_equal(door_ask(d, "GET", LOGIN, cookie, ""), 200);
    assert_true(door_says(d, "\"user\":\"ada\""));
}

// [people-11]
static void another_sites_page_neither_signs_in_nor_changes_anything(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char headers[DOOR_HEAD_MAX * 2];
    static const struct {
        const char *headers;
        int login, change;
    } PAGES[] = {
        { "Origin: http://fleet.test\r\n", 204, 204 },
        { "Origin: http://evil.test\r\n", 403, 403 },
        { "Origin: null\r\n", 403, 403 },
        { "Origin: http://fleet.test.evil.test\r\n", 403, 403 },
        { "Sec-Fetch-Site: cross-site\r\n", 403, 403 },
        { "Sec-Fetch-Site: same-site\r\n", 403, 403 },
        { "Sec-Fetch-Site: same-origin\r\nOrigin: https://in-front.test\r\n", 204, 204 },
        { "", 204, 204 },
    };
    make_ada(d, cookie);
    for (size_t i = 0; i < SV_COUNT(PAGES); i++) {
        assert_int_equal(door_ask(d, "POST", LOGIN, PAGES[i].headers,
                                  "{\"user\":\"ada\",\"password\":\"" PASSWORD "\"}"),
                         PAGES[i].login);
        (void) snprintf(headers, sizeof headers, "%s%s", cookie, PAGES[i].headers);
        assert_int_equal(door_ask(d, "DELETE", LOGIN "/all", headers, ""), PAGES[i].change);
        if (PAGES[i].change == 403) {
            assert_int_equal(door_ask(d, "GET", "/api/v1/events", headers, ""), 403);
        }
    }
    *strstr(cookie, "X-Selvedge") = '\0';
    assert_int_equal(door_ask(d, "DELETE", LOGIN "/all", cookie, ""), 403);
    // [people-14]
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what ="
                                          " 'access.refuse' AND who = '' AND about ="
                                          " 'POST " LOGIN "' AND detail LIKE 'it was sent by %'"),
                     5);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what ="
                                          " 'access.refuse' AND who = 'ada' AND about ="
                                          " 'DELETE " LOGIN "/all' AND outcome = 'refused'"),
                     6);
}

static void run_sql(door *d, const char *sql) {
    assert_int_equal(sv_db_exec(d->f.fleet.db, sql, NULL), SV_OK);
}

// [audit-14]
static void a_link_whose_line_cannot_be_written_has_done_nothing(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char token[DOOR_HEAD_MAX];
    char body[DOOR_HEAD_MAX + 32];
    make_ada(d, cookie);
    assert_int_equal(door_admin(d, "POST", "/api/v1/users/ada/link", "{\"kind\":\"recover\"}"),
                     201);
    door_cut(d, "#login=", '\r', token, sizeof token);
    (void) snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    run_sql(d, "CREATE TRIGGER full BEFORE INSERT ON event_log WHEN new.what = 'session.begin'"
               " BEGIN SELECT raise(FAIL, 'full'); END");
    assert_true(door_ask(d, "POST", LOGIN, "", body) >= 400);
    assert_false(door_says(d, "Set-Cookie"));
    assert_int_equal(door_ask(d, "GET", LOGIN, cookie, ""), 200);
    assert_true(door_says(d, "\"password\":true"));
    run_sql(d, "DROP TRIGGER full");
    assert_int_equal(door_ask(d, "POST", LOGIN, "", body), 204);
    assert_int_equal(door_ask(d, "GET", LOGIN, cookie, ""), 401);
}

// [people-8]
static void sessions_are_seen_and_ended_by_their_owner_and_by_an_admin(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    char other[DOOR_HEAD_MAX];
    char eves[DOOR_HEAD_MAX];
    char path[128];
    char n[24];
    door_user(d, "eve", "admin", "null", eves);
    make_ada(d, cookie);
    assert_int_equal(sign_in(d, "ada", PASSWORD), 204);
    door_keep_cookie(d, other);
    assert_int_equal(door_ask(d, "GET", LOGIN "/all", other, ""), 200);
    assert_true(door_says(d, "\"from\":\"127.0.0.1\",\"agent\":\"\",\"current\":true"));
    door_cut(d, "\"items\":[{\"n\":", ',', n, sizeof n); // of `other`, the newest
    (void) snprintf(path, sizeof path, LOGIN "/all/%s", n);
    assert_int_equal(door_ask(d, "DELETE", path, eves, ""), 404);
    assert_int_equal(door_ask(d, "DELETE", path, cookie, ""), 204);
    assert_int_equal(door_ask(d, "GET", LOGIN, other, ""), 401);
    assert_int_equal(door_ask(d, "GET", "/api/v1/users/ada/sessions", cookie, ""), 403);
    assert_int_equal(door_ask(d, "GET", "/api/v1/users/ada/sessions", eves, ""), 200);
    assert_true(door_says(d, "\"current\":false") && !door_says(d, "\"current\":true"));
    assert_int_equal(door_ask(d, "DELETE", "/api/v1/users/ada/sessions", eves, ""), 204);
    assert_int_equal(door_ask(d, "GET", LOGIN, cookie, ""), 401);
    assert_int_equal(door_ask(d, "DELETE", LOGIN, eves, ""), 204);
    assert_true(
        door_says(d, "Set-Cookie: selvedge=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    assert_int_equal(door_ask(d, "GET", LOGIN, eves, ""), 401);
}

static void let_in(door *d, int fd) {
    size_t before = sv_live_clients(d->f.fleet.live);
    int64_t end_us = sv_clock_monotonic_us() + DOOR_PATIENCE_US;
    while (sv_live_clients(d->f.fleet.live) == before) {
        sv_loop_turn(d->loop, 1000);
        assert_true(fd >= 0 && sv_clock_monotonic_us() < end_us);
    }
}

static int follow(door *d, const char *cookie) {
    char request[DOOR_HEAD_MAX * 2];
    int fd = door_connect(d);
    (void) snprintf(request, sizeof request, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n%s\r\n",
                    cookie);
    sv_text rest = sv_text_of(request);
    sv_test_send(fd, &rest);
    let_in(d, fd);
    return fd;
}

// [people-8]
static void a_live_stream_ends_with_the_session_it_is_of(void **state) {
    door *d = *state;
    char ada[DOOR_HEAD_MAX];
    char eve[DOOR_HEAD_MAX];
    door_user(d, "ada", "viewer", "null", ada);
    door_user(d, "eve", "viewer", "null", eve);
    int fds[3] = { follow(d, ada), follow(d, eve), -1 };
    assert_int_equal(door_admin(d, "PATCH", "/api/v1/users/ada", "{\"sites\":[\"north\"]}"), 200);
    assert_int_equal(sv_live_clients(d->f.fleet.live), 1);
    fds[2] = follow(d, eve);
    assert_int_equal(door_ask(d, "DELETE", LOGIN, eve, ""), 204);
    assert_int_equal(sv_live_clients(d->f.fleet.live), 0);
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        (void) close(fds[i]);
    }
}

// [people-7]
static void a_login_that_still_waits_when_the_server_ends_is_finished(void **state) {
    door *d = *state;
    static const char REQUEST[] =
        "POST /api/v1/session HTTP/1.1\r\nHost: fleet.test\r\nContent-Length: 44\r\n\r\n"
        "{\"user\":\"nobody\",\"password\":\"a long enough\"}";
    int fds[8];
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        sv_text rest = sv_text_of(REQUEST);
        fds[i] = door_connect(d);
        sv_test_send(fds[i], &rest);
    }
    while (sv_passwords_judged(d->f.fleet.passwords) < SV_COUNT(fds)) {
        sv_loop_turn(d->loop, 1000);
    }
    sv_http_server_drop(&d->server);
    sv_passwords_drop(&d->f.fleet.passwords);
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        (void) close(fds[i]);
    }
    assert_int_equal(d->f.fleet.counts.logins_refused, SV_COUNT(fds));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(who_was_invited_sets_a_password_and_signs_in_with_it),
        TEST(another_password_needs_the_one_of_before_and_ends_all_other_sessions),
        TEST(whoever_is_refused_hears_the_same_and_costs_the_same),
        TEST(guesses_of_one_password_wait_wherever_they_come_from),
        TEST(right_passwords_are_no_guesses),
        TEST(a_session_that_the_browser_had_is_left_behind),
        TEST(a_link_whose_line_cannot_be_written_has_done_nothing),
        TEST(another_sites_page_neither_signs_in_nor_changes_anything),
        TEST(sessions_are_seen_and_ended_by_their_owner_and_by_an_admin),
        TEST(a_live_stream_ends_with_the_session_it_is_of),
        TEST(a_login_that_still_waits_when_the_server_ends_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
