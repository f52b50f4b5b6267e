// What a detector of one stream keeps: through units, gaps, saving, and whatever comes.
#include "stream_fixture.h"

#include <base/num.h>
#include <float.h>
#include <math.h>

/// A verdict as bits: what must be the same must be the same to the last.
static bool same(const sv_stream_verdict *a, const sv_stream_verdict *b) {
    bool bands = (isnan(a->low) && isnan(b->low)) || (a->low == b->low && a->high == b->high);
    return a->score == b->score && a->novelty == b->novelty && a->alert == b->alert
           && a->open == b->open && a->cause == b->cause && bands;
}

// [detect-3]
static void the_unit_does_not_matter(void **state) {
    (void) state;
    static const struct {
        double factor, offset;
    } UNITS[] = { { -1, 0 }, { 1024, 0 }, { -0.125, 0 }, { 8, 4096 } }; // exact in binary
    for (size_t u = 0; u < SV_COUNT(UNITS); u++) {
        sv_stream_detector plain;
        sv_stream_detector scaled;
        sv_stream_detector_begin(&plain);
        sv_stream_detector_begin(&scaled);
        for (int i = 0; i < READINGS; i++) {
            // Thirds of a millionth, so that value × factor + offset is exact.
            double value = rint(with_peak(i) * 1048576) / 1048576;
            sv_stream_verdict a = take(&plain, time_of(i), value);
            sv_stream_verdict b =
                take(&scaled, time_of(i), value * UNITS[u].factor + UNITS[u].offset);
            assert_true(fabs(a.score - b.score) < 1e-3);
            assert_int_equal(a.alert, b.alert);
        }
    }
}

// [detect-3]
static void the_largest_numbers_are_a_unit_too(void **state) {
    (void) state;
    sv_stream_detector plain;
    sv_stream_detector huge;
    sv_stream_detector_begin(&plain);
    sv_stream_detector_begin(&huge);
    for (int i = 0; i < READINGS; i++) {
        double value = with_peak(i) - 80; // the difference of two may be infinite
        sv_stream_verdict a = take(&plain, time_of(i), value);
        sv_stream_verdict b = take(&huge, time_of(i), ldexp(value, 1018));
        assert_true(fabs(a.score - b.score) < 1e-3);
    }
}

/// In the sensor's unit.
static double unit(const sv_stream_detector *d, float value) {
    return d->frame_centre + d->frame_spread * (double) value;
}

// [detect-5]
static void saved_and_loaded_at_any_point_the_scores_are_the_same(void **state) {
    (void) state;
    sv_stream_detector whole;
    sv_stream_detector broken;
    sv_stream_detector_begin(&whole);
    sv_stream_detector_begin(&broken);
    for (int i = 0; i < READINGS; i++) {
        uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
        size_t len = sv_stream_detector_save(&broken, room, sizeof room);
        assert_in_range(len, 1, sizeof room);
        memset(&broken, 0xA5, sizeof broken);
        assert_int_equal(sv_stream_detector_load(&broken, room, len, NULL), SV_OK);
        sv_stream_verdict a = take(&whole, time_of(i), with_step(i));
        sv_stream_verdict b = take(&broken, time_of(i), with_step(i));
        assert_true(same(&a, &b));
    }
}

// [detect-5]
static void bytes_that_are_no_state_are_refused(void **state) {
    (void) state;
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    for (int i = 0; i < 400; i++) {
        (void) take(&detector, time_of(i), wave(i));
    }
    uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
    size_t len = sv_stream_detector_save(&detector, room, sizeof room);
    assert_int_equal(sv_stream_detector_save(&detector, room, len - 1), 0);
    assert_int_equal(sv_stream_detector_save(&detector, room, sizeof room), len);
    sv_stream_detector before = detector;
    for (size_t i = 0; i < len; i++) {
        room[i] ^= 1;
        assert_int_equal(sv_stream_detector_load(&detector, room, len, NULL), SV_ERR_INVALID);
        room[i] ^= 1;
        assert_int_equal(sv_stream_detector_load(&detector, room, i, NULL), SV_ERR_INVALID);
    }
    assert_memory_equal(&before, &detector, sizeof before);
}

// [detect-6]
static void what_is_no_number_is_judged_zero_and_teaches_nothing(void **state) {
    (void) state;
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    for (int i = 0; i < ODD_AT; i++) {
        (void) take(&detector, time_of(i), wave(i));
    }
    sv_stream_detector before = detector;
    const double none[] = { SV_NAN, (double) INFINITY, -(double) INFINITY };
    for (size_t i = 0; i < SV_COUNT(none); i++) {
        sv_stream_verdict verdict = take(&detector, time_of(ODD_AT), none[i]);
        assert_true(verdict.score == 0 && !verdict.alert);
    }
    assert_memory_equal(&before, &detector, sizeof before);
}

// [detect-6]
static void whatever_the_numbers_and_times_the_scores_are_scores(void **state) {
    (void) state;
    static const double ODD[] = { 0,      -0.0,    1e308, -1e308, DBL_MAX, -DBL_MAX, DBL_MIN,
                                  5e-324, -5e-324, 1,     1e-300, 1e9,     -1e9,     3 };
    static const int64_t TIMES[] = { 0, 1, INT64_MAX, INT64_MIN, -1, 60000000, INT64_MAX / 2, 7 };
    for (unsigned seed = 1; seed < 200; seed++) {
        sv_stream_detector detector;
        sv_stream_detector_begin(&detector);
        unsigned chance = seed * 2654435761U;
        int64_t at_us = 0;
        for (int i = 0; i < 500; i++) {
            chance = chance * 1664525U + 1013904223U;
            double value = ODD[(chance >> 8) % SV_COUNT(ODD)];
            at_us = (chance >> 20) % 8 == 0 ? TIMES[(chance >> 16) % SV_COUNT(TIMES)]
                                            : (int64_t) ((uint64_t) at_us + 1000000U);
            sv_stream_verdict verdict = take(&detector, at_us, seed % 3 == 0 ? fabs(value) : value);
            char room[SV_STREAM_REASON_MAX];
            sv_textbuf reason = SV_TEXTBUF(room);
            sv_stream_reason_add(&reason, &verdict);
            assert_int_equal(sv_textbuf_end(&reason), SV_OK);
        }
        uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
        size_t len = sv_stream_detector_save(&detector, room, sizeof room);
        assert_int_equal(sv_stream_detector_load(&detector, room, len, NULL), SV_OK);
    }
}

