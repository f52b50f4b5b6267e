#include "gateway.h"
#include <base/mem.h>
#include <edge/usual.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

struct gw_machine {
    char device[SV_ID_ROOM];
    const gw_stream *first; ///< the only one so far; NULL: none
    sv_mwatch *watch;       ///< NULL: one sensor alone, or no room
    bool crowded;           ///< there was no room
    bool aimed;             ///< `aim` says something
    int64_t learn_us;       ///< the longest of its streams'
    sv_aim aim;             ///< the most sensitive of its streams', the fewest alerts
    bool anew;              ///< a sensor may take part no more
    bool hushed;            ///< the episode is told of elsewhere, or began while it was quiet
    int64_t reading;        ///< the last one that the copy in the store has learnt from
    int64_t kept_us;        ///< monotonic, of the copy
    unsigned fresh;         ///< rows since
    int told_health;
    bool told_alarmed;
    sv_mwatch_state told_state;
    int64_t told_us; ///< monotonic; 0: not since the fleet server is there
};

static gw_machine *known(const gw *g, const char *device) {
    return g->machines.of == NULL ? NULL : sv_map_get(g->machines.of, sv_text_of(device));
}

static bool takes_part(const sv_stream_rules *rules) {
    return rules->detect.level != SV_DETECTION_OFF && rules->uplink != SV_UPLINK_NEVER;
}

static int64_t learn_of(const sv_stream_rules *rules) {
    int64_t learn_us = rules->detect.learn_us;
    return learn_us > GW_MACHINE_LEARN_MAX_US ? GW_MACHINE_LEARN_MAX_US : learn_us;
}

static void note_learn(gw_machine *m, int64_t learn_us) {
    m->learn_us = learn_us > m->learn_us ? learn_us : m->learn_us;
}

static void note_aim(gw_machine *m, const sv_detect *rule) {
    sv_aim aim = sv_usual_aim(rule);
    bool lower = m->aim.sensitivity == SV_SENSITIVITY_LOW || aim.sensitivity == SV_SENSITIVITY_HIGH;
    if (!m->aimed || lower) {
        m->aim.sensitivity = aim.sensitivity;
    }
    bool fewer = aim.alerts_per_week > 0 && aim.alerts_per_week < m->aim.alerts_per_week;
    if (!(m->aim.alerts_per_week > 0) || fewer) {
        m->aim.alerts_per_week = aim.alerts_per_week;
    }
    m->aimed = true;
}

// ---- the copy -----------------------------------------------------------------------------------

static void keep(gw *g, gw_machine *m) {
    static uint8_t room[SV_MWATCH_SAVE_BYTES_MAX]; // the loop's thread alone comes here
    size_t bytes = sv_mwatch_save(m->watch, room, sizeof room);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO machine VALUES (?, ?, ?)");
    sv_writer_str(g->writer, m->device);
    sv_writer_int(g->writer, g->last_reading);
    sv_writer_bytes(g->writer, (sv_text){ (const char *) room, bytes });
    m->reading = g->last_reading;
    m->kept_us = sv_clock_monotonic_us();
    m->fresh = 0;
}

static void rules_of(const gw *g, const gw_machine *m, size_t sensor, sv_stream_rules *out) {
    sv_rules_for(g->config.rules, sv_text_of(m->device),
                 sv_text_of(m->watch->grid.sensor[sensor].name), out);
}

/// By the rules in force, which may be others than when the copy was made.
static bool may_all_take_part(const gw *g, const gw_machine *m) {
    for (size_t i = 0; i < m->watch->grid.sensors; i++) {
        sv_stream_rules rules;
        rules_of(g, m, i, &rules);
        if (!takes_part(&rules)) {
            return false;
        }
    }
    return true;
}

/// The longest of those that it has heard, by the rules in force: not all of them have spoken
/// since the start.
static int64_t longest_learn(const gw *g, const gw_machine *m) {
    int64_t longest_us = 0;
    for (size_t i = 0; i < m->watch->grid.sensors; i++) {
        sv_stream_rules rules;
        rules_of(g, m, i, &rules);
        int64_t learn_us = learn_of(&rules);
        longest_us = learn_us > longest_us ? learn_us : longest_us;
    }
    return longest_us;
}

