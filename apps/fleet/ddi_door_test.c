#include "actions_own.h"
#include "ddi_door.h"
#include "door_fixture.h"
#include "running.h"
#include "uplink.h"

enum { HEADERS_MAX = 512 };

#define SHA256 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ME "press-1"
#define BASE "/default/controller/v1/" ME

/// The door behind what judges certificates: who asks is what the test says.
static void serve(sv_http_request *request, void *arg) {
    sv_fleet *fleet = arg;
    const char *via = sv_http_header(request, "X-Via");
    const sv_ddi_asker asker = { .id = ME,
                                 .gateway = via != NULL ? sv_registry_gateway(fleet->registry, via)
                                                        : NULL };
    if (!sv_ddi_door(request, fleet, &asker)) {
        sv_http_problem(request, 404, "Not found", "not of DDI");
    }
}

static int setup(void **state) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = SV_UPLINK_BODY_MAX,
                                             .connections_max = 16 };
    fixture_now_us = INT64_C(1800000000000000);
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    sv_http_server_drop(&d->server);
    assert_int_equal(sv_http_server_open(d->loop, &options, serve, &d->f.fleet, &d->server, NULL),
                     SV_OK);
    assert_int_equal(
        sv_db_exec(
            d->f.fleet.db,
            "INSERT INTO image (path, kind, product, version, hardware, length, sha256, sha1,"
            " md5, file, complete, at_us) VALUES"
            " ('files/app.swu', 'file', 'press', '1.1', 'board', 4096, '" SHA256
            "', '00112233445566778899aabbccddeeff00112233',"
            " '00112233445566778899aabbccddeeff', 'app 1.swu', 1, 1),"
            " ('press/1.1.img', 'selvedge', 'press', '1.1', 'board', 4096, '" SHA256
            "', '', '', '', 1, 1)",
            NULL),
        SV_OK);
    return 0;
}

static const sv_device *device_of(door *d, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(d->f.fleet.registry, fixture_gateway(&d->f, "gw-a"),
                                      sv_text_of(id), &device, NULL),
                     SV_OK);
    return device;
}

static int64_t assign(door *d, const char *device, const char *path, bool asks) {
    int64_t id = 0;
    sv_why why = { 0 };
    const sv_action_order order = { .device = device_of(d, device),
                                    .path = sv_text_of(path),
                                    .version = SV_TEXT("1.1"),
                                    .sha256 = SV_TEXT(SHA256),
                                    .forced = true,
                                    .asks = asks,
                                    .again = true,
                                    .user = "olga" };
    if (sv_actions_assign(&d->f.fleet, &order, &id, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return id;
}

static int get(door *d, const char *path) {
    return door_ask(d, "GET", path, "", "");
}

/// `<BASE>/<what>/<id><rest>`.
static int ask_of(door *d, const char *method, const char *what, int64_t id, const char *rest,
                  const char *body) {
    char path[256];
    (void) snprintf(path, sizeof path, BASE "/%s/%lld%s", what, (long long) id, rest);
    return door_ask(d, method, path, "", body);
}

static void must_say(const door *d, const char *what) {
    if (!door_says(d, what)) {
        fail_msg("no '%s' in: %s", what, door_body(d));
    }
}

static void must_not_say(const door *d, const char *what) {
    if (door_says(d, what)) {
        fail_msg("'%s' in: %s", what, door_body(d));
    }
}

static sv_action found(door *d, int64_t id) {
    sv_action action;
    assert_int_equal(sv_actions_find(&d->f.fleet, id, &action, NULL), SV_OK);
    return action;
}

static const char PROCEEDING[] =
    "{\"id\":7,\"status\":{\"result\":{\"progress\":{\"cnt\":0,\"of\":1},\"finished\":\"none\"},"
    "\"execution\":\"proceeding\",\"details\":[\"Installing Update Chunk Artifacts.\"]}}";
static const char INSTALLED[] =
    "{\"status\":{\"result\":{\"progress\":{\"cnt\":1,\"of\":1},\"finished\":\"none\"},"
    "\"execution\":\"proceeding\",\"details\":[\"All Chunks Installed.\"]}}";
static const char SUCCESS[] =
    "{\"status\":{\"result\":{\"finished\":\"success\"},\"execution\":\"closed\"}}";
static const char FAILURE[] = "{\"status\":{\"result\":{\"finished\":\"failure\"},\"execution\":"
                              "\"closed\",\"details\":[\"no room\"]}}";
static const char RUNS_IT[] = "{\"data\":{\"version\":\"1.1\",\"product\":\"press\"}}";

// [ddi-1] [ddi-2] [ddi-3]
static void a_device_that_has_nothing_to_do_hears_when_to_come_again(void **state) {
    door *d = *state;
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "{\"config\":{\"polling\":{\"sleep\":\"00:05:00\"}},\"_links\":{\"configData\":"
                "{\"href\":\"https://fleet.test/default/controller/v1/press-1/configData\"}}}");
    assert_int_equal(door_ask(d, "PUT", BASE "/configData", "Expect: 100-continue\r\n", RUNS_IT),
                     200);
    must_not_say(d, "application/json");
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "\"_links\":{}");
    d->f.fleet.config.ddi.poll_us = 3661 * SV_TIME_SECOND_US;
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "\"01:01:01\"");
}

