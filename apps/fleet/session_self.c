// The session that somebody is in, the others, and a link for oneself.
#include "session_own.h"

#include "access.h"
#include "deed.h"
#include "first_admin.h"
#include "users.h"
#include "views.h"

// ---- the session --------------------------------------------------------------------------------

void sv_session_door_show(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_user user = { 0 };
    sv_why why = { 0 };
    sv_err err = sv_user_find(v->fleet->db, sv_text_of(v->person.user), &user, &why);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "user", v->person.user);
    sv_json_add_str(&out, "role", sv_person_role_name(v->person.role));
    sv_json_key(&out, "sites");
    sv_sites_put(&out, v->person.sites);
    sv_json_key(&out, "scopes");
    sv_scopes_put(&out, v->person.scopes);
    sv_json_add_str(&out, "token", v->person.token[0] != '\0' ? v->person.token : NULL);
    sv_json_add_bool(&out, "password", user.password[0] != '\0');
    sv_json_add_bool(&out, "totp", user.totp);
    sv_json_add_str(&out, "version", SV_VERSION);
    sv_json_close_object(&out);
    sv_visit_json(v, err == SV_ERR_NOT_FOUND ? SV_OK : err, &json, &why);
}

void sv_session_door_logout(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_session_end(v->fleet->db, v->person.user, v->person.session, &why);
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "session.end",
                                            .about = v->person.user,
                                            .detail = "signed out" },
                          &why);
    }
    sv_access_clear_cookie(v->fleet, v->request);
    session_answer_done(v, err, &why);
}

void sv_session_door_list(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_session_list(v->fleet->db, v->person.user, v->person.session,
                                 v->fleet->believed_us(), &out, &why);
    sv_visit_json(v, err, &json, &why);
}

void sv_session_door_end_others(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_session_end_all(v->fleet->db, v->person.user, v->person.session, &why);
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "session.end",
                                            .about = v->person.user,
                                            .detail = "all but the one in use" },
                          &why);
    }
    session_answer_done(v, err, &why);
}

void sv_session_door_end(sv_visit *v) {
    sv_why why = { 0 };
    uint64_t n = 0;
    if (sv_text_u64(v->id, INT64_MAX, &n) != SV_OK) {
        sv_http_problem(v->request, 404, "Not found", "sessions have numbers");
        return;
    }
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_session_end(v->fleet->db, v->person.user, (int64_t) n, &why);
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "session.end",
                                            .about = v->person.user,
                                            .detail = "one of the own" },
                          &why);
    }
    session_answer_done(v, err, &why);
}

// ---- a link for oneself -------------------------------------------------------------------------

/// Before there is an admin the server's own token makes the link of the first admin.
static sv_err make_link(const sv_visit *v, char token[SV_SECRET_ROOM], sv_why *why) {
    sv_link link = { .user = v->person.user, .kind = SV_LINK_OPEN, .made_by = v->person.user };
    bool wanted = false;
    sv_user user;
    SV_TRY(sv_user_wants_admin(v->fleet->db, &wanted, why));
    if (wanted) {
        link.kind = SV_LINK_FIRST;
        link.user = SV_FIRST_ADMIN;
    } else if (sv_user_find(v->fleet->db, sv_text_of(link.user), &user, why) != SV_OK) {
        return sv_fail(why, SV_ERR_STATE,
                       "there is no user %s any more: POST /api/v1/users/{name}/link makes a link "
                       "for one that there is",
                       link.user);
    }
    return sv_people_make_link(v->fleet->db, &link, v->fleet->believed_us(), token, why);
}

void sv_session_door_link(sv_visit *v) {
    sv_why why = { 0 };
    char token[SV_SECRET_ROOM];
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = make_link(v, token, &why);
        err =
            sv_deed_end(v, err,
                        &(const sv_deed){
                            .what = "user.link", .about = v->person.user, .detail = "for oneself" },
                        &why);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_access_link(v->request, token);
    sv_http_reply(v->request, 201, NULL, SV_TEXT(""));
}
