#include "window_bucket.h"
#include <math.h>
#include <string.h>

/// A sum is kept divided by this, so that no number of doubles sums up to more than a double holds.
#define SUM_SCALE 0x1p64
#define NEVER_US INT64_MIN

typedef struct kept {
    double value;
    int64_t mark; ///< a count; of a kept reading its time, NEVER_US: none
} kept;

_Static_assert(sizeof(kept) == BUCKET_PLAIN_BYTES, "as the window's storage is counted");
_Static_assert(2 * sizeof(kept) == BUCKET_RATE_BYTES, "as the window's storage is counted");

static bool is_by_time(sv_window_function function) {
    return function == SV_WINDOW_FIRST || function == SV_WINDOW_LAST || function == SV_WINDOW_RATE;
}

void bucket_start(sv_window_function function, void *bucket, size_t bytes) {
    memset(bucket, 0, bytes);
    kept *k = bucket;
    if (is_by_time(function)) {
        k[0].mark = NEVER_US;
    }
    if (function == SV_WINDOW_RATE) {
        k[1].mark = NEVER_US;
    }
}

/// Of readings at the same time the one that came first is the first, the one that came last the
/// last.
static void keep_first(kept *k, kept other) {
    if (other.mark != NEVER_US && (k->mark == NEVER_US || other.mark < k->mark)) {
        *k = other;
    }
}

static void keep_last(kept *k, kept other) {
    if (other.mark != NEVER_US && other.mark >= k->mark) {
        *k = other;
    }
}

static void keep_sum(kept *k, kept other) {
    k->value += other.value;
    k->mark += other.mark;
}

static void keep_extreme(kept *k, kept other, bool highest) {
    bool better = highest ? other.value > k->value : other.value < k->value;
    if (other.mark > 0 && (k->mark == 0 || better)) {
        k->value = other.value;
    }
    k->mark += other.mark;
}

static void merge(sv_window_function function, kept *into, const kept *from) {
    switch ((int) function) {
    case SV_WINDOW_FIRST:
        keep_first(into, *from);
        break;
    case SV_WINDOW_LAST:
        keep_last(into, *from);
        break;
    case SV_WINDOW_RATE:
        keep_first(&into[0], from[0]);
        keep_last(&into[1], from[1]);
        break;
    case SV_WINDOW_MIN:
    case SV_WINDOW_MAX:
        keep_extreme(into, *from, function == SV_WINDOW_MAX);
        break;
    default:
        keep_sum(into, *from);
        break;
    }
}

void bucket_merge(sv_window_function function, void *into, const void *from) {
    merge(function, into, from);
}

static void add_to_clusters(sv_window_function function, void *bucket, size_t bytes, double value);

void bucket_add(sv_window_function function, void *bucket, size_t bytes, double value,
                int64_t at_us) {
    if (bucket_is_quantile(function)) {
        add_to_clusters(function, bucket, bytes, value);
        return;
    }
    bool sums = function == SV_WINDOW_SUM || function == SV_WINDOW_MEAN;
    kept one = { .value = sums ? value / SUM_SCALE : value,
                 .mark = is_by_time(function) ? at_us : 1 };
    kept both[2] = { one, one };
    merge(function, bucket, both);
}

static bool rate(const kept *k, double *out) {
    if (k[0].mark == NEVER_US || k[0].mark == k[1].mark) {
        return false;
    }
    double seconds = (double) (k[1].mark - k[0].mark) / (double) SV_TIME_SECOND_US;
    *out = (k[1].value - k[0].value) / seconds;
    return true;
}

