#include "users_door.h"

#include "access.h"
#include "deed.h"
#include "users.h"
#include "views.h"

#include <stdio.h>
#include <string.h>

static void answer_done(const sv_visit *v, sv_err err, const sv_why *why) {
    if (err != SV_OK) {
        sv_visit_failure(v, err, why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

/// The user as it is now; `status` when that goes well.
static void answer_user(const sv_visit *v, const char *name, int status, sv_err err, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    err = err == SV_OK ? sv_user_write(v->fleet->db, sv_text_of(name), &out, why) : err;
    if (err != SV_OK || status == 200) {
        sv_visit_json(v, err, &json, why);
        return;
    }
    sv_http_reply(v->request, status, "application/json", sv_textbuf_text(&json));
}

/// The user that the path names; false when there is none, and the request is answered then.
static bool find(const sv_visit *v, sv_user *out) {
    sv_why why = { 0 };
    sv_err err = sv_user_find(v->fleet->db, v->id, out, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
    }
    return err == SV_OK;
}

static bool read_body(const sv_visit *v, sv_json **out) {
    sv_why why = { 0 };
    if (sv_json_parse(sv_http_body(v->request), out, NULL, &why) != SV_OK
        || !sv_json_is_object(*out)) {
        sv_http_problem(v->request, 400, "Bad request", "the body must be a JSON object");
        return false;
    }
    return true;
}

static sv_err read_role(const sv_json *body, sv_person_role *out, sv_why *why) {
    sv_text role = SV_TEXT("");
    (void) sv_json_text(sv_json_get(body, "role"), &role);
    return sv_person_role_parse(role, out, why);
}

/// "operator of north, south"
static void describe(const sv_user *user, sv_textbuf *out) {
    sv_textbuf_addf(out, "%s of %s%s", sv_person_role_name(user->role),
                    user->sites[0] != '\0' ? user->sites : "all sites",
                    user->disabled ? ", disabled" : "");
}

// ---- lists --------------------------------------------------------------------------------------

void sv_users_door_list(sv_visit *v) {
    char cursor[SV_VISIT_WORD_MAX];
    int64_t limit = SV_USERS_LIMIT_DEFAULT;
    if (!sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_USERS_LIMIT_MAX, &limit)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_user_list(v->fleet->db, cursor, limit > 0 ? (size_t) limit : 1, &out, &why);
    sv_visit_json(v, err, &json, &why);
}

void sv_users_door_show(sv_visit *v) {
    sv_user user;
    sv_why why = { 0 };
    if (find(v, &user)) {
        answer_user(v, user.name, 200, SV_OK, &why);
    }
}

// ---- changes ------------------------------------------------------------------------------------

static sv_err read_new(const sv_json *body, sv_user *out, sv_why *why) {
    sv_text name = SV_TEXT("");
    (void) sv_json_text(sv_json_get(body, "name"), &name);
    SV_TRY(sv_id_check("user", name, why));
    SV_TRY(sv_text_copy(name, out->name, sizeof out->name));
    SV_TRY(read_role(body, &out->role, why));
    return sv_sites_read(sv_json_get(body, "sites"), out->sites, why);
}

/// With the link that lets the user in for the first time.
static sv_err add(const sv_visit *v, const sv_user *user, char token[SV_SECRET_ROOM], sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf is = SV_TEXTBUF_HEAP((size_t) 2 * SV_SITES_ROOM);
    const sv_link link = { .user = user->name, .kind = SV_LINK_INVITE, .made_by = v->person.user };
    int64_t now_us = v->fleet->believed_us();
    describe(user, &is);
    const sv_deed deed = { .what = "user.add",
                           .about = user->name,
                           .detail = "with a link",
                           .after = sv_textbuf_text(&is) };
    SV_TRY(sv_deed_begin(v, why));
    sv_err err = sv_user_add(v->fleet->db, user, v->person.user, now_us, why);
    err = err == SV_OK ? sv_people_make_link(v->fleet->db, &link, now_us, token, why) : err;
    return sv_deed_end(v, err, &deed, why);
}

void sv_users_door_add(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    sv_user user = { 0 };
    char token[SV_SECRET_ROOM];
    if (!read_body(v, &body)) {
        return;
    }
    sv_err err = read_new(body, &user, &why);
    err = err == SV_OK ? add(v, &user, token, &why) : err;
    if (err == SV_OK) {
        sv_access_link(v->request, token);
    }
    answer_user(v, user.name, 201, err, &why);
}

static sv_err read_change(const sv_json *body, sv_user *user, sv_why *why) {
    const sv_json *sites = sv_json_get(body, "sites");
    const sv_json *disabled = sv_json_get(body, "disabled");
    if (sv_json_get(body, "role") != NULL) {
        SV_TRY(read_role(body, &user->role, why));
    }
    if (sites != NULL) {
        SV_TRY(sv_sites_read(sites, user->sites, why));
    }
    return disabled == NULL || sv_json_bool(disabled, &user->disabled)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "disabled is true or false");
}

static sv_err change(const sv_visit *v, const sv_user *before, const sv_user *after, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf was = SV_TEXTBUF_HEAP((size_t) 2 * SV_SITES_ROOM);
    SV_DEFER(sv_textbuf_drop) sv_textbuf is = SV_TEXTBUF_HEAP((size_t) 2 * SV_SITES_ROOM);
    describe(before, &was);
    describe(after, &is);
    const sv_deed deed = { .what = "user.change",
                           .about = after->name,
                           .before = sv_textbuf_text(&was),
                           .after = sv_textbuf_text(&is) };
    SV_TRY(sv_deed_begin(v, why));
    return sv_deed_end(v, sv_user_change(v->fleet->db, after, why), &deed, why);
}

void sv_users_door_change(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    sv_user before;
    if (!find(v, &before) || !read_body(v, &body)) {
        return;
    }
    sv_user after = before;
    sv_err err = read_change(body, &after, &why);
    err = err == SV_OK ? change(v, &before, &after, &why) : err;
    answer_user(v, after.name, 200, err, &why);
}

void sv_users_door_remove(sv_visit *v) {
    sv_why why = { 0 };
    sv_user user;
    if (!find(v, &user)) {
        return;
    }
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = sv_user_remove(v->fleet->db, user.name, &why);
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "user.remove",
                                            .about = user.name,
                                            .detail = "with its sessions and tokens" },
                          &why);
    }
    answer_done(v, err, &why);
}

