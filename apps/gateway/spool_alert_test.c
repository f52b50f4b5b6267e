#include "outbox_fixture.h"
#include <base/prng.h>

enum { STEPS = 20000, FULL_BYTES = 65536, ROOMY_BYTES = 4 * FULL_BYTES };

// [spool-5]
static void it_is_open_exactly_while_there_is_something_to_say(void **state) {
    (void) state;
    gw_spool_alert a = { 0 };
    sv_prng prng = { .state = 11 };
    int64_t now_us = 1;
    int64_t gone = 0;
    int64_t went_us = 0;
    double fill = 0;
    for (int i = 0; i < STEPS; i++) {
        bool was_open = a.open;
        sv_severity was = a.severity;
        int64_t last_told_us = a.told_us;
        now_us += (int64_t) (sv_prng_unit(&prng) * 40 * SV_TIME_SECOND_US);
        fill += (sv_prng_unit(&prng) - 0.5) * 0.2;
        fill = fill < 0 ? 0 : fill > 1 ? 1 : fill;
        if (fill > 0.95 && sv_prng_unit(&prng) < 0.3) {
            gone += 100;
            went_us = now_us;
        }
        sv_alert_event event = gw_spool_alert_judge(&a, fill, gone, now_us);
        bool calm = gone == 0 || now_us - went_us >= GW_SPOOL_CALM_US;
        // Never silent when it should speak, never open without a reason.
        assert_true(a.open || (fill * 100 < GW_SPOOL_NEAR && gone == 0)
                    || event == SV_ALERT_CLEARED);
        assert_true(!a.open || fill * 100 >= GW_SPOOL_OVER || !calm || event == SV_ALERT_RAISED);
        assert_true((event == SV_ALERT_RAISED) == (!was_open && a.open));
        assert_true((event == SV_ALERT_CLEARED) == (was_open && !a.open));
        assert_true(event != SV_ALERT_CLEARED || (fill * 100 < GW_SPOOL_OVER && calm));
        // And never a flood.
        assert_true(event != SV_ALERT_UPDATED || a.severity != was
                    || now_us - last_told_us >= GW_SPOOL_TELL_US);
        assert_true(!a.open || (a.severity == SV_SEVERITY_CRITICAL) == (gone > 0));
        gone = event == SV_ALERT_CLEARED ? 0 : gone;
        a.gone = event == SV_ALERT_CLEARED ? 0 : a.gone;
    }
}

static void fill_with(fixture *f, gw_item item, double upto) {
    for (int i = 0; gw_outbox_fill(&f->g) < upto && i < 10000; i++) {
        put(f, item);
    }
    sv_writer_wait(f->g.writer);
}

/// How many alerts that wait contain this.
static int64_t said(fixture *f, const char *what) {
    sv_stmt *stmt = NULL;
    sv_writer_wait(f->g.writer);
    assert_int_equal(sv_db_stmt(f->g.db, "SELECT count(*) FROM alert_post WHERE instr(body, ?) > 0",
                                &stmt, NULL),
                     SV_OK);
    sv_stmt_bind_str(stmt, 1, what);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t count = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return count;
}

static void beat(fixture *f) {
    gw_outbox_beat(&f->g);
    gw_spool_alert_beat(&f->g);
    sv_writer_wait(f->g.writer);
}

/// As if the last loss were long ago.
static void be_calm(fixture *f) {
    f->g.spool_alert.gone_us -= GW_SPOOL_CALM_US;
}

