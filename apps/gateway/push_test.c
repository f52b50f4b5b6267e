#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 500, AT_ONCE_TURNS = 50, POLL_US = 300000, LIST_MAX = 4096 };

#define COMMAND                                                                                    \
    "{\"id\":\"c1\",\"device\":\"press-1\",\"name\":\"start\",\"at\":1,\"until\":9e15,"            \
    "\"payload\":null}"

/// A gateway's store behind a broker that never answers (what is published waits), and a fleet
/// server that is one function.
typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    int streams_asked, polls;
    bool streams; ///< it gives some
    sv_http_events *events;
    char after[32];      ///< of the last poll
    char list[LIST_MAX]; ///< what the next one is answered
} fixture;

static void on_closed(void *arg) {
    sv_http_events_drop(&((fixture *) arg)->events);
}

static void answer(sv_http_request *request, void *arg) {
    fixture *f = arg;
    char poll[8] = "";
    assert_true(sv_text_is(sv_http_path(request), "/v1/gateway/gw-1/events"));
    if (sv_http_query(request, "poll", poll, sizeof poll) != SV_OK) {
        f->streams_asked++;
        if (f->streams) {
            f->events = sv_http_events_start(request, on_closed, f);
        } else {
            sv_http_problem(request, 503, "Not now", "no streams here");
        }
        return;
    }
    f->polls++;
    assert_int_equal(sv_http_query(request, "after", f->after, sizeof f->after), SV_OK);
    sv_http_reply(request, 200, "application/json", sv_text_of(f->list));
    (void) snprintf(f->list, sizeof f->list, "[]");
}

static void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    assert_int_equal(gw_act_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_broker_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_push_open(&f->g, NULL), SV_OK);
}

static void close_store(fixture *f) {
    gw_push_close(&f->g);
    sv_writer_drop(&f->g.writer);
    gw_device_acks_close(&f->g);
    sv_mqtt_client_drop(&f->g.mqtt);
    free(f->g.acks);
    gw_ingest_close(&f->g);
    gw_act_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
    f->g.push = (gw_push){ 0 };
}

static void open_fleet(fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = 1024,
                                             .connections_max = 8 };
    assert_int_equal(sv_http_server_open(f->g.loop, &options, answer, f, &f->fleet, NULL), SV_OK);
    (void) snprintf(f->g.config.fleet.url, sizeof f->g.config.fleet.url, "http://127.0.0.1:%u",
                    sv_http_server_port(f->fleet));
    f->g.config.fleet.poll_us = POLL_US;
    assert_int_equal(sv_http_client_open(f->g.loop, f->g.config.fleet.url, NULL, SV_TIME_SECOND_US,
                                         &f->g.fleet.http, NULL),
                     SV_OK);
    (void) snprintf(f->list, sizeof f->list, "[]");
}

static int setup(void **state) {
    static const char CONFIG[] = "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                                 "tls: {ca: a, cert: b, key: c}\n"
                                 "store: {path: %s/gateway.db, group_wait: 50ms}\n"
                                 "thresholds: {default: {high: 80, low: 10}}\n";
    fixture *f = sv_mem_new(sizeof *f);
    char yaml[512];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-push-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir);
    assert_int_equal(gw_config_read(sv_text_of(yaml), &f->g.config, &faults), SV_OK);
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    open_fleet(f);
    open_store(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    close_store(f);
    sv_http_client_drop(&f->g.fleet.http);
    sv_http_events_drop(&f->events);
    sv_http_server_drop(&f->fleet);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static gw_event_end take(fixture *f, int64_t id, const char *name, const char *data) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) (sv_json_parse(sv_text_of(data), &root, NULL, NULL) == SV_OK);
    return gw_push_take(&f->g, id, sv_text_of(name), root);
}

/// As after a kill: what was not committed is forgotten, what the broker does not have as well.
static int64_t taken_after_restart(fixture *f) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f);
    return f->g.push.taken;
}

