// From an MQTT message to everything it causes, within the group's transaction.
#include "gateway.h"
#include <base/mem.h>
#include <codec/json.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <sys/clock.h>

#define LATE_US (5 * SV_TIME_SECOND_US)      ///< a minute stays open for what is on its way
#define LATE_KEPT_US (5 * SV_TIME_MINUTE_US) ///< what came late is forgotten after it
#define KEPT_US SV_TIME_MINUTE_US            ///< older when it comes: it was kept somewhere

typedef struct delivery {
    gw *g;
    sv_text topic;
    int64_t received_us;
} delivery;

// By the table that is open, and what is known of the reading: its number, its machine's start.
static const char *const INSERTS[2][3] = {
    { "INSERT INTO reading (id, stream, received, at, value) VALUES (?, ?, ?, ?, ?)",
      "INSERT INTO reading (id, stream, received, at, value, epoch, seq) VALUES (?, ?, ?, ?, ?, ?, "
      "?)",
      "INSERT INTO reading (id, stream, received, at, value, epoch, seq, boot, uptime) VALUES (?, "
      "?, ?, ?, ?, ?, ?, ?, ?)" },
    { "INSERT INTO reading_b (id, stream, received, at, value) VALUES (?, ?, ?, ?, ?)",
      "INSERT INTO reading_b (id, stream, received, at, value, epoch, seq) VALUES (?, ?, ?, ?, ?, "
      "?, ?)",
      "INSERT INTO reading_b (id, stream, received, at, value, epoch, seq, boot, uptime) VALUES "
      "(?, ?, ?, ?, ?, ?, ?, ?, ?)" },
};

static void put_number(gw *g, const sv_reading *reading) {
    if (reading->epoch.len > 0) {
        sv_writer_text(g->writer, reading->epoch);
        sv_writer_int(g->writer, reading->seq);
    } else {
        sv_writer_null(g->writer);
        sv_writer_null(g->writer);
    }
}

static void put_reading(gw *g, const gw_stream *s, const sv_reading *reading, const gw_boot *boot,
                        int64_t received_us) {
    bool numbered = reading->epoch.len > 0;
    bool doubtful = boot != NULL && !reading->proven;
    sv_writer_add(g->writer, INSERTS[g->series.side][doubtful ? 2 : numbered]);
    sv_writer_int(g->writer, ++g->last_reading);
    sv_writer_int(g->writer, s->row);
    sv_writer_int(g->writer, received_us);
    sv_writer_int(g->writer, reading->at_us);
    sv_writer_number(g->writer, reading->value);
    if (numbered || doubtful) {
        put_number(g, reading);
    }
    if (doubtful) {
        sv_writer_int(g->writer, boot->id);
        sv_writer_int(g->writer, reading->uptime_us);
    }
}

/// Where a reading belongs, and whether that is another time than it says.
typedef struct placed {
    int64_t at_us;
    bool corrected;
} placed;

static void send_average(gw *g, const gw_stream *s, const sv_decision *d, placed at) {
    sv_uplink uplink = s->rules.uplink;
    if (uplink == SV_UPLINK_ALL || (uplink == SV_UPLINK_CHANGE && d->significant)) {
        gw_outbox_average(g, s, at.at_us, d->value, at.corrected);
    }
}

/// `corrected`: whether any reading of the minute is; the next one begins without.
static void send_summary(gw *g, gw_stream *s, const sv_summary *summary, bool *corrected) {
    sv_uplink uplink = s->rules.uplink;
    sv_summary told = *summary;
    bool news = gw_usual_sift(&s->usual, &told);
    if (uplink == SV_UPLINK_AGGREGATE || uplink == SV_UPLINK_CHANGE
        || (uplink == SV_UPLINK_ALL && news)) {
        gw_outbox_summary(g, s, &told, *corrected);
    }
    *corrected = false;
}

static void send_up(gw *g, gw_stream *s, const sv_decision *d, placed at, bool *corrected) {
    send_average(g, s, d, at);
    if (d->summary_done) {
        send_summary(g, s, &d->summary, corrected);
    }
    *corrected = *corrected || at.corrected;
}

