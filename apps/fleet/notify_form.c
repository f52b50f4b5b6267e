#include "notify_send.h"

#include <codec/encode.h>
#include <codec/json.h>
#include <crypto/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ROOM = SV_CHANNEL_SECRET_MAX + 8 };

void sv_message_drop(sv_message *message) {
    sv_textbuf_drop(&message->body);
    sv_textbuf_drop(&message->facts);
}

// ---- what is posted -----------------------------------------------------------------------------

static void form_webhook(const sv_message *message, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "id", message->id);
    sv_json_add_int(out, "at", message->made_ms);
    sv_json_add_str(out, "title", message->title);
    sv_json_add_text(out, "text", sv_textbuf_text(&message->body));
    sv_json_key(out, "notice");
    sv_json_put_raw(out, sv_textbuf_text(&message->facts));
    sv_json_close_object(out);
}

/// `<!channel>` and links are written with these three.
static void add_slack(sv_textbuf *out, sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '&') {
            sv_textbuf_add_str(out, "&amp;");
        } else if (c == '<') {
            sv_textbuf_add_str(out, "&lt;");
        } else if (c == '>') {
            sv_textbuf_add_str(out, "&gt;");
        } else {
            sv_textbuf_add_char(out, c);
        }
    }
}

static void form_slack(const sv_message *message, sv_json_out *out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_MESSAGE_FORM_MAX);
    sv_textbuf_add_char(&text, '*');
    add_slack(&text, sv_text_of(message->title));
    sv_textbuf_add_str(&text, "*\n");
    add_slack(&text, sv_textbuf_text(&message->body));
    sv_json_open_object(out);
    sv_json_add_text(out, "text", sv_textbuf_text(&text));
    sv_json_close_object(out);
}

/// Links and emphasis of Markdown are written with these.
static void put_teams(sv_json_out *out, sv_text text, bool bold) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf plain = SV_TEXTBUF_HEAP(SV_MESSAGE_FORM_MAX);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '\0' && strchr("\\[]*_`", text.at[i]) != NULL) {
            sv_textbuf_add_char(&plain, '\\');
        }
        sv_textbuf_add_char(&plain, text.at[i]);
    }
    sv_json_open_object(out);
    sv_json_add_str(out, "type", "TextBlock");
    sv_json_add_text(out, "text", sv_textbuf_text(&plain));
    sv_json_add_bool(out, "wrap", true);
    if (bold) {
        sv_json_add_str(out, "weight", "Bolder");
    }
    sv_json_close_object(out);
}

/// A card, as workflows of Teams take it.
static void form_teams(const sv_message *message, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "type", "message");
    sv_json_key(out, "attachments");
    sv_json_open_array(out);
    sv_json_open_object(out);
    sv_json_add_str(out, "contentType", "application/vnd.microsoft.card.adaptive");
    sv_json_key(out, "content");
    sv_json_open_object(out);
    sv_json_add_str(out, "type", "AdaptiveCard");
    sv_json_add_str(out, "version", "1.4");
    sv_json_key(out, "body");
    sv_json_open_array(out);
    put_teams(out, sv_text_of(message->title), true);
    put_teams(out, sv_textbuf_text(&message->body), false);
    sv_json_close_array(out);
    sv_json_close_object(out);
    sv_json_close_object(out);
    sv_json_close_array(out);
    sv_json_close_object(out);
}

void sv_message_form(sv_channel_kind kind, const sv_message *message, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    switch (kind) {
    case SV_CHANNEL_SLACK:
        form_slack(message, &json);
        break;
    case SV_CHANNEL_TEAMS:
        form_teams(message, &json);
        break;
    case SV_CHANNEL_WEBHOOK:
    case SV_CHANNEL_SMTP: // mail has a form of its own
        form_webhook(message, &json);
        break;
    }
}

// ---- the signature ------------------------------------------------------------------------------

static sv_err find_key(const char *secret, sv_textbuf *key) {
    static const char PREFIX[] = "whsec_";
    char room[KEY_ROOM];
    sv_textbuf field = SV_TEXTBUF(room);
    if (strncmp(secret, PREFIX, sizeof PREFIX - 1) != 0) {
        sv_textbuf_add_str(key, secret);
        return SV_OK;
    }
    sv_textbuf_add_char(&field, ':');
    sv_textbuf_add_str(&field, secret + sizeof PREFIX - 1);
    sv_textbuf_add_char(&field, ':');
    sv_err err = sv_field_bytes_parse(sv_textbuf_text(&field), key);
    explicit_bzero(room, sizeof room);
    return err;
}

sv_err sv_message_sign(const char *secret, const char *id, const char *timestamp, sv_text body,
                       sv_textbuf *out) {
    char room[KEY_ROOM];
    sv_textbuf key = SV_TEXTBUF(room);
    uint8_t mac[32];
    sv_err err = find_key(secret, &key);
    if (err == SV_OK) {
        const sv_text parts[] = { sv_text_of(id), SV_TEXT("."), sv_text_of(timestamp), SV_TEXT("."),
                                  body };
        sv_hmac_sha256(sv_textbuf_text(&key), parts, SV_COUNT(parts), mac);
        sv_textbuf_add_str(out, "v1,");
        sv_base64_add(out, (sv_text){ .at = (const char *) mac, .len = sizeof mac });
    }
    explicit_bzero(room, sizeof room);
    return err;
}

// ---- the answer ---------------------------------------------------------------------------------

static void quote(sv_text body, sv_textbuf *out) {
    body = sv_text_trim(body);
    size_t len = body.len < SV_DELIVERY_QUOTE_MAX ? body.len : SV_DELIVERY_QUOTE_MAX;
    for (size_t i = 0; i < len; i++) {
        char c = body.at[i];
        sv_textbuf_add_char(out, c >= ' ' && c < 0x7f ? c : ' ');
    }
}

static int64_t read_retry_after(const char *text) {
    uint64_t seconds = 0;
    int64_t max_s = SV_DELIVERY_RETRY_AFTER_MAX_US / SV_TIME_SECOND_US;
    if (text == NULL || sv_text_u64(sv_text_of(text), UINT32_MAX, &seconds) != SV_OK) {
        return 0;
    }
    return ((int64_t) seconds < max_s ? (int64_t) seconds : max_s) * SV_TIME_SECOND_US;
}

void sv_delivery_judge(int status, const char *retry_after, sv_text body, sv_delivery_end *out) {
    *out = (sv_delivery_end){ .how = SV_DELIVERY_TAKEN };
    if (status >= 200 && status < 300) {
        return;
    }
    sv_textbuf error = SV_TEXTBUF(out->error);
    bool later = status == 408 || status == 425 || status == 429 || status >= 500;
    out->how = later ? SV_DELIVERY_LATER : SV_DELIVERY_NEVER;
    out->retry_after_us = later ? read_retry_after(retry_after) : 0;
    sv_textbuf_addf(&error, "the answer is %d", status);
    if (status >= 300 && status < 400) {
        sv_textbuf_add_str(&error, ": redirects are not followed; write the address it leads to");
    } else if (sv_text_trim(body).len > 0) {
        sv_textbuf_add_str(&error, ": ");
        quote(body, &error);
    }
    if (sv_textbuf_end(&error) != SV_OK) {
        out->error[sizeof out->error - 1] = '\0';
    }
}