/// Of those that it has heard too: what is found for the fewest alerts would be lost before the
/// sensor that wants them speaks again.
static void note_aims(const gw *g, gw_machine *m) {
    for (size_t i = 0; i < m->watch->grid.sensors; i++) {
        sv_stream_rules rules;
        rules_of(g, m, i, &rules);
        note_aim(m, &rules.detect);
    }
}

static sv_err load(gw *g, gw_machine *m, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT reading, state FROM machine WHERE device = ?", &row, why));
    sv_stmt_bind_str(row, 1, m->device);
    SV_TRY(sv_stmt_next(row, why));
    sv_text state = sv_stmt_text(row, 1);
    int64_t reading = sv_stmt_int(row, 0);
    sv_err err = sv_mwatch_load((const uint8_t *) state.at, state.len, &m->watch, why);
    sv_stmt_reset(row);
    m->reading = err == SV_OK ? reading : 0;
    return err;
}

static void restore(gw *g, gw_machine *m) {
    sv_why why = { 0 };
    sv_err err = load(g, m, &why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        SV_LOG(error, "machine.damaged", "how the sensors of %s are together is learnt anew: %s",
               m->device, why.text);
    }
    if (m->watch == NULL) {
        return;
    }
    note_learn(m, longest_learn(g, m));
    if (m->watch->learn_us != m->learn_us || !may_all_take_part(g, m)) {
        sv_mwatch_drop(&m->watch);
        m->reading = 0;
        return;
    }
    note_aims(g, m);
}

// ---- which machine a stream is of ---------------------------------------------------------------

static void watch(gw *g, gw_machine *m) {
    m->crowded = g->machines.watched == GW_MACHINES_MAX;
    if (m->crowded) {
        if (!g->machines.told_of_it) {
            SV_LOG(warn, "machine.room",
                   "of more than %d devices the sensors are not looked at together",
                   GW_MACHINES_MAX);
        }
        g->machines.told_of_it = true;
        return;
    }
    g->machines.watched++;
    m->kept_us = sv_clock_monotonic_us();
    restore(g, m);
    m->watch = m->watch == NULL ? sv_mwatch_new(m->learn_us) : m->watch;
}

static void forget(gw_machine *m) {
    sv_mwatch_drop(&m->watch);
    m->watch = sv_mwatch_new(m->learn_us);
    m->told_us = 0;
    m->hushed = false;
}

/// With its second stream a device is a machine; one that has to be learnt for longer has all of
/// them learnt anew.
static void join(gw *g, gw_machine *m, const gw_stream *s) {
    note_learn(m, learn_of(&s->rules));
    note_aim(m, &s->rules.detect);
    m->first = m->first == NULL ? s : m->first;
    if (m->first != s && m->watch == NULL && !m->crowded) {
        watch(g, m);
    }
    if (m->watch != NULL && m->watch->learn_us < m->learn_us) {
        forget(m);
    }
}

static gw_machine *machine_of(gw *g, gw_stream *s) {
    if (s->machine == NULL && g->machines.of != NULL) {
        gw_machine *m = known(g, s->device);
        if (m == NULL) {
            m = sv_mem_new(sizeof *m);
            memcpy(m->device, s->device, sizeof m->device);
            if (sv_map_put(g->machines.of, sv_text_of(m->device), m) != SV_OK) {
                free(m);
                return NULL;
            }
        }
        s->machine = m;
    }
    return s->machine;
}

// ---- its alert ----------------------------------------------------------------------------------

/// The sensor that stands out most has an alert of its own.
static bool is_told_elsewhere(const gw *g, const gw_machine *m) {
    sv_mwatch_part parts[SV_MWATCH_PARTS];
    if (sv_mwatch_parts(m->watch, parts) == 0) {
        return false;
    }
    const gw_stream *s = gw_stream_known(g, sv_text_of(m->device), sv_text_of(parts[0].sensor));
    for (unsigned i = 0; s != NULL && i < SV_CAUSE__COUNT; i++) {
        if (s->stream.causes[i].open) {
            return true;
        }
    }
    return false;
}

