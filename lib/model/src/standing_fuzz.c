// Whatever the bytes: a page that is taken holds changes without gaps up to its head, and reads
// back the same from what is written of it; a line that is taken is the one way to write it.
#include <model/standing.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(sv_text line) {
    sv_standing_change change;
    char room[SV_STANDING_LINE_ROOM];
    sv_textbuf again = SV_TEXTBUF(room);
    if (sv_standing_line_parse(line, &change, NULL) != SV_OK) {
        return;
    }
    sv_standing_line_add(&again, &change);
    size_t len = line.at[line.len - 1] == '\n' ? line.len : line.len + 1;
    if (again.overflowed || again.len != len || memcmp(again.at, line.at, len - 1) != 0) {
        abort();
    }
}

static void check_changes(const sv_standing_page *page) {
    for (size_t i = 0; i < page->count; i++) {
        const sv_standing_change *change = &page->changes[i];
        if (change->version != page->from + (int64_t) i + 1 || change->before_us < 0
            || !sv_id_is_valid(sv_text_of(change->id))
            || (unsigned) change->state >= SV_STANDING__COUNT) {
            abort();
        }
    }
    if (page->head.version != page->from + (int64_t) page->count
        || (page->newest != 0 && page->newest < page->head.version)) {
        abort();
    }
}

static void write_page(const sv_standing_page *page, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_standing_page_add(&json, page);
    if (out->overflowed) {
        abort();
    }
}

static void check_page(sv_text json) {
    SV_DEFER(sv_standing_page_drop) sv_standing_page first = { 0 };
    SV_DEFER(sv_standing_page_drop) sv_standing_page second = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf written = SV_TEXTBUF_HEAP(SV_STANDING_PAGE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_STANDING_PAGE_MAX);
    sv_why why = { 0 };
    if (sv_standing_page_parse(json, &first, &why) != SV_OK) {
        if (why.text[0] == '\0' || first.changes != NULL) {
            abort();
        }
        return;
    }
    check_changes(&first);
    write_page(&first, &written);
    if (sv_standing_page_parse(sv_textbuf_text(&written), &second, &why) != SV_OK) {
        abort();
    }
    write_page(&second, &again);
    if (!sv_text_eq(sv_textbuf_text(&written), sv_textbuf_text(&again))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text bytes = { .at = (const char *) data, .len = size };
    check_line(bytes);
    check_page(bytes);
    return 0;
}
