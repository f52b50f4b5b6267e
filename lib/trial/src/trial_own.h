// What the files of a trial share: trial.c is about streams and time, trial_guard.c about the rules
// with names, trial_alert.c about the alerts of both.
#ifndef SV_TRIAL_OWN_H
#define SV_TRIAL_OWN_H

#include <base/map.h>
#include <trial/trial.h>

enum { TRIAL_NO_ALERT = 0 };

/// The rules with names of one device.
typedef struct trial_guard {
    sv_guard *guard;
    int64_t due_us;
    char device_id[SV_ID_ROOM];
} trial_guard;

struct sv_trial_stream {
    sv_stream stream;
    sv_stream_rules rules;
    unsigned damping;
    uint64_t raised, unusual;
    int64_t due_us;  ///< when time alone may do something to it
    trial_guard *of; ///< NULL: no rule with a name asks about it
    sv_tap tap;
    uint32_t alert[SV_CAUSE__COUNT]; ///< its open alert's number, from 1, or TRIAL_NO_ALERT
    char device_id[SV_ID_ROOM], sensor[SV_ID_ROOM];
};

struct sv_trial {
    const sv_rules *rules;
    bool undamped, detects;
    void (*told)(void *arg, const sv_trial_alert *alert);
    void *arg;
    sv_map *streams; ///< device/sensor -> sv_trial_stream
    sv_map *guards;  ///< device -> trial_guard
    int64_t now_us;
    int64_t due_us; ///< of the first that is due
    int64_t muted_us;
    uint64_t muted; ///< in the second from `muted_us` on
    uint64_t raised[SV_ALERT_TYPE__COUNT];
    sv_trial_alert *alerts;
    size_t alert_count;
};

/// It was raised; its number if it is kept.
uint32_t trial_alert_raise(sv_trial *trial, const sv_trial_alert *alert);
/// What became of it, if it is kept.
void trial_alert_follow(sv_trial *trial, uint32_t number, sv_severity severity,
                        sv_alert_event event, int64_t at_us);

/// The first full second that is not before `due_us`, and after now.
int64_t trial_second(const sv_trial *trial, int64_t due_us);

/// The rules that ask about the stream, and what damps them.
void trial_guard_attach(sv_trial *trial, sv_trial_stream *stream);
void trial_guard_take(sv_trial *trial, sv_trial_stream *stream, const sv_expression_input *input);
/// Those that are due now. Sets when the next one is.
void trial_guard_tick(sv_trial *trial);
void trial_guard_drop(sv_trial *trial);

#endif
