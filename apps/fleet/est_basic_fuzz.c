// Whatever the header: what is taken lies in the room, and put together and encoded again it is
// taken for the same.
#include "est_basic.h"

#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_basic basic;
    sv_basic again;
    if (sv_basic_parse((sv_text){ .at = (const char *) data, .len = size }, &basic) != SV_OK) {
        return 0;
    }
    char room[SV_BASIC_ROOM];
    sv_textbuf both = SV_TEXTBUF(room);
    SV_DEFER(sv_textbuf_drop) sv_textbuf header = SV_TEXTBUF_HEAP(1024);
    require(basic.user.len > 0 && memchr(basic.user.at, ':', basic.user.len) == NULL);
    sv_textbuf_add(&both, basic.user);
    sv_textbuf_add_char(&both, ':');
    sv_textbuf_add(&both, basic.password);
    require(!both.overflowed);
    sv_textbuf_add_str(&header, "Basic ");
    sv_base64_add(&header, sv_textbuf_text(&both));
    require(sv_basic_parse(sv_textbuf_text(&header), &again) == SV_OK);
    require(sv_text_eq(basic.user, again.user) && sv_text_eq(basic.password, again.password));
    return 0;
}
