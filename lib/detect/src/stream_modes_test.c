// Modes of operation, and alerts by the week: what a stream of a machine with products and weekends
// raises, at whatever rate it is read.
#include "stream_fixture.h"

#include <base/prng.h>
#include <math.h>

enum { DAYS = 56, PER_DAY = 288 };

/// Every second, every fourth reading, … of the same machine.
typedef double (*machine)(sv_prng *prng, int i);

static double noise_of(sv_prng *prng) {
    return 0.3 * sv_prng_normal(prng);
}

/// Three products for two or three days each, and no load at weekends.
static double with_products(sv_prng *prng, int i) {
    static const double LOADS[] = { 60, 90, 75, 60, 75, 90 };
    int day = i / PER_DAY;
    double load = day % 7 >= 5 ? 20 : LOADS[(day * 2 / 5) % (int) SV_COUNT(LOADS)];
    return load + noise_of(prng);
}

static double with_another_product(sv_prng *prng, int i) {
    int day = i / PER_DAY;
    return day == DAYS - 6 ? 180 + noise_of(prng) : with_products(prng, i);
}

/// Heavy tails: something is always unusual.
static double spiky(sv_prng *prng, int i) {
    (void) i;
    double size = exp(0.9 * sv_prng_normal(prng));
    return sv_prng_unit(prng) < 0.02 ? 50 + 20 * size : 50 + noise_of(prng);
}

/// Alerts from `from_day` on, of every `every`-th reading.
static int alerts_of(machine of, uint64_t seed, int every, sv_aim aim, int from_day) {
    sv_prng prng = { .state = seed };
    sv_stream_detector d;
    sv_stream_detector_begin(&d);
    int count = 0;
    for (int i = 0; i < DAYS * PER_DAY; i++) {
        double value = of(&prng, i);
        if (i % every == 0) {
            sv_stream_verdict verdict;
            sv_stream_detector_take(&d, time_of(i), value, aim, &verdict);
            count += verdict.alert && i >= from_day * PER_DAY ? 1 : 0;
        }
    }
    return count;
}

static const sv_aim normally = { SV_SENSITIVITY_NORMAL, 0 };

// [detect-4] [detect-15]
static void
products_and_weekends_that_came_before_are_no_news_however_often_it_is_read(void **state) {
    (void) state;
    static const int EVERY[] = { 1, 2, 4, 7 };
    for (size_t k = 0; k < SV_COUNT(EVERY); k++) {
        int alerts = 0;
        for (uint64_t seed = 1; seed <= 5; seed++) {
            alerts += alerts_of(with_products, seed, EVERY[k], normally, 28);
        }
        assert_in_range(alerts, 0, 3); // 20 weeks, 70 changes
    }
}

// [detect-15]
static void a_product_that_was_never_there_is_news(void **state) {
    (void) state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        int without = alerts_of(with_products, seed, 1, normally, DAYS - 6);
        assert_true(alerts_of(with_another_product, seed, 1, normally, DAYS - 6) > without);
    }
}

// [detect-16] [detect-4]
static void about_as_many_alerts_are_raised_as_are_wanted(void **state) {
    (void) state;
    static const double WANTED[] = { 0.5, 1, 3 };
    int weeks = (DAYS - 14) / 7;
    for (size_t k = 0; k < SV_COUNT(WANTED); k++) {
        for (int every = 1; every <= 2; every++) {
            int alerts = 0;
            for (uint64_t seed = 1; seed <= 4; seed++) {
                const sv_aim aim = { SV_SENSITIVITY_NORMAL, WANTED[k] };
                alerts += alerts_of(spiky, seed, every, aim, 14);
            }
            double per_week = alerts / (4.0 * weeks);
            assert_true(per_week > 0.5 * WANTED[k] && per_week < 1.5 * WANTED[k]);
        }
    }
    assert_true(alerts_of(spiky, 1, 1, normally, 14) > weeks); // by itself
}

// [detect-16]
static void where_little_happens_there_are_fewer(void **state) {
    (void) state;
    const sv_aim many = { SV_SENSITIVITY_LOW, 100 };
    const sv_aim high = { SV_SENSITIVITY_HIGH, 0 };
    int most = alerts_of(with_products, 1, 1, high, 0);
    assert_in_range(alerts_of(with_products, 1, 1, many, 0), 0, most);
}

// [detect-5] [detect-16]
static void what_was_found_is_kept(void **state) {
    (void) state;
    sv_prng prng = { .state = 3 };
    sv_stream_detector whole;
    sv_stream_detector broken;
    sv_stream_detector_begin(&whole);
    sv_stream_detector_begin(&broken);
    const sv_aim aim = { SV_SENSITIVITY_HIGH, 2 };
    for (int i = 0; i < 20 * PER_DAY; i++) {
        double value = i % 2000 < 1000 ? spiky(&prng, i) : with_products(&prng, i);
        sv_stream_verdict a;
        sv_stream_verdict b;
        uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
        sv_stream_detector_take(&whole, time_of(i), value, aim, &a);
        sv_stream_detector_take(&broken, time_of(i), value, aim, &b);
        assert_true(a.score == b.score && a.novelty == b.novelty && a.alert == b.alert);
        size_t len = sv_stream_detector_save(&broken, room, sizeof room);
        assert_in_range(len, 1, sizeof room);
        memset(&broken, 0xA5, sizeof broken);
        assert_int_equal(sv_stream_detector_load(&broken, room, len, NULL), SV_OK);
    }
    assert_true(whole.mode_count > 1 && whole.bar_shift != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            products_and_weekends_that_came_before_are_no_news_however_often_it_is_read),
        cmocka_unit_test(a_product_that_was_never_there_is_news),
        cmocka_unit_test(about_as_many_alerts_are_raised_as_are_wanted),
        cmocka_unit_test(where_little_happens_there_are_fewer),
        cmocka_unit_test(what_was_found_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