bool bucket_value(sv_window_function function, const void *bucket, double *out) {
    const kept *k = bucket;
    double value = k->value;
    if (k->mark == (is_by_time(function) ? NEVER_US : 0)) {
        return false;
    }
    if (function == SV_WINDOW_RATE && !rate(k, &value)) {
        return false;
    }
    if (function == SV_WINDOW_COUNT) {
        value = (double) k->mark;
    } else if (function == SV_WINDOW_MEAN) {
        value = value / (double) k->mark * SUM_SCALE;
    } else if (function == SV_WINDOW_SUM) {
        value *= SUM_SCALE;
    }
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

// Quantiles. A bucket holds clusters in order of value, each the mean of some neighbouring readings
// and their number. While there is room every value has a cluster of its own; then the two
// neighbours whose union matters least become one: a p99 wants small clusters near the top, a
// median in the middle, so a cluster may be as large as it is far from there.

typedef struct clusters {
    double *values;
    uint32_t *counts; ///< 0: not used, nor are those after it
    uint32_t used, max;
} clusters;

enum { CLUSTERS_MAX = BUCKET_WHOLE_BYTES / 12 };

static uint32_t clusters_max(size_t bytes) {
    return (uint32_t) (bytes / (sizeof(double) + sizeof(uint32_t)));
}

static uint32_t used_of(const uint32_t *counts, uint32_t max) {
    uint32_t used = 0;
    while (used < max && counts[used] > 0) {
        used++;
    }
    return used;
}

static clusters clusters_of(void *bucket, size_t bytes) {
    clusters c = { .values = bucket, .max = clusters_max(bytes) };
    c.counts = (uint32_t *) (void *) (c.values + c.max);
    c.used = used_of(c.counts, c.max);
    return c;
}

bool bucket_is_quantile(sv_window_function function) {
    return function == SV_WINDOW_P50 || function == SV_WINDOW_P95 || function == SV_WINDOW_P99;
}

static uint64_t percent_of(sv_window_function function) {
    return function == SV_WINDOW_P50 ? 50 : function == SV_WINDOW_P95 ? 95 : 99;
}

/// One more than fits, until two have become one.
typedef struct crowd {
    double values[CLUSTERS_MAX + 1];
    uint32_t counts[CLUSTERS_MAX + 1];
    uint32_t used;
} crowd;

/// How large a cluster may be, relatively, whose readings have this share of all above them. The
/// top of one pane may be the whole top of the window, so a p99 does not look at its own rank
/// alone.
static double allowance(sv_window_function function, double above) {
    double tail = 1 - (double) percent_of(function) / 100;
    return function == SV_WINDOW_P50 ? fabs(above - tail) + tail / 2 : above + tail / 2;
}

/// The lower one of the pair whose union matters least.
static uint32_t pair_to_join(sv_window_function function, const crowd *all) {
    double total = 0;
    for (uint32_t i = 0; i < all->used; i++) {
        total += all->counts[i];
    }
    uint32_t best = 0;
    double least = 0;
    double above = 0;
    for (uint32_t i = all->used - 1; i > 0; i--) {
        double both = (double) all->counts[i] + all->counts[i - 1];
        double cost = both / allowance(function, (above + both / 2) / total);
        if (best == 0 || cost < least) {
            least = cost;
            best = i;
        }
        above += all->counts[i];
    }
    return best - 1;
}

static double between(double low, double value, double high) {
    return value < low ? low : value > high ? high : value;
}

static void join(crowd *all, uint32_t lower) {
    double low = all->values[lower];
    double high = all->values[lower + 1];
    double low_n = all->counts[lower];
    double high_n = all->counts[lower + 1];
    double mean = low * (low_n / (low_n + high_n)) + high * (high_n / (low_n + high_n));
    all->values[lower] = between(low, mean, high);
    all->counts[lower] = low_n + high_n < UINT32_MAX ? (uint32_t) (low_n + high_n) : UINT32_MAX;
    uint32_t after = all->used - lower - 2;
    memmove(&all->values[lower + 1], &all->values[lower + 2], after * sizeof(double));
    memmove(&all->counts[lower + 1], &all->counts[lower + 2], after * sizeof(uint32_t));
    all->used--;
}

/// The first cluster that is not below `value`.
static uint32_t place_of(const clusters *c, double value) {
    uint32_t low = 0;
    uint32_t high = c->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (c->values[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert(sv_window_function function, const clusters *c, uint32_t place, double value) {
    crowd all = { .used = c->used + 1 };
    uint32_t after = c->used - place;
    memcpy(all.values, c->values, place * sizeof(double));
    memcpy(all.counts, c->counts, place * sizeof(uint32_t));
    all.values[place] = value;
    all.counts[place] = 1;
    memcpy(&all.values[place + 1], &c->values[place], after * sizeof(double));
    memcpy(&all.counts[place + 1], &c->counts[place], after * sizeof(uint32_t));
    if (all.used > c->max) {
        join(&all, pair_to_join(function, &all));
    }
    memcpy(c->values, all.values, all.used * sizeof(double));
    memcpy(c->counts, all.counts, all.used * sizeof(uint32_t));
}

static void add_to_clusters(sv_window_function function, void *bucket, size_t bytes, double value) {
    clusters c = clusters_of(bucket, bytes);
    uint32_t place = place_of(&c, value);
    if (place < c.used && c.values[place] == value) {
        c.counts[place] += c.counts[place] < UINT32_MAX ? 1 : 0;
        return;
    }
    insert(function, &c, place, value);
}

/// A bucket while its clusters are walked from the highest down.
typedef struct walk {
    const double *values;
    const uint32_t *counts;
    uint32_t left;
} walk;

static uint64_t walk_start(walk *w, const void *bucket, size_t bytes) {
    uint32_t max = clusters_max(bytes);
    w->values = bucket;
    w->counts = (const uint32_t *) (const void *) (w->values + max);
    w->left = used_of(w->counts, max);
    uint64_t count = 0;
    for (uint32_t i = 0; i < w->left; i++) {
        count += w->counts[i];
    }
    return count;
}

/// The walk whose next cluster is the highest; one of them has a next.
static walk *highest(walk walks[], unsigned n) {
    walk *best = NULL;
    for (unsigned i = 0; i < n; i++) {
        walk *w = &walks[i];
        if (w->left > 0
            && (best == NULL || w->values[w->left - 1] > best->values[best->left - 1])) {
            best = w;
        }
    }
    return best;
}

bool bucket_quantile(sv_window_function function, const void *const buckets[], unsigned buckets_n,
                     size_t bytes, double *out, uint64_t *count) {
    walk walks[SV_WINDOW_QUANTILE_PANES];
    uint64_t all = 0;
    for (unsigned i = 0; i < buckets_n; i++) {
        all += walk_start(&walks[i], buckets[i], bytes);
    }
    *count = all;
    if (all == 0) {
        return false;
    }
    // The nearest rank, counted from the top.
    uint64_t down_to = all - (all * percent_of(function) + 99) / 100 + 1;
    for (uint64_t passed = 0;;) {
        walk *w = highest(walks, buckets_n);
        passed += w->counts[w->left - 1];
        if (passed >= down_to) {
            *out = w->values[w->left - 1];
            return true;
        }
        w->left--;
    }
}
