#include "smtp_reply.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <net/conn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ADDRESS_MAX = 254, ///< RFC 5321 §4.5.3.1
    COMMAND_MAX = 4096,
    MESSAGE_MAX = 256 * 1024,
    CODE_READY = 220,
    CODE_SIGNED_IN = 235,
    CODE_DONE = 250,
    CODE_GO_ON = 354,
};

/// What the next reply answers.
typedef enum smtp_step {
    STEP_GREETING,
    STEP_HELLO,
    STEP_STARTTLS,
    STEP_AUTH,
    STEP_FROM,
    STEP_TO,
    STEP_DATA,
    STEP_CONTENT,
} smtp_step;

static const char *const STEPS[] = {
    [STEP_GREETING] = "greeting", [STEP_HELLO] = "EHLO",       [STEP_STARTTLS] = "STARTTLS",
    [STEP_AUTH] = "signing in",   [STEP_FROM] = "sender",      [STEP_TO] = "recipient",
    [STEP_DATA] = "DATA",         [STEP_CONTENT] = "the mail",
};

struct sv_smtp {
    sv_conn *conn;
    sv_timer *deadline;
    sv_tls *tls;
    bool protected; ///< TLS is up
    smtp_step step;
    smtp_reply reply;
    size_t next_to, accepted;
    sv_smtp_done *done;
    void *arg;
    sv_why refused; ///< a recipient, while others were not
    char to[SV_SMTP_TO_MAX][ADDRESS_MAX + 1];
    size_t to_count;
    char from[ADDRESS_MAX + 1];
    char hello[ADDRESS_MAX + 1];
    sv_textbuf credentials; ///< base64 of AUTH PLAIN; empty: nobody signs in
    sv_textbuf message;     ///< as it is sent
};

/// The owner may drop it in there.
static void finish(sv_smtp *smtp, sv_smtp_how how, const sv_why *why) {
    sv_timer_stop(smtp->deadline);
    smtp->done(smtp->arg, how, why);
}

static void fail_at(sv_smtp *smtp, sv_smtp_how how) {
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "%s: the mail server answers %d %s", STEPS[smtp->step],
                   smtp->reply.code, smtp->reply.text);
    finish(smtp, how, &why);
}

static void refuse(sv_smtp *smtp, const char *sentence) {
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNTRUSTED, "%s", sentence);
    finish(smtp, SV_SMTP_LATER, &why);
}

// ---- what we say --------------------------------------------------------------------------------

static void say(sv_smtp *smtp, smtp_step step, const char *verb, sv_text rest) {
    char room[COMMAND_MAX];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_textbuf_add_str(&line, verb);
    sv_textbuf_add(&line, rest);
    sv_textbuf_add_str(&line, "\r\n");
    smtp->step = step;
    sv_conn_write(smtp->conn, sv_textbuf_text(&line));
    explicit_bzero(room, sizeof room);
}

static void say_hello(sv_smtp *smtp) {
    say(smtp, STEP_HELLO, "EHLO ", sv_text_of(smtp->hello));
}

static void say_address(sv_smtp *smtp, smtp_step step, const char *verb, const char *address) {
    char room[ADDRESS_MAX + 4];
    (void) snprintf(room, sizeof room, "<%s>", address);
    say(smtp, step, verb, sv_text_of(room));
}

static void say_from(sv_smtp *smtp) {
    say_address(smtp, STEP_FROM, "MAIL FROM:", smtp->from);
}

static void say_next_to(sv_smtp *smtp) {
    if (smtp->next_to < smtp->to_count) {
        say_address(smtp, STEP_TO, "RCPT TO:", smtp->to[smtp->next_to++]);
    } else {
        say(smtp, STEP_DATA, "DATA", SV_TEXT(""));
    }
}

static void say_content(sv_smtp *smtp) {
    smtp->step = STEP_CONTENT;
    sv_conn_write(smtp->conn, sv_textbuf_text(&smtp->message));
}

// ---- what we hear -------------------------------------------------------------------------------

static void hear_hello(sv_smtp *smtp) {
    if (!smtp->protected && !smtp->reply.starttls) {
        refuse(smtp, "the mail server offers no STARTTLS, and nothing is sent in the clear; "
                     "write security: tls if it speaks TLS from the first byte");
    } else if (!smtp->protected) {
        say(smtp, STEP_STARTTLS, "STARTTLS", SV_TEXT(""));
    } else if (smtp->credentials.len == 0) {
        say_from(smtp);
    } else if (!smtp->reply.auth_plain) {
        refuse(smtp, "the mail server offers no AUTH PLAIN; leave out user and password_file if "
                     "nobody has to sign in");
    } else {
        say(smtp, STEP_AUTH, "AUTH PLAIN ", sv_textbuf_text(&smtp->credentials));
    }
}

