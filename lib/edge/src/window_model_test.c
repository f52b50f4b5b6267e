// Random streams, out of order, late, ahead, with a clock that steps both ways, beside a list of
// all that was said, from which every number is worked out anew by the words of the specification.
#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <edge/window.h>
#include <math.h>
#include <stdlib.h>

enum { READINGS_MAX = 4000, ROUNDS = 1500, SEEDS = 12 };

#define SECOND_US SV_TIME_SECOND_US

static const int64_t START_US = INT64_C(1795328100000000);

typedef struct reading {
    double value;
    int64_t at_us;
} reading;

/// What a window of panes or intervals has been given since it began anew, or a session.
typedef struct list {
    reading all[READINGS_MAX];
    size_t count;
} list;

static struct {
    sv_prng prng;
    sv_window_spec spec;
    union {
        unsigned char bytes[SV_WINDOW_BYTES_MAX];
        int64_t aligned;
    } room;
    int64_t now_us;
    list given;
    list ended; ///< a session
    uint32_t late;
} m;

static sv_window *window(void) {
    return (sv_window *) (void *) m.room.bytes;
}

static void put(list *to, double value, int64_t at_us) {
    assert_true(to->count < READINGS_MAX);
    to->all[to->count++] = (reading){ value, at_us };
}

// ---- a number, plainly --------------------------------------------------------------------------

static int by_value(const void *a, const void *b) {
    double x = ((const reading *) a)->value;
    double y = ((const reading *) b)->value;
    return (x > y) - (x < y);
}

static double percent_of(sv_window_function function) {
    return function == SV_WINDOW_P50 ? 50 : function == SV_WINDOW_P95 ? 95 : 99;
}

static const reading *end_of(const list *l, bool last) {
    const reading *end = &l->all[0];
    for (size_t i = 1; i < l->count; i++) {
        const reading *r = &l->all[i];
        end = (last ? r->at_us >= end->at_us : r->at_us < end->at_us) ? r : end;
    }
    return end;
}

static double rate_of(const list *l) {
    const reading *first = end_of(l, false);
    const reading *last = end_of(l, true);
    double seconds = (double) (last->at_us - first->at_us) / 1e6;
    return seconds == 0 ? SV_NAN : (last->value - first->value) / seconds;
}

static double number_of(sv_window_function function, list *l) {
    double sum = 0;
    if (l->count == 0) {
        return SV_NAN;
    }
    for (size_t i = 0; i < l->count; i++) {
        sum += l->all[i].value;
    }
    switch ((int) function) {
    case SV_WINDOW_SUM:
        return sum;
    case SV_WINDOW_MEAN:
        return sum / (double) l->count;
    case SV_WINDOW_COUNT:
        return (double) l->count;
    case SV_WINDOW_FIRST:
    case SV_WINDOW_LAST:
        return end_of(l, function == SV_WINDOW_LAST)->value;
    case SV_WINDOW_RATE:
        return rate_of(l);
    default:
        break;
    }
    qsort(l->all, l->count, sizeof *l->all, by_value);
    if (function == SV_WINDOW_MIN || function == SV_WINDOW_MAX) {
        return l->all[function == SV_WINDOW_MIN ? 0 : l->count - 1].value;
    }
    return l->all[(size_t) ceil(percent_of(function) * (double) l->count / 100) - 1].value;
}

// ---- panes and intervals ------------------------------------------------------------------------

static int64_t panes(void) {
    bool quantile = m.spec.function >= SV_WINDOW_P50 && m.spec.function <= SV_WINDOW_P99;
    return m.spec.kind == SV_WINDOW_TUMBLING ? 2
           : quantile                        ? SV_WINDOW_QUANTILE_PANES
                                             : SV_WINDOW_PANES;
}

static int64_t pane_of(int64_t at_us) {
    int64_t pane_us = m.spec.kind == SV_WINDOW_TUMBLING ? m.spec.span_us : m.spec.span_us / panes();
    return (int64_t) floor((double) at_us / (double) pane_us);
}

static int64_t newest(void) {
    int64_t newest = INT64_MIN;
    for (size_t i = 0; i < m.given.count; i++) {
        int64_t pane = pane_of(m.given.all[i].at_us);
        newest = pane > newest ? pane : newest;
    }
    return newest;
}

/// A clock set back by the window: what it knows lies ahead.
static void forget_what_lies_ahead(void) {
    if (m.given.count > 0 && newest() - pane_of(m.now_us) >= panes()) {
        m.given.count = 0;
    }
}

static int64_t view(void) {
    int64_t now = pane_of(m.now_us);
    return m.given.count > 0 && newest() > now ? newest() : now;
}

static void take_into_pane(double value, int64_t at_us) {
    forget_what_lies_ahead();
    if (pane_of(at_us) <= view() - panes()) {
        m.late++;
    } else {
        put(&m.given, value, at_us);
    }
}