static void raise_alert(gw *g, gw_machine *m) {
    char room[SV_ALERT_MESSAGE_MAX];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_mwatch_add_reason(&message, m->watch);
    gw_notice_raise_scored(g, GW_NOTICE_MACHINE, m->device, room, 100 * m->watch->worst);
    keep(g, m);
}

static void judge(gw *g, gw_machine *m, bool quiet) {
    bool open = gw_notice_is_open(g, GW_NOTICE_MACHINE, m->device);
    bool alarmed = sv_mwatch_is_alarmed(m->watch);
    bool elsewhere = alarmed && is_told_elsewhere(g, m);
    if (open && (!alarmed || elsewhere)) {
        gw_notice_clear(g, GW_NOTICE_MACHINE, m->device);
    } else if (!open && alarmed && !m->hushed && !elsewhere && !quiet) {
        raise_alert(g, m);
    }
    m->hushed = alarmed; // one for each episode
}

// ---- readings -----------------------------------------------------------------------------------

static bool take(gw *g, gw_stream *s, double value, int64_t at_us) {
    gw_machine *m = machine_of(g, s);
    if (m == NULL || !takes_part(&s->rules)) {
        return false;
    }
    join(g, m, s);
    if (m->watch != NULL) {
        m->watch->aim = m->aim;
    }
    bool row = m->watch != NULL && sv_mwatch_take(m->watch, sv_text_of(s->sensor), value, at_us);
    m->fresh += row ? 1 : 0;
    return row;
}

void gw_machine_take(gw *g, gw_stream *s, double value, int64_t at_us, bool quiet) {
    if (take(g, s, value, at_us)) {
        judge(g, s->machine, quiet);
    }
}

void gw_machine_replay(gw *g, gw_stream *s, double value, int64_t at_us, int64_t row) {
    gw_machine *m = machine_of(g, s);
    if (m != NULL && takes_part(&s->rules)) {
        join(g, m, s);
        if (row > m->reading) {
            (void) take(g, s, value, at_us);
        }
    }
}

// ---- other rules --------------------------------------------------------------------------------

static void begin_anew(gw *g, gw_machine *m) {
    forget(m);
    gw_notice_clear(g, GW_NOTICE_MACHINE, m->device);
    keep(g, m);
}

void gw_machines_rules(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->machines.of); i++) {
        gw_machine *m = sv_map_at(g->machines.of, i, NULL);
        m->aimed = false;
        m->aim = (sv_aim){ .alerts_per_week = 0 };
        m->learn_us = m->watch == NULL ? 0 : longest_learn(g, m);
        m->anew = m->watch != NULL && !may_all_take_part(g, m);
        if (m->watch != NULL && !m->anew) {
            note_aims(g, m);
        }
    }
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        gw_stream *s = sv_map_at(g->streams, i, NULL);
        if (s->machine != NULL && takes_part(&s->rules)) {
            note_learn(s->machine, learn_of(&s->rules));
            note_aim(s->machine, &s->rules.detect);
        }
    }
    for (size_t i = 0; i < sv_map_count(g->machines.of); i++) {
        gw_machine *m = sv_map_at(g->machines.of, i, NULL);
        if (m->watch != NULL && (m->anew || m->learn_us != m->watch->learn_us)) {
            begin_anew(g, m);
        }
    }
}

void gw_machines_tick(gw *g, int64_t now_us) {
    unsigned left = GW_MACHINE_COPIES;
    for (size_t i = 0; left > 0 && i < sv_map_count(g->machines.of); i++) {
        gw_machine *m = sv_map_at(g->machines.of, i, NULL);
        if (m->watch != NULL && m->fresh >= GW_MACHINE_ROWS
            && now_us - m->kept_us >= GW_USUAL_LEAST_US) {
            keep(g, m);
            left--;
        }
    }
}

void gw_machines_keep_all(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->machines.of); i++) {
        gw_machine *m = sv_map_at(g->machines.of, i, NULL);
        if (m->watch != NULL && m->fresh > 0) {
            keep(g, m);
        }
    }
}

