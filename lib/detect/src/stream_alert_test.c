// How long an alert of a stream is open: while what it was raised for goes on, and not much longer.
#include "state.h"
#include "stream_fixture.h"

#include <math.h>

enum { DAY = 24 * 60 / MINUTES, HOUR = 60 / MINUTES, FAULT_HOURS = 2 };

typedef struct told {
    int alerts;    ///< from ODD_AT on
    int closed;    ///< the first reading after the first alert at which none was open
    int open_last; ///< the last reading at which one was open
} told;

static void note(told *so_far, int i, const sv_stream_verdict *verdict) {
    so_far->alerts += verdict->alert ? 1 : 0;
    bool ended = so_far->alerts > 0 && !verdict->open && so_far->closed == 0;
    so_far->closed = ended ? i : so_far->closed;
    so_far->open_last = verdict->open ? i : so_far->open_last;
}

/// Of the fixture's wave, to which something happens at ODD_AT.
static told live(double (*of)(int i), int readings) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    told all = { .alerts = 0 };
    for (int i = 0; i < readings; i++) {
        sv_stream_verdict verdict = take(&detector, time_of(i), of(i));
        if (i >= ODD_AT) {
            note(&all, i, &verdict);
        }
    }
    return all;
}

static bool at_fault(int i, int readings) {
    return i >= ODD_AT && i < ODD_AT + readings;
}

static double off_for_hours(int i) {
    return wave(i) + (at_fault(i, FAULT_HOURS * HOUR) ? 30 : 0);
}

static double off_for_hours_with_peaks(int i) {
    return off_for_hours(i) + (i >= ODD_AT && i % 10 == 0 ? 30 : 0);
}

static double noisy_for_hours(int i) {
    return wave(i) + (at_fault(i, 2 * FAULT_HOURS * HOUR) ? 6 * ((i * 31) % 7 - 3) : 0);
}

/// Within the band all the time: there is no wave.
static double stuck_for_hours(int i) {
    bool stuck = at_fault(i, 10 * FAULT_HOURS * HOUR);
    return stuck ? 50 : wave(i) - 10 * sin(2 * 3.14159265 * i / DAY);
}

// [detect-14]
static void an_alert_ends_when_the_value_has_been_usual_for_a_settled_while(void **state) {
    (void) state;
    static const struct {
        double (*of)(int i);
        int hours; ///< that it lasts
    } CASES[] = {
        { off_for_hours, FAULT_HOURS },
        { off_for_hours_with_peaks, FAULT_HOURS }, // now and then is not what it was raised for
        { noisy_for_hours, 2 * FAULT_HOURS },
        { stuck_for_hours, 10 * FAULT_HOURS },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int over = ODD_AT + CASES[i].hours * HOUR;
        told all = live(CASES[i].of, READINGS);
        assert_in_range(all.alerts, 1, 2);
        assert_in_range(all.closed, over + HOUR / 2, over + 6 * HOUR);
    }
}

static double off_for_a_day(int i) {
    return wave(i) + (at_fault(i, DAY) ? 30 : 0);
}

// [detect-14]
static void an_alert_lasts_while_what_raised_it_goes_on(void **state) {
    (void) state;
    told all = live(off_for_a_day, READINGS);
    assert_int_equal(all.alerts, 1);
    assert_in_range(all.closed, ODD_AT + DAY, ODD_AT + DAY + 6 * HOUR);
}

// [detect-14]
static void a_young_stream_counts_in_its_own_time(void **state) {
    (void) state;
    enum { FROM = 3600, LASTS = 480 }; // seconds; the value comes once each
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    told all = { .alerts = 0 };
    for (int i = 0; i < FROM + 4 * LASTS; i++) {
        bool leaks = i >= FROM && i < FROM + LASTS;
        int64_t at_us = time_of(0) + i * SV_TIME_SECOND_US;
        sv_stream_verdict verdict = take(&detector, at_us, wave(i * 7) * (leaks ? 0.1 : 1));
        note(&all, i, &verdict);
    }
    assert_int_equal(all.alerts, 1);
    assert_in_range(all.closed, FROM + LASTS, FROM + LASTS + 300);
}

// [detect-14]
static void a_new_level_is_the_usual_in_the_end(void **state) {
    (void) state;
    told all = live(with_step, READINGS);
    assert_int_equal(all.alerts, 1);
    assert_in_range(all.closed, ODD_AT + DAY, ODD_AT + 2 * DAY + 1);
    assert_true(all.open_last < all.closed);
}

static double coming_and_going(int i) {
    return wave(i) + (i >= ODD_AT && (i - ODD_AT) % (4 * HOUR) < HOUR ? 30 : 0);
}

// [detect-14]
static void what_comes_and_goes_does_not_raise_an_alert_each_time(void **state) {
    (void) state;
    told all = live(coming_and_going, ODD_AT + 2 * DAY); // twelve times
    assert_in_range(all.alerts, 1, 4);                   // as many as there are episodes
}

