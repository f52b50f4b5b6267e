// A device's sensors together, as a gateway hears them.
#include "state.h"
#include <base/mem.h>
#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <detect/machine_watch.h>
#include <math.h>
#include <stdio.h>

enum { SENSORS = 3 };
static const char *const NAMES[SENSORS] = { "vibration", "pressure", "temperature" };

typedef struct lived {
    sv_mwatch *watch;
    sv_prng prng;
    int64_t at_us;
    double off[SENSORS];
    unsigned alarms; ///< that began
    bool alarmed;
} lived;

/// Six rounds of readings a minute, in which the sensors wander with the hour of the day.
static void live(lived *l, int minutes) {
    for (int i = 0; i < 6 * minutes; i++) {
        l->at_us += SV_TIME_MINUTE_US / 6;
        double day = 2 * M_PI * (double) (l->at_us % SV_TIME_DAY_US) / (double) SV_TIME_DAY_US;
        double common = sv_prng_normal(&l->prng);
        for (unsigned j = 0; j < SENSORS; j++) {
            double value = 20 * j + sin(day) + common / 2 + sv_prng_normal(&l->prng) + l->off[j];
            (void) sv_mwatch_take(l->watch, sv_text_of(NAMES[j]), value, l->at_us);
        }
        bool alarmed = sv_mwatch_is_alarmed(l->watch);
        l->alarms += alarmed && !l->alarmed;
        l->alarmed = alarmed;
    }
}

static void begin(lived *l) {
    *l = (lived){ .watch = sv_mwatch_new(SV_TIME_DAY_US),
                  .prng = { .state = 3 },
                  .at_us = INT64_C(1790000000) * SV_TIME_SECOND_US };
    live(l, SV_MWATCH_GATHER_ROWS + SV_MWATCH_ROWS + 5);
}

// [detect-60]
static void a_machine_is_learnt_for_a_day_and_then_has_its_health(void **state) {
    (void) state;
    lived l = { .watch = sv_mwatch_new(SV_TIME_DAY_US), .prng = { .state = 3 } };
    l.at_us = INT64_C(1790000000) * SV_TIME_SECOND_US;
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_GATHERS);
    live(&l, SV_MWATCH_GATHER_ROWS + 2);
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_LEARNS);
    assert_int_equal(sv_mwatch_health(l.watch), -1);
    live(&l, SV_MWATCH_ROWS - 10);
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_LEARNS);
    live(&l, 15);
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_WATCHES);
    live(&l, 24 * 60);
    assert_in_range(sv_mwatch_health(l.watch), 60, 100);
    assert_int_equal(l.alarms, 0);
    sv_mwatch_drop(&l.watch);
}

// [detect-60] [detect-61]
static void one_episode_is_one_alarm_that_names_who_has_moved(void **state) {
    (void) state;
    sv_mwatch_part parts[SV_MWATCH_PARTS];
    char room[256] = "";
    sv_textbuf reason = SV_TEXTBUF(room);
    lived l;
    begin(&l);
    l.off[1] = -12;
    live(&l, 3 * 60);
    assert_int_equal(l.alarms, 1);
    assert_true(sv_mwatch_health(l.watch) < 35);
    assert_in_range(sv_mwatch_parts(l.watch, parts), 1, SV_MWATCH_PARTS);
    assert_string_equal(parts[0].sensor, "pressure");
    assert_true(parts[0].deviation < -4.5);
    sv_mwatch_add_reason(&reason, l.watch);
    assert_non_null(strstr(room, "Unusual together: pressure lower ("));
    l.off[1] = 0;
    live(&l, 4 * 60);
    assert_false(sv_mwatch_is_alarmed(l.watch));
    assert_int_equal(l.alarms, 1);
    sv_mwatch_drop(&l.watch);
}

// [detect-62]
static void what_lasts_twice_as_long_as_was_learnt_from_is_the_new_usual(void **state) {
    (void) state;
    lived l;
    begin(&l);
    l.off[0] = 15;
    live(&l, 2 * 24 * 60 - 60);
    assert_true(sv_mwatch_is_alarmed(l.watch));
    live(&l, 4 * 60);
    assert_false(sv_mwatch_is_alarmed(l.watch));
    live(&l, 6 * 60);
    assert_in_range(sv_mwatch_health(l.watch), 60, 100);
    sv_mwatch_drop(&l.watch);
}

