// The gateway's own rules over recorded readings: one decision per line, or what all of it comes
// to.
#include "backtest_labels.h"
#include "command.h"
#include "lines.h"
#include "options.h"
#include "replay.h"
#include "rules_members.h"
#include <base/mem.h>
#include <codec/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <trial/backtest.h>
#include <trial/history.h>

enum { TOLD_BYTES_MAX = 1 << 20 };
_Static_assert((int) SV_OPTION_LIST_MAX <= (int) SV_BACKTEST_TRIPS_MAX,
               "every --trip has its place");

typedef struct asked {
    const char *config, *against, *store, *replay, *device, *sensor, *from, *to, *output;
    const char *trips[SV_OPTION_LIST_MAX];
    const char *groups[SV_OPTION_LIST_MAX + 1];
    const char *labels;
    bool summary, json, detect;
    int64_t from_us, to_us;
} asked;

typedef struct run {
    const asked *asked;
    sv_backtest test;
    sv_textbuf line;
    uint64_t refused, line_number;
    bool full; ///< more streams than are judged
} run;

static const char ABOUT[] =
    "Says what a gateway with this configuration would have done with readings of the past.\n\n"
    "  selvedge backtest --config new.yaml --store /var/lib/selvedge/gateway.db --against "
    "old.yaml\n"
    "  selvedge backtest --config new.yaml --replay press.csv --device press-1 --trip "
    "2026-11-21T10:30:00\n\n"
    "Readings come from a gateway's store, from a CSV file (a column per sensor), or from stdin, "
    "one "
    "JSON\n"
    "object per line. Of stdin every decision is printed: the moving average, the alert, whether "
    "it "
    "is\n"
    "significant; with --summary, and of files, how many alerts there would have been, how many "
    "without\n"
    "hysteresis and hold, which ones, and how long before a trip the first would have been "
    "raised.\n\n"
    "  echo "
    "'{\"value\":91.2,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"lathe-1\",\"sensor\":"
    "\"temperature\"}' |\n"
    "    selvedge backtest --config gateway.yaml\n\n"
    "With --detect what is unusual is looked for as well, and it is said how often that would have "
    "fired on\n"
    "which stream; without --config by nothing but that. --labels holds all alerts against what is "
    "known.\n\n"
    "  selvedge backtest --detect --store /var/lib/selvedge/gateway.db --from "
    "2026-10-28T00:00:00\n\n"
    "Silence is judged as if every device had been online. A line that is no reading, or is longer "
    "than\n"
    "64 KiB, is named on stderr and passed over. Exit 1 if all were.";

static sv_err load_rules(const char *path, sv_rules **out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX + 1);
    SV_TRY(sv_disk_read(path, &yaml, why));
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    if (sv_config_parse(sv_textbuf_text(&yaml), &root, &faults) != SV_OK
        || sv_rules_read(root, out, &faults) != SV_OK) {
        (void) fputs(faults.text.at == NULL ? "" : faults.text.at, stderr);
        return sv_fail(why, SV_ERR_INVALID, "%u fault%s in %s", faults.count,
                       faults.count == 1 ? "" : "s", path);
    }
    return SV_OK;
}

/// Those of the fleet server's groups of whom nothing was said are told of: they are empty.
static sv_err give_members(const asked *a, sv_rules **rules, sv_why *why) {
    SV_DEFER(sv_members_drop) sv_members *members = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(TOLD_BYTES_MAX);
    SV_TRY(rules_members_read(a->groups, &members, why));
    SV_TRY(rules_members_give(rules, members, a->config, why));
    rules_members_show(*rules, members, &told);
    (void) fputs(told.len > 0 ? told.at : "", stderr);
    return SV_OK;
}

/// The other configuration has the same members, as far as it names the groups.
static sv_err load_other(const asked *a, sv_rules **out, sv_why *why) {
    SV_DEFER(sv_members_drop) sv_members *members = NULL;
    SV_DEFER(sv_rules_drop) sv_rules *plain = NULL;
    SV_TRY(load_rules(a->against, &plain, why));
    SV_TRY(rules_members_read(a->groups, &members, why));
    *out = sv_rules_with(plain, members);
    return SV_OK;
}

