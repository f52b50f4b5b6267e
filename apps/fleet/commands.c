#include "commands.h"

#include "audit_log.h"

#include <codec/json.h>
#include <store/json.h>

static const char *const STATE_NAMES[SV_COMMAND_STATE__COUNT] = {
    "queued", "sent", "refused", "unsent", "answered", "failed",
};

// ---- rows ---------------------------------------------------------------------------------------

/// A command as a gateway tells it, or as it is asked here.
typedef struct told {
    sv_text id, device, name, payload, rule, alert, by, why, answer;
    const char *site;
    sv_command_state state;
    int64_t asked_ms, until_ms, sent_ms, ended_ms; ///< the last two 0: not yet
} told;

static void bind_time(sv_stmt *stmt, int index, int64_t at_ms) {
    if (at_ms > 0) {
        sv_stmt_bind_int(stmt, index, at_ms);
    } else {
        sv_stmt_bind_null(stmt, index);
    }
}

static void bind_text(sv_stmt *stmt, int index, sv_text text) {
    if (text.len > 0) {
        sv_stmt_bind_text(stmt, index, text);
    } else {
        sv_stmt_bind_null(stmt, index);
    }
}

/// The oldest of the device goes when there is one too many.
static sv_err trim(sv_db *db, sv_text device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM command WHERE id IN (SELECT id FROM command WHERE device = ?1"
                      " ORDER BY asked_ms DESC, id DESC LIMIT -1 OFFSET ?2)",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, SV_COMMANDS_OF_DEVICE_MAX);
    return sv_stmt_run(stmt, why);
}

static sv_err insert(sv_db *db, const told *t, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO command (id, device, site, name, payload, rule, alert, asker,"
                      " state, asked_ms, until_ms, sent_ms, ended_ms, why, answer)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, t->id);
    sv_stmt_bind_text(stmt, 2, t->device);
    sv_stmt_bind_str(stmt, 3, t->site);
    sv_stmt_bind_text(stmt, 4, t->name);
    sv_stmt_bind_text(stmt, 5, t->payload);
    sv_stmt_bind_text(stmt, 6, t->rule);
    sv_stmt_bind_text(stmt, 7, t->alert);
    sv_stmt_bind_text(stmt, 8, t->by);
    sv_stmt_bind_int(stmt, 9, (int64_t) t->state);
    sv_stmt_bind_int(stmt, 10, t->asked_ms);
    sv_stmt_bind_int(stmt, 11, t->until_ms);
    bind_time(stmt, 12, t->sent_ms);
    bind_time(stmt, 13, t->ended_ms);
    bind_text(stmt, 14, t->why);
    bind_text(stmt, 15, t->answer);
    SV_TRY(sv_stmt_run(stmt, why));
    return trim(db, t->device, why);
}

static sv_err move_forward(sv_db *db, const told *t, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE command SET state = ?2, sent_ms = coalesce(sent_ms, ?3),"
                      " ended_ms = ?4, why = ?5, answer = ?6 WHERE id = ?1 AND state < ?2",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, t->id);
    sv_stmt_bind_int(stmt, 2, (int64_t) t->state);
    bind_time(stmt, 3, t->sent_ms);
    bind_time(stmt, 4, t->ended_ms);
    bind_text(stmt, 5, t->why);
    bind_text(stmt, 6, t->answer);
    return sv_stmt_run(stmt, why);
}

sv_err sv_commands_add(sv_db *db, const sv_command *command, sv_text payload, int64_t now_ms,
                       sv_why *why) {
    const told asked = { .id = sv_text_of(command->id),
                         .device = sv_text_of(command->device->id),
                         .site = command->device->site->name,
                         .name = command->name,
                         .payload = payload,
                         .rule = SV_TEXT(""),
                         .alert = SV_TEXT(""),
                         .by = sv_text_of(command->user),
                         .state = SV_COMMAND_QUEUED,
                         .asked_ms = now_ms,
                         .until_ms = command->until_ms };
    return insert(db, &asked, why);
}

sv_err sv_commands_prune(sv_db *db, int64_t before_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM command WHERE asked_ms < ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, before_ms);
    return sv_stmt_run(stmt, why);
}

// ---- what gateways tell -------------------------------------------------------------------------

/// Absent is 0; anything but a time is false.
static bool read_time(const sv_json *item, const char *key, int64_t *out) {
    const sv_json *value = sv_json_get(item, key);
    return value == NULL || (sv_json_int(value, out) && *out >= 0);
}