static void hear_to(sv_smtp *smtp) {
    bool taken = smtp->reply.code / 100 == 2;
    smtp->accepted += taken;
    if (!taken) {
        (void) sv_fail(&smtp->refused, SV_ERR_UNAVAILABLE,
                       "recipient %s: the mail server answers %d %s", smtp->to[smtp->next_to - 1],
                       smtp->reply.code, smtp->reply.text);
        if (smtp->next_to == smtp->to_count && smtp->accepted == 0) {
            finish(smtp, smtp->reply.code / 100 == 5 ? SV_SMTP_NEVER : SV_SMTP_LATER,
                   &smtp->refused);
            return;
        }
    }
    say_next_to(smtp);
}

/// The code that lets the dialogue go on after each step.
static bool goes_on(const sv_smtp *smtp) {
    static const int WANTED[] = {
        [STEP_GREETING] = CODE_READY, [STEP_HELLO] = CODE_DONE,   [STEP_STARTTLS] = CODE_READY,
        [STEP_AUTH] = CODE_SIGNED_IN, [STEP_FROM] = CODE_DONE,    [STEP_TO] = 0,
        [STEP_DATA] = CODE_GO_ON,     [STEP_CONTENT] = CODE_DONE,
    };
    return WANTED[smtp->step] == 0 || smtp->reply.code == WANTED[smtp->step];
}

static void hear(sv_smtp *smtp) {
    if (!goes_on(smtp)) {
        bool mail = smtp->step >= STEP_FROM && smtp->reply.code / 100 == 5;
        fail_at(smtp, mail ? SV_SMTP_NEVER : SV_SMTP_LATER);
        return;
    }
    switch (smtp->step) {
    case STEP_GREETING:
        say_hello(smtp);
        break;
    case STEP_HELLO:
        hear_hello(smtp);
        break;
    case STEP_STARTTLS:
        sv_conn_start_tls(smtp->conn, smtp->tls);
        break;
    case STEP_AUTH:
        say_from(smtp);
        break;
    case STEP_FROM:
        say_next_to(smtp);
        break;
    case STEP_TO:
        hear_to(smtp);
        break;
    case STEP_DATA:
        say_content(smtp);
        break;
    case STEP_CONTENT:
        sv_conn_write(smtp->conn, SV_TEXT("QUIT\r\n"));
        finish(smtp, SV_SMTP_TAKEN, smtp->refused.code != SV_OK ? &smtp->refused : NULL);
        break;
    }
}

static void on_down(void *arg, const sv_why *why) {
    sv_smtp *smtp = arg;
    sv_why at;
    (void) sv_fail(&at, why->code, "%s: %.160s", STEPS[smtp->step], why->text);
    finish(smtp, SV_SMTP_LATER, &at);
}

/// One reply at a time: after each of them the connection, or all of it, may be another.
static size_t on_bytes(void *arg, sv_text arrived) {
    sv_smtp *smtp = arg;
    size_t all = 0;
    size_t took = 1;
    sv_why why;
    if (smtp->reply.whole) {
        smtp->reply = (smtp_reply){ 0 };
    }
    while (took > 0 && arrived.len > 0 && !smtp->reply.whole) {
        if (smtp_reply_take(&smtp->reply, arrived, &took, &why) != SV_OK) {
            on_down(smtp, &why);
            return all;
        }
        arrived.at += took;
        arrived.len -= took;
        all += took;
    }
    if (smtp->reply.whole) {
        hear(smtp);
    }
    return all;
}

static void on_up(void *arg) {
    sv_smtp *smtp = arg;
    if (smtp->step == STEP_STARTTLS) {
        smtp->protected = true;
        say_hello(smtp);
    }
}

static void too_late(void *arg) {
    sv_smtp *smtp = arg;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "%s: the mail server takes too long",
                   STEPS[smtp->step]);
    finish(smtp, SV_SMTP_LATER, &why);
}

// ---- its life -----------------------------------------------------------------------------------

