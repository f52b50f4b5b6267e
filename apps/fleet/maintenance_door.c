#include "maintenance_door.h"

#include "maintenance.h"
#include "views.h"

/// What the path names; false when there is no such thing, and the request is answered then.
static bool device_asked(const sv_visit *v, sv_maintained *out) {
    sv_device *device = sv_visit_device(v);
    if (device == NULL) {
        return false;
    }
    *out = (sv_maintained){ .site = device->site, .device = device };
    return true;
}

static bool site_asked(const sv_visit *v, sv_maintained *out) {
    *out = (sv_maintained){ .site = sv_registry_site(v->fleet->registry, v->id) };
    if (out->site == NULL) {
        sv_http_problem(v->request, 404, "Not found", "there is no site '" SV_TEXT_FMT "'",
                        SV_TEXT_ARG(v->id));
    }
    return out->site != NULL;
}

static void show(sv_visit *v, sv_maintained what) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_key(&out, "now");
    sv_maintenance_write(what.site, what.device, &out);
    sv_json_key(&out, "items");
    sv_err err = sv_maintenance_list(v->fleet->db, what, &out, &why);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}

static void begin(sv_visit *v, sv_maintained what) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    int64_t for_s = 0;
    sv_text reason = SV_TEXT("");
    const sv_json *given = NULL;
    sv_err err = sv_json_parse(sv_http_body(v->request), &body, NULL, &why);
    given = sv_json_get(body, "why");
    if (err != SV_OK || !sv_json_int(sv_json_get(body, "for_s"), &for_s)
        || (given != NULL && !sv_json_text(given, &reason))) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"for_s\":7200,\"why\":\"...\"}");
        return;
    }
    err = sv_maintenance_begin(v->fleet, what, for_s, v->person.user, reason, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    char room[SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_maintenance_write(what.site, what.device, &out);
    sv_visit_json(v, SV_OK, &json, &why);
}

static void end(sv_visit *v, sv_maintained what) {
    sv_why why = { 0 };
    sv_err err = sv_maintenance_end(v->fleet, what, v->person.user, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

static void answer(sv_visit *v, bool (*asked)(const sv_visit *v, sv_maintained *out),
                   void (*how)(sv_visit *v, sv_maintained what)) {
    sv_maintained what;
    if (asked(v, &what)) {
        how(v, what);
    }
}

void sv_maintenance_door_show_device(sv_visit *v) {
    answer(v, device_asked, show);
}

void sv_maintenance_door_begin_device(sv_visit *v) {
    answer(v, device_asked, begin);
}

void sv_maintenance_door_end_device(sv_visit *v) {
    answer(v, device_asked, end);
}

void sv_maintenance_door_show_site(sv_visit *v) {
    answer(v, site_asked, show);
}

void sv_maintenance_door_begin_site(sv_visit *v) {
    answer(v, site_asked, begin);
}

void sv_maintenance_door_end_site(sv_visit *v) {
    answer(v, site_asked, end);
}
