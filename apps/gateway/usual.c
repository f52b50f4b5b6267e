#include "gateway.h"
#include <edge/usual.h>
#include <math.h>
#include <sys/clock.h>
#include <sys/log.h>

static sv_err load(gw_stream *s, sv_stmt *row, sv_why *why) {
    sv_text state = sv_stmt_text(row, 2);
    sv_usual *usual = sv_usual_new();
    sv_err err =
        sv_stream_detector_load(&usual->detector, (const uint8_t *) state.at, state.len, why);
    if (err != SV_OK) {
        sv_usual_drop(&usual);
        return err;
    }
    s->stream.usual = usual;
    s->usual.reading = sv_stmt_int(row, 0);
    (void) (sv_text_copy(sv_stmt_text(row, 1), s->usual.alert, sizeof s->usual.alert) == SV_OK);
    return SV_OK;
}

void gw_usual_restore(gw *g, gw_stream *s) {
    sv_stmt *row = NULL;
    sv_why why = { 0 };
    if (s->rules.detect.level == SV_DETECTION_OFF || s->stream.usual != NULL) {
        return;
    }
    s->usual.kept_us = sv_clock_monotonic_us();
    sv_err err =
        sv_db_stmt(g->db, "SELECT reading, alert, state FROM usual WHERE stream = ?", &row, &why);
    if (err == SV_OK) {
        sv_stmt_bind_int(row, 1, s->row);
        err = sv_stmt_next(row, &why);
    }
    if (err == SV_OK) {
        err = load(s, row, &why);
        sv_stmt_reset(row);
    }
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        bool told = s->rules.uplink != SV_UPLINK_NEVER;
        SV_LOG(error, "usual.damaged", "what is usual for %s/%s is learnt anew: %s", s->device,
               told ? s->sensor : "a sensor that is not told of", why.text);
    }
}

void gw_usual_note(gw_stream *s) {
    s->usual.fresh += s->stream.usual != NULL ? 1 : 0;
}

void gw_usual_keep(gw *g, gw_stream *s) {
    uint8_t room[SV_STREAM_SAVE_BYTES_MAX];
    size_t bytes = sv_stream_detector_save(&s->stream.usual->detector, room, sizeof room);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO usual VALUES (?, ?, ?, ?)");
    sv_writer_int(g->writer, s->row);
    sv_writer_int(g->writer, g->last_reading);
    sv_writer_str(g->writer, s->usual.alert);
    sv_writer_bytes(g->writer, (sv_text){ (const char *) room, bytes });
    s->usual.reading = g->last_reading;
    s->usual.kept_us = sv_clock_monotonic_us();
    s->usual.fresh = 0;
}

void gw_usual_tick(gw *g, gw_stream *s, int64_t now_us, unsigned *left) {
    int64_t ago_us = now_us - s->usual.kept_us;
    if (s->usual.fresh == 0 || *left == 0 || ago_us < GW_USUAL_LEAST_US) {
        return;
    }
    if (s->usual.fresh >= GW_USUAL_READINGS || ago_us >= GW_USUAL_MOST_US) {
        gw_usual_keep(g, s);
        --*left;
    }
}

void gw_usual_keep_all(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        gw_stream *s = sv_map_at(g->streams, i, NULL);
        if (s->usual.fresh > 0) {
            gw_usual_keep(g, s);
        }
    }
}

static bool has_moved(const gw_usual *usual, const sv_summary *minute) {
    double part = (minute->high - minute->low) / GW_USUAL_PARTS;
    int64_t since_us = minute->minute_us - usual->told_us;
    return since_us >= GW_USUAL_TOLD_US || since_us < 0
           || fabs(minute->low - usual->told_low) > part
           || fabs(minute->high - usual->told_high) > part;
}

bool gw_usual_sift(gw_usual *usual, sv_summary *minute) {
    bool known = minute->low < minute->high;
    if (known && has_moved(usual, minute)) {
        usual->told_low = minute->low;
        usual->told_high = minute->high;
        usual->told_us = minute->minute_us;
    } else {
        minute->low = minute->high = 0;
    }
    minute->score = minute->score >= GW_USUAL_SCORE ? minute->score : 0;
    return minute->score > 0 || minute->low < minute->high;
}

void gw_usual_write(const gw_stream *s, sv_json_out *out) {
    const sv_usual *usual = s->stream.usual;
    bool looked_at = s->rules.detect.level != SV_DETECTION_OFF && usual != NULL;
    sv_json_add_str(out, "detect", sv_detection_name(s->rules.detect.level));
    if (!looked_at) {
        return;
    }
    sv_json_add_int(out, "score", lround(sv_usual_score(&usual->last)));
    sv_json_key(out, "expected");
    if (usual->last.low < usual->last.high) {
        sv_json_open_array(out);
        sv_json_put_number(out, usual->last.low);
        sv_json_put_number(out, usual->last.high);
        sv_json_close_array(out);
    } else {
        sv_json_put_null(out);
    }
}

// ---- what somebody says was normal --------------------------------------------------------------

/// The stream, also when nothing was heard of it since the start; NULL: it is not about its last
/// alert.
static gw_stream *stream_of_alert(gw *g, sv_text device, sv_text sensor, sv_text alert) {
    gw_stream *s = gw_stream_known(g, device, sensor);
    sv_stmt *row = NULL;
    if (s == NULL
        && sv_db_stmt(
               g->db,
               "SELECT 1 FROM usual JOIN stream ON stream.id = usual.stream WHERE device = ? "
               "AND sensor = ? AND alert = ?",
               &row, NULL)
               == SV_OK) {
        sv_stmt_bind_text(row, 1, device);
        sv_stmt_bind_text(row, 2, sensor);
        sv_stmt_bind_text(row, 3, alert);
        bool kept = sv_stmt_next(row, NULL) == SV_OK;
        sv_stmt_reset(row);
        s = kept ? gw_stream_of(g, device, sensor) : NULL;
    }
    return s != NULL && s->stream.usual != NULL && sv_text_is(alert, s->usual.alert) ? s : NULL;
}

gw_event_end gw_usual_normal(gw *g, int64_t id, const sv_json *data) {
    sv_text alert;
    sv_text device;
    sv_text sensor;
    sv_text by;
    (void) id;
    if (!sv_json_text(sv_json_get(data, "alert"), &alert)
        || !sv_json_text(sv_json_get(data, "device"), &device)
        || !sv_json_text(sv_json_get(data, "sensor"), &sensor)
        || !sv_json_text(sv_json_get(data, "by"), &by) || !sv_id_is_valid(device)) {
        return GW_EVENT_REFUSED;
    }
    if (sensor.len == 0) {
        return gw_machine_normal(g, device, alert, by) ? GW_EVENT_DONE : GW_EVENT_IDLE;
    }
    if (!sv_id_is_valid(sensor)) {
        return GW_EVENT_REFUSED;
    }
    gw_stream *s = stream_of_alert(g, device, sensor, alert);
    if (s == NULL || !sv_stream_detector_normal(&s->stream.usual->detector)) {
        return GW_EVENT_IDLE;
    }
    gw_usual_keep(g, s);
    if (s->rules.uplink != SV_UPLINK_NEVER) {
        SV_LOG(info, "usual.normal", "%s/%s: " SV_TEXT_FMT " says that it was normal", s->device,
               s->sensor, SV_TEXT_ARG(by));
    }
    return GW_EVENT_DONE;
}
