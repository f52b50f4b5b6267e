#include "gateway.h"
#include <base/mem.h>
#include <codec/json.h>
#include <crypto/random.h>
#include <math.h>
#include <model/health.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { UPDATE_US = 60 * 1000000 };

typedef struct delivery {
    gw *g;
    sv_text topic;
    int64_t received_us;
} delivery;

static bool seen_in_ring(gw_stream *s, const sv_reading *reading) {
    for (unsigned i = 0; i < s->ring_filled; i++) {
        if (s->ring[i].at_us == reading->at_us && s->ring[i].value == reading->value) {
            return true;
        }
    }
    return false;
}

static void note_in_ring(gw_stream *s, const sv_reading *reading) {
    s->ring[s->ring_next].at_us = reading->at_us;
    s->ring[s->ring_next].value = reading->value;
    s->ring_next = (s->ring_next + 1) % GW_RING;
    s->ring_filled += s->ring_filled < GW_RING ? 1 : 0;
}

static void forget_between(gw_sender *sender, int64_t from, int64_t to) {
    if (to - from >= GW_WINDOW) {
        memset(sender->seen, 0, sizeof sender->seen);
        return;
    }
    for (int64_t seq = from + 1; seq <= to; seq++) {
        uint64_t bit = (uint64_t) seq % GW_WINDOW;
        sender->seen[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
    }
}

bool gw_is_new(gw_stream *stream, gw_sender *sender, const sv_reading *reading) {
    // Below the window the number says nothing any more: the time and the value decide.
    if (sender == NULL || reading->seq <= sender->highest - GW_WINDOW) {
        bool seen = seen_in_ring(stream, reading);
        if (!seen) {
            note_in_ring(stream, reading);
        }
        return !seen;
    }
    if (reading->seq > sender->highest) {
        forget_between(sender, sender->highest, reading->seq);
        sender->highest = reading->seq;
    }
    uint64_t bit = (uint64_t) reading->seq % GW_WINDOW;
    uint64_t mask = UINT64_C(1) << (bit % 64);
    if ((sender->seen[bit / 64] & mask) != 0) {
        return false;
    }
    sender->seen[bit / 64] |= mask;
    note_in_ring(stream, reading);
    return true;
}

static sv_text pair(sv_textbuf *room, sv_text left, sv_text right) {
    sv_textbuf_add(room, left);
    sv_textbuf_add_char(room, '/');
    sv_textbuf_add(room, right);
    return sv_textbuf_text(room);
}

static sv_err row_of(gw *g, gw_stream *s, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "INSERT OR IGNORE INTO stream (device, sensor) VALUES (?, ?)", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, s->device);
    sv_stmt_bind_str(stmt, 2, s->sensor);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(g->db, "SELECT id FROM stream WHERE device = ? AND sensor = ?", &stmt, why));
    sv_stmt_bind_str(stmt, 1, s->device);
    sv_stmt_bind_str(stmt, 2, s->sensor);
    SV_TRY(sv_stmt_next(stmt, why));
    s->row = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static gw_stream *stream_of(gw *g, sv_text device, sv_text sensor) {
    char room[2 * SV_ID_ROOM];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_text name = pair(&buf, device, sensor);
    gw_stream *s = sv_map_get(g->streams, name);
    if (s != NULL) {
        return s;
    }
    s = sv_mem_new(sizeof *s);
    sv_why why = { 0 };
    if (sv_text_copy(device, s->device, sizeof s->device) != SV_OK
        || sv_text_copy(sensor, s->sensor, sizeof s->sensor) != SV_OK
        || sv_map_put(g->streams, name, s) != SV_OK) {
        free(s);
        return NULL;
    }
    sv_stream_start(&s->stream);
    sv_rules_for(g->config.rules, device, sensor, &s->rules);
    if (row_of(g, s, &why) != SV_OK) {
        gw_store_failed(g, &why);
    }
    return s;
}

static gw_sender *sender_of(gw *g, const sv_reading *reading) {
    if (reading->epoch.len == 0) {
        return NULL;
    }
    char room[SV_ID_ROOM + SV_EPOCH_MAX + 1];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_text name = pair(&buf, reading->key.device_id, reading->epoch);
    gw_sender *sender = sv_map_get(g->senders, name);
    if (sender == NULL) {
        sender = sv_mem_new(sizeof *sender);
        if (sv_map_put(g->senders, name, sender) != SV_OK) {
            free(sender);
            return NULL;
        }
    }
    return sender;
}

