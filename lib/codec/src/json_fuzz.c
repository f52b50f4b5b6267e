// What parses is written back as JSON that parses and is written the same again.
#include <codec/json.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_fault fault = SV_JSON_FINE;
    sv_text text = { .at = (const char *) data, .len = size };
    sv_err err = sv_json_parse(text, &root, &fault, NULL);
    if ((err == SV_OK) != (root != NULL) || (err == SV_OK) != (fault == SV_JSON_FINE)) {
        abort();
    }
    if (root == NULL) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf once = SV_TEXTBUF_HEAP(OUT_MAX);
    sv_json_put_value(&SV_JSON_OUT(&once), root);
    SV_DEFER(sv_json_drop) sv_json *again = NULL;
    if (sv_json_parse(sv_textbuf_text(&once), &again, NULL, NULL) != SV_OK) {
        abort();
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf twice = SV_TEXTBUF_HEAP(OUT_MAX);
    sv_json_put_value(&SV_JSON_OUT(&twice), again);
    if (!sv_text_eq(sv_textbuf_text(&once), sv_textbuf_text(&twice))) {
        abort();
    }
    return 0;
}
