#include "gateway.h"
#include <base/mem.h>
#include <base/prng.h>
#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { TURN_US = 10000, TURNS_MAX = 1000, BODY_MAX = 1 << 20, ALERT_BYTES = 400, SMALL = 65536 };

/// A gateway's store, and a fleet server that is one function: it keeps the numbers it was sent and
/// those that count as settled.
typedef struct fixture {
    char dir[64];
    gw g;
    sv_http_server *fleet;
    bool is_up;
    sv_ranges sent, settled;
    int64_t items;
} fixture;

static void take_batch(fixture *f, const sv_json *root, int64_t *last) {
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

static void answer(sv_http_request *request, void *arg) {
    fixture *f = arg;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char text[64];
    int64_t last = 0;
    assert_true(f->is_up);
    assert_int_equal(sv_json_parse(sv_http_body(request), &root, NULL, NULL), SV_OK);
    if (sv_text_is(sv_http_path(request), "/v1/readings")) {
        take_batch(f, root, &last);
    }
    (void) snprintf(text, sizeof text, "{\"seq\":%lld}", (long long) last);
    sv_http_reply(request, 200, "application/json", sv_text_of(text));
}

/// While it is not, nothing is sent.
static void be_up(fixture *f, bool is_up) {
    f->is_up = is_up;
    f->g.fleet.retry_at_us = is_up ? 0 : INT64_MAX;
    f->g.alert_peer.retry_at_us = f->g.fleet.retry_at_us;
}

static void open_store(fixture *f) {
    gw_ingest_open(&f->g);
    assert_int_equal(gw_store_open(&f->g, NULL), SV_OK);
    assert_int_equal(gw_ingest_prime(&f->g, NULL), SV_OK);
    f->g.alert_under_way = false;
    f->g.batch_under_way = false;
    assert_int_equal(gw_uplink_open(&f->g, NULL), SV_OK);
    be_up(f, f->is_up);
}

static void close_store(fixture *f) {
    gw_uplink_close(&f->g);
    sv_writer_drop(&f->g.writer);
    gw_ingest_close(&f->g);
    sv_db_drop(&f->g.db);
    f->g.committed = 0;
    f->g.fleet = (gw_peer){ 0 };
}

static void restart(fixture *f) {
    sv_writer_wait(f->g.writer);
    close_store(f);
    open_store(f);
}

static int setup(void **state) {
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

static int teardown(void **state) {
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

static void put(fixture *f, gw_item item) {
    static const gw_stream STREAM = { .device = "press-1", .sensor = "temperature", .unit = "°C" };
    static const sv_summary SUMMARY = { .count = 60, .min = 1, .mean = 2, .max = 3 };
    static char alert[ALERT_BYTES] = { '{', '}' };
    if (item == GW_ITEM_AVERAGE) {
        gw_outbox_average(&f->g, &STREAM, 1, 20.5);
    } else if (item == GW_ITEM_MINUTE) {
        gw_outbox_summary(&f->g, &STREAM, &SUMMARY);
    } else {
        memset(alert + 2, ' ', sizeof alert - 2);
        gw_outbox_alert(&f->g, (sv_text){ .at = alert, .len = sizeof alert });
    }
}

static void put_many(fixture *f, gw_item item, int count) {
    for (int i = 0; i < count; i++) {
        put(f, item);
    }
    sv_writer_wait(f->g.writer);
}

static int64_t ask(fixture *f, const char *sql) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t value = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return value;
}

/// What must go goes, step by step.
static void trim(fixture *f) {
    sv_writer_wait(f->g.writer);
    for (int i = 0; gw_outbox_trim(&f->g); i++) {
        assert_true(i < TURNS_MAX);
        sv_writer_wait(f->g.writer);
    }
}

static int64_t dropped(const fixture *f, gw_item item) {
    int64_t sum = 0;
    for (unsigned loss = 0; loss < GW_LOSS__COUNT; loss++) {
        sum += f->g.outbox.dropped[item][loss];
    }
    return sum;
}

/// What is counted is what is in the database, now and after another start.
static void must_add_up(fixture *f) {
    gw_outbox before = f->g.outbox;
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox WHERE average = 1"),
                     before.rows[GW_ITEM_AVERAGE]);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox WHERE average = 0"),
                     before.rows[GW_ITEM_MINUTE]);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post"), before.rows[GW_ITEM_ALERT]);
    restart(f);
    assert_memory_equal(f->g.outbox.rows, before.rows, sizeof before.rows);
    assert_memory_equal(f->g.outbox.dropped, before.dropped, sizeof before.dropped);
    assert_int_equal(f->g.outbox.bytes, before.bytes);
    assert_int_equal(f->g.outbox.alert_bytes, before.alert_bytes);
}

