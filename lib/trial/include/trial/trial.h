// What a configuration would have done with readings of the past: the gateway's own rules
// (lib/edge) in virtual time, which is that of the readings. Pure; alerts are counted, the first of
// them kept. Silence is judged as if every device had been online.
#ifndef SV_TRIAL_TRIAL_H
#define SV_TRIAL_TRIAL_H

#include <edge/guard.h>
#include <edge/stream.h>

enum {
    SV_TRIAL_STREAMS_MAX = 1000000,
    SV_TRIAL_ALERTS_MAX = 1000, ///< kept; all are counted
};

typedef struct sv_trial sv_trial;
typedef struct sv_trial_stream sv_trial_stream;

/// The life of one alert; of a rule with a name it is the device's, without a sensor.
typedef struct sv_trial_alert {
    char device_id[SV_ID_ROOM], sensor[SV_ID_ROOM];
    char rule[SV_ID_ROOM]; ///< which one, where a type has several; else empty
    sv_alert_type type;
    sv_severity severity; ///< the worst it had
    int64_t raised_us;
    int64_t worst_us;   ///< since when it had that
    int64_t cleared_us; ///< INT64_MIN: open at the end
    char message[SV_ALERT_MESSAGE_MAX];
} sv_trial_alert;

/// What rules damp an alert with, a bit each.
typedef enum sv_damping {
    SV_DAMPING_HYSTERESIS = 1,
    SV_DAMPING_HOLD = 2,
    SV_DAMPING_CLEAR = 4,
    SV_DAMPING_FLAPPING = 8,
} sv_damping;

/// `undamped`: as the rules would do without hysteresis, hold, clear time and flapping. Told of
/// every alert as it is raised, if `raised` is not NULL.
sv_trial *sv_trial_new(const sv_rules *rules, bool undamped,
                       void (*raised)(void *arg, const sv_trial_alert *alert), void *arg);
/// Look for what is unusual as well, where the rules want it. Before its first stream.
void sv_trial_detect(sv_trial *trial);
void sv_trial_drop(sv_trial **trial);

/// NULL: more than SV_TRIAL_STREAMS_MAX.
sv_trial_stream *sv_trial_stream_of(sv_trial *trial, sv_text device_id, sv_text sensor);
/// What damps the alerts of a stream and of the rules that ask about it, of sv_damping.
unsigned sv_trial_damping(const sv_trial_stream *stream);
/// A rule with a name asks about it.
bool sv_trial_is_asked(const sv_trial_stream *stream);
/// Alerts raised of a stream so far.
uint64_t sv_trial_raised_by(const sv_trial_stream *stream);
/// Of them, those about what is unusual.
uint64_t sv_trial_unusual_by(const sv_trial_stream *stream);
/// It is this time, at least.
void sv_trial_advance(sv_trial *trial, int64_t now_us);
/// One reading. Its time moves the trial's on, never back.
void sv_trial_take(sv_trial *trial, sv_trial_stream *stream, double value, int64_t at_us,
                   sv_decision *out);

/// Alerts raised so far.
uint64_t sv_trial_raised(const sv_trial *trial);
/// The first SV_TRIAL_ALERTS_MAX.
size_t sv_trial_alert_count(const sv_trial *trial);
const sv_trial_alert *sv_trial_alert_at(const sv_trial *trial, size_t index);

#endif