/// Absent is empty.
static bool read_words(const sv_json *item, const char *key, sv_text *out) {
    const sv_json *value = sv_json_get(item, key);
    *out = SV_TEXT("");
    return value == NULL || (sv_json_text(value, out) && out->len <= SV_COMMANDS_WORDS_MAX);
}

static bool read_id(const sv_json *item, const char *key, sv_text *out) {
    return sv_json_text(sv_json_get(item, key), out) && sv_id_is_valid(*out);
}

static bool read_state(const sv_json *item, sv_command_state *out) {
    sv_text name;
    if (!sv_json_text(sv_json_get(item, "state"), &name)) {
        return false;
    }
    for (int i = SV_COMMAND_SENT; i < SV_COMMAND_STATE__COUNT; i++) {
        if (sv_text_is(name, STATE_NAMES[i])) {
            *out = (sv_command_state) i;
            return true;
        }
    }
    return false;
}

static bool read_json(const sv_json *item, const char *key, sv_textbuf *room) {
    const sv_json *value = sv_json_get(item, key);
    sv_json_out out = SV_JSON_OUT(room);
    if (value != NULL) {
        sv_json_put_value(&out, value);
    }
    return !room->overflowed;
}

static bool read_item(const sv_json *item, told *out, sv_textbuf *payload, sv_textbuf *answer) {
    bool fine = read_id(item, "id", &out->id) && read_id(item, "device_id", &out->device)
                && read_id(item, "name", &out->name) && read_state(item, &out->state)
                && read_words(item, "rule", &out->rule) && read_words(item, "alert", &out->alert)
                && read_words(item, "by", &out->by) && read_words(item, "why", &out->why)
                && read_time(item, "at", &out->asked_ms) && read_time(item, "until", &out->until_ms)
                && read_time(item, "sent", &out->sent_ms)
                && read_time(item, "ended", &out->ended_ms) && read_json(item, "payload", payload)
                && read_json(item, "answer", answer) && payload->len > 0;
    out->payload = sv_textbuf_text(payload);
    out->answer = sv_textbuf_text(answer);
    return fine;
}

/// SV_ERR_NOT_FOUND when nothing is known of it, SV_ERR_UNTRUSTED when it is not this gateway's, or
/// another device's.
static sv_err find(sv_db *db, const told *t, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT device, site FROM command WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, t->id);
    SV_TRY(sv_stmt_next(stmt, why));
    bool same =
        sv_text_eq(sv_stmt_text(stmt, 0), t->device) && sv_text_is(sv_stmt_text(stmt, 1), t->site);
    sv_stmt_reset(stmt);
    return same ? SV_OK
                : sv_fail(why, SV_ERR_UNTRUSTED, "command " SV_TEXT_FMT " is not of this device",
                          SV_TEXT_ARG(t->id));
}

/// A command that a gateway's rule gave, or how one has ended, as its gateway tells it.
static sv_err note(sv_fleet *fleet, const sv_gateway *gateway, const told *t, bool has_ended,
                   sv_why *why) {
    static const sv_audit_outcome OUTCOMES[SV_COMMAND_STATE__COUNT] = {
        [SV_COMMAND_REFUSED] = SV_AUDIT_REFUSED,
        [SV_COMMAND_UNSENT] = SV_AUDIT_FAILED,
        [SV_COMMAND_FAILED] = SV_AUDIT_FAILED,
    };
    char room[SV_AUDIT_DETAIL_MAX];
    char device[SV_ID_ROOM];
    sv_textbuf detail = SV_TEXTBUF(room);
    SV_TRY(sv_text_copy(t->device, device, sizeof device));
    sv_textbuf_addf(&detail, SV_TEXT_FMT ", id " SV_TEXT_FMT, SV_TEXT_ARG(t->name),
                    SV_TEXT_ARG(t->id));
    if (has_ended) {
        sv_textbuf_addf(&detail, ": %s %.*s", STATE_NAMES[t->state],
                        (int) (t->why.len < SV_AUDIT_NAME_MAX ? t->why.len : SV_AUDIT_NAME_MAX),
                        t->why.at);
    } else {
        sv_textbuf_addf(&detail, ": by rule %.*s",
                        (int) (t->rule.len < SV_AUDIT_NAME_MAX ? t->rule.len : SV_AUDIT_NAME_MAX),
                        t->rule.at);
    }
    SV_TRY(sv_textbuf_end(&detail));
    return sv_audit_add(
        fleet->db,
        &(sv_audit_event){ .at_us = fleet->wall_us(),
                           .who = has_ended ? device : gateway->id,
                           .from = gateway->id,
                           .what = has_ended ? "command.end" : "command.send",
                           .about = device,
                           .outcome = has_ended ? OUTCOMES[t->state] : SV_AUDIT_DONE,
                           .detail = room },
        why);
}

