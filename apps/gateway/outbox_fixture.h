// A gateway's outbox over a store in a folder of its own, and the fleet server that it sends to,
// for tests.
#ifndef SELVEDGE_GATEWAY_OUTBOX_FIXTURE_H
#define SELVEDGE_GATEWAY_OUTBOX_FIXTURE_H

#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 1000, BODY_MAX = 1 << 20, ALERT_BYTES = 400 };

/// A gateway's store, and a fleet server that is one function: it keeps the numbers it was sent and
/// those that count as settled.
typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    bool is_up;
    sv_ranges sent, settled;
    int64_t items, alerts;
} fixture;

static inline void take_batch(fixture *f, const sv_json *root, int64_t *last) {
    const sv_json *items = sv_json_get(root, "items");
    int64_t from = 0;
    assert_true(sv_json_int(sv_json_get(root, "from"), &from));
    for (size_t i = 0; i < sv_json_count(items); i++) {
        assert_true(sv_json_int(sv_json_get(sv_json_at(items, i), "seq"), last));
        assert_true(*last >= from);
        assert_int_equal(sv_ranges_add(&f->sent, *last), SV_RANGES_NEW);
        f->items++;
    }
    sv_ranges_add_all(&f->settled, from, *last);
}

static inline void answer(sv_http_request *request, void *arg) {
    fixture *f = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char text[64];
    int64_t last = 0;
    assert_true(f->is_up);
    assert_int_equal(sv_json_parse(sv_http_body(request), &root, NULL, NULL), SV_OK);
    if (sv_text_is(sv_http_path(request), "/v1/readings")) {
        take_batch(f, root, &last);
    } else if (sv_text_is(sv_http_path(request), "/v1/alerts")) {
        f->alerts++;
    }
    (void) snprintf(text, sizeof text, "{\"seq\":%lld}", (long long) last);
    sv_http_reply(request, 200, "application/json", sv_text_of(text));
}

/// While it is not, nothing is sent.
static inline void be_up(fixture *f, bool is_up) {
    f->is_up = is_up;
    f->g.fleet.retry_at_us = is_up ? 0 : INT64_MAX;
    f->g.alert_peer.retry_at_us = f->g.fleet.retry_at_us;
}

static inline void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    f->g.alert_under_way = false;
    f->g.batch_under_way = false;
    assert_int_equal(gw_uplink_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_spool_alert_open(&f->g, NULL), SV_OK);
    be_up(f, f->is_up);
}

static inline void close_store(fixture *f) {
    gw_uplink_close(&f->g);
    sv_writer_drop(&f->g.writer);
    gw_ingest_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
    f->g.fleet = (gw_peer){ 0 };
    f->g.spool_alert = (gw_spool_alert){ 0 };
    f->g.alerts_open = 0;
}

static inline void restart(fixture *f) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f);
}

static inline int fixture_setup(void **state) {
    static const char CONFIG[] =
        "id: gw-1\nsite: north\nlisten: {port: 8883}\ntls: {ca: a, cert: b, key: c}\n"
        "store: {path: %s/gateway.db, group_wait: 5ms}\n"
        "fleet: {url: 'https://127.0.0.1:9', spool: {age: 1d, free: 0}}\n";
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = BODY_MAX,
                                             .connections_max = 4 };
    fixture *f = sv_mem_new(sizeof *f);
    char yaml[512];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-outbox-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir);
    assert_int_equal(gw_config_read(sv_text_of(yaml), &f->g.config, &faults), SV_OK);
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(f->g.loop, &options, answer, f, &f->fleet, NULL), SV_OK);
    (void) snprintf(f->g.config.fleet.url, sizeof f->g.config.fleet.url, "http://127.0.0.1:%u",
                    sv_http_server_port(f->fleet));
    f->sent = SV_RANGES_EMPTY;
    f->settled = SV_RANGES_EMPTY;
    open_store(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state) {
    fixture *f = *state;
    close_store(f);
    sv_http_server_drop(&f->fleet);
    sv_ranges_drop(&f->sent);
    sv_ranges_drop(&f->settled);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static inline void put(fixture *f, gw_item item) {
    static const gw_stream STREAM = { .device = "press-1", .sensor = "temperature", .unit = "°C" };
    static const sv_summary SUMMARY = { .count = 60, .min = 1, .mean = 2, .max = 3 };
    static char alert[ALERT_BYTES] = { '{', '}' };
    if (item == GW_ITEM_AVERAGE) {
        gw_outbox_average(&f->g, &STREAM, 1, 20.5, false);
    } else if (item == GW_ITEM_MINUTE) {
        gw_outbox_summary(&f->g, &STREAM, &SUMMARY, false);
    } else {
        memset(alert + 2, ' ', sizeof alert - 2);
        gw_outbox_alert(&f->g, (sv_text){ .at = alert, .len = sizeof alert });
    }
}

static inline void put_many(fixture *f, gw_item item, int count) {
    for (int i = 0; i < count; i++) {
        put(f, item);
    }
    sv_writer_wait(f->g.writer);
}

static inline int64_t ask(fixture *f, const char *sql) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t value = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return value;
}

/// What must go goes, step by step.
static inline void trim(fixture *f) {
    sv_writer_wait(f->g.writer);
    for (int i = 0; gw_outbox_trim(&f->g); i++) {
        assert_true(i < TURNS_MAX);
        sv_writer_wait(f->g.writer);
    }
}

static inline int64_t dropped(const fixture *f, gw_item item) {
    int64_t sum = 0;
    for (unsigned loss = 0; loss < GW_LOSS__COUNT; loss++) {
        sum += f->g.outbox.dropped[item][loss];
    }
    return sum;
}

#endif