// [detect-24] [detect-62]
static void what_a_person_calls_normal_is_over_at_once(void **state) {
    (void) state;
    lived l;
    begin(&l);
    assert_false(sv_mwatch_accept(l.watch));
    l.off[0] = 15;
    live(&l, 3 * 60);
    assert_true(sv_mwatch_accept(l.watch));
    assert_false(sv_mwatch_is_alarmed(l.watch));
    live(&l, 6 * 60);
    assert_int_equal(l.alarms, 1);
    sv_mwatch_drop(&l.watch);
}

/// An hour each, with six hours between.
static unsigned alarms_with(sv_aim aim, unsigned episodes, double off) {
    lived l;
    begin(&l);
    l.watch->aim = aim;
    for (unsigned i = 0; i < episodes; i++) {
        l.off[0] = off;
        live(&l, 60);
        l.off[0] = 0;
        live(&l, 6 * 60);
    }
    sv_mwatch_drop(&l.watch);
    return l.alarms;
}

// [detect-61]
static void the_more_sensitive_the_more_is_told(void **state) {
    (void) state;
    unsigned alarms[SV_SENSITIVITY__COUNT] = { 0 };
    for (unsigned s = 0; s < SV_SENSITIVITY__COUNT; s++) {
        for (int i = 0; i < 18; i++) {
            double off = 0.6 * pow(1.15, i);
            alarms[s] += alarms_with((sv_aim){ (sv_sensitivity) s, 0 }, 1, off);
        }
    }
    assert_true(alarms[SV_SENSITIVITY_LOW] < alarms[SV_SENSITIVITY_NORMAL]);
    assert_true(alarms[SV_SENSITIVITY_NORMAL] <= alarms[SV_SENSITIVITY_HIGH]);
}

// [detect-16] [detect-61]
static void no_more_is_told_than_is_wanted(void **state) {
    (void) state;
    unsigned all = alarms_with((sv_aim){ SV_SENSITIVITY_NORMAL, 0 }, 24, 15);
    unsigned few = alarms_with((sv_aim){ SV_SENSITIVITY_NORMAL, 0.5 }, 24, 15);
    assert_in_range(all, 20, 24);
    assert_in_range(few, 1, 5);
}

// [detect-63]
static void what_an_earlier_version_saved_is_taken(void **state) {
    (void) state;
    enum { LATER_BYTES = 1 + 8 };
    static uint8_t bytes[SV_MWATCH_SAVE_BYTES_MAX];
    static uint8_t before[SV_MWATCH_SAVE_BYTES_MAX];
    lived l;
    begin(&l);
    l.off[0] = 15;
    live(&l, 60);
    assert_true(sv_mwatch_is_alarmed(l.watch));
    size_t len = sv_mwatch_save(l.watch, bytes, sizeof bytes);
    size_t detector = sv_machine_detector_save(l.watch->detector, before, sizeof before);
    size_t at = len - SV_STATE_SUM_BYTES - detector - LATER_BYTES;
    sv_textbuf out = sv_state_room(before, sizeof before);
    bytes[3] = '1'; // "SVH1"
    put_bytes(&out, bytes, at);
    put_bytes(&out, bytes + at + LATER_BYTES, detector);
    len = sv_state_seal(&out);
    sv_mwatch_drop(&l.watch);
    assert_int_equal(sv_mwatch_load(before, len, &l.watch, NULL), SV_OK);
    assert_true(sv_mwatch_is_alarmed(l.watch));
    sv_mwatch_drop(&l.watch);
}

// [detect-60]
static void one_sensor_alone_is_no_machine(void **state) {
    (void) state;
    sv_mwatch *watch = sv_mwatch_new(SV_TIME_DAY_US);
    for (int64_t i = 0; i < INT64_C(3) * SV_MWATCH_ROWS; i++) {
        (void) sv_mwatch_take(watch, SV_TEXT("flow"), (double) (i % 7), i * SV_TIME_MINUTE_US);
        if (i % 100 == 0) {
            (void) sv_mwatch_take(watch, SV_TEXT("rare"), 1, i * SV_TIME_MINUTE_US);
        }
    }
    assert_int_equal(sv_mwatch_state_of(watch), SV_MWATCH_GATHERS);
    assert_null(watch->detector);
    sv_mwatch_drop(&watch);
}