// ---- stdin: a decision per line -----------------------------------------------------------------

/// What was raised with a reading outweighs what was cleared with it, that what goes on.
static const char *event_of(const sv_decision *decision) {
    static const sv_alert_event ORDER[] = { SV_ALERT_RAISED, SV_ALERT_CLEARED, SV_ALERT_UPDATED };
    for (size_t i = 0; i < SV_COUNT(ORDER); i++) {
        for (unsigned cause = 0; cause < SV_CAUSE__COUNT; cause++) {
            if (decision->turns[cause].event == ORDER[i]) {
                return sv_alert_event_name(ORDER[i]);
            }
        }
    }
    return NULL;
}

static void print_decision(run *r, const sv_reading *reading, const sv_decision *decision) {
    sv_textbuf_clear(&r->line);
    sv_json_out out = SV_JSON_OUT(&r->line);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "deviceId", reading->key.device_id);
    sv_json_add_text(&out, "sensor", reading->key.sensor);
    sv_json_add_text(&out, "timestamp", reading->timestamp);
    sv_json_add_number(&out, "value", decision->value);
    sv_json_add_number(&out, "raw", decision->raw);
    sv_json_key(&out, "alert");
    if (decision->has_verdict) {
        sv_json_open_object(&out);
        sv_json_add_str(&out, "type", sv_alert_type_name(decision->verdict));
        sv_json_add_str(&out, "message", decision->message);
        sv_json_close_object(&out);
    } else {
        sv_json_put_null(&out);
    }
    sv_json_add_str(&out, "event", event_of(decision));
    sv_json_add_bool(&out, "significant", decision->significant);
    sv_json_close_object(&out);
    sv_textbuf_add_char(&r->line, '\n');
    (void) fwrite(r->line.at, 1, r->line.len, stdout);
}

static void refuse_line(run *r, const char *reason) {
    r->refused++;
    (void) fprintf(stderr, "line %llu: %s\n", (unsigned long long) r->line_number, reason);
}

static sv_err too_many(sv_why *why) {
    return sv_fail(why, SV_ERR_NO_SPACE, "more than %d streams", SV_TRIAL_STREAMS_MAX);
}

static bool is_wanted(const asked *a, sv_text device_id, int64_t at_us) {
    return at_us >= a->from_us && at_us <= a->to_us
           && (a->device == NULL || sv_text_is(device_id, a->device));
}

static sv_err take_line(run *r, sv_text line, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_reading reading = { .seq = 0 };
    SV_TRY(sv_reading_line_parse(line, &reading, &root, why));
    if (!is_wanted(r->asked, reading.key.device_id, reading.at_us)) {
        return SV_OK;
    }
    sv_backtest_stream *stream =
        sv_backtest_stream_of(&r->test, reading.key.device_id, reading.key.sensor);
    if (stream == NULL) {
        return too_many(why);
    }
    sv_decision decision;
    sv_backtest_take(&r->test, stream, reading.value, reading.at_us, &decision);
    if (!r->asked->summary) {
        print_decision(r, &reading, &decision);
    }
    return SV_OK;
}

static sv_err run_lines(run *r, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    lines->file = stdin;
    for (;;) {
        sv_text text = { 0 };
        sv_why fault = { 0 };
        sv_err err = sv_lines_next(lines, &text, &fault);
        r->line_number = lines->number;
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        if (err == SV_ERR_IO) {
            return sv_fail(why, err, "stdin: %s", fault.text);
        }
        text = sv_text_trim(text);
        if (err != SV_OK || (text.len > 0 && take_line(r, text, &fault) != SV_OK)) {
            refuse_line(r, fault.text);
        }
    }
}

// ---- files --------------------------------------------------------------------------------------

static bool take_history(void *arg, sv_history_stream *of, double value, int64_t at_us) {
    run *r = arg;
    sv_decision ignored;
    if (of->owner == NULL) {
        of->owner =
            sv_backtest_stream_of(&r->test, sv_text_of(of->device_id), sv_text_of(of->sensor));
    }
    r->full = of->owner == NULL;
    if (!r->full) {
        sv_backtest_take(&r->test, of->owner, value, at_us, &ignored);
    }
    return !r->full;
}

