// What operators see of who was added.
#include "enrol.h"

#include <inttypes.h>
#include <stdio.h>
#include <store/json.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_ROOM = 1024 };

// ---- a granted wish -----------------------------------------------------------------------------

sv_err sv_enrol_pin(const sv_fleet *fleet, char out[SV_PIN_TEXT_ROOM], sv_why *why) {
    SV_DEFER(sv_certs_drop) sv_certs ca = { 0 };
    SV_TRY(sv_certs_read(fleet->config.devices.tls.ca, &ca, why));
    return sv_certs_pin(&ca, out, why);
}

static bool is_wildcard(const char *bind) {
    return strcmp(bind, "0.0.0.0") == 0 || strcmp(bind, "::") == 0;
}

static void own_address(const sv_fleet *fleet, char out[SV_FLEET_ADDRESS_ROOM]) {
    const sv_fleet_door *door = &fleet->config.devices;
    char host[SV_FLEET_BIND_MAX + 1] = "";
    if (door->address[0] != '\0') {
        (void) snprintf(out, SV_FLEET_ADDRESS_ROOM, "%s", door->address);
        return;
    }
    if (!is_wildcard(door->bind) || gethostname(host, sizeof host - 1) != 0) {
        (void) snprintf(host, sizeof host, "%s", door->bind);
    }
    bool v6 = strchr(host, ':') != NULL;
    (void) snprintf(out, SV_FLEET_ADDRESS_ROOM, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
                    fleet->device_port);
}

/// The first gateway of the site with a door, else the first that says where readings go.
static const sv_fleet_gateway_site *way_to(const sv_fleet *fleet, sv_text site) {
    const sv_fleet_gateway_site *way = NULL;
    for (size_t i = 0; i < fleet->config.gateway_count; i++) {
        const sv_fleet_gateway_site *gateway = &fleet->config.gateways[i];
        if (sv_text_is(site, gateway->site) && gateway->door[0] != '\0') {
            return gateway;
        }
        if (sv_text_is(site, gateway->site) && gateway->mqtt[0] != '\0' && way == NULL) {
            way = gateway;
        }
    }
    return way;
}

void sv_enrol_address(const sv_fleet *fleet, sv_text site, char out[SV_FLEET_ADDRESS_ROOM]) {
    const sv_fleet_gateway_site *way = way_to(fleet, site);
    if (way == NULL || way->door[0] == '\0') {
        own_address(fleet, out);
        return;
    }
    (void) snprintf(out, SV_FLEET_ADDRESS_ROOM, "%s", way->door);
}

void sv_enrol_command(const sv_fleet *fleet, const sv_enrol_wish *wish, const char *token,
                      const char *pin, sv_textbuf *out) {
    char at[SV_FLEET_ADDRESS_ROOM];
    const sv_fleet_gateway_site *way = way_to(fleet, sv_text_of(wish->site));
    sv_enrol_address(fleet, sv_text_of(wish->site), at);
    if (token[0] == '\0') {
        sv_textbuf_addf(out,
                        "curl --cacert root.crt --cert MAKER.crt --key MAKER.key --data-binary "
                        "@%s.csr https://%s/.well-known/est/simpleenroll | base64 -d | "
                        "openssl pkcs7 -inform DER -print_certs -out %s.crt",
                        wish->id, at, wish->id);
        return;
    }
    sv_textbuf_addf(out, "echo %s | selvedge-agent enrol %s --at %s --pin %s", token, wish->id, at,
                    pin);
    if (way != NULL && way->mqtt[0] != '\0') {
        sv_textbuf_addf(out, " --gateway %s", way->mqtt);
    }
}

void sv_enrol_write(const sv_fleet *fleet, const sv_enrol_wish *wish, const sv_enrol_grant *grant,
                    const char *pin, sv_json_out *out) {
    char at[SV_FLEET_ADDRESS_ROOM];
    char room[COMMAND_ROOM];
    sv_textbuf command = SV_TEXTBUF(room);
    bool token = grant->token[0] != '\0';
    sv_enrol_address(fleet, sv_text_of(wish->site), at);
    sv_enrol_command(fleet, wish, grant->token, pin, &command);
    sv_json_open_object(out);
    sv_json_add_str(out, "id", wish->id);
    sv_json_add_str(out, "site", wish->site);
    sv_json_add_str(out, "token", token ? grant->token : NULL);
    sv_json_add_str(out, "idevid", token ? NULL : wish->idevid);
    sv_json_add_int(out, "expires", grant->expires_us / 1000);
    sv_json_add_str(out, "at", at);
    sv_json_add_str(out, "pin", pin);
    sv_json_add_text(out, "command", sv_textbuf_text(&command));
    sv_json_close_object(out);
    explicit_bzero(room, sizeof room);
}