// [detect-60]
static void who_begins_to_speak_regularly_is_learnt_with_the_others(void **state) {
    (void) state;
    lived l;
    begin(&l);
    assert_false(sv_mwatch_has(l.watch, SV_TEXT("speed")));
    for (int i = 0; i < 3 * SV_MWATCH_ROWS && !sv_mwatch_has(l.watch, SV_TEXT("speed")); i++) {
        live(&l, 1);
        (void) sv_mwatch_take(l.watch, SV_TEXT("speed"), sv_prng_normal(&l.prng), l.at_us);
    }
    assert_true(sv_mwatch_has(l.watch, SV_TEXT("speed")));
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_LEARNS);
    sv_mwatch_drop(&l.watch);
}

// [detect-60]
static void when_all_but_a_newcomer_have_fallen_silent_it_gathers_again(void **state) {
    (void) state;
    static uint8_t bytes[SV_MWATCH_SAVE_BYTES_MAX];
    lived l;
    begin(&l);
    for (int i = 0; i < 3 * SV_MWATCH_ROWS; i++) {
        l.at_us += SV_TIME_MINUTE_US;
        (void) sv_mwatch_take(l.watch, SV_TEXT("speed"), sv_prng_normal(&l.prng), l.at_us);
    }
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_GATHERS);
    assert_null(l.watch->detector);
    assert_false(sv_mwatch_is_alarmed(l.watch));
    size_t len = sv_mwatch_save(l.watch, bytes, sizeof bytes);
    sv_mwatch_drop(&l.watch);
    assert_int_equal(sv_mwatch_load(bytes, len, &l.watch, NULL), SV_OK);
    live(&l, 2 * SV_MWATCH_GATHER_ROWS);
    assert_int_equal(sv_mwatch_state_of(l.watch), SV_MWATCH_LEARNS);
    sv_mwatch_drop(&l.watch);
}

/// Of both the same readings; `l` goes on.
static void live_alike(lived *l, sv_mwatch *other, int minutes) {
    lived copy = *l;
    copy.watch = other;
    live(l, minutes);
    live(&copy, minutes);
}

// [detect-63]
static void saved_and_loaded_at_any_moment_it_goes_on_the_same(void **state) {
    (void) state;
    static const int MOMENTS[] = { 0, 1, 40, 70, 700, 1440, 100 };
    static uint8_t bytes[2][SV_MWATCH_SAVE_BYTES_MAX];
    lived l = { .watch = sv_mwatch_new(SV_TIME_DAY_US), .prng = { .state = 3 }, .at_us = 77 };
    for (size_t i = 0; i < SV_COUNT(MOMENTS); i++) {
        live(&l, MOMENTS[i]);
        size_t len = sv_mwatch_save(l.watch, bytes[0], sizeof bytes[0]);
        sv_mwatch *again = NULL;
        assert_int_equal(sv_mwatch_load(bytes[0], len, &again, NULL), SV_OK);
        assert_int_equal(sv_mwatch_health(again), sv_mwatch_health(l.watch));
        live_alike(&l, again, 100);
        size_t left = sv_mwatch_save(l.watch, bytes[0], sizeof bytes[0]);
        assert_int_equal(sv_mwatch_save(again, bytes[1], sizeof bytes[1]), left);
        assert_memory_equal(bytes[0], bytes[1], left);
        sv_mwatch_drop(&again);
    }
    assert_int_equal(sv_mwatch_save(l.watch, bytes[0], 500), 0);
    sv_mwatch_drop(&l.watch);
}

// [detect-63]
static void bytes_that_were_cut_or_have_changed_are_refused(void **state) {
    (void) state;
    static uint8_t bytes[SV_MWATCH_SAVE_BYTES_MAX];
    lived l;
    begin(&l);
    size_t len = sv_mwatch_save(l.watch, bytes, sizeof bytes);
    sv_mwatch *again = NULL;
    for (size_t i = 0; i < len; i += 7) {
        assert_int_equal(sv_mwatch_load(bytes, i, &again, NULL), SV_ERR_INVALID);
        bytes[i] ^= 4;
        assert_int_equal(sv_mwatch_load(bytes, len, &again, NULL), SV_ERR_INVALID);
        bytes[i] ^= 4;
    }
    assert_null(again);
    sv_mwatch_drop(&l.watch);
}

// ---- the grid -----------------------------------------------------------------------------------

