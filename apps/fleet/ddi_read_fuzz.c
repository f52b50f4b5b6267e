// Whatever a device sends over DDI, what is taken of it is bounded, and fits where it is kept.
// [ddi-5] [ddi-8]
#include "ddi_read.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_word(const char *word, size_t room) {
    size_t len = strnlen(word, room);
    must(len < room);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char) word[i];
        must(byte >= 0x20 && byte != 0x7F);
    }
}

static void check_running(const sv_running *r) {
    const char *const words[] = { r->product, r->version,  r->sha256, r->hardware,
                                  r->slot,    r->timezone, r->boot,   r->client };
    for (size_t i = 0; i < SV_COUNT(words); i++) {
        check_word(words[i], SV_RUNNING_WORD_ROOM);
    }
    must(r->sha256[0] == '\0' || strspn(r->sha256, "0123456789abcdef") == 64);
}

static void check_feedback(sv_text body) {
    SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
    if (sv_ddi_feedback_read(body, &heard, NULL) != SV_OK) {
        return;
    }
    must(heard.line_count <= SV_ACTION_LINES_MAX);
    for (int state = 0; state < SV_ACTION_STATE__COUNT; state++) {
        sv_action_word word = sv_ddi_word(&heard, (sv_action_state) state);
        must(word.said < SV_SAID__COUNT && word.by < SV_ACTION_CLASS__COUNT);
        must(word.said != SV_SAID_SUCCESS || heard.finished == SV_DDI_SUCCESS);
    }
    sv_running running = { 0 };
    sv_ddi_running_of(&heard, &running);
    check_running(&running);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text body = { .at = (const char *) data, .len = size };
    sv_running running = { 0 };
    check_feedback(body);
    if (sv_ddi_config_read(body, &running, NULL) == SV_OK) {
        check_running(&running);
    }
    if (sv_ddi_installed_read(body, &running, NULL) == SV_OK) {
        check_running(&running);
    }
    SV_DEFER(sv_ddi_heard_drop) sv_ddi_heard heard = { 0 };
    bool yes = false;
    sv_err err = sv_ddi_confirmation_read(body, &heard, &yes, NULL);
    must(err == SV_OK || !yes);
    return 0;
}