/// For ten hours the value is in the middle of its band.
static bool open_after_hours(sv_stream_detector *detector) {
    for (int i = 0; i < 10 * HOUR; i++) {
        sv_stream_alert_take(detector, 0, 0, (float) (MINUTES * SV_TIME_MINUTE_US));
    }
    return detector->alerted;
}

// [detect-14]
static void noise_and_sameness_keep_an_alert_open_within_the_band(void **state) {
    (void) state;
    sv_stream_detector usual;
    sv_stream_detector_begin(&usual);
    for (int i = 0; i < ODD_AT; i++) {
        (void) take(&usual, time_of(i), wave(i));
    }
    static const sv_stream_cause CAUSES[] = { SV_STREAM_NOISE, SV_STREAM_STUCK };
    for (size_t i = 0; i < SV_COUNT(CAUSES); i++) {
        sv_stream_detector odd = usual;
        odd.step_now = CAUSES[i] == SV_STREAM_NOISE ? 4 * usual.step : usual.step_now;
        odd.same_us = CAUSES[i] == SV_STREAM_STUCK ? 2 * sv_stream_stuck_us(&usual) : 0;
        sv_stream_alert_open(&odd, 0, 0, CAUSES[i]);
        assert_true(open_after_hours(&odd));
        odd.step_now = usual.step_now;
        odd.same_us = 0;
        assert_false(open_after_hours(&odd));
    }
}

/// The bytes of a detector as an earlier version wrote them: without what has gone beyond records
/// of late; before, places had weights of four bytes, and there were no modes; at first not what an
/// alert waits for either.
static size_t saved_before(const sv_stream_detector *detector, char version, uint8_t *room,
                           size_t room_bytes) {
    enum {
        WEIGHTS_AT = 4 + 8 + 4 * 8 + 65 * 4,
        WEIGHTS_END = WEIGHTS_AT + 2 * SV_STREAM_PLACES,
        MODE_BYTES = (2 * SV_STREAM_MODES + 6) * 4 + 1 + 8,
        ALERT_BYTES = 6 * 4,
        BEYOND_BYTES = 2 * 4,
    };
    uint8_t now[SV_STREAM_SAVE_BYTES_MAX];
    size_t len = sv_stream_detector_save(detector, now, sizeof now);
    len -= BEYOND_BYTES + SV_STATE_SUM_BYTES;
    assert_in_range(len, WEIGHTS_END + ALERT_BYTES + MODE_BYTES, sizeof now);
    now[3] = (uint8_t) version; // "SVS1", "SVS2", "SVS3"
    sv_textbuf out = sv_state_room(room, room_bytes);
    if (version == '3') {
        put_bytes(&out, now, len);
        return sv_state_seal(&out);
    }
    len -= MODE_BYTES + (version == '1' ? ALERT_BYTES : 0U);
    put_bytes(&out, now, WEIGHTS_AT);
    for (size_t i = 0; i < SV_STREAM_PLACES; i++) {
        uint32_t bits = (uint32_t) detector->weights[i] << 16;
        float weight = 0;
        memcpy(&weight, &bits, sizeof weight);
        put_float(&out, weight / detector->weight_unit);
    }
    put_bytes(&out, now + WEIGHTS_END, len - WEIGHTS_END);
    return sv_state_seal(&out);
}

static void take_with_an_earlier_version(char version) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    told all = { .alerts = 0 };
    for (int i = 0; i < READINGS; i++) {
        sv_stream_verdict verdict = take(&detector, time_of(i), off_for_hours(i));
        if (i >= ODD_AT) {
            note(&all, i, &verdict);
        }
        if (i == ODD_AT + HOUR) {
            uint8_t room[2 * SV_STREAM_SAVE_BYTES_MAX];
            size_t len = saved_before(&detector, version, room, sizeof room);
            memset(&detector, 0xA5, sizeof detector);
            assert_int_equal(sv_stream_detector_load(&detector, room, len, NULL), SV_OK);
        }
    }
    int over = ODD_AT + FAULT_HOURS * HOUR;
    assert_int_equal(all.alerts, 1);
    assert_in_range(all.closed, over + HOUR / 2, over + 4 * HOUR);
}

// [detect-5]
static void an_alert_that_an_earlier_version_left_open_goes_on_and_ends(void **state) {
    (void) state;
    take_with_an_earlier_version('1');
    take_with_an_earlier_version('2');
    take_with_an_earlier_version('3');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_ends_when_the_value_has_been_usual_for_a_settled_while),
        cmocka_unit_test(an_alert_lasts_while_what_raised_it_goes_on),
        cmocka_unit_test(noise_and_sameness_keep_an_alert_open_within_the_band),
        cmocka_unit_test(a_young_stream_counts_in_its_own_time),
        cmocka_unit_test(a_new_level_is_the_usual_in_the_end),
        cmocka_unit_test(what_comes_and_goes_does_not_raise_an_alert_each_time),
        cmocka_unit_test(an_alert_that_an_earlier_version_left_open_goes_on_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