// ---- what is told -------------------------------------------------------------------------------

static bool is_news(const gw_machine *m, int64_t now_us) {
    if (m == NULL || m->watch == NULL) {
        return false;
    }
    int health = sv_mwatch_health(m->watch);
    int64_t since_us = now_us - m->told_us;
    int by = abs(health - m->told_health);
    return m->told_us == 0 || sv_mwatch_state_of(m->watch) != m->told_state
           || sv_mwatch_is_alarmed(m->watch) != m->told_alarmed
           || (by >= GW_MACHINE_MOVED && since_us >= GW_MACHINE_MOVED_US)
           || (by > 0 && since_us >= GW_MACHINE_AGAIN_US);
}

bool gw_machine_is_news(const gw *g, const char *device, int64_t now_us) {
    return is_news(known(g, device), now_us);
}

static void put_parts(const gw_machine *m, sv_json_out *out) {
    sv_mwatch_part parts[SV_MWATCH_PARTS];
    size_t count = sv_mwatch_parts(m->watch, parts);
    sv_json_key(out, "parts");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_json_open_object(out);
        sv_json_add_str(out, "sensor", parts[i].sensor);
        sv_json_add_int(out, "share", lround(100 * parts[i].share));
        sv_json_add_number(out, "deviation", round(10 * parts[i].deviation) / 10);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

static void put_machine(const gw_machine *m, sv_json_out *out) {
    int health = sv_mwatch_health(m->watch);
    sv_json_open_object(out);
    sv_json_add_str(out, "state", sv_mwatch_state_name(sv_mwatch_state_of(m->watch)));
    if (health >= 0) {
        sv_json_add_int(out, "health", health);
        put_parts(m, out);
    }
    sv_json_close_object(out);
}

void gw_machine_tell(gw *g, const char *device, int64_t now_us, sv_json_out *out) {
    gw_machine *m = known(g, device);
    if (!is_news(m, now_us)) {
        return;
    }
    sv_json_key(out, "machine");
    put_machine(m, out);
    m->told_us = now_us;
    m->told_health = sv_mwatch_health(m->watch);
    m->told_alarmed = sv_mwatch_is_alarmed(m->watch);
    m->told_state = sv_mwatch_state_of(m->watch);
}

void gw_machines_untold(gw *g) {
    for (size_t i = 0; g->machines.of != NULL && i < sv_map_count(g->machines.of); i++) {
        gw_machine *m = sv_map_at(g->machines.of, i, NULL);
        m->told_us = 0;
    }
}

void gw_machine_write(const gw *g, const char *device, sv_json_out *out) {
    const gw_machine *m = known(g, device);
    sv_json_key(out, "machine");
    if (m == NULL || m->watch == NULL) {
        sv_json_put_null(out);
    } else {
        put_machine(m, out);
    }
}

bool gw_machine_normal(gw *g, sv_text device, sv_text alert, sv_text by) {
    gw_machine *m = g->machines.of == NULL ? NULL : sv_map_get(g->machines.of, device);
    if (m == NULL || m->watch == NULL || !gw_notice_is_alert(g, GW_NOTICE_MACHINE, m->device, alert)
        || !sv_mwatch_accept(m->watch)) {
        return false;
    }
    gw_notice_clear(g, GW_NOTICE_MACHINE, m->device);
    keep(g, m);
    SV_LOG(info, "machine.normal", "%s: " SV_TEXT_FMT " says that it was normal", m->device,
           SV_TEXT_ARG(by));
    return true;
}

// ---- all of them --------------------------------------------------------------------------------

void gw_machines_open(gw *g, const uint8_t key[16]) {
    g->machines = (gw_machines){ .of = sv_map_new(GW_DEVICES_MAX, key) };
}

void gw_machines_close(gw *g) {
    for (size_t i = 0; g->machines.of != NULL && i < sv_map_count(g->machines.of); i++) {
        gw_machine *m = sv_map_at(g->machines.of, i, NULL);
        sv_mwatch_drop(&m->watch);
        free(m);
    }
    sv_map_drop(&g->machines.of);
}
