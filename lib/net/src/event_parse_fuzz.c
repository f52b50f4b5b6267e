// However the bytes are cut, the same events come out, or both are refused; and what comes out
// reads the same when it is written down again.
#include "event_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEEN_MAX = 1 << 24 };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

/// As a stream again: one line per line of data.
static bool write_down(void *arg, const sv_event *event) {
    sv_textbuf *out = arg;
    sv_text rest = event->data;
    sv_textbuf_add_str(out, "id: ");
    sv_textbuf_add(out, event->id);
    sv_textbuf_add_str(out, "\nevent: ");
    sv_textbuf_add(out, event->name);
    sv_textbuf_add_char(out, '\n');
    for (size_t lines = 1; lines > 0; lines--) {
        sv_text line = rest;
        size_t len = 0;
        while (len < rest.len && rest.at[len] != '\n') {
            len++;
        }
        line.len = len;
        lines += len < rest.len;
        len += len < rest.len;
        rest = (sv_text){ .at = rest.at + len, .len = rest.len - len };
        sv_textbuf_add_str(out, "data: ");
        sv_textbuf_add(out, line);
        sv_textbuf_add_char(out, '\n');
    }
    sv_textbuf_add_char(out, '\n');
    return true;
}

static sv_err feed(sv_text all, size_t piece, sv_textbuf *out) {
    SV_DEFER(event_parser_drop) event_parser parser;
    event_parser_start(&parser, "");
    while (all.len > 0) {
        size_t len = piece < all.len ? piece : all.len;
        SV_TRY(event_parser_read(&parser, (sv_text){ .at = all.at, .len = len }, write_down, out,
                                 NULL));
        all = (sv_text){ .at = all.at + len, .len = all.len - len };
    }
    return SV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text all = { .at = (const char *) data, .len = size };
    SV_DEFER(sv_textbuf_drop) sv_textbuf whole = SV_TEXTBUF_HEAP(SEEN_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf cut = SV_TEXTBUF_HEAP(SEEN_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SEEN_MAX);
    sv_err err = feed(all, size + 1, &whole);
    must(err == feed(all, 1, &cut));
    must(sv_text_eq(sv_textbuf_text(&whole), sv_textbuf_text(&cut)));
    if (!whole.overflowed && size < SV_EVENT_LINE_MAX) {
        must(feed(sv_textbuf_text(&whole), 7, &again) == SV_OK);
        must(sv_text_eq(sv_textbuf_text(&whole), sv_textbuf_text(&again)));
    }
    return 0;
}
