// However the bytes are cut, the same answer comes out, or none.
#include "http_answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 4096 };

static sv_err feed(http_answer *answer, sv_text all, size_t piece) {
    size_t from = 0;
    size_t until = 0;
    while (until < all.len && answer->step != HTTP_ANSWER_DONE) {
        until = all.len - until < piece ? all.len : until + piece;
        size_t took = 0;
        SV_TRY(http_answer_read(answer, (sv_text){ .at = all.at + from, .len = until - from },
                                &took, NULL));
        from += took;
        if (from > until) {
            abort();
        }
    }
    return SV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text all = { .at = (const char *) data, .len = size };
    SV_DEFER(http_answer_drop) http_answer whole;
    SV_DEFER(http_answer_drop) http_answer cut;
    http_answer_start(&whole, false, BODY_MAX);
    http_answer_start(&cut, false, BODY_MAX);
    sv_err first = feed(&whole, all, size + 1);
    sv_err second = feed(&cut, all, 1);
    if ((first == SV_OK && http_answer_end(&whole)) != (second == SV_OK && http_answer_end(&cut))) {
        abort();
    }
    if (first == SV_OK && whole.step == HTTP_ANSWER_DONE
        && (whole.status != cut.status
            || !sv_text_eq(sv_textbuf_text(&whole.body), sv_textbuf_text(&cut.body)))) {
        abort();
    }
    return 0;
}