/// Does it come after newer ones: out of what a device kept while it had no gateway? By its number,
/// and between starts of a device by its time. Readings without numbers come in order.
static bool is_late(gw_stream *s, gw_sender *sender, int64_t seq, int64_t at_us,
                    int64_t received_us) {
    if (sender == NULL) {
        return false;
    }
    bool late = sender == s->live ? seq < s->live_seq
                                  : at_us < s->newest_us && received_us - at_us > KEPT_US;
    if (!late) {
        s->live = sender;
        s->live_seq = seq;
        s->newest_us = at_us;
    }
    return late;
}

/// Nothing is raised by what is over; averages and minutes of it are as they would have been.
static void settle_late(gw *g, gw_stream *s, double value, placed at) {
    if (s->late == NULL) {
        s->late = sv_mem_new(sizeof *s->late);
        sv_stream_start(s->late, INT64_MIN);
    }
    sv_stream_rules rules = { .change = s->rules.change, .uplink = s->rules.uplink };
    sv_decision d;
    sv_stream_take(s->late, &rules, value, at.at_us, &d);
    send_up(g, s, &d, at, &s->late_corrected);
    s->late_us = sv_clock_monotonic_us();
    g->late++;
}

/// A minute that nothing ends is over when it would be by the stream's own clock: this gateway's
/// may be set meanwhile.
static void take_sample(gw_stream *s, double value, int64_t at_us, int64_t monotonic_us,
                        sv_decision *out) {
    sv_stream_take(&s->stream, &s->rules, value, at_us, out);
    int64_t into_us = at_us - s->stream.minute.minute_us;
    if (into_us >= 0) {
        s->minute_due_us = monotonic_us + SV_TIME_MINUTE_US - into_us + LATE_US;
    }
}

/// The rules with names hear what was judged last.
static void show_guard(gw *g, const gw_stream *s, int64_t received_us, bool quiet) {
    const sv_expression_input input = { .raw = s->last.value,
                                        .average = s->last.average,
                                        .at_us = s->last.at_us };
    gw_guard_take(g, s, &input, received_us, quiet);
}

/// The rules mute it now, somebody works on its device, or that is quarantined. [edge-10]
/// [maintenance-1] [standing-23]
static bool is_quiet(const gw *g, const gw_stream *s) {
    return (s->rules.mutes & g->muted) != 0 || gw_maintenance_is_on(g, s->device)
           || gw_standing_is_quarantined(g, sv_text_of(s->device));
}

static void settle_live(gw *g, gw_stream *s, const sv_reading *reading, placed at,
                        int64_t received_us) {
    sv_decision d;
    s->stream.quiet = is_quiet(g, s);
    s->stream.heard_us = sv_clock_monotonic_us();
    take_sample(s, reading->value, at.at_us, s->stream.heard_us, &d);
    gw_usual_note(s);
    s->last = (gw_last){ .value = d.raw, .average = d.value, .at_us = at.at_us };
    gw_alert_turns(g, s, d.turns, reading);
    gw_machine_take(g, s, reading->value, at.at_us, s->stream.quiet);
    gw_lives_take(g, s, reading->value, at.at_us, s->stream.quiet);
    show_guard(g, s, received_us, false);
    send_up(g, s, &d, at, &s->minute_corrected);
}

/// How far its clock is off goes up when it begins or ends to matter.
static void note_clock(const gw *g, gw_device *device, int64_t at_us) {
    bool was_far = gw_offset_is_far(&device->clock);
    gw_offset_note(&device->clock, &g->clock, at_us);
    device->changed = device->changed || gw_offset_is_far(&device->clock) != was_far;
}

static void settle(const delivery *in, gw_stream *s, gw_sender *sender, const sv_reading *reading) {
    gw *g = in->g;
    gw_boot *boot = gw_boot_of(g, s->of, reading);
    placed at = { .at_us = gw_boot_place(g, s->of, boot, reading, in->received_us) };
    at.corrected = at.at_us != reading->at_us;
    g->clocks_wrong += at.corrected ? 1 : 0;
    s->count++;
    put_reading(g, s, reading, boot, in->received_us);
    if (is_late(s, sender, reading->seq, at.at_us, in->received_us)) {
        settle_late(g, s, reading->value, at);
    } else {
        note_clock(g, s->of, reading->at_us);
        settle_live(g, s, reading, at, in->received_us);
    }
}

