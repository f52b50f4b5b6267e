// One mail to one server (RFC 5321): over TLS from the first byte or after STARTTLS (RFC 3207),
// never in the clear; signing in with AUTH PLAIN (RFC 4616) where a user is named. Replies are
// bounded. On the loop; a connection of its own for each mail.
#ifndef SV_NET_SMTP_H
#define SV_NET_SMTP_H

#include <base/err.h>
#include <base/text.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_SMTP_TO_MAX = 16,
    SV_SMTP_TEXT_MAX = 256, ///< of a server's sentence that is passed on
};

typedef struct sv_smtp_mail {
    const char *host;
    uint16_t port;
    sv_tls *tls; ///< must outlive the sending
    bool tls_at_once;
    const char *user; ///< NULL or "": nobody signs in
    const char *password;
    const char *hello; ///< who we say we are; NULL: the address literal 127.0.0.1
    const char *from;  ///< addresses without spaces, control characters, `<` and `>`
    const char *to[SV_SMTP_TO_MAX];
    size_t to_count;
    sv_text message; ///< headers and body, lines end with CRLF; dots are stuffed here
} sv_smtp_mail;

typedef enum sv_smtp_how {
    SV_SMTP_TAKEN,
    SV_SMTP_LATER, ///< unreachable, signing in failed, or a 4xx
    SV_SMTP_NEVER, ///< the server refuses this mail: a 5xx to sender, recipients or content
} sv_smtp_how;

/// `why` says at which step what was answered. For a mail that was taken it is NULL, or names a
/// recipient that was refused while another was not. [notify-9]
typedef void sv_smtp_done(void *arg, sv_smtp_how how, const sv_why *why);

typedef struct sv_smtp sv_smtp;

/// Texts are copied. `done` comes later, on the loop, within `within_us`; the owner drops then or
/// earlier.
sv_err sv_smtp_send(sv_loop *loop, const sv_smtp_mail *mail, int64_t within_us, sv_smtp_done *done,
                    void *arg, sv_smtp **out, sv_why *why);
/// Nothing comes after it. Allowed inside `done`.
void sv_smtp_drop(sv_smtp **smtp);

#endif
