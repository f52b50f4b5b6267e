#include "filter.h"
#include <math.h>
#include <string.h>
#include <strings.h>

static void tell(sv_filter *filter, const char *sentence) {
    enum { TOLD_MAX = 20 };
    filter->faults++;
    if (filter->faults <= TOLD_MAX) {
        (void) fprintf(stderr, "selvedge: %s%s\n", sentence,
                       filter->faults == TOLD_MAX ? "; further faults are not told" : "");
    }
}

sv_err sv_filter_begin(sv_filter *filter, FILE *file, sv_why *why) {
    filter->rows = filter->faults = 0;
    if (setvbuf(stdout, NULL, _IOLBF, BUFSIZ) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot write line by line");
    }
    return sv_csv_begin(&filter->csv, file, why);
}

sv_err sv_filter_check_header(const sv_filter *filter, sv_why *why) {
    const sv_csv *csv = &filter->csv;
    int64_t at_us = 0;
    bool is_row = csv->count > 1 && sv_csv_time(csv->names[0], &at_us) == SV_OK;
    for (size_t i = 1; i < csv->count; i++) {
        double value = 0;
        is_row = is_row && sv_csv_number(csv->names[i], &value) == SV_OK && isfinite(value);
    }
    return is_row ? sv_fail(why, SV_ERR_INVALID,
                            "the first line is a row; a header that names the columns is wanted "
                            "before it, such as timestamp,value")
                  : SV_OK;
}

sv_err sv_filter_no_file(const char *file, const char *verb, sv_why *why) {
    return file == NULL ? SV_OK
                        : sv_fail(why, SV_ERR_INVALID,
                                  "rows come on stdin: selvedge detect %s < '%.100s'", verb, file);
}

sv_err sv_filter_next(sv_filter *filter, bool *whole, sv_why *why) {
    sv_why fault = { .text = "" };
    sv_err err = sv_csv_next(&filter->csv, &fault);
    if (err == SV_ERR_NOT_FOUND || err == SV_ERR_IO) {
        return sv_fail(why, err, "%s", fault.text);
    }
    filter->rows++;
    *whole = err == SV_OK;
    if (err != SV_OK) {
        tell(filter, fault.text);
    }
    return SV_OK;
}

void sv_filter_complain(sv_filter *filter, const char *fault) {
    char sentence[256];
    (void) snprintf(sentence, sizeof sentence, "line %llu: %s",
                    (unsigned long long) filter->csv.lines.number, fault);
    tell(filter, sentence);
}

double sv_filter_number(sv_filter *filter, size_t column) {
    double value;
    if (sv_csv_number(filter->csv.cells[column], &value) != SV_OK) {
        char fault[192];
        sv_text name = filter->csv.names[column];
        (void) snprintf(fault, sizeof fault,
                        "%.*s is not a number; leave it empty where nothing was measured",
                        (int) (name.len < 64 ? name.len : 64), name.at);
        sv_filter_complain(filter, fault);
    }
    return value;
}

static bool holds_any(sv_text cell, const char *bytes) {
    bool found = false;
    for (size_t i = 0; i < cell.len && !found; i++) {
        found = cell.at[i] != '\0' && strchr(bytes, cell.at[i]) != NULL;
    }
    return found;
}

static bool is_formula(sv_text cell) {
    double value;
    const sv_text first = { .at = cell.at, .len = cell.len > 0 ? 1 : 0 };
    return holds_any(first, "=+-@\t\r") && sv_csv_number(cell, &value) != SV_OK;
}

void sv_filter_print(sv_text cell) {
    bool formula = is_formula(cell);
    if (!formula && !holds_any(cell, ",;\"\t\r\n")) {
        (void) fwrite(cell.at, 1, cell.len, stdout);
        return;
    }
    (void) fputs(formula ? "\"'" : "\"", stdout);
    for (size_t i = 0; i < cell.len; i++) {
        (void) fputs(cell.at[i] == '"' ? "\"" : "", stdout);
        (void) putchar(cell.at[i]);
    }
    (void) putchar('"');
}

static bool among(sv_text name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (name.len == strlen(names[i]) && strncasecmp(name.at, names[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

bool sv_filter_is_label(sv_text name) {
    static const char *const LABELS[] = { "anomaly", "changepoint", "label", "outlier" };
    return among(name, LABELS, SV_COUNT(LABELS));
}

bool sv_filter_is_time(sv_text name) {
    static const char *const TIMES[] = { "timestamp", "time", "datetime", "date" };
    return among(name, TIMES, SV_COUNT(TIMES));
}

sv_err sv_filter_end(const sv_filter *filter, sv_why *why) {
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot write the scores: %m");
    }
    return filter->rows > 0 ? SV_OK : sv_fail(why, SV_ERR_STATE, "there was no row");
}
