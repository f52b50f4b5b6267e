// A gateway without a network: its rules ask devices for something, and a fleet server takes
// reports.
#ifndef SV_ACT_FIXTURE_H
#define SV_ACT_FIXTURE_H

#include "act.h"

#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

enum { TURN_US = 10000, TURNS_MAX = 500, FLOOD = 1000 };

/// A gateway's store behind a front door without devices, and a fleet server that is one function.
typedef struct fixture {
    char dir[64], socket[96];
    gw g;
    sv_http_server *fleet;
    int requests, status;
    size_t items;     ///< of the last request
    char last[16384]; ///< its body
} fixture;

static inline void take_request(sv_http_request *request, void *arg) {
    fixture *f = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_true(sv_text_is(sv_http_path(request), "/v1/commands"));
    assert_int_equal(sv_json_parse(sv_http_body(request), &root, NULL, NULL), SV_OK);
    f->requests++;
    f->items = sv_json_count(sv_json_get(root, "items"));
    if (sv_text_copy(sv_http_body(request), f->last, sizeof f->last) != SV_OK) {
        f->last[0] = '\0';
    }
    sv_http_reply(request, f->status, "application/json", SV_TEXT("{}"));
}

static inline bool may(void *arg, const sv_broker_peer *who, sv_text topic) {
    (void) arg;
    (void) who;
    (void) topic;
    return true;
}

static inline uint64_t on_message(void *arg, const sv_broker_message *message) {
    (void) arg;
    (void) message;
    return 0;
}

static inline uint64_t on_keep(void *arg, sv_broker_kind kind, sv_text key, sv_text value) {
    (void) kind;
    (void) key;
    (void) value;
    return sv_writer_last(((gw *) arg)->writer);
}

static inline void on_event(void *arg, sv_broker_event event, const sv_broker_peer *who,
                            const sv_why *why) {
    (void) arg;
    (void) event;
    (void) who;
    (void) why;
}

static inline void on_refused(void *arg, const sv_why *why) {
    (void) arg;
    (void) why;
}

static inline void open_front(fixture *f) {
    static const sv_mqtt_server_hooks HOOKS = { .may_publish = may,
                                                .may_subscribe = may,
                                                .message = on_message,
                                                .keep = on_keep,
                                                .event = on_event,
                                                .refused = on_refused };
    const sv_mqtt_server_options options = {
        .path = f->socket, .limits = SV_BROKER_DEFAULTS, .links_max = 4, .handshakes_max = 4
    };
    assert_int_equal(sv_mqtt_server_open(f->g.loop, &options, &HOOKS, &f->g, &f->g.door, NULL),
                     SV_OK);
}

static inline void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    assert_int_equal(gw_act_open(&f->g, NULL), SV_OK);
}

static inline void close_store(fixture *f) {
    sv_writer_drop(&f->g.writer);
    gw_ingest_close(&f->g);
    gw_act_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
}

/// As after a kill: what was not committed is forgotten.
static inline void restart(fixture *f) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f);
}

static inline void open_fleet(fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = 1 << 21,
                                             .connections_max = 4 };
    char origin[64];
    assert_int_equal(sv_http_server_open(f->g.loop, &options, take_request, f, &f->fleet, NULL),
                     SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(f->fleet));
    assert_int_equal(
        sv_http_client_open(f->g.loop, origin, NULL, SV_TIME_SECOND_US, &f->g.fleet.http, NULL),
        SV_OK);
    f->g.fleet.name = "the fleet server";
    f->status = 200;
}

static inline int setup(void **state) {
    static const char CONFIG[] =
        "id: gw-1\nsite: north\nlisten: {port: 1}\ntls: {ca: a, cert: b, key: c}\n"
        "store: {path: %s/gateway.db, group_wait: 50ms}\n"
        "commands: {allow: {default: [stop], devices: {press-2: []}}, rate: 3}\n";
    fixture *f = sv_mem_new(sizeof *f);
    char yaml[512];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-act-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->socket, sizeof f->socket, "%s/mqtt.sock", f->dir);
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir);
    if (gw_config_read(sv_text_of(yaml), &f->g.config, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    open_fleet(f);
    open_store(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    fixture *f = *state;
    close_store(f);
    f->g.exit_code = -1;
    sv_mqtt_server_drop(&f->g.door);
    sv_http_client_drop(&f->g.fleet.http);
    sv_http_server_drop(&f->fleet);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

// ---- what happens, and what is seen of it -------------------------------------------------------

static inline bool act(fixture *f, const char *device, const char *name) {
    const gw_action action = { .rule = SV_TEXT("dry-run"),
                               .device = sv_text_of(device),
                               .name = sv_text_of(name),
                               .payload = SV_TEXT("{\"slowly\":true}"),
                               .alert = SV_TEXT("a1") };
    return gw_act(&f->g, &action);
}

static inline int64_t count_of(fixture *f, const char *sql) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t count = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return count;
}

static inline int64_t in_state(fixture *f, gw_command_state state) {
    static const char *const SQL[GW_COMMAND_STATE__COUNT] = {
        "SELECT count(*) FROM command WHERE state = 0",
        "SELECT count(*) FROM command WHERE state = 1",
        "SELECT count(*) FROM command WHERE state = 2",
        "SELECT count(*) FROM command WHERE state = 3",
        "SELECT count(*) FROM command WHERE state = 4",
        "SELECT count(*) FROM command WHERE state = 5",
    };
    return count_of(f, SQL[state]);
}

/// Into `room`: one text of the newest row.
static inline void text_of(fixture *f, const char *sql, char *room, size_t room_bytes) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_stmt_text(stmt, 0), room, room_bytes), SV_OK);
    sv_stmt_reset(stmt);
}

static inline void last_id(fixture *f, char id[SV_ID_ROOM]) {
    text_of(f, "SELECT id FROM command ORDER BY seq DESC LIMIT 1", id, SV_ID_ROOM);
}

static inline void answer(fixture *f, const char *topic, const char *id, const char *more) {
    char payload[2 * GW_RESULT_BYTES_MAX];
    (void) snprintf(payload, sizeof payload, "{\"id\":\"%s\"%s}", id, more);
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_text_of(payload));
}

static inline void wait_for(fixture *f, int requests) {
    f->g.fleet.up = true;
    for (int i = 0; f->requests < requests && i < TURNS_MAX; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, requests);
    for (int i = 0; f->g.acts.told.under_way && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    sv_writer_wait(f->g.writer);
}

static inline gw_request_end request(fixture *f, const char *id, const char *name) {
    SV_DEFER(sv_json_drop) sv_json *payload = NULL;
    assert_int_equal(sv_json_parse(SV_TEXT("[1]"), &payload, NULL, NULL), SV_OK);
    int64_t now_ms = sv_clock_wall_us() / 1000;
    const gw_request asked = { .id = sv_text_of(id),
                               .device = SV_TEXT("press-1"),
                               .name = sv_text_of(name),
                               .by = SV_TEXT("ada"),
                               .at_ms = now_ms,
                               .until_ms = now_ms + 60000,
                               .payload = payload };
    return gw_act_request(&f->g, &asked);
}

#endif
