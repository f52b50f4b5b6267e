#include "models.h"
#include "person.h"

#include <string.h>

/// Old versions of many names are told without their cards, before an answer is too large.
static void write_version(sv_stmt *row, sv_json_out *out) {
    bool with_card = out->buf->len < SV_MODELS_CARDS_MAX;
    sv_json_open_object(out);
    sv_json_add_text(out, "name", sv_stmt_text(row, 0));
    sv_json_add_int(out, "version", sv_stmt_int(row, 1));
    sv_json_add_int(out, "at", sv_stmt_int(row, 2));
    sv_json_add_text(out, "by", sv_stmt_text(row, 3));
    sv_json_add_text(out, "sha256", sv_stmt_text(row, 4));
    sv_json_add_int(out, "row_s", sv_stmt_int(row, 5));
    sv_json_add_int(out, "horizon_s", sv_stmt_int(row, 6));
    sv_json_add_number(out, "confidence", sv_stmt_number(row, 7));
    sv_json_add_int(out, "bytes", sv_stmt_int(row, 8));
    sv_json_add_text(out, "card", with_card ? sv_stmt_text(row, 9) : SV_TEXT(""));
    sv_json_close_object(out);
}

sv_err sv_models_list(sv_fleet *fleet, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT name, version, at_ms, user, sha256, row_s, horizon_s, confidence,"
                      " length(bytes), card FROM model ORDER BY version = (SELECT max(version) FROM"
                      " model n WHERE n.name = model.name) DESC, name, version DESC",
                      &row, why));
    sv_json_open_array(out);
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        write_version(row, out);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void write_place(sv_stmt *row, bool with_site, sv_json_out *out) {
    sv_json_open_object(out);
    if (with_site) {
        sv_json_add_text(out, "site", sv_stmt_text(row, 7));
    }
    sv_json_add_text(out, "name", sv_stmt_text(row, 0));
    sv_json_add_int(out, "live", sv_stmt_int(row, 1));
    sv_json_add_int(out, "shadow", sv_stmt_int(row, 2));
    sv_json_add_int(out, "before", sv_stmt_int(row, 3));
    sv_json_add_int(out, "at", sv_stmt_int(row, 4));
    sv_json_add_text(out, "by", sv_stmt_text(row, 5));
    if (sv_stmt_text(row, 6).len > 0) {
        sv_json_add_text(out, "why", sv_stmt_text(row, 6));
    }
    sv_json_close_object(out);
}

/// Of one site, or with NULL of those among `sites` (sv_person.sites).
static sv_err write_places(sv_fleet *fleet, const sv_site *site, const char *sites,
                           sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT name, live, shadow, before, at_ms, user, why, site FROM model_place"
                      " WHERE ?1 IS NULL OR site = ?1 ORDER BY site, name",
                      &row, why));
    if (site != NULL) {
        sv_stmt_bind_str(row, 1, site->name);
    } else {
        sv_stmt_bind_null(row, 1);
    }
    sv_json_open_array(out);
    int places = 0;
    while ((err = sv_stmt_next(row, why)) == SV_OK && places < SV_MODELS_PLACES_MAX) {
        if (site != NULL || sv_sites_have(sites, sv_stmt_text(row, 7))) {
            write_place(row, site == NULL, out);
            places++;
        }
    }
    sv_json_close_array(out);
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// With NULL those that say something and are at one of `sites`.
static void write_gateways(const sv_fleet *fleet, const sv_site *site, const char *sites,
                           sv_json_out *out) {
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        bool wanted = site != NULL ? gateway->site == site
                                   : gateway->models != NULL && strcmp(gateway->models, "[]") != 0
                                         && sv_sites_have(sites, sv_text_of(gateway->site->name));
        if (wanted) {
            sv_json_open_object(out);
            sv_json_add_str(out, "id", gateway->id);
            if (site == NULL) {
                sv_json_add_str(out, "site", gateway->site->name);
            }
            sv_json_key(out, "models");
            sv_json_put_raw(out, sv_text_of(gateway->models == NULL ? "[]" : gateway->models));
            sv_json_close_object(out);
        }
    }
    sv_json_close_array(out);
}

sv_err sv_models_of_site(sv_fleet *fleet, const sv_site *site, sv_json_out *out, sv_why *why) {
    sv_json_key(out, "items");
    SV_TRY(write_places(fleet, site, "", out, why));
    sv_json_key(out, "gateways");
    write_gateways(fleet, site, "", out);
    return SV_OK;
}

sv_err sv_models_everywhere(sv_fleet *fleet, const sv_person *who, sv_json_out *out, sv_why *why) {
    sv_json_key(out, "places");
    SV_TRY(write_places(fleet, NULL, who->sites, out, why));
    sv_json_key(out, "gateways");
    write_gateways(fleet, NULL, who->sites, out);
    return SV_OK;
}

void sv_models_changed(sv_fleet *fleet, const sv_site *site) {
    char room[SV_ID_ROOM + 16];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "site", site->name);
    sv_json_close_object(&out);
    sv_live_send(fleet->live, site->name, "models", sv_textbuf_text(&data));
}
