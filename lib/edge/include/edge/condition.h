// The life of one cause for concern: shut until it has been broken for `hold`, then open until it
// has been kept for `clear`. While it is open one alert speaks for it. The same life serves
// thresholds, rates, silence and named rules. Pure: time comes with what is judged. [edge-3]
// [edge-7..9]
#ifndef SV_EDGE_CONDITION_H
#define SV_EDGE_CONDITION_H

#include <model/alert.h>

/// What an operator wants of the life of an alert.
typedef struct sv_life {
    int64_t hold_us;      ///< broken this long before it is raised; default 0
    int64_t clear_us;     ///< kept this long before it is cleared; default 0
    int64_t escalate_us;  ///< open this long and not acknowledged: critical; 0: never
    sv_severity severity; ///< default warning
} sv_life;

/// Raised `raises` times within `within_us`, a cause flaps: its alert then stays open until the
/// cause has been kept for `within_us`. raises 0: nothing flaps. [edge-9]
typedef struct sv_flapping {
    unsigned raises;
    int64_t within_us;
} sv_flapping;

enum { SV_FLAPPING_RAISES_MAX = 1000 };

typedef struct sv_condition {
    bool open;
    bool acknowledged; ///< by whom is the owner's to know; ends with the alert
    bool escalated;    ///< open too long with nobody acknowledging it; until it is over
    bool flapping;
    sv_severity severity;    ///< while open
    int64_t broken_since_us; ///< INT64_MIN: not broken
    int64_t kept_since_us;   ///< INT64_MIN: not kept
    int64_t worse_since_us;  ///< INT64_MIN: not at the critical level
    int64_t opened_us;    ///< by the clock that ticks; the owner's to set when an alert is raised
    int64_t flap_from_us; ///< start of the stretch in which `raises` were counted
    double value;         ///< the last one that was wrong, for what is said about it
    int64_t told_us;      ///< the owner's, while open: when somebody was last told
    unsigned raises;
    char alert_id[SV_ALERT_ID_MAX + 1]; ///< the owner's, while open
} sv_condition;

/// What a reading, or its absence, says about a cause. `broken` and `kept` both false: between the
/// bound and its hysteresis, or not known; an open alert stays open, a shut one shut.
typedef struct sv_finding {
    bool broken, kept;
    bool worse;      ///< at the critical level
    bool less_worse; ///< well below it, or there is none
} sv_finding;

/// What followed.
typedef struct sv_turn {
    sv_alert_event event; ///< NONE, RAISED, UPDATED or CLEARED
    bool news;            ///< an update that says more than the value: another severity
} sv_turn;

void sv_condition_start(sv_condition *condition);
/// An alert that was open when the program ended.
void sv_condition_reopen(sv_condition *condition, sv_severity severity, int64_t opened_us,
                         bool acknowledged);
/// Judge what was found at `at_us`. `quiet`: nothing is raised, however broken; what is open goes
/// on. A clock that steps back starts the waits anew and never lengthens them.
sv_turn sv_condition_judge(sv_condition *condition, const sv_life *life, sv_flapping flapping,
                           sv_finding finding, bool quiet, int64_t at_us);
/// Time alone: an alert that nobody has acknowledged becomes critical. NONE unless it does.
sv_turn sv_condition_tick(sv_condition *condition, const sv_life *life, int64_t now_us);

#endif
