#include "lines.h"
#include <string.h>

/// Up to and with the end of the line. Counts beyond the room without storing.
static size_t fill(sv_lines *lines, bool *ended) {
    size_t len = 0;
    int c = getc_unlocked(lines->file);
    for (; c != EOF && c != '\n'; c = getc_unlocked(lines->file)) {
        if (len < SV_LINE_MAX) {
            lines->room[len] = (char) c;
        }
        len++;
    }
    *ended = c == EOF;
    return len;
}

sv_err sv_lines_next(sv_lines *lines, sv_text *out, sv_why *why) {
    bool ended = false;
    size_t len = fill(lines, &ended);
    if (ferror(lines->file) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read line %llu: %m",
                       (unsigned long long) lines->number + 1);
    }
    if (ended && len == 0) {
        return SV_ERR_NOT_FOUND;
    }
    lines->number++;
    if (lines->number == 1 && len >= 2 && memcmp(lines->room, "\x1f\x8b", 2) == 0) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "gzip, not text; unpack it: zcat FILE | selvedge ... (or /dev/stdin for FILE)");
    }
    if (len > SV_LINE_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "longer than %d bytes", SV_LINE_MAX);
    }
    if (len > 0 && lines->room[len - 1] == '\r') {
        len--;
    }
    *out = (sv_text){ .at = lines->room, .len = len };
    return SV_OK;
}
