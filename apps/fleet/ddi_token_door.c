#include "ddi_token_door.h"

#include "deed.h"

#include <string.h>

enum { ANSWER_ROOM = 512 };

static void answer(const sv_visit *v, const sv_ddi_token_kind *kind, const char *owner,
                   const char *token, bool taken) {
    char room[ANSWER_ROOM];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_str(&out, kind->owner, owner);
    sv_json_add_str(&out, "token", token);
    sv_json_add_bool(&out, "taken", taken);
    sv_json_close_object(&out);
    sv_http_reply(v->request, 201, "application/json", sv_textbuf_text(&json));
    explicit_bzero(room, sizeof room);
}

void sv_ddi_token_make(sv_visit *v, const sv_ddi_token_kind *kind, const char *owner, bool taken) {
    char token[SV_SECRET_ROOM];
    sv_why why = { 0 };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        const sv_deed deed = { .what = kind->make_deed, .about = owner };
        err = sv_ddi_token_store(v->fleet, kind, owner, v->person.user, token, &why);
        err = sv_deed_end(v, err, &deed, &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    answer(v, kind, owner, token, taken);
    explicit_bzero(token, sizeof token);
}

void sv_ddi_token_remove(sv_visit *v, const sv_ddi_token_kind *kind, const char *owner) {
    sv_why why = { 0 };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        const sv_deed deed = { .what = kind->remove_deed, .about = owner };
        err = sv_ddi_token_drop(v->fleet, kind, owner, &why);
        err = sv_deed_end(v, err, &deed, &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}
