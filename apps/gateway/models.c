#include "gateway.h"
#include "lives_end.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { STATUS_OK = 200, SHA256_BYTES = 32 };

bool gw_model_is_live(const gw_model *model) {
    return model->model != NULL && model->live && !model->withdrawn;
}

bool gw_models_told(const gw *g) {
    for (size_t i = 0; i < GW_MODELS_MAX; i++) {
        if (g->models.at[i].version > 0) {
            return true;
        }
    }
    return false;
}

// ---- drift --------------------------------------------------------------------------------------

/// One alert of the gateway as long as a model is withdrawn that the fleet server wants live.
static void tell_withdrawn(gw *g) {
    char message[SV_ALERT_MESSAGE_MAX];
    for (size_t i = 0; i < GW_MODELS_MAX; i++) {
        const gw_model *m = &g->models.at[i];
        if (m->model != NULL && m->live && m->withdrawn) {
            (void) snprintf(message, sizeof message,
                            "Model %s, version %lld, raises nothing more: %.120s", m->name,
                            (long long) m->version, m->why);
            gw_notice_raise(g, GW_NOTICE_MODEL, g->config.id, message);
            return;
        }
    }
    gw_notice_clear(g, GW_NOTICE_MODEL, g->config.id);
}

void gw_model_withdraw(gw *g, size_t slot, const char *why) {
    gw_model *m = &g->models.at[slot];
    m->withdrawn = true;
    (void) snprintf(m->why, sizeof m->why, "%s", why);
    SV_LOG(error, "model.withdrawn", "%s version %lld: %s; it raises nothing more", m->name,
           (long long) m->version, m->why);
    sv_writer_add(g->writer, "UPDATE model SET withdrawn = 1, why = ? WHERE slot = ?");
    sv_writer_str(g->writer, m->why);
    sv_writer_int(g->writer, (int64_t) slot);
    sv_writer_hurry(g->writer);
    gw_lives_again(g, slot);
    tell_withdrawn(g);
}

void gw_model_looked(gw *g, gw_model *m, size_t machines, double strange) {
    char why[GW_MODEL_WHY_MAX];
    m->machines = machines;
    m->strange = strange;
    if (!gw_model_is_live(m) || strange <= GW_MODEL_STRANGE_MAX) {
        return;
    }
    (void) snprintf(why, sizeof why,
                    "%.0f %% of what machines say is far from all that it has learnt from",
                    100 * strange);
    gw_model_withdraw(g, (size_t) (m - g->models.at), why);
}

// ---- what is given ------------------------------------------------------------------------------

/// One of a list; texts borrow from it.
typedef struct given {
    sv_text name, mode, sha256, signature, bytes; ///< the last two as base64
    int64_t version, row_s;
    double horizon, confidence;
} given;

static bool read_given(const sv_json *item, given *out) {
    return sv_json_text(sv_json_get(item, "name"), &out->name) && sv_id_is_valid(out->name)
           && sv_json_int(sv_json_get(item, "version"), &out->version) && out->version > 0
           && sv_json_text(sv_json_get(item, "mode"), &out->mode)
           && (sv_text_is(out->mode, "live") || sv_text_is(out->mode, "shadow"))
           && sv_json_int(sv_json_get(item, "row_s"), &out->row_s) && out->row_s > 0
           && out->row_s <= INT32_MAX && sv_json_number(sv_json_get(item, "horizon"), &out->horizon)
           && sv_json_number(sv_json_get(item, "confidence"), &out->confidence)
           && sv_json_text(sv_json_get(item, "sha256"), &out->sha256)
           && out->sha256.len == GW_MODEL_SHA256_ROOM - 1
           && sv_json_text(sv_json_get(item, "signature"), &out->signature)
           && sv_json_text(sv_json_get(item, "model"), &out->bytes);
}

static void digest_of(sv_text bytes, char out[GW_MODEL_SHA256_ROOM]) {
    uint8_t digest[SHA256_BYTES];
    sv_textbuf hex = { .at = out, .cap = GW_MODEL_SHA256_ROOM };
    sv_sha256(bytes, digest);
    sv_hex_add(&hex, digest, sizeof digest);
    if (sv_textbuf_end(&hex) != SV_OK) {
        abort();
    }
}