// [ddi-2]
static void a_device_gets_its_own_only(void **state) {
    door *d = *state;
    int64_t other = assign(d, "press-2", "files/app.swu", false);
    assert_int_equal(get(d, "/default/controller/v1/press-2"), 403);
    must_say(d, "you are press-1");
    assert_int_equal(get(d, "/default/controller/v1/press-2/configData"), 403);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", other, "", ""), 404);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", other, "/feedback", SUCCESS), 404);
    assert_int_equal(ask_of(d, "POST", "cancelAction", other, "/feedback", SUCCESS), 404);
    assert_int_equal(found(d, other).stand.state, SV_ACTION_WAITING);
    assert_int_equal(get(d, "/other/controller/v1/press-1"), 404);
}

// [ddi-3]
static void links_lead_where_the_device_came_from(void **state) {
    door *d = *state;
    (void) assign(d, ME, "files/app.swu", false);
    assert_int_equal(
        door_ask(d, "GET", BASE, "X-Via: gw-a\r\nX-Forwarded-Host: gw-a.plant:8444\r\n", ""), 200);
    must_say(d, "\"https://gw-a.plant:8444/default/");
    assert_int_equal(door_ask(d, "GET", BASE, "X-Forwarded-Host: evil.test\r\n", ""), 200);
    must_say(d, "\"https://fleet.test/default/");
    (void) snprintf(d->f.fleet.config.devices.address, sizeof d->f.fleet.config.devices.address,
                    "fleet.plant:8444");
    assert_int_equal(door_ask(d, "GET", BASE, "X-Via: gw-a\r\nX-Forwarded-Host: a\"b/c\r\n", ""),
                     200);
    must_say(d, "\"https://fleet.plant:8444/default/");
}

// [ddi-4]
static void what_is_to_be_installed_has_links_and_hashes(void **state) {
    door *d = *state;
    char link[128];
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(get(d, BASE), 200);
    (void) snprintf(link, sizeof link, "deploymentBase/%lld\"", (long long) id);
    must_say(d, link);
    must_say(d, "\"00:00:30\""); // something is under way
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    must_say(d, "\"deployment\":{\"download\":\"forced\",\"update\":\"forced\",\"chunks\":[{"
                "\"part\":\"os\",\"version\":\"1.1\",\"name\":\"press\",\"artifacts\":[{"
                "\"filename\":\"app 1.swu\",\"size\":4096,\"hashes\":{\"sha1\":"
                "\"00112233445566778899aabbccddeeff00112233\",\"md5\":"
                "\"00112233445566778899aabbccddeeff\",\"sha256\":\"" SHA256
                "\"},\"_links\":{\"download\":{\"href\":\"https://fleet.test/artifacts/" SHA256
                "/app%201.swu\"}}}]}]}}");
    (void) snprintf(link, sizeof link, "{\"id\":\"%lld\"", (long long) id);
    must_say(d, link);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_NOTIFIED);
    id = assign(d, ME, "press/1.1.img", false);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "UPDATE action SET stop_us = 0", NULL), SV_OK);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    must_say(d, "/artifacts/" SHA256 "/raw\"");
    must_say(d, "\"filename\":\"1.1.img\"");
    assert_int_equal(sv_db_exec(d->f.fleet.db, "UPDATE image SET sealed = 1", NULL), SV_OK);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    must_not_say(d, "/artifacts/");
    must_say(d, "\"sha256\"");
}

