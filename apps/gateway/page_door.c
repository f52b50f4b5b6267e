#include "page_door.h"
#include "gateway.h"
#include <codec/json.h>
#include <crypto/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/stat.h>

#define COOKIE "selvedge-page"
enum { CONNECTIONS_MAX = 64, SECRET_LEN = 43 };

// ---- the token ----------------------------------------------------------------------------------

static sv_err make_token(const char *path, sv_why *why) {
    char room[48];
    char token[SECRET_LEN + 1];
    sv_random_token(token);
    int len = snprintf(room, sizeof room, "%s\n", token);
    return sv_disk_replace(path, (sv_text){ .at = room, .len = (size_t) len }, 0600, why);
}

sv_err gw_page_token_read(const char *path, uint8_t hash[32], sv_why *why) {
    struct stat info;
    char room[GW_PAGE_TOKEN_MAX + 2];
    sv_textbuf file = SV_TEXTBUF(room);
    if (stat(path, &info) != 0) {
        SV_TRY(make_token(path, why));
    } else if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "page: token_file: others may read '%s'; chmod 600 it",
                       path);
    }
    SV_TRY(sv_disk_read(path, &file, why));
    sv_text token = sv_text_trim(sv_textbuf_text(&file));
    if (token.len < GW_PAGE_TOKEN_MIN) {
        return sv_fail(why, SV_ERR_INVALID,
                       "page: token_file: '%s' holds no token of %d characters or more; remove the "
                       "file to get one",
                       path, GW_PAGE_TOKEN_MIN);
    }
    sv_sha256(token, hash);
    return SV_OK;
}

// ---- sessions -----------------------------------------------------------------------------------

static size_t find_session(const gw_page_door *door, const uint8_t hash[32]) {
    size_t at = 0;
    while (at < GW_PAGE_SESSIONS_MAX
           && !(door->sessions[at].until_us != 0
                && sv_same_secret(door->sessions[at].hash, hash, 32))) {
        at++;
    }
    return at;
}

bool gw_page_is_known(const gw_page_door *door, sv_text secret, bool is_session, int64_t now_us) {
    uint8_t hash[32];
    sv_sha256(secret, hash);
    if (!is_session) {
        return sv_same_secret(door->token, hash, sizeof hash);
    }
    size_t at = find_session(door, hash);
    return at < GW_PAGE_SESSIONS_MAX && now_us < door->sessions[at].until_us;
}

void gw_page_session_start(gw_page_door *door, int64_t now_us, char out[44]) {
    size_t oldest = 0;
    for (size_t i = 1; i < GW_PAGE_SESSIONS_MAX; i++) {
        oldest = door->sessions[i].until_us < door->sessions[oldest].until_us ? i : oldest;
    }
    sv_random_token(out);
    sv_sha256((sv_text){ .at = out, .len = SECRET_LEN }, door->sessions[oldest].hash);
    door->sessions[oldest].until_us = now_us + GW_PAGE_SESSION_US;
}

void gw_page_session_end(gw_page_door *door, sv_text session) {
    uint8_t hash[32];
    sv_sha256(session, hash);
    size_t at = find_session(door, hash);
    if (at < GW_PAGE_SESSIONS_MAX) {
        door->sessions[at] = (gw_page_session){ .until_us = 0 };
    }
}

static sv_text cookie_of(const sv_http_request *request) {
    sv_text rest = sv_text_of(sv_http_header(request, "Cookie"));
    while (rest.len > 0) {
        sv_text value = sv_text_trim(sv_text_cut(&rest, ';'));
        sv_text name = sv_text_cut(&value, '=');
        if (sv_text_is(name, COOKIE)) {
            return value;
        }
    }
    return SV_TEXT("");
}

static void put_cookie(sv_http_request *request, const char *value, int64_t age_us) {
    char room[192];
    (void) snprintf(room, sizeof room,
                    COOKIE "=%s; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=%lld", value,
                    (long long) (age_us / SV_TIME_SECOND_US));
    sv_http_reply_header(request, "Set-Cookie", room);
}

// ---- who asks -----------------------------------------------------------------------------------

/// Logged once a second.
static void refuse(gw *g, sv_http_request *request, const char *detail) {
    int64_t now_us = sv_clock_monotonic_us();
    if (now_us - g->page.logged_us >= SV_TIME_SECOND_US) {
        g->page.logged_us = now_us;
        SV_LOG(warn, "page.refused", "%s, from %s", detail, sv_http_peer(request));
    }
    sv_http_reply_header(request, "WWW-Authenticate", "Bearer realm=\"selvedge\"");
    sv_http_problem(request, 401, "Unauthorized", "%s", detail);
}

