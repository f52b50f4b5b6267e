#include "actions_view.h"

#include "actions_own.h"
#include "divergence.h"

static void put_word(sv_json_out *out, const char *key, const char *word) {
    sv_json_add_str(out, key, word[0] != '\0' ? word : NULL);
}

static void put_number(sv_json_out *out, const char *key, int64_t number) {
    if (number > 0) {
        sv_json_add_int(out, key, number);
    } else {
        sv_json_add_null(out, key);
    }
}

void sv_action_put(const sv_action *action, sv_json_out *out) {
    sv_json_add_int(out, "action", action->id);
    sv_json_add_str(out, "device", action->device);
    put_number(out, "campaign", action->campaign);
    sv_json_add_str(out, "image", action->path);
    put_word(out, "version", action->version);
    put_word(out, "sha256", action->sha256);
    sv_json_add_str(out, "state", sv_action_state_name(action->stand.state));
    put_word(out, "class", sv_action_class_name(action->stand.class));
    put_word(out, "why", action->why);
    sv_json_add_int(out, "attempt", action->attempt);
    sv_json_add_bool(out, "forced", action->forced);
    sv_json_add_bool(out, "asks", action->asks);
    sv_json_add_bool(out, "stopping", action->stopping);
    put_number(out, "bytes", action->bytes);
    put_number(out, "of", action->of);
    put_word(out, "encoding", action->encoding);
    put_number(out, "fetched", action->fetched);
    put_word(out, "by", action->user);
    sv_json_add_int(out, "created", action->created_us / 1000);
    sv_json_add_int(out, "updated", action->updated_us / 1000);
}

static sv_err put_log(sv_fleet *fleet, int64_t id, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT at_us / 1000, line FROM action_line WHERE action = ?1 ORDER BY n",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_json_key(out, "log");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_json_open_object(out);
        sv_json_add_int(out, "at", sv_stmt_int(stmt, 0));
        sv_json_add_text(out, "line", sv_stmt_text(stmt, 1));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err put_items(sv_fleet *fleet, const int64_t *ids, size_t count, sv_json_out *out,
                        sv_why *why) {
    sv_json_key(out, "items");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_action action;
        SV_TRY(sv_actions_find(fleet, ids[i], &action, why));
        sv_json_open_object(out);
        sv_action_put(&action, out);
        SV_TRY(put_log(fleet, action.id, out, why));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    return SV_OK;
}

/// The newest below `before`; one more than fits says that there are more.
static sv_err list_ids(sv_fleet *fleet, const char *device, int64_t before, size_t limit,
                       int64_t *ids, size_t *count, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM action WHERE device = ?1 AND id < ?2 ORDER BY id DESC"
                      " LIMIT ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, before);
    sv_stmt_bind_int(stmt, 3, (int64_t) limit + 1);
    sv_err err;
    *count = 0;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        ids[(*count)++] = sv_stmt_int(stmt, 0);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- what it runs, and what it is to run --------------------------------------------------------

static sv_err put_running(sv_fleet *fleet, const char *device, sv_json_out *out, sv_why *why) {
    char room[SV_ACTION_WHY_ROOM] = "";
    sv_textbuf sentence = SV_TEXTBUF(room);
    sv_running running = { 0 };
    sv_err err = sv_running_of(fleet, device, &running, why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    sv_json_key(out, "running");
    SV_TRY(sv_running_write(fleet, device, out, why));
    SV_TRY(sv_divergence_say(fleet, device, &running, &sentence, why));
    SV_TRY(sv_textbuf_end(&sentence));
    put_word(out, "diverges", room);
    return SV_OK;
}

static sv_err put_assigned(sv_fleet *fleet, const char *device, sv_json_out *out, sv_why *why) {
    sv_action open;
    sv_err err = sv_actions_open_of(fleet, device, &open, why);
    sv_json_key(out, "assigned");
    if (err == SV_ERR_NOT_FOUND) {
        sv_json_put_null(out);
        return SV_OK;
    }
    SV_TRY(err);
    sv_json_open_object(out);
    sv_action_put(&open, out);
    sv_json_close_object(out);
    return SV_OK;
}

sv_err sv_actions_write(sv_fleet *fleet, const char *device, const sv_actions_page *page,
                        sv_json_out *out, sv_why *why) {
    int64_t ids[SV_ACTIONS_PAGE_MAX + 1];
    size_t count = 0;
    int64_t before = page->before > 0 ? page->before : INT64_MAX;
    SV_TRY(list_ids(fleet, device, before, page->limit, ids, &count, why));
    size_t shown = count < page->limit ? count : page->limit;
    sv_json_open_object(out);
    sv_json_add_str(out, "device", device);
    SV_TRY(put_running(fleet, device, out, why));
    SV_TRY(put_assigned(fleet, device, out, why));
    SV_TRY(put_items(fleet, ids, shown, out, why));
    put_number(out, "next", count > shown && shown > 0 ? ids[shown - 1] : 0);
    sv_json_close_object(out);
    return SV_OK;
}