// [ddi-6] [action-3]
static void an_install_is_confirmed_by_what_runs_afterwards(void **state) {
    door *d = *state;
    assert_int_equal(door_ask(d, "PUT", BASE "/configData", "", "{\"data\":{\"version\":\"1.0\"}}"),
                     200);
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", PROCEEDING), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_DOWNLOADING);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", INSTALLED), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_INSTALLED);
    assert_int_equal(get(d, BASE), 200); // it is to tell how it went, so it is still offered
    must_say(d, "deploymentBase");
    fixture_now_us++;
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", SUCCESS), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_TRIAL);
    assert_int_equal(get(d, BASE), 200); // and not to install it once more
    must_not_say(d, "deploymentBase");
    must_say(d, "configData");
    assert_int_equal(door_ask(d, "PUT", BASE "/configData", "", RUNS_IT), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_CONFIRMED);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "installedBase/");
    must_not_say(d, "configData");
    assert_int_equal(ask_of(d, "GET", "installedBase", id, "?actionHistory=-1", ""), 200);
    must_say(d, "\"actionHistory\":{\"status\":\"FINISHED\",\"messages\":[\"All Chunks");
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 404);
}

// [ddi-7]
static void a_success_of_our_agent_has_its_proof_with_it(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "press/1.1.img", false);
    sv_running running;
    static const char TEXT[] =
        "{\"status\":{\"execution\":\"closed\",\"result\":{\"finished\":\"success\"},\"selvedge\":"
        "{\"state\":\"confirmed\",\"version\":\"1.1\",\"slot\":\"b\",\"counter\":8,\"sha256\":\"%"
        "s\"}}}";
    char body[512];
    (void) snprintf(body, sizeof body, TEXT, SHA256);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", body), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_CONFIRMED);
    assert_int_equal(sv_running_of(&d->f.fleet, ME, &running, NULL), SV_OK);
    assert_string_equal(running.slot, "b");
    assert_int_equal(running.counter, 8);
    fixture_now_us++;
    id = assign(d, ME, "files/app.swu", false);
    (void) snprintf(body, sizeof body, TEXT,
                    "ffffffffffffffffffffffffffffffff"
                    "ffffffffffffffffffffffffffffffff");
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", body), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_TRIAL); // it runs something else
}

// [ddi-9]
static void what_is_canceled_is_stopped_before_anything_else_begins(void **state) {
    door *d = *state;
    char link[64];
    int64_t first = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", first, "", ""), 200);
    int64_t second = assign(d, ME, "press/1.1.img", false);
    assert_int_equal(get(d, BASE), 200);
    (void) snprintf(link, sizeof link, "cancelAction/%lld\"", (long long) first);
    must_say(d, link);
    must_not_say(d, "deploymentBase");
    assert_int_equal(ask_of(d, "GET", "cancelAction", first, "", ""), 200);
    (void) snprintf(link, sizeof link, "{\"id\":\"%lld\",\"cancelAction\":{\"stopId\":\"%lld\"}}",
                    (long long) first, (long long) first);
    must_say(d, link);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", first, "", ""), 404);
    assert_int_equal(ask_of(d, "GET", "cancelAction", second, "", ""), 404);
    assert_int_equal(ask_of(d, "POST", "cancelAction", first, "/feedback", SUCCESS), 200);
    assert_int_equal(get(d, BASE), 200);
    (void) snprintf(link, sizeof link, "deploymentBase/%lld\"", (long long) second);
    must_say(d, link);
    must_not_say(d, "cancelAction");
    assert_int_equal(found(d, first).stand.state, SV_ACTION_CANCELED);
}

// [ddi-9] A client that never answers a cancel is not kept from everything for ever.
static void who_does_not_answer_a_cancel_goes_on_after_a_while(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    (void) assign(d, ME, "press/1.1.img", false);
    for (int i = 0; i < SV_DDI_STOPS_MAX; i++) {
        assert_int_equal(get(d, BASE), 200);
        must_say(d, "cancelAction");
    }
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "deploymentBase");
}

// [ddi-9] [action-5] What was armed is started, whoever cancels it then.
static void who_cannot_stop_any_more_says_how_it_went(void **state) {
    door *d = *state;
    static const char NO[] = "{\"status\":{\"execution\":\"rejected\",\"result\":{\"finished\":"
                             "\"failure\"},\"details\":[\"too late\"]}}";
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", INSTALLED), 200);
    assert_int_equal(sv_actions_cancel(&d->f.fleet, id, "olga", NULL), SV_OK);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "cancelAction");
    assert_int_equal(ask_of(d, "POST", "cancelAction", id, "/feedback", NO), 200);
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "cancelAction");
    must_say(d, "deploymentBase");
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", SUCCESS), 200);
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "deploymentBase");
    assert_int_equal(door_ask(d, "PUT", BASE "/configData", "", RUNS_IT), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_CONFIRMED);
}