/// Signed by who may, whole, and of a kind that can be run.
static sv_err judge(const gw *g, gw_model *m, sv_text signature, sv_why *why) {
    char sha256[GW_MODEL_SHA256_ROOM];
    sv_text bytes = sv_textbuf_text(&m->bytes);
    if (g->models.key == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this gateway's own file names no models.key");
    }
    SV_TRY(sv_verifier_check(g->models.key, bytes, signature, why));
    digest_of(bytes, sha256);
    if (strcmp(sha256, m->sha256) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "its digest is %s, not %s", sha256, m->sha256);
    }
    m->model = sv_mem_new(sizeof *m->model);
    SV_TRY(sv_model_read(bytes, m->model, why));
    for (size_t i = 0; i < m->model->classes; i++) {
        if (!sv_utf8_is_valid(m->model->class_name[i])) {
            return sv_fail(why, SV_ERR_INVALID, "the name of its class %zu is no text", i + 1);
        }
    }
    return sv_mlife_check(m->model, &m->terms, why);
}

static void empty(gw_model *m) {
    free(m->model);
    sv_textbuf_drop(&m->bytes);
    *m = (gw_model){ .version = 0 };
}

static void refuse(gw_model *m, const sv_why *why) {
    sv_textbuf text = { .at = m->why, .cap = sizeof m->why };
    free(m->model);
    m->model = NULL;
    sv_textbuf_drop(&m->bytes);
    sv_textbuf_addf(&text, "%.*s", GW_MODEL_WHY_MAX - 1, why->text);
    SV_LOG(error, "model.refused", "%s version %lld: %s", m->name, (long long) m->version, m->why);
}

static void keep(gw *g, size_t slot, sv_text signature) {
    const gw_model *m = &g->models.at[slot];
    sv_writer_add(g->writer,
                  "INSERT OR REPLACE INTO model VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')");
    sv_writer_int(g->writer, (int64_t) slot);
    sv_writer_str(g->writer, m->name);
    sv_writer_int(g->writer, m->version);
    sv_writer_int(g->writer, m->live);
    sv_writer_int(g->writer, m->withdrawn);
    sv_writer_int(g->writer, m->terms.row_us);
    sv_writer_number(g->writer, m->terms.horizon);
    sv_writer_number(g->writer, m->terms.confidence);
    sv_writer_str(g->writer, m->sha256);
    sv_writer_bytes(g->writer, signature);
    sv_writer_bytes(g->writer, sv_textbuf_text(&m->bytes));
    sv_writer_hurry(g->writer);
}

/// The same model, which may go on with other terms or in another mode.
static bool is_same(const gw_model *m, const given *what) {
    return m->version == what->version && sv_text_is(what->name, m->name) && m->model != NULL
           && sv_text_is(what->sha256, m->sha256)
           && m->terms.row_us == what->row_s * SV_TIME_SECOND_US;
}

static void set_terms(gw_model *m, const given *what) {
    m->version = what->version;
    m->live = sv_text_is(what->mode, "live");
    m->terms = (sv_mlife_terms){ .row_us = what->row_s * SV_TIME_SECOND_US,
                                 .horizon = what->horizon,
                                 .confidence = what->confidence };
}

static bool has_other_terms(const gw_model *left, const gw_model *right) {
    return fabs(left->terms.horizon - right->terms.horizon) > 0
           || fabs(left->terms.confidence - right->terms.confidence) > 0;
}

static void go_on(gw *g, size_t slot, const given *what) {
    gw_model *m = &g->models.at[slot];
    const gw_model before = *m;
    sv_why why = { 0 };
    set_terms(m, what);
    if (sv_mlife_check(m->model, &m->terms, &why) != SV_OK) {
        m->terms = before.terms;
        SV_LOG(error, "model.refused", "%s: %s; the old terms stay", m->name, why.text);
    }
    if (m->live != before.live || has_other_terms(m, &before)) {
        m->withdrawn = m->withdrawn && m->live == before.live; // somebody has decided anew
        m->why[0] = m->withdrawn ? m->why[0] : '\0';
        sv_writer_add(g->writer, "UPDATE model SET live = ?, withdrawn = ?, horizon = ?, "
                                 "confidence = ? WHERE slot = ?");
        sv_writer_int(g->writer, m->live);
        sv_writer_int(g->writer, m->withdrawn);
        sv_writer_number(g->writer, m->terms.horizon);
        sv_writer_number(g->writer, m->terms.confidence);
        sv_writer_int(g->writer, (int64_t) slot);
        sv_writer_hurry(g->writer);
        gw_lives_again(g, slot);
        SV_LOG(info, "model.mode", "%s version %lld is %s", m->name, (long long) m->version,
               m->live ? "live" : "in shadow");
    }
}

