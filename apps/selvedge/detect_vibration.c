// selvedge detect vibration: samples of healthy vibration to learn from, samples to judge on stdin;
// a verdict per window out, or what a window is described by, for a model to be trained from.
#include "command.h"
#include "detect.h"
#include "filter.h"
#include <base/mem.h>
#include <base/num.h>
#include <detect/vibration.h>
#include <math.h>
#include <string.h>

static const char USAGE[] = "selvedge detect vibration --train HEALTHY.csv [MORE.csv ...]\n"
                            "       selvedge detect vibration --features [--label TEXT]";
static const char ABOUT[] =
    "Judges windows of 1,024 samples of vibration by what a healthy machine sounded like. In: a "
    "header, then a\ncolumn per channel, up to 8; columns of times and labels are passed over. "
    "Out, for each whole window: window\n(from 1), anomaly_score (0 to 1), anomaly (0.5 and more), "
    "and what stands out: channel, feature, and its\ndeviation in standard deviations. Learn from "
    "all loads there are.\n\n"
    "  selvedge detect vibration --train healthy0.csv healthy80.csv < window.csv\n\n"
    "With --features nothing is judged: out goes what each window is described by, as "
    "`selvedge model train` reads\nit. Exit 1: there was no whole window.";

enum { CHANNELS_MAX = SV_VIBRATION_CHANNELS_MAX, NAME_MAX_BYTES = 64 };

typedef struct run {
    sv_filter filter;
    sv_vibration_workspace workspace;
    sv_vibration_detector detector;
    size_t channels, columns[CHANNELS_MAX];
    char names[CHANNELS_MAX][NAME_MAX_BYTES]; ///< as the first file has them
    size_t filled;                            ///< samples in the window
    double samples[CHANNELS_MAX][SV_VIBRATION_WINDOW];
    double features[CHANNELS_MAX][SV_VIBRATION_FEATURES];
    bool whole[CHANNELS_MAX]; ///< the channel has features
    const char *label;
    double rate_hz;
    uint64_t windows;
} run;

// ---- samples ------------------------------------------------------------------------------------

static sv_err take_channel(run *r, size_t place, size_t column, bool first, sv_why *why) {
    sv_text name = r->filter.csv.names[column];
    if (place >= CHANNELS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "there are more than %d channels", CHANNELS_MAX);
    }
    if (first && sv_text_copy(name, r->names[place], sizeof r->names[place]) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the name of channel %zu is longer than %d bytes",
                       place + 1, NAME_MAX_BYTES - 1);
    }
    if (!first && (place >= r->channels || !sv_text_is(name, r->names[place]))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "channel %zu is '%.*s' and was '%s' before: the same columns are wanted",
                       place + 1, (int) (name.len < 64 ? name.len : 64), name.at,
                       place < r->channels ? r->names[place] : "(none)");
    }
    r->columns[place] = column;
    return SV_OK;
}

/// The channels of a file; all files have the same.
static sv_err read_header(run *r, FILE *file, sv_why *why) {
    bool first = r->channels == 0;
    size_t count = 0;
    SV_TRY(sv_filter_begin(&r->filter, file, why));
    for (size_t i = 0; i < r->filter.csv.count; i++) {
        sv_text name = r->filter.csv.names[i];
        if (!sv_filter_is_label(name) && !sv_filter_is_time(name)) {
            SV_TRY(take_channel(r, count++, i, first, why));
        }
    }
    if (count == 0 || (!first && count != r->channels)) {
        return sv_fail(why, SV_ERR_INVALID, "there are %zu channels, where %s wanted", count,
                       first ? "one or more are" : "the same ones as before are");
    }
    r->channels = count;
    r->filled = 0;
    return SV_OK;
}

static void describe(run *r) {
    for (size_t j = 0; j < r->channels; j++) {
        r->whole[j] = sv_vibration_features(&r->workspace, r->samples[j], r->features[j]);
    }
    r->filled = 0;
}

