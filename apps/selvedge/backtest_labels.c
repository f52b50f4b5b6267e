#include "backtest_labels.h"

#include "csv.h"

#include <base/mem.h>

/// The columns; one that is not there is where no cell is.
typedef struct columns {
    size_t from, to, device, sensor;
} columns;

static sv_text cell(const sv_csv *csv, size_t column) {
    return column < csv->count ? csv->cells[column] : SV_TEXT("");
}

static sv_err take_row(const sv_csv *csv, const columns *at, sv_backtest *into, sv_why *why) {
    int64_t from_us = 0;
    int64_t to_us = 0;
    if (sv_csv_time(cell(csv, at->from), &from_us) != SV_OK
        || sv_csv_time(cell(csv, at->to), &to_us) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "from and to are times such as 2026-11-22 06:15:04");
    }
    return sv_backtest_add_label(into, from_us, to_us, cell(csv, at->device), cell(csv, at->sensor),
                                 why);
}

static sv_err read_rows(sv_csv *csv, const char *path, sv_backtest *into, sv_why *why) {
    const columns at = { .from = sv_csv_column(csv, "from"),
                         .to = sv_csv_column(csv, "to"),
                         .device = sv_csv_column(csv, "device"),
                         .sensor = sv_csv_column(csv, "sensor") };
    if (at.from == csv->count || at.to == csv->count) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--labels %s: the header has no from and to: from,to,device,sensor", path);
    }
    for (;;) {
        sv_why fault = { .text = "" };
        sv_err err = sv_csv_next(csv, &fault);
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        if (err != SV_OK) {
            return sv_fail(why, err, "--labels %s: %s", path, fault.text);
        }
        err = take_row(csv, &at, into, &fault);
        if (err != SV_OK) {
            return sv_fail(why, err, "--labels %s: line %llu: %s", path,
                           (unsigned long long) csv->lines.number, fault.text);
        }
    }
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void) fclose(*file);
    }
}

sv_err backtest_read_labels(const char *path, sv_backtest *into, sv_why *why) {
    SV_DEFER(close_file) FILE *file = fopen(path, "re");
    SV_DEFER(sv_mem_drop) sv_csv *csv = sv_mem_new(sizeof *csv);
    if (file == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--labels %s: %m", path);
    }
    SV_TRY(sv_csv_begin(csv, file, why));
    return read_rows(csv, path, into, why);
}
