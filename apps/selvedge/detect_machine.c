// selvedge detect machine: a time and a column per sensor in; a score, anomalies and change points
// of the machine as a whole out.
#include "command.h"
#include "detect.h"
#include "filter.h"
#include <base/mem.h>
#include <base/num.h>
#include <detect/machine.h>

static const char ABOUT[] =
    "Judges all sensors of one machine together, row by row. The first rows are taken as usual and "
    "scored 0.\nIn: a header, then a time and one value per sensor, separated by , or ;. Columns "
    "named anomaly,\nchangepoint, label or outlier are no sensors and are passed over. Out: "
    "timestamp, anomaly_score (0 to 1,\n0.5 and more is unusual), anomaly (0/1), changepoint "
    "(0/1), top_sensor.\n\n"
    "  selvedge detect machine --train-rows 400 < wide.csv > scores.csv\n\n"
    "A value that is missing or no number is no evidence of anything. What cannot be read is told "
    "on stderr.\nExit 1: there was no row.";

typedef struct run {
    sv_filter filter;
    sv_machine_detector *detector;
    size_t columns[SV_MACHINE_SENSORS_MAX]; ///< of the sensors
} run;

static sv_err read_header(run *r, int64_t train_rows, sv_why *why) {
    size_t sensors = 0;
    SV_TRY(sv_filter_begin(&r->filter, stdin, why));
    SV_TRY(sv_filter_check_header(&r->filter, why));
    const sv_csv *csv = &r->filter.csv;
    for (size_t i = 1; i < csv->count; i++) {
        if (sv_filter_is_label(csv->names[i])) {
            continue;
        }
        if (sensors < SV_MACHINE_SENSORS_MAX) {
            r->columns[sensors] = i;
        }
        sensors++;
    }
    if (sensors == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the header names no sensor; a time and a column per sensor are wanted");
    }
    return sv_machine_detector_start(r->detector, sensors, (uint64_t) train_rows, why);
}

static void print_verdict(const run *r, sv_text time, const sv_machine_verdict *v) {
    bool unusual = v->anomaly || v->score >= SV_MACHINE_ALARM_SCORE;
    sv_filter_print(time);
    (void) printf(",%.6g,%d,%d,", v->score, v->anomaly ? 1 : 0, v->changepoint ? 1 : 0);
    if (unusual) {
        sv_filter_print(r->filter.csv.names[r->columns[v->top]]);
    }
    (void) putchar('\n');
}

static void judge_row(run *r, bool whole) {
    sv_text time = SV_TEXT("");
    double values[SV_MACHINE_SENSORS_MAX];
    for (size_t j = 0; j < r->detector->sensors; j++) {
        values[j] = whole ? sv_filter_number(&r->filter, r->columns[j]) : SV_NAN;
    }
    sv_machine_verdict v = sv_machine_detector_take(r->detector, values);
    if (whole) {
        time = r->filter.csv.cells[0];
    }
    print_verdict(r, time, &v);
}

static sv_err run_rows(run *r, int64_t train_rows, sv_why *why) {
    SV_TRY(read_header(r, train_rows, why));
    (void) puts("timestamp,anomaly_score,anomaly,changepoint,top_sensor");
    for (;;) {
        bool whole = false;
        sv_err err = sv_filter_next(&r->filter, &whole, why);
        if (err == SV_ERR_NOT_FOUND) {
            return sv_filter_end(&r->filter, why);
        }
        SV_TRY(err);
        judge_row(r, whole);
    }
}

int cmd_detect_machine(int argc, char **argv) {
    int64_t train_rows = SV_MACHINE_TRAIN_ROWS;
    const sv_option options[] = {
        { .name = "train-rows",
          .value = "N",
          .kind = SV_OPTION_INT,
          .target = &train_rows,
          .help = "the first N rows are usual and are learnt from [400]",
          .min = SV_MACHINE_TRAIN_ROWS_MIN,
          .max = SV_MACHINE_TRAIN_ROWS_MAX },
    };
    const char *plain[2] = { NULL };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge detect machine [--train-rows N]", ABOUT, options,
                        SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_filter_no_file(plain[0], "machine", &why);
    }
    if (err == SV_OK) {
        SV_DEFER(sv_mem_drop) run *r = sv_mem_new(sizeof *r);
        SV_DEFER(sv_mem_drop) sv_machine_detector *detector = sv_mem_new(SV_MACHINE_BYTES_MAX);
        r->detector = detector;
        err = run_rows(r, train_rows, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
