#include "models.h"

#include "audit_keep.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <detect/machine_life.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { SHA256_BYTES = 32, SHA256_ROOM = 2 * SHA256_BYTES + 1 };

/// Where a name runs at a site; versions, 0: none.
typedef struct place {
    int64_t live, shadow, before;
} place;

// ---- a new version ------------------------------------------------------------------------------

static sv_err judge(const sv_model_draft *draft, sv_model *model, sv_why *why) {
    const sv_mlife_terms terms = {
        .row_us = draft->row_s * SV_TIME_SECOND_US,
        .horizon = draft->row_s > 0 ? (double) draft->horizon_s / (double) draft->row_s : 0,
        .confidence = draft->confidence,
    };
    SV_TRY(sv_id_check("model", draft->name, why));
    if (draft->signature.len == 0 || draft->signature.len > SV_MODELS_SIGNATURE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a signature has 1 to %d bytes, not %zu",
                       SV_MODELS_SIGNATURE_MAX, draft->signature.len);
    }
    SV_TRY(sv_model_read(draft->bytes, model, why));
    for (size_t i = 0; i < model->classes; i++) {
        if (!sv_utf8_is_valid(model->class_name[i])) {
            return sv_fail(why, SV_ERR_INVALID, "the name of its class %zu is no text", i + 1);
        }
    }
    return sv_mlife_check(model, &terms, why);
}

static void digest_of(sv_text bytes, char out[SHA256_ROOM]) {
    uint8_t digest[SHA256_BYTES];
    sv_textbuf hex = { .at = out, .cap = SHA256_ROOM };
    sv_sha256(bytes, digest);
    sv_hex_add(&hex, digest, sizeof digest);
    if (sv_textbuf_end(&hex) != SV_OK) {
        abort();
    }
}

