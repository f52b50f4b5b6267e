// selvedge detect stream: timestamp,value in; a score, an alert and a band per row out.
#include "command.h"
#include "detect.h"
#include "filter.h"
#include <base/mem.h>
#include <base/num.h>
#include <detect/stream.h>
#include <math.h>
#include <string.h>

static const char ABOUT[] =
    "Judges the values of one sensor, row by row, by the rows before it alone; nothing is "
    "configured. In: a\nheader, then a time and a value per row. Out: timestamp, value, "
    "anomaly_score (0 to 1, above 0 where\nsomething unusual begins), alert (1 once per episode), "
    "expected_low, expected_high, reason.\n\n"
    "  selvedge detect stream < values.csv > scores.csv\n\n"
    "A value that is missing or no number is scored 0. What cannot be read is told on stderr. Exit "
    "1: there\nwas no row.";

typedef struct run {
    sv_filter filter;
    size_t time_column, value_column;
    sv_stream_detector detector;
    sv_aim aim;
    int64_t last_us; ///< the latest time so far
} run;

static void print_number(double value) {
    if (isfinite(value)) {
        (void) printf(",%.6g", value);
    } else {
        (void) putchar(',');
    }
}

static void print_row(sv_text time, sv_text value, const sv_stream_verdict *verdict,
                      sv_text reason) {
    sv_filter_print(time);
    (void) putchar(',');
    sv_filter_print(value);
    (void) printf(",%.6g,%d", verdict->score, verdict->alert ? 1 : 0);
    print_number(verdict->low);
    print_number(verdict->high);
    (void) putchar(',');
    sv_filter_print(reason);
    (void) putchar('\n');
}

/// Time does not run backwards: what comes out of order cannot be judged by it.
static void keep_order(run *r, int64_t at_us) {
    if (at_us < r->last_us) {
        sv_filter_complain(&r->filter, "the time is before that of a row above, and counts as the "
                                       "same moment; sort the rows, oldest first");
    } else {
        r->last_us = at_us;
    }
}

static void judge_row(run *r, sv_text time, sv_text cell) {
    int64_t at_us = 0;
    double value = sv_filter_number(&r->filter, r->value_column);
    bool timed = sv_csv_time(time, &at_us) == SV_OK;
    if (!timed) {
        sv_filter_complain(&r->filter,
                           "the time cannot be read; write it like 2026-11-22 06:15:04");
    }
    sv_stream_verdict verdict = { .low = SV_NAN, .high = SV_NAN };
    char room[SV_STREAM_REASON_MAX];
    sv_textbuf reason = SV_TEXTBUF(room);
    if (timed) {
        keep_order(r, at_us);
        sv_stream_detector_take(&r->detector, at_us, value, r->aim, &verdict);
        if (verdict.score > 0) {
            sv_stream_reason_add(&reason, &verdict);
        }
    }
    print_row(time, cell, &verdict, sv_textbuf_text(&reason));
}

/// A row that cannot be cut has a row of scores nevertheless, so that the two can be laid side by
/// side.
static void take_row(run *r, bool whole) {
    static const sv_stream_verdict none = { .low = SV_NAN, .high = SV_NAN };
    static const sv_text nothing = { .at = "", .len = 0 };
    if (whole) {
        const sv_csv *csv = &r->filter.csv;
        judge_row(r, csv->cells[r->time_column], csv->cells[r->value_column]);
    } else {
        print_row(nothing, nothing, &none, nothing);
    }
}

static sv_err read_header(run *r, sv_why *why) {
    SV_TRY(sv_filter_begin(&r->filter, stdin, why));
    SV_TRY(sv_filter_check_header(&r->filter, why));
    const sv_csv *csv = &r->filter.csv;
    if (csv->count < 2) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the header names one column; a time and a value are wanted: "
                       "timestamp,value");
    }
    size_t time_column = sv_csv_column(csv, "timestamp");
    size_t value_column = sv_csv_column(csv, "value");
    r->time_column = time_column < csv->count ? time_column : 0;
    r->value_column = value_column < csv->count ? value_column : 1;
    return SV_OK;
}

static sv_err run_rows(run *r, sv_why *why) {
    SV_TRY(read_header(r, why));
    (void) puts("timestamp,value,anomaly_score,alert,expected_low,expected_high,reason");
    sv_stream_detector_begin(&r->detector);
    for (;;) {
        bool whole = false;
        sv_err err = sv_filter_next(&r->filter, &whole, why);
        if (err == SV_ERR_NOT_FOUND) {
            return sv_filter_end(&r->filter, why);
        }
        SV_TRY(err);
        take_row(r, whole);
    }
}

/// `per_week` NULL: as the sensitivity has it.
static sv_err parse_aim(const char *sensitivity, const char *per_week, sv_aim *out, sv_why *why) {
    double wanted = 0;
    if (!sv_sensitivity_parse(sv_text_of(sensitivity), &out->sensitivity)) {
        return sv_fail(why, SV_ERR_INVALID, "--sensitivity is low, normal or high, not '%.60s'",
                       sensitivity);
    }
    if (per_week != NULL
        && (sv_num_parse(sv_text_of(per_week), &wanted) != SV_OK
            || !(wanted >= SV_AIM_PER_WEEK_MIN && wanted <= SV_AIM_PER_WEEK_MAX))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--alerts-per-week is a number from 0.01 to 1000, not '%.60s'", per_week);
    }
    out->alerts_per_week = wanted;
    return SV_OK;
}

int cmd_detect_stream(int argc, char **argv) {
    const char *sensitivity = "normal";
    const char *per_week = NULL;
    const sv_option options[] = {
        { .name = "sensitivity",
          .value = "LEVEL",
          .kind = SV_OPTION_TEXT,
          .target = &sensitivity,
          .help = "how soon an alert is raised: low, normal or high [normal]" },
        { .name = "alerts-per-week",
          .value = "N",
          .kind = SV_OPTION_TEXT,
          .target = &per_week,
          .help = "from there on find by itself how unusual it has to be, for about so many" },
    };
    sv_aim aim = { SV_SENSITIVITY_NORMAL, 0 };
    const char *plain[2] = { NULL };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(
            "selvedge detect stream [--sensitivity low|normal|high] [--alerts-per-week N]", ABOUT,
            options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_filter_no_file(plain[0], "stream", &why);
    }
    if (err == SV_OK) {
        err = parse_aim(sensitivity, per_week, &aim, &why);
    }
    if (err == SV_OK) {
        SV_DEFER(sv_mem_drop) run *r = sv_mem_new(sizeof *r);
        r->aim = aim;
        r->last_us = INT64_MIN;
        err = run_rows(r, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