/// A clock that is set back an hour costs an hour of learning at the most.
// [detect-6]
static void a_clock_that_is_set_back_does_not_end_the_watch(void **state) {
    (void) state;
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    int64_t back_us = 0;
    bool alerted = false;
    for (int i = 0; i < READINGS; i++) {
        back_us = i == READINGS / 2 ? 40 * SV_TIME_DAY_US * 365 : back_us;
        sv_stream_verdict verdict = take(&detector, time_of(i) - back_us, with_peak(i));
        alerted = alerted || (i == ODD_AT && verdict.alert);
    }
    assert_true(alerted);
}

// [detect-3]
static void what_was_learnt_stays_what_it_was_when_the_spread_changes(void **state) {
    (void) state;
    sv_stream_detector d;
    sv_stream_detector_begin(&d);
    unsigned moves = 0;
    for (int i = 0; i < READINGS; i++) {
        sv_stream_detector before = d;
        int factor = i / 700 + 1;
        (void) take(&d, time_of(i), factor * wave(i));
        unsigned other = (unsigned) (i / 12 + 6) % SV_STREAM_HOURS; // not the one that learns
        bool moved = before.frame_spread > 0 && d.frame_spread != before.frame_spread;
        if (!moved || before.seen < 600) {
            continue;
        }
        moves++;
        double near = 0.02 * before.frame_spread;
        assert_true(fabs(unit(&d, d.hours[other]) - unit(&before, before.hours[other])) < near);
        double place = sinh(d.places[1][0] / 1024.0);
        double place_before = sinh(before.places[1][0] / 1024.0);
        bool replaced = d.weights[0] == sv_stream_weight_code(d.weight_unit);
        assert_true(replaced
                    || fabs(unit(&d, (float) place) - unit(&before, (float) place_before)) < near);
    }
    assert_in_range(moves, 3, 100);
}

// [detect-4]
static void half_as_many_readings_learn_the_same(void **state) {
    (void) state;
    sv_stream_detector all;
    sv_stream_detector half;
    sv_stream_detector_begin(&all);
    sv_stream_detector_begin(&half);
    for (int i = 0; i < ODD_AT + 48; i++) {
        (void) take(&all, time_of(i), with_step(i));
        if (i % 2 == 0) {
            (void) take(&half, time_of(i), with_step(i));
        }
    }
    assert_true(fabs(unit(&all, all.centre) - unit(&half, half.centre)) < 0.5);
    for (size_t i = 0; i < SV_COUNT(all.means); i++) {
        assert_true(fabs(unit(&all, all.means[i]) - unit(&half, half.means[i])) < 1);
    }
}

// [detect-4]
static void a_gap_does_not_make_it_forget(void **state) {
    (void) state;
    sv_stream_detector d;
    sv_stream_detector_begin(&d);
    for (int i = 0; i < ODD_AT; i++) {
        (void) take(&d, time_of(i), wave(i));
    }
    double centre = unit(&d, d.centre);
    (void) take(&d, time_of(ODD_AT + 288 * 5), wave(ODD_AT) + 30);
    assert_true(fabs(unit(&d, d.centre) - centre) < 0.5);
}

// [detect-7]
static void a_place_that_was_called_normal_outlives_others(void **state) {
    (void) state;
    sv_stream_detector d;
    sv_stream_detector_begin(&d);
    const float odd[SV_STREAM_SIGHTS] = { 5, 5, 5, 5, 5 };
    float values[SV_STREAM_SIGHTS];
    sv_stream_place_mark_odd(&d, odd);
    sv_stream_place_keep_odd(&d, values);
    assert_true(fabs((double) values[0] - sinh(5)) < 0.1);
    for (int i = 0; i < 10 * SV_STREAM_PLACES; i++) {
        int row = i / 20;
        const float other[SV_STREAM_SIGHTS] = { (float) (i % 20), (float) -row, 0, 0, 0 };
        (void) sv_stream_place_take(&d, other, 0.001F);
    }
    assert_true(sv_stream_place_take(&d, odd, 0.001F) < 0.01F);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded_at_any_point_the_scores_are_the_same),
        cmocka_unit_test(bytes_that_are_no_state_are_refused),
        cmocka_unit_test(what_is_no_number_is_judged_zero_and_teaches_nothing),
        cmocka_unit_test(whatever_the_numbers_and_times_the_scores_are_scores),
        cmocka_unit_test(a_clock_that_is_set_back_does_not_end_the_watch),
        cmocka_unit_test(the_unit_does_not_matter),
        cmocka_unit_test(the_largest_numbers_are_a_unit_too),
        cmocka_unit_test(what_was_learnt_stays_what_it_was_when_the_spread_changes),
        cmocka_unit_test(half_as_many_readings_learn_the_same),
        cmocka_unit_test(a_gap_does_not_make_it_forget),
        cmocka_unit_test(a_place_that_was_called_normal_outlives_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
