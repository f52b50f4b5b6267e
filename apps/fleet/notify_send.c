#include "notify_send.h"

#include <base/mem.h>
#include <inttypes.h>
#include <net/http_client.h>
#include <net/smtp.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIGNATURE_ROOM = 64, TIMESTAMP_ROOM = 24, RETRY_AFTER_ROOM = 32 };

struct sv_delivery {
    sv_notify_config *config;
    sv_http_client *http;
    sv_smtp *smtp;
    sv_delivery_done *done; ///< NULL: nothing is to be told any more
    void *arg;
};

/// The owner may drop it in there.
static void finish(sv_delivery *delivery, const sv_delivery_end *end) {
    sv_delivery_done *done = delivery->done;
    delivery->done = NULL;
    if (done != NULL) {
        done(delivery->arg, end);
    }
}

static void on_answer(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    sv_delivery *delivery = arg;
    char retry_after[RETRY_AFTER_ROOM];
    sv_delivery_end end = { .how = SV_DELIVERY_LATER };
    if (reply->status == 0) {
        (void) snprintf(end.error, sizeof end.error, "%s", why != NULL ? why->text : "no answer");
    } else {
        bool asked =
            sv_http_reply_field(reply, "Retry-After", retry_after, sizeof retry_after) == SV_OK;
        sv_delivery_judge(reply->status, asked ? retry_after : NULL, reply->body, &end);
    }
    finish(delivery, &end);
}

static void on_mail(void *arg, sv_smtp_how how, const sv_why *why) {
    static const sv_delivery_how ENDS[] = { [SV_SMTP_TAKEN] = SV_DELIVERY_TAKEN,
                                            [SV_SMTP_LATER] = SV_DELIVERY_LATER,
                                            [SV_SMTP_NEVER] = SV_DELIVERY_NEVER };
    sv_delivery_end end = { .how = ENDS[how] };
    (void) snprintf(end.error, sizeof end.error, "%s", why != NULL ? why->text : "");
    finish(arg, &end);
}

static sv_err post(sv_delivery *delivery, sv_loop *loop, const sv_channel *channel,
                   const sv_message *message, int64_t now_us, sv_why *why) {
    char timestamp[TIMESTAMP_ROOM];
    char signature[SIGNATURE_ROOM];
    sv_textbuf sign = SV_TEXTBUF(signature);
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_MESSAGE_FORM_MAX);
    bool is_signed = channel->kind == SV_CHANNEL_WEBHOOK;
    sv_message_form(channel->kind, message, &body);
    (void) snprintf(timestamp, sizeof timestamp, "%" PRId64, now_us / SV_TIME_SECOND_US);
    if (is_signed) {
        SV_TRY(sv_message_sign(channel->secret, message->id, timestamp, sv_textbuf_text(&body),
                               &sign));
    }
    if (body.overflowed || sv_textbuf_end(&sign) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the message does not fit %d bytes",
                       SV_MESSAGE_FORM_MAX);
    }
    const sv_http_field fields[] = {
        { .name = "Content-Type", .value = "application/json" },
        { .name = "User-Agent", .value = "selvedge-fleet/" SV_VERSION },
        { .name = "webhook-id", .value = is_signed ? message->id : NULL },
        { .name = "webhook-timestamp", .value = is_signed ? timestamp : NULL },
        { .name = "webhook-signature", .value = is_signed ? signature : NULL },
    };
    sv_http_errand errand = { .method = "POST",
                              .path = channel->url.path,
                              .fields = fields,
                              .field_count = SV_COUNT(fields),
                              .body = sv_textbuf_text(&body) };
    SV_TRY(sv_http_client_open(loop, channel->address, channel->tls, SV_DELIVERY_HTTP_US,
                               &delivery->http, why));
    if (!channel->allow_private) {
        sv_http_client_public_only(delivery->http);
    }
    return sv_http_client_ask(delivery->http, &errand, on_answer, delivery);
}

static sv_err mail(sv_delivery *delivery, sv_loop *loop, const sv_channel *channel,
                   const sv_message *message, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_MESSAGE_FORM_MAX);
    sv_message_mail(channel, message, &text);
    if (text.overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "the message does not fit %d bytes",
                       SV_MESSAGE_FORM_MAX);
    }
    sv_smtp_mail sent = { .host = channel->smtp.host,
                          .port = channel->smtp.port,
                          .tls = channel->tls,
                          .tls_at_once = channel->smtp.tls_at_once,
                          .user = channel->smtp.user,
                          .password = channel->secret,
                          .from = channel->smtp.from,
                          .to_count = channel->smtp.to_count,
                          .message = sv_textbuf_text(&text) };
    for (size_t i = 0; i < channel->smtp.to_count; i++) {
        sent.to[i] = channel->smtp.to[i];
    }
    return sv_smtp_send(loop, &sent, SV_DELIVERY_SMTP_US, on_mail, delivery, &delivery->smtp, why);
}

sv_err sv_delivery_start(sv_loop *loop, sv_notify_config *config, const sv_channel *channel,
                         const sv_message *message, int64_t now_us, sv_delivery_done *done,
                         void *arg, sv_delivery **out, sv_why *why) {
    SV_DEFER(sv_delivery_drop) sv_delivery *delivery = sv_mem_new(sizeof *delivery);
    *delivery = (sv_delivery){ .config = sv_notify_config_hold(config), .arg = arg };
    SV_TRY(channel->kind == SV_CHANNEL_SMTP ? mail(delivery, loop, channel, message, why)
                                            : post(delivery, loop, channel, message, now_us, why));
    delivery->done = done;
    *out = delivery;
    delivery = NULL;
    return SV_OK;
}

void sv_delivery_drop(sv_delivery **delivery) {
    sv_delivery *gone = *delivery;
    if (gone == NULL) {
        return;
    }
    *delivery = NULL;
    gone->done = NULL;
    sv_http_client_drop(&gone->http);
    sv_smtp_drop(&gone->smtp);
    sv_notify_config_drop(&gone->config);
    free(gone);
}