/// Late minutes come in order, so one is over when the next begins, or nothing comes any more.
static void tick_late(gw *g, gw_stream *s, int64_t now_us) {
    sv_summary summary;
    if (now_us - s->late_us < LATE_US) {
        return;
    }
    if (sv_stream_flush_minute(s->late, INT64_MAX, &summary)) {
        send_summary(g, s, &summary, &s->late_corrected);
    }
    if (now_us - s->late_us > LATE_KEPT_US) {
        sv_stream_drop(s->late);
        free(s->late);
        s->late = NULL;
    }
}

/// Of a device that is known to be away silence is no news.
static void tick_silence(gw *g, gw_stream *s, int64_t now_us) {
    sv_turn turns[SV_CAUSE__COUNT];
    bool away = s->of != NULL && s->of->has_presence && !s->of->online;
    s->stream.quiet = away || is_quiet(g, s);
    if (sv_stream_tick(&s->stream, &s->rules, now_us, turns)) {
        gw_alert_turns(g, s, turns, NULL);
    }
}

void gw_ingest_tick(gw *g) {
    int64_t now_us = sv_clock_monotonic_us();
    unsigned copies = GW_USUAL_COPIES;
    sv_summary summary;
    gw_maintenance_tick(g);
    g->muted = sv_rules_muted(g->config.rules, gw_wall_us(g));
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        gw_stream *s = sv_map_at(g->streams, i, NULL);
        if (now_us >= s->minute_due_us && sv_stream_flush_minute(&s->stream, INT64_MAX, &summary)) {
            send_summary(g, s, &summary, &s->minute_corrected);
        }
        if (s->late != NULL) {
            tick_late(g, s, now_us);
        }
        tick_silence(g, s, now_us);
        gw_usual_tick(g, s, now_us, &copies);
    }
    gw_guards_tick(g);
    gw_machines_tick(g, now_us);
    gw_lives_tick(g, now_us);
}

static void put_quarantine(gw *g, const char *reason, sv_text topic, const sv_why *fault) {
    sv_writer_add(g->writer, "INSERT INTO quarantine (at, reason, topic, why) VALUES (?, ?, ?, ?)");
    sv_writer_int(g->writer, gw_wall_us(g));
    sv_writer_str(g->writer, reason);
    sv_writer_text(g->writer, topic);
    sv_writer_str(g->writer, fault->text);
    sv_writer_add(g->writer,
                  "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?");
    sv_writer_int(g->writer, GW_QUARANTINE_MAX);
}

static void refuse(void *arg, sv_reading_fault fault, const sv_reading *reading,
                   const sv_why *fault_why) {
    delivery *in = arg;
    in->g->refused[fault]++;
    gw_ledger_refused(in->g, reading, fault);
    int64_t now_us = sv_clock_monotonic_us();
    if (fault == SV_READING_REPEATED || now_us - in->g->quarantined_us < SV_TIME_SECOND_US) {
        return;
    }
    in->g->quarantined_us = now_us;
    put_quarantine(in->g, fault == SV_READING_FINE ? "full" : sv_reading_fault_name(fault),
                   in->topic, fault_why);
}

static void take(void *arg, const sv_reading *reading) {
    delivery *in = arg;
    gw *g = in->g;
    g->readings++;
    sv_why why = { 0 };
    gw_stream *s = gw_stream_of(g, reading->key.device_id, reading->key.sensor);
    if (s != NULL && s->of == NULL) {
        s->of = gw_device_of(g, reading->key.device_id);
    }
    if (s == NULL || s->of == NULL) {
        (void) (sv_fail(&why, SV_ERR_NO_SPACE, "more devices or streams than this gateway keeps")
                == SV_OK);
        refuse(in, SV_READING_FINE, reading, &why);
        return;
    }
    s->of->last_seen_us = in->received_us;
    gw_traffic_note(g, GW_WAY_IN, s, 1);
    gw_sender *sender = gw_sender_of(g, s, reading);
    gw_device_acks_note(g, sender);
    if (!gw_is_new(s, sender, reading)) {
        refuse(in, SV_READING_REPEATED, reading, &why);
        return;
    }
    if (!sv_text_is(reading->unit, s->unit)) {
        (void) (sv_text_copy(reading->unit, s->unit, sizeof s->unit) == SV_OK);
    }
    settle(in, s, sender, reading);
    gw_ledger_stored(sender, reading->seq, in->received_us);
    g->stored++;
}