// [spool-5]
static void it_warns_before_anything_goes_and_is_over_when_there_is_room(void **state) {
    fixture *f = *state;
    f->g.config.fleet.spool.bytes = FULL_BYTES;
    fill_with(f, GW_ITEM_AVERAGE, 0.7);
    beat(f);
    assert_int_equal(f->g.alerts_open, 0);
    fill_with(f, GW_ITEM_AVERAGE, 0.85);
    beat(f);
    beat(f);
    assert_int_equal(
        said(f, "\"deviceId\":\"gw-1\",\"alertType\":\"HEALTH\",\"severity\":\"warning\""), 1);
    assert_int_equal(said(f, "of fleet.spool.bytes; at 100 % the oldest averages are dropped"), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert WHERE rule = 'spool'"), 1);
    f->g.config.fleet.spool.bytes = ROOMY_BYTES;
    beat(f);
    assert_int_equal(said(f, "\"cleared\""), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    assert_int_equal(f->g.alerts_open, 0);
}

// [spool-5]
static void what_went_is_said_with_the_kind_and_the_number(void **state) {
    fixture *f = *state;
    f->g.config.fleet.spool.bytes = FULL_BYTES;
    put_many(f, GW_ITEM_MINUTE, 10);
    put_many(f, GW_ITEM_AVERAGE, 1000);
    trim(f);
    int64_t gone = dropped(f, GW_ITEM_AVERAGE);
    char sentence[128];
    (void) snprintf(sentence, sizeof sentence,
                    "Dropped before the fleet server had it: %lld averages\"", (long long) gone);
    beat(f);
    assert_int_equal(said(f, "\"critical\""), 1);
    assert_int_equal(said(f, sentence), 1);
    // It stays while it is full, without a word.
    be_calm(f);
    beat(f);
    assert_int_equal(f->g.alerts_open, 1);
    assert_int_equal(f->g.outbox.rows[GW_ITEM_ALERT], 1);
    f->g.config.fleet.spool.bytes = ROOMY_BYTES;
    beat(f);
    assert_int_equal(f->g.alerts_open, 0);
    // What went before is old news.
    beat(f);
    assert_int_equal(f->g.outbox.rows[GW_ITEM_ALERT], 2);
    restart(f);
    beat(f);
    assert_int_equal(f->g.outbox.rows[GW_ITEM_ALERT], 2);
}

// [spool-5]
static void it_goes_on_after_a_kill_and_tells_what_went_before_it(void **state) {
    fixture *f = *state;
    f->g.config.fleet.spool.bytes = FULL_BYTES;
    put_many(f, GW_ITEM_AVERAGE, 1000);
    trim(f);
    restart(f); // before a beat could tell
    beat(f);
    assert_int_equal(said(f, "\"raised\""), 1);
    char id[SV_ALERT_ID_MAX + 1];
    memcpy(id, f->g.spool_alert.id, sizeof id);
    restart(f);
    assert_int_equal(f->g.alerts_open, 1);
    assert_int_equal(sv_map_count(f->g.devices), 0); // the gateway is no device
    f->g.config.fleet.spool.bytes = ROOMY_BYTES;
    be_calm(f);
    beat(f);
    assert_int_equal(said(f, id), 2);
    assert_int_equal(said(f, "\"cleared\""), 1);
    assert_int_equal(said(f, "averages\""), 2); // the sentence is there to the end
}

// [spool-5] [alert-3]
static void it_can_be_acknowledged_while_it_is_open(void **state) {
    fixture *f = *state;
    f->g.config.fleet.spool.bytes = FULL_BYTES;
    fill_with(f, GW_ITEM_AVERAGE, 0.9);
    beat(f);
    // It would be told to local subscribers, to whom there is no way here.
    sv_text id = sv_text_of(f->g.spool_alert.id);
    assert_int_equal(gw_alert_acknowledge(&f->g, id, SV_TEXT("anna"), 1, 0), GW_EVENT_LATER);
    f->g.config.fleet.spool.bytes = ROOMY_BYTES;
    beat(f);
    assert_int_equal(gw_alert_acknowledge(&f->g, id, SV_TEXT("anna"), 1, 0), GW_EVENT_IDLE);
}

// [spool-1] [spool-3]
static void a_time_that_nobody_knows_fills_nothing(void **state) {
    fixture *f = *state;
    put_many(f, GW_ITEM_AVERAGE, 1);
    sv_writer_add(f->g.writer, "UPDATE outbox SET put = 86400");
    sv_writer_wait(f->g.writer);
    assert_int_equal(gw_outbox_oldest_s(&f->g), -1);
    assert_true(gw_outbox_fill(&f->g) < 0.01);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_open_exactly_while_there_is_something_to_say),
        TEST(it_warns_before_anything_goes_and_is_over_when_there_is_room),
        TEST(what_went_is_said_with_the_kind_and_the_number),
        TEST(it_goes_on_after_a_kill_and_tells_what_went_before_it),
        TEST(it_can_be_acknowledged_while_it_is_open),
        TEST(a_time_that_nobody_knows_fills_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
