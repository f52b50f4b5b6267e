#include <base/mem.h>
#include <edge/usual.h>
#include <stdlib.h>
#include <string.h>

sv_usual *sv_usual_new(void) {
    sv_usual *usual = sv_mem_new(sizeof *usual);
    *usual = (sv_usual){ .last = { .low = SV_NAN, .high = SV_NAN } };
    sv_stream_detector_begin(&usual->detector);
    return usual;
}

void sv_usual_drop(sv_usual **usual) {
    if (*usual != NULL) {
        free((*usual)->reason);
        free(*usual);
        *usual = NULL;
    }
}

static void forget_words(sv_usual *usual) {
    free(usual->reason);
    usual->reason = NULL;
}

sv_aim sv_usual_aim(const sv_detect *rule) {
    static const sv_sensitivity SENSITIVITIES[SV_DETECTION__COUNT] = {
        [SV_DETECTION_OFF] = SV_SENSITIVITY_LOW,
        [SV_DETECTION_LOW] = SV_SENSITIVITY_LOW,
        [SV_DETECTION_NORMAL] = SV_SENSITIVITY_NORMAL,
        [SV_DETECTION_HIGH] = SV_SENSITIVITY_HIGH,
    };
    return (sv_aim){ SENSITIVITIES[rule->level], rule->alerts_per_week };
}

void sv_usual_take(sv_usual *usual, const sv_detect *rule, double value, int64_t at_us) {
    sv_stream_detector_take(&usual->detector, at_us, value, sv_usual_aim(rule), &usual->last);
    if (usual->last.alert) {
        forget_words(usual);
        usual->told = usual->last;
    }
}

double sv_usual_score(const sv_stream_verdict *verdict) {
    return 100 * verdict->novelty;
}

double sv_usual_alert_score(const sv_usual *usual) {
    return 100 * usual->told.score;
}

sv_severity sv_usual_severity(double score) {
    enum { WARNING_SCORE = 60, CRITICAL_SCORE = 98 };
    return score < WARNING_SCORE    ? SV_SEVERITY_INFO
           : score < CRITICAL_SCORE ? SV_SEVERITY_WARNING
                                    : SV_SEVERITY_CRITICAL;
}

void sv_usual_add_reason(sv_textbuf *out, const sv_usual *usual) {
    if (usual->reason != NULL) {
        sv_textbuf_add_str(out, usual->reason);
        return;
    }
    size_t from = out->len;
    sv_stream_reason_add(out, &usual->told);
    if (out->len > from && out->at[from] >= 'a' && out->at[from] <= 'z') {
        out->at[from] = (char) (out->at[from] - 'a' + 'A');
    }
}

void sv_usual_reopen(sv_usual *usual, const char *reason) {
    size_t bytes = strlen(reason) + 1;
    forget_words(usual);
    usual->told = (sv_stream_verdict){ .low = SV_NAN, .high = SV_NAN };
    usual->reason = memcpy(sv_mem_new(bytes), reason, bytes);
}
