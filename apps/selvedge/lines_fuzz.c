// Whatever the stream: the lines are what lies between its newlines, in order and counted, and one
// that is too long costs only itself.
#include "lines.h"

#include <base/mem.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    KILOBYTE = 1024,
    STRETCHES = SV_LINE_MAX / KILOBYTE + 2, ///< up to just too long
    STRETCH_MAX = STRETCHES * KILOBYTE,
};

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

/// What the line must be; the bytes are at hand, so this is the plain way to say it.
static void check(sv_lines *lines, sv_text expected) {
    sv_text line = { 0 };
    sv_why why = { 0 };
    sv_err err = sv_lines_next(lines, &line, &why);
    if (expected.len > SV_LINE_MAX) {
        must(err == SV_ERR_NO_SPACE && why.text[0] != '\0');
        return;
    }
    if (expected.len > 0 && expected.at[expected.len - 1] == '\r') {
        expected.len--;
    }
    must(err == SV_OK && sv_text_eq(line, expected));
}

/// The first byte is how many kilobytes its own line is made longer by: the room is large for a
/// fuzzer.
static sv_text stretch(const uint8_t *data, size_t size, sv_textbuf *room) {
    sv_textbuf_addf(room, "%*s", KILOBYTE * (data[0] % STRETCHES), "");
    sv_textbuf_add(room, (sv_text){ .at = (const char *) data + 1, .len = size - 1 });
    return sv_textbuf_text(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf room = SV_TEXTBUF_HEAP(size + STRETCH_MAX);
    sv_text rest = stretch(data, size, &room);
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    lines->file = fmemopen(room.at, room.len, "rb");
    must(lines->file != NULL);
    uint64_t count = 0;
    for (; rest.len > 0; count++) {
        check(lines, sv_text_cut(&rest, '\n'));
    }
    sv_text none = { 0 };
    must(sv_lines_next(lines, &none, NULL) == SV_ERR_NOT_FOUND && lines->number == count);
    (void) fclose(lines->file);
    return 0;
}
