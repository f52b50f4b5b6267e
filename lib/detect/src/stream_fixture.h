// Series of a daily wave that the tests of streams share, and a reading taken with what holds for
// every verdict.
#ifndef SV_DETECT_STREAM_FIXTURE_H
#define SV_DETECT_STREAM_FIXTURE_H

#include "stream_own.h"
#include <base/test.h>
#include <base/time.h>

enum { READINGS = 4000, ODD_AT = 3000, MINUTES = 5 };

/// A daily wave with a little noise, a reading every five minutes.
static inline double wave(int i) {
    double noise = (double) ((i * 7919) % 1009) / 1009 - 0.5;
    return 50 + 10 * sin(2 * 3.14159265 * i / 288) + noise;
}

static inline int64_t time_of(int i) {
    return INT64_C(1700000000000000) + (int64_t) i * MINUTES * SV_TIME_MINUTE_US;
}

static inline double with_peak(int i) {
    return wave(i) + (i == ODD_AT ? 60 : 0);
}

static inline double with_step(int i) {
    return wave(i) + (i >= ODD_AT ? 30 : 0);
}

static inline sv_stream_verdict take(sv_stream_detector *detector, int64_t at_us, double value) {
    sv_stream_verdict verdict;
    sv_stream_detector_take(detector, at_us, value, (sv_aim){ SV_SENSITIVITY_NORMAL, 0 }, &verdict);
    assert_true(verdict.score >= 0 && verdict.score <= 1);
    assert_true(verdict.novelty >= verdict.score && verdict.novelty <= 1);
    assert_true(isnan(verdict.low) || verdict.low <= verdict.high);
    return verdict;
}

#endif
