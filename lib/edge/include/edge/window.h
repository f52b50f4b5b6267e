// A stretch of one stream's readings boiled down to one number, in constant memory whatever the
// rate. Three kinds (docs/spec/expression.md, [window-1..]):
//
//   sliding   the last 5 minutes, moving on in panes: a reading leaves when it is 15/16 to 16/16 of
//             the span old (quantiles: 7/8 to 8/8)
//   tumbling  each minute, each hour, aligned to UTC; its number is that of the last one that ended
//   session   ends once nothing has come for the gap; its number is that of the last one that ended
//
// Pure: time comes with the readings and as `now_us`, storage from the caller. A window is plain
// bytes without pointers: it may be copied, stored and moved.
#ifndef SV_EDGE_WINDOW_H
#define SV_EDGE_WINDOW_H

#include <base/time.h>

enum {
    SV_WINDOW_BYTES_MAX = 832,
    SV_WINDOW_PANES = 16,
    SV_WINDOW_QUANTILE_PANES = 8,
};

#define SV_WINDOW_SPAN_MIN_US (SV_TIME_SECOND_US / 10)
#define SV_WINDOW_SPAN_MAX_US (31 * SV_TIME_DAY_US)
/// A session is ended once it has lasted this long, or one without a gap would never have a number.
#define SV_WINDOW_SESSION_MAX_US SV_TIME_DAY_US

typedef enum sv_window_kind {
    SV_WINDOW_SLIDING,
    SV_WINDOW_TUMBLING,
    SV_WINDOW_SESSION,
    SV_WINDOW_KIND__COUNT
} sv_window_kind;

typedef enum sv_window_function {
    SV_WINDOW_MIN,
    SV_WINDOW_MAX,
    SV_WINDOW_MEAN,
    SV_WINDOW_SUM,
    SV_WINDOW_COUNT,
    SV_WINDOW_P50, ///< nearest rank; exact while there are few values, see [window-8]
    SV_WINDOW_P95,
    SV_WINDOW_P99,
    SV_WINDOW_FIRST, ///< by the readings' own time
    SV_WINDOW_LAST,
    SV_WINDOW_RATE, ///< (last - first) per second of the time between the two
    SV_WINDOW_FUNCTION__COUNT
} sv_window_function;

/// What a window is; shared by all streams it is kept for.
typedef struct sv_window_spec {
    sv_window_kind kind;
    sv_window_function function;
    int64_t span_us; ///< the length, or a session's gap; SV_WINDOW_SPAN_MIN_US to .._MAX_US
} sv_window_spec;

/// One stream's window. The owner provides sv_window_bytes() of storage, aligned as an int64_t is.
typedef struct sv_window sv_window;

/// At most SV_WINDOW_BYTES_MAX.
size_t sv_window_bytes(const sv_window_spec *spec);
void sv_window_start(const sv_window_spec *spec, sv_window *window);

/// Take a reading, whose value is finite. One from the future counts as now; one older than all the
/// window holds is not taken, but counted as late. When `now_us` lies a whole window before the
/// newest reading the clock has been set back: the window starts anew.
void sv_window_take(const sv_window_spec *spec, sv_window *window, double value, int64_t at_us,
                    int64_t now_us);

/// The number at `now_us`; false (and *out as it was) when it is unknown: no reading, or for a rate
/// no two at different times, or beyond what a double holds. Never an infinity, never
/// not-a-number.
bool sv_window_value(const sv_window_spec *spec, sv_window *window, int64_t now_us, double *out);

/// Readings that came too late to count.
uint32_t sv_window_late(const sv_window *window);

/// "mean", "p95": as expressions call it.
const char *sv_window_function_name(sv_window_function function);

#endif