// [spool-1] [spool-2] [spool-3]
static void averages_go_before_minutes_and_those_before_alerts_whatever_came_when(void **state) {
    fixture *f = *state;
    sv_prng prng = { .state = 7 };
    int64_t put_in[GW_ITEM__COUNT] = { 0 };
    gw_loss bound;
    f->g.config.fleet.spool.bytes = SMALL;
    for (int round = 0; round < 60; round++) {
        // Averages mostly, then minutes, then alerts, so that each kind fills it alone in the end.
        gw_item item = round < 15   ? (gw_item) (sv_prng_unit(&prng) * GW_ITEM__COUNT)
                       : round < 30 ? GW_ITEM_AVERAGE
                       : round < 45 ? GW_ITEM_MINUTE
                                    : GW_ITEM_ALERT;
        int count = 1 + (int) (sv_prng_unit(&prng) * 120);
        int64_t minutes = dropped(f, GW_ITEM_MINUTE);
        int64_t alerts = dropped(f, GW_ITEM_ALERT);
        put_many(f, item, count);
        put_in[item] += count;
        trim(f);
        const gw_outbox *o = &f->g.outbox;
        assert_true(o->bytes <= gw_outbox_limit(&f->g, &bound));
        assert_true(dropped(f, GW_ITEM_MINUTE) == minutes || o->rows[GW_ITEM_AVERAGE] == 0);
        assert_true(dropped(f, GW_ITEM_ALERT) == alerts || gw_outbox_rows(&f->g) == 0);
        for (unsigned i = 0; i < GW_ITEM__COUNT; i++) {
            assert_int_equal(put_in[i], o->rows[i] + dropped(f, (gw_item) i));
        }
    }
    assert_true(dropped(f, GW_ITEM_AVERAGE) > 0 && dropped(f, GW_ITEM_MINUTE) > 0
                && dropped(f, GW_ITEM_ALERT) > 0);
    must_add_up(f);
}

// [spool-2]
static void of_each_kind_the_oldest_go(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_MINUTE, 10);
    put_many(f, GW_ITEM_AVERAGE, 800);
    f->g.config.fleet.spool.bytes = SMALL;
    trim(f);
    int64_t gone = dropped(f, GW_ITEM_AVERAGE);
    assert_in_range(gone, 10, 500);
    assert_int_equal(ask(f, "SELECT min(seq) FROM outbox WHERE average = 1"), 11 + gone);
    assert_int_equal(ask(f, "SELECT max(seq) FROM outbox"), 810);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox WHERE average = 0"), 10);
    // And no more than must: one part in sixteen is free now.
    gw_loss bound;
    int64_t limit = gw_outbox_limit(&f->g, &bound);
    assert_true(f->g.outbox.bytes > limit - limit / GW_OUTBOX_SLACK - GW_ITEM_MAX);
}