static sv_err ask_int(sv_db *db, const char *sql, sv_text name, int64_t *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    sv_stmt_bind_text(stmt, 1, name);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err newest(sv_fleet *fleet, sv_text name, int64_t *out, sv_why *why) {
    return ask_int(fleet->db, "SELECT coalesce(max(version), 0) FROM model WHERE name = ?1", name,
                   out, why);
}

static sv_err note(sv_fleet *fleet, const char *user, const char *what, sv_text about,
                   const char *detail, sv_why *why) {
    char name[SV_ID_ROOM] = "";
    (void) (sv_text_copy(about, name, sizeof name) == SV_OK);
    const sv_audit_event deed = { .who = user, .what = what, .about = name, .detail = detail };
    return sv_audit_deed(fleet, &deed, why);
}

static sv_err insert(sv_fleet *fleet, const sv_model_draft *draft, const sv_model *model,
                     int64_t version, sv_why *why) {
    char sha256[SHA256_ROOM];
    sv_stmt *stmt;
    digest_of(draft->bytes, sha256);
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO model (name, version, at_ms, user, sha256, row_s, horizon_s,"
                      " confidence, card, signature, bytes)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, draft->name);
    sv_stmt_bind_int(stmt, 2, version);
    sv_stmt_bind_int(stmt, 3, fleet->wall_us() / 1000);
    sv_stmt_bind_str(stmt, 4, draft->user);
    sv_stmt_bind_str(stmt, 5, sha256);
    sv_stmt_bind_int(stmt, 6, draft->row_s);
    sv_stmt_bind_int(stmt, 7, draft->horizon_s);
    sv_stmt_bind_number(stmt, 8, draft->confidence);
    sv_stmt_bind_text(
        stmt, 9, sv_utf8_is_valid(model->card) && model->card.len > 0 ? model->card : SV_TEXT(""));
    sv_stmt_bind_bytes(stmt, 10, draft->signature);
    sv_stmt_bind_bytes(stmt, 11, draft->bytes);
    return sv_stmt_run(stmt, why);
}

static sv_err prune(sv_fleet *fleet, sv_text name, int64_t version, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "DELETE FROM model WHERE name = ?1 AND version <= ?2 AND NOT EXISTS"
                      " (SELECT 1 FROM model_place p WHERE p.name = model.name AND model.version"
                      " IN (p.live, p.shadow, p.before))",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, name);
    sv_stmt_bind_int(stmt, 2, version - SV_MODELS_VERSIONS_MAX);
    return sv_stmt_run(stmt, why);
}

static sv_err put(sv_fleet *fleet, const sv_model_draft *draft, const sv_model *model, int64_t *out,
                  sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    int64_t others = 0;
    SV_TRY(sv_fleet_medium(newest(fleet, draft->name, out, why)));
    SV_TRY(sv_fleet_medium(ask_int(fleet->db,
                                   "SELECT count(DISTINCT name) FROM model WHERE name <> ?1",
                                   draft->name, &others, why)));
    if (others >= SV_MODELS_NAMES_MAX) {
        return sv_fail(why, SV_ERR_STATE, "there are models of %d names already",
                       SV_MODELS_NAMES_MAX);
    }
    ++*out;
    (void) snprintf(detail, sizeof detail, "version %lld, %zu bytes", (long long) *out,
                    draft->bytes.len);
    SV_TRY(sv_fleet_medium(insert(fleet, draft, model, *out, why)));
    SV_TRY(sv_fleet_medium(prune(fleet, draft->name, *out, why)));
    return sv_fleet_medium(note(fleet, draft->user, "model.put", draft->name, detail, why));
}

sv_err sv_models_put(sv_fleet *fleet, const sv_model_draft *draft, int64_t *out, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    SV_TRY(judge(draft, model, why));
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    return sv_push_commit(fleet, put(fleet, draft, model, out, why), why);
}

// ---- where it runs ------------------------------------------------------------------------------

static sv_err read_place(sv_fleet *fleet, const sv_site *site, sv_text name, place *out,
                         sv_why *why) {
    sv_stmt *stmt;
    *out = (place){ .live = 0 };
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT live, shadow, before FROM model_place WHERE site = ?1 AND name = ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site->name);
    sv_stmt_bind_text(stmt, 2, name);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        *out = (place){ .live = sv_stmt_int(stmt, 0),
                        .shadow = sv_stmt_int(stmt, 1),
                        .before = sv_stmt_int(stmt, 2) };
        sv_stmt_reset(stmt);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err write_place(sv_fleet *fleet, const sv_site *site, sv_text name, const place *is,
                          const sv_model_deed *deed, sv_why *why) {
    sv_stmt *stmt;
    bool runs = is->live > 0 || is->shadow > 0;
    SV_TRY(sv_db_stmt(fleet->db,
                      runs ? "INSERT INTO model_place (site, name, live, shadow, before, at_ms,"
                             " user, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT"
                             " (site, name) DO UPDATE SET live = ?3, shadow = ?4, before = ?5,"
                             " at_ms = ?6, user = ?7, why = ?8"
                           : "DELETE FROM model_place WHERE site = ?1 AND name = ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site->name);
    sv_stmt_bind_text(stmt, 2, name);
    if (runs) {
        sv_stmt_bind_int(stmt, 3, is->live);
        sv_stmt_bind_int(stmt, 4, is->shadow);
        sv_stmt_bind_int(stmt, 5, is->before);
        sv_stmt_bind_int(stmt, 6, fleet->wall_us() / 1000);
        sv_stmt_bind_str(stmt, 7, deed->user);
        sv_stmt_bind_str(stmt, 8, deed->reason == NULL ? "" : deed->reason);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err require_version(sv_fleet *fleet, sv_text name, int64_t version, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_fleet_medium(
        sv_db_stmt(fleet->db, "SELECT 1 FROM model WHERE name = ?1 AND version = ?2", &stmt, why)));
    sv_stmt_bind_text(stmt, 1, name);
    sv_stmt_bind_int(stmt, 2, version);
    sv_err err = sv_stmt_next(stmt, why);
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(why, err, "there is no version %lld of a model '" SV_TEXT_FMT "'",
                         (long long) version, SV_TEXT_ARG(name))
               : sv_fleet_medium(err);
}

static sv_err change(place *is, sv_model_act act, int64_t version, sv_why *why) {
    switch (act) {
    case SV_MODEL_SHADOW:
        is->shadow = version == is->live ? 0 : version;
        return SV_OK;
    case SV_MODEL_LIVE:
        is->before = is->live == version ? is->before : is->live;
        is->shadow = is->shadow == version ? 0 : is->shadow;
        is->live = version;
        return SV_OK;
    case SV_MODEL_ROLLBACK:
        if (is->live == 0) {
            return sv_fail(why, SV_ERR_STATE, "nothing is live there that could be rolled back");
        }
        *is = (place){ .live = is->before, .shadow = is->live };
        return SV_OK;
    case SV_MODEL_OFF:
        *is = (place){ .live = 0 };
        return SV_OK;
    case SV_MODEL_WITHDRAWN:
        *is = (place){ .live = is->before, .shadow = is->shadow == is->before ? 0 : is->shadow };
        return SV_OK;
    }
    return SV_OK;
}

static sv_err require_room(sv_fleet *fleet, const sv_site *site, sv_why *why) {
    int64_t running = 0;
    SV_TRY(sv_fleet_medium(ask_int(fleet->db,
                                   "SELECT coalesce(sum((live > 0) + (shadow > 0)), 0)"
                                   " FROM model_place WHERE site = ?1",
                                   sv_text_of(site->name), &running, why)));
    return running <= SV_MODELS_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE,
                         "more than %d models would run at site %s, shadows among them",
                         SV_MODELS_MAX, site->name);
}

static sv_err tell(sv_fleet *fleet, const sv_site *site, const char *name, sv_text data,
                   sv_why *why) {
    sv_err err = sv_push_add(fleet, (sv_push_to){ .site = site }, name, data, why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : sv_fleet_medium(err);
}

static sv_err act_on(sv_fleet *fleet, const sv_site *site, sv_text name, const sv_model_deed *deed,
                     sv_why *why) {
    static const char *const WHAT[] = { [SV_MODEL_SHADOW] = "model.shadow",
                                        [SV_MODEL_LIVE] = "model.live",
                                        [SV_MODEL_ROLLBACK] = "model.rollback",
                                        [SV_MODEL_OFF] = "model.off",
                                        [SV_MODEL_WITHDRAWN] = "model.rollback" };
    char detail[SV_AUDIT_DETAIL_MAX];
    int64_t version = deed->version;
    place is;
    SV_TRY(sv_fleet_medium(read_place(fleet, site, name, &is, why)));
    if (deed->act == SV_MODEL_SHADOW || deed->act == SV_MODEL_LIVE) {
        version = version == 0 && deed->act == SV_MODEL_LIVE ? is.shadow : version;
        if (version == 0) {
            SV_TRY(sv_fleet_medium(newest(fleet, name, &version, why)));
        }
        SV_TRY(require_version(fleet, name, version, why));
    }
    SV_TRY(change(&is, deed->act, version, why));
    SV_TRY(sv_fleet_medium(write_place(fleet, site, name, &is, deed, why)));
    SV_TRY(require_room(fleet, site, why));
    (void) snprintf(detail, sizeof detail, "site %s: live %lld, in shadow %lld%s%.*s", site->name,
                    (long long) is.live, (long long) is.shadow, deed->reason == NULL ? "" : "; ",
                    SV_AUDIT_DETAIL_MAX / 2, deed->reason == NULL ? "" : deed->reason);
    SV_TRY(sv_fleet_medium(note(fleet, deed->user, WHAT[deed->act], name, detail, why)));
    return tell(fleet, site, "models", SV_TEXT("{}"), why);
}

sv_err sv_models_act(sv_fleet *fleet, const sv_site *site, sv_text name, const sv_model_deed *deed,
                     sv_why *why) {
    SV_TRY(sv_id_check("model", name, why));
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    SV_TRY(sv_push_commit(fleet, act_on(fleet, site, name, deed, why), why));
    sv_models_changed(fleet, site);
    return SV_OK;
}

static sv_err renewed(sv_fleet *fleet, const sv_device *device, const sv_life_over *over,
                      sv_why *why) {
    char room[SV_ID_ROOM + 128];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", device->id);
    sv_json_add_bool(&out, "failed", over->failed);
    sv_json_add_int(&out, "at", over->at_ms);
    sv_json_close_object(&out);
    SV_TRY(sv_fleet_medium(
        note(fleet, over->user, "device.renewed", sv_text_of(device->id),
             over->failed ? "had failed; begins a new life" : "begins a new life", why)));
    return tell(fleet, device->site, "renewed", sv_textbuf_text(&data), why);
}

sv_err sv_models_renewed(sv_fleet *fleet, const sv_device *device, const sv_life_over *over,
                         sv_why *why) {
    if (over->at_ms > fleet->wall_us() / 1000 || over->at_ms < 0) {
        return sv_fail(why, SV_ERR_INVALID, "at: %lld ms since 1970 is not in the past",
                       (long long) over->at_ms);
    }
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    return sv_push_commit(fleet, renewed(fleet, device, over, why), why);
}

// ---- for gateways -------------------------------------------------------------------------------

static void add_base64(sv_json_out *out, const char *key, sv_text bytes) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_MODELS_GIVEN_MAX);
    sv_base64_add(&text, bytes);
    sv_json_add_text(out, key, sv_textbuf_text(&text));
}

sv_err sv_models_give(sv_fleet *fleet, const sv_site *site, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT m.name, m.version, m.version = p.live, m.row_s, m.horizon_s,"
                      " m.confidence, m.sha256, m.signature, m.bytes FROM model_place p JOIN model"
                      " m ON m.name = p.name AND m.version IN (p.live, p.shadow)"
                      " WHERE p.site = ?1 ORDER BY m.name, m.version LIMIT ?2",
                      &row, why));
    sv_stmt_bind_str(row, 1, site->name);
    sv_stmt_bind_int(row, 2, SV_MODELS_MAX);
    sv_json_open_object(out);
    sv_json_key(out, "models");
    sv_json_open_array(out);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        int64_t row_s = sv_stmt_int(row, 3);
        sv_json_open_object(out);
        sv_json_add_text(out, "name", sv_stmt_text(row, 0));
        sv_json_add_int(out, "version", sv_stmt_int(row, 1));
        sv_json_add_str(out, "mode", sv_stmt_int(row, 2) != 0 ? "live" : "shadow");
        sv_json_add_int(out, "row_s", row_s);
        sv_json_add_number(out, "horizon", (double) sv_stmt_int(row, 4) / (double) row_s);
        sv_json_add_number(out, "confidence", sv_stmt_number(row, 5));
        sv_json_add_text(out, "sha256", sv_stmt_text(row, 6));
        add_base64(out, "signature", sv_stmt_text(row, 7));
        add_base64(out, "model", sv_stmt_text(row, 8));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
