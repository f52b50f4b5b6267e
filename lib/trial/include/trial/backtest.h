// A backtest: a candidate configuration, what it is held against, and what was found.
#ifndef SV_TRIAL_BACKTEST_H
#define SV_TRIAL_BACKTEST_H

#include <base/map.h>
#include <base/time.h>
#include <trial/trial.h>

enum {
    SV_BACKTEST_BEFORE_HOURS = 24, ///< so long before a trip an alert counts for it, at most
    SV_BACKTEST_TRIPS_MAX = 16,
    SV_BACKTEST_LABELS_MAX = 10000,
};

/// A moment at which a machine stopped.
typedef struct sv_backtest_trip {
    char device_id[SV_ID_ROOM]; ///< empty: of any device
    int64_t at_us;
    bool found;
    sv_trial_alert first; ///< raised before it
} sv_backtest_trip;

/// A stretch of time in which somebody knows that something was wrong.
typedef struct sv_backtest_label {
    char device_id[SV_ID_ROOM], sensor[SV_ID_ROOM]; ///< empty: any
    int64_t from_us, to_us;                         ///< both included
    bool found;
    sv_trial_alert first; ///< raised within it
} sv_backtest_label;

typedef struct sv_backtest_stream {
    sv_trial_stream *candidate;
    sv_trial_stream *undamped; ///< NULL: nothing damps it, and no rule asks about it
    sv_trial_stream *other;    ///< NULL: there is no other configuration
} sv_backtest_stream;

typedef struct sv_backtest {
    sv_rules *rules, *other_rules; ///< `other_rules` NULL: none
    const char *other_name;
    sv_trial *candidate, *undamped, *other;
    sv_map *streams;  ///< device/sensor -> sv_backtest_stream
    unsigned damping; ///< of all streams, of sv_damping
    sv_backtest_trip trips[SV_BACKTEST_TRIPS_MAX];
    size_t trip_count;
    sv_backtest_label *labels;
    size_t label_count;
    uint64_t outside; ///< alerts raised in none of them
    bool detects;
    uint64_t readings;
    int64_t first_us, last_us; ///< of the readings
} sv_backtest;

/// Takes over the rules.
void sv_backtest_open(sv_backtest *test, sv_rules *rules, sv_rules *other);
void sv_backtest_drop(sv_backtest *test);
/// `2026-11-21T10:30:00`, or `press-1@...`.
sv_err sv_backtest_add_trip(sv_backtest *test, sv_text text, sv_why *why);

/// Look for what is unusual as well (edge/usual.h), where the rules want it. Before the first
/// stream.
void sv_backtest_detect(sv_backtest *test);
/// What alerts are held against. `device_id` and `sensor` may be empty: any. Before the first
/// reading.
sv_err sv_backtest_add_label(sv_backtest *test, int64_t from_us, int64_t to_us, sv_text device_id,
                             sv_text sensor, sv_why *why);

/// NULL: too many.
sv_backtest_stream *sv_backtest_stream_of(sv_backtest *test, sv_text device_id, sv_text sensor);
void sv_backtest_take(sv_backtest *test, sv_backtest_stream *stream, double value, int64_t at_us,
                      sv_decision *out);

/// "30 days", "50 min": as long as people say it; `2026-11-21 09:40:12`, or its hour and minute.
void sv_backtest_add_span(sv_textbuf *out, int64_t span_us);
void sv_backtest_add_time(sv_textbuf *out, int64_t at_us, bool hour_alone);

/// What was found, for people and for programs.
void sv_backtest_tell(const sv_backtest *test, sv_textbuf *out);
/// At most the first `shown` alerts are listed.
void sv_backtest_tell_json(const sv_backtest *test, size_t shown, sv_textbuf *out);

#endif
