// A stream of readings and what a window says of it, beside what a plain loop over all of them
// does.
#ifndef SV_WINDOW_FIXTURE_H
#define SV_WINDOW_FIXTURE_H

#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <edge/window.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SECOND_US SV_TIME_SECOND_US
#define MINUTE_US SV_TIME_MINUTE_US

enum { READINGS_MAX = 20000 };

/// 2026-11-22T06:15:00Z, the start of a minute that is not the start of an hour.
static const int64_t START_US = INT64_C(1795328100000000);

typedef struct reading {
    double value;
    int64_t at_us;
} reading;

/// A window beside a list of all it was given.
typedef struct stream {
    sv_window_spec spec;
    int64_t now_us;
    size_t count;
    reading all[READINGS_MAX];
    union {
        unsigned char bytes[SV_WINDOW_BYTES_MAX];
        int64_t aligned;
    } room;
} stream;

static stream s;

static inline sv_window *window(void) {
    return (sv_window *) (void *) s.room.bytes;
}

static inline void start(sv_window_kind kind, sv_window_function function, int64_t span_us) {
    s.spec = (sv_window_spec){ .kind = kind, .function = function, .span_us = span_us };
    s.count = 0;
    s.now_us = START_US;
    memset(s.room.bytes, 0xee, sizeof s.room.bytes);
    sv_window_start(&s.spec, window());
}

static inline void take_at(double value, int64_t at_us) {
    s.all[s.count++] = (reading){ .value = value, .at_us = at_us };
    sv_window_take(&s.spec, window(), value, at_us, s.now_us);
}

static inline void take(double value) {
    take_at(value, s.now_us);
}

/// Not-a-number: unknown.
static inline double value(void) {
    double out = SV_NAN;
    bool known = sv_window_value(&s.spec, window(), s.now_us, &out);
    assert_int_equal(known, !isnan(out));
    return out;
}

static inline int by_value(const void *a, const void *b) {
    double x = ((const reading *) a)->value;
    double y = ((const reading *) b)->value;
    return x < y ? -1 : x > y;
}

static inline unsigned percent_of(sv_window_function function) {
    return function == SV_WINDOW_P50 ? 50 : function == SV_WINDOW_P95 ? 95 : 99;
}

/// The number of `count` readings, worked out plainly; sorts them.
static inline double plainly(sv_window_function function, reading *of, size_t count) {
    if (count == 0) {
        return SV_NAN;
    }
    const reading *first = of;
    const reading *last = of;
    long double sum = 0;
    double low = DBL_MAX;
    double high = -DBL_MAX;
    for (size_t i = 0; i < count; i++) {
        first = of[i].at_us < first->at_us ? &of[i] : first;
        last = of[i].at_us >= last->at_us ? &of[i] : last;
        sum += (long double) of[i].value;
        low = fmin(low, of[i].value);
        high = fmax(high, of[i].value);
    }
    switch ((int) function) {
    case SV_WINDOW_MIN:
        return low;
    case SV_WINDOW_MAX:
        return high;
    case SV_WINDOW_MEAN:
        return (double) (sum / (long double) count);
    case SV_WINDOW_SUM:
        return (double) sum;
    case SV_WINDOW_COUNT:
        return (double) count;
    case SV_WINDOW_FIRST:
        return first->value;
    case SV_WINDOW_LAST:
        return last->value;
    case SV_WINDOW_RATE:
        return last->at_us == first->at_us
                   ? SV_NAN
                   : (last->value - first->value) / ((double) (last->at_us - first->at_us) / 1e6);
    default:
        qsort(of, count, sizeof *of, by_value);
        return of[(count * percent_of(function) + 99) / 100 - 1].value;
    }
}

static inline void is_about(double given, double wanted) {
    if (isnan(wanted) ? !isnan(given) : !(fabs(given - wanted) <= 1e-9 * (1 + fabs(wanted)))) {
        fail_msg("function %d kind %d: %.17g is not %.17g", s.spec.function, s.spec.kind, given,
                 wanted);
    }
}

/// Whole: the number of all that was given.
static inline double of_all(void) {
    static reading copy[READINGS_MAX];
    memcpy(copy, s.all, s.count * sizeof *copy);
    return plainly(s.spec.function, copy, s.count);
}

#endif
