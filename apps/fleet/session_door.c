// Coming in: with a link, with a password; and another password.
#include "session_own.h"

#include "access.h"
#include "deed.h"
#include "factor.h"
#include "first_admin.h"
#include "passwords.h"
#include "recovered.h"
#include "users.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { AGENT_SHOWN = 80, CODE_ROOM = 16 };

static const char WRONG[] = "the user name, the password or the code is wrong";

static sv_visitor visitor_of(const sv_visit *v) {
    return (sv_visitor){ .from = sv_http_peer(v->request),
                         .agent = sv_http_header(v->request, "User-Agent") };
}

static void refuse(const sv_visit *v, const char *detail) {
    sv_http_problem(v->request, 401, "Unauthorized", "%s", detail);
}

static void answer_cookie(const sv_visit *v, const char *session) {
    sv_access_set_cookie(v->fleet, v->request, session);
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

void session_answer_done(const sv_visit *v, sv_err err, const sv_why *why) {
    if (err != SV_OK) {
        sv_visit_failure(v, err, why);
        return;
    }
    sv_http_reply(v->request, 204, NULL, SV_TEXT(""));
}

/// Whoever comes in leaves the session behind that the browser had: none can be planted. [people-8]
static sv_err leave_old(const sv_visit *v, sv_why *why) {
    sv_text old = sv_access_cookie(v->fleet, v->request);
    return old.len > 0 ? sv_people_logout(v->fleet->db, old, why) : SV_OK;
}

// ---- with a link --------------------------------------------------------------------------------

/// What the link does and its line are one deed: neither is there without the other. [audit-14]
static sv_err open_link(sv_visit *v, sv_text token, char session[SV_SECRET_ROOM],
                        sv_link_kind *kind, sv_why *why) {
    char detail[AGENT_SHOWN];
    sv_visitor visitor = visitor_of(v);
    SV_TRY(sv_deed_begin(v, why));
    sv_err err = sv_people_login(v->fleet->db, token, &visitor, v->fleet->believed_us(), session,
                                 &v->person, kind, why);
    err = err == SV_OK ? leave_old(v, why) : err;
    (void) snprintf(detail, sizeof detail, "by a link (%s)", sv_link_kind_name(*kind));
    return sv_deed_end(
        v, err,
        &(const sv_deed){ .what = "session.begin", .about = v->person.user, .detail = detail },
        why);
}

static void login_with_link(sv_visit *v, sv_text token) {
    sv_why why = { 0 };
    char session[SV_SECRET_ROOM];
    sv_link_kind kind = SV_LINK_OPEN;
    if (!sv_access_may_try(v->fleet, v->request)) {
        return;
    }
    sv_recovered_turn(v->fleet);
    sv_err err = open_link(v, token, session, &kind, &why);
    if (err == SV_ERR_UNTRUSTED) {
        sv_access_failed(v->fleet, v->request);
        sv_deed_refused(
            v, "",
            &(const sv_deed){ .what = "session.begin",
                              .about = "",
                              .detail = "a login link that is wrong, used or expired" });
        refuse(v, why.text);
        return;
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    if (kind == SV_LINK_FIRST) {
        sv_first_admin_turn(v->fleet);
    }
    answer_cookie(v, session);
    explicit_bzero(session, sizeof session);
}

// ---- with a password ----------------------------------------------------------------------------

/// A request that waits for its password to be judged. The job comes first: it is this.
typedef struct attempt {
    sv_password_job job;
    sv_visit visit;
    sv_user user; ///< as it was when the job was made; no name: there is none
    char name[SV_ID_ROOM];
    char code[CODE_ROOM]; ///< of the second factor; "": none was given
} attempt;

bool session_may_try(const sv_visit *v, sv_text user) {
    if (!sv_access_may_try(v->fleet, v->request)) {
        return false;
    }
    if (sv_user_throttle_allows(&v->fleet->user_throttle, user, v->fleet->mono_us())) {
        return true;
    }
    sv_http_reply_header(v->request, "Retry-After", "60");
    sv_http_problem(v->request, 429, "Too many attempts",
                    "too many wrong passwords for this user; wait a minute");
    return false;
}

void session_count_failure(const sv_visit *v, sv_text user) {
    int64_t mono_us = v->fleet->mono_us();
    sv_throttle_failed(&v->fleet->throttle, sv_http_peer(v->request), mono_us);
    sv_user_throttle_failed(&v->fleet->user_throttle, user, mono_us);
}

void session_forgive(const sv_visit *v, sv_text user) {
    sv_throttle_forgive(&v->fleet->throttle, sv_http_peer(v->request));
    sv_user_throttle_forgive(&v->fleet->user_throttle, user);
}

static void forgive(const attempt *a) {
    session_forgive(&a->visit, sv_text_of(a->name));
}

/// Takes `a`; whatever becomes of it, the request is answered.
static void submit(attempt *a) {
    sv_why why = { 0 };
    session_count_failure(&a->visit, sv_text_of(a->name));
    if (sv_passwords_submit(a->visit.fleet->passwords, &a->job, &why) == SV_OK) {
        return;
    }
    char seconds[16];
    forgive(a);
    (void) snprintf(seconds, sizeof seconds, "%d", SV_PASSWORD_RETRY_S);
    sv_http_reply_header(a->visit.request, "Retry-After", seconds);
    sv_http_problem(a->visit.request, 503, "Busy", "%s", why.text);
    explicit_bzero(a, sizeof *a);
    free(a);
}

/// The user is still what it was when its password was looked up.
static sv_err still(const attempt *a, sv_why *why) {
    sv_user now;
    if (a->user.name[0] == '\0') {
        return SV_ERR_UNTRUSTED;
    }
    sv_err err = sv_user_find(a->visit.fleet->db, sv_text_of(a->user.name), &now, why);
    if (err == SV_OK && (now.disabled || strcmp(now.password, a->user.password) != 0)) {
        err = SV_ERR_UNTRUSTED;
    }
    return err == SV_ERR_NOT_FOUND ? SV_ERR_UNTRUSTED : err;
}

static sv_err begin_session(attempt *a, char session[SV_SECRET_ROOM], sv_why *why) {
    sv_visit *v = &a->visit;
    sv_visitor visitor = visitor_of(v);
    SV_TRY(sv_deed_begin(v, why));
    int64_t now_us = v->fleet->believed_us();
    sv_err err = sv_factor_check(v->fleet->db, v->fleet->factor_key, a->user.name,
                                 sv_text_of(a->code), now_us, why);
    err = err == SV_OK ? leave_old(v, why) : err;
    if (err == SV_OK) {
        err = sv_session_begin(v->fleet->db, a->user.name, "password", &visitor, now_us, session,
                               why);
    }
    return sv_deed_end(
        v, err,
        &(const sv_deed){ .what = "session.begin", .about = a->user.name, .detail = "by password" },
        why);
}

/// What a stranger typed as a name may be a password: only names that exist are written down.
static void tell_refused(const attempt *a, bool by_code) {
    const sv_visit *v = &a->visit;
    v->fleet->counts.logins_refused++;
    SV_LOG(warn, "access.refused", "a wrong user name or password from %s",
           sv_http_peer(v->request));
    sv_deed_refused(v, "",
                    &(const sv_deed){ .what = "session.begin",
                                      .about = a->user.name,
                                      .detail = a->user.name[0] == '\0'
                                                    ? "a user that does not exist"
                                                : by_code ? "a wrong code"
                                                          : "a wrong password" });
    refuse(v, WRONG);
}

static void login_judged(sv_password_job *job) {
    attempt *a = (attempt *) job;
    sv_why why = job->why;
    char session[SV_SECRET_ROOM];
    sv_err err = job->verdict == SV_OK ? still(a, &why) : job->verdict;
    bool by_password = err == SV_OK;
    if (by_password) {
        (void) snprintf(a->visit.person.user, sizeof a->visit.person.user, "%s", a->user.name);
        err = begin_session(a, session, &why);
    }
    if (err != SV_ERR_UNTRUSTED) {
        forgive(a);
    }
    if (err == SV_OK) {
        answer_cookie(&a->visit, session);
    } else if (err == SV_ERR_UNTRUSTED) {
        tell_refused(a, by_password);
    } else {
        sv_visit_failure(&a->visit, err, &why);
    }
    explicit_bzero(session, sizeof session);
    free(a);
}

static void login_with_password(sv_visit *v, sv_text user, sv_text password, sv_text code) {
    sv_why why = { 0 };
    if (!session_may_try(v, user)) {
        return;
    }
    attempt *a = sv_mem_new(sizeof *a);
    a->visit = *v;
    a->job.check = true;
    a->job.done = login_judged;
    (void) sv_text_copy(user, a->name, sizeof a->name);
    (void) sv_text_copy(code, a->code, sizeof a->code);
    sv_password_give(a->job.given, &a->job.given_bytes, password);
    sv_err err = sv_user_find(v->fleet->db, user, &a->user, &why);
    if (err == SV_OK && a->user.password[0] != '\0' && !a->user.disabled) {
        memcpy(a->job.kept, a->user.password, sizeof a->job.kept);
    } else {
        sv_password_nobody(a->job.kept); // takes as long [people-9]
    }
    submit(a);
}

void sv_session_door_login(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_text token;
    sv_text user;
    sv_text password;
    sv_text code = SV_TEXT("");
    if (!sv_access_is_own_page(v->fleet, v->request, "")) {
        return;
    }
    bool read = sv_json_parse(sv_http_body(v->request), &body, NULL, NULL) == SV_OK;
    if (read && sv_json_text(sv_json_get(body, "token"), &token)) {
        login_with_link(v, token);
    } else if (read && sv_json_text(sv_json_get(body, "user"), &user)
               && sv_json_text(sv_json_get(body, "password"), &password)) {
        (void) sv_json_text(sv_json_get(body, "totp"), &code);
        login_with_password(v, user, password, code);
    } else {
        sv_http_problem(
            v->request, 400, "Bad request",
            "the body must be {\"user\":\"...\",\"password\":\"...\",\"totp\":\"...\"} or, from a "
            "login link, {\"token\":\"...\"}");
    }
}

// ---- another password ---------------------------------------------------------------------------

static sv_err change_password(attempt *a, char session[SV_SECRET_ROOM], sv_why *why) {
    sv_visit *v = &a->visit;
    sv_visitor visitor = visitor_of(v);
    int64_t now_us = v->fleet->believed_us();
    SV_TRY(sv_deed_begin(v, why));
    sv_err err = sv_user_set_password(v->fleet->db, a->user.name, a->job.made, now_us, why);
    if (err == SV_OK) {
        err = sv_session_begin(v->fleet->db, a->user.name, "password", &visitor, now_us, session,
                               why);
    }
    return sv_deed_end(v, err,
                       &(const sv_deed){ .what = "user.password",
                                         .about = a->user.name,
                                         .detail = "all other sessions ended" },
                       why);
}

static void password_judged(sv_password_job *job) {
    attempt *a = (attempt *) job;
    const sv_visit *v = &a->visit;
    sv_why why = job->why;
    char session[SV_SECRET_ROOM];
    sv_person person;
    sv_err err = job->verdict == SV_OK ? still(a, &why) : job->verdict;
    if (err == SV_OK) {
        err = sv_people_session(v->fleet->db, sv_access_cookie(v->fleet, v->request),
                                v->fleet->believed_us(), &person, &why);
    }
    if (err == SV_OK) {
        forgive(a);
        err = change_password(a, session, &why);
    }
    if (err == SV_OK) {
        answer_cookie(v, session);
    } else if (err == SV_ERR_UNTRUSTED) {
        sv_deed_refused(v, a->user.name,
                        &(const sv_deed){ .what = "user.password",
                                          .about = a->user.name,
                                          .detail = "the password of before is wrong" });
        sv_http_problem(v->request, 403, "Forbidden", "the password of before is wrong");
    } else {
        sv_visit_failure(v, err, &why);
    }
    explicit_bzero(session, sizeof session);
    free(a);
}

static void submit_password(sv_visit *v, const sv_user *user, sv_text current, sv_text wanted) {
    attempt *a = sv_mem_new(sizeof *a);
    a->visit = *v;
    a->user = *user;
    a->job.check = user->password[0] != '\0';
    a->job.make = true;
    a->job.done = password_judged;
    (void) snprintf(a->name, sizeof a->name, "%s", user->name);
    memcpy(a->job.kept, user->password, sizeof a->job.kept);
    sv_password_give(a->job.given, &a->job.given_bytes, current);
    sv_password_give(a->job.wanted, &a->job.wanted_bytes, wanted);
    submit(a);
}

void sv_session_door_password(sv_visit *v) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_why why = { 0 };
    sv_user user;
    sv_text current = SV_TEXT("");
    sv_text wanted;
    sv_text name = sv_text_of(v->person.user);
    if (!session_may_try(v, name)) {
        return;
    }
    if (sv_json_parse(sv_http_body(v->request), &body, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(body, "password"), &wanted)) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"password\":\"...\",\"current\":\"...\"}");
        return;
    }
    (void) sv_json_text(sv_json_get(body, "current"), &current);
    sv_err err = sv_user_find(v->fleet->db, name, &user, &why);
    err = err == SV_OK ? sv_password_judge(wanted, name, &why) : err;
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    submit_password(v, &user, current, wanted);
}
