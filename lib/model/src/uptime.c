#include <model/uptime.h>

#include <codec/json.h>
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

void sv_uptime_presence(const sv_uptime *uptime, const sv_instant *now, sv_text since,
                        sv_textbuf *out) {
    char room[SV_TIMESTAMP_MAX];
    sv_textbuf at = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(out);
    sv_time_add(&at, now->wall_us);
    sv_json_open_object(&json);
    sv_json_add_bool(&json, "online", true);
    sv_json_add_text(&json, "since", since);
    sv_json_add_text(&json, "timestamp", sv_textbuf_text(&at));
    sv_json_add_str(&json, "boot", uptime->boot);
    sv_json_add_int(&json, "uptime", now->uptime_us);
    if (now->proven) {
        sv_json_add_bool(&json, "proven", true);
    }
    sv_json_close_object(&json);
}

void sv_uptime_said(sv_uptime *uptime, const sv_reading *reading) {
    if (reading->boot.len > 0) {
        uptime->said = reading->proven;
        uptime->start_us = reading->at_us - reading->uptime_us;
    }
}
