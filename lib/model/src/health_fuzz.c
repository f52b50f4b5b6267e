// Whatever the bytes: a report that is taken is written as bytes that read back and are written
// alike.
#include <model/health.h>
#include <stdlib.h>

enum { WRITTEN_MAX = 16 * SV_HEALTH_BYTES_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sv_text id = SV_TEXT("press-1");
    sv_health first;
    sv_health second;
    sv_why why = { 0 };
    if (sv_health_parse((sv_text){ .at = (const char *) data, .len = size }, id, &first, &why)
        != SV_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    // Escapes may make the text longer than it came; then it is merely refused.
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(WRITTEN_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(WRITTEN_MAX);
    sv_health_format(&first, &out);
    if (out.len > SV_HEALTH_BYTES_MAX) {
        return 0;
    }
    if (sv_health_parse(sv_textbuf_text(&out), id, &second, &why) != SV_OK) {
        abort();
    }
    sv_health_format(&second, &again);
    if (!sv_text_eq(sv_textbuf_text(&out), sv_textbuf_text(&again))) {
        abort();
    }
    return 0;
}