static sv_text device_in(sv_text topic) {
    (void) sv_text_cut(&topic, '/');
    return sv_text_cut(&topic, '/');
}

/// Behind an external broker nobody has looked at the certificate. [standing-24]
static bool is_out(gw *g, sv_text topic) {
    if (g->config.own_door || !gw_standing_is_out(g, device_in(topic))) {
        return false;
    }
    g->standing.dropped++;
    return true;
}

static void take_readings(delivery *in, sv_text payload) {
    gw *g = in->g;
    sv_reading_key key;
    sv_why why = { 0 };
    if (sv_reading_key_parse(in->topic, &key, &why) != SV_OK) {
        refuse(in, SV_READING_TOPIC, NULL, &why);
    } else if (gw_standing_is_quarantined(g, key.device_id)) {
        gw_aside_take(g, in->topic, payload);
    } else {
        sv_reading_payload_parse(&key, payload, in->received_us, take, refuse, in);
        gw_traffic_share(g, GW_WAY_IN, payload.len);
    }
}

uint64_t gw_ingest_message(gw *g, sv_text topic, sv_text payload) {
    if (g->exit_code != 0) {
        return UINT64_MAX;
    }
    g->bytes_in += payload.len;
    delivery in = { .g = g, .topic = topic, .received_us = gw_wall_us(g) };
    if (is_out(g, topic)) {
        // dropped
    } else if (sv_text_starts(topic, SV_TEXT("results/"))) {
        gw_act_result(g, topic, payload);
    } else if (!sv_text_starts(topic, SV_TEXT("sensors/"))) {
        gw_device_take(g, topic, payload);
    } else {
        take_readings(&in, payload);
    }
    // Also when it added nothing: a reading seen before may be on its way to the disk still.
    uint64_t group = sv_writer_last(g->writer);
    sv_writer_message(g->writer);
    gw_store_wait(g, group);
    return group;
}

static void follow_rules(gw *g, gw_stream *s) {
    sv_rules_for(g->config.rules, sv_text_of(s->device), sv_text_of(s->sensor), &s->rules);
    gw_guard_attach(g, s);
    gw_usual_restore(g, s);
}

void gw_ingest_rules(gw *g) {
    gw_guards_reload(g);
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        follow_rules(g, sv_map_at(g->streams, i, NULL));
    }
    gw_machines_rules(g);
}

void gw_ingest_members(gw *g, const sv_members *old, const sv_members *fresh) {
    gw_guards_members(g, old, fresh);
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        gw_stream *s = sv_map_at(g->streams, i, NULL);
        if (!sv_members_agree(old, fresh, sv_text_of(s->device))) {
            follow_rules(g, s);
        }
    }
    gw_machines_rules(g);
}

/// It may have been learnt from before: the copy knows.
static void replay_sample(gw_stream *s, double value, int64_t at_us, int64_t row,
                          sv_decision *out) {
    sv_detection detection = s->rules.detect.level;
    bool learnt = row <= s->usual.reading;
    s->rules.detect.level = learnt ? SV_DETECTION_OFF : detection;
    s->stream.quiet = true;
    take_sample(s, value, at_us, sv_clock_monotonic_us(), out);
    s->rules.detect.level = detection;
    if (!learnt) {
        gw_usual_note(s);
    }
}