static bool is_known(gw *g, sv_http_request *request) {
    static const char BEARER[] = "Bearer ";
    int64_t now_us = sv_clock_monotonic_us();
    sv_text given = sv_text_of(sv_http_header(request, "Authorization"));
    if (sv_text_starts(given, SV_TEXT("Bearer "))) {
        given.at += sizeof BEARER - 1;
        given.len -= sizeof BEARER - 1;
        if (gw_page_is_known(&g->page, sv_text_trim(given), false, now_us)) {
            return true;
        }
        refuse(g, request, "a wrong token");
        return false;
    }
    if (gw_page_is_known(&g->page, cookie_of(request), true, now_us)) {
        return true;
    }
    sv_http_problem(request, 401, "Unauthorized", "give the token of this gateway's page");
    return false;
}

static void log_in(gw *g, sv_http_request *request) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char session[SECRET_LEN + 1];
    sv_text token;
    int64_t now_us = sv_clock_monotonic_us();
    if (sv_json_parse(sv_http_body(request), &root, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(root, "token"), &token)
        || !gw_page_is_known(&g->page, sv_text_trim(token), false, now_us)) {
        refuse(g, request, "a wrong token");
        return;
    }
    gw_page_session_start(&g->page, now_us, session);
    put_cookie(request, session, GW_PAGE_SESSION_US);
    sv_http_reply(request, 204, "application/json", SV_TEXT(""));
}

static void answer_session(gw *g, sv_http_request *request) {
    if (strcmp(sv_http_method(request), "DELETE") == 0) {
        gw_page_session_end(&g->page, cookie_of(request));
        put_cookie(request, "", 0);
        sv_http_reply(request, 204, "application/json", SV_TEXT(""));
    } else if (strcmp(sv_http_method(request), "POST") == 0) {
        log_in(g, request);
    } else {
        sv_http_reply_header(request, "Allow", "POST, DELETE");
        sv_http_problem(request, 405, "Method not allowed", "use POST or DELETE");
    }
}

static void answer(sv_http_request *request, void *arg) {
    gw *g = arg;
    sv_text path = sv_http_path(request);
    if (sv_text_is(path, "/v1/session")) {
        if (gw_local_is_meant(request)) {
            answer_session(g, request);
        }
    } else if (gw_local_page_has(path) || is_known(g, request)) {
        gw_local_answer(g, request, GW_ASKED_FROM_AFAR);
    }
}

// ---- from start to end --------------------------------------------------------------------------

static sv_err read_files(const gw *g, sv_tls **tls, uint8_t token[32], sv_why *why) {
    const sv_tls_files files = { .cert = g->config.tls.cert, .key = g->config.tls.key };
    SV_TRY(gw_page_token_read(g->config.page.token_file, token, why));
    return sv_tls_server(&files, SV_TLS_CLIENTS_NONE, false, tls, why);
}

sv_err gw_page_open(gw *g, sv_why *why) {
    if (g->config.page.port == 0) {
        return SV_OK;
    }
    SV_TRY(read_files(g, &g->page.tls, g->page.token, why));
    const sv_http_server_options options = { .bind = g->config.page.bind,
                                             .port = (uint16_t) g->config.page.port,
                                             .tls = g->page.tls,
                                             .body_max = 1024,
                                             .connections_max = CONNECTIONS_MAX };
    SV_TRY(sv_http_server_open(g->loop, &options, answer, g, &g->page.server, why));
    SV_LOG(info, "page.open", "the page for people is at https://%s:%lld/, with the token in '%s'",
           g->config.page.bind, (long long) g->config.page.port, g->config.page.token_file);
    return SV_OK;
}

void gw_page_reload(gw *g) {
    sv_tls *fresh = NULL;
    uint8_t token[32];
    sv_why why = { 0 };
    if (g->page.server == NULL) {
        return;
    }
    if (read_files(g, &fresh, token, &why) != SV_OK) {
        SV_LOG(error, "page.kept", "%s; the page's old certificate and token stay", why.text);
        return;
    }
    sv_http_server_tls(g->page.server, fresh);
    sv_tls_drop(&g->page.tls);
    g->page.tls = fresh;
    if (!sv_same_secret(token, g->page.token, sizeof token)) {
        memcpy(g->page.token, token, sizeof token);
        memset(g->page.sessions, 0, sizeof g->page.sessions);
    }
}

void gw_page_close(gw *g) {
    sv_http_server_drop(&g->page.server);
    sv_tls_drop(&g->page.tls);
}
