// What tests of readings and what they cause share: a gateway's store in a folder of its own,
// behind a broker that never answers.
#ifndef SELVEDGE_GATEWAY_INGEST_FIXTURE_H
#define SELVEDGE_GATEWAY_INGEST_FIXTURE_H

#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

typedef struct fixture {
    char dir[64];
    gw g;
} fixture;

static inline void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    assert_int_equal(gw_act_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_broker_open(&f->g, NULL), SV_OK);
    gw_ingest_tick(&f->g);
}

static inline void close_store(fixture *f) {
    sv_writer_drop(&f->g.writer);
    gw_device_acks_close(&f->g);
    sv_mqtt_client_drop(&f->g.mqtt);
    free(f->g.acks);
    gw_ingest_close(&f->g);
    gw_act_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
    f->g.alerts_open = 0;
}

static inline void read_config(fixture *f, const char *rules, gw_config *out) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(4096);
    sv_textbuf_addf(&yaml,
                    "id: gw-1\nsite: north\nbroker: {host: 127.0.0.1, port: 9}\n"
                    "tls: {ca: a, cert: b, key: c}\nstore: {path: %s/gateway.db}\n"
                    "fleet: {url: 'https://127.0.0.1:9'}\n%s",
                    f->dir, rules);
    if (gw_config_read(sv_textbuf_text(&yaml), out, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
}

/// `rules`: sections of the file.
static inline int open_fixture(void **state, const char *rules) {
    fixture *f = sv_mem_new(sizeof *f);
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-ingest-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    read_config(f, rules, &f->g.config);
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    // Something that things go up to, so that they are kept.
    assert_int_equal(sv_http_client_open(f->g.loop, "http://127.0.0.1:9", NULL, SV_TIME_SECOND_US,
                                         &f->g.fleet.http, NULL),
                     SV_OK);
    f->g.alert_peer.http = f->g.fleet.http;
    open_store(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    fixture *f = *state;
    close_store(f);
    sv_http_client_drop(&f->g.fleet.http);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static inline void restart(fixture *f) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f);
}

/// A reading of `device`/`sensor` taken `ago_s` seconds ago; `epoch` NULL: without a number.
static inline void say_of(fixture *f, const char *device, const char *sensor, const char *epoch,
                          int64_t seq, int64_t ago_s, double value) {
    char topic[128];
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(1024);
    (void) snprintf(topic, sizeof topic, "sensors/%s/%s", device, sensor);
    sv_textbuf_addf(&body, "{\"value\":%g,\"device_id\":\"%s\",\"timestamp\":\"", value, device);
    sv_time_add(&body, sv_clock_wall_us() - ago_s * SV_TIME_SECOND_US);
    sv_textbuf_add_char(&body, '"');
    if (epoch != NULL) {
        sv_textbuf_addf(&body, ",\"epoch\":\"%s\",\"seq\":%lld", epoch, (long long) seq);
    }
    sv_textbuf_add_char(&body, '}');
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_textbuf_text(&body));
}

/// Of its only sensor.
static inline void say(fixture *f, const char *device, const char *epoch, int64_t seq,
                       int64_t ago_s, double value) {
    say_of(f, device, "t", epoch, seq, ago_s, value);
}

/// Go by other rules, as after a SIGHUP.
static inline void change_rules(fixture *f, const char *rules) {
    gw_config fresh = { .id = "" };
    read_config(f, rules, &fresh);
    sv_rules *old = f->g.config.rules;
    f->g.config.rules = fresh.rules;
    fresh.rules = old;
    gw_ingest_rules(&f->g);
    gw_config_drop(&fresh);
}

/// The number that a query gives.
static inline int64_t ask(fixture *f, const char *sql) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t got = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return got;
}

#endif
