// One (device, sensor) stream in constant memory: moving average, the life of its alerts,
// significant change, one summary per minute. Pure: time comes from the readings, nothing is
// stored or sent here. The same code runs in the gateway, in backtest and in the tests.
// [edge-1..10]
#ifndef SV_EDGE_STREAM_H
#define SV_EDGE_STREAM_H

#include <edge/rules.h>
#include <model/reading.h>

enum {
    SV_STREAM_WINDOW = 10,
    SV_STREAM_PANES = 16, ///< of the time that a rate is judged over
};

typedef struct sv_summary {
    int64_t minute_us; ///< start of the minute of the readings' own time
    int64_t count;
    double min, mean, max;
    double score;     ///< the highest of the minute, 0 to 100: how unusual; 0: not looked for
    double low, high; ///< what was expected at its end; low < high, or it is not known
} sv_summary;

/// What an alert of a stream can be about.
typedef enum sv_cause {
    SV_CAUSE_HIGH,
    SV_CAUSE_LOW,
    SV_CAUSE_RISE,
    SV_CAUSE_FALL,
    SV_CAUSE_STALE,
    SV_CAUSE_UNUSUAL, ///< see usual.h
    SV_CAUSE__COUNT
} sv_cause;

sv_alert_type sv_cause_type(sv_cause cause);
/// What tells causes of one type apart: "rise", "fall", "unusual", or "".
const char *sv_cause_name(sv_cause cause);
/// False when there is no such cause.
bool sv_cause_find(sv_alert_type type, sv_text name, sv_cause *out);

/// Averages of the last while, one per pane: what a rate is judged by.
typedef struct sv_slope {
    struct {
        int64_t at_us; ///< INT64_MIN: empty
        double value;
    } panes[SV_STREAM_PANES];
    unsigned next;
} sv_slope;

typedef struct sv_stream {
    double window[SV_STREAM_WINDOW];
    unsigned filled, next;
    bool sent_any;
    bool quiet; ///< the owner's: nothing is raised now
    double last_sent;
    int64_t heard_us; ///< the owner's, by its clock: of the last reading; INT64_MIN: none yet
    sv_condition causes[SV_CAUSE__COUNT];
    sv_slope *slope;        ///< NULL: no rate was ever asked for
    struct sv_usual *usual; ///< NULL: it was never asked for
    sv_summary minute;      ///< being filled; count 0: none
    double minute_sum;
} sv_stream;

typedef struct sv_decision {
    double value; ///< moving average over the last ≤ 10 readings including this one
    double raw;
    bool has_verdict;                   ///< the average is outside a bound now,
    sv_alert_type verdict;              ///< this one (HIGH before LOW)
    char message[SV_ALERT_MESSAGE_MAX]; ///< set with a verdict
    sv_turn turns[SV_CAUSE__COUNT];     ///< what happened to each cause's alert with this reading
    double rate;                        ///< per the rule's time; not finite: not known
    bool significant;                   ///< first of the stream, or |value − last sent| > change
    bool summary_done;                  ///< `summary` is a minute that this reading has ended
    sv_summary summary;
} sv_decision;

/// An empty stream; heard at `now_us`, or INT64_MIN: never.
void sv_stream_start(sv_stream *stream, int64_t now_us);
void sv_stream_drop(sv_stream *stream);

/// Judge one reading and move the stream on. A reading older than the open minute is counted into
/// it.
void sv_stream_take(sv_stream *stream, const sv_stream_rules *rules, double value, int64_t at_us,
                    sv_decision *out);

/// Time alone, by the owner's clock: silence, and alerts that escalate. True when a turn of `out`
/// is more than nothing. To be asked about once a second.
bool sv_stream_tick(sv_stream *stream, const sv_stream_rules *rules, int64_t now_us,
                    sv_turn out[SV_CAUSE__COUNT]);

/// Before this moment sv_stream_tick does nothing to the stream as it is now; INT64_MAX: not before
/// its next reading. Whoever knows what time it will be need not ask every second.
int64_t sv_stream_due_us(const sv_stream *stream, const sv_stream_rules *rules);

/// What is said about a cause that was last broken, with the number it was broken by.
void sv_stream_message(const sv_stream *stream, const sv_stream_rules *rules, sv_cause cause,
                       char out[SV_ALERT_MESSAGE_MAX]);
/// The same of a number: the average, the rate, or the silence in µs. What is unusual is not said
/// by one.
void sv_cause_message(sv_cause cause, const sv_stream_rules *rules, double number,
                      char out[SV_ALERT_MESSAGE_MAX]);

/// The life that the rules give a cause.
const sv_life *sv_cause_life(sv_cause cause, const sv_stream_rules *rules);

/// End the open minute when `now_us` is past it; false when there is none. For streams that fell
/// silent.
bool sv_stream_flush_minute(sv_stream *stream, int64_t now_us, sv_summary *out);

#endif
