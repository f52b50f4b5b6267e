// Points in time and lengths of time, as values. Nothing here reads a clock (that is sys/clock.h).
//
// Inside Selvedge a point in time is int64 microseconds since 1970-01-01 UTC, named `..._us`;
// text is RFC 3339, and a timestamp without a zone is UTC.
#ifndef SV_BASE_TIME_H
#define SV_BASE_TIME_H

#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>

#define SV_TIME_SECOND_US INT64_C(1000000)
#define SV_TIME_MINUTE_US (60 * SV_TIME_SECOND_US)
#define SV_TIME_HOUR_US (60 * SV_TIME_MINUTE_US)
#define SV_TIME_DAY_US (24 * SV_TIME_HOUR_US)

#define SV_CLOCK_PAST_US INT64_C(1577836800000000) ///< 2020-01-01: a clock before that is wrong

/// One moment by the two clocks of a machine.
typedef struct sv_instant {
    int64_t wall_us;
    int64_t uptime_us; ///< since the machine started; nobody sets this clock
    bool proven;       ///< the wall clock is right: a time server has set it
} sv_instant;

/// `2026-11-22T06:15:04.123456`, optionally with `Z` or `+05:30`; a space or `t` may stand for `T`;
/// years 0001-9999 in UTC; a leap second counts as the next second's start. Digits after the sixth
/// are cut. SV_ERR_INVALID for anything else, and for a day that does not exist.
sv_err sv_time_parse(sv_text text, int64_t *out_us);

/// `2026-11-22T06:15:04.123456Z`; the fraction is left out when it is zero.
void sv_time_add(sv_textbuf *buf, int64_t at_us);

/// A day in UTC, `2026-11-22`, as days since 1970-01-01. SV_ERR_INVALID for anything else.
sv_err sv_day_parse(sv_text text, int64_t *out);
/// The inverse; days that a point in time can lie in.
void sv_day_add(sv_textbuf *buf, int64_t day);
/// The day that a point in time lies in.
int64_t sv_day_of(int64_t at_us);

/// A length of time with its unit: `500ms`, `30s`, `5m`, `2h`, `7d`, or several (`1h30m`); `0`
/// needs none. SV_ERR_INVALID for anything else or beyond 100 years.
sv_err sv_duration_parse(sv_text text, int64_t *out_us);
/// The inverse, in the largest units: `1h30m`, `500ms`, `0`. What is below a millisecond is cut.
void sv_duration_add(sv_textbuf *buf, int64_t duration_us);

#endif
