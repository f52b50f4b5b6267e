#include "checklist_door.h"

#include "checklist_report.h"
#include "deed.h"

#include <base/time.h>

enum { SHOWN_MAX = SV_CHECKLIST_BYTES_MAX + 1024 }; ///< with who published it
#define CONTACT_FOR_US (30 * SV_TIME_DAY_US)

void sv_checklist_door_show(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf json = SV_TEXTBUF_HEAP(SHOWN_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_checklist_show(v->fleet->db, &out, &why), &json, &why);
}

void sv_checklist_door_publish(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf report = SV_TEXTBUF_HEAP(SV_CHECKLIST_BYTES_MAX);
    sv_why why = { 0 };
    int64_t now_us = v->fleet->believed_us();
    sv_err err = sv_checklist_read(sv_http_body(v->request), now_us, &report, &why);
    if (err == SV_OK) {
        err = sv_deed_begin(v, &why);
    }
    if (err == SV_OK) {
        err =
            sv_checklist_keep(v->fleet->db, sv_textbuf_text(&report), v->person.user, now_us, &why);
        err = sv_deed_end(v, err, &(const sv_deed){ .what = "checklist.publish" }, &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

void sv_checklist_door_contact(sv_visit *v) {
    const char *contact = v->fleet->config.security_contact;
    char room[SV_SECURITY_CONTACT_ROOM + 128];
    sv_textbuf text = SV_TEXTBUF(room);
    if (contact[0] == '\0') {
        sv_http_problem(v->request, 404, "Not found", "no security_contact is configured here");
        return;
    }
    int64_t day_us = v->fleet->believed_us() / SV_TIME_DAY_US * SV_TIME_DAY_US;
    sv_textbuf_addf(&text, "Contact: %s\nExpires: ", contact);
    sv_time_add(&text, day_us + CONTACT_FOR_US);
    sv_textbuf_add_str(&text, "\nPreferred-Languages: en\n");
    sv_http_reply(v->request, 200, "text/plain; charset=utf-8", sv_textbuf_text(&text));
}