// [ddi-9] [action-5]
static void a_silent_device_may_still_say_how_it_went_but_not_begin_anew(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", INSTALLED), 200);
    fixture_now_us += SV_ACTION_SILENT_US;
    sv_actions_turn(&d->f.fleet);
    assert_int_equal(found(d, id).stand.class, SV_ACTION_BY_SILENCE);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "deploymentBase");
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", PROCEEDING), 200);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "cancelAction");
    assert_int_equal(ask_of(d, "POST", "cancelAction", id, "/feedback", SUCCESS), 200);
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "deploymentBase");
    id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", INSTALLED), 200);
    fixture_now_us += SV_ACTION_SILENT_US;
    sv_actions_turn(&d->f.fleet);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", SUCCESS), 200);
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "deploymentBase");
    assert_int_equal(door_ask(d, "PUT", BASE "/configData", "", RUNS_IT), 200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_CONFIRMED);
}

// [ddi-5]
static void what_is_malformed_or_too_large_costs_only_itself(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "files/app.swu", false);
    char *large = sv_mem_array(SV_OPERATOR_BODY_MAX + 2, 1);
    memset(large, ' ', SV_OPERATOR_BODY_MAX + 1);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", large), 400);
    free(large);
    static const char *const BODIES[] = { "", "{", "[]", "{\"status\":[]}" };
    for (size_t i = 0; i < SV_COUNT(BODIES); i++) {
        assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", BODIES[i]), 400);
        assert_int_equal(ask_of(d, "POST", "cancelAction", id, "/feedback", BODIES[i]), 400);
        assert_int_equal(ask_of(d, "POST", "confirmationBase", id, "/feedback", BODIES[i]), 400);
        assert_int_equal(door_ask(d, "PUT", BASE "/configData", "", BODIES[i]), 400);
        assert_int_equal(door_ask(d, "PUT", BASE "/installedBase", "", BODIES[i]), 400);
    }
    assert_int_equal(found(d, id).stand.state, SV_ACTION_WAITING);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM action_line"), 0);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", PROCEEDING), 200);
}

static void a_failure_keeps_its_sentence(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback", FAILURE), 200);
    assert_int_equal(found(d, id).stand.class, SV_ACTION_BY_INSTALL);
    assert_string_equal(found(d, id).why, "no room");
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "deploymentBase");
}

// [ddi-10]
static void somebody_at_the_device_says_yes_first(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "files/app.swu", true);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "confirmationBase/");
    must_not_say(d, "deploymentBase");
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 404);
    assert_int_equal(ask_of(d, "GET", "confirmationBase", id, "", ""), 200);
    must_say(d, "\"confirmation\":{\"download\"");
    assert_int_equal(
        ask_of(d, "POST", "confirmationBase", id, "/feedback", "{\"confirmation\":\"confirmed\"}"),
        200);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "deploymentBase");
    id = assign(d, ME, "press/1.1.img", true);
    assert_int_equal(ask_of(d, "POST", "confirmationBase", id, "/feedback",
                            "{\"confirmation\":\"denied\",\"details\":[\"not now\"]}"),
                     200);
    assert_int_equal(found(d, id).stand.class, SV_ACTION_BY_REFUSAL);
}

// [ddi-10]
static void a_device_may_say_yes_to_everything(void **state) {
    door *d = *state;
    assert_int_equal(get(d, BASE "/confirmationBase"), 200);
    must_say(d, "{\"autoConfirm\":{\"active\":false},\"_links\":{\"activateAutoConfirm\"");
    assert_int_equal(door_ask(d, "POST", BASE "/confirmationBase/activateAutoConfirm", "", "{}"),
                     200);
    int64_t id = assign(d, ME, "files/app.swu", true);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "deploymentBase");
    assert_false(found(d, id).asks);
    assert_int_equal(door_ask(d, "POST", BASE "/confirmationBase/deactivateAutoConfirm", "", "{}"),
                     200);
    (void) assign(d, ME, "press/1.1.img", true);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "UPDATE action SET stop_us = 0", NULL), SV_OK);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "confirmationBase/");
}

