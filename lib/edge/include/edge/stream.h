// One (device, sensor) stream in constant memory: moving average, thresholds with an alert's life,
// significant change, one summary per minute. Pure: time comes from the readings, nothing is
// stored or sent here. The same code runs in the gateway, in backtest and in the tests. [edge-1..6]
#ifndef SV_EDGE_STREAM_H
#define SV_EDGE_STREAM_H

#include <edge/rules.h>
#include <model/reading.h>

enum { SV_STREAM_WINDOW = 10 };

typedef struct sv_summary {
    int64_t minute_us; ///< start of the minute of the readings' own time
    int64_t count;
    double min, mean, max;
} sv_summary;

/// The alert state of one bound.
typedef struct sv_bound_state {
    bool open;
    int64_t broken_since_us;            ///< INT64_MIN: not broken
    int64_t kept_since_us;              ///< INT64_MIN: not kept
    char alert_id[SV_ALERT_ID_MAX + 1]; ///< given by the owner while open
} sv_bound_state;

typedef struct sv_stream {
    double window[SV_STREAM_WINDOW];
    unsigned filled, next;
    bool sent_any;
    double last_sent;
    sv_bound_state high, low;
    sv_summary minute; ///< being filled; count 0: none
    double minute_sum;
} sv_stream;

typedef struct sv_decision {
    double value; ///< moving average over the last ≤ 10 readings including this one
    double raw;
    bool has_verdict;                   ///< the average is outside a bound now,
    sv_alert_type verdict;              ///< this one (HIGH before LOW)
    char message[SV_ALERT_MESSAGE_MAX]; ///< set with a verdict
    sv_alert_event high, low;           ///< what happened to each bound's alert with this reading
    bool significant;                   ///< first of the stream, or |value − last sent| > change
    bool summary_done;                  ///< `summary` is a minute that this reading has ended
    sv_summary summary;
} sv_decision;

/// An empty stream.
void sv_stream_start(sv_stream *stream);

/// Judge one reading and move the stream on. A reading older than the open minute is counted into
/// it.
void sv_stream_take(sv_stream *stream, const sv_stream_rules *rules, double value, int64_t at_us,
                    sv_decision *out);

/// End the open minute when `now_us` is past it; false when there is none. For streams that fell
/// silent.
bool sv_stream_flush_minute(sv_stream *stream, int64_t now_us, sv_summary *out);

#endif
