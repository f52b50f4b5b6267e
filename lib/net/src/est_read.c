#include "est_read.h"

#include <base/time.h>
#include <string.h>

enum { FIELD_MAX = 128, AGAIN_MAX_S = 24 * 60 * 60 };

static bool number(sv_text text, size_t at, size_t digits, uint64_t max, uint64_t *out) {
    return sv_text_u64((sv_text){ text.at + at, digits }, max, out) == SV_OK;
}

int64_t est_date(sv_text text) {
    // Sun, 06 Nov 1994 08:49:37 GMT
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char MARKS[] = "   , .. ... .... ..:..:.. GMT";
    char iso[32];
    uint64_t month = 0;
    uint64_t checked = 0;
    if (text.len != sizeof MARKS - 1) {
        return 0;
    }
    for (size_t i = 3; i < text.len; i++) {
        if (MARKS[i] != '.' && MARKS[i] != text.at[i]) {
            return 0;
        }
    }
    while (month < 12 && memcmp(MONTHS + 3 * month, text.at + 8, 3) != 0) {
        month++;
    }
    if (month == 12 || !number(text, 5, 2, 31, &checked) || !number(text, 12, 4, 9999, &checked)) {
        return 0;
    }
    sv_textbuf buf = SV_TEXTBUF(iso);
    sv_textbuf_addf(&buf, "%.4s-%02u-%.2sT%.8sZ", text.at + 12, (unsigned) month + 1, text.at + 5,
                    text.at + 17);
    int64_t at_us = 0;
    return sv_time_parse(sv_textbuf_text(&buf), &at_us) == SV_OK && at_us > 0 ? at_us : 0;
}

static void read_clock(const sv_http_reply_view *view, sv_est_reply *reply) {
    char room[FIELD_MAX];
    uint64_t seconds = 0;
    if (sv_http_reply_field(view, "Date", room, sizeof room) == SV_OK) {
        reply->server_us = est_date(sv_text_of(room));
    }
    if (sv_http_reply_field(view, "Retry-After", room, sizeof room) == SV_OK
        && sv_text_u64(sv_text_of(room), AGAIN_MAX_S, &seconds) == SV_OK) {
        reply->again_us = (int64_t) seconds * SV_TIME_SECOND_US;
    }
}

/// The first line of what the server says, without anything that a terminal obeys; empty when it is
/// no sentence.
static void read_sentence(const sv_http_reply_view *view, char room[SV_EST_SENTENCE_MAX + 1]) {
    char kind[FIELD_MAX] = "";
    (void) (sv_http_reply_field(view, "Content-Type", kind, sizeof kind) == SV_OK);
    sv_text rest = sv_text_trim(view->body);
    sv_text line = sv_text_trim(sv_text_cut(&rest, '\n'));
    size_t len = 0;
    for (size_t i = 0; i < line.len && len < SV_EST_SENTENCE_MAX; i++) {
        unsigned char c = (unsigned char) line.at[i];
        room[len++] = (char) (c < 0x20 || c >= 0x7F ? '?' : c);
    }
    room[strncmp(kind, "text/plain", 10) == 0 ? len : 0] = '\0';
}

static sv_err code_of(int status) {
    switch (status) {
    case 401:
    case 403:
        return SV_ERR_UNTRUSTED;
    case 404:
        return SV_ERR_NOT_FOUND;
    case 409:
        return SV_ERR_STATE;
    case 202:
    case 429:
        return SV_ERR_UNAVAILABLE;
    default:
        return status >= 500 ? SV_ERR_UNAVAILABLE : SV_ERR_INVALID;
    }
}

sv_err est_read(const sv_http_reply_view *view, sv_certs *certs, sv_est_reply *reply, sv_why *why) {
    reply->status = view->status;
    read_clock(view, reply);
    if (view->status == 200) {
        return sv_est_certs_parse(view->body, certs, why);
    }
    char sentence[SV_EST_SENTENCE_MAX + 1];
    read_sentence(view, sentence);
    if (sentence[0] != '\0') {
        return sv_fail(why, code_of(view->status), "%s (%d)", sentence, view->status);
    }
    return sv_fail(why, code_of(view->status), "the server answered with status %d", view->status);
}
