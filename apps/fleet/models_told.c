#include "models.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { WHY_MAX = 256 };

static bool write_told(const sv_json *item, sv_json_out *out) {
    static const char *const MODES[] = { "live", "shadow", "withdrawn", "refused" };
    sv_text name, mode;
    sv_text why = SV_TEXT("");
    sv_text task = SV_TEXT("");
    int64_t version = 0, machines = 0, alarms = 0, ended = 0, wrong = 0;
    double strange = 0;
    bool known = false;
    if (!sv_json_text(sv_json_get(item, "name"), &name) || !sv_id_is_valid(name)
        || !sv_json_text(sv_json_get(item, "mode"), &mode)
        || !sv_json_int(sv_json_get(item, "version"), &version)
        || !sv_json_int(sv_json_get(item, "machines"), &machines)
        || !sv_json_int(sv_json_get(item, "alarms"), &alarms)
        || !sv_json_number(sv_json_get(item, "strange"), &strange)) {
        return false;
    }
    for (size_t i = 0; i < SV_COUNT(MODES); i++) {
        known = known || sv_text_is(mode, MODES[i]);
    }
    (void) sv_json_text(sv_json_get(item, "why"), &why);
    (void) sv_json_text(sv_json_get(item, "task"), &task);
    (void) sv_json_int(sv_json_get(item, "ended"), &ended);
    (void) sv_json_int(sv_json_get(item, "wrong"), &wrong);
    if (!known || why.len > WHY_MAX) {
        return false;
    }
    sv_json_open_object(out);
    sv_json_add_text(out, "name", name);
    sv_json_add_int(out, "version", version);
    if (sv_text_is(task, "rul") || sv_text_is(task, "class")) {
        sv_json_add_text(out, "task", task);
    }
    sv_json_add_text(out, "mode", mode);
    sv_json_add_int(out, "machines", machines);
    sv_json_add_int(out, "alarms", alarms);
    sv_json_add_number(out, "strange", strange);
    sv_json_add_int(out, "ended", ended);
    sv_json_add_int(out, "wrong", wrong);
    if (why.len > 0) {
        sv_json_add_text(out, "why", why);
    }
    sv_json_close_object(out);
    return true;
}

bool sv_models_told(sv_gateway *gateway, const sv_json *told) {
    char room[SV_MODELS_TOLD_MAX] = "";
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    size_t count = told == NULL ? 0 : sv_json_count(told);
    bool good = count <= SV_MODELS_MAX;
    sv_json_open_array(&out);
    for (size_t i = 0; good && i < count; i++) {
        good = write_told(sv_json_at(told, i), &out);
    }
    sv_json_close_array(&out);
    if (!good || sv_textbuf_end(&text) != SV_OK
        || (gateway->models != NULL && strcmp(gateway->models, room) == 0)) {
        return false;
    }
    free(gateway->models);
    gateway->models = memcpy(sv_mem_new(text.len + 1), room, text.len + 1);
    return true;
}

// ---- withdrawn by a gateway ---------------------------------------------------------------------

/// Is this version live at the site, and was another one before it?
static sv_err has_one_before(sv_fleet *fleet, const sv_site *site, sv_text name, int64_t version,
                             bool *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT 1 FROM model_place WHERE site = ?1 AND name = ?2 AND live = ?3 AND"
                      " before > 0",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site->name);
    sv_stmt_bind_text(stmt, 2, name);
    sv_stmt_bind_int(stmt, 3, version);
    sv_err err = sv_stmt_next(stmt, why);
    *out = err == SV_OK;
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err go_back(sv_fleet *fleet, const sv_gateway *gateway, const sv_json *item,
                      sv_why *why) {
    char reason[WHY_MAX + SV_ID_ROOM + 64];
    sv_text name, mode;
    sv_text because = SV_TEXT("");
    int64_t version = 0;
    bool before = false;
    if (!sv_json_text(sv_json_get(item, "name"), &name)
        || !sv_json_text(sv_json_get(item, "mode"), &mode) || !sv_text_is(mode, "withdrawn")
        || !sv_json_int(sv_json_get(item, "version"), &version)) {
        return SV_OK;
    }
    SV_TRY(sv_fleet_medium(has_one_before(fleet, gateway->site, name, version, &before, why)));
    if (!before) {
        return SV_OK;
    }
    (void) sv_json_text(sv_json_get(item, "why"), &because);
    (void) snprintf(reason, sizeof reason, "%s withdrew version %lld: %.*s", gateway->id,
                    (long long) version, WHY_MAX < because.len ? WHY_MAX : (int) because.len,
                    because.at);
    const sv_model_deed deed = { .act = SV_MODEL_WITHDRAWN, .user = "fleet", .reason = reason };
    SV_LOG(warn, "model.rollback", SV_TEXT_FMT " at %s: %s", SV_TEXT_ARG(name), gateway->site->name,
           reason);
    return sv_models_act(fleet, gateway->site, name, &deed, why);
}

sv_err sv_models_withdrawn(sv_fleet *fleet, const sv_gateway *gateway, const sv_json *told,
                           sv_why *why) {
    for (size_t i = 0; told != NULL && i < sv_json_count(told) && i < SV_MODELS_MAX; i++) {
        SV_TRY(go_back(fleet, gateway, sv_json_at(told, i), why));
    }
    return SV_OK;
}
