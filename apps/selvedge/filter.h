// What the filters of `selvedge detect` share: rows of CSV in, rows of CSV out, each written as
// soon as it is judged, and what cannot be read told on stderr without an end.
#ifndef SELVEDGE_FILTER_H
#define SELVEDGE_FILTER_H

#include "csv.h"

typedef struct sv_filter {
    sv_csv csv;
    uint64_t rows, faults;
} sv_filter;

/// Begin with the header of `file`; what is printed from now on leaves line by line.
sv_err sv_filter_begin(sv_filter *filter, FILE *file, sv_why *why);

/// SV_ERR_INVALID when the header of rows with a time is a row itself: a time, then numbers.
sv_err sv_filter_check_header(const sv_filter *filter, sv_why *why);
/// Rows come on stdin: SV_ERR_INVALID for a file that somebody names, NULL if nobody does.
sv_err sv_filter_no_file(const char *file, const char *verb, sv_why *why);

/// The next row, counted. One that cannot be cut is told, and `*whole` is false: it has a row of
/// output nevertheless, so that the two can be laid side by side. SV_ERR_NOT_FOUND after the last;
/// SV_ERR_IO.
sv_err sv_filter_next(sv_filter *filter, bool *whole, sv_why *why);

/// A fault in the row read last. The first twenty are told, all are counted.
void sv_filter_complain(sv_filter *filter, const char *fault);

/// The number in a cell; not-a-number, and told, where there is none in it.
double sv_filter_number(sv_filter *filter, size_t column);

/// As it came, quoted where it has to be. What a spreadsheet would take for a formula (it begins
/// with = + - @ or a tab, and is no number) is printed behind an apostrophe, which makes a text of
/// it.
void sv_filter_print(sv_text cell);

/// A column of labels (`anomaly`, `changepoint`, `label`, `outlier`), which no sensor has measured.
bool sv_filter_is_label(sv_text name);

/// `timestamp`, `time`, `datetime` or `date`.
bool sv_filter_is_time(sv_text name);

/// What the program ends with: SV_ERR_IO when the output did not go out, SV_ERR_STATE when
/// there was no row.
sv_err sv_filter_end(const sv_filter *filter, sv_why *why);

#endif
