#include "window_bucket.h"
#include <string.h>

enum {
    WHOLE_BUCKETS = 2, ///< tumbling: this hour and the last; session: see the next two
    SESSION_OPEN = 0,  ///< the bucket of the session that goes on
    SESSION_DONE = 1,  ///< of the last one that ended
    FRESH_SHARE = 200  ///< a quantile is worked out again once one in so many readings is new
};

#define NO_PANE INT64_MIN
/// Times are kept within this, so that no difference of two overflows.
#define TIME_MAX_US (INT64_MAX / 4)

struct sv_window {
    int64_t newest;            ///< the latest pane with a reading
    int64_t cached_pane;       ///< what is cached belongs to the view from this pane
    int64_t first_us, last_us; ///< of the session that goes on, or, `last_us`, that went on last
    double cached;             ///< a quantile
    uint32_t late;
    uint32_t filled; ///< a bit per bucket
    uint32_t fresh;  ///< readings taken since the quantile was worked out
    uint32_t cached_known;
    uint64_t cached_count;
    unsigned char buckets[]; ///< in a sliding window of no quantile one more: the sum of all
};

static size_t bucket_bytes(const sv_window_spec *spec) {
    if (bucket_is_quantile(spec->function)) {
        return spec->kind == SV_WINDOW_SLIDING ? BUCKET_PANE_BYTES : BUCKET_WHOLE_BYTES;
    }
    return spec->function == SV_WINDOW_RATE ? BUCKET_RATE_BYTES : BUCKET_PLAIN_BYTES;
}

static unsigned panes_of(const sv_window_spec *spec) {
    if (spec->kind != SV_WINDOW_SLIDING) {
        return WHOLE_BUCKETS;
    }
    return bucket_is_quantile(spec->function) ? SV_WINDOW_QUANTILE_PANES : SV_WINDOW_PANES;
}

static bool has_sum(const sv_window_spec *spec) {
    return spec->kind == SV_WINDOW_SLIDING && !bucket_is_quantile(spec->function);
}

_Static_assert(sizeof(sv_window) + (size_t) SV_WINDOW_QUANTILE_PANES * BUCKET_PANE_BYTES
                   <= SV_WINDOW_BYTES_MAX,
               "a sliding quantile");
_Static_assert(sizeof(sv_window) + (size_t) WHOLE_BUCKETS * BUCKET_WHOLE_BYTES
                   <= SV_WINDOW_BYTES_MAX,
               "another quantile");
_Static_assert(sizeof(sv_window) + (SV_WINDOW_PANES + 1UL) * BUCKET_RATE_BYTES
                   <= SV_WINDOW_BYTES_MAX,
               "a sliding rate");

size_t sv_window_bytes(const sv_window_spec *spec) {
    return sizeof(sv_window) + (panes_of(spec) + (has_sum(spec) ? 1U : 0U)) * bucket_bytes(spec);
}

static void *bucket_at(const sv_window_spec *spec, sv_window *window, unsigned index) {
    return window->buckets + index * bucket_bytes(spec);
}

static bool is_filled(const sv_window *window, unsigned index) {
    return (window->filled & (1U << index)) != 0;
}

void sv_window_start(const sv_window_spec *spec, sv_window *window) {
    memset(window, 0, sv_window_bytes(spec));
    window->newest = NO_PANE;
    window->cached_pane = NO_PANE;
}

static void start_anew(const sv_window_spec *spec, sv_window *window) {
    uint32_t late = window->late;
    sv_window_start(spec, window);
    window->late = late;
}

static void add_late(sv_window *window) {
    window->late += window->late < UINT32_MAX ? 1 : 0;
}

static int64_t bounded(int64_t at_us) {
    return at_us < -TIME_MAX_US ? -TIME_MAX_US : at_us > TIME_MAX_US ? TIME_MAX_US : at_us;
}

static void add_to_bucket(const sv_window_spec *spec, sv_window *window, unsigned index,
                          double value, int64_t at_us) {
    void *bucket = bucket_at(spec, window, index);
    if (!is_filled(window, index)) {
        bucket_start(spec->function, bucket, bucket_bytes(spec));
        window->filled |= 1U << index;
    }
    bucket_add(spec->function, bucket, bucket_bytes(spec), value, at_us);
}