/// The next whole window's features. SV_ERR_NOT_FOUND when there is none.
static sv_err next_window(run *r, sv_why *why) {
    while (r->filled < SV_VIBRATION_WINDOW) {
        bool whole = false;
        SV_TRY(sv_filter_next(&r->filter, &whole, why));
        for (size_t j = 0; j < r->channels; j++) {
            r->samples[j][r->filled] = whole ? sv_filter_number(&r->filter, r->columns[j]) : SV_NAN;
        }
        r->filled++;
    }
    describe(r);
    return SV_OK;
}

// ---- learning -----------------------------------------------------------------------------------

static void drop_file(FILE **file) {
    if (*file != NULL) {
        (void) fclose(*file);
    }
}

static sv_err learn_from(run *r, const char *path, sv_why *why) {
    SV_DEFER(drop_file) FILE *file = fopen(path, "re");
    if (file == NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "cannot open '%s': %m", path);
    }
    bool first = r->channels == 0;
    sv_why fault = { .text = "" };
    sv_err err = read_header(r, file, &fault);
    if (err == SV_OK && first) {
        err = sv_vibration_detector_start(&r->detector, r->channels, &fault);
    }
    while (err == SV_OK && (err = next_window(r, &fault)) == SV_OK) {
        for (size_t j = 0; j < r->channels; j++) {
            if (r->whole[j]) {
                sv_vibration_detector_learn(&r->detector, j, r->features[j]);
            }
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fail(why, err, "%s: %s", path, fault.text);
}

static sv_err learn(run *r, const char *const *train, const char *const *more, sv_why *why) {
    for (size_t i = 0; train[i] != NULL; i++) {
        SV_TRY(learn_from(r, train[i], why));
    }
    for (size_t i = 0; more[i] != NULL; i++) {
        SV_TRY(learn_from(r, more[i], why));
    }
    return sv_vibration_detector_settle(&r->detector, why);
}

// ---- judging ------------------------------------------------------------------------------------

static void print_feature(const run *r, size_t feature) {
    char room[64];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_vibration_feature_add(&text, feature);
    if (feature >= SV_VIBRATION_BAND && r->rate_hz > 0) {
        double width = r->rate_hz / (2 * SV_VIBRATION_BANDS);
        double low = (double) (feature - SV_VIBRATION_BAND) * width;
        sv_textbuf_addf(&text, " (%.6g-%.6g Hz)", low, low + width);
    }
    sv_filter_print(sv_textbuf_text(&text));
}

static void print_verdict(const run *r) {
    const double *rows[CHANNELS_MAX] = { NULL };
    for (size_t j = 0; j < r->channels; j++) {
        rows[j] = r->whole[j] ? r->features[j] : NULL;
    }
    sv_vibration_verdict v = sv_vibration_detector_judge(&r->detector, rows);
    (void) printf("%llu,%.6g,%d,", (unsigned long long) r->windows, v.score, v.fault ? 1 : 0);
    sv_filter_print(sv_text_of(r->names[v.channel]));
    (void) putchar(',');
    print_feature(r, v.feature);
    (void) printf(",%.6g\n", v.deviation);
}

/// A model that meets another load must not have learnt how strong the vibration was: all but the
/// RMS, which says more of the load than of a fault.
enum { FIRST = SV_VIBRATION_RMS + 1 };

static void print_feature_names(const run *r) {
    for (size_t j = 0; j < r->channels; j++) {
        for (size_t i = FIRST; i < SV_VIBRATION_FEATURES; i++) {
            char room[2 * NAME_MAX_BYTES];
            sv_textbuf text = SV_TEXTBUF(room);
            sv_textbuf_addf(&text, "%s_", r->names[j]);
            sv_vibration_feature_add(&text, i);
            (void) fputs(j == 0 && i == FIRST ? "" : ",", stdout);
            sv_filter_print(sv_textbuf_text(&text));
        }
    }
    (void) puts(r->label == NULL ? "" : ",label");
}

static void print_features(const run *r) {
    for (size_t j = 0; j < r->channels; j++) {
        for (size_t i = FIRST; i < SV_VIBRATION_FEATURES; i++) {
            (void) fputs(j == 0 && i == FIRST ? "" : ",", stdout);
            if (r->whole[j]) {
                (void) printf("%.9g", r->features[j][i]);
            }
        }
    }
    if (r->label != NULL) {
        (void) putchar(',');
        sv_filter_print(sv_text_of(r->label));
    }
    (void) putchar('\n');
}

static sv_err run_windows(run *r, bool features, sv_why *why) {
    SV_TRY(read_header(r, stdin, why));
    if (features) {
        print_feature_names(r);
    } else {
        (void) puts("window,anomaly_score,anomaly,channel,feature,deviation");
    }
    for (;;) {
        sv_err err = next_window(r, why);
        if (err == SV_ERR_NOT_FOUND) {
            break;
        }
        SV_TRY(err);
        r->windows++;
        if (features) {
            print_features(r);
        } else {
            print_verdict(r);
        }
    }
    if (r->windows == 0) {
        return sv_fail(why, SV_ERR_STATE, "there was no whole window of %d rows",
                       SV_VIBRATION_WINDOW);
    }
    return sv_filter_end(&r->filter, why);
}

// ---- the command --------------------------------------------------------------------------------

typedef struct asked {
    const char *train[SV_OPTION_LIST_MAX], *more[SV_OPTION_PLAIN_MAX + 1], *label;
    bool features;
    double rate_hz;
} asked;

static sv_err check(const asked *a, sv_why *why) {
    bool trains = a->train[0] != NULL;
    if (trains == a->features) {
        return sv_fail(why, SV_ERR_INVALID,
                       trains ? "--train judges, --features does not: give one of them"
                              : "give --train with a file of healthy vibration, or --features");
    }
    if (a->more[0] != NULL && !trains) {
        return sv_fail(why, SV_ERR_INVALID, "'%.100s' stands for nothing without --train",
                       a->more[0]);
    }
    if (a->label != NULL && !a->features) {
        return sv_fail(why, SV_ERR_INVALID, "--label goes with --features");
    }
    return SV_OK;
}

static sv_err run_all(const asked *a, sv_why *why) {
    SV_TRY(check(a, why));
    SV_DEFER(sv_mem_drop) run *r = sv_mem_new(sizeof *r);
    r->label = a->label;
    r->rate_hz = a->rate_hz;
    sv_vibration_workspace_begin(&r->workspace);
    if (!a->features) {
        SV_TRY(learn(r, a->train, a->more, why));
    }
    return run_windows(r, a->features, why);
}

int cmd_detect_vibration(int argc, char **argv) {
    asked a = { .label = NULL };
    const sv_option options[] = {
        { .name = "train",
          .value = "FILE",
          .kind = SV_OPTION_LIST,
          .target = a.train,
          .help = "healthy vibration to learn from; as often as there are files" },
        { .name = "rate",
          .value = "HZ",
          .kind = SV_OPTION_NUMBER,
          .target = &a.rate_hz,
          .help = "samples a second, to say bands in Hz",
          .min = 1e-6,
          .max = 1e9 },
        { .name = "features",
          .kind = SV_OPTION_FLAG,
          .target = &a.features,
          .help = "what each window is described by, instead of verdicts" },
        { .name = "label",
          .value = "TEXT",
          .kind = SV_OPTION_TEXT,
          .target = &a.label,
          .help = "a last column `label` with this in each row of features" },
    };
    sv_why why = { .text = "" };
    sv_err err =
        sv_options_parse(argc, argv, options, SV_COUNT(options), a.more, SV_OPTION_PLAIN_MAX, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(USAGE, ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = run_all(&a, &why);
    }
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