// [uplink-8]
static void what_a_gateway_does_not_know_or_cannot_read_is_skipped_and_counted(void **state) {
    fixture *f = *state;
    static const struct {
        const char *name, *data;
        gw_event_end end;
    } CASES[] = {
        { "look", "{}", GW_EVENT_UNKNOWN },
        { "command", "{", GW_EVENT_REFUSED },
        { "command", "[]", GW_EVENT_REFUSED },
        { "command",
          "{\"id\":\"c1\",\"device\":\"press-1\",\"name\":\"a/b\",\"at\":1,\"until\":9e15,"
          "\"payload\":1}",
          GW_EVENT_REFUSED },
        { "command",
          "{\"id\":\"c1\",\"device\":\"+\",\"name\":\"start\",\"at\":1,\"until\":9e15,"
          "\"payload\":1}",
          GW_EVENT_REFUSED },
        { "command",
          "{\"id\":\"c1\",\"device\":\"press-1\",\"name\":\"start\",\"at\":1,\"until\":9e15}",
          GW_EVENT_REFUSED },
        { "command",
          "{\"id\":\"c1\",\"device\":\"press-1\",\"name\":\"start\",\"at\":1,\"until\":2,"
          "\"payload\":1}",
          GW_EVENT_IDLE },
        { "acknowledged", "{\"alert\":\"a1\",\"by\":\"ada\"}", GW_EVENT_REFUSED },
        { "acknowledged", "{\"alert\":\"a1\",\"by\":\"ada\",\"at\":-1}", GW_EVENT_REFUSED },
        { "acknowledged", "{\"alert\":\"a1\",\"by\":\"ada\",\"at\":1}", GW_EVENT_IDLE },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        uint64_t before = f->g.push.ends[CASES[i].end];
        assert_int_equal(take(f, (int64_t) i + 1, CASES[i].name, CASES[i].data), CASES[i].end);
        assert_int_equal(f->g.push.ends[CASES[i].end], before + 1);
        assert_int_equal(f->g.push.taken, i + 1);
    }
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 0);
    assert_int_equal(taken_after_restart(f), SV_COUNT(CASES));
}

// [uplink-8]
static void behind_a_broker_an_id_is_kept_when_its_message_is_acknowledged(void **state) {
    fixture *f = *state;
    assert_int_equal(take(f, 1, "look", "{}"), GW_EVENT_UNKNOWN);
    assert_int_equal(take(f, 2, "command", COMMAND), GW_EVENT_DONE);
    assert_int_equal(take(f, 2, "command", COMMAND), GW_EVENT_REPEATED);
    assert_int_equal(take(f, 3, "look", "{}"), GW_EVENT_UNKNOWN);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 1);
    assert_int_equal(taken_after_restart(f), 1);

    assert_int_equal(take(f, 2, "command", COMMAND), GW_EVENT_DONE);
    assert_int_equal(take(f, 4, "command", COMMAND), GW_EVENT_DONE);
    assert_int_equal(take(f, 5, "look", "{}"), GW_EVENT_UNKNOWN);
    gw_push_published(&f->g, 2);
    assert_int_equal(taken_after_restart(f), 2);

    assert_int_equal(take(f, 4, "command", COMMAND), GW_EVENT_DONE);
    assert_int_equal(take(f, 5, "look", "{}"), GW_EVENT_UNKNOWN);
    gw_push_published(&f->g, 4);
    assert_int_equal(taken_after_restart(f), 5);
}

static void say(fixture *f, const char *value) {
    char payload[256];
    (void) snprintf(
        payload, sizeof payload,
        "{\"value\":%s,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}", value);
    (void) gw_ingest_message(&f->g, SV_TEXT("sensors/press-1/temperature"), sv_text_of(payload));
}

static gw_event_end acknowledge(fixture *f, int64_t id, const char *alert) {
    char data[128];
    (void) snprintf(data, sizeof data, "{\"alert\":\"%s\",\"by\":\"ada\",\"at\":1800000000000}",
                    alert);
    return take(f, id, "acknowledged", data);
}