/// The quantile over the filled ones of `indexes`, worked out again when enough is new.
static bool quantile(const sv_window_spec *spec, sv_window *window, int64_t view,
                     const unsigned indexes[], unsigned n, double *out) {
    bool stale = window->cached_pane != view
                 || (uint64_t) window->fresh * FRESH_SHARE > window->cached_count;
    if (stale) {
        const void *buckets[SV_WINDOW_QUANTILE_PANES];
        for (unsigned i = 0; i < n; i++) {
            buckets[i] = bucket_at(spec, window, indexes[i]);
        }
        window->cached_known = bucket_quantile(spec->function, buckets, n, bucket_bytes(spec),
                                               &window->cached, &window->cached_count);
        window->cached_pane = view;
        window->fresh = 0;
    }
    if (window->cached_known == 0) {
        return false;
    }
    *out = window->cached;
    return true;
}

// Sliding and tumbling: a ring of panes, the latest being `newest`.

static int64_t pane_of(const sv_window_spec *spec, int64_t at_us) {
    int64_t pane_us =
        spec->kind == SV_WINDOW_TUMBLING ? spec->span_us : spec->span_us / panes_of(spec);
    return at_us / pane_us - (at_us % pane_us < 0 ? 1 : 0);
}

static unsigned slot_of(const sv_window_spec *spec, int64_t pane) {
    unsigned panes = panes_of(spec); // a power of two
    return (unsigned) ((uint64_t) pane & (panes - 1));
}

/// The clock has been set back by a whole window: what there is lies ahead and would hide what
/// comes.
static bool lies_ahead(const sv_window_spec *spec, const sv_window *window, int64_t now_pane) {
    return window->newest != NO_PANE && window->newest - now_pane >= panes_of(spec);
}

static void advance(const sv_window_spec *spec, sv_window *window, int64_t pane) {
    if (window->newest == NO_PANE || pane - window->newest >= panes_of(spec)) {
        window->filled = 0;
    } else {
        for (int64_t gone = window->newest + 1; gone <= pane; gone++) {
            window->filled &= ~(1U << slot_of(spec, gone));
        }
    }
    window->newest = pane;
    window->cached_pane = NO_PANE;
}

static void take_into_pane(const sv_window_spec *spec, sv_window *window, double value,
                           int64_t at_us, int64_t now_us) {
    int64_t pane = pane_of(spec, at_us);
    int64_t now_pane = pane_of(spec, now_us);
    int64_t panes = panes_of(spec);
    if (lies_ahead(spec, window, now_pane)) {
        start_anew(spec, window);
    }
    if (pane <= now_pane - panes || (window->newest != NO_PANE && pane <= window->newest - panes)) {
        add_late(window);
        return;
    }
    if (window->newest == NO_PANE || pane > window->newest) {
        advance(spec, window, pane);
    }
    add_to_bucket(spec, window, slot_of(spec, pane), value, at_us);
    window->fresh++;
    if (has_sum(spec) && window->cached_pane != NO_PANE && pane > window->cached_pane - panes) {
        bucket_add(spec->function, bucket_at(spec, window, SV_WINDOW_PANES), bucket_bytes(spec),
                   value, at_us);
    }
}

static bool sliding_value(const sv_window_spec *spec, sv_window *window, int64_t view,
                          double *out) {
    unsigned indexes[SV_WINDOW_PANES];
    unsigned n = 0;
    if (has_sum(spec) && window->cached_pane == view) {
        return bucket_value(spec->function, bucket_at(spec, window, SV_WINDOW_PANES), out);
    }
    for (int64_t pane = view - panes_of(spec) + 1; pane <= window->newest; pane++) {
        if (is_filled(window, slot_of(spec, pane))) {
            indexes[n++] = slot_of(spec, pane);
        }
    }
    if (!has_sum(spec)) {
        return quantile(spec, window, view, indexes, n, out);
    }
    void *sum = bucket_at(spec, window, SV_WINDOW_PANES);
    bucket_start(spec->function, sum, bucket_bytes(spec));
    for (unsigned i = 0; i < n; i++) {
        bucket_merge(spec->function, sum, bucket_at(spec, window, indexes[i]));
    }
    window->cached_pane = view;
    return bucket_value(spec->function, sum, out);
}

static bool tumbling_value(const sv_window_spec *spec, sv_window *window, int64_t view,
                           double *out) {
    unsigned slot = slot_of(spec, view - 1);
    if (window->newest < view - 1 || !is_filled(window, slot)) {
        return false;
    }
    return bucket_is_quantile(spec->function)
               ? quantile(spec, window, view, &slot, 1, out)
               : bucket_value(spec->function, bucket_at(spec, window, slot), out);
}

