// Whatever a server answers: certificates, or a sentence without anything that a terminal obeys;
// clock and wait within their bounds. The input is status, head and body, parted by NULs.
#include "est_read.h"

#include <base/time.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_plain(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char) *text < 0x20 || (unsigned char) *text >= 0x7F) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    sv_text rest = { .at = (const char *) data, .len = size };
    uint64_t status = 0;
    (void) (sv_text_u64(sv_text_cut(&rest, '\0'), 999, &status) == SV_OK);
    sv_http_reply_view view = { .status = (int) status };
    view.head = sv_text_cut(&rest, '\0');
    view.body = rest;
    sv_est_reply reply = { 0 };
    sv_why why = { 0 };
    bool taken = est_read(&view, &certs, &reply, &why) == SV_OK;
    if (taken ? status != 200 || certs.count == 0 : why.text[0] == '\0' || !is_plain(why.text)) {
        abort();
    }
    if (reply.server_us < 0 || reply.again_us < 0 || reply.again_us > SV_TIME_DAY_US) {
        abort();
    }
    return 0;
}
