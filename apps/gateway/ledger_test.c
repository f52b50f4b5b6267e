#include "gateway.h"
#include <base/mem.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 500, SENDERS = GW_LEDGER_ITEMS_MAX + 5 };

/// A gateway's store and ledger, and a fleet server that is one function.
typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    int requests, status;
    size_t items;   ///< of all requests
    int64_t stored; ///< by the last item told
    char device[SV_ID_ROOM], epoch[SV_EPOCH_MAX + 1];
    int64_t on_disk; ///< rows, when it was told
} fixture;

static int64_t rows(gw *g) {
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(g->db, "SELECT count(*) FROM reading", &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t count = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return count;
}

static void take_request(sv_http_request *request, void *arg) {
    fixture *f = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_true(sv_text_is(sv_http_path(request), "/v1/ledger"));
    assert_int_equal(sv_json_parse(sv_http_body(request), &root, NULL, NULL), SV_OK);
    const sv_json *items = sv_json_get(root, "items");
    const sv_json *last = sv_json_at(items, sv_json_count(items) - 1);
    sv_text device;
    sv_text epoch;
    assert_in_range(sv_json_count(items), 1, GW_LEDGER_ITEMS_MAX);
    assert_true(sv_json_text(sv_json_get(last, "device_id"), &device));
    assert_true(sv_json_text(sv_json_get(last, "epoch"), &epoch));
    assert_true(sv_json_int(sv_json_get(last, "stored"), &f->stored));
    assert_int_equal(sv_text_copy(device, f->device, sizeof f->device), SV_OK);
    assert_int_equal(sv_text_copy(epoch, f->epoch, sizeof f->epoch), SV_OK);
    f->requests++;
    f->items += sv_json_count(items);
    f->on_disk = rows(&f->g);
    sv_http_reply(request, f->status, "application/json", SV_TEXT("{\"refused\":0}"));
}

static void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
}

static void close_store(fixture *f) {
    sv_writer_drop(&f->g.writer);
    gw_ingest_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
}

static void open_fleet(fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = GW_LEDGER_BYTES,
                                             .connections_max = 4 };
    char origin[64];
    assert_int_equal(sv_http_server_open(f->g.loop, &options, take_request, f, &f->fleet, NULL),
                     SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(f->fleet));
    assert_int_equal(
        sv_http_client_open(f->g.loop, origin, NULL, SV_TIME_SECOND_US, &f->g.fleet.http, NULL),
        SV_OK);
    f->g.fleet.name = "the fleet server";
    f->g.fleet.up = true;
    f->status = 200;
}

