
#include <base/time.h>
#include <ddi/gate.h>

/// What is missing; false: nothing is.
static bool find_missing(const sv_ddi_seen *seen, sv_why *why) {
    if (!seen->connected) {
        (void) sv_fail(why, SV_ERR_STATE, "it is not connected to its gateway");
    } else if (!seen->polled) {
        (void) sv_fail(why, SV_ERR_STATE, "no poll of it was answered");
    } else if (seen->critical != NULL) {
        (void) sv_fail(why, SV_ERR_STATE, "its health is critical: %.120s", seen->critical);
    } else if (!seen->script_passed) {
        (void) sv_fail(why, SV_ERR_STATE, "its health script %.140s",
                       seen->script[0] != '\0' ? seen->script : "has not ended");
    } else {
        return false;
    }
    return true;
}

sv_ddi_verdict sv_ddi_gate(const sv_ddi_seen *seen, int64_t waited_us, int64_t deadline_us,
                           sv_why *why) {
    sv_why missing = { 0 };
    if (!find_missing(seen, &missing)) {
        return SV_DDI_HEALTHY;
    }
    if (waited_us < deadline_us) {
        return SV_DDI_WAIT;
    }
    char time[32];
    sv_textbuf text = SV_TEXTBUF(time);
    sv_duration_add(&text, deadline_us);
    (void) sv_textbuf_end(&text);
    (void) sv_fail(why, SV_ERR_STATE, "%.150s (after %s)", missing.text, time);
    return SV_DDI_UNHEALTHY;
}
