// Learning by itself, then with a real store below a temporary folder.
#include "store_fixture.h"

#include <sys/clock.h>

#define SECOND SV_TIME_SECOND_US
#define START_US INT64_C(1795000000000000) ///< when the machine started, in truth
#define HOUR SV_TIME_HOUR_US

/// A reading so long after the start, by a wall clock that is off by `off_us`.
static sv_reading taken(int64_t uptime_us, int64_t off_us, bool proven) {
    return (sv_reading){ .key = { .device_id = SV_TEXT("press-1"), .sensor = SV_TEXT("level") },
                         .value = (double) uptime_us / SECOND,
                         .at_us = START_US + uptime_us + off_us,
                         .boot = SV_TEXT("b1"),
                         .uptime_us = uptime_us,
                         .proven = proven };
}

static bool learn(gw_boot *boot, const sv_reading *reading, int64_t received_us, unsigned steps) {
    const gw_receipt receipt = { .at_us = received_us, .steps = steps };
    return gw_boot_learn(boot, reading, &receipt);
}

/// The device has a connection, and says so, by a clock that is off by `off_us`.
static void meet(gw_boot *boot, int64_t uptime_us, int64_t off_us, bool proven) {
    const gw_receipt receipt = { .at_us = START_US + uptime_us, .measures = true };
    const sv_reading when = taken(uptime_us, off_us, proven);
    (void) gw_boot_learn(boot, &when, &receipt);
}

/// Where it belongs, received `late_us` after it was taken.
static int64_t place(gw_boot *boot, const sv_reading *reading, int64_t late_us) {
    int64_t received_us = START_US + reading->uptime_us + late_us;
    (void) learn(boot, reading, received_us, 0);
    const sv_taken at = { .received_us = received_us,
                          .at_us = reading->at_us,
                          .uptime_us = reading->uptime_us,
                          .known = reading->proven ? SV_KNOWN_NOT : boot->known,
                          .start_us = boot->start_us };
    return sv_taken_us(&at);
}

// [reading-5]
static void what_waited_in_1970_is_placed_by_what_came_at_once(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    sv_reading live = taken(5 * HOUR, -START_US, false);
    assert_int_equal(place(&boot, &live, 30000), START_US + 5 * HOUR + 30000);
    sv_reading waited = taken(HOUR, -START_US, false);
    assert_int_equal(place(&boot, &waited, 4 * HOUR), START_US + HOUR + 30000);
    // A faster one is nearer to the truth.
    sv_reading faster = taken(5 * HOUR + SECOND, -START_US, false);
    (void) place(&boot, &faster, 10000);
    assert_int_equal(place(&boot, &waited, 4 * HOUR), START_US + HOUR + 10000);
}

// [reading-5] [reading-6]
static void what_is_learned_later_counts_for_what_came_before(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    sv_reading first = taken(HOUR, -START_US, false);
    assert_int_equal(place(&boot, &first, 3 * HOUR), START_US + 4 * HOUR);
    sv_reading proven = taken(2 * HOUR, 0, true);
    assert_int_equal(place(&boot, &proven, 2 * HOUR), proven.at_us);
    assert_int_equal(boot.known, SV_KNOWN_PROVEN);
    assert_int_equal(place(&boot, &first, 3 * HOUR), START_US + HOUR);
}

// [reading-5]
static void a_plausible_time_gives_way_to_a_proven_clock_alone(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    sv_reading slow = taken(HOUR, -3 * HOUR, false);
    assert_int_equal(place(&boot, &slow, 0), slow.at_us);
    assert_int_equal(boot.known, SV_KNOWN_SAID);
    sv_reading from_1970 = taken(HOUR / 2, -START_US, false);
    assert_int_equal(place(&boot, &from_1970, 0), START_US + HOUR / 2 - 3 * HOUR);
    sv_reading proven = taken(2 * HOUR, 0, true);
    (void) place(&boot, &proven, 0);
    assert_int_equal(place(&boot, &slow, 0), START_US + HOUR);
    assert_int_equal(place(&boot, &from_1970, 0), START_US + HOUR / 2);
    // Within a second it stands.
    sv_reading near = taken(3 * HOUR, SECOND, false);
    assert_int_equal(place(&boot, &near, 0), near.at_us);
    // Who sets the clock by hand afterwards changes nothing.
    sv_reading by_hand = taken(4 * HOUR, 2 * HOUR, false);
    assert_int_equal(place(&boot, &by_hand, 0), START_US + 4 * HOUR);
    assert_int_equal(boot.known, SV_KNOWN_PROVEN);
}

