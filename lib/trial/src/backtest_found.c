#include "backtest_found.h"
#include <base/mem.h>
#include <stdlib.h>

enum { SHOWN_MAX = 20 }; ///< of streams and stretches, in words

// ---- what is unusual ----------------------------------------------------------------------------

typedef struct counted {
    sv_text name; ///< device/sensor
    uint64_t count;
    size_t order; ///< in which they were heard first
} counted;

static int by_count(const void *left, const void *right) {
    const counted *a = left;
    const counted *b = right;
    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }
    return a->order < b->order ? -1 : 1;
}

/// Those streams that would have had an alert, most first; `*all` of all of them.
static counted *count_streams(const sv_backtest *b, size_t *count, uint64_t *all) {
    size_t streams = sv_map_count(b->streams);
    counted *found = sv_mem_array(streams + 1, sizeof *found);
    *count = 0;
    *all = 0;
    for (size_t i = 0; i < streams; i++) {
        sv_text name;
        const sv_backtest_stream *stream = sv_map_at(b->streams, i, &name);
        uint64_t unusual = sv_trial_unusual_by(stream->candidate);
        *all += unusual;
        if (unusual > 0) {
            found[(*count)++] = (counted){ name, unusual, i };
        }
    }
    qsort(found, *count, sizeof *found, by_count);
    return found;
}

static void add_times(sv_textbuf *out, uint64_t count) {
    sv_textbuf_addf(out, count == 1 ? "%llu time" : "%llu times", (unsigned long long) count);
}

void backtest_add_unusual(sv_textbuf *out, const sv_backtest *b) {
    size_t count = 0;
    uint64_t all = 0;
    if (!b->detects || b->readings == 0) {
        return;
    }
    SV_DEFER(sv_mem_drop) counted *found = count_streams(b, &count, &all);
    sv_textbuf_add_str(out, "what is unusual would have fired ");
    add_times(out, all);
    sv_textbuf_add_str(out, " in ");
    sv_backtest_add_span(out, b->last_us - b->first_us);
    sv_textbuf_addf(out, ", on %zu of %zu streams\n", count, sv_map_count(b->streams));
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++) {
        sv_text sensor = found[i].name;
        sv_text device = sv_text_cut(&sensor, '/');
        sv_textbuf_addf(out, "  %.*s %.*s: ", SV_TEXT_ARG(device), SV_TEXT_ARG(sensor));
        add_times(out, found[i].count);
        sv_textbuf_add_char(out, '\n');
    }
    if (count > SHOWN_MAX) {
        sv_textbuf_addf(out, "  and %zu more streams\n", count - SHOWN_MAX);
    }
}

void backtest_put_unusual(sv_json_out *out, const sv_backtest *b) {
    size_t count = 0;
    uint64_t all = 0;
    if (!b->detects) {
        return;
    }
    sv_json_key(out, "unusual");
    SV_DEFER(sv_mem_drop) counted *found = count_streams(b, &count, &all);
    sv_json_open_object(out);
    sv_json_add_int(out, "alerts", (int64_t) all);
    sv_json_key(out, "streams");
    sv_json_open_array(out);
    for (size_t i = 0; i < count && i < SV_TRIAL_ALERTS_MAX; i++) {
        sv_text sensor = found[i].name;
        sv_text device = sv_text_cut(&sensor, '/');
        sv_json_open_object(out);
        sv_json_add_text(out, "deviceId", device);
        sv_json_add_text(out, "sensor", sensor);
        sv_json_add_int(out, "alerts", (int64_t) found[i].count);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

// ---- labels -------------------------------------------------------------------------------------

static size_t count_told(const sv_backtest *b) {
    size_t told = 0;
    for (size_t i = 0; i < b->label_count; i++) {
        told += b->labels[i].found ? 1 : 0;
    }
    return told;
}

static void add_label(sv_textbuf *out, const sv_backtest_label *label) {
    sv_textbuf_add_str(out, "  ");
    sv_backtest_add_time(out, label->from_us, false);
    sv_textbuf_add_str(out, " to ");
    sv_backtest_add_time(out, label->to_us, false);
    sv_textbuf_addf(out, "%s%s%s%s", label->device_id[0] == '\0' ? "" : " ", label->device_id,
                    label->sensor[0] == '\0' ? "" : " ", label->sensor);
    if (!label->found) {
        sv_textbuf_add_str(out, ": nothing would have been raised\n");
        return;
    }
    sv_textbuf_add_str(out, ": after ");
    sv_backtest_add_span(out, label->first.raised_us - label->from_us);
    sv_textbuf_addf(out, ", %s %s: ", label->first.device_id, label->first.sensor);
    sv_alert_add_readable(out, sv_text_of(label->first.message));
    sv_textbuf_add_char(out, '\n');
}

void backtest_add_labels(sv_textbuf *out, const sv_backtest *b) {
    if (b->label_count == 0) {
        return;
    }
    sv_textbuf_addf(out,
                    "%zu of %zu labelled stretches would have been told; %llu alert%s outside of "
                    "them\n",
                    count_told(b), b->label_count, (unsigned long long) b->outside,
                    b->outside == 1 ? "" : "s");
    for (size_t i = 0; i < b->label_count && i < SHOWN_MAX; i++) {
        add_label(out, &b->labels[i]);
    }
    if (b->label_count > SHOWN_MAX) {
        sv_textbuf_addf(out, "  and %zu more\n", b->label_count - SHOWN_MAX);
    }
}

static void put_label(sv_json_out *out, const sv_backtest_label *label) {
    sv_json_open_object(out);
    backtest_put_time(out, "from", label->from_us);
    backtest_put_time(out, "to", label->to_us);
    sv_json_add_str(out, "deviceId", label->device_id[0] == '\0' ? NULL : label->device_id);
    sv_json_add_str(out, "sensor", label->sensor[0] == '\0' ? NULL : label->sensor);
    if (label->found) {
        sv_json_add_int(out, "after_s",
                        (label->first.raised_us - label->from_us) / SV_TIME_SECOND_US);
        sv_json_add_str(out, "message", label->first.message);
    } else {
        sv_json_add_null(out, "after_s");
        sv_json_add_null(out, "message");
    }
    sv_json_close_object(out);
}

void backtest_put_labels(sv_json_out *out, const sv_backtest *b) {
    if (b->label_count == 0) {
        return;
    }
    sv_json_key(out, "labels");
    sv_json_open_object(out);
    sv_json_add_int(out, "told", (int64_t) count_told(b));
    sv_json_add_int(out, "outside", (int64_t) b->outside);
    sv_json_key(out, "stretches");
    sv_json_open_array(out);
    for (size_t i = 0; i < b->label_count && i < SV_TRIAL_ALERTS_MAX; i++) {
        put_label(out, &b->labels[i]);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}
