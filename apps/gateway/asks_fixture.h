// A gateway's store behind a broker that never answers, and a fleet server that takes answers and
// gives what questions are about.
#ifndef SELVEDGE_GATEWAY_ASKS_FIXTURE_H
#define SELVEDGE_GATEWAY_ASKS_FIXTURE_H

#include "asks.h"
#include <base/mem.h>
#include <base/test.h>
#include <net/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 500, ANSWER_MAX = 65536 };

#define ID "0123456789abcdef0123456789abcdef"

typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    int answers;
    char answer[ANSWER_MAX]; ///< the last one
    int64_t now_ms;
    const char *candidate; ///< what a question is about; NULL: nothing
    int fetches;
} fixture;

static inline void take(sv_http_request *request, void *arg) {
    fixture *f = arg;
    if (sv_text_is(sv_http_path(request), "/v1/gateway/gw-1/ask")) {
        assert_true(sv_text_is(sv_http_raw_query(request), "id=" ID));
        f->fetches++;
        sv_http_reply(request, f->candidate == NULL ? 404 : 200, "text/plain",
                      sv_text_of(f->candidate));
        return;
    }
    assert_true(sv_text_is(sv_http_path(request), "/v1/gateway/gw-1/answers"));
    assert_string_equal(sv_http_method(request), "POST");
    assert_int_equal(sv_text_copy(sv_http_body(request), f->answer, sizeof f->answer), SV_OK);
    f->answers++;
    sv_http_reply(request, 200, "application/json", SV_TEXT("{}"));
}

static inline void read_config(const fixture *f, const char *rules, gw_config *out) {
    char yaml[1024];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    (void) snprintf(yaml, sizeof yaml,
                    "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                    "tls: {ca: a, cert: b, key: c}\n"
                    "store: {path: %s/gateway.db, group_wait: 50ms}\n%s\n",
                    f->dir, rules);
    assert_int_equal(gw_config_read(sv_text_of(yaml), out, &faults), SV_OK);
}

static inline void say(fixture *f, const char *sensor, double value) {
    char topic[64];
    char payload[160];
    (void) snprintf(topic, sizeof topic, "sensors/press-1/%s", sensor);
    (void) snprintf(
        payload, sizeof payload,
        "{\"value\":%g,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\"}", value);
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_text_of(payload));
    sv_writer_wait(f->g.writer);
}

static inline int setup(void **state) {
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

static inline int teardown(void **state) {
    fixture *f = *state;
    gw_try_close(&f->g);
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

static inline gw_event_end ask_so(fixture *f, int64_t id, const char *what, int64_t until_ms,
                                  const char *question) {
    char data[512];
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    (void) snprintf(data, sizeof data,
                    "{\"id\":\"" ID "\",\"until\":%lld,\"what\":\"%s\",\"question\":%s}",
                    (long long) until_ms, what, question);
    assert_int_equal(sv_json_parse(sv_text_of(data), &root, NULL, NULL), SV_OK);
    return gw_push_take(&f->g, id, SV_TEXT("ask"), root);
}

static inline void turn_until(fixture *f, int answers) {
    for (int i = 0; i < TURNS_MAX && f->answers < answers; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->answers, answers);
}

static inline void turn_a_little(fixture *f) {
    for (int i = 0; i < 5; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
}

#endif
