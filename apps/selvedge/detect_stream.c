// selvedge detect stream: timestamp,value in; a score, an alert and a band per row out.
#include "command.h"
#include "csv.h"
#include "detect.h"
#include <base/mem.h>
#include <base/num.h>
#include <detect/stream.h>
#include <math.h>
#include <string.h>

static const char ABOUT[] =
    "Judges the values of one sensor, row by row, as a gateway would: nothing is configured, "
    "nothing "
    "is\nlooked up ahead. In: a header, then a time and a value per row. Out: timestamp, value,\n"
    "anomaly_score (0 usual to 1), alert (1 where an episode begins), expected_low, expected_high, "
    "reason.\n\n"
    "  selvedge detect stream < values.csv > scores.csv\n\n"
    "A value that is missing or no number is scored 0. What cannot be read is told on stderr. Exit "
    "1: there\nwas no row.";

typedef struct run {
    sv_csv *csv;
    size_t time_column, value_column;
    sv_stream_detector detector;
    sv_sensitivity sensitivity;
    uint64_t rows, broken;
} run;

/// The first ones are told, all are counted.
static void complain(run *r, const char *sentence) {
    enum { TOLD_MAX = 20 };
    r->broken++;
    if (r->broken <= TOLD_MAX) {
        (void) fprintf(stderr, "selvedge: %s%s\n", sentence,
                       r->broken == TOLD_MAX ? "; further faults are not told" : "");
    }
}

static void complain_at(run *r, const char *fault) {
    char sentence[128];
    (void) snprintf(sentence, sizeof sentence, "line %llu: %s",
                    (unsigned long long) r->csv->lines.number, fault);
    complain(r, sentence);
}

/// As it came, quoted where it has to be.
static void print_cell(sv_text cell) {
    bool plain = memchr(cell.at, ',', cell.len) == NULL && memchr(cell.at, '"', cell.len) == NULL;
    if (plain) {
        (void) fwrite(cell.at, 1, cell.len, stdout);
        return;
    }
    (void) putchar('"');
    for (size_t i = 0; i < cell.len; i++) {
        (void) fputs(cell.at[i] == '"' ? "\"" : "", stdout);
        (void) putchar(cell.at[i]);
    }
    (void) putchar('"');
}

static void print_number(double value) {
    if (isfinite(value)) {
        (void) printf(",%.6g", value);
    } else {
        (void) putchar(',');
    }
}

static void print_row(sv_text time, sv_text value, const sv_stream_verdict *verdict,
                      sv_text reason) {
    print_cell(time);
    (void) putchar(',');
    print_cell(value);
    (void) printf(",%.6g,%d", verdict->score, verdict->alert ? 1 : 0);
    print_number(verdict->low);
    print_number(verdict->high);
    (void) putchar(',');
    print_cell(reason);
    (void) putchar('\n');
}

static void judge_row(run *r, sv_text time, sv_text cell) {
    int64_t at_us = 0;
    double value = SV_NAN;
    bool timed = sv_csv_time(time, &at_us) == SV_OK;
    if (!timed) {
        complain_at(r, "the time cannot be read; write it like 2026-11-22 06:15:04");
    }
    if (sv_csv_number(cell, &value) != SV_OK) {
        complain_at(r, "the value is not a number; leave it empty where nothing was measured");
    }
    sv_stream_verdict verdict = { .low = SV_NAN, .high = SV_NAN };
    char room[SV_STREAM_REASON_MAX];
    sv_textbuf reason = SV_TEXTBUF(room);
    if (timed) {
        sv_stream_detector_take(&r->detector, at_us, value, r->sensitivity, &verdict);
        sv_stream_reason_add(&reason, &verdict, value);
    }
    print_row(time, cell, &verdict, sv_textbuf_text(&reason));
}

/// A row that cannot be cut has a row of scores nevertheless, so that the two can be laid side by
/// side.
static void take_row(run *r, sv_err err, const sv_why *fault) {
    static const sv_stream_verdict none = { .low = SV_NAN, .high = SV_NAN };
    static const sv_text nothing = { .at = "", .len = 0 };
    r->rows++;
    if (err == SV_OK) {
        judge_row(r, r->csv->cells[r->time_column], r->csv->cells[r->value_column]);
    } else {
        complain(r, fault->text);
        print_row(nothing, nothing, &none, nothing);
    }
}

static sv_err read_header(run *r, sv_why *why) {
    SV_TRY(sv_csv_begin(r->csv, stdin, why));
    if (r->csv->count < 2) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the header names one column; a time and a value are wanted: "
                       "timestamp,value");
    }
    size_t time_column = sv_csv_column(r->csv, "timestamp");
    size_t value_column = sv_csv_column(r->csv, "value");
    r->time_column = time_column < r->csv->count ? time_column : 0;
    r->value_column = value_column < r->csv->count ? value_column : 1;
    return SV_OK;
}

static sv_err run_rows(run *r, sv_why *why) {
    SV_TRY(read_header(r, why));
    (void) puts("timestamp,value,anomaly_score,alert,expected_low,expected_high,reason");
    sv_stream_detector_begin(&r->detector);
    for (;;) {
        sv_why fault = { .text = "" };
        sv_err err = sv_csv_next(r->csv, &fault);
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        if (err == SV_ERR_IO) {
            return sv_fail(why, err, "%s", fault.text);
        }
        take_row(r, err, &fault);
    }
}

static sv_err parse_sensitivity(const char *text, sv_sensitivity *out, sv_why *why) {
    if (!sv_sensitivity_parse(sv_text_of(text), out)) {
        return sv_fail(why, SV_ERR_INVALID, "--sensitivity is low, normal or high, not '%.60s'",
                       text);
    }
    return SV_OK;
}

int cmd_detect_stream(int argc, char **argv) {
    const char *sensitivity = "normal";
    const sv_option options[] = {
        { .name = "sensitivity",
          .value = "LEVEL",
          .kind = SV_OPTION_TEXT,
          .target = &sensitivity,
          .help = "how soon an alert is raised: low, normal or high [normal]" },
    };
    run r = { .rows = 0 };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge detect stream [--sensitivity low|normal|high]", ABOUT, options,
                        SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = parse_sensitivity(sensitivity, &r.sensitivity, &why);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    SV_DEFER(sv_mem_drop) sv_csv *csv = sv_mem_new(sizeof *csv);
    r.csv = csv;
    err = run_rows(&r, &why);
    if (err == SV_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        err = sv_fail(&why, SV_ERR_IO, "cannot write the scores: %m");
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return r.rows > 0 ? SV_EXIT_DONE : SV_EXIT_NO;
}
