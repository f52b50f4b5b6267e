#include "gateway.h"
#include "lives_end.h"
#include "lives_own.h"
#include <base/mem.h>
#include <detect/life_judge.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

gw_lives *gw_lives_known(const gw *g, const char *device) {
    return g->lives == NULL ? NULL : sv_map_get(g->lives, sv_text_of(device));
}

static gw_lives *lives_of(gw *g, const char *device) {
    gw_lives *m = gw_lives_known(g, device);
    if (m == NULL) {
        m = sv_mem_new(sizeof *m);
        memcpy(m->device, device, sizeof m->device);
        if (sv_map_put(g->lives, sv_text_of(device), m) != SV_OK) {
            free(m);
            return NULL;
        }
    }
    return m;
}

// ---- the copy -----------------------------------------------------------------------------------

static void keep(gw *g, gw_lives *m, size_t slot) {
    static uint8_t room[SV_MLIFE_SAVE_BYTES_MAX]; // the loop's thread alone comes here
    one_life *one = &m->of[slot];
    size_t bytes = sv_mlife_save(one->life, room, sizeof room);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO life VALUES (?, ?, ?, ?)");
    sv_writer_str(g->writer, m->device);
    sv_writer_str(g->writer, g->models.at[slot].sha256);
    sv_writer_int(g->writer, g->last_reading);
    sv_writer_bytes(g->writer, (sv_text){ (const char *) room, bytes });
    one->reading = g->last_reading;
    one->kept_us = sv_clock_monotonic_us();
    one->fresh = false;
}

static void restore(gw *g, gw_lives *m, size_t slot) {
    one_life *one = &m->of[slot];
    sv_stmt *row = NULL;
    sv_why why = { 0 };
    sv_err err = sv_db_stmt(
        g->db, "SELECT reading, state FROM life WHERE device = ? AND sha256 = ?", &row, &why);
    if (err == SV_OK) {
        sv_stmt_bind_str(row, 1, m->device);
        sv_stmt_bind_str(row, 2, g->models.at[slot].sha256);
        err = sv_stmt_next(row, &why);
    }
    if (err == SV_OK) {
        sv_text state = sv_stmt_text(row, 1);
        err = sv_mlife_load(one->life, (const uint8_t *) state.at, state.len, &why);
        one->reading = err == SV_OK ? sv_stmt_int(row, 0) : 0;
        sv_stmt_reset(row);
    }
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        SV_LOG(error, "life.damaged", "%s begins a new life for %s: %s", m->device,
               g->models.at[slot].name, why.text);
    }
}

static one_life *begin(gw *g, gw_lives *m, size_t slot) {
    one_life *one = &m->of[slot];
    const gw_model *model = &g->models.at[slot];
    if (one->life == NULL) {
        one->life = sv_mem_new(sizeof *one->life);
        one->kept_us = sv_clock_monotonic_us();
        sv_mlife_start(one->life, model->model, &model->terms);
        restore(g, m, slot);
    }
    return one;
}

/// What can be held against the end of the life. False: it says nothing of an end.
static bool word_of(const sv_mlife *life, sv_life_word *out) {
    if (life->model->task == SV_MODEL_RUL) {
        *out = (sv_life_word){ .low = life->remaining.low, .high = life->remaining.high };
        return true;
    }
    *out = sv_life_word_of_risk(life->risk, life->terms.horizon);
    return life->terms.horizon > 0;
}

/// What is said of a day is what was said last on it.
static void record(gw *g, gw_lives *m, size_t slot, int64_t at_us) {
    const sv_mlife *life = m->of[slot].life;
    sv_life_word word;
    if (!word_of(life, &word)) {
        return;
    }
    int64_t day = at_us / SV_TIME_DAY_US;
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO life_said VALUES (?, ?, ?, ?, ?, ?, ?)");
    sv_writer_int(g->writer, day);
    sv_writer_str(g->writer, m->device);
    sv_writer_str(g->writer, g->models.at[slot].sha256);
    sv_writer_number(g->writer, life->remaining.estimate);
    sv_writer_number(g->writer, word.low);
    sv_writer_number(g->writer, word.high);
    sv_writer_number(g->writer, life->risk);
    if (day != m->of[slot].said_day) {
        m->of[slot].said_day = day;
        sv_writer_add(g->writer, "DELETE FROM life_said WHERE day < ?");
        sv_writer_int(g->writer, day - GW_LIFE_DAYS);
    }
}

