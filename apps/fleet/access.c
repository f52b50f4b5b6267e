#include "access.h"

#include "audit_keep.h"
#include "tokens.h"

#include <stdio.h>
#include <string.h>
#include <sys/log.h>

#define COOKIE "selvedge"

enum { REASON_ROOM = 240 };

/// Over TLS with the prefix by which browsers take it from this very host alone, and over TLS only.
static const char *cookie_name(const sv_fleet *fleet) {
    return fleet->config.operators.tls.cert[0] != '\0' ? "__Host-" COOKIE : COOKIE;
}

sv_text sv_access_cookie(const sv_fleet *fleet, const sv_http_request *request) {
    sv_text rest = sv_text_of(sv_http_header(request, "Cookie"));
    while (rest.len > 0) {
        sv_text value = sv_text_trim(sv_text_cut(&rest, ';'));
        sv_text name = sv_text_cut(&value, '=');
        if (sv_text_is(name, cookie_name(fleet)) && value.len == SV_SECRET_LEN) {
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
    sv_textbuf_addf(&cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                    cookie_name(fleet), value, (long long) age_s, tls ? "; Secure" : "");
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

void sv_access_link(sv_http_request *request, const char *token) {
    char location[SV_SECRET_ROOM + 16];
    sv_textbuf link = SV_TEXTBUF(location);
    sv_textbuf_addf(&link, "/#login=%s", token);
    if (sv_textbuf_end(&link) == SV_OK) {
        sv_http_reply_header(request, "Location", location);
    }
}

// ---- who may try --------------------------------------------------------------------------------

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

void sv_access_denied(sv_fleet *fleet, sv_http_request *request, const char *who,
                      const char *reason) {
    char about[SV_AUDIT_NAME_MAX];
    if (!sv_throttle_allows(&fleet->denials, who, fleet->mono_us())) {
        return;
    }
    sv_throttle_failed(&fleet->denials, who, fleet->mono_us());
    (void) snprintf(about, sizeof about, "%s " SV_TEXT_FMT, sv_http_method(request),
                    SV_TEXT_ARG(sv_http_path(request)));
    sv_audit_note(fleet, &(sv_audit_event){ .at_us = fleet->wall_us(),
                                            .who = who,
                                            .from = sv_http_peer(request),
                                            .what = "access.refuse",
                                            .about = about,
                                            .outcome = SV_AUDIT_REFUSED,
                                            .detail = reason });
}

static bool unauthorized(sv_http_request *request, const char *detail) {
    sv_http_reply_header(request, "WWW-Authenticate", "Bearer realm=\"selvedge\"");
    sv_http_problem(request, 401, "Unauthorized", "%s", detail);
    return false;
}

static bool unavailable(sv_http_request *request, const sv_why *why) {
    SV_LOG(error, "access.failed", "%s", why->text);
    sv_http_problem(request, 503, "Not available", "%s", why->text);
    return false;
}

static bool allow_bearer(sv_fleet *fleet, sv_http_request *request, sv_text token, sv_person *out) {
    if (!sv_access_may_try(fleet, request)) {
        return false;
    }
    sv_why why = { 0 };
    sv_err err =
        sv_people_token(fleet->db, token, sv_http_peer(request), fleet->believed_us(), out, &why);
    if (err == SV_ERR_UNTRUSTED) {
        sv_access_failed(fleet, request);
        sv_access_denied(fleet, request, "", "a wrong API token");
        return unauthorized(request, why.text);
    }
    return err == SV_OK || unavailable(request, &why);
}

static bool changes_state(const sv_http_request *request) {
    const char *method = sv_http_method(request);
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/// `scheme://host[:port]` is where this request was sent to.
static bool names_host(sv_text origin, sv_text host) {
    for (size_t i = 0; i + 3 <= origin.len; i++) {
        sv_text rest = { .at = origin.at + i, .len = origin.len - i };
        if (sv_text_starts(rest, SV_TEXT("://"))) {
            return sv_text_eq((sv_text){ .at = rest.at + 3, .len = rest.len - 3 }, host);
        }
    }
    return false;
}

bool sv_access_is_own_page(sv_fleet *fleet, sv_http_request *request, const char *who) {
    const char *site = sv_http_header(request, "Sec-Fetch-Site");
    const char *origin = sv_http_header(request, "Origin");
    bool own = origin == NULL
               || names_host(sv_text_of(origin), sv_text_of(sv_http_header(request, "Host")));
    if (site != NULL) { // a browser's own word, which no page can set
        own = strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    }
    if (!own) {
        sv_access_denied(fleet, request, who, "it was sent by another site's page");
        sv_http_problem(request, 403, "Forbidden", "another site's page may not do this");
    }
    return own;
}

static bool allow_cookie(sv_fleet *fleet, sv_http_request *request, sv_person *out) {
    sv_text session = sv_access_cookie(fleet, request);
    if (session.len == 0) {
        return unauthorized(request, "sign in, or send an API token");
    }
    sv_why why = { 0 };
    sv_err err = sv_people_session(fleet->db, session, fleet->believed_us(), out, &why);
    if (err == SV_ERR_UNTRUSTED) {
        return unauthorized(request, why.text);
    }
    if (err != SV_OK) {
        return unavailable(request, &why);
    }
    const char *mark = sv_http_header(request, "X-Selvedge");
    if (changes_state(request) && (mark == NULL || strcmp(mark, "1") != 0)) {
        sv_access_denied(fleet, request, out->user, "a change by cookie without X-Selvedge: 1");
        sv_http_problem(request, 403, "Forbidden",
                        "a change made with a cookie must carry the header X-Selvedge: 1");
        return false;
    }
    return !changes_state(request) || sv_access_is_own_page(fleet, request, out->user);
}

/// Why not; "" when it may.
static void judge(const sv_need *need, const sv_person *person, char reason[REASON_ROOM]) {
    reason[0] = '\0';
    if (person->role < need->least) {
        bool by_token = person->session == 0;
        (void) snprintf(reason, REASON_ROOM, "this needs the role %s; %s%s is %s",
                        sv_person_role_name(need->least), by_token ? "the API token " : "",
                        by_token ? person->token : person->user, sv_person_role_name(person->role));
    } else if (person->session == 0 && need->scopes == 0) {
        (void) snprintf(reason, REASON_ROOM,
                        "this needs somebody who has signed in; the API token %s is not enough",
                        person->token);
    } else if (person->session == 0 && (person->scopes & need->scopes) == 0) {
        (void) snprintf(reason, REASON_ROOM, "the API token %s has not the scope for this",
                        person->token);
    }
}

bool sv_access_allow(sv_fleet *fleet, sv_http_request *request, const sv_need *need,
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
    char reason[REASON_ROOM];
    judge(need, out, reason);
    if (reason[0] != '\0') {
        sv_access_denied(fleet, request, out->user, reason);
        sv_http_problem(request, 403, "Forbidden", "%s", reason);
    }
    return reason[0] == '\0';
}
