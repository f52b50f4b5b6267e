// `GET /v1/devices`: what the gateway knows of its devices, those that need somebody first.
#include "gateway.h"
#include <codec/json.h>

enum { SHOWN = 200, SHOWN_MAX = GW_DEVICES_MAX, LIMIT_ROOM = 8 };

static void put_device(const gw *g, sv_json_out *out, const gw_device *device) {
    sv_json_open_object(out);
    sv_json_add_str(out, "id", device->id);
    sv_json_add_str(out, "type", device->type[0] != '\0' ? device->type : NULL);
    sv_json_add_bool(out, "online", device->online);
    sv_json_add_int(out, "since", device->since_us / 1000);
    sv_json_add_int(out, "last_seen", device->last_seen_us / 1000);
    sv_json_add_str(out, "health",
                    device->health.open ? sv_severity_name(device->health.severity) : NULL);
    sv_json_add_int(out, "denied", (int64_t) gw_denials_of(g, sv_text_of(device->id)));
    gw_machine_write(g, device->id, out);
    sv_json_add_str(out, "standing", gw_standing_name(g, sv_text_of(device->id)));
    sv_json_close_object(out);
}

/// One pass: those that are silent or complain, then the others.
static size_t put_some(const gw *g, sv_json_out *out, bool needing, size_t left) {
    for (size_t i = 0; left > 0 && i < sv_map_count(g->devices); i++) {
        const gw_device *device = sv_map_at(g->devices, i, NULL);
        if ((!device->online || device->health.open) == needing) {
            put_device(g, out, device);
            left--;
        }
    }
    return left;
}

void gw_local_devices(gw *g, sv_http_request *request) {
    char room[LIMIT_ROOM] = "";
    uint64_t limit = SHOWN;
    sv_err err = sv_http_query(request, "limit", room, sizeof room);
    if (err == SV_OK) {
        err = sv_text_u64(sv_text_of(room), SHOWN_MAX, &limit);
    }
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 400, "Bad request", "limit is no number up to %d", SHOWN_MAX);
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "total", (int64_t) sv_map_count(g->devices));
    sv_json_add_int(&out, "online", g->devices_online);
    sv_json_key(&out, "items");
    sv_json_open_array(&out);
    (void) put_some(g, &out, false, put_some(g, &out, true, limit));
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}