/// Stored and in the log, whatever part of it is new.
static sv_err keep(sv_fleet *fleet, const sv_gateway *gateway, const told *t, bool known,
                   sv_why *why) {
    SV_TRY(known ? move_forward(fleet->db, t, why) : insert(fleet->db, t, why));
    bool moved = !known || sv_db_changes(fleet->db) > 0;
    SV_TRY(known ? SV_OK : note(fleet, gateway, t, false, why));
    return moved && t->state > SV_COMMAND_SENT ? note(fleet, gateway, t, true, why) : SV_OK;
}

static sv_err take_item(sv_fleet *fleet, const sv_gateway *gateway, const sv_json *item,
                        sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf payload = SV_TEXTBUF_HEAP(SV_COMMANDS_JSON_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf answer = SV_TEXTBUF_HEAP(SV_COMMANDS_JSON_MAX);
    told t = { .site = gateway->site->name };
    if (!read_item(item, &t, &payload, &answer)) {
        return sv_fail(why, SV_ERR_INVALID, "the item says nothing of a command");
    }
    const sv_device *device = sv_registry_device(fleet->registry, t.device);
    if (device != NULL && device->site != gateway->site) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the device is of another site");
    }
    // A clock that is ahead must not keep a row at the top for ever.
    int64_t now_ms = fleet->wall_us() / 1000;
    t.asked_ms = t.asked_ms < now_ms ? t.asked_ms : now_ms;
    sv_err err = find(fleet->db, &t, why);
    bool known = err == SV_OK;
    return known || err == SV_ERR_NOT_FOUND ? sv_fleet_medium(keep(fleet, gateway, &t, known, why))
                                            : err;
}

static sv_err take_items(sv_fleet *fleet, const sv_gateway *gateway, const sv_json *items,
                         int64_t *refused, sv_why *why) {
    for (size_t i = 0; i < sv_json_count(items); i++) {
        sv_err err = take_item(fleet, gateway, sv_json_at(items, i), why);
        *refused += sv_uplink_is_fault_of_item(err);
        if (err != SV_OK && !sv_uplink_is_fault_of_item(err)) {
            return err;
        }
    }
    return SV_OK;
}

static void tell_items(sv_fleet *fleet, const sv_json *items) {
    for (size_t i = 0; sv_live_is_watched(fleet->live) && i < sv_json_count(items); i++) {
        sv_text id;
        if (sv_json_text(sv_json_get(sv_json_at(items, i), "id"), &id)) {
            sv_commands_tell(fleet, id);
        }
    }
}

sv_err sv_commands_take(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                        sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_TRY(sv_json_parse(body, &root, NULL, why));
    const sv_json *items = sv_json_get(root, "items");
    if (!sv_json_is_array(items) || sv_json_count(items) > SV_COMMANDS_ITEMS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "items is not an array of at most %d",
                       SV_COMMANDS_ITEMS_MAX);
    }
    int64_t refused = 0;
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    SV_TRY(sv_uplink_end(fleet, take_items(fleet, gateway, items, &refused, why), why));
    fleet->counts.items_refused += refused;
    tell_items(fleet, items);
    sv_json_out out = SV_JSON_OUT(answer);
    sv_json_open_object(&out);
    if (refused > 0) {
        sv_json_add_int(&out, "refused", refused);
    }
    sv_json_close_object(&out);
    return sv_textbuf_end(answer);
}

// ---- reading ------------------------------------------------------------------------------------

#define COLUMNS                                                                                    \
    "id, device, name, payload, rule, alert, asker, state, asked_ms, until_ms, sent_ms, ended_ms," \
    " why, answer"

static const char *state_now(sv_stmt *stmt, int64_t now_ms) {
    int64_t state = sv_stmt_int(stmt, 7);
    bool over = state > SV_COMMAND_SENT;
    return !over && now_ms > sv_stmt_int(stmt, 9) ? "expired"
                                                  : STATE_NAMES[state % SV_COMMAND_STATE__COUNT];
}

