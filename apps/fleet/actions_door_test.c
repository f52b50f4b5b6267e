#include "actions_door.h"
#include "divergence.h"

#include "actions.h"
#include "door_fixture.h"
#include "running.h"

#define SHA256 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UPDATES "/api/v1/devices/press-1/updates"

static int setup(void **state) {
    fixture_now_us = INT64_C(1800000000000000);
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    sv_device *device = NULL;
    static const char *const IDS[] = { "press-1", "press-2" };
    static const char *const GATEWAYS[] = { "gw-a", "gw-b" };
    for (size_t i = 0; i < SV_COUNT(IDS); i++) {
        assert_int_equal(sv_registry_bind(d->f.fleet.registry, fixture_gateway(&d->f, GATEWAYS[i]),
                                          sv_text_of(IDS[i]), &device, NULL),
                         SV_OK);
    }
    assert_int_equal(
        sv_db_exec(
            d->f.fleet.db,
            "INSERT INTO image (path, kind, product, version, hardware, counter, length,"
            " sha256, complete, at_us) VALUES"
            " ('press/1.1.img', 'selvedge', 'press', '1.1', 'board-1\nboard-2', 5, 4096,"
            " '" SHA256 "', 1, 1),"
            " ('press/half.img', 'selvedge', 'press', '1.2', 'board-1', 6, 4096, 'bb', 0, 1)",
            NULL),
        SV_OK);
    return 0;
}

static void runs(door *d, const char *device, const sv_running *what) {
    sv_running running = *what;
    running.at_us = fixture_now_us;
    assert_int_equal(sv_running_store(&d->f.fleet, device, &running, NULL), SV_OK);
}

static void must_say(const door *d, const char *what) {
    if (!door_says(d, what)) {
        fail_msg("no '%s' in: %s", what, door_body(d));
    }
}

static int64_t assigned(door *d) {
    char id[32];
    assert_int_equal(
        door_admin(d, "POST", UPDATES, "{\"image\":\"press/1.1.img\",\"forced\":true}"), 201);
    door_cut(d, "{\"action\":", ',', id, sizeof id);
    return strtoll(id, NULL, 10);
}

static void say(door *d, int64_t id, sv_action_said said, const char *line) {
    const sv_text text = sv_text_of(line);
    const sv_action_word word = {
        .said = said, .bytes = 5, .of = 9, .lines = &text, .line_count = 1
    };
    assert_int_equal(sv_actions_feedback(&d->f.fleet, "press-1", id, &word, NULL), SV_OK);
}

// [action-10]
static void an_image_by_hand_is_in_the_devices_timeline_and_in_the_log(void **state) {
    door *d = *state;
    int64_t id = assigned(d);
    must_say(d, "\"state\":\"waiting\",\"class\":null");
    must_say(d, "\"by\":\"admin\"");
    say(d, id, SV_SAID_DOWNLOADING, "has begun");
    assert_int_equal(door_admin(d, "GET", UPDATES, ""), 200);
    must_say(
        d, "{\"device\":\"press-1\",\"running\":null,\"diverges\":null,\"assigned\":{\"action\":");
    must_say(d, "\"state\":\"downloading\"");
    must_say(d, "\"bytes\":5,\"of\":9");
    must_say(d, "\"line\":\"has begun\"}]}],\"next\":null}");
    assert_int_equal(door_admin(d, "DELETE", UPDATES, ""), 200);
    must_say(d, "\"state\":\"canceled\"");
    must_say(d, "\"stopping\":true");
    assert_int_equal(door_admin(d, "DELETE", UPDATES, ""), 409);
    must_say(d, "nothing is under way on press-1");
    assert_int_equal(door_admin(d, "GET", "/api/v1/audit?about=press-1", ""), 200);
    must_say(d, "\"what\":\"update.assign\"");
    must_say(d, "\"what\":\"update.cancel\"");
    must_say(d, "press/1.1.img, which was downloading");
}

