// The second factor of whoever asks.
#include "session_own.h"

#include "deed.h"
#include "factor.h"
#include "users.h"

#include <string.h>

/// A secret, or the first code of it.
static void add_factor(sv_visit *v, const sv_json *body, sv_textbuf *url) {
    sv_why why = { 0 };
    sv_text code = SV_TEXT("");
    sv_fleet *fleet = v->fleet;
    const char *user = v->person.user;
    bool confirms = sv_json_text(sv_json_get(body, "code"), &code);
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = confirms ? sv_factor_confirm(fleet->db, fleet->factor_key, user, code,
                                           fleet->believed_us(), &why)
                       : sv_factor_begin(fleet->db, fleet->factor_key, user, url, &why);
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "user.totp",
                                            .about = user,
                                            .detail = confirms ? "a code is asked for from now on"
                                                               : "a secret was shown" },
                          &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    if (confirms) {
        sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
        return;
    }
    char room[SV_TOTP_URL_ROOM + 32];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "url", sv_textbuf_text(url));
    sv_json_close_object(&out);
    sv_visit_json(v, SV_OK, &json, &why);
    explicit_bzero(room, sizeof room);
}

void sv_session_door_add_factor(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    char room[SV_TOTP_URL_ROOM];
    sv_textbuf url = SV_TEXTBUF(room);
    if (sv_json_parse(sv_http_body(v->request), &body, NULL, NULL) != SV_OK) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {}, or {\"code\":\"123456\"} of the secret that was "
                        "shown");
        return;
    }
    add_factor(v, body, &url);
    explicit_bzero(room, sizeof room);
}

/// Who has taken a session must not take the second factor away: a code of it is needed.
void sv_session_door_remove_factor(sv_visit *v) {
    sv_why why = { 0 };
    const char *user = v->person.user;
    sv_text name = sv_text_of(user);
    if (!session_may_try(v, name)) {
        return;
    }
    session_count_failure(v, name);
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_factor_check(v->fleet->db, v->fleet->factor_key, user,
                              sv_text_of(sv_http_header(v->request, "X-Selvedge-Code")),
                              v->fleet->believed_us(), &why);
        err = err == SV_OK ? sv_user_forget_factor(v->fleet->db, user, &why) : err;
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "user.totp",
                                            .about = user,
                                            .detail = "no code is asked for any more" },
                          &why);
    }
    if (err == SV_ERR_UNTRUSTED) {
        sv_deed_refused(
            v, user,
            &(const sv_deed){ .what = "user.totp", .about = user, .detail = "a wrong code" });
        sv_http_problem(v->request, 403, "Forbidden", "%s", why.text);
        return;
    }
    session_forgive(v, name);
    session_answer_done(v, err, &why);
}