// [detect-60]
static void a_row_holds_means_and_what_was_said_a_short_while_ago(void **state) {
    (void) state;
    sv_grid grid;
    sv_grid_sensor places[SV_GRID_SENSORS_MAX];
    double row[SV_GRID_SENSORS_MAX];
    sv_grid_start(&grid, 10, places, SV_GRID_SENSORS_MAX);
    size_t fast = sv_grid_sensor_of(&grid, SV_TEXT("fast"));
    size_t slow = sv_grid_sensor_of(&grid, SV_TEXT("slow"));
    assert_false(sv_grid_take(&grid, fast, 1, 100, row));
    assert_false(sv_grid_take(&grid, fast, 3, 109, row));
    assert_false(sv_grid_take(&grid, slow, 7, 105, row));
    assert_true(sv_grid_take(&grid, fast, 5, 110, row));
    assert_true(row[fast] == 2 && row[slow] == 7);
    for (int64_t i = 12; i < 12 + SV_GRID_HELD_ROWS; i++) {
        assert_true(sv_grid_take(&grid, fast, 5, 10 * i, row));
        assert_true(row[slow] == 7);
    }
    assert_true(sv_grid_take(&grid, fast, 5, 1000, row));
    assert_true(isnan(row[slow]) && row[fast] == 5);
    assert_false(sv_grid_take(&grid, slow, 1, 995, row)); // late by a little: into the open row
    assert_false(sv_grid_take(&grid, slow, 1, 5, row));   // a clock that was set: begin anew
    assert_true(sv_grid_take(&grid, slow, 2, 10, row));
    assert_true(row[slow] == 1 && isnan(row[fast]));
}

// [detect-60]
static void there_is_room_for_so_many_sensors(void **state) {
    (void) state;
    sv_grid grid;
    sv_grid_sensor places[SV_GRID_SENSORS_MAX];
    sv_grid_start(&grid, 10, places, SV_GRID_SENSORS_MAX);
    for (unsigned i = 0; i < SV_GRID_SENSORS_MAX + 2; i++) {
        char name[16];
        (void) snprintf(name, sizeof name, "s%u", i);
        size_t place = i < SV_GRID_SENSORS_MAX ? i : SV_GRID_SENSORS_MAX;
        assert_int_equal(sv_grid_sensor_of(&grid, sv_text_of(name)), place);
    }
}

// [detect-65]
static void a_watch_has_room_for_its_sensors_and_for_more_when_they_come(void **state) {
    (void) state;
    static uint8_t bytes[SV_MWATCH_SAVE_BYTES_MAX];
    lived l;
    begin(&l);
    assert_int_equal(l.watch->grid.room, SENSORS);
    size_t len = sv_mwatch_save(l.watch, bytes, sizeof bytes);
    sv_mwatch_drop(&l.watch);
    assert_int_equal(sv_mwatch_load(bytes, len, &l.watch, NULL), SV_OK);
    assert_int_equal(l.watch->grid.room, SENSORS);
    for (unsigned i = 0; i < SV_GRID_SENSORS_MAX + 2; i++) {
        char name[16];
        (void) snprintf(name, sizeof name, "s%u", i);
        (void) sv_mwatch_take(l.watch, sv_text_of(name), i, l.at_us);
        live(&l, 1);
    }
    assert_int_equal(l.watch->grid.room, SV_GRID_SENSORS_MAX);
    assert_int_equal(l.watch->grid.sensors, SV_GRID_SENSORS_MAX);
    assert_string_equal(l.watch->grid.sensor[SV_GRID_SENSORS_MAX - 1].name, "s60");
    sv_mwatch_drop(&l.watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_is_learnt_for_a_day_and_then_has_its_health),
        cmocka_unit_test(one_episode_is_one_alarm_that_names_who_has_moved),
        cmocka_unit_test(what_lasts_twice_as_long_as_was_learnt_from_is_the_new_usual),
        cmocka_unit_test(what_a_person_calls_normal_is_over_at_once),
        cmocka_unit_test(the_more_sensitive_the_more_is_told),
        cmocka_unit_test(no_more_is_told_than_is_wanted),
        cmocka_unit_test(what_an_earlier_version_saved_is_taken),
        cmocka_unit_test(one_sensor_alone_is_no_machine),
        cmocka_unit_test(who_begins_to_speak_regularly_is_learnt_with_the_others),
        cmocka_unit_test(when_all_but_a_newcomer_have_fallen_silent_it_gathers_again),
        cmocka_unit_test(saved_and_loaded_at_any_moment_it_goes_on_the_same),
        cmocka_unit_test(bytes_that_were_cut_or_have_changed_are_refused),
        cmocka_unit_test(a_row_holds_means_and_what_was_said_a_short_while_ago),
        cmocka_unit_test(there_is_room_for_so_many_sensors),
        cmocka_unit_test(a_watch_has_room_for_its_sensors_and_for_more_when_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
