#include "smtp_reply.h"

#include <string.h>
#include <strings.h>

enum { CODE_DIGITS = 3 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int read_code(sv_text line) {
    bool fits = line.len >= CODE_DIGITS && line.at[0] >= '2' && line.at[0] <= '5'
                && is_digit(line.at[1]) && is_digit(line.at[2]);
    return fits ? (line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + (line.at[2] - '0') : 0;
}

static void keep_text(smtp_reply *reply, sv_text text) {
    size_t len = 0;
    while (len < text.len && len < sizeof reply->text - 1) {
        char c = text.at[len];
        reply->text[len++] = c >= ' ' && c < 0x7f ? c : '?';
    }
    reply->text[len] = '\0';
}

static bool is_word(sv_text word, const char *name) {
    return word.len == strlen(name) && strncasecmp(word.at, name, word.len) == 0;
}

/// What the server says it can do: `STARTTLS`, `AUTH PLAIN LOGIN`.
static void note_offer(smtp_reply *reply, sv_text offer) {
    sv_text name = sv_text_cut(&offer, ' ');
    if (is_word(name, "STARTTLS")) {
        reply->starttls = true;
    }
    while (is_word(name, "AUTH") && offer.len > 0) {
        if (is_word(sv_text_cut(&offer, ' '), "PLAIN")) {
            reply->auth_plain = true;
        }
    }
}

static sv_err take_line(smtp_reply *reply, sv_text line, sv_why *why) {
    int code = read_code(line);
    char mark = line.len > CODE_DIGITS ? line.at[CODE_DIGITS] : ' ';
    if (code == 0 || (mark != ' ' && mark != '-') || (reply->code != 0 && code != reply->code)) {
        return sv_fail(why, SV_ERR_INVALID, "what the server says is no mail server's reply");
    }
    if (++reply->lines > SMTP_LINES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the server's reply has more than %d lines",
                       SMTP_LINES_MAX);
    }
    sv_text text = { .at = line.at + CODE_DIGITS, .len = line.len - CODE_DIGITS };
    if (text.len > 0) {
        text.at++;
        text.len--;
    }
    reply->code = code;
    reply->whole = mark == ' ';
    keep_text(reply, text);
    note_offer(reply, text);
    return SV_OK;
}

sv_err smtp_reply_take(smtp_reply *reply, sv_text arrived, size_t *took, sv_why *why) {
    *took = 0;
    const char *end = arrived.len > 0 ? memchr(arrived.at, '\n', arrived.len) : NULL;
    size_t len = end != NULL ? (size_t) (end - arrived.at) + 1 : arrived.len;
    if (len > SMTP_LINE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a line of the server is longer than %d bytes",
                       SMTP_LINE_MAX);
    }
    if (end == NULL) {
        return SV_OK;
    }
    sv_text line = { .at = arrived.at, .len = len - 1 };
    if (line.len > 0 && line.at[line.len - 1] == '\r') {
        line.len--;
    }
    SV_TRY(take_line(reply, line, why));
    *took = len;
    return SV_OK;
}
