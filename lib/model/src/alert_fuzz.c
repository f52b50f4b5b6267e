// Whatever the bytes: an alert that is taken is written as bytes that read back and are written
// alike.
#include <model/alert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sv_err read_alert(sv_text text, sv_alert *out) {
    sv_why why = { 0 };
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(text, &root, NULL, &why));
    sv_err err = sv_alert_from_json(root, out, &why);
    if (err != SV_OK && why.text[0] == '\0') {
        abort();
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_alert first;
    sv_alert second;
    if (read_alert((sv_text){ .at = (const char *) data, .len = size }, &first) != SV_OK) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_ALERT_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_ALERT_BYTES_MAX);
    sv_alert_format(&first, &out);
    if (read_alert(sv_textbuf_text(&out), &second) != SV_OK) {
        abort();
    }
    sv_alert_format(&second, &again);
    if (!sv_text_eq(sv_textbuf_text(&out), sv_textbuf_text(&again))) {
        abort();
    }
    return 0;
}