static void put_command(sv_json_out *out, sv_stmt *stmt, int64_t now_ms) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 0));
    sv_json_add_text(out, "device", sv_stmt_text(stmt, 1));
    sv_json_add_text(out, "name", sv_stmt_text(stmt, 2));
    sv_json_key(out, "payload");
    sv_json_put_raw(out, sv_stmt_text(stmt, 3));
    sv_stmt_add_text(stmt, 4, out, "rule");
    sv_stmt_add_text(stmt, 5, out, "alert");
    sv_stmt_add_text(stmt, 6, out, "by");
    sv_json_add_str(out, "state", state_now(stmt, now_ms));
    sv_stmt_add_int(stmt, 8, out, "asked_at");
    sv_stmt_add_int(stmt, 9, out, "until");
    sv_stmt_add_int(stmt, 10, out, "sent_at");
    sv_stmt_add_int(stmt, 11, out, "ended_at");
    sv_stmt_add_text(stmt, 12, out, "why");
    sv_stmt_add_raw(stmt, 13, out, "answer");
    sv_json_close_object(out);
}

sv_err sv_commands_write(sv_fleet *fleet, sv_text id, sv_json_out *out, char site[SV_ID_ROOM],
                         sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(
        sv_db_stmt(fleet->db, "SELECT " COLUMNS ", site FROM command WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        put_command(out, stmt, fleet->wall_us() / 1000);
        err = site != NULL ? sv_text_copy(sv_stmt_text(stmt, 14), site, SV_ID_ROOM) : SV_OK;
    } else if (err == SV_ERR_NOT_FOUND) {
        err = sv_fail(why, err, "there is no command " SV_TEXT_FMT, SV_TEXT_ARG(id));
    }
    sv_stmt_reset(stmt);
    return err;
}

void sv_commands_tell(sv_fleet *fleet, sv_text id) {
    if (!sv_live_is_watched(fleet->live)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&data);
    char site[SV_ID_ROOM];
    if (sv_commands_write(fleet, id, &out, site, NULL) == SV_OK && !data.overflowed) {
        sv_live_send(fleet->live, site, "command", sv_textbuf_text(&data));
    }
}

static sv_err read_cursor(const char *cursor, int64_t *asked_ms, sv_text *id, sv_why *why) {
    sv_text rest = sv_text_of(cursor);
    sv_text number = sv_text_cut(&rest, '.');
    uint64_t at;
    if (sv_text_u64(number, INT64_MAX, &at) != SV_OK || !sv_id_is_valid(rest)) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    *asked_ms = (int64_t) at;
    *id = rest;
    return SV_OK;
}

sv_err sv_commands_list(sv_fleet *fleet, const sv_device *device, size_t limit, const char *cursor,
                        sv_json_out *out, char next[SV_COMMANDS_CURSOR_MAX], sv_why *why) {
    int64_t asked_ms = INT64_MAX;
    int64_t now_ms = fleet->wall_us() / 1000;
    sv_text id = SV_TEXT("~");
    sv_textbuf mark = { .at = next, .cap = SV_COMMANDS_CURSOR_MAX };
    sv_stmt *stmt;
    if (cursor != NULL) {
        SV_TRY(read_cursor(cursor, &asked_ms, &id, why));
    }
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT " COLUMNS " FROM command WHERE device = ?1 AND (asked_ms, id) <"
                      " (?2, ?3) ORDER BY asked_ms DESC, id DESC LIMIT ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_stmt_bind_int(stmt, 2, asked_ms);
    sv_stmt_bind_text(stmt, 3, id);
    sv_stmt_bind_int(stmt, 4, (int64_t) limit + 1);
    sv_json_open_array(out);
    bool more = false;
    sv_err err = SV_OK;
    for (size_t i = 0; !more && (err = sv_stmt_next(stmt, why)) == SV_OK; i++) {
        more = i == limit;
        if (!more) {
            put_command(out, stmt, now_ms);
            sv_textbuf_clear(&mark);
            sv_textbuf_addf(&mark, "%lld." SV_TEXT_FMT, (long long) sv_stmt_int(stmt, 8),
                            SV_TEXT_ARG(sv_stmt_text(stmt, 0)));
        }
    }
    sv_stmt_reset(stmt);
    sv_json_close_array(out);
    if (!more) {
        sv_textbuf_clear(&mark);
    }
    SV_TRY(sv_textbuf_end(&mark));
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