static void what_is_asked_for_is_checked(void **state) {
    door *d = *state;
    static const struct {
        const char *body, *says;
        int status;
    } CASES[] = {
        { "", "the body must be", 400 },
        { "{\"image\":7}", "the body must be", 400 },
        { "{\"image\":\"press/1.1.img\",\"forced\":1}", "the body must be", 400 },
        { "{\"image\":\"none\"}", "there is no image 'none'", 404 },
        { "{\"image\":\"press/half.img\"}", "is not whole", 409 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(door_admin(d, "POST", UPDATES, CASES[i].body), CASES[i].status);
        must_say(d, CASES[i].says);
    }
    assert_int_equal(door_admin(d, "POST", "/api/v1/devices/none/updates", "{}"), 404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM action"), 0);
}

// [action-10]
static void an_image_that_does_not_fit_is_not_assigned(void **state) {
    door *d = *state;
    static const struct {
        sv_running runs;
        const char *says; ///< NULL: it fits
    } CASES[] = {
        { { .product = "lathe" }, "is for product press; press-1 is a lathe" },
        { { .hardware = "board-3" }, "is not for hardware board-3" },
        { { .hardware = "board-2" }, NULL },
        { { .counter = 6 }, "is older (release 5) than what press-1 runs (release 6)" },
        { { .counter = 5 }, NULL },
        { { .version = "1.1" }, "press-1 runs 1.1 already" },
        { { .version = "1.1", .sha256 = "other" }, NULL },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        runs(d, "press-1", &CASES[i].runs);
        int status = door_admin(d, "POST", UPDATES, "{\"image\":\"press/1.1.img\"}");
        assert_int_equal(status, CASES[i].says == NULL ? 201 : 409);
        if (CASES[i].says != NULL) {
            must_say(d, CASES[i].says);
        }
    }
    runs(d, "press-1", &(sv_running){ .version = "1.1" });
    assert_int_equal(door_admin(d, "POST", UPDATES, "{\"image\":\"press/1.1.img\",\"again\":true}"),
                     201);
}

// [action-6]
static void what_has_failed_there_is_assigned_again_when_somebody_says_so(void **state) {
    door *d = *state;
    say(d, assigned(d), SV_SAID_FAILURE, "no room");
    assert_int_equal(door_admin(d, "POST", UPDATES, "{\"image\":\"press/1.1.img\"}"), 409);
    must_say(d, "ask for a retry");
    assert_int_equal(door_admin(d, "POST", UPDATES, "{\"image\":\"press/1.1.img\",\"again\":true}"),
                     201);
    must_say(d, "\"attempt\":2");
}

// [action-9]
static void a_device_that_runs_something_else_diverges(void **state) {
    door *d = *state;
    const sv_running old = { .version = "1.0" };
    int64_t id = assigned(d);
    say(d, id, SV_SAID_SUCCESS, "");
    runs(d, "press-1", &(sv_running){ .version = "1.1" });
    assert_int_equal(door_admin(d, "GET", UPDATES, ""), 200);
    must_say(d, "\"diverges\":null");
    must_say(d, "\"state\":\"confirmed\"");
    runs(d, "press-1", &old); // somebody flashed it
    assert_int_equal(door_admin(d, "GET", UPDATES, ""), 200);
    must_say(d, "\"diverges\":\"it runs 1.0; 1.1 was the last that was confirmed on it\"");
    say(d, assigned(d), SV_SAID_ROLLED_BACK, "");
    assert_int_equal(door_admin(d, "GET", UPDATES, ""), 200);
    must_say(d, "\"diverges\":\"it runs 1.0; 1.1 was to be installed, and was gone back from\"");
}

static void a_long_timeline_comes_in_pages(void **state) {
    door *d = *state;
    char path[128];
    char next[32];
    int64_t first = assigned(d);
    (void) assigned(d);
    int64_t last = assigned(d);
    assert_int_equal(door_admin(d, "GET", UPDATES "?limit=2", ""), 200);
    door_cut(d, "\"next\":", '}', next, sizeof next);
    assert_int_equal(strtoll(next, NULL, 10), first + 1);
    (void) snprintf(path, sizeof path, UPDATES "?limit=2&cursor=%s", next);
    assert_int_equal(door_admin(d, "GET", path, ""), 200);
    must_say(d, "\"next\":null");
    (void) snprintf(path, sizeof path, "\"items\":[{\"action\":%lld", (long long) first);
    must_say(d, path);
    assert_true(last == first + 2);
}

/// What comes over a stream of events until `last`.
static void listen_until(door *d, int fd, const char *last, sv_textbuf *told) {
    int64_t end_us = sv_clock_monotonic_us() + DOOR_PATIENCE_US;
    do {
        assert_true(sv_test_receive(fd, told));
        assert_int_equal(sv_textbuf_end(told), SV_OK);
        sv_loop_turn(d->loop, 1000);
        assert_true(sv_clock_monotonic_us() < end_us);
    } while (strstr(told->at, last) == NULL);
}

// [action-12]
static void browsers_hear_of_a_change_with_the_next_turn(void **state) {
    door *d = *state;
    char request[DOOR_HEAD_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(1 << 20);
    SV_DEFER(sv_fd_drop) int fd = door_connect(d);
    int used = snprintf(request, sizeof request,
                        "GET /api/v1/events HTTP/1.1\r\nHost: fleet.test\r\nAuthorization: Bearer "
                        "%s\r\n\r\n",
                        d->token);
    sv_text rest = { .at = request, .len = (size_t) used };
    sv_test_send(fd, &rest);
    listen_until(d, fd, "text/event-stream", &told);
    int64_t id = assigned(d);
    listen_until(d, fd, "event: action", &told);
    listen_until(d, fd, "\"state\":\"waiting\"", &told);
    say(d, id, SV_SAID_DOWNLOADING, "has begun");
    assert_null(strstr(told.at, "\"state\":\"downloading\""));
    sv_actions_turn(&d->f.fleet);
    listen_until(d, fd, "\"state\":\"downloading\"", &told);
    assert_null(strstr(told.at, "has begun")); // the log is fetched
}

// [running-2]
static void which_devices_run_a_version_is_one_question(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    runs(d, "press-1", &(sv_running){ .product = "press", .version = "1.0" });
    runs(d, "press-2", &(sv_running){ .product = "press", .version = "1.0" });
    runs(d, "unknown", &(sv_running){ .product = "press", .version = "1.0" });
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "{\"items\":[{\"product\":\"press\",\"version\":\"1.0\",\"sha256\":null,"
                "\"devices\":2,\"image\":null,\"went_wrong\":0,\"counter\":null,\"boot\":{"
                "\"confirmed\":0,\"trial\":0,\"overdue\":0,\"other\":0,\"unsaid\":2}}],"
                "\"diverging\":0}");
    runs(d, "press-2", &(sv_running){ .product = "press", .version = "1.1" });
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions?product=press", ""), 200);
    must_say(d, "\"version\":\"1.1\"");
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions?product=lathe", ""), 200);
    must_say(d, "{\"items\":[],");
    assert_int_equal(door_admin(d, "GET", "/api/v1/devices?version=1.0", ""), 200);
    must_say(d, "\"total\":1");
    must_say(d, "\"id\":\"press-1\"");
    must_say(d, "\"version\":\"1.0\"");
    door_user(d, "sue", "viewer", "[\"south\"]", cookie);
    assert_int_equal(door_ask(d, "GET", "/api/v1/versions", cookie, ""), 200);
    must_say(d, "{\"items\":[{\"product\":\"press\",\"version\":\"1.1\",\"sha256\":null,"
                "\"devices\":1,\"image\":\"press/1.1.img\",\"went_wrong\":0,");
    assert_int_equal(door_admin(d, "GET", "/api/v1/devices?query=version%20%3C%201.1", ""), 200);
    must_say(d, "\"total\":1");
    must_say(d, "\"id\":\"press-1\"");
    assert_int_equal(door_admin(d, "GET", "/api/v1/devices?query=versoin%20%3C%201.1", ""), 400);
    must_say(d, "line 1, column 1: 'versoin' is nothing that can be asked of a device");
    assert_int_equal(door_ask(d, "GET", "/api/v1/devices?query=version%20%3C%209", cookie, ""),
                     200);
    must_say(d, "\"total\":1");
    must_say(d, "\"id\":\"press-2\"");
}

// [running-3]
// [running-5]
static void how_the_boot_of_those_that_run_a_version_stands_is_counted(void **state) {
    door *d = *state;
    const sv_running one = { .product = "press", .version = "1.0", .counter = 3 };
    sv_running other = one;
    runs(d, "press-1",
         &(sv_running){ .product = "press", .version = "1.0", .counter = 4, .boot = "confirmed" });
    (void) snprintf(other.boot, sizeof other.boot, "trial");
    runs(d, "press-2", &other);
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "\"counter\":3,\"boot\":{\"confirmed\":1,\"trial\":1,\"overdue\":0,\"other\":0,"
                "\"unsaid\":0}");
    sv_stmt *stmt;
    assert_int_equal(
        sv_db_stmt(d->f.fleet.db, "UPDATE running SET at_us = 1 WHERE boot = 'trial'", &stmt, NULL),
        SV_OK);
    assert_int_equal(sv_stmt_run(stmt, NULL), SV_OK); // long ago
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "\"trial\":0,\"overdue\":1");
    (void) snprintf(other.boot, sizeof other.boot, "bad");
    runs(d, "press-2", &other);
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "\"overdue\":0,\"other\":1");
}