// [spool-1]
static void half_of_the_store_is_the_most_that_may_wait(void **state) {
    fixture *f = *state;
    gw_loss bound;
    f->g.config.fleet.spool.bytes = INT64_C(1) << 40;
    f->g.config.store.bytes = INT64_C(1) << 20;
    assert_int_equal(gw_outbox_limit(&f->g, &bound), 1 << 19);
    assert_int_equal(bound, GW_LOST_BYTES);
}

static void make_older(fixture *f, int64_t upto, int64_t by_s) {
    sv_writer_add(f->g.writer, "UPDATE outbox SET put = put - ? WHERE seq <= ?");
    sv_writer_int(f->g.writer, by_s);
    sv_writer_int(f->g.writer, upto);
    sv_writer_wait(f->g.writer);
}

// [spool-1]
static void what_has_waited_too_long_goes_of_either_kind_but_no_alert(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_ALERT, 3);
    put_many(f, GW_ITEM_AVERAGE, 40);
    put_many(f, GW_ITEM_MINUTE, 30);
    put_many(f, GW_ITEM_AVERAGE, 20);
    make_older(f, 60, 86400 - 60);
    gw_outbox_beat(&f->g);
    trim(f);
    assert_int_equal(gw_outbox_rows(&f->g), 90); // a minute is left
    assert_true(gw_outbox_fill(&f->g) > 0.99);
    make_older(f, 60, 61);
    gw_outbox_beat(&f->g);
    trim(f);
    assert_int_equal(f->g.outbox.dropped[GW_ITEM_AVERAGE][GW_LOST_AGE], 40);
    assert_int_equal(f->g.outbox.dropped[GW_ITEM_MINUTE][GW_LOST_AGE], 20);
    assert_int_equal(ask(f, "SELECT min(seq) FROM outbox"), 61);
    assert_int_equal(f->g.outbox.rows[GW_ITEM_ALERT], 3);
    must_add_up(f);
}

// [spool-1]
static void a_clock_that_was_never_set_makes_nothing_old(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_AVERAGE, 10);
    make_older(f, 10, INT64_C(1) << 40);
    gw_outbox_beat(&f->g);
    trim(f);
    assert_int_equal(gw_outbox_rows(&f->g), 10);
    // Before one that is known to be too old it is too old as well.
    put_many(f, GW_ITEM_MINUTE, 1);
    sv_writer_add(f->g.writer, "UPDATE outbox SET put = 1750000000 WHERE seq = 11");
    put_many(f, GW_ITEM_MINUTE, 1);
    gw_outbox_beat(&f->g);
    trim(f);
    assert_int_equal(ask(f, "SELECT min(seq) FROM outbox"), 12);
}

// [spool-1]
static void while_the_disk_has_little_room_it_does_not_grow(void **state) {
    fixture *f = *state;
    gw_loss bound;
    f->g.config.fleet.spool.free = INT64_MAX;
    put_many(f, GW_ITEM_ALERT, 100);
    put_many(f, GW_ITEM_AVERAGE, 12000);
    int64_t before = f->g.outbox.bytes;
    assert_true(before > GW_OUTBOX_LOW_BYTES);
    gw_outbox_beat(&f->g);
    trim(f);
    assert_int_equal(gw_outbox_limit(&f->g, &bound), before);
    assert_int_equal(bound, GW_LOST_FREE);
    assert_int_equal(gw_outbox_rows(&f->g), 12000);
    put_many(f, GW_ITEM_AVERAGE, 2000);
    gw_outbox_beat(&f->g);
    trim(f);
    assert_true(f->g.outbox.bytes - f->g.outbox.alert_bytes <= before);
    assert_true(f->g.outbox.dropped[GW_ITEM_AVERAGE][GW_LOST_FREE] > 1000);
    assert_int_equal(dropped(f, GW_ITEM_ALERT), 0);
    f->g.config.fleet.spool.free = 0;
    gw_outbox_beat(&f->g);
    assert_int_equal(gw_outbox_limit(&f->g, &bound), f->g.config.store.bytes / 2);
    // Alerts alone are no reason to drop one: it would hardly make room.
    f->g.config.fleet.spool.free = INT64_MAX;
    put_many(f, GW_ITEM_ALERT, 3000);
    gw_outbox_beat(&f->g);
    trim(f);
    put_many(f, GW_ITEM_ALERT, 3000);
    trim(f);
    assert_int_equal(dropped(f, GW_ITEM_ALERT), 0);
    must_add_up(f);
}

