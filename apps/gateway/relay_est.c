#include "relay_est.h"

#include <crypto/est.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/log.h>

#define ROOT "/.well-known/est/"

enum { SENTENCE_ROOM = 512 };

static const char *const NAMES[GW_EST__COUNT] = {
    [GW_EST_NONE] = "",
    [GW_EST_CACERTS] = "cacerts",
    [GW_EST_CSRATTRS] = "csrattrs",
    [GW_EST_ENROL] = "simpleenroll",
    [GW_EST_RENEW] = "simplereenroll",
};

gw_est gw_est_of(sv_text path) {
    if (!sv_text_starts(path, SV_TEXT(ROOT))) {
        return GW_EST_NONE;
    }
    const sv_text name = { .at = path.at + sizeof ROOT - 1, .len = path.len - (sizeof ROOT - 1) };
    for (unsigned est = GW_EST_NONE + 1; est < GW_EST__COUNT; est++) {
        if (sv_text_is(name, NAMES[est])) {
            return (gw_est) est;
        }
    }
    return GW_EST_NONE;
}

const char *gw_est_name(gw_est est) {
    return NAMES[est];
}

void gw_est_refuse(sv_http_request *request, gw_est est, int status, const char *title,
                   const char *fmt, ...) {
    char sentence[SENTENCE_ROOM];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(sentence, sizeof sentence - 1, fmt, args);
    va_end(args);
    if (est == GW_EST_NONE) {
        sv_http_problem(request, status, title, "%s", sentence);
        return;
    }
    char text[SENTENCE_ROOM + 1];
    int len = snprintf(text, sizeof text, "%s\n", sentence);
    sv_http_reply(request, status, "text/plain; charset=utf-8",
                  (sv_text){ .at = text, .len = (size_t) len });
}

bool gw_est_give_cacerts(sv_http_request *request, const char *ca_file) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    sv_why why;
    if (sv_est_certs_of_file(ca_file, &body, &why) != SV_OK || body.overflowed) {
        SV_LOG(error, "relay.cacerts", "%s", why.text);
        return false;
    }
    sv_http_reply_header(request, "Content-Transfer-Encoding", "base64");
    sv_http_reply(request, 200, "application/pkcs7-mime; smime-type=certs-only",
                  sv_textbuf_text(&body));
    return true;
}