static bool pane_value(const sv_window_spec *spec, sv_window *window, int64_t now_us, double *out) {
    int64_t view = pane_of(spec, now_us);
    if (lies_ahead(spec, window, view)) {
        start_anew(spec, window);
    }
    if (window->newest == NO_PANE) {
        return false;
    }
    view = window->newest > view ? window->newest : view;
    return spec->kind == SV_WINDOW_SLIDING ? sliding_value(spec, window, view, out)
                                           : tumbling_value(spec, window, view, out);
}

// Sessions

static void end_session(const sv_window_spec *spec, sv_window *window) {
    memcpy(bucket_at(spec, window, SESSION_DONE), bucket_at(spec, window, SESSION_OPEN),
           bucket_bytes(spec));
    window->filled = 1U << SESSION_DONE;
    window->cached_pane = NO_PANE;
}

/// Nothing has come for the gap, or it has lasted too long; `at_us`: of a reading, or now.
static bool is_over(const sv_window_spec *spec, const sv_window *window, int64_t at_us) {
    return is_filled(window, SESSION_OPEN)
           && (at_us - window->last_us > spec->span_us
               || at_us - window->first_us >= SV_WINDOW_SESSION_MAX_US);
}

static void take_into_session(const sv_window_spec *spec, sv_window *window, double value,
                              int64_t at_us, int64_t now_us) {
    if (window->filled != 0 && window->last_us - now_us > spec->span_us) {
        start_anew(spec, window);
    }
    if (is_over(spec, window, at_us)) {
        end_session(spec, window);
    }
    bool goes_on = is_filled(window, SESSION_OPEN);
    bool late = goes_on ? window->first_us - at_us > spec->span_us
                        : window->filled != 0 && at_us <= window->last_us;
    if (late) {
        add_late(window);
        return;
    }
    window->first_us = goes_on && window->first_us < at_us ? window->first_us : at_us;
    window->last_us = goes_on && window->last_us > at_us ? window->last_us : at_us;
    add_to_bucket(spec, window, SESSION_OPEN, value, at_us);
}

static bool session_value(const sv_window_spec *spec, sv_window *window, int64_t now_us,
                          double *out) {
    if (window->filled != 0 && window->last_us - now_us > spec->span_us) {
        start_anew(spec, window);
    }
    if (is_over(spec, window, now_us)) {
        end_session(spec, window);
    }
    if (!is_filled(window, SESSION_DONE)) {
        return false;
    }
    unsigned done = SESSION_DONE;
    return bucket_is_quantile(spec->function)
               ? quantile(spec, window, 0, &done, 1, out)
               : bucket_value(spec->function, bucket_at(spec, window, SESSION_DONE), out);
}

void sv_window_take(const sv_window_spec *spec, sv_window *window, double value, int64_t at_us,
                    int64_t now_us) {
    now_us = bounded(now_us);
    at_us = bounded(at_us) < now_us ? bounded(at_us) : now_us;
    if (spec->kind == SV_WINDOW_SESSION) {
        take_into_session(spec, window, value, at_us, now_us);
    } else {
        take_into_pane(spec, window, value, at_us, now_us);
    }
}

bool sv_window_value(const sv_window_spec *spec, sv_window *window, int64_t now_us, double *out) {
    now_us = bounded(now_us);
    return spec->kind == SV_WINDOW_SESSION ? session_value(spec, window, now_us, out)
                                           : pane_value(spec, window, now_us, out);
}

uint32_t sv_window_late(const sv_window *window) {
    return window->late;
}

const char *sv_window_function_name(sv_window_function function) {
    static const char *const NAMES[SV_WINDOW_FUNCTION__COUNT] = {
        [SV_WINDOW_MIN] = "min",   [SV_WINDOW_MAX] = "max",     [SV_WINDOW_MEAN] = "mean",
        [SV_WINDOW_SUM] = "sum",   [SV_WINDOW_COUNT] = "count", [SV_WINDOW_P50] = "p50",
        [SV_WINDOW_P95] = "p95",   [SV_WINDOW_P99] = "p99",     [SV_WINDOW_FIRST] = "first",
        [SV_WINDOW_LAST] = "last", [SV_WINDOW_RATE] = "rate",
    };
    return (unsigned) function < SV_WINDOW_FUNCTION__COUNT ? NAMES[function] : "unknown";
}