// ---- its alert ----------------------------------------------------------------------------------

/// The live model that is most alarmed; GW_MODELS_MAX: none is.
static size_t alarmed_slot(const gw *g, const gw_lives *m) {
    size_t worst = GW_MODELS_MAX;
    for (size_t i = 0; i < GW_MODELS_MAX; i++) {
        const sv_mlife *life = m->of[i].life;
        if (life != NULL && gw_model_is_live(&g->models.at[i]) && life->alarmed
            && (worst == GW_MODELS_MAX || life->risk > m->of[worst].life->risk)) {
            worst = i;
        }
    }
    return worst;
}

static void judge(gw *g, gw_lives *m, bool quiet) {
    bool open = gw_notice_is_open(g, GW_NOTICE_FAILURE, m->device);
    size_t slot = alarmed_slot(g, m);
    if (open && slot == GW_MODELS_MAX) {
        gw_notice_clear(g, GW_NOTICE_FAILURE, m->device);
    } else if (!open && slot != GW_MODELS_MAX && !quiet) {
        char room[SV_ALERT_MESSAGE_MAX] = "";
        sv_textbuf message = SV_TEXTBUF(room);
        gw_life_add_message(&message, m->of[slot].life);
        gw_notice_raise_scored(g, GW_NOTICE_FAILURE, m->device, room, 100 * m->of[slot].life->risk);
        keep(g, m, slot);
    }
}

// ---- readings -----------------------------------------------------------------------------------

/// True when it ended a row of which the model in this slot says something.
static bool take(gw *g, gw_lives *m, size_t slot, const gw_stream *s, double value, int64_t at_us) {
    one_life *one = begin(g, m, slot);
    bool was = one->life->alarmed;
    if (!sv_mlife_take(one->life, sv_text_of(s->sensor), value, at_us)) {
        return false;
    }
    one->fresh = true;
    g->models.at[slot].alarms += one->life->alarmed && !was ? 1 : 0;
    return true;
}

static bool asks(const gw *g, size_t slot, const gw_stream *s) {
    const sv_model *model = g->models.at[slot].model;
    return model != NULL && s->rules.uplink != SV_UPLINK_NEVER
           && sv_mlife_asks(model, sv_text_of(s->sensor));
}

void gw_lives_take(gw *g, gw_stream *s, double value, int64_t at_us, bool quiet) {
    bool said = false;
    gw_lives *m = NULL;
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        if (!asks(g, slot, s)) {
            continue;
        }
        m = m == NULL ? lives_of(g, s->device) : m;
        if (m != NULL && take(g, m, slot, s, value, at_us)) {
            record(g, m, slot, at_us);
            said = true;
        }
    }
    if (said) {
        judge(g, m, quiet);
    }
}

void gw_lives_replay(gw *g, gw_stream *s, double value, int64_t at_us, int64_t row) {
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        gw_lives *m = asks(g, slot, s) ? lives_of(g, s->device) : NULL;
        if (m != NULL && row > begin(g, m, slot)->reading) {
            (void) take(g, m, slot, s, value, at_us);
        }
    }
}

// ---- other models, other times ------------------------------------------------------------------

void gw_lives_forget(gw *g, size_t slot) {
    for (size_t i = 0; i < sv_map_count(g->lives); i++) {
        gw_lives *m = sv_map_at(g->lives, i, NULL);
        free(m->of[slot].life);
        m->of[slot] = (one_life){ .reading = 0 };
        if (alarmed_slot(g, m) == GW_MODELS_MAX) {
            gw_notice_clear(g, GW_NOTICE_FAILURE, m->device);
        }
    }
    sv_writer_add(g->writer, "DELETE FROM life WHERE sha256 = ?");
    sv_writer_str(g->writer, g->models.at[slot].sha256);
}

void gw_lives_again(gw *g, size_t slot) {
    for (size_t i = 0; i < sv_map_count(g->lives); i++) {
        gw_lives *m = sv_map_at(g->lives, i, NULL);
        if (m->of[slot].life != NULL) {
            m->of[slot].life->terms = g->models.at[slot].terms;
        }
        if (alarmed_slot(g, m) == GW_MODELS_MAX) {
            gw_notice_clear(g, GW_NOTICE_FAILURE, m->device);
        }
    }
}