// [uplink-10]
static void an_alert_is_acknowledged_while_it_is_open_also_after_a_restart(void **state) {
    fixture *f = *state;
    say(f, "91");
    sv_writer_wait(f->g.writer);
    char alert[SV_ALERT_ID_MAX + 1];
    const gw_stream *s = gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("temperature"));
    memcpy(alert, s->stream.causes[SV_CAUSE_HIGH].alert_id, sizeof alert);
    assert_int_equal(acknowledge(f, 1, "00000000000000000000000000000000"), GW_EVENT_IDLE);
    assert_int_equal(acknowledge(f, 2, alert), GW_EVENT_DONE);
    gw_push_published(&f->g, 2);
    assert_int_equal(taken_after_restart(f), 2);
    assert_int_equal(acknowledge(f, 3, alert), GW_EVENT_DONE);
    // Cleared, though that is not on disk yet.
    s = gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("temperature"));
    for (int i = 0; s->stream.causes[SV_CAUSE_HIGH].open && i < TURNS_MAX; i++) {
        say(f, "20");
    }
    assert_false(s->stream.causes[SV_CAUSE_HIGH].open);
    assert_int_equal(acknowledge(f, 4, alert), GW_EVENT_IDLE);
}

// [uplink-8]
static void on_a_full_disk_nothing_is_taken_and_nothing_lost(void **state) {
    fixture *f = *state;
    f->g.full = true;
    assert_int_equal(take(f, 1, "command", COMMAND), GW_EVENT_LATER);
    assert_int_equal(f->g.push.taken, 0);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 0);
    f->g.full = false;
    assert_int_equal(take(f, 1, "command", COMMAND), GW_EVENT_DONE);
}

// [uplink-9]
static void a_reset_says_from_where_it_goes_on(void **state) {
    fixture *f = *state;
    assert_int_equal(take(f, 100, "look", "{}"), GW_EVENT_UNKNOWN);
    assert_int_equal(take(f, 7, "reset", "{}"), GW_EVENT_DONE);
    assert_int_equal(f->g.push.resets, 1);
    assert_int_equal(taken_after_restart(f), 7);
    assert_int_equal(take(f, 8, "look", "{}"), GW_EVENT_UNKNOWN);
}

// [standing-12]
static void a_device_that_is_looked_at_closely_is_told_of_with_every_beat(void **state) {
    fixture *f = *state;
    gw_device *device = gw_device_of(&f->g, SV_TEXT("press-1"));
    int64_t now_us = sv_clock_monotonic_us();
    assert_int_equal(take(f, 5, "watch", "{}"), GW_EVENT_REFUSED);
    assert_int_equal(take(f, 6, "watch", "{\"device\":\"press-9\"}"), GW_EVENT_IDLE);
    device->told_us = now_us;
    device->told_seen_us = 1;
    device->last_seen_us = 2;
    assert_false(gw_device_is_heard_again(device, now_us + 2000000));
    assert_true(gw_device_is_heard_again(device, now_us + 10000000));
    assert_int_equal(take(f, 7, "watch", "{\"device\":\"press-1\"}"), GW_EVENT_DONE);
    assert_true(gw_device_is_heard_again(device, now_us + 2000000));
    device->told_us = now_us + INT64_C(2) * GW_WATCH_US;
    assert_false(gw_device_is_heard_again(device, device->told_us + 2000000)); // it is over
    device->last_seen_us = 1;
    assert_false(gw_device_is_heard_again(device, now_us + 2000000));
}

// [uplink-8]
static void while_there_is_no_stream_it_asks_for_a_list(void **state) {
    fixture *f = *state;
    (void) snprintf(f->list, sizeof f->list,
                    "[{\"id\":5,\"event\":\"look\",\"data\":{}},"
                    "{\"id\":6,\"event\":\"command\",\"data\":%s}]",
                    COMMAND);
    int64_t first_us = 0;
    for (int i = 0; f->polls < 2 && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
        first_us = f->polls == 1 && first_us == 0 ? sv_clock_monotonic_us() : first_us;
    }
    assert_int_equal(f->g.push.taken, 6);
    assert_string_equal(f->after, "6"); // at once: there might have been more
    assert_true(sv_clock_monotonic_us() - first_us < POLL_US / 2);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 1);
    assert_true(f->streams_asked > 0);
    assert_false(f->g.push.up);
}