static sv_action_offer offered(void *arg, const sv_action *action) {
    (void) action;
    return *(const sv_action_offer *) arg;
}

// [ddi-11] [action-8] "update: skip" would make clients call it a success.
static void outside_its_window_a_device_is_told_nothing(void **state) {
    door *d = *state;
    sv_action_offer offer = SV_OFFER_LATER;
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "UPDATE action SET campaign = 3", NULL), SV_OK);
    sv_actions_gate_with(&d->f.fleet, offered, &offer);
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "deploymentBase");
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 404);
    offer = SV_OFFER_IN_WINDOW;
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    must_say(d, "\"maintenanceWindow\":\"available\"");
    must_not_say(d, "skip");
}

// [ddi-11] Who has all of it asks no more often than who has nothing to do.
static void ahead_of_its_window_it_fetches_and_does_not_start(void **state) {
    door *d = *state;
    sv_action_offer offer = SV_OFFER_AHEAD;
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "UPDATE action SET campaign = 3", NULL), SV_OK);
    sv_actions_gate_with(&d->f.fleet, offered, &offer);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "deploymentBase");
    must_say(d, "\"sleep\":\"00:00:30\"");
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 200);
    must_say(d,
             "\"download\":\"forced\",\"update\":\"skip\",\"maintenanceWindow\":\"unavailable\"");
    assert_int_equal(ask_of(d, "POST", "deploymentBase", id, "/feedback",
                            "{\"status\":{\"execution\":\"proceeding\",\"result\":{\"finished\":"
                            "\"none\"},\"selvedge\":{\"state\":\"verified\"}}}"),
                     200);
    assert_int_equal(found(d, id).stand.state, SV_ACTION_VERIFIED);
    assert_int_equal(get(d, BASE), 200);
    must_say(d, "deploymentBase");
    must_say(d, "\"sleep\":\"00:05:00\"");
}

static void an_image_that_is_gone_ends_its_action(void **state) {
    door *d = *state;
    int64_t id = assign(d, ME, "files/app.swu", false);
    assert_int_equal(sv_db_exec(d->f.fleet.db, "DELETE FROM image", NULL), SV_OK);
    assert_int_equal(ask_of(d, "GET", "deploymentBase", id, "", ""), 404);
    assert_int_equal(found(d, id).stand.class, SV_ACTION_BY_DOWNLOAD);
    assert_int_equal(get(d, BASE), 200);
    must_not_say(d, "deploymentBase");
}

static void what_ddi_does_not_have_is_not_found(void **state) {
    door *d = *state;
    static const struct {
        const char *method, *path;
        int status;
    } CASES[] = {
        { "GET", BASE "/nothing", 404 },
        { "GET", BASE "/deploymentBase", 404 },
        { "GET", BASE "/deploymentBase/x", 404 },
        { "GET", BASE "/deploymentBase/4294967297", 404 },
        { "GET", BASE "/deploymentBase/7/feedback/8", 404 },
        { "DELETE", BASE, 405 },
        { "GET", BASE "/configData", 405 },
        { "GET", BASE "/deploymentBase/7", 404 },
        { "GET", BASE "/installedBase/7", 404 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(door_ask(d, CASES[i].method, CASES[i].path, "", ""), CASES[i].status);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_device_that_has_nothing_to_do_hears_when_to_come_again),
        TEST(a_device_gets_its_own_only),
        TEST(links_lead_where_the_device_came_from),
        TEST(what_is_to_be_installed_has_links_and_hashes),
        TEST(an_install_is_confirmed_by_what_runs_afterwards),
        TEST(a_success_of_our_agent_has_its_proof_with_it),
        TEST(what_is_canceled_is_stopped_before_anything_else_begins),
        TEST(who_does_not_answer_a_cancel_goes_on_after_a_while),
        TEST(who_cannot_stop_any_more_says_how_it_went),
        TEST(a_silent_device_may_still_say_how_it_went_but_not_begin_anew),
        TEST(what_is_malformed_or_too_large_costs_only_itself),
        TEST(a_failure_keeps_its_sentence),
        TEST(somebody_at_the_device_says_yes_first),
        TEST(a_device_may_say_yes_to_everything),
        TEST(outside_its_window_a_device_is_told_nothing),
        TEST(ahead_of_its_window_it_fetches_and_does_not_start),
        TEST(an_image_that_is_gone_ends_its_action),
        TEST(what_ddi_does_not_have_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
