// The file of a content key. What is read is written as the same bytes, and a refusal holds nothing
// of the key.
#include <stdlib.h>
#include <update/image_key.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text file = { .at = (const char *) data, .len = size };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_IMAGE_KEY_FILE_MAX);
    SV_DEFER(sv_image_key_wipe) sv_image_key key;
    sv_why why = { 0 };
    sv_err err = sv_image_key_read(file, &key, &why);
    if (err != SV_OK) {
        if (why.code != err || why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    sv_image_key_write(&key, &text);
    // Hexadecimal may come in capitals, and goes in small letters.
    if (text.overflowed || text.len != file.len || key.sealed_count > SV_TARGET_ENCODINGS_MAX) {
        abort();
    }
    return 0;
}