static void a_proven_clock_in_2099_is_not_believed(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    sv_reading false_server = taken(HOUR, INT64_C(73) * 365 * SV_TIME_DAY_US, true);
    assert_int_equal(place(&boot, &false_server, 0), START_US + HOUR);
    assert_true(boot.known < SV_KNOWN_SAID);
}

static void the_latest_word_counts_whatever_order_they_come_in(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    sv_reading later = taken(2 * HOUR, 0, false);
    sv_reading earlier = taken(HOUR, -HOUR, false);
    (void) place(&boot, &later, 0);
    (void) place(&boot, &earlier, HOUR);
    assert_int_equal(boot.start_us, START_US);
}

// [reading-7]
static void what_was_found_by_a_clock_that_was_set_since_is_found_anew(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    sv_reading first = taken(HOUR, -START_US, false);
    // Too early by two hours, as the gateway's clock was.
    assert_true(learn(&boot, &first, START_US - HOUR, 0));
    assert_false(learn(&boot, &first, START_US + HOUR, 0));
    assert_true(learn(&boot, &first, START_US + HOUR, 1));
    assert_int_equal(boot.start_us, START_US);
    // In 1970 nothing is found.
    gw_boot other = { .known = SV_KNOWN_NOT };
    assert_false(learn(&other, &first, 60 * SECOND, 0));
}

// [reading-10]
static void who_says_it_when_it_comes_is_placed_before_anything_that_waited(void **state) {
    (void) state;
    for (int proven = 0; proven < 2; proven++) {
        gw_boot boot = { .known = SV_KNOWN_NOT };
        meet(&boot, 5 * HOUR, proven ? 0 : -START_US, proven);
        assert_int_equal(boot.known, proven ? SV_KNOWN_PROVEN : SV_KNOWN_MEASURED);
        sv_reading waited = taken(HOUR, -START_US, false);
        assert_int_equal(place(&boot, &waited, 4 * HOUR), START_US + HOUR);
    }
}

// [reading-5] [reading-10]
static void a_plausible_time_gives_way_to_a_gateway_that_is_right(void **state) {
    (void) state;
    // As from a board that goes on where it was when its power went.
    for (int64_t off_us = -3 * HOUR; off_us <= 3 * HOUR; off_us += 6 * HOUR) {
        gw_boot boot = { .known = SV_KNOWN_NOT };
        meet(&boot, 2 * HOUR, off_us, false);
        sv_reading waited = taken(HOUR, off_us, false);
        assert_int_equal(place(&boot, &waited, HOUR), START_US + HOUR);
        // A time server sets it, forward or back; nothing is moved by that.
        sv_reading proven = taken(3 * HOUR, 0, true);
        assert_int_equal(place(&boot, &proven, 0), START_US + 3 * HOUR);
        assert_int_equal(place(&boot, &waited, HOUR), START_US + HOUR);
    }
    // Within a second it stands.
    gw_boot boot = { .known = SV_KNOWN_NOT };
    meet(&boot, HOUR, SECOND, false);
    sv_reading near = taken(HOUR, SECOND, false);
    assert_int_equal(place(&boot, &near, 0), near.at_us);
}

