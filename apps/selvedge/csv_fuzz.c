// Whatever the bytes: every cell lies within its line, and cells that are written down quoted are
// read back the same.
#include "csv.h"

#include <base/mem.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void add_quoted(sv_textbuf *out, sv_text cell) {
    sv_textbuf_add_char(out, '"');
    for (size_t i = 0; i < cell.len; i++) {
        sv_textbuf_add_str(out, cell.at[i] == '"' ? "\"" : "");
        sv_textbuf_add_char(out, cell.at[i]);
    }
    sv_textbuf_add_char(out, '"');
}

static void check_again(const sv_csv *csv) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP((size_t) 4 * SV_LINE_MAX);
    for (size_t i = 0; i < csv->count; i++) {
        sv_textbuf_add_str(&out, i == 0 ? "" : ",");
        add_quoted(&out, csv->cells[i]);
    }
    must(!out.overflowed);
    static sv_text again[SV_CSV_COLUMNS_MAX];
    size_t count = 0;
    must(sv_csv_split(out.at, out.len, ',', again, SV_CSV_COLUMNS_MAX, &count, NULL) == SV_OK);
    must(count == csv->count);
    for (size_t i = 0; i < count; i++) {
        must(sv_text_eq(again[i], csv->cells[i]));
    }
}

static void check_cells(const sv_csv *csv) {
    for (size_t i = 0; i < csv->count; i++) {
        sv_text cell = csv->cells[i];
        must(cell.at >= csv->lines.room && cell.at + cell.len <= csv->lines.room + SV_LINE_MAX);
        double value = 0;
        int64_t at_us = 0;
        sv_err err = sv_csv_number(cell, &value);
        must(isfinite(value) || isnan(value));
        must(err == SV_OK || isnan(value));
        (void) (sv_csv_time(cell, &at_us) == SV_OK);
    }
    check_again(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    SV_DEFER(sv_mem_drop) char *bytes = sv_mem_copy_str((const char *) data, size);
    SV_DEFER(sv_mem_drop) sv_csv *csv = sv_mem_new(sizeof *csv);
    FILE *file = fmemopen(bytes, size, "rb");
    must(file != NULL);
    sv_why why = { .text = "" };
    if (sv_csv_begin(csv, file, &why) == SV_OK) {
        for (sv_err err = SV_OK; (err = sv_csv_next(csv, &why)) != SV_ERR_NOT_FOUND;) {
            must(err == SV_OK || err == SV_ERR_INVALID);
            if (err == SV_OK) {
                check_cells(csv);
            }
        }
    }
    (void) fclose(file);
    return 0;
}
