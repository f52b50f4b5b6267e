#include "campaigns_own.h"
#include "door_fixture.h"
#include "running.h"
#include "savings.h"

static int setup(void **state) {
    assert_int_equal(door_setup(state), 0);
    door *d = *state;
    for (int i = 1; i <= 3; i++) {
        sv_device *device = NULL;
        char id[16];
        (void) snprintf(id, sizeof id, "press-%d", i);
        assert_int_equal(sv_registry_bind(d->f.fleet.registry, fixture_gateway(&d->f, "gw-a"),
                                          sv_text_of(id), &device, NULL),
                         SV_OK);
        const sv_running running = { .version = "1.0", .product = "lathe", .at_us = 1 };
        assert_int_equal(sv_running_store(&d->f.fleet, id, &running, NULL), SV_OK);
    }
    sv_registry_settle(d->f.fleet.registry, true);
    assert_int_equal(sv_db_exec(d->f.fleet.db,
                                "INSERT INTO image (path, kind, product, version, hardware, length,"
                                " sha256, complete, at_us) VALUES ('lathe/1.1', 'file', 'lathe',"
                                " '1.1', '', 10, '', 1, 1)",
                                NULL),
                     SV_OK);
    return 0;
}

#define BODY(more) "{\"image\":\"lathe/1.1\",\"target\":{\"query\":\"all\"}" more "}"

static void a_dry_run_says_whom_it_would_mean_and_starts_nothing(void **state) { // [campaign-30]
    door *d = *state;
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates",
                                BODY(",\"dry_run\":true,\"waves\":[{\"count\":1}]")),
                     200);
    assert_true(door_says(d, "{\"devices\":3,\"already\":0,\"excluded\":[],\"waves\":[{\"devices\":"
                             "1},{\"devices\":2}]}"));
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM campaign"), 0);
}

/// Each look at it takes ten milliseconds more.
static int64_t slow_clock(void) {
    static int64_t now_us = 0;
    return now_us += 10000;
}

static void ask_for(const door *d, int fd, const char *body) {
    char request[1024];
    int len = snprintf(request, sizeof request,
                       "POST /api/v1/updates HTTP/1.1\r\nHost: fleet.test\r\nConnection: close\r\n"
                       "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
                       d->token, strlen(body), body);
    assert_int_equal(send(fd, request, (size_t) len, MSG_NOSIGNAL), len);
}

enum { MANY = 6 * SV_CAMPAIGN_SURVEY_SLICE };

static void grow(door *d) {
    for (int i = 0; i < MANY; i++) {
        sv_device *device = NULL;
        char id[16];
        (void) snprintf(id, sizeof id, "a-%05d", i);
        assert_int_equal(sv_registry_bind(d->f.fleet.registry, fixture_gateway(&d->f, "gw-a"),
                                          sv_text_of(id), &device, NULL),
                         SV_OK);
    }
    sv_registry_settle(d->f.fleet.registry, true);
}

static void a_large_fleet_is_counted_between_what_others_ask(void **state) { // [campaign-55]
    door *d = *state;
    static const char COUNTED[] =
        "{\"devices\":3,\"already\":0,\"excluded\":[{\"why\":\"has never "
        "said what it runs\",\"count\":1500}],\"waves\":[{\"devices\":3}]}";
    grow(d);
    d->f.fleet.mono_us = slow_clock;
    SV_DEFER(sv_fd_drop) int waits = door_connect(d);
    ask_for(d, waits, BODY(",\"dry_run\":true"));
    while (d->f.fleet.campaigns->asked_count == 0) {
        sv_loop_turn(d->loop, 1000);
    }
    assert_string_equal(d->f.fleet.campaigns->asked[0].survey->after, "a-00249"); // one look
    // Others are served, and count as well.
    assert_int_equal(door_admin(d, "GET", "/api/v1/groups", ""), 200);
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates", BODY("")), 201);
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates", BODY(",\"dry_run\":true")), 200);
    assert_true(door_says(d, COUNTED));
    sv_textbuf_clear(&d->answer);
    while (sv_test_receive(waits, &d->answer)) {
        sv_loop_turn(d->loop, 1000);
    }
    assert_int_equal(sv_textbuf_end(&d->answer), SV_OK);
    assert_true(door_says(d, COUNTED));
    assert_int_equal(d->f.fleet.campaigns->asked_count, 0);
}

