// One message over one channel, once: how it ended comes back. A connection of its own for each.
#ifndef SV_FLEET_NOTIFY_SEND_H
#define SV_FLEET_NOTIFY_SEND_H

#include "notify_config.h"

#include <sys/loop.h>

enum {
    SV_MESSAGE_ID_ROOM = 33, ///< 32 hexadecimal digits
    SV_MESSAGE_TITLE_MAX = 512,
    SV_MESSAGE_BODY_MAX = 16 * 1024,
    SV_MESSAGE_FACTS_MAX = 64 * 1024,
    SV_MESSAGE_FORM_MAX = 160 * 1024, ///< as it is sent
    SV_DELIVERY_ERROR_MAX = SV_WHY_MAX,
    SV_DELIVERY_QUOTE_MAX = 120, ///< of an answer, in an error
};

#define SV_DELIVERY_HTTP_US INT64_C(15000000)
#define SV_DELIVERY_SMTP_US INT64_C(60000000)
#define SV_DELIVERY_RETRY_AFTER_MAX_US INT64_C(3600000000)

/// The same at every try: who gets it twice knows it by its id.
typedef struct sv_message {
    int64_t seq; ///< row; 0: none
    char id[SV_MESSAGE_ID_ROOM];
    char title[SV_MESSAGE_TITLE_MAX];
    sv_textbuf body;  ///< plain text
    sv_textbuf facts; ///< a JSON object
    int64_t made_ms, tries;
    bool once; ///< a test: it is not tried again
} sv_message;

void sv_message_drop(sv_message *message);

typedef enum sv_delivery_how {
    SV_DELIVERY_TAKEN,
    SV_DELIVERY_LATER, ///< it may be taken another time
    SV_DELIVERY_NEVER, ///< the other side refuses this message
} sv_delivery_how;

typedef struct sv_delivery_end {
    sv_delivery_how how;
    int64_t retry_after_us;            ///< 0: not asked for
    char error[SV_DELIVERY_ERROR_MAX]; ///< "" when all is well; holds no secret
} sv_delivery_end;

typedef void sv_delivery_done(void *arg, const sv_delivery_end *end);

typedef struct sv_delivery sv_delivery;

/// `config` is held until the end, `channel` is one of its own. `message` is used within the call
/// alone. `done` comes later, on the loop; the owner drops the delivery there or earlier.
sv_err sv_delivery_start(sv_loop *loop, sv_notify_config *config, const sv_channel *channel,
                         const sv_message *message, int64_t now_us, sv_delivery_done *done,
                         void *arg, sv_delivery **out, sv_why *why);
/// Nothing comes after it.
void sv_delivery_drop(sv_delivery **delivery);

// ---- for the parts and their tests --------------------------------------------------------------

/// The body of a request to a webhook, Slack or Teams; texts of devices command nothing there.
/// [notify-6]
void sv_message_form(sv_channel_kind kind, const sv_message *message, sv_textbuf *out);
/// `v1,<base64>` of HMAC-SHA-256 over "<id>.<timestamp>.<body>"; the key is the secret, or what
/// `whsec_<base64>` stands for. SV_ERR_INVALID when that is no base64. [notify-6]
sv_err sv_message_sign(const char *secret, const char *id, const char *timestamp, sv_text body,
                       sv_textbuf *out);
/// A mail with its headers (RFC 5322), ASCII alone. [notify-6]
void sv_message_mail(const sv_channel *channel, const sv_message *message, sv_textbuf *out);
/// How an answer ends the try. `retry_after` may be NULL. [notify-5]
void sv_delivery_judge(int status, const char *retry_after, sv_text body, sv_delivery_end *out);

#endif
