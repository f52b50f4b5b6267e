#include "issued_door.h"

#include "standing.h"
#include "views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const STATES[] = { "valid", "expiring", "expired", "revoked", "replaced", NULL };

/// One row, as it is judged and shown.
typedef struct line {
    char serial[SV_SERIAL_ROOM], id[SV_ID_ROOM], role[16], how[16], issuer[SV_ISSUER_ROOM];
    int64_t not_before_us, not_after_us;
    bool revoked, replaced;
    const char *site;
} line;

static sv_err read_line(const sv_fleet *fleet, sv_stmt *row, line *out) {
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), out->serial, sizeof out->serial));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 1), out->id, sizeof out->id));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 2), out->role, sizeof out->role));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 3), out->issuer, sizeof out->issuer));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 6), out->how, sizeof out->how));
    out->not_before_us = sv_stmt_int(row, 4);
    out->not_after_us = sv_stmt_int(row, 5);
    out->revoked =
        sv_stmt_int(row, 7) != 0
        || sv_standing_allows(fleet->standing, out->id, out->not_before_us, NULL) != SV_OK;
    out->replaced = !sv_stmt_is_null(row, 8);
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(out->id));
    const sv_gateway *gateway = sv_registry_gateway(fleet->registry, out->id);
    out->site = device != NULL ? device->site->name : gateway != NULL ? gateway->site->name : "";
    return SV_OK;
}

static sv_issued_state state_of(const line *one, int64_t now_us) {
    if (one->revoked) {
        return SV_ISSUED_REVOKED;
    }
    if (one->replaced) {
        return SV_ISSUED_REPLACED;
    }
    if (one->not_after_us <= now_us) {
        return SV_ISSUED_EXPIRED;
    }
    return sv_issued_is_ending(one->not_before_us, one->not_after_us, now_us) ? SV_ISSUED_EXPIRING
                                                                              : SV_ISSUED_VALID;
}

static bool matches(const sv_issued_query *query, const line *one, int64_t now_us) {
    if (query->state >= 0 && (int) state_of(one, now_us) != query->state) {
        return false;
    }
    if (query->sites != NULL && !sv_sites_have(query->sites, sv_text_of(one->site))) {
        return false;
    }
    if (query->site[0] != '\0' && strcmp(query->site, one->site) != 0) {
        return false;
    }
    return query->text[0] == '\0' || strcasestr(one->id, query->text) != NULL
           || strcasestr(one->serial, query->text) != NULL;
}

static void put_line(const line *one, int64_t now_us, sv_json_out *out) {
    bool itself = sv_issued_renews_itself(one->how);
    int64_t renew_us = one->not_before_us + (one->not_after_us - one->not_before_us) / 3 * 2;
    sv_json_open_object(out);
    sv_json_add_str(out, "serial", one->serial);
    sv_json_add_str(out, "id", one->id);
    sv_json_add_str(out, "role", one->role);
    sv_json_add_str(out, "site", one->site[0] != '\0' ? one->site : NULL);
    sv_json_add_str(out, "issuer", one->issuer);
    sv_json_add_int(out, "not_before", one->not_before_us / 1000);
    sv_json_add_int(out, "not_after", one->not_after_us / 1000);
    sv_json_add_str(out, "how", one->how);
    sv_json_add_str(out, "renews", itself ? "itself" : "by hand");
    if (itself) {
        sv_json_add_int(out, "renew_at", renew_us / 1000);
    } else {
        sv_json_add_null(out, "renew_at");
    }
    sv_json_add_str(out, "state", STATES[state_of(one, now_us)]);
    sv_json_close_object(out);
}

/// `<end>.<serial>` of the last one of the page before.
static sv_err read_cursor(const char *cursor, int64_t *end_us, sv_text *serial, sv_why *why) {
    uint64_t number = 0;
    *serial = sv_text_of(cursor);
    sv_text first = sv_text_cut(serial, '.');
    *end_us = INT64_MIN;
    if (cursor[0] == '\0') {
        return SV_OK;
    }
    if (sv_text_u64(first, INT64_MAX, &number) != SV_OK || serial->len == 0) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    *end_us = (int64_t) number;
    return SV_OK;
}

static sv_err ask(const sv_fleet *fleet, const sv_issued_query *query, sv_stmt **out, sv_why *why) {
    int64_t end_us = 0;
    sv_text serial;
    SV_TRY(read_cursor(query->cursor, &end_us, &serial, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT serial, id, role, issuer, not_before_us, not_after_us, how, revoked,"
                      " replaced_us FROM certificate WHERE (not_after_us, serial) > (?1, ?2)"
                      " ORDER BY not_after_us, serial",
                      out, why));
    sv_stmt_bind_int(*out, 1, end_us);
    sv_stmt_bind_text(*out, 2, serial);
    return SV_OK;
}

sv_err sv_issued_list(const sv_fleet *fleet, const sv_issued_query *query, sv_json_out *out,
                      sv_why *why) {
    sv_stmt *row;
    int64_t now_us = fleet->believed_us();
    char room[SV_ISSUED_CURSOR_MAX] = "";
    sv_textbuf next = SV_TEXTBUF(room);
    size_t count = 0;
    bool more = false;
    SV_TRY(ask(fleet, query, &row, why));
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = SV_OK;
    while (!more && (err = sv_stmt_next(row, why)) == SV_OK) {
        line one;
        if (read_line(fleet, row, &one) != SV_OK || !matches(query, &one, now_us)) {
            continue;
        }
        more = count == query->limit;
        if (!more) {
            count++;
            sv_textbuf_clear(&next);
            sv_textbuf_addf(&next, "%" PRId64 ".%s", one.not_after_us, one.serial);
            put_line(&one, now_us, out);
        }
    }
    sv_stmt_reset(row);
    sv_json_close_array(out);
    if (more) {
        sv_json_add_text(out, "next", sv_textbuf_text(&next));
    } else {
        sv_json_add_null(out, "next");
    }
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_issued_door(sv_visit *v) {
    char site[SV_VISIT_WORD_MAX];
    char text[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    int64_t limit = SV_ISSUED_LIMIT_DEFAULT;
    sv_issued_query query = { .state = -1, .site = site, .text = text, .cursor = cursor };
    if (!sv_visit_word(v, "site", site) || !sv_visit_word(v, "q", text)
        || !sv_visit_word(v, "cursor", cursor) || !sv_visit_choice(v, "state", STATES, &query.state)
        || !sv_visit_number(v, "limit", SV_ISSUED_LIMIT_MAX, &limit)) {
        return;
    }
    query.limit = limit > 0 ? (size_t) limit : 1;
    query.sites = v->person.sites;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_issued_list(v->fleet, &query, &out, &why);
    sv_visit_json(v, err, &json, &why);
}
