// The form of any document is one more document, and that document's form is itself. Strings with
// control characters are the exception: the form does not escape them, so it is no JSON.
#include <base/test.h>
#include <codec/canonical.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_control(sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.at[i] < ' ') {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf first = SV_TEXTBUF_HEAP(1 << 20);
    if (sv_json_parse((sv_text){ .at = (const char *) data, .len = size }, &root, NULL, NULL)
            != SV_OK
        || sv_canonical_add(root, &first, NULL) != SV_OK || has_control(sv_textbuf_text(&first))) {
        return 0;
    }
    SV_DEFER(sv_json_drop) sv_json *again = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf second = SV_TEXTBUF_HEAP(1 << 20);
    if (sv_json_parse(sv_textbuf_text(&first), &again, NULL, NULL) != SV_OK
        || sv_canonical_add(again, &second, NULL) != SV_OK
        || !sv_text_eq(sv_textbuf_text(&first), sv_textbuf_text(&second))) {
        abort();
    }
    return 0;
}