static sv_err run_store(run *r, sv_why *why) {
    const asked *a = r->asked;
    sv_history_wanted wanted = { .device_id = a->device, .from_us = a->from_us, .to_us = a->to_us };
    SV_TRY(sv_history_read(a->store, &wanted, take_history, r, why));
    return r->full ? too_many(why) : SV_OK;
}

static sv_err take_row(run *r, sv_backtest_stream *streams[SV_REPLAY_SENSORS_MAX],
                       const sv_replay *file, const sv_replay_row *row, sv_why *why) {
    sv_decision ignored;
    for (size_t i = 0; i < file->columns.count; i++) {
        if (!isfinite(row->values[i])) {
            continue;
        }
        if (streams[i] == NULL) {
            streams[i] = sv_backtest_stream_of(&r->test, sv_text_of(r->asked->device),
                                               sv_text_of(file->columns.names[i]));
        }
        if (streams[i] == NULL) {
            return too_many(why);
        }
        sv_backtest_take(&r->test, streams[i], row->values[i], row->at_us, &ignored);
    }
    return SV_OK;
}

static sv_err run_replay(run *r, sv_why *why) {
    SV_DEFER(sv_replay_drop) sv_replay *file = NULL;
    sv_backtest_stream *streams[SV_REPLAY_SENSORS_MAX] = { NULL };
    SV_TRY(sv_replay_open(r->asked->replay, r->asked->sensor, &file, why));
    for (;;) {
        sv_replay_row row;
        sv_err err = sv_replay_next(file, &row, why);
        if (err != SV_OK) {
            return err == SV_ERR_NOT_FOUND ? SV_OK : err;
        }
        if (row.at_us >= r->asked->from_us && row.at_us <= r->asked->to_us) {
            SV_TRY(take_row(r, streams, file, &row, why));
        }
    }
}

// ---- the command --------------------------------------------------------------------------------

static void print_summary(const run *r) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(TOLD_BYTES_MAX);
    if (r->asked->json) {
        sv_backtest_tell_json(&r->test, SV_TRIAL_ALERTS_MAX, &told);
    } else {
        sv_backtest_tell(&r->test, &told);
    }
    (void) fwrite(told.at, 1, told.len, stdout);
}

static int finish(const run *r) {
    if (r->asked->summary) {
        print_summary(r);
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void) fprintf(stderr, "selvedge: cannot write what was found: %m\n");
        return SV_EXIT_MACHINE;
    }
    if (r->refused > 0) {
        (void) fprintf(stderr, "%llu of %llu lines refused\n", (unsigned long long) r->refused,
                       (unsigned long long) r->refused + r->test.readings);
    }
    return r->refused > 0 && r->test.readings == 0 ? SV_EXIT_NO : SV_EXIT_DONE;
}

static sv_err read_time(const char *option, const char *text, int64_t *out, sv_why *why) {
    if (text != NULL && sv_time_parse(sv_text_of(text), out) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--%s %.64s: a time such as 2026-11-21T10:30:00 is wanted", option, text);
    }
    return SV_OK;
}

static sv_err check(asked *a, sv_why *why) {
    if (a->store != NULL && a->replay != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--store and --replay: one of the two");
    }
    if (a->replay != NULL && a->device == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--replay needs --device ID: whose readings are these?");
    }
    if (a->replay == NULL && a->sensor != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--sensor names the column of a --replay file");
    }
    if (a->device != NULL) {
        SV_TRY(sv_id_check("--device", sv_text_of(a->device), why));
    }
    if (a->config == NULL && !a->detect) {
        return sv_fail(why, SV_ERR_INVALID, "--config FILE is missing: which rules?");
    }
    a->summary =
        a->summary || a->detect || a->labels != NULL || a->store != NULL || a->replay != NULL;
    SV_TRY(sv_output_parse(a->output, &a->json, why));
    SV_TRY(read_time("from", a->from, &a->from_us, why));
    return read_time("to", a->to, &a->to_us, why);
}