static void there_are_only_so_many_counts_at_once(void **state) { // [campaign-55]
    door *d = *state;
    int waiting[SV_CAMPAIGN_SURVEYS_MAX - 2]; // the door has no more connections
    sv_campaigns *campaigns = d->f.fleet.campaigns;
    grow(d);
    d->f.fleet.mono_us = slow_clock;
    for (size_t i = 0; i < SV_COUNT(waiting); i++) {
        waiting[i] = door_connect(d);
        ask_for(d, waiting[i], BODY(",\"dry_run\":true"));
    }
    while (campaigns->asked_count == 0) {
        sv_loop_turn(d->loop, 1000);
    }
    size_t had = campaigns->asked_count;
    campaigns->asked_count = SV_CAMPAIGN_SURVEYS_MAX; // as if there were
    sv_why why = { 0 };
    assert_int_equal(sv_campaigns_ask(&d->f.fleet, &campaigns->asked[0], &why), SV_ERR_UNAVAILABLE);
    campaigns->asked_count = had;
    assert_string_equal(why.text, "16 roll-outs are being counted already; try again in a second");
    sv_campaigns_end_surveys(campaigns); // the server ends
    assert_int_equal(campaigns->asked_count, 0);
    for (size_t i = 0; i < SV_COUNT(waiting); i++) {
        sv_fd_drop(&waiting[i]);
    }
}

static void a_campaign_is_started_seen_and_stopped(void **state) { // [campaign-30] [campaign-36]
    door *d = *state;
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates", BODY(",\"name\":\"first\"")), 201);
    assert_true(door_says(d, "\"id\":1") && door_says(d, "\"state\":\"scheduled\""));
    fixture_now_us += SV_TIME_SECOND_US;
    while (sv_campaigns_turn(&d->f.fleet)) {
    }
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates/1", ""), 200);
    assert_true(door_says(d, "\"name\":\"first\"") && door_says(d, "\"state\":\"running\""));
    assert_true(door_says(d, "\"counts\":{\"devices\":3,\"planned\":0,\"waiting\":3,"));
    assert_true(door_says(d, "\"stop\":{\"any\":{\"percent\":5}}"));
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates/1/devices?limit=2&state=waiting", ""),
                     200);
    assert_true(door_says(d, "\"next\":\"press-2\"") && door_says(d, "\"attempt\":1"));
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates/1/devices?limit=2&cursor=press-2", ""),
                     200);
    assert_true(door_says(d, "\"device\":\"press-3\"") && door_says(d, "\"next\":null"));
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates/1/devices?state=lost", ""), 400);
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates/1/pause", ""), 200);
    assert_true(door_says(d, "\"why\":\"paused by "));
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates/1/pause", ""), 409);
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates/1/stop", ""), 200);
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates/1/resume", ""), 409);
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates/x", ""), 404);
    assert_int_equal(fixture_count(&d->f, "SELECT count(*) FROM event_log WHERE what LIKE"
                                          " 'campaign.%' AND about = '1' AND outcome = 'done'"),
                     3);
}

static void lists_are_paged_newest_first(void **state) { // [campaign-36]
    door *d = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(door_admin(d, "POST", "/api/v1/updates", BODY("")), 201);
    }
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates?limit=2", ""), 200);
    assert_true(door_says(d, "\"id\":3") && door_says(d, "\"next\":\"2\""));
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates?limit=2&cursor=2", ""), 200);
    assert_true(door_says(d, "\"id\":1") && door_says(d, "\"next\":null"));
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates?state=done", ""), 200);
    assert_true(door_says(d, "{\"items\":[],\"next\":null,\"traffic\":{"));
}

static void what_a_roll_out_saved_is_said_with_it(void **state) { // [campaign-42]
    door *d = *state;
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates", BODY("")), 201);
    assert_true(door_says(d, "\"traffic\":{\"image\":0,\"fetched\":0,\"sent\":0}"));
    sv_savings_sent(d->f.fleet.savings, 1, 5);
    sv_savings_sent(d->f.fleet.savings, 0, 8);
    sv_savings_turn(&d->f.fleet);
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates/1", ""), 200);
    assert_true(door_says(d, "\"traffic\":{\"image\":0,\"fetched\":0,\"sent\":5}"));
    assert_int_equal(door_admin(d, "GET", "/api/v1/updates?limit=1", ""), 200);
    assert_true(door_says(d, "\"next\":null,\"traffic\":{\"image\":0,\"fetched\":0,\"sent\":13}}"));
}

static void what_is_wrong_with_a_body_is_said(void **state) { // [campaign-30]
    door *d = *state;
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates", BODY(",\"wavs\":[]")), 400);
    assert_true(door_says(d, "the body has no 'wavs'; did you mean waves?"));
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates", "{"), 400);
    assert_int_equal(door_admin(d, "POST", "/api/v1/updates",
                                "{\"image\":\"none\",\"target\":{\"query\":\"all\"}}"),
                     400);
    assert_true(door_says(d, "there is no image 'none'"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, door_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_dry_run_says_whom_it_would_mean_and_starts_nothing),
        TEST(a_large_fleet_is_counted_between_what_others_ask),
        TEST(there_are_only_so_many_counts_at_once),
        TEST(a_campaign_is_started_seen_and_stopped),
        TEST(lists_are_paged_newest_first),
        TEST(what_a_roll_out_saved_is_said_with_it),
        TEST(what_is_wrong_with_a_body_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
