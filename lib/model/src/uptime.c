#include <model/uptime.h>

#include <stdlib.h>

void sv_uptime_put(const sv_uptime *uptime, const sv_instant *now, sv_reading *out) {
    int64_t set_us = now->wall_us - now->uptime_us - uptime->start_us;
    out->at_us = now->wall_us;
    out->timestamp = SV_TEXT("");
    out->boot = SV_TEXT("");
    if (now->proven && uptime->said && llabs(set_us) <= SV_UPTIME_SET_US) {
        return;
    }
    out->boot = sv_text_of(uptime->boot);
    out->uptime_us = now->uptime_us;
    out->proven = now->proven;
}

void sv_uptime_said(sv_uptime *uptime, const sv_reading *reading) {
    if (reading->boot.len > 0) {
        uptime->said = reading->proven;
        uptime->start_us = reading->at_us - reading->uptime_us;
    }
}
