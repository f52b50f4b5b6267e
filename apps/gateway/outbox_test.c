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

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

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