static gw_device *device_of(gw *g, sv_text id) {
    gw_device *device = sv_map_get(g->devices, id);
    if (device == NULL) {
        device = sv_mem_new(sizeof *device);
        if (sv_text_copy(id, device->id, sizeof device->id) != SV_OK
            || sv_map_put(g->devices, id, device) != SV_OK) {
            free(device);
            return NULL;
        }
        device->since_us = sv_clock_wall_us();
    }
    return device;
}

static sv_err put_body(gw *g, const char *sql, int64_t average, sv_text body, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &stmt, why));
    sv_stmt_bind_text(stmt, 1, body);
    if (average >= 0) {
        sv_stmt_bind_int(stmt, 2, average);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err put_item(gw *g, const gw_stream *s, const sv_summary *summary, int64_t at_us,
                       double value, sv_why *why) {
    char room[512];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&buf);
    // Without the opening brace: the number is put before it when it is sent.
    sv_json_add_str(&out, "kind", summary != NULL ? "summary" : "average");
    sv_json_add_str(&out, "device_id", s->device);
    sv_json_add_str(&out, "sensor", s->sensor);
    sv_json_add_str(&out, "unit", s->unit);
    sv_json_add_int(&out, "at", summary != NULL ? summary->minute_us : at_us);
    if (summary != NULL) {
        sv_json_add_int(&out, "count", summary->count);
        sv_json_add_number(&out, "min", summary->min);
        sv_json_add_number(&out, "mean", summary->mean);
        sv_json_add_number(&out, "max", summary->max);
    } else {
        sv_json_add_number(&out, "value", value);
    }
    SV_TRY(sv_textbuf_end(&buf));
    return put_body(g, "INSERT INTO outbox (body, average) VALUES (?, ?)", summary == NULL,
                    sv_textbuf_text(&buf), why);
}

