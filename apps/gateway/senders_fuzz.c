// A line of the checkpoint: what parses, written and parsed again, is the same sender.
#include "gateway.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_MAX_BYTES = 16 * 1024 };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

/// Parses `line` and writes it anew; false when it is none.
static bool rewrite(sv_text line, sv_textbuf *out) {
    char room[GW_SENDER_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    SV_DEFER(gw_sender_clear) gw_sender sender = { .seen = SV_RANGES_EMPTY };
    if (gw_sender_parse(line, &name, &sender) != SV_OK) {
        must(sender.seen.at == NULL && sender.ledger.days == NULL);
        return false;
    }
    gw_sender_format(sv_textbuf_text(&name), &sender, out);
    must(!out->overflowed && out->at[out->len - 1] == '\n');
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char rooms[2][LINE_MAX_BYTES];
    sv_textbuf first = SV_TEXTBUF(rooms[0]);
    sv_textbuf second = SV_TEXTBUF(rooms[1]);
    if (rewrite((sv_text){ .at = (const char *) data, .len = size }, &first)) {
        sv_text rest = sv_textbuf_text(&first);
        sv_text line = sv_text_cut(&rest, '\n');
        must(rest.len == 0 && rewrite(line, &second));
        must(sv_text_eq(sv_textbuf_text(&first), sv_textbuf_text(&second)));
    }
    return 0;
}