static sv_err open_run(run *r, sv_why *why) {
    const asked *a = r->asked;
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    SV_DEFER(sv_rules_drop) sv_rules *other = NULL;
    if (a->config != NULL) {
        SV_TRY(load_rules(a->config, &rules, why));
        SV_TRY(give_members(a, &rules, why));
    } else {
        rules = sv_rules_default();
    }
    if (a->against != NULL) {
        SV_TRY(load_other(a, &other, why));
    }
    sv_backtest_open(&r->test, rules, other);
    rules = other = NULL;
    r->test.other_name = a->against;
    if (a->detect) {
        sv_backtest_detect(&r->test);
    }
    if (a->labels != NULL) {
        SV_TRY(backtest_read_labels(a->labels, &r->test, why));
    }
    for (size_t i = 0; a->trips[i] != NULL; i++) {
        SV_TRY(sv_backtest_add_trip(&r->test, sv_text_of(a->trips[i]), why));
    }
    return SV_OK;
}

static int run_it(const asked *a) {
    run r = { .asked = a, .line = SV_TEXTBUF_HEAP(SV_LINE_MAX) };
    sv_why why = { 0 };
    sv_err err = open_run(&r, &why);
    int code = sv_exit_of(err);
    if (err == SV_OK) {
        err = a->store != NULL    ? run_store(&r, &why)
              : a->replay != NULL ? run_replay(&r, &why)
                                  : run_lines(&r, &why);
        code = err == SV_OK ? finish(&r) : sv_exit_of(err);
    }
    if (err != SV_OK) {
        (void) sv_exit_with(err, &why);
    }
    sv_backtest_drop(&r.test);
    sv_textbuf_drop(&r.line);
    return code;
}

int cmd_backtest(int argc, char **argv) {
    asked a = { .from_us = INT64_MIN, .to_us = INT64_MAX };
    const sv_option options[] = {
        { .name = "config",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.config,
          .help = "the gateway's YAML, or a candidate for it; with --detect it may be left out" },
        { .name = "detect",
          .kind = SV_OPTION_FLAG,
          .target = &a.detect,
          .help = "look for what is unusual as well, as the gateway would" },
        { .name = "labels",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.labels,
          .help = "when something was wrong: a CSV file with from,to[,device[,sensor]]" },
        { .name = "store",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.store,
          .help = "readings of a gateway's store; it may be running" },
        { .name = "replay",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.replay,
          .help = "readings of a CSV file: a column of times, a column per sensor" },
        { .name = "device",
          .value = "ID",
          .kind = SV_OPTION_TEXT,
          .target = &a.device,
          .help = "this device alone; whose readings a CSV file holds" },
        { .name = "sensor",
          .value = "NAME",
          .kind = SV_OPTION_TEXT,
          .target = &a.sensor,
          .help = "of a CSV file with one column of values" },
        { .name = "from",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.from,
          .help = "no readings before it, such as 2026-11-01T00:00:00" },
        { .name = "to",
          .value = "TIME",
          .kind = SV_OPTION_TEXT,
          .target = &a.to,
          .help = "nor after it" },
        { .name = "against",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.against,
          .help = "another configuration, whose alerts are counted as well" },
        { .name = "trip",
          .value = "[DEVICE@]TIME",
          .kind = SV_OPTION_LIST,
          .target = &a.trips,
          .help = "when a machine stopped; may be given again" },
        RULES_GROUP_OPTION(&a.groups),
        { .name = "summary",
          .kind = SV_OPTION_FLAG,
          .target = &a.summary,
          .help = "what all of it comes to, of stdin as well" },
        { .name = "output",
          .value = "table|json",
          .kind = SV_OPTION_TEXT,
          .target = &a.output,
          .help = "of the summary" },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(
            "selvedge backtest --config FILE [--detect] [--store FILE | --replay FILE | < "
            "readings.ndjson]",
            ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? check(&a, &why) : err;
    return err == SV_OK ? run_it(&a) : sv_exit_with(err, &why);
}
