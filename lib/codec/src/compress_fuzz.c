// Whatever text comes back as it was; whatever bytes are expanded never give more than was allowed.
#include <codec/compress.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 1 << 18, PACKED_MAX = 1 << 19 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    SV_DEFER(sv_textbuf_drop) sv_textbuf any = SV_TEXTBUF_HEAP(PLAIN_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf packed = SV_TEXTBUF_HEAP(PACKED_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf plain = SV_TEXTBUF_HEAP(PLAIN_MAX);
    (void) (sv_expand(text, &any, NULL) == SV_OK);
    if (any.len > PLAIN_MAX || sv_compress(text, &packed) != SV_OK
        || sv_expand(sv_textbuf_text(&packed), &plain, NULL) != SV_OK
        || !sv_text_eq(sv_textbuf_text(&plain), text)) {
        abort();
    }
    return 0;
}
