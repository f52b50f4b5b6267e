// Recorded readings in a CSV file, read row by row in constant memory.
//
//   timestamp,value                     the sensor's name is the caller's, or the column's
//   timestamp;Current;Volume Flow       one sensor per column
//
// The first line is the header. Its first column is called timestamp, datetime, time or date and
// holds RFC 3339 times (a space may stand for the T; UTC where no zone is given). Fields are
// separated by commas, or by semicolons where the header holds one; they may be quoted ("" inside
// is one quote). A column's name becomes the sensor's name: every run of characters outside the
// grammar [A-Za-z0-9_-] becomes one "_", except at the ends, where it goes. Values are JSON
// numbers; blank cells and blank lines are passed over.
//
// The parser itself (sv_replay_header, sv_replay_row) works on text and does no I/O.
#ifndef SELVEDGE_REPLAY_H
#define SELVEDGE_REPLAY_H

#include "lines.h"
#include <model/id.h>

enum { SV_REPLAY_SENSORS_MAX = 64 };

typedef struct sv_replay_columns {
    char separator;
    size_t count;
    char names[SV_REPLAY_SENSORS_MAX][SV_ID_ROOM];
} sv_replay_columns;

typedef struct sv_replay_row {
    int64_t at_us;
    double values[SV_REPLAY_SENSORS_MAX]; ///< not finite where the cell was blank
} sv_replay_row;

/// `sensor` names the value column of a file with one; NULL: its own name. On failure *column is
/// the byte, from 1, at which the fault stands.
sv_err sv_replay_header(sv_text line, const char *sensor, sv_replay_columns *out, size_t *column,
                        sv_why *why);
sv_err sv_replay_row_parse(sv_text line, const sv_replay_columns *columns, sv_replay_row *out,
                           size_t *column, sv_why *why);

/// An open file.
typedef struct sv_replay {
    char *path;
    FILE *file;
    sv_lines lines;
    sv_replay_columns columns;
    uint64_t rows; ///< in the whole file; 0: not known, since it cannot be read twice
} sv_replay;

/// Reads the header and, where the file can be rewound, checks every row before the first is
/// handed out. Faults begin with path:line:column.
sv_err sv_replay_open(const char *path, const char *sensor, sv_replay **out, sv_why *why);
/// SV_ERR_NOT_FOUND after the last row.
sv_err sv_replay_next(sv_replay *replay, sv_replay_row *out, sv_why *why);
void sv_replay_drop(sv_replay **replay);

#endif
