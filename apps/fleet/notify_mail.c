#include "notify_send.h"

#include <codec/encode.h>
#include <string.h>
#include <time.h>

enum {
    WORD_BYTES = 39, ///< of text in one encoded word: 64 characters, after `Subject: ` 73
    LINE_BYTES = 57, ///< make 76 characters of base64
    SECONDS_PER_MS = 1000,
};

/// As many bytes as fit and break no character.
static size_t whole_characters(sv_text text, size_t most) {
    size_t len = text.len < most ? text.len : most;
    while (len < text.len && len > 0 && ((unsigned char) text.at[len] & 0xc0) == 0x80) {
        len--;
    }
    return len > 0 ? len : (text.len < most ? text.len : most);
}

static void add_subject(sv_text title, sv_textbuf *out) {
    sv_textbuf_add_str(out, "Subject:");
    while (title.len > 0) {
        size_t len = whole_characters(title, WORD_BYTES);
        sv_textbuf_add_str(out, " =?UTF-8?B?");
        sv_base64_add(out, (sv_text){ .at = title.at, .len = len });
        sv_textbuf_add_str(out, "?=\r\n");
        title.at += len;
        title.len -= len;
    }
}

static void add_date(int64_t at_ms, sv_textbuf *out) {
    static const char *const DAYS[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const MONTHS[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t at = (time_t) (at_ms / SECONDS_PER_MS);
    struct tm utc;
    if (gmtime_r(&at, &utc) != NULL) {
        sv_textbuf_addf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", DAYS[utc.tm_wday],
                        utc.tm_mday, MONTHS[utc.tm_mon], 1900 + utc.tm_year, utc.tm_hour,
                        utc.tm_min, utc.tm_sec);
    }
}

static void add_text(sv_text text, sv_textbuf *out) {
    while (text.len > 0) {
        size_t len = text.len < LINE_BYTES ? text.len : LINE_BYTES;
        sv_base64_add(out, (sv_text){ .at = text.at, .len = len });
        sv_textbuf_add_str(out, "\r\n");
        text.at += len;
        text.len -= len;
    }
}

void sv_message_mail(const sv_channel *channel, const sv_message *message, sv_textbuf *out) {
    const char *domain = strrchr(channel->smtp.from, '@');
    sv_textbuf_addf(out, "From: Selvedge <%s>\r\nTo: ", channel->smtp.from);
    for (size_t i = 0; i < channel->smtp.to_count; i++) {
        sv_textbuf_addf(out, "%s%s", i > 0 ? ",\r\n " : "", channel->smtp.to[i]);
    }
    sv_textbuf_add_str(out, "\r\n");
    add_subject(sv_text_of(message->title), out);
    add_date(message->made_ms, out);
    sv_textbuf_addf(out,
                    "Message-ID: <%s%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: base64\r\n\r\n",
                    message->id, domain != NULL ? domain : "@selvedge.invalid");
    add_text(sv_textbuf_text(&message->body), out);
}