// ---- links and sessions of others ---------------------------------------------------------------

static sv_err read_kind(const sv_json *body, const sv_user *user, sv_link_kind *out, sv_why *why) {
    sv_text kind = SV_TEXT("");
    (void) sv_json_text(sv_json_get(body, "kind"), &kind);
    if (!sv_text_is(kind, "invite") && !sv_text_is(kind, "recover")) {
        return sv_fail(why, SV_ERR_INVALID, "kind must be invite or recover");
    }
    *out = sv_text_is(kind, "invite") ? SV_LINK_INVITE : SV_LINK_RECOVER;
    if (user->disabled) {
        return sv_fail(why, SV_ERR_STATE, "%s is disabled: enable it first", user->name);
    }
    return *out == SV_LINK_RECOVER || user->password[0] == '\0'
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "%s has a password: a recover link makes it forgotten",
                         user->name);
}

static sv_err make_link(const sv_visit *v, const sv_user *user, sv_link_kind kind,
                        char token[SV_SECRET_ROOM], sv_why *why) {
    const sv_link link = { .user = user->name, .kind = kind, .made_by = v->person.user };
    SV_TRY(sv_deed_begin(v, why));
    sv_err err = sv_people_make_link(v->fleet->db, &link, v->fleet->believed_us(), token, why);
    return sv_deed_end(v, err,
                       &(const sv_deed){ .what = "user.link",
                                         .about = user->name,
                                         .detail = sv_link_kind_name(kind) },
                       why);
}

void sv_users_door_link(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    sv_user user;
    sv_link_kind kind = SV_LINK_INVITE;
    char token[SV_SECRET_ROOM];
    if (!find(v, &user) || !read_body(v, &body)) {
        return;
    }
    sv_err err = read_kind(body, &user, &kind, &why);
    err = err == SV_OK ? make_link(v, &user, kind, token, &why) : err;
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_access_link(v->request, token);
    sv_http_reply(v->request, 201, NULL, SV_TEXT(""));
}

void sv_users_door_sessions(sv_visit *v) {
    sv_user user;
    if (!find(v, &user)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_session_list(v->fleet->db, user.name, v->person.session,
                                 v->fleet->believed_us(), &out, &why);
    sv_visit_json(v, err, &json, &why);
}

static void end_sessions(sv_visit *v, const sv_user *user, int64_t n) {
    sv_why why = { 0 };
    sv_err err = sv_deed_begin(v, &why);
    if (err == SV_OK) {
        err = n > 0 ? sv_session_end(v->fleet->db, user->name, n, &why)
                    : sv_session_end_all(v->fleet->db, user->name, 0, &why);
        err = sv_deed_end(v, err,
                          &(const sv_deed){ .what = "session.end",
                                            .about = user->name,
                                            .detail = n > 0 ? "one" : "all" },
                          &why);
    }
    answer_done(v, err, &why);
}

void sv_users_door_end_all(sv_visit *v) {
    sv_user user;
    if (find(v, &user)) {
        end_sessions(v, &user, 0);
    }
}

void sv_users_door_end(sv_visit *v) {
    sv_user user;
    uint64_t n = 0;
    if (!find(v, &user)) {
        return;
    }
    if (sv_text_u64(v->name, INT64_MAX, &n) != SV_OK || n == 0) {
        sv_http_problem(v->request, 404, "Not found", "sessions have numbers");
        return;
    }
    end_sessions(v, &user, (int64_t) n);
}