/// Whoever of them waits for its next try to the fleet server.
static size_t waiting(const gw *g) {
    const gw_pause *all[] = { &g->site_rules.pause, &g->members.pause, &g->maintenance.pause,
                              &g->models.pause, &g->standing.pause };
    size_t count = 0;
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        count += all[i]->length > 0;
    }
    return count + (g->fleet.retry_at_us > 0) + (g->alert_peer.retry_at_us > 0);
}

static void let_all_fail(gw *g) {
    const sv_http_reply_view nothing = { .status = 0 };
    gw_pause *all[] = { &g->site_rules.pause, &g->members.pause, &g->maintenance.pause,
                        &g->models.pause, &g->standing.pause };
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        gw_pause_longer(g, all[i], "test", &nothing, NULL);
    }
    assert_false(gw_uplink_answered(g, &nothing, NULL));
    g->alert_peer.retry_at_us = INT64_MAX;
}

// [uplink-16]
static void what_fails_is_tried_more_and_more_seldom_up_to_the_longest_pause(void **state) {
    fixture *f = *state;
    static const int64_t PAUSES[] = { 0, 1, 3, 7, 9, 9 };
    const sv_http_reply_view nothing = { .status = 503 };
    gw_pause pause = { 0 };
    f->g.config.fleet.retry_us = 10 * SV_TIME_SECOND_US;
    for (size_t i = 0; i < SV_COUNT(PAUSES); i++) {
        for (int64_t k = 0; k < PAUSES[i]; k++) {
            assert_false(gw_pause_is_over(&pause));
        }
        assert_true(gw_pause_is_over(&pause));
        gw_pause_longer(&f->g, &pause, "test", &nothing, NULL);
    }
    gw_pause_end(&pause);
    assert_true(gw_pause_is_over(&pause));
    for (int i = 0; i < TURNS_MAX; i++) {
        assert_false(gw_uplink_answered(&f->g, &nothing, NULL));
        assert_true(f->g.fleet.backoff_us <= f->g.config.fleet.retry_us);
    }
}

// [uplink-16]
static void one_that_hears_the_fleet_server_again_ends_the_pauses_of_all(void **state) {
    fixture *f = *state;
    const sv_http_reply_view taken = { .status = 200 };
    const sv_http_reply_view later = { .status = 503 };
    let_all_fail(&f->g);
    assert_int_equal(waiting(&f->g), 7);
    assert_false(gw_uplink_answered(&f->g, &later, NULL)); // there, and of no use
    assert_int_equal(waiting(&f->g), 7);
    assert_true(gw_uplink_answered(&f->g, &taken, NULL));
    assert_int_equal(waiting(&f->g), 0);

    // The stream too, which waits for a second at least: so few turns are over before.
    for (int i = 0; !f->g.push.told_down && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->streams_asked, 1);
    gw_fleet_is_back(&f->g);
    for (int i = 0; f->streams_asked < 2 && i < AT_ONCE_TURNS; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->streams_asked, 2);

    let_all_fail(&f->g);
    (void) snprintf(f->g.config.alerts.url, sizeof f->g.config.alerts.url, "https://pager.example");
    f->streams = true;
    for (int i = 0; !f->g.push.up && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_true(f->g.push.up);
    assert_int_equal(waiting(&f->g), 1); // alerts go to somebody else
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_a_gateway_does_not_know_or_cannot_read_is_skipped_and_counted),
        TEST(behind_a_broker_an_id_is_kept_when_its_message_is_acknowledged),
        TEST(an_alert_is_acknowledged_while_it_is_open_also_after_a_restart),
        TEST(on_a_full_disk_nothing_is_taken_and_nothing_lost),
        TEST(a_reset_says_from_where_it_goes_on),
        TEST(a_device_that_is_looked_at_closely_is_told_of_with_every_beat),
        TEST(while_there_is_no_stream_it_asks_for_a_list),
        TEST(what_fails_is_tried_more_and_more_seldom_up_to_the_longest_pause),
        TEST(one_that_hears_the_fleet_server_again_ends_the_pauses_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
