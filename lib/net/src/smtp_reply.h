// A reply of a mail server: lines `250-text`, the last one `250 text` (RFC 5321 §4.2), and what an
// answer to EHLO offers.
#ifndef SV_NET_SMTP_REPLY_H
#define SV_NET_SMTP_REPLY_H

#include <base/err.h>
#include <base/text.h>
#include <net/smtp.h>

enum {
    SMTP_LINE_MAX = 2048, ///< bytes of a line, with its end
    SMTP_LINES_MAX = 128,
};

typedef struct smtp_reply {
    int code; ///< 0: nothing yet
    size_t lines;
    bool whole;
    bool starttls, auth_plain;
    char text[SV_SMTP_TEXT_MAX]; ///< of its last line, printable
} smtp_reply;

/// Takes the first line of `arrived`, if it is there: how many bytes it was; 0: not yet. When
/// `whole` is set, the reply is complete; begin with an empty one for the next. SV_ERR_INVALID for
/// what is no reply or breaks the limits.
sv_err smtp_reply_take(smtp_reply *reply, sv_text arrived, size_t *took, sv_why *why);

#endif