// ---- the list -----------------------------------------------------------------------------------

const char *sv_enrol_state_name(sv_enrol_state state) {
    static const char *const NAMES[SV_ENROL_STATE__COUNT] = { "open", "used", "expired",
                                                              "withdrawn" };
    return NAMES[state];
}

/// A sv_enrol_state; ?1 is the time.
#define STATE                                                                                      \
    "CASE WHEN used_us IS NOT NULL THEN 1 WHEN withdrawn_us IS NOT NULL THEN 3"                    \
    " WHEN expires_us <= ?1 THEN 2 ELSE 0 END"

static void put_last(sv_stmt *row, sv_json_out *out) {
    sv_json_key(out, "last");
    if (sv_stmt_is_null(row, 7)) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    sv_json_add_int(out, "at", sv_stmt_int(row, 7) / 1000);
    sv_json_add_text(out, "peer", sv_stmt_text(row, 8));
    sv_json_add_text(out, "outcome", sv_stmt_text(row, 9));
    sv_json_close_object(out);
}

static void put_row(sv_stmt *row, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(row, 1));
    sv_json_add_text(out, "site", sv_stmt_text(row, 2));
    sv_json_add_int(out, "created", sv_stmt_int(row, 3) / 1000);
    sv_json_add_int(out, "expires", sv_stmt_int(row, 4) / 1000);
    sv_json_add_text(out, "by", sv_stmt_text(row, 5));
    sv_json_add_str(out, "state", sv_enrol_state_name((sv_enrol_state) sv_stmt_int(row, 6)));
    sv_stmt_add_text(row, 10, out, "idevid");
    put_last(row, out);
    sv_json_close_object(out);
}

#define LIST(of)                                                                                   \
    "SELECT seq, id, site, created_us, expires_us, user, " STATE                                   \
    ", last_us, last_from, last_outcome, idevid FROM enrolment_token WHERE " of                    \
    " seq < ?2 AND (?3 < 0 OR " STATE " = ?3)"                                                     \
    " AND (?6 = '' OR instr(?6, '\"' || site || '\"') > 0) ORDER BY seq DESC LIMIT ?4"

/// Of one device there are few, and an index leads to them.
static sv_err find_rows(sv_fleet *fleet, const sv_enrol_query *query, uint64_t before,
                        sv_stmt **row, sv_why *why) {
    if (query->id != NULL) {
        SV_TRY(sv_db_stmt(fleet->db, LIST("id = ?5 AND"), row, why));
        sv_stmt_bind_str(*row, 5, query->id);
    } else {
        SV_TRY(sv_db_stmt(fleet->db, LIST(""), row, why));
    }
    sv_stmt_bind_int(*row, 1, fleet->believed_us());
    sv_stmt_bind_int(*row, 2, (int64_t) before);
    sv_stmt_bind_int(*row, 3, query->state);
    sv_stmt_bind_int(*row, 4, (int64_t) query->limit + 1);
    sv_stmt_bind_str(*row, 6, query->sites != NULL ? query->sites : "");
    return SV_OK;
}

sv_err sv_enrol_list(sv_fleet *fleet, const sv_enrol_query *query, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    uint64_t before = INT64_MAX;
    if (query->cursor.len > 0 && sv_text_u64(query->cursor, INT64_MAX, &before) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '" SV_TEXT_FMT "' is not one of ours",
                       SV_TEXT_ARG(query->cursor));
    }
    SV_TRY(find_rows(fleet, query, before, &row, why));
    int64_t last = 0;
    size_t count = 0;
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && count < query->limit; err = sv_stmt_next(row, why), count++) {
        last = sv_stmt_int(row, 0);
        put_row(row, out);
    }
    sv_stmt_reset(row);
    sv_json_close_array(out);
    char next[24];
    (void) snprintf(next, sizeof next, "%" PRId64, last);
    sv_json_add_str(out, "next", err == SV_OK ? next : NULL);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
