// What is decoded is valid text without NUL and comes back from its own encoding; whatever bytes
// there are, hexadecimal gives them back, and a field of bytes has one
// spelling.
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM_MAX = 1 << 18 };

static void check_percent(sv_text text, bool plus_is_space) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf decoded = SV_TEXTBUF_HEAP(ROOM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf encoded = SV_TEXTBUF_HEAP(ROOM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(ROOM_MAX);
    if (sv_percent_decode(text, plus_is_space, &decoded) != SV_OK) {
        return;
    }
    sv_text plain = sv_textbuf_text(&decoded);
    sv_percent_add(&encoded, plain);
    if (plain.len > text.len || !sv_utf8_is_valid(plain)
        || (plain.len > 0 && memchr(plain.at, '\0', plain.len) != NULL)
        || sv_percent_decode(sv_textbuf_text(&encoded), plus_is_space, &again) != SV_OK
        || !sv_text_eq(sv_textbuf_text(&again), plain)) {
        abort();
    }
}

static void check_hex(const uint8_t *data, size_t size) {
    uint8_t back[32];
    size_t len = size < sizeof back ? size : sizeof back;
    char room[2 * sizeof back + 1];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_hex_add(&hex, data, len);
    if (sv_hex_parse(sv_textbuf_text(&hex), back, len) != SV_OK
        || (len > 0 && memcmp(back, data, len) != 0)) {
        abort();
    }
    (void) !sv_hex_parse((sv_text){ .at = (const char *) data, .len = size }, back, len / 2);
}

static void check_field(sv_text text) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(ROOM_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(ROOM_MAX);
    if (sv_field_bytes_parse(text, &bytes) == SV_OK) {
        sv_field_bytes_add(&again, sv_textbuf_text(&bytes));
        if (!sv_text_eq(sv_textbuf_text(&again), text)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    check_percent(text, false);
    check_percent(text, true);
    check_hex(data, size);
    check_field(text);
    return 0;
}
