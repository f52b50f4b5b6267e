#include "relay.h"

#include <base/test.h>
#include <string.h>

static sv_err target(const char *path, const char *query, char room[GW_RELAY_TARGET_MAX]) {
    sv_textbuf out = { .at = room, .cap = GW_RELAY_TARGET_MAX };
    room[0] = '\0';
    return gw_relay_target(sv_text_of(path), sv_text_of(query), &out, NULL);
}

static void what_a_device_may_ask_is_written_in_one_way(void **state) { // [relay-3]
    (void) state;
    static const char *const CASES[][3] = {
        { "/v1/self", "", "/v1/self" },
        { "/%76%31/s%65lf", "", "/v1/self" },
        { "/.well-known/est/simpleenroll", "", "/.well-known/est/simpleenroll" },
        { "/.well-known/%65st/cacerts", "", "/.well-known/est/cacerts" },
        { "/default/controller/v1/press-1", "", "/default/controller/v1/press-1" },
        { "/default/controller/v1/press-1/a", "c=1&d=%20",
          "/default/controller/v1/press-1/a?c=1&d=%20" },
        { "/tuf/image/1.root.json", "", "/tuf/image/1.root.json" },
        { "/artifacts/a b:c", "", "/artifacts/a%20b%3Ac" },
        { "/artifacts/%c3%a4/...", "", "/artifacts/%C3%A4/..." },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[GW_RELAY_TARGET_MAX];
        assert_int_equal(target(CASES[i][0], CASES[i][1], room), SV_OK);
        assert_string_equal(room, CASES[i][2]);
    }
}

static void what_others_might_read_as_another_path_is_refused(void **state) { // [relay-3]
    (void) state;
    static const char *const PATHS[] = {
        "",           "tuf/a",         "/",          "/tuf/../v1/self", "/tuf/%2e%2e/v1/self",
        "/tuf/.%2E",  "/tuf/./a",      "/tuf/%2e",   "//tuf/a",         "/tuf//a",
        "/tuf/a/",    "/tuf/a%2fb",    "/tuf/a%2Fb", "/tuf/a%5cb",      "/tuf/a\\b",
        "/tuf/a%00b", "/tuf/a%0d%0ab", "/tuf/%7f",   "/tuf/%zz",        "/tuf/%4",
        "/tuf/%ff",   "/tuf/%c0%ae",   "/..",        "/tuf/\r\nX: y",
    };
    static const char *const QUERIES[] = { "a b", "a\r\nX: y", "a#b", "\xc3\xa4" };
    char room[GW_RELAY_TARGET_MAX];
    for (size_t i = 0; i < SV_COUNT(PATHS); i++) {
        assert_int_equal(target(PATHS[i], "", room), SV_ERR_INVALID);
    }
    for (size_t i = 0; i < SV_COUNT(QUERIES); i++) {
        assert_int_equal(target("/v1/self", QUERIES[i], room), SV_ERR_INVALID);
    }
}

static void what_is_none_of_a_devices_business_stays_here(void **state) { // [relay-3]
    (void) state;
    static const char *const PATHS[] = {
        "/v1/health",
        "/v1/readings",
        "/v1/self/x",
        "/v1/selfish",
        "/tuf",
        "/tufa/b",
        "/artifacts",
        "/api/v1/me",
        "/a/controller/v2/b",
        "/a/controller/v1",
        "/a/b/controller/v1/c",
        "/a.b/controller/v1/c",
        "/a/controller/v1/c%20d",
        "/.well-known/est",
        "/.well-known/est/fullcmc",
        "/.well-known/est/cacerts/x",
        "/.well-known/est/press/cacerts",
        "/.well-known/EST/cacerts",
        "/.well-known/a",
        "/V1/self",
    };
    char room[GW_RELAY_TARGET_MAX];
    for (size_t i = 0; i < SV_COUNT(PATHS); i++) {
        assert_int_equal(target(PATHS[i], "", room), SV_ERR_NOT_FOUND);
    }
}

static void a_path_that_is_too_long_is_refused(void **state) {
    (void) state;
    char path[GW_RELAY_TARGET_MAX + 1];
    char room[GW_RELAY_TARGET_MAX];
    memset(path, 'a', sizeof path);
    memcpy(path, "/tuf/", 5);
    path[GW_RELAY_TARGET_MAX] = '\0';
    assert_int_equal(target(path, "", room), SV_ERR_NO_SPACE);
    path[GW_RELAY_TARGET_MAX - 1] = '\0';
    assert_int_equal(target(path, "", room), SV_OK);
    memset(path + 5, ' ', GW_RELAY_TARGET_MAX / 2); // three times as long when it is encoded
    assert_int_equal(target(path, "", room), SV_ERR_NO_SPACE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_device_may_ask_is_written_in_one_way),
        cmocka_unit_test(what_others_might_read_as_another_path_is_refused),
        cmocka_unit_test(what_is_none_of_a_devices_business_stays_here),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