static void a_version_that_went_wrong_on_devices_is_shown_as_such(void **state) {
    door *d = *state;
    char cookie[DOOR_HEAD_MAX];
    runs(d, "press-2", &(sv_running){ .product = "press", .version = "1.1" });
    say(d, assigned(d), SV_SAID_ROLLED_BACK, "not healthy");
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "\"version\":\"1.1\",\"sha256\":null,\"devices\":1,\"image\":\"press/1.1.img\","
                "\"went_wrong\":1,");
    assert_int_equal(door_admin(d, "GET", "/api/v1/images", ""), 200);
    must_say(d, "\"went_wrong\":1");
    door_user(d, "sue", "viewer", "[\"south\"]", cookie); // press-1 is in the north
    assert_int_equal(door_ask(d, "GET", "/api/v1/versions", cookie, ""), 200);
    must_say(d, "\"went_wrong\":0");
    assert_int_equal(door_admin(d, "POST", UPDATES, "{\"image\":\"press/1.1.img\",\"again\":true}"),
                     201);
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "\"went_wrong\":0"); // it tries again
}

// [action-9] [running-4]
static void who_diverges_is_known_after_a_restart_too(void **state) {
    door *d = *state;
    sv_fleet *fleet = &d->f.fleet;
    int64_t id = assigned(d);
    say(d, id, SV_SAID_SUCCESS, "");
    runs(d, "press-1", &(sv_running){ .version = "1.1" });
    runs(d, "press-2", &(sv_running){ .version = "1.0" }); // which nobody gave anything
    assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
    must_say(d, "\"diverging\":0");
    runs(d, "press-1", &(sv_running){ .version = "1.0" }); // the factory's
    for (int i = 0; i < 2; i++) {
        assert_int_equal(door_admin(d, "GET", "/api/v1/versions", ""), 200);
        must_say(d, "\"diverging\":1");
        assert_int_equal(door_admin(d, "GET", "/api/v1/devices?query=diverges", ""), 200);
        must_say(d, "\"total\":1");
        must_say(d, "\"diverges\":\"it runs 1.0; 1.1 was the last that was confirmed on it\"");
        sv_device *press = sv_registry_device(fleet->registry, SV_TEXT("press-1"));
        press->diverges = false; // a start
        press->site->diverging = 0;
        assert_int_equal(sv_divergence_load(fleet, NULL), SV_OK);
    }
    say(d, assigned(d), SV_SAID_SUCCESS, "");
    runs(d, "press-1", &(sv_running){ .version = "1.1" });
    assert_int_equal(door_admin(d, "GET", "/api/v1/devices?query=diverges", ""), 200);
    must_say(d, "\"total\":0");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_image_by_hand_is_in_the_devices_timeline_and_in_the_log),
        TEST(what_is_asked_for_is_checked),
        TEST(an_image_that_does_not_fit_is_not_assigned),
        TEST(what_has_failed_there_is_assigned_again_when_somebody_says_so),
        TEST(a_device_that_runs_something_else_diverges),
        TEST(a_long_timeline_comes_in_pages),
        TEST(browsers_hear_of_a_change_with_the_next_turn),
        TEST(which_devices_run_a_version_is_one_question),
        TEST(how_the_boot_of_those_that_run_a_version_stands_is_counted),
        TEST(a_version_that_went_wrong_on_devices_is_shown_as_such),
        TEST(who_diverges_is_known_after_a_restart_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