static sv_err replay(gw *g, sv_stmt *stmt) {
    gw_stream *s = gw_stream_of(g, sv_stmt_text(stmt, 0), sv_stmt_text(stmt, 1));
    sv_reading reading = { .at_us = sv_stmt_int(stmt, 2),
                           .value = sv_stmt_number(stmt, 3),
                           .epoch = sv_stmt_text(stmt, 4),
                           .seq = sv_stmt_int(stmt, 5) };
    if (s == NULL) {
        return SV_ERR_NO_SPACE;
    }
    reading.key.device_id = sv_text_of(s->device);
    gw_senders_remember(g, s, &reading, sv_stmt_int(stmt, 7) != 0 ? 0 : sv_stmt_int(stmt, 6));
    int64_t at_us = gw_row_us(stmt, 8);
    if (is_late(s, s->sender, reading.seq, at_us, sv_stmt_int(stmt, 6))) {
        return SV_OK;
    }
    sv_decision d;
    replay_sample(s, reading.value, at_us, sv_stmt_int(stmt, 13), &d);
    gw_machine_replay(g, s, reading.value, at_us, sv_stmt_int(stmt, 13));
    gw_lives_replay(g, s, reading.value, at_us, sv_stmt_int(stmt, 13));
    s->last = (gw_last){ .value = d.raw, .average = d.value, .at_us = at_us };
    show_guard(g, s, sv_stmt_int(stmt, 6), true);
    s->minute_corrected = (s->minute_corrected && !d.summary_done) || at_us != reading.at_us;
    return SV_OK;
}

static sv_err each_row(gw *g, sv_stmt *stmt, sv_err (*row)(gw *g, sv_stmt *stmt), sv_why *why) {
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK) {
        SV_TRY(row(g, stmt));
        err = sv_stmt_next(stmt, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err gw_ingest_prime(gw *g, sv_why *why) {
    int64_t covered = 0;
    sv_stmt *stmt = NULL;
    SV_TRY(gw_maintenance_restore(g, why));
    SV_TRY(gw_standing_restore(g, why));
    SV_TRY(gw_models_open(g, why));
    SV_TRY(gw_senders_restore(g, &covered, why));
    SV_TRY(sv_db_stmt(
        g->db,
        "SELECT stream.device, sensor, at, value, epoch, seq, received, reading_row.id "
        "<= ?1, received, at, uptime, known, start, reading_row.id FROM reading_row JOIN stream ON "
        "stream.id = stream LEFT JOIN boot ON boot.id = reading_row.boot WHERE reading_row.id > "
        "min(?1, ?2) ORDER BY reading_row.id",
        &stmt, why));
    sv_stmt_bind_int(stmt, 1, covered);
    sv_stmt_bind_int(stmt, 2, g->last_reading - g->config.store.rows);
    SV_TRY(each_row(g, stmt, replay, why));
    return gw_alerts_reopen(g, why);
}

void gw_ingest_open(gw *g) {
    uint8_t key[16];
    sv_random(key, sizeof key);
    g->streams = sv_map_new(GW_STREAMS_MAX, key);
    g->senders = sv_map_new(GW_SENDERS_MAX, key);
    g->devices = sv_map_new(GW_DEVICES_MAX, key);
    gw_guards_open(g, key);
    gw_maintenance_open(g, key);
    gw_notices_open(g, key);
    gw_standing_open(g, key);
    gw_aside_open(g, key);
    gw_clones_open(&g->clones, key);
    gw_denials_open(g, key);
    gw_machines_open(g, key);
    gw_lives_open(g, key);
}

static void close_map(sv_map **map) {
    for (size_t i = 0; *map != NULL && i < sv_map_count(*map); i++) {
        free(sv_map_at(*map, i, NULL));
    }
    sv_map_drop(map);
}

void gw_ingest_close(gw *g) {
    g->traffic = (gw_traffic_all){ 0 };
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        gw_stream *s = sv_map_at(g->streams, i, NULL);
        if (s->late != NULL) {
            sv_stream_drop(s->late);
            free(s->late);
        }
        sv_stream_drop(&s->stream);
    }
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        gw_device *device = sv_map_at(g->devices, i, NULL);
        free(device->report);
        gw_boots_drop(device);
    }
    close_map(&g->streams);
    gw_guards_close(g);
    gw_maintenance_close(g);
    gw_notices_close(g);
    gw_standing_close(g);
    gw_aside_close(g);
    gw_clones_close(&g->clones);
    gw_denials_close(g);
    gw_machines_close(g);
    gw_lives_close(g);
    gw_models_close(g);
    gw_senders_close(g);
    close_map(&g->devices);
}
