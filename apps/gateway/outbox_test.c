#include "outbox_fixture.h"
#include <base/prng.h>

enum { SMALL = 65536 };

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

/// `uplink` of the configuration, read again.
static void set_uplink(fixture *f, const char *uplink) {
    static const char CONFIG[] =
        "id: gw-1\nsite: north\nlisten: {port: 8883}\ntls: {ca: a, cert: b, "
        "key: c}\nstore: {path: x}\nuplink: %s\n"
        "rules: {default: {alone: {when: badge > 5}}}\n";
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    SV_DEFER(gw_config_drop) gw_config fresh = { .id = "" };
    char yaml[512];
    (void) snprintf(yaml, sizeof yaml, CONFIG, uplink);
    assert_int_equal(gw_config_read(sv_text_of(yaml), &fresh, &faults), SV_OK);
    sv_rules *old = f->g.config.rules;
    f->g.config.rules = fresh.rules;
    fresh.rules = old;
    gw_ingest_rules(&f->g);
}

static void put_badge(fixture *f, int count) {
    static const gw_stream BADGE = { .device = "press-1", .sensor = "badge" };
    for (int i = 0; i < count; i++) {
        gw_outbox_average(&f->g, &BADGE, 1, 7, false);
    }
}

/// Of a threshold, or of a rule that asks about it.
static void put_badge_alert(fixture *f, bool of_rule) {
    sv_alert alert = { .id = "0123456789abcdef0123456789abcdef",
                       .type = of_rule ? SV_ALERT_ANOMALY : SV_ALERT_HIGH,
                       .event = SV_ALERT_RAISED,
                       .device_id = "press-1",
                       .message = "Value 7 exceeds high threshold",
                       .at_us = 1 };
    (void) snprintf(alert.sensor, sizeof alert.sensor, "%s", of_rule ? "" : "badge");
    (void) snprintf(alert.rule, sizeof alert.rule, "%s", of_rule ? "alone" : "");
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_alert_format(&alert, &body);
    gw_outbox_alert(&f->g, sv_textbuf_text(&body));
}

// [spool-6] [spool-4]
static void what_may_not_leave_any_more_is_held_back_wherever_it_stands(void **state) {
    fixture *f = *state;
    int64_t badges = 0;
    // First, last, in between, and more of them than one batch holds.
    for (int round = 0; round < 6; round++) {
        int count = round == 3 ? GW_BATCH_MAX + 200 : 1 + round * 90;
        put_badge(f, count);
        badges += count;
        put_many(f, GW_ITEM_MINUTE, 1 + (round % 2) * 3);
    }
    put_badge(f, 3);
    put_badge_alert(f, true);
    put_many(f, GW_ITEM_ALERT, 1);
    put_badge_alert(f, false);
    set_uplink(f, "{default: all, sensors: {badge: never}}");
    be_up(f, true);
    turn_until_sent(f);
    assert_int_equal(f->items, 15);
    assert_int_equal(f->alerts, 1);
    assert_int_equal(f->g.outbox.dropped[GW_ITEM_AVERAGE][GW_LOST_RULE], badges + 3);
    assert_int_equal(f->g.outbox.dropped[GW_ITEM_ALERT][GW_LOST_RULE], 2);
    assert_int_equal(gw_outbox_lost(&f->g, GW_ITEM_AVERAGE), 0);
    must_add_up(f);
    // The fleet server hears of the last numbers with what comes next.
    be_up(f, true);
    put_many(f, GW_ITEM_MINUTE, 1);
    turn_until_sent(f);
    assert_int_equal(sv_ranges_prefix(&f->settled, 1), 15 + badges + 3 + 1);
}

// [spool-6] [spool-3]
static void a_batch_that_is_held_back_whole_is_counted_once(void **state) {
    fixture *f = *state;
    put_badge(f, GW_BATCH_MAX + 100);
    sv_writer_wait(f->g.writer);
    set_uplink(f, "{default: never}");
    be_up(f, true);
    for (int i = 0; i < 3; i++) { // also before it is on disk that they went
        f->g.batch_due = true;
        gw_uplink_turn(&f->g);
    }
    assert_int_equal(f->g.outbox.dropped[GW_ITEM_AVERAGE][GW_LOST_RULE], GW_BATCH_MAX);
    turn_until_sent(f);
    assert_int_equal(f->g.outbox.dropped[GW_ITEM_AVERAGE][GW_LOST_RULE], GW_BATCH_MAX + 100);
    assert_int_equal(f->items, 0);
    must_add_up(f);
}

// [spool-3]
static void what_is_dropped_is_not_found_again_before_that_is_on_disk(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_AVERAGE, 1000);
    put_many(f, GW_ITEM_ALERT, 2);
    f->g.config.fleet.spool.bytes = SMALL;
    assert_true(gw_outbox_trim(&f->g));
    assert_true(f->g.outbox.bytes < SMALL);
    be_up(f, true);
    f->g.batch_due = true;
    gw_uplink_turn(&f->g);
    assert_false(f->g.batch_under_way);
    assert_false(f->g.alert_under_way);
    turn_until_sent(f);
    assert_int_equal(f->items + dropped(f, GW_ITEM_AVERAGE), 1000);
    must_add_up(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

// The front door turns the loop to say goodbye, when the store is closed already.
static void what_is_answered_after_the_store_is_closed_is_sent_again(void **state) {
    fixture *f = *state;
    put(f, GW_ITEM_ALERT);
    put_many(f, GW_ITEM_AVERAGE, 1);
    be_up(f, true);
    f->g.batch_due = true;
    gw_uplink_turn(&f->g);
    assert_true(f->g.alert_under_way && f->g.batch_under_way);
    sv_writer_drop(&f->g.writer);
    f->g.exit_code = -1;
    for (int i = 0; i < TURNS_MAX && (f->g.alert_under_way || f->g.batch_under_way); i++) {
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_true(f->alerts == 1 && f->items == 1);
    assert_true(!f->g.alert_under_way && !f->g.batch_under_way);
    be_up(f, false);
    f->g.exit_code = 0;
    close_store(f);
    open_store(f);
    assert_int_equal(f->g.outbox.rows[GW_ITEM_ALERT], 1);
    assert_int_equal(f->g.outbox.rows[GW_ITEM_AVERAGE], 1);
}

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
        TEST(what_is_answered_after_the_store_is_closed_is_sent_again),
        TEST(what_may_not_leave_any_more_is_held_back_wherever_it_stands),
        TEST(a_batch_that_is_held_back_whole_is_counted_once),
        TEST(what_is_dropped_is_not_found_again_before_that_is_on_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