/// Lines end with CRLF whatever they ended with, a leading dot is doubled, and a dot ends it all.
static void stuff(sv_text message, sv_textbuf *out) {
    while (message.len > 0) {
        sv_text line = sv_text_cut(&message, '\n');
        if (line.len > 0 && line.at[0] == '.') {
            sv_textbuf_add_char(out, '.');
        }
        for (size_t i = 0; i < line.len; i++) {
            if (line.at[i] != '\r') {
                sv_textbuf_add_char(out, line.at[i]);
            }
        }
        sv_textbuf_add_str(out, "\r\n");
    }
    sv_textbuf_add_str(out, ".\r\n");
}

static void put_credentials(sv_smtp *smtp, const sv_smtp_mail *mail) {
    char room[COMMAND_MAX];
    sv_textbuf plain = SV_TEXTBUF(room);
    if (mail->user == NULL || mail->user[0] == '\0') {
        return;
    }
    sv_textbuf_add_char(&plain, '\0');
    sv_textbuf_add_str(&plain, mail->user);
    sv_textbuf_add_char(&plain, '\0');
    sv_textbuf_add_str(&plain, mail->password);
    sv_base64_add(&smtp->credentials, sv_textbuf_text(&plain));
    smtp->credentials.overflowed |= plain.overflowed;
    explicit_bzero(room, sizeof room);
}

/// No space, no control character, nothing that ends `<...>`.
static bool is_plain(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text >= 0x7f || *text == '<' || *text == '>') {
            return false;
        }
    }
    return true;
}

static sv_err keep_address(const char *what, const char *address, char room[ADDRESS_MAX + 1],
                           sv_why *why) {
    if (!is_plain(address) || sv_text_copy(sv_text_of(address), room, ADDRESS_MAX + 1) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "%s: '%.100s' cannot stand in a mail's envelope", what,
                       address);
    }
    return SV_OK;
}

static sv_err prepare(sv_smtp *smtp, const sv_smtp_mail *mail, sv_why *why) {
    if (mail->to_count == 0 || mail->to_count > SV_SMTP_TO_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a mail goes to 1 to %d recipients", SV_SMTP_TO_MAX);
    }
    SV_TRY(keep_address("sender", mail->from, smtp->from, why));
    SV_TRY(keep_address("our name", mail->hello != NULL ? mail->hello : "[127.0.0.1]", smtp->hello,
                        why));
    for (size_t i = 0; i < mail->to_count; i++) {
        SV_TRY(keep_address("recipient", mail->to[i], smtp->to[i], why));
    }
    smtp->to_count = mail->to_count;
    put_credentials(smtp, mail);
    stuff(mail->message, &smtp->message);
    if (smtp->message.overflowed || smtp->credentials.overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "a mail has at most %d bytes", MESSAGE_MAX);
    }
    return SV_OK;
}

sv_err sv_smtp_send(sv_loop *loop, const sv_smtp_mail *mail, int64_t within_us, sv_smtp_done *done,
                    void *arg, sv_smtp **out, sv_why *why) {
    static const sv_conn_events EVENTS = { .up = on_up, .bytes = on_bytes, .down = on_down };
    SV_DEFER(sv_smtp_drop) sv_smtp *smtp = sv_mem_new(sizeof *smtp);
    *smtp = (sv_smtp){ .tls = mail->tls,
                       .protected = mail->tls_at_once,
                       .done = done,
                       .arg = arg,
                       .credentials = SV_TEXTBUF_HEAP(COMMAND_MAX / 2),
                       .message = SV_TEXTBUF_HEAP(MESSAGE_MAX) };
    SV_TRY(prepare(smtp, mail, why));
    smtp->deadline = sv_timer_new(loop, too_late, smtp);
    SV_TRY(sv_conn_open(loop, mail->host, mail->port, mail->tls_at_once ? mail->tls : NULL,
                        within_us / 2, &EVENTS, smtp, &smtp->conn, why));
    sv_timer_once(smtp->deadline, within_us);
    *out = smtp;
    smtp = NULL;
    return SV_OK;
}

void sv_smtp_drop(sv_smtp **smtp) {
    sv_smtp *gone = *smtp;
    if (gone == NULL) {
        return;
    }
    *smtp = NULL;
    sv_timer_drop(&gone->deadline);
    sv_conn_drop(&gone->conn);
    if (gone->credentials.len > 0) {
        explicit_bzero(gone->credentials.at, gone->credentials.len);
    }
    sv_textbuf_drop(&gone->credentials);
    sv_textbuf_drop(&gone->message);
    free(gone);
}