/// Whether it failed and when may be left out: it was renewed in time, and now.
static bool read_end(gw *g, const sv_json *data, gw_life_end *out) {
    int64_t at_ms = 0;
    int64_t now_us = gw_wall_us(g);
    const sv_json *failed = sv_json_get(data, "failed");
    const sv_json *at = sv_json_get(data, "at");
    *out = (gw_life_end){ .at_us = now_us };
    if (!sv_json_text(sv_json_get(data, "device"), &out->device) || !sv_id_is_valid(out->device)
        || (failed != NULL && !sv_json_bool(failed, &out->failed))
        || (at != NULL && (!sv_json_int(at, &at_ms) || at_ms < 0 || at_ms > INT64_MAX / 1000))) {
        return false;
    }
    out->at_us = at != NULL && at_ms * 1000 < now_us ? at_ms * 1000 : now_us;
    return true;
}

gw_event_end gw_lives_renewed(gw *g, int64_t id, const sv_json *data) {
    gw_life_end end;
    (void) id;
    if (!read_end(g, data, &end)) {
        return GW_EVENT_REFUSED;
    }
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        if (g->models.at[slot].model != NULL) {
            gw_life_ended(g, slot, &end);
        }
    }
    sv_writer_add(g->writer, "DELETE FROM life WHERE device = ?");
    sv_writer_text(g->writer, end.device);
    char device[SV_ID_ROOM];
    if (sv_text_copy(end.device, device, sizeof device) == SV_OK) {
        gw_notice_clear(g, GW_NOTICE_FAILURE, device);
    }
    gw_lives *m = sv_map_get(g->lives, end.device);
    if (m == NULL) { // not heard since the start
        return GW_EVENT_DONE;
    }
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        if (m->of[slot].life != NULL) {
            const gw_model *model = &g->models.at[slot];
            sv_mlife_start(m->of[slot].life, model->model, &model->terms);
            keep(g, m, slot);
        }
    }
    SV_LOG(info, "life.renewed", "%s begins a new life", m->device);
    return GW_EVENT_DONE;
}

/// How strange its machines are to each model.
static void look(gw *g) {
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        size_t machines = 0;
        double strange = 0;
        for (size_t i = 0; i < sv_map_count(g->lives); i++) {
            const gw_lives *m = sv_map_at(g->lives, i, NULL);
            bool says = m->of[slot].life != NULL && m->of[slot].life->known;
            machines += says ? 1 : 0;
            strange += says ? m->of[slot].life->strange : 0;
        }
        if (g->models.at[slot].model != NULL) {
            gw_model_looked(g, &g->models.at[slot], machines,
                            machines > 0 ? strange / (double) machines : 0);
        }
    }
}

/// Without a live model nobody says so any more, also of machines that were not heard since the
/// start.
static void end_alerts(gw *g) {
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        if (gw_model_is_live(&g->models.at[slot])) {
            return;
        }
    }
    gw_notice_clear_all(g, GW_NOTICE_FAILURE);
}

void gw_lives_tick(gw *g, int64_t now_us) {
    unsigned left = GW_MACHINE_COPIES;
    look(g);
    end_alerts(g);
    for (size_t i = 0; i < sv_map_count(g->lives); i++) {
        gw_lives *m = sv_map_at(g->lives, i, NULL);
        for (size_t slot = 0; left > 0 && slot < GW_MODELS_MAX; slot++) {
            if (m->of[slot].fresh && now_us - m->of[slot].kept_us >= GW_USUAL_LEAST_US) {
                keep(g, m, slot);
                left--;
            }
        }
    }
}

void gw_lives_keep_all(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->lives); i++) {
        gw_lives *m = sv_map_at(g->lives, i, NULL);
        for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
            if (m->of[slot].life != NULL) {
                keep(g, m, slot);
            }
        }
    }
}

// ---- all of them --------------------------------------------------------------------------------

void gw_lives_open(gw *g, const uint8_t key[16]) {
    g->lives = sv_map_new(GW_LIVES_MAX, key);
}

void gw_lives_close(gw *g) {
    for (size_t i = 0; g->lives != NULL && i < sv_map_count(g->lives); i++) {
        gw_lives *m = sv_map_at(g->lives, i, NULL);
        for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
            free(m->of[slot].life);
        }
        free(m);
    }
    sv_map_drop(&g->lives);
}