static double pane_number(void) {
    static list seen;
    seen.count = 0;
    forget_what_lies_ahead();
    int64_t last = view();
    for (size_t i = 0; i < m.given.count; i++) {
        int64_t pane = pane_of(m.given.all[i].at_us);
        bool counts = m.spec.kind == SV_WINDOW_TUMBLING ? pane == last - 1
                                                        : pane > last - panes() && pane <= last;
        if (counts) {
            put(&seen, m.given.all[i].value, m.given.all[i].at_us);
        }
    }
    return number_of(m.spec.function, &seen);
}

// ---- sessions -----------------------------------------------------------------------------------

/// Of the session that goes on, or went on last.
static struct { int64_t first_us, last_us; } session;

static void settle_session(int64_t at_us) {
    bool any = m.given.count > 0 || m.ended.count > 0;
    if (any && session.last_us - m.now_us > m.spec.span_us) {
        m.given.count = m.ended.count = 0;
    }
    if (m.given.count > 0
        && (at_us - session.last_us > m.spec.span_us
            || at_us - session.first_us >= SV_WINDOW_SESSION_MAX_US)) {
        m.ended = m.given;
        m.given.count = 0;
    }
}

static void take_into_session(double value, int64_t at_us) {
    settle_session(at_us);
    bool open = m.given.count > 0;
    bool late = open ? session.first_us - at_us > m.spec.span_us
                     : m.ended.count > 0 && at_us <= session.last_us;
    if (late) {
        m.late++;
        return;
    }
    session.first_us = open && session.first_us < at_us ? session.first_us : at_us;
    session.last_us = open && session.last_us > at_us ? session.last_us : at_us;
    put(&m.given, value, at_us);
}

static double session_number(void) {
    static list seen;
    settle_session(m.now_us);
    seen = m.ended;
    return number_of(m.spec.function, &seen);
}

// ---- held against each other --------------------------------------------------------------------

static void start(sv_window_kind kind, sv_window_function function, uint64_t seed) {
    m.prng = (sv_prng){ .state = seed };
    m.spec = (sv_window_spec){ kind, function, (kind == SV_WINDOW_SESSION ? 3 : 16) * SECOND_US };
    m.now_us = seed % 2 == 0 ? START_US : -40 * SECOND_US; // before 1970 as well
    m.given.count = m.ended.count = 0;
    m.late = 0;
    sv_window_start(&m.spec, window());
}

/// Of a quarter of a second, so that times are the same, or exactly a pane or a gap apart, now and
/// then.
static int64_t grid_us(double seconds) {
    return (int64_t) round(seconds * 4) * (SECOND_US / 4);
}

/// By which the clock moves: little, a lot, and back by less or by more than a window.
static int64_t step_us(void) {
    double how = sv_prng_unit(&m.prng);
    double much = how < 0.01 ? -100 : how < 0.03 ? -10 : how < 0.05 ? 60 : how < 0.2 ? 5 : 0.7;
    return grid_us(much * sv_prng_unit(&m.prng));
}

static void take(void) {
    double how = sv_prng_unit(&m.prng);
    double off_s = how < 0.05 ? 30 : how < 0.15 ? -40 : how < 0.4 ? -8 : 0;
    int64_t at_us = m.now_us + grid_us(off_s * sv_prng_unit(&m.prng));
    // Few different values, so that quantiles are exact.
    double value = floor(sv_prng_unit(&m.prng) * 9) / 4;
    sv_window_take(&m.spec, window(), value, at_us, m.now_us);
    at_us = at_us < m.now_us ? at_us : m.now_us;
    if (m.spec.kind == SV_WINDOW_SESSION) {
        take_into_session(value, at_us);
    } else {
        take_into_pane(value, at_us);
    }
}

static void is_the_same(unsigned round) {
    double given = SV_NAN;
    bool known = sv_window_value(&m.spec, window(), m.now_us, &given);
    double wanted = m.spec.kind == SV_WINDOW_SESSION ? session_number() : pane_number();
    bool same =
        isnan(wanted) ? !known : known && fabs(given - wanted) <= 1e-12 * (1 + fabs(wanted));
    if (!same || sv_window_late(window()) != m.late) {
        fail_msg("%s, kind %d, round %u: %.17g is not %.17g; late %u, %u",
                 sv_window_function_name(m.spec.function), (int) m.spec.kind, round, given, wanted,
                 sv_window_late(window()), m.late);
    }
}

static void live(sv_window_kind kind, sv_window_function function, uint64_t seed) {
    start(kind, function, seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        m.now_us += step_us();
        if (sv_prng_unit(&m.prng) < 0.8) {
            take();
        }
        if (sv_prng_unit(&m.prng) < 0.7) {
            is_the_same(round);
        }
    }
}

// [window-1] [window-2] [window-3] [window-4] [window-5] [window-6]
static void any_window_is_what_a_list_of_all_says(void **state) {
    (void) state;
    for (int kind = 0; kind < SV_WINDOW_KIND__COUNT; kind++) {
        for (int function = 0; function < SV_WINDOW_FUNCTION__COUNT; function++) {
            for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                live((sv_window_kind) kind, (sv_window_function) function, seed);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_window_is_what_a_list_of_all_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