static int setup(void **state) {
    static const char CONFIG[] = "id: gw-1\nsite: north\nlisten: {port: 8883}\n"
                                 "tls: {ca: a, cert: b, key: c}\n"
                                 "store: {path: %s/gateway.db, group_wait: 50ms}\n"
                                 "thresholds: {default: {high: 80, low: 10}}\n";
    fixture *f = sv_mem_new(sizeof *f);
    char yaml[512];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-ledger-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(yaml, sizeof yaml, CONFIG, f->dir);
    assert_int_equal(gw_config_read(sv_text_of(yaml), &f->g.config, &faults), SV_OK);
    assert_int_equal(sv_loop_open(&f->g.loop, NULL), SV_OK);
    open_store(f);
    open_fleet(f);
    gw_ledger_open(&f->g);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    sv_http_client_drop(&f->g.fleet.http);
    gw_ledger_close(&f->g);
    sv_http_server_drop(&f->fleet);
    close_store(f);
    gw_config_drop(&f->g.config);
    sv_loop_drop(&f->g.loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

static void send(fixture *f, const char *epoch, int seq, const char *value) {
    char payload[256];
    (void) snprintf(payload, sizeof payload,
                    "{\"value\":%s,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\","
                    "\"epoch\":\"%s\",\"seq\":%d}",
                    value, epoch, seq);
    (void) gw_ingest_message(&f->g, SV_TEXT("sensors/press-1/temperature"), sv_text_of(payload));
}

static void turn_until_requests(fixture *f, int requests) {
    for (int i = 0; f->requests < requests && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, requests);
    for (int i = 0; f->g.ledger.under_way && i < TURNS_MAX; i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
}

static gw_sender *only_sender(fixture *f) {
    assert_int_equal(sv_map_count(f->g.senders), 1);
    return sv_map_at(f->g.senders, 0, NULL);
}

// [uplink-6]
static void what_is_told_is_on_disk(void **state) {
    fixture *f = *state;
    for (int seq = 1; seq <= 5; seq++) {
        send(f, "e", seq, "1");
    }
    gw_ledger_due(&f->g); // before the group is committed
    assert_int_equal(f->requests, 0);
    turn_until_requests(f, 1);
    assert_int_equal(f->stored, 5);
    assert_in_range(f->on_disk, f->stored, 5);
    assert_string_equal(f->device, "press-1");
}

static void what_changed_is_told_once_and_again_when_it_did_not_arrive(void **state) {
    fixture *f = *state;
    send(f, "e", 1, "1");
    gw_ledger_due(&f->g);
    turn_until_requests(f, 1);
    gw_ledger_due(&f->g);
    assert_false(f->g.ledger.under_way);
    send(f, "e", 1, "1"); // seen before: that is news
    f->status = 503;
    gw_ledger_due(&f->g);
    turn_until_requests(f, 2);
    assert_int_equal(only_sender(f)->told, GW_UNTOLD);
    f->status = 200;
    f->g.fleet.up = true;
    f->g.fleet.retry_at_us = 0;
    gw_ledger_due(&f->g);
    turn_until_requests(f, 3);
    assert_int_equal(only_sender(f)->told, GW_TOLD);
    assert_int_equal(only_sender(f)->ledger.repeated, 1);
}

static void a_fleet_server_without_a_ledger_is_asked_once(void **state) {
    fixture *f = *state;
    send(f, "e", 1, "1");
    f->status = 404;
    gw_ledger_due(&f->g);
    turn_until_requests(f, 1);
    assert_true(f->g.fleet.up);
    gw_ledger_due(&f->g);
    assert_false(f->g.ledger.under_way);
    assert_int_equal(f->g.ledger.body.len, 0);
}

static void more_senders_than_fit_take_more_requests(void **state) {
    fixture *f = *state;
    for (int i = 0; i < SENDERS; i++) {
        char epoch[16];
        (void) snprintf(epoch, sizeof epoch, "e%d", i);
        send(f, epoch, 1, "1");
    }
    gw_ledger_due(&f->g);
    turn_until_requests(f, 2);
    assert_int_equal(f->items, SENDERS);
}

static void assert_line(fixture *f, const char *numbers, const char *counts) {
    char room[512];
    sv_textbuf line = SV_TEXTBUF(room);
    gw_sender_format(SV_TEXT("press-1/a b"), only_sender(f), &line);
    assert_int_equal(sv_textbuf_end(&line), SV_OK);
    sv_text rest = sv_textbuf_text(&line);
    assert_true(sv_text_is(sv_text_cut(&rest, ' '), "press-1/a%20b"));
    assert_true(sv_text_is(sv_text_cut(&rest, ' '), numbers));
    assert_true(sv_text_starts(rest, sv_text_of(counts)));
}

// A row counts once at a start, whether the checkpoint covers it or not; so it does when there is
// no checkpoint, and a row that stands twice is found.
static void a_restart_counts_every_row_once(void **state) {
    fixture *f = *state;
    for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
        for (int seq = 1; seq <= 4; seq++) {
            send(f, "a b", 4 * checkpoints + seq, "1");
        }
        send(f, "a b", 4 * checkpoints + 1, "1");
        send(f, "a b", 99, "\"broken\"");
        if (checkpoints == 0) {
            gw_senders_checkpoint(&f->g);
        }
    }
    assert_line(f, "1-8", "8 2 2 ");
    const sv_ledger_day day = only_sender(f)->ledger.days[0];
    close_store(f);
    open_store(f);
    // What was refused or repeated after the checkpoint stands nowhere.
    assert_line(f, "1-8", "8 1 1 ");
    assert_int_equal(only_sender(f)->ledger.day_count, 1);
    assert_memory_equal(only_sender(f)->ledger.days, &day, sizeof day);
    assert_int_equal(only_sender(f)->told, GW_UNTOLD);

    sv_writer_add(f->g.writer, "INSERT INTO reading (stream, received, at, value, epoch, seq) "
                               "SELECT stream, received, at, value, epoch, seq FROM reading "
                               "WHERE seq = 7");
    close_store(f);
    open_store(f);
    assert_line(f, "1-8", "9 1 1 ");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_told_is_on_disk),
        TEST(what_changed_is_told_once_and_again_when_it_did_not_arrive),
        TEST(a_fleet_server_without_a_ledger_is_asked_once),
        TEST(more_senders_than_fit_take_more_requests),
        TEST(a_restart_counts_every_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