// [reading-10]
static void a_slow_uptime_is_followed_and_what_is_late_moves_nothing(void **state) {
    (void) state;
    enum { MINUTES = 60 * 24 * 30, SLOW_PPM = 100 };
    gw_boot boot = { .known = SV_KNOWN_NOT };
    meet(&boot, 0, -START_US, false);
    for (int64_t i = 0; i < MINUTES; i++) {
        int64_t true_us = i * SV_TIME_MINUTE_US;
        sv_reading live = taken(true_us - true_us / 1000000 * SLOW_PPM, -START_US, false);
        (void) learn(&boot, &live, START_US + true_us, 0);
        assert_true(llabs(boot.start_us + live.uptime_us - START_US - true_us) <= SECOND / 10);
        sv_reading waited = taken(live.uptime_us / 2, -START_US, false);
        (void) learn(&boot, &waited, START_US + true_us, 0);
    }
    // One that was on its way for an hour, after a minute without others.
    int64_t start_us = boot.start_us;
    sv_reading late = taken(boot.latest_us + SV_TIME_MINUTE_US, -START_US, false);
    (void) learn(&boot, &late, boot.start_us + late.uptime_us + HOUR, 0);
    assert_int_equal(boot.start_us, start_us + GW_BOOT_CREEP_US);
}

static void a_small_move_is_not_written_down(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    unsigned written = 0;
    for (int64_t i = 0; i < 1000; i++) {
        sv_reading reading = taken(HOUR + i * SECOND, -START_US, false);
        int64_t received_us = START_US + HOUR + i * SECOND + 99999 - i;
        written += learn(&boot, &reading, received_us, 0);
    }
    assert_int_equal(written, 1);
}

// [reading-6]
static void what_was_corrected_is_kept_as_a_span_of_whole_minutes(void **state) {
    (void) state;
    gw_boot boot = { .known = SV_KNOWN_NOT };
    assert_true(gw_boot_cover(&boot, 90 * SECOND));
    assert_false(gw_boot_cover(&boot, 60 * SECOND));
    assert_false(gw_boot_cover(&boot, 119 * SECOND));
    assert_true(gw_boot_cover(&boot, 120 * SECOND));
    assert_true(gw_boot_cover(&boot, 0));
    assert_int_equal(boot.first_us, 0);
    assert_int_equal(boot.last_us, 180 * SECOND);
}

// ---- with a store ----

static int start(void **state) {
    (void) state;
    return start_store(1);
}

static void say(const char *boot, int64_t uptime_us, int64_t at_us, bool proven) {
    static int64_t seq;
    seq++;
    char load_room[300];
    sv_textbuf load = SV_TEXTBUF(load_room);
    const sv_reading reading = { .key = { .device_id = SV_TEXT("press-1") },
                                 .value = 1,
                                 .at_us = at_us,
                                 .epoch = SV_TEXT("e"),
                                 .seq = seq,
                                 .boot = sv_text_of(boot),
                                 .uptime_us = uptime_us,
                                 .proven = proven };
    sv_reading_format(&reading, &load);
    (void) gw_ingest_message(&g, SV_TEXT("sensors/press-1/level"), sv_textbuf_text(&load));
    sv_writer_wait(g.writer);
    assert_int_equal(g.exit_code, 0);
}

static int64_t ask(const char *sql) {
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(g.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t number = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return number;
}

/// Where the n-th row belongs, by what is on disk.
static int64_t placed(int64_t n) {
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(g.db,
                                "SELECT received, at, uptime, known, start FROM reading_row LEFT "
                                "JOIN boot ON boot.id = reading_row.boot ORDER BY reading_row.id "
                                "LIMIT 1 OFFSET ?",
                                &stmt, NULL),
                     SV_OK);
    sv_stmt_bind_int(stmt, 1, n);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t at_us = gw_row_us(stmt, 0);
    sv_stmt_reset(stmt);
    return at_us;
}

/// [reading-5] [reading-6] Three hours before now a board woke in 1970. The power goes after every
/// reading.
static void rows_are_corrected_when_time_is_learned_and_stay_so(void **state) {
    (void) state;
    int64_t start_us = sv_clock_wall_us() - 3 * HOUR;
    say("b1", HOUR, HOUR, false);
    close_store();
    open_store();
    assert_true(placed(0) > start_us + 3 * HOUR - SECOND);
    say("b1", 2 * HOUR, 2 * HOUR, false);
    close_store();
    open_store();
    say("b1", 2 * HOUR + HOUR / 2, start_us + 2 * HOUR + HOUR / 2, true);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(placed(0), start_us + HOUR);
        assert_int_equal(placed(1), start_us + 2 * HOUR);
        assert_int_equal(placed(2), start_us + 2 * HOUR + HOUR / 2);
        close_store();
        open_store();
    }
    // What had waited is placed as it comes, and the times as they came are there still.
    say("b1", 60 * SECOND, 60 * SECOND, false);
    assert_int_equal(placed(3), start_us + 60 * SECOND);
    assert_int_equal(ask("SELECT min(at) FROM reading_row"), 60 * SECOND);
    assert_int_equal(ask("SELECT count(*) FROM boot WHERE known = 4 AND first = 0"), 1);
}