static sv_err keep_open_alert(gw *g, const sv_alert *alert, sv_why *why) {
    sv_stmt *stmt = NULL;
    bool over = alert->event == SV_ALERT_CLEARED;
    SV_TRY(sv_db_stmt(g->db,
                      over ? "DELETE FROM alert WHERE device = ? AND sensor = ? AND type = ?"
                           : "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert->device_id);
    sv_stmt_bind_str(stmt, 2, alert->sensor);
    sv_stmt_bind_int(stmt, 3, (int64_t) alert->type);
    if (!over) {
        sv_stmt_bind_str(stmt, 4, alert->id);
        sv_stmt_bind_int(stmt, 5, alert->at_us);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err tell_alert(gw *g, const sv_alert *alert, bool up, sv_why *why) {
    SV_TRY(keep_open_alert(g, alert, why));
    g->raised += alert->event == SV_ALERT_RAISED ? 1 : 0;
    g->cleared += alert->event == SV_ALERT_CLEARED ? 1 : 0;
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_alert_format(alert, &buf);
    SV_TRY(sv_textbuf_end(&buf));
    sv_textbuf_addf(&g->alerts, "%s\t%s\n", alert->device_id, room);
    if (!up || g->alert_peer == NULL) {
        return SV_OK;
    }
    return put_body(g, "INSERT INTO alert_post (body) VALUES (?)", -1, sv_textbuf_text(&buf), why);
}

static sv_err alert_of(gw *g, gw_stream *s, const sv_reading *reading, const sv_decision *d,
                       sv_alert_type type, sv_why *why) {
    bool high = type == SV_ALERT_HIGH;
    sv_alert_event event = high ? d->high : d->low;
    sv_bound_state *bound = high ? &s->stream.high : &s->stream.low;
    int64_t *sent_us = &s->alert_sent_us[high ? 0 : 1];
    int64_t now_us = sv_clock_monotonic_us();
    if (event == SV_ALERT_NONE || (event == SV_ALERT_UPDATED && now_us - *sent_us < UPDATE_US)) {
        return SV_OK;
    }
    *sent_us = now_us;
    if (event == SV_ALERT_RAISED) {
        sv_random_hex(bound->alert_id);
    }
    sv_alert alert = { .type = type,
                       .severity = s->rules.threshold.severity,
                       .event = event,
                       .value = d->value,
                       .raw = d->raw,
                       .at_us = reading->at_us };
    memcpy(alert.id, bound->alert_id, sizeof alert.id);
    memcpy(alert.device_id, s->device, sizeof alert.device_id);
    memcpy(alert.sensor, s->sensor, sizeof alert.sensor);
    SV_TRY(sv_text_copy(reading->timestamp, alert.timestamp, sizeof alert.timestamp));
    sv_alert_threshold_message(type, d->value, alert.message);
    return tell_alert(g, &alert, s->rules.uplink != SV_UPLINK_NEVER, why);
}

static sv_err put_reading(gw *g, const gw_stream *s, const sv_reading *reading, int64_t received_us,
                          sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "INSERT INTO reading (stream, received, at, value, epoch, seq) VALUES (?, ?, "
                      "?, ?, ?, ?)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, s->row);
    sv_stmt_bind_int(stmt, 2, received_us);
    sv_stmt_bind_int(stmt, 3, reading->at_us);
    sv_stmt_bind_number(stmt, 4, reading->value);
    if (reading->epoch.len > 0) {
        sv_stmt_bind_text(stmt, 5, reading->epoch);
        sv_stmt_bind_int(stmt, 6, reading->seq);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err settle(const delivery *in, gw_stream *s, const sv_reading *reading, sv_why *why) {
    gw *g = in->g;
    sv_decision d;
    sv_stream_take(&s->stream, &s->rules, reading->value, reading->at_us, &d);
    SV_TRY(put_reading(g, s, reading, in->received_us, why));
    SV_TRY(alert_of(g, s, reading, &d, SV_ALERT_HIGH, why));
    SV_TRY(alert_of(g, s, reading, &d, SV_ALERT_LOW, why));
    sv_uplink uplink = s->rules.uplink;
    if (g->fleet == NULL || uplink == SV_UPLINK_NEVER) {
        return SV_OK;
    }
    if (uplink == SV_UPLINK_ALL || (uplink == SV_UPLINK_CHANGE && d.significant)) {
        SV_TRY(put_item(g, s, NULL, reading->at_us, d.value, why));
    }
    if (d.summary_done && uplink != SV_UPLINK_ALL) {
        SV_TRY(put_item(g, s, &d.summary, 0, 0, why));
    }
    return SV_OK;
}

static sv_err put_quarantine(gw *g, const char *reason, sv_text topic, const sv_why *fault,
                             sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "INSERT INTO quarantine (at, reason, topic, why) VALUES (?, ?, ?, ?)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, sv_clock_wall_us());
    sv_stmt_bind_str(stmt, 2, reason);
    sv_stmt_bind_text(stmt, 3, topic);
    sv_stmt_bind_str(stmt, 4, fault->text);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(g->db,
                      "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, GW_QUARANTINE_MAX);
    return sv_stmt_run(stmt, why);
}

static void refuse(void *arg, sv_reading_fault fault, const sv_why *fault_why) {
    delivery *in = arg;
    in->g->refused[fault]++;
    int64_t now_us = sv_clock_monotonic_us();
    if (fault == SV_READING_REPEATED || now_us - in->g->quarantined_us < SV_TIME_SECOND_US) {
        return;
    }
    in->g->quarantined_us = now_us;
    sv_why why = { 0 };
    if (put_quarantine(in->g, fault == SV_READING_FINE ? "full" : sv_reading_fault_name(fault),
                       in->topic, fault_why, &why)
        != SV_OK) {
        gw_store_failed(in->g, &why);
    }
}

static void take(void *arg, const sv_reading *reading) {
    delivery *in = arg;
    gw *g = in->g;
    g->readings++;
    sv_why why = { 0 };
    gw_device *device = device_of(g, reading->key.device_id);
    gw_stream *s =
        device == NULL ? NULL : stream_of(g, reading->key.device_id, reading->key.sensor);
    if (s == NULL) {
        (void) (sv_fail(&why, SV_ERR_NO_SPACE, "more devices or streams than this gateway keeps")
                == SV_OK);
        refuse(in, SV_READING_FINE, &why);
        return;
    }
    device->last_seen_us = in->received_us;
    device->changed = true;
    if (!gw_is_new(s, sender_of(g, reading), reading)) {
        refuse(in, SV_READING_REPEATED, &why);
        return;
    }
    (void) (sv_text_copy(reading->unit, s->unit, sizeof s->unit) == SV_OK);
    if (settle(in, s, reading, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    g->stored++;
}

static void take_presence(gw_device *device, sv_text payload) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    bool online = false;
    if (sv_json_parse(payload, &root, NULL, NULL) != SV_OK
        || !sv_json_bool(sv_json_get(root, "online"), &online)) {
        return;
    }
    if (online != device->online) {
        device->online = online;
        device->since_us = sv_clock_wall_us();
    }
    device->changed = true;
}

static void take_health(gw_device *device, sv_text payload) {
    sv_health health;
    sv_why why = { 0 };
    if (payload.len > SV_HEALTH_BYTES_MAX
        || sv_health_parse(payload, sv_text_of(device->id), &health, &why) != SV_OK) {
        SV_LOG(warn, "health.refused", "%s: %s", device->id, why.text);
        return;
    }
    free(device->report);
    device->report = sv_mem_copy_str(payload.at, payload.len);
    device->changed = true;
}

static void take_state(gw *g, sv_text topic, sv_text payload) {
    sv_text id = topic;
    sv_text root = sv_text_cut(&id, '/');
    gw_device *device = sv_id_is_valid(id) ? device_of(g, id) : NULL;
    if (device == NULL) {
        return;
    }
    device->last_seen_us = sv_clock_wall_us();
    if (sv_text_is(root, "presence")) {
        take_presence(device, payload);
    } else {
        take_health(device, payload);
    }
}

void gw_ingest_message(gw *g, const sv_mqtt_message *message) {
    if (g->exit_code != 0) {
        return;
    }
    gw_group_begin(g);
    g->bytes_in += message->payload.len;
    delivery in = { .g = g, .topic = message->topic, .received_us = sv_clock_wall_us() };
    sv_reading_key key;
    sv_why why = { 0 };
    if (!sv_text_starts(message->topic, SV_TEXT("sensors/"))) {
        take_state(g, message->topic, message->payload);
    } else if (sv_reading_key_parse(message->topic, &key, &why) != SV_OK) {
        refuse(&in, SV_READING_TOPIC, &why);
    } else {
        sv_reading_payload_parse(&key, message->payload, in.received_us, take, refuse, &in);
    }
    if (message->ack != 0) {
        g->acks[g->ack_count++] = message->ack;
    }
    if (g->ack_count >= (size_t) g->config.store.group) {
        gw_group_commit(g);
    }
}

void gw_ingest_rules(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        gw_stream *s = sv_map_at(g->streams, i, NULL);
        sv_rules_for(g->config.rules, sv_text_of(s->device), sv_text_of(s->sensor), &s->rules);
    }
}

static sv_err replay(gw *g, sv_stmt *stmt) {
    gw_stream *s = stream_of(g, sv_stmt_text(stmt, 0), sv_stmt_text(stmt, 1));
    sv_reading reading = { .at_us = sv_stmt_int(stmt, 2),
                           .value = sv_stmt_number(stmt, 3),
                           .epoch = sv_stmt_text(stmt, 4),
                           .seq = sv_stmt_int(stmt, 5) };
    if (s == NULL) {
        return SV_ERR_NO_SPACE;
    }
    reading.key.device_id = sv_text_of(s->device);
    if (gw_is_new(s, sender_of(g, &reading), &reading)) {
        sv_decision ignored;
        sv_stream_take(&s->stream, &s->rules, reading.value, reading.at_us, &ignored);
    }
    s->stream.high.open = false;
    s->stream.low.open = false;
    return SV_OK;
}

static sv_err reopen(gw *g, sv_stmt *stmt) {
    gw_stream *s = stream_of(g, sv_stmt_text(stmt, 0), sv_stmt_text(stmt, 1));
    if (s == NULL) {
        return SV_ERR_NO_SPACE;
    }
    sv_bound_state *bound =
        sv_stmt_int(stmt, 2) == SV_ALERT_HIGH ? &s->stream.high : &s->stream.low;
    bound->open = true;
    return sv_text_copy(sv_stmt_text(stmt, 3), bound->alert_id, sizeof bound->alert_id);
}

static sv_err each_row(gw *g, const char *sql, sv_err (*row)(gw *g, sv_stmt *stmt), sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK) {
        SV_TRY(row(g, stmt));
        err = sv_stmt_next(stmt, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err gw_ingest_prime(gw *g, sv_why *why) {
    SV_TRY(each_row(g,
                    "SELECT device, sensor, at, value, epoch, seq FROM reading JOIN stream ON "
                    "stream.id = stream WHERE reading.id > (SELECT coalesce(max(id), 0) FROM "
                    "reading) - 20000 ORDER BY reading.id",
                    replay, why));
    return each_row(g, "SELECT device, sensor, type, id FROM alert", reopen, why);
}

void gw_ingest_open(gw *g) {
    uint8_t key[16];
    sv_random(key, sizeof key);
    g->streams = sv_map_new(GW_STREAMS_MAX, key);
    g->senders = sv_map_new(GW_SENDERS_MAX, key);
    g->devices = sv_map_new(GW_DEVICES_MAX, key);
    g->alerts = SV_TEXTBUF_HEAP(16 * 1024 * 1024);
}

static void close_map(sv_map **map) {
    for (size_t i = 0; *map != NULL && i < sv_map_count(*map); i++) {
        free(sv_map_at(*map, i, NULL));
    }
    sv_map_drop(map);
}

void gw_ingest_close(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        gw_device *device = sv_map_at(g->devices, i, NULL);
        free(device->report);
    }
    close_map(&g->streams);
    close_map(&g->senders);
    close_map(&g->devices);
    sv_textbuf_drop(&g->alerts);
}
