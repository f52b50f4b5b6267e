// The alerts of a trial.
#include "trial_own.h"

uint32_t trial_alert_raise(sv_trial *trial, const sv_trial_alert *alert) {
    trial->raised[alert->type]++;
    if (trial->told != NULL) {
        trial->told(trial->arg, alert);
    }
    if (trial->alert_count == SV_TRIAL_ALERTS_MAX) {
        return TRIAL_NO_ALERT;
    }
    trial->alerts[trial->alert_count] = *alert;
    return (uint32_t) ++trial->alert_count;
}

void trial_alert_follow(sv_trial *trial, uint32_t number, sv_severity severity,
                        sv_alert_event event, int64_t at_us) {
    if (number == TRIAL_NO_ALERT) {
        return;
    }
    sv_trial_alert *alert = &trial->alerts[number - 1];
    if (severity > alert->severity) {
        alert->severity = severity;
        alert->worst_us = at_us;
    }
    alert->cleared_us = event == SV_ALERT_CLEARED ? at_us : alert->cleared_us;
}

uint64_t sv_trial_raised(const sv_trial *trial) {
    uint64_t all = 0;
    for (unsigned type = 0; type < SV_ALERT_TYPE__COUNT; type++) {
        all += trial->raised[type];
    }
    return all;
}

size_t sv_trial_alert_count(const sv_trial *trial) {
    return trial->alert_count;
}

const sv_trial_alert *sv_trial_alert_at(const sv_trial *trial, size_t index) {
    return &trial->alerts[index];
}