static void turn_until_sent(fixture *f) {
    for (int i = 0; gw_outbox_rows(&f->g) + f->g.outbox.rows[GW_ITEM_ALERT] > 0; i++) {
        assert_true(i < TURNS_MAX);
        f->g.batch_due = true;
        gw_uplink_turn(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    sv_writer_wait(f->g.writer);
}

// [spool-4]
static void what_went_is_told_with_the_numbers_that_follow_it(void **state) {
    fixture *f = *state;
    f->g.config.fleet.spool.bytes = 262144;
    put_many(f, GW_ITEM_AVERAGE, 3000);
    put_many(f, GW_ITEM_MINUTE, 200);
    trim(f);
    int64_t gone = dropped(f, GW_ITEM_AVERAGE);
    assert_in_range(gone, 100, 2900);
    be_up(f, true);
    turn_until_sent(f);
    assert_int_equal(f->items, 3200 - gone);
    assert_int_equal(sv_ranges_prefix(&f->settled, 1), 3200);
    must_add_up(f);
}

// [spool-4]
static void also_when_the_end_of_what_waited_went_while_new_items_came(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_MINUTE, 300);
    put_many(f, GW_ITEM_AVERAGE, 300);
    f->g.outbox.split_due = true;
    assert_true(gw_outbox_split(&f->g)); // 1 to 600 wait
    f->g.config.fleet.spool.bytes = 30000;
    trim(f); // of which the averages, the last ones, go
    assert_int_equal(f->g.outbox.rows[GW_ITEM_AVERAGE], 0);
    put_many(f, GW_ITEM_MINUTE, 5);
    be_up(f, true);
    turn_until_sent(f);
    put_many(f, GW_ITEM_MINUTE, 1);
    turn_until_sent(f);
    assert_int_equal(sv_ranges_prefix(&f->settled, 1), 606);
    assert_int_equal(f->items, 606 - dropped(f, GW_ITEM_AVERAGE) - dropped(f, GW_ITEM_MINUTE));
}

// [spool-2]
static void what_is_being_sent_stays_until_its_answer(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_AVERAGE, 1000);
    f->g.config.fleet.spool.bytes = SMALL;
    f->g.batch_under_way = true;
    assert_false(gw_outbox_trim(&f->g));
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox"), 1000);
    f->g.batch_under_way = false;
    put_many(f, GW_ITEM_ALERT, 400);
    f->g.alert_under_way = true;
    f->g.alert_last_id = 1;
    trim(f);
    assert_int_equal(gw_outbox_rows(&f->g), 0);
    assert_true(dropped(f, GW_ITEM_ALERT) > 0);
    assert_int_equal(ask(f, "SELECT min(id) FROM alert_post"), 1);
    f->g.alert_under_way = false;
    gw_outbox_forget_alert(&f->g, 1, ALERT_BYTES);
    must_add_up(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(averages_go_before_minutes_and_those_before_alerts_whatever_came_when),
        TEST(of_each_kind_the_oldest_go),
        TEST(half_of_the_store_is_the_most_that_may_wait),
        TEST(what_has_waited_too_long_goes_of_either_kind_but_no_alert),
        TEST(a_clock_that_was_never_set_makes_nothing_old),
        TEST(while_the_disk_has_little_room_it_does_not_grow),
        TEST(what_went_is_told_with_the_numbers_that_follow_it),
        TEST(also_when_the_end_of_what_waited_went_while_new_items_came),
        TEST(what_is_being_sent_stays_until_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
