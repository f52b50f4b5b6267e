// Lines of a stream of any length, in constant memory: a line longer than the room is passed over
// whole and said to be too long, never collected first.
#ifndef SELVEDGE_LINES_H
#define SELVEDGE_LINES_H

#include <base/err.h>
#include <base/text.h>
#include <stdio.h>

enum { SV_LINE_MAX = 64 * 1024 };

typedef struct sv_lines {
    FILE *file;      ///< borrowed
    uint64_t number; ///< of the line read last, from 1
    char room[SV_LINE_MAX];
} sv_lines;

/// The next line without its "\n" or "\r\n", borrowed until the next call. SV_ERR_NOT_FOUND after
/// the last; SV_ERR_NO_SPACE for a line of more than SV_LINE_MAX bytes, and the one after it comes
/// next; SV_ERR_IO.
sv_err sv_lines_next(sv_lines *lines, sv_text *out, sv_why *why);

#endif
