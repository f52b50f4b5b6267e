#include "access.h"

#include <string.h>
#include <sys/log.h>

#define COOKIE "selvedge"

sv_text sv_access_cookie(const sv_http_request *request) {
    sv_text rest = sv_text_of(sv_http_header(request, "Cookie"));
    while (rest.len > 0) {
        sv_text value = sv_text_trim(sv_text_cut(&rest, ';'));
        sv_text name = sv_text_cut(&value, '=');
        if (sv_text_is(name, COOKIE) && value.len == SV_SECRET_LEN) {
            return value;
        }
    }
    return SV_TEXT("");
}

static void put_cookie(sv_fleet *fleet, sv_http_request *request, const char *value,
                       int64_t age_s) {
    char room[192];
    sv_textbuf cookie = SV_TEXTBUF(room);
    bool tls = fleet->config.operators.tls.cert[0] != '\0';
    sv_textbuf_addf(&cookie, COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s", value,
                    (long long) age_s, tls ? "; Secure" : "");
    if (sv_textbuf_end(&cookie) == SV_OK) {
        sv_http_reply_header(request, "Set-Cookie", room);
    }
}

void sv_access_set_cookie(sv_fleet *fleet, sv_http_request *request, const char *session) {
    put_cookie(fleet, request, session, SV_SESSION_LIFE_US / SV_TIME_SECOND_US);
}

void sv_access_clear_cookie(sv_fleet *fleet, sv_http_request *request) {
    put_cookie(fleet, request, "", 0);
}

bool sv_access_may_try(sv_fleet *fleet, sv_http_request *request) {
    if (sv_throttle_allows(&fleet->throttle, sv_http_peer(request), fleet->mono_us())) {
        return true;
    }
    sv_http_reply_header(request, "Retry-After", "60");
    sv_http_problem(request, 429, "Too many attempts",
                    "too many wrong tokens from %s; wait a minute", sv_http_peer(request));
    return false;
}

void sv_access_failed(sv_fleet *fleet, sv_http_request *request) {
    fleet->counts.logins_refused++;
    sv_throttle_failed(&fleet->throttle, sv_http_peer(request), fleet->mono_us());
    SV_LOG(warn, "access.refused", "a wrong token or login link from %s", sv_http_peer(request));
}

static bool unauthorized(sv_http_request *request, const char *detail) {
    sv_http_reply_header(request, "WWW-Authenticate", "Bearer realm=\"selvedge\"");
    sv_http_problem(request, 401, "Unauthorized", "%s", detail);
    return false;
}

static bool allow_bearer(sv_fleet *fleet, sv_http_request *request, sv_text token, sv_person *out) {
    if (!sv_access_may_try(fleet, request)) {
        return false;
    }
    sv_why why = { 0 };
    if (sv_people_token(fleet->db, token, out, &why) != SV_OK) {
        sv_access_failed(fleet, request);
        return unauthorized(request, why.text);
    }
    return true;
}

static bool changes_state(const sv_http_request *request) {
    const char *method = sv_http_method(request);
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static bool allow_cookie(sv_fleet *fleet, sv_http_request *request, sv_person *out) {
    sv_text session = sv_access_cookie(request);
    if (session.len == 0) {
        return unauthorized(request, "sign in with a login link, or send an API token");
    }
    sv_why why = { 0 };
    if (sv_people_session(fleet->db, session, fleet->believed_us(), out, &why) != SV_OK) {
        return unauthorized(request, why.text);
    }
    const char *mark = sv_http_header(request, "X-Selvedge");
    if (changes_state(request) && (mark == NULL || strcmp(mark, "1") != 0)) {
        sv_http_problem(request, 403, "Forbidden",
                        "a change made with a cookie must carry the header X-Selvedge: 1");
        return false;
    }
    return true;
}

bool sv_access_allow(sv_fleet *fleet, sv_http_request *request, sv_person_role least,
                     sv_person *out) {
    sv_text authorization = sv_text_of(sv_http_header(request, "Authorization"));
    if (sv_text_starts(authorization, SV_TEXT("Bearer "))) {
        sv_text token = { .at = authorization.at + 7, .len = authorization.len - 7 };
        if (!allow_bearer(fleet, request, sv_text_trim(token), out)) {
            return false;
        }
    } else if (!allow_cookie(fleet, request, out)) {
        return false;
    }
    if (out->role < least) {
        sv_http_problem(request, 403, "Forbidden", "this needs the role %s; %s is %s",
                        sv_person_role_name(least), out->user, sv_person_role_name(out->role));
        return false;
    }
    return true;
}
