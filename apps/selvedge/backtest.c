// The gateway's own pipeline over recorded readings: NDJSON in, one decision per line out.
#include "command.h"
#include "lines.h"
#include <base/map.h>
#include <base/mem.h>
#include <codec/json.h>
#include <edge/rules.h>
#include <edge/stream.h>
#include <errno.h>
#include <model/reading.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>

enum { STREAMS_MAX = 1000000 };

typedef struct tracked {
    sv_stream stream;
    sv_stream_rules rules;
} tracked;

typedef struct backtest {
    sv_rules *rules;
    sv_map *streams; ///< device/sensor -> tracked
    sv_textbuf line;
    uint64_t accepted, refused, line_number;
} backtest;

static const char ABOUT[] =
    "Reads readings from stdin, one JSON object per line, and prints what a gateway with this\n"
    "configuration would decide about each: the moving average, the alert, whether it is "
    "significant.\n\n"
    "  echo "
    "'{\"value\":91.2,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"lathe-1\",\"sensor\":"
    "\"temperature\"}' |\n"
    "    selvedge backtest --config gateway.yaml\n\n"
    "A line that is no reading, or is longer than 64 KiB, is named on stderr and passed over.\n"
    "Exit 1 if none was accepted.";

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

static tracked *stream_of(backtest *b, const sv_reading_key *key) {
    char room[SV_ID_MAX * 2 + 2];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_add(&name, key->device_id);
    sv_textbuf_add_char(&name, '/');
    sv_textbuf_add(&name, key->sensor);
    tracked *found = sv_map_get(b->streams, sv_textbuf_text(&name));
    if (found == NULL) {
        found = sv_mem_new(sizeof *found);
        sv_stream_start(&found->stream, INT64_MIN);
        sv_rules_for(b->rules, key->device_id, key->sensor, &found->rules);
        if (sv_map_put(b->streams, sv_textbuf_text(&name), found) != SV_OK) {
            free(found);
            return NULL;
        }
    }
    return found;
}

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

static void print_decision(backtest *b, const sv_reading *reading, const sv_decision *decision) {
    sv_textbuf_clear(&b->line);
    sv_json_out out = SV_JSON_OUT(&b->line);
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
    sv_textbuf_add_char(&b->line, '\n');
    (void) fwrite(b->line.at, 1, b->line.len, stdout);
}

static void refuse_line(backtest *b, const char *reason) {
    b->refused++;
    (void) fprintf(stderr, "line %llu: %s\n", (unsigned long long) b->line_number, reason);
}

static sv_err take_line(backtest *b, sv_text line, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(line, &root, NULL, why));
    sv_reading reading = { .seq = 0 };
    sv_reading_key key = { .device_id = SV_TEXT("") };
    if (!sv_json_text(sv_json_get(root, "sensor"), &key.sensor)) {
        return sv_fail(why, SV_ERR_INVALID, "sensor is missing or not a text");
    }
    SV_TRY(sv_id_check("sensor", key.sensor, why));
    if (sv_reading_from_json(&key, root, &reading, why) != SV_READING_FINE) {
        return SV_ERR_INVALID;
    }
    tracked *mine = stream_of(b, &reading.key);
    if (mine == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d streams", STREAMS_MAX);
    }
    sv_decision decision;
    sv_stream_take(&mine->stream, &mine->rules, reading.value, reading.at_us, &decision);
    print_decision(b, &reading, &decision);
    b->accepted++;
    return SV_OK;
}

static sv_err run_lines(backtest *b, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    lines->file = stdin;
    for (;;) {
        sv_text text = { 0 };
        sv_why fault = { 0 };
        sv_err err = sv_lines_next(lines, &text, &fault);
        b->line_number = lines->number;
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        if (err == SV_ERR_IO) {
            return sv_fail(why, err, "stdin: %s", fault.text);
        }
        text = sv_text_trim(text);
        if (err != SV_OK || (text.len > 0 && take_line(b, text, &fault) != SV_OK)) {
            refuse_line(b, fault.text);
        }
    }
}

static void close_streams(backtest *b) {
    for (size_t i = 0; i < sv_map_count(b->streams); i++) {
        tracked *mine = sv_map_at(b->streams, i, NULL);
        sv_stream_drop(&mine->stream);
        free(mine);
    }
    sv_map_drop(&b->streams);
    sv_textbuf_drop(&b->line);
    sv_rules_drop(&b->rules);
}

static int finish(const backtest *b) {
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void) fprintf(stderr, "selvedge: cannot write the decisions: %m\n");
        return SV_EXIT_MACHINE;
    }
    if (b->refused > 0) {
        (void) fprintf(stderr, "%llu of %llu lines refused\n", (unsigned long long) b->refused,
                       (unsigned long long) b->refused + b->accepted);
    }
    return b->refused > 0 && b->accepted == 0 ? SV_EXIT_NO : SV_EXIT_DONE;
}

int cmd_backtest(int argc, char **argv) {
    const char *config = NULL;
    const sv_option options[] = {
        { .name = "config",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &config,
          .help = "the gateway's YAML",
          .required = true },
    };
    sv_why why = { 0 };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(
            "selvedge backtest --config gateway.yaml < readings.ndjson > decisions.ndjson", ABOUT,
            options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    // The keys come from a file the operator chose; the hash needs no secret.
    const uint8_t no_secret[16] = { 0 };
    backtest b = { .line = SV_TEXTBUF_HEAP(SV_LINE_MAX) };
    if (err == SV_OK) {
        err = load_rules(config, &b.rules, &why);
    }
    if (err != SV_OK) {
        int code = sv_exit_with(err, &why);
        return err == SV_ERR_NOT_FOUND ? SV_EXIT_USAGE : code;
    }
    b.streams = sv_map_new(STREAMS_MAX, no_secret);
    err = run_lines(&b, &why);
    int code = finish(&b);
    code = err == SV_OK ? code : sv_exit_with(err, &why);
    close_streams(&b);
    return code;
}