static void begin(gw *g, size_t slot, const given *what) {
    gw_model *m = &g->models.at[slot];
    SV_DEFER(sv_textbuf_drop) sv_textbuf signature = SV_TEXTBUF_HEAP(GW_MODEL_SIGNATURE_MAX);
    sv_why why = { 0 };
    *m = (gw_model){ .bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX) };
    set_terms(m, what);
    (void) (sv_text_copy(what->name, m->name, sizeof m->name) == SV_OK);
    (void) (sv_text_copy(what->sha256, m->sha256, sizeof m->sha256) == SV_OK);
    sv_err err = SV_OK;
    if (sv_base64_parse(what->signature, &signature) != SV_OK
        || sv_base64_parse(what->bytes, &m->bytes) != SV_OK) {
        err = sv_fail(&why, SV_ERR_INVALID, "it is not base64, or larger than %d bytes",
                      SV_MODEL_BYTES_MAX);
    } else {
        err = judge(g, m, sv_textbuf_text(&signature), &why);
    }
    if (err != SV_OK) {
        refuse(m, &why);
        return;
    }
    keep(g, slot, sv_textbuf_text(&signature));
    gw_lives_ended(g, slot); // it may have been here before
    SV_LOG(info, "model.taken", "%s version %lld is %s", m->name, (long long) m->version,
           m->live ? "live" : "in shadow");
}

static void end_slot(gw *g, size_t slot) {
    gw_model *m = &g->models.at[slot];
    if (m->model != NULL) {
        SV_LOG(info, "model.gone", "%s version %lld is run here no more", m->name,
               (long long) m->version);
        gw_lives_forget(g, slot);
        sv_writer_add(g->writer, "DELETE FROM model WHERE slot = ?");
        sv_writer_int(g->writer, (int64_t) slot);
        sv_writer_hurry(g->writer);
    }
    empty(m);
}

bool gw_models_take(gw *g, const sv_json *list) {
    const sv_json *items = sv_json_get(list, "models");
    given what[GW_MODELS_MAX];
    bool placed[GW_MODELS_MAX] = { false };
    bool used[GW_MODELS_MAX] = { false };
    size_t count = sv_json_count(items);
    if (!sv_json_is_array(items) || count > GW_MODELS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_given(sv_json_at(items, i), &what[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t slot = 0; slot < GW_MODELS_MAX && !placed[i]; slot++) {
            placed[i] = !used[slot] && is_same(&g->models.at[slot], &what[i]);
            used[slot] = used[slot] || placed[i];
            if (placed[i]) {
                go_on(g, slot, &what[i]);
            }
        }
    }
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        if (!used[slot]) {
            end_slot(g, slot);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t slot = 0; slot < GW_MODELS_MAX && !placed[i]; slot++) {
            if (!used[slot]) {
                placed[i] = used[slot] = true;
                begin(g, slot, &what[i]);
            }
        }
    }
    tell_withdrawn(g);
    return true;
}

// ---- what is told -------------------------------------------------------------------------------

