// Whatever a server says, in whatever pieces: bounded, printable, and the same in one piece.
#include "smtp_reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const smtp_reply *reply) {
    if (reply->lines > SMTP_LINES_MAX + 1 || strlen(reply->text) >= sizeof reply->text
        || (reply->whole && (reply->code < 200 || reply->code > 599))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    smtp_reply reply = { 0 };
    sv_text rest = { .at = (const char *) data, .len = size };
    for (size_t took = 1; took > 0 && rest.len > 0;) {
        size_t whole = 0;
        smtp_reply other = reply;
        sv_err err = smtp_reply_take(&reply, rest, &took, NULL);
        check(&reply);
        if (err != SV_OK) {
            break;
        }
        // The line alone says the same as the line with what follows.
        if (took > 0
            && (smtp_reply_take(&other, (sv_text){ .at = rest.at, .len = took }, &whole, NULL)
                    != SV_OK
                || whole != took || other.code != reply.code || other.whole != reply.whole)) {
            abort();
        }
        rest.at += took;
        rest.len -= took;
        if (reply.whole) {
            reply = (smtp_reply){ 0 };
        }
    }
    return 0;
}
