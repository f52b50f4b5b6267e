// A target entry. What is read keeps its limits, and is written so that it reads the same again.
#include <stdlib.h>
#include <update/chunk.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64 * 1024 };

static void check(const sv_target *t) {
    bool good = t->length >= 1 && t->length <= SV_IMAGE_BYTES_MAX && t->counter >= 1
                && t->hardware_count >= 1 && t->hardware_count <= SV_TARGET_HARDWARE_MAX
                && t->encoding_count >= 1 && t->encoding_count <= SV_TARGET_ENCODINGS_MAX
                && t->boot_len <= SV_TARGET_BOOT_MAX
                && sv_target_name_is_valid(sv_text_of(t->product))
                && sv_target_version_is_valid(sv_text_of(t->version))
                && sv_target_name_is_valid(sv_text_of(t->slot));
    for (size_t i = 0; good && i < t->encoding_count; i++) {
        good = sv_chunk_sum_is_possible(t, &t->encodings[i]);
    }
    if (!good) {
        abort();
    }
}

static void write(const sv_target *t, sv_textbuf *text) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_target_write(t, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sv_target first; // large
    static sv_target again;
    sv_why why = { 0 };
    sv_err err = sv_target_parse((sv_text){ .at = (const char *) data, .len = size }, &first, &why);
    if (err != SV_OK) {
        if (why.code != err || why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    check(&first);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TEXT_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf second = SV_TEXTBUF_HEAP(TEXT_MAX);
    write(&first, &text);
    if (sv_target_parse(sv_textbuf_text(&text), &again, NULL) != SV_OK) {
        abort();
    }
    write(&again, &second);
    if (!sv_text_eq(sv_textbuf_text(&text), sv_textbuf_text(&second))) {
        abort();
    }
    return 0;
}