void gw_models_write(const gw *g, sv_json_out *out) {
    sv_json_open_array(out);
    for (size_t i = 0; i < GW_MODELS_MAX; i++) {
        const gw_model *m = &g->models.at[i];
        if (m->version == 0) {
            continue;
        }
        sv_json_open_object(out);
        sv_json_add_str(out, "name", m->name);
        sv_json_add_int(out, "version", m->version);
        if (m->model != NULL) {
            sv_json_add_str(out, "task", sv_model_task_name(m->model->task));
        }
        sv_json_add_str(out, "mode",
                        m->model == NULL ? "refused"
                        : m->withdrawn   ? "withdrawn"
                        : m->live        ? "live"
                                         : "shadow");
        sv_json_add_int(out, "machines", (int64_t) m->machines);
        sv_json_add_int(out, "alarms", (int64_t) m->alarms);
        sv_json_add_number(out, "strange", round(1000 * m->strange) / 1000);
        sv_json_add_int(out, "ended", (int64_t) m->ended);
        sv_json_add_int(out, "wrong", (int64_t) m->wrong);
        if (m->model == NULL || m->withdrawn) {
            sv_json_add_str(out, "why", m->why);
        }
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
}

// ---- fetching -----------------------------------------------------------------------------------

static void fetched(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    gw_models *m = &g->models;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    m->under_way = false;
    if (g->exit_code != 0) {
        return;
    }
    if (reply->status == STATUS_OK && sv_json_parse(reply->body, &root, NULL, NULL) == SV_OK
        && gw_models_take(g, root)) {
        gw_pause_end(&m->pause);
        return;
    }
    m->wanted = true;
    gw_pause_longer(g, &m->pause, "models.unlisted", reply, reply->status == 0 ? why : NULL);
}

static void on_look(void *arg) {
    gw *g = arg;
    gw_models *m = &g->models;
    if (!m->wanted || m->under_way || g->full || g->exit_code != 0
        || !gw_pause_is_over(&m->pause)) {
        return;
    }
    char path[SV_ID_ROOM + 64];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/models", g->config.id);
    m->under_way = gw_uplink_get(g, path, fetched);
    m->wanted = !m->under_way; // what changes from here on is asked for again
}

void gw_models_lost(gw *g) {
    g->models.wanted = true;
    gw_pause_end(&g->models.pause);
    if (g->models.timer != NULL) {
        on_look(g);
    }
}

gw_event_end gw_models_want(gw *g, int64_t id, const sv_json *data) {
    (void) id;
    (void) data;
    gw_models_lost(g);
    return GW_EVENT_DONE;
}

// ---- from start to end --------------------------------------------------------------------------

/// As firmware.pub: P-256 or RSA.
static sv_err open_key(gw *g, sv_why *why) {
    static const char *const SCHEMES[] = { "ecdsa-sha2-nistp256", "rsassa-pss-sha256" };
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(GW_MODEL_KEY_MAX);
    if (g->config.models.key[0] == '\0') {
        return SV_OK;
    }
    SV_TRY(sv_disk_read(g->config.models.key, &pem, why));
    sv_err err = SV_ERR_INVALID;
    for (size_t i = 0; err != SV_OK && i < SV_COUNT(SCHEMES); i++) {
        err = sv_verifier_open(sv_text_of(SCHEMES[i]), sv_textbuf_text(&pem), &g->models.key, NULL);
    }
    return err == SV_OK ? SV_OK
                        : sv_fail(why, SV_ERR_INVALID,
                                  "models.key: '%s' holds no public key of P-256 or RSA",
                                  g->config.models.key);
}

static void restore(gw *g, sv_stmt *row) {
    int64_t slot = sv_stmt_int(row, 0);
    sv_why why = { 0 };
    if (slot < 0 || slot >= GW_MODELS_MAX) {
        return;
    }
    gw_model *m = &g->models.at[slot];
    *m = (gw_model){ .version = sv_stmt_int(row, 2),
                     .live = sv_stmt_int(row, 3) != 0,
                     .withdrawn = sv_stmt_int(row, 4) != 0,
                     .terms = { .row_us = sv_stmt_int(row, 5),
                                .horizon = sv_stmt_number(row, 6),
                                .confidence = sv_stmt_number(row, 7) },
                     .bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX) };
    (void) (sv_text_copy(sv_stmt_text(row, 1), m->name, sizeof m->name) == SV_OK);
    (void) (sv_text_copy(sv_stmt_text(row, 8), m->sha256, sizeof m->sha256) == SV_OK);
    (void) (sv_text_copy(sv_stmt_text(row, 11), m->why, sizeof m->why) == SV_OK);
    sv_textbuf_add(&m->bytes, sv_stmt_text(row, 10));
    if (judge(g, m, sv_stmt_text(row, 9), &why) != SV_OK) {
        refuse(m, &why);
    }
}

sv_err gw_models_open(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(open_key(g, why));
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT slot, name, version, live, withdrawn, row_us, horizon, confidence, "
                      "sha256, signature, bytes, why FROM model",
                      &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        restore(g, row);
    }
    for (size_t slot = 0; slot < GW_MODELS_MAX; slot++) {
        if (g->models.at[slot].model != NULL) {
            gw_lives_ended(g, slot);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void gw_models_start(gw *g) {
    if (g->config.fleet.url[0] == '\0') {
        return;
    }
    g->models.timer = sv_timer_new(g->loop, on_look, g);
    sv_timer_every(g->models.timer, GW_PAUSE_LOOK_US);
    gw_models_lost(g);
}

void gw_models_close(gw *g) {
    sv_timer_drop(&g->models.timer);
    for (size_t i = 0; i < GW_MODELS_MAX; i++) {
        empty(&g->models.at[i]);
    }
    sv_verifier_drop(&g->models.key);
}
