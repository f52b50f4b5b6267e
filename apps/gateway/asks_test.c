#include "asks.h"
#include "series_ask.h"
#include <base/mem.h>
#include <base/test.h>
#include <net/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 500, ANSWER_MAX = 4096 };

#define ID "0123456789abcdef0123456789abcdef"

/// A gateway's store behind a broker that never answers, and a fleet server that takes answers.
typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    int answers;
    char answer[ANSWER_MAX]; ///< the last one
    int64_t now_ms;
} fixture;

static void take(sv_http_request *request, void *arg) {
    fixture *f = arg;
    assert_true(sv_text_is(sv_http_path(request), "/v1/gateway/gw-1/answers"));
    assert_string_equal(sv_http_method(request), "POST");
    assert_int_equal(sv_text_copy(sv_http_body(request), f->answer, sizeof f->answer), SV_OK);
    f->answers++;
    sv_http_reply(request, 200, "application/json", SV_TEXT("{}"));
}

static void read_config(const fixture *f, const char *rules, gw_config *out) {
    char yaml[1024];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    (void) snprintf(yaml, sizeof yaml,
                    "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                    "tls: {ca: a, cert: b, key: c}\n"
                    "store: {path: %s/gateway.db, group_wait: 50ms}\n%s\n",
                    f->dir, rules);
    assert_int_equal(gw_config_read(sv_text_of(yaml), out, &faults), SV_OK);
}

static void say(fixture *f, const char *sensor, double value) {
    char topic[64];
    char payload[160];
    (void) snprintf(topic, sizeof topic, "sensors/press-1/%s", sensor);
    (void) snprintf(
        payload, sizeof payload,
        "{\"value\":%g,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}", value);
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_text_of(payload));
    sv_writer_wait(f->g.writer);
}

static int setup(void **state) {
    fixture *f = sv_mem_new(sizeof *f);
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-asks-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = ANSWER_MAX,
                                             .connections_max = 8 };
    assert_int_equal(sv_http_server_open(f->g.loop, &options, take, f, &f->fleet, NULL), SV_OK);
    read_config(f, "uplink: {sensors: {badge: never, heat: aggregate}}", &f->g.config);
    (void) snprintf(f->g.config.fleet.url, sizeof f->g.config.fleet.url, "http://127.0.0.1:%u",
                    sv_http_server_port(f->fleet));
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    assert_int_equal(gw_broker_open(&f->g, NULL), SV_OK);
    assert_int_equal(sv_http_client_open(f->g.loop, f->g.config.fleet.url, NULL, SV_TIME_SECOND_US,
                                         &f->g.fleet.http, NULL),
                     SV_OK);
    f->now_ms = sv_clock_wall_us() / 1000;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    gw_series_close(&f->g);
    sv_http_client_drop(&f->g.fleet.http);
    sv_writer_drop(&f->g.writer);
    gw_device_acks_close(&f->g);
    sv_mqtt_client_drop(&f->g.mqtt);
    free(f->g.acks);
    gw_ingest_close(&f->g);
    sv_db_drop(&f->g.db);
    gw_config_drop(&f->g.config);
    sv_http_server_drop(&f->fleet);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static gw_event_end ask_so(fixture *f, int64_t id, const char *what, int64_t until_ms,
                           const char *question) {
    char data[512];
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) snprintf(data, sizeof data,
                    "{\"id\":\"" ID "\",\"until\":%lld,\"what\":\"%s\",\"question\":%s}",
                    (long long) until_ms, what, question);
    assert_int_equal(sv_json_parse(sv_text_of(data), &root, NULL, NULL), SV_OK);
    return gw_push_take(&f->g, id, SV_TEXT("ask"), root);
}

static gw_event_end ask(fixture *f, int64_t id, const char *sensor) {
    char question[256];
    (void) snprintf(question, sizeof question,
                    "{\"device\":\"press-1\",\"sensor\":\"%s\",\"from\":0,\"to\":%lld,"
                    "\"points\":10}",
                    sensor, (long long) f->now_ms + 60000);
    return ask_so(f, id, "series", f->now_ms + 60000, question);
}

static void turn_until(fixture *f, int answers) {
    for (int i = 0; i < TURNS_MAX && f->answers < answers; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->answers, answers);
}

