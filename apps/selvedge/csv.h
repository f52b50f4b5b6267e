// Rows of a CSV stream, one at a time and in constant memory.
//
// The first line is the header. Cells are separated by commas, or by semicolons where the header
// holds one; they may be quoted ("" inside is one quote), lines may end in CRLF, blank lines are
// passed over. What a cell means is its reader's matter: sv_csv_time and sv_csv_number read the
// usual ways of writing times and numbers. What is wrong with a line costs that line alone.
#ifndef SELVEDGE_CSV_H
#define SELVEDGE_CSV_H

#include "lines.h"

enum { SV_CSV_COLUMNS_MAX = 1024 };

typedef struct sv_csv {
    sv_lines lines;
    char separator;
    size_t count;                      ///< columns that the header names
    sv_text names[SV_CSV_COLUMNS_MAX]; ///< borrow from `header`
    sv_text cells[SV_CSV_COLUMNS_MAX]; ///< of the row read last, `count` of them
    char header[SV_LINE_MAX];
} sv_csv;

/// Cut `line`, of at most SV_LINE_MAX bytes, into cells without quotes and the spaces around them.
/// Quoted cells are unquoted in place. SV_ERR_INVALID: a quote is not closed, something follows it,
/// or there are more than `max`.
sv_err sv_csv_split(char *line, size_t len, char separator, sv_text *cells, size_t max,
                    size_t *count, sv_why *why);

/// Begin to read `file`, which stays the caller's, with its header. SV_ERR_INVALID where there is
/// none.
sv_err sv_csv_begin(sv_csv *csv, FILE *file, sv_why *why);

/// The next row's cells, borrowed until the next call. SV_ERR_NOT_FOUND after the last;
/// SV_ERR_INVALID, beginning with the line's number, for a row that is broken or has more or fewer
/// cells than the header: the row after it comes next. SV_ERR_IO.
sv_err sv_csv_next(sv_csv *csv, sv_why *why);

/// The column of this name, letters' case aside; `count` where there is none.
size_t sv_csv_column(const sv_csv *csv, const char *name);

/// `2026-11-22 06:15:04.5`, ISO 8601 with or without a zone (UTC), without seconds, a day alone; or
/// a number of seconds since 1970, of milliseconds or microseconds from 1e11 and 1e14 on.
sv_err sv_csv_time(sv_text cell, int64_t *out_us);

/// A finite number; not-a-number for an empty cell, `nan`, `na`, `null`, `none`, `-` and
/// infinities. SV_ERR_INVALID, and not-a-number, for anything else.
sv_err sv_csv_number(sv_text cell, double *out);

#endif