// [reading-6]
static void a_block_holds_the_corrected_time(void **state) {
    (void) state;
    int64_t start_us = sv_clock_wall_us() / SECOND * SECOND - 3 * HOUR;
    for (int64_t i = 0; i < 10; i++) {
        say("b1", HOUR + i * SECOND, HOUR + i * SECOND, false);
    }
    say("b1", 3 * HOUR, start_us + 3 * HOUR, true);
    for (int i = 0; i < 200 && ask("SELECT count(*) FROM stretch WHERE state = 1") == 0; i++) {
        bool busy = false;
        gw_series_turn(&g, &busy);
        sv_writer_wait(g.writer);
        say("", 0, sv_clock_wall_us(), false);
    }
    static sv_block block;
    char room[SV_BLOCK_BYTES_MAX];
    sv_textbuf bytes = SV_TEXTBUF(room);
    int64_t id = gw_block_id(1, 1, 0);
    assert_int_equal(gw_block_next(&g, &id, id, &bytes, NULL), SV_OK);
    assert_int_equal(sv_block_unpack(sv_textbuf_text(&bytes), &block, NULL), SV_OK);
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(block.at_us[i], start_us + HOUR + i * SECOND);
    }
}

static void a_device_has_a_few_starts_and_loses_the_oldest(void **state) {
    (void) state;
    int64_t now_us = sv_clock_wall_us();
    for (int i = 0; i < 3 * GW_BOOTS_MAX; i++) {
        char name[16];
        (void) snprintf(name, sizeof name, "b%d", i);
        say(name, SECOND, 60 * SECOND, false);
        if (i % 5 == 0) {
            close_store();
            open_store();
        }
        say(name, 2 * SECOND, now_us, true);
    }
    assert_int_equal(ask("SELECT count(*) FROM boot"), GW_BOOTS_MAX);
    assert_int_equal(ask("SELECT count(*) FROM boot WHERE name IN ('b23', 'b16')"), 2);
    // What was taken after a start that is forgotten counts as taken when it came.
    assert_true(placed(0) >= now_us);
    assert_int_equal(placed(INT64_C(6) * GW_BOOTS_MAX - 2), now_us - SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waited_in_1970_is_placed_by_what_came_at_once),
        cmocka_unit_test(what_is_learned_later_counts_for_what_came_before),
        cmocka_unit_test(a_plausible_time_gives_way_to_a_proven_clock_alone),
        cmocka_unit_test(a_proven_clock_in_2099_is_not_believed),
        cmocka_unit_test(the_latest_word_counts_whatever_order_they_come_in),
        cmocka_unit_test(what_was_found_by_a_clock_that_was_set_since_is_found_anew),
        cmocka_unit_test(who_says_it_when_it_comes_is_placed_before_anything_that_waited),
        cmocka_unit_test(a_plausible_time_gives_way_to_a_gateway_that_is_right),
        cmocka_unit_test(a_slow_uptime_is_followed_and_what_is_late_moves_nothing),
        cmocka_unit_test(a_small_move_is_not_written_down),
        cmocka_unit_test(what_was_corrected_is_kept_as_a_span_of_whole_minutes),
        cmocka_unit_test_setup_teardown(rows_are_corrected_when_time_is_learned_and_stay_so, start,
                                        end),
        cmocka_unit_test_setup_teardown(a_block_holds_the_corrected_time, start, end),
        cmocka_unit_test_setup_teardown(a_device_has_a_few_starts_and_loses_the_oldest, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