static void turn_a_little(fixture *f) {
    for (int i = 0; i < 5; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
}

// [ask-3]
static void readings_as_they_came_are_the_answer(void **state) {
    fixture *f = *state;
    say(f, "heat", 20);
    say(f, "heat", 90.25);
    assert_int_equal(ask(f, 1, "heat"), GW_EVENT_DONE);
    turn_until(f, 1);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text id;
    double last = 0;
    assert_int_equal(sv_json_parse(sv_text_of(f->answer), &root, NULL, NULL), SV_OK);
    assert_true(sv_json_text(sv_json_get(root, "id"), &id) && sv_text_is(id, ID));
    const sv_json *points = sv_json_get(sv_json_get(root, "answer"), "points");
    assert_int_equal(sv_json_count(points), 2);
    assert_true(sv_json_number(sv_json_at(sv_json_at(points, 1), 1), &last));
    assert_true(last > 90.2 && last < 90.3);
    turn_a_little(f);
    assert_int_equal(f->answers, 1);
    assert_int_equal(ask(f, 1, "heat"), GW_EVENT_REPEATED);
    assert_int_equal(ask(f, 2, "nothing"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_non_null(strstr(f->answer, "\"status\":404"));
}

// [ask-4]
static void what_never_leaves_the_site_is_refused_also_when_that_changes_meanwhile(void **state) {
    fixture *f = *state;
    say(f, "badge", 4711);
    say(f, "heat", 4711);
    assert_int_equal(ask(f, 1, "badge"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":403,\"why\":\"badge of press-1 never leaves"));
    assert_null(strstr(f->answer, "4711"));
    gw_config fresh;
    assert_int_equal(ask(f, 2, "heat"), GW_EVENT_DONE);
    read_config(f, "uplink: {default: never}", &fresh);
    sv_rules *old = f->g.config.rules;
    f->g.config.rules = fresh.rules;
    fresh.rules = old;
    gw_ingest_rules(&f->g);
    gw_config_drop(&fresh);
    turn_until(f, 2);
    assert_non_null(strstr(f->answer, "\"status\":403"));
    assert_null(strstr(f->answer, "4711"));
}

// [ask-3]
static void who_asks_and_asks_does_not_keep_the_store_from_being_packed(void **state) {
    fixture *f = *state;
    bool busy = false;
    say(f, "heat", 20);
    gw_series_turn(&f->g, &busy);
    f->g.series.free_us -= GW_SERIES_HELD_US - SV_TIME_SECOND_US;
    assert_int_equal(ask(f, 1, "heat"), GW_EVENT_DONE);
    assert_non_null(f->g.series.asked);
    gw_series_turn(&f->g, &busy); // held up
    f->g.series.free_us -= SV_TIME_SECOND_US;
    assert_int_equal(ask(f, 2, "heat"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_null(f->g.series.asked);
    assert_int_equal(ask(f, 3, "heat"), GW_EVENT_DONE);
    turn_until(f, 3);
    assert_non_null(strstr(f->answer, "\"status\":503"));
    gw_series_turn(&f->g, &busy);
    assert_int_equal(ask(f, 4, "heat"), GW_EVENT_DONE);
    turn_until(f, 4);
    assert_non_null(strstr(f->answer, "\"points\""));
}

// [ask-1]
static void what_is_late_broken_or_unknown_is_not_answered_or_says_so(void **state) {
    fixture *f = *state;
    static const char *const BROKEN[] = {
        "null",
        "{}",
        "{\"device\":\"press/1\",\"sensor\":\"heat\",\"from\":0,\"to\":1,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"\",\"from\":0,\"to\":1,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":2,\"to\":1,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":-1,\"to\":1,\"points\":1}",
        "{\"device\":\"p\",\"sensor\":\"h\",\"from\":0,\"to\":9223372036854775807,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":0,\"to\":1,\"points\":0}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":0,\"to\":1,\"points\":2001}",
    };
    int64_t id = 1;
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_equal(ask_so(f, id++, "series", f->now_ms + 60000, BROKEN[i]), GW_EVENT_REFUSED);
    }
    assert_int_equal(ask_so(f, id++, "series", f->now_ms - 1000, "{}"), GW_EVENT_IDLE);
    turn_a_little(f);
    assert_int_equal(f->answers, 0);
    assert_int_equal(ask_so(f, id++, "weather", f->now_ms + 60000, "{}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":501"));
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(readings_as_they_came_are_the_answer),
        EACH(what_never_leaves_the_site_is_refused_also_when_that_changes_meanwhile),
        EACH(who_asks_and_asks_does_not_keep_the_store_from_being_packed),
        EACH(what_is_late_broken_or_unknown_is_not_answered_or_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
