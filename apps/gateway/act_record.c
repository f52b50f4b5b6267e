// The rows of commands, those that wait to be published or answered, and what a start finds of
// both.
#include "act_own.h"
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/log.h>

static const char *const STATE_NAMES[GW_COMMAND_STATE__COUNT] = {
    "due", "sent", "refused", "unsent", "answered", "failed",
};

const char *gw_command_state_name(gw_command_state state) {
    return (unsigned) state < GW_COMMAND_STATE__COUNT ? STATE_NAMES[state] : "unknown";
}

// ---- rows
// ----------------------------------------------------------------------------------------

static const char INSERT[] =
    "INSERT OR IGNORE INTO command (seq, id, device, name, payload, rule, alert, asker, at, until, "
    "state, told, sent, ended, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static void put_time(gw *g, bool is, int64_t at_us) {
    if (is) {
        sv_writer_int(g->writer, at_us);
    } else {
        sv_writer_null(g->writer);
    }
}

/// Something is to be told upward, once this group is on disk.
static void changed(gw *g, gw_command_state state) {
    sv_writer_hurry(g->writer);
    g->acts.ends[state]++;
    g->acts.told.due = true;
    g->acts.told.group = sv_writer_group(g->writer);
}

int64_t gw_command_record(gw *g, const gw_command_row *r) {
    int64_t now_us = sv_clock_wall_us();
    sv_writer_add(g->writer, INSERT);
    sv_writer_int(g->writer, ++g->acts.last_seq);
    const sv_text texts[] = { r->id, r->device, r->name, r->payload, r->rule, r->alert, r->by };
    for (size_t i = 0; i < SV_COUNT(texts); i++) {
        sv_writer_text(g->writer, texts[i]);
    }
    sv_writer_int(g->writer, r->at_us);
    sv_writer_int(g->writer, r->until_us);
    sv_writer_int(g->writer, (int64_t) r->state);
    sv_writer_int(g->writer, r->stays ? GW_COMMAND_TOLD_NEVER : 0);
    put_time(g, r->state == GW_COMMAND_SENT, now_us);
    put_time(g, r->state == GW_COMMAND_REFUSED, now_us);
    if (r->why != NULL) {
        sv_writer_str(g->writer, r->why);
    } else {
        sv_writer_null(g->writer);
    }
    sv_writer_add(g->writer, "DELETE FROM command WHERE seq <= ?");
    sv_writer_int(g->writer, g->acts.last_seq - GW_COMMANDS_KEPT);
    changed(g, r->state);
    return g->acts.last_seq;
}

static void put_text(gw *g, sv_text value) {
    if (value.len > 0) {
        sv_writer_text(g->writer, value);
    } else {
        sv_writer_null(g->writer);
    }
}

void gw_command_note(gw *g, int64_t seq, gw_command_state state, sv_text why, sv_text answer) {
    int64_t now_us = sv_clock_wall_us();
    sv_writer_add(g->writer,
                  "UPDATE command SET state = ?, sent = coalesce(sent, ?), ended = ?, why = ?, "
                  "answer = ? WHERE seq = ?");
    sv_writer_int(g->writer, (int64_t) state);
    put_time(g, state == GW_COMMAND_SENT, now_us);
    put_time(g, state != GW_COMMAND_SENT, now_us);
    put_text(g, why);
    put_text(g, answer);
    sv_writer_int(g->writer, seq);
    changed(g, state);
}

void gw_command_sent(gw *g, gw_command *command) {
    if (command->sent) {
        return;
    }
    command->sent = true;
    gw_command_note(g, command->seq, GW_COMMAND_SENT, SV_TEXT(""), SV_TEXT(""));
    SV_LOG(info, "command.sent", "%s to %s, by a rule, id %s", command->name, command->device,
           command->id);
}

void gw_command_put_message(const gw_command_row *r, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_json_open_object(&json);
    sv_json_add_text(&json, "id", r->id);
    sv_json_add_int(&json, "at", r->at_us / 1000);
    sv_json_add_int(&json, "until", r->until_us / 1000);
    sv_json_key(&json, "payload");
    sv_json_put_raw(&json, r->payload);
    if (r->rule.len > 0) {
        sv_json_add_text(&json, "rule", r->rule);
    }
    sv_json_close_object(&json);
}

// ---- those that wait ----------------------------------------------------------------------------

gw_command *gw_command_new(const gw_command_row *r, int64_t seq) {
    gw_command *command = sv_mem_new(sizeof *command);
    if (sv_text_copy(r->id, command->id, sizeof command->id) != SV_OK
        || sv_text_copy(r->device, command->device, sizeof command->device) != SV_OK
        || sv_text_copy(r->name, command->name, sizeof command->name) != SV_OK) {
        free(command);
        return NULL;
    }
    command->seq = seq;
    command->until_us = r->until_us;
    command->sent = r->state == GW_COMMAND_SENT;
    return command;
}

void gw_command_drop(gw_command *command) {
    if (command != NULL) {
        free(command->message);
        free(command);
    }
}

void gw_command_close(gw *g, gw_command *command) {
    gw_command_drop(sv_map_remove(g->acts.open, sv_text_of(command->id)));
}

void gw_command_open(gw *g, gw_command *command) {
    if (sv_map_count(g->acts.open) == GW_COMMANDS_OPEN_MAX) {
        gw_command *oldest = sv_map_at(g->acts.open, 0, NULL);
        for (size_t i = 1; i < GW_COMMANDS_OPEN_MAX; i++) {
            gw_command *other = sv_map_at(g->acts.open, i, NULL);
            oldest = other->seq < oldest->seq ? other : oldest;
        }
        gw_command_close(g, oldest);
    }
    gw_command_drop(sv_map_get(g->acts.open, sv_text_of(command->id)));
    if (sv_map_put(g->acts.open, sv_text_of(command->id), command) != SV_OK) {
        abort(); // there is room
    }
}

void gw_command_add_due(gw *g, gw_command *command) {
    gw_acts *a = &g->acts;
    a->due[(a->due_first + a->due_count) % GW_COMMANDS_DUE_MAX] = command;
    a->due_count++;
}

gw_command *gw_command_take_due(gw *g) {
    gw_acts *a = &g->acts;
    gw_command *command = a->due[a->due_first];
    a->due_first = (a->due_first + 1) % GW_COMMANDS_DUE_MAX;
    a->due_count--;
    return command;
}

// ---- from start to end --------------------------------------------------------------------------

static gw_command_row row_of(sv_stmt *stmt) {
    return (gw_command_row){ .id = sv_stmt_text(stmt, 1),
                             .device = sv_stmt_text(stmt, 2),
                             .name = sv_stmt_text(stmt, 3),
                             .payload = sv_stmt_text(stmt, 4),
                             .rule = sv_stmt_text(stmt, 5),
                             .at_us = sv_stmt_int(stmt, 6),
                             .until_us = sv_stmt_int(stmt, 7),
                             .state = (gw_command_state) sv_stmt_int(stmt, 8) };
}

static void restore(gw *g, sv_stmt *stmt) {
    gw_command_row r = row_of(stmt);
    gw_command *command = gw_command_new(&r, sv_stmt_int(stmt, 0));
    if (command == NULL) {
        return;
    }
    if (command->sent) {
        gw_command_open(g, command);
    } else if (g->acts.due_count < GW_COMMANDS_DUE_MAX) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf message = SV_TEXTBUF_HEAP(GW_COMMAND_MESSAGE_MAX);
        gw_command_put_message(&r, &message);
        command->message = sv_mem_copy_str(message.at, message.len);
        gw_command_add_due(g, command);
    } else {
        gw_command_drop(command);
    }
}

static sv_err restore_all(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT seq, id, device, name, payload, rule, at, until, state FROM command "
                      "WHERE state <= ? AND (state = 0 OR until > ?) ORDER BY seq",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, GW_COMMAND_SENT);
    sv_stmt_bind_int(stmt, 2, sv_clock_wall_us() - GW_COMMAND_ANSWER_US);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        restore(g, stmt);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err gw_act_open(gw *g, sv_why *why) {
    uint8_t key[16];
    sv_stmt *stmt = NULL;
    sv_random(key, sizeof key);
    g->acts = (gw_acts){ .open = sv_map_new(GW_COMMANDS_OPEN_MAX, key),
                         .pairs = sv_map_new(GW_COMMANDS_PAIRS_MAX, key),
                         .told = { .due = true, .max = GW_COMMANDS_TOLD_MAX } };
    SV_TRY(sv_db_stmt(g->db, "SELECT coalesce(max(seq), 0) FROM command", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    g->acts.last_seq = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return restore_all(g, why);
}

void gw_act_close(gw *g) {
    gw_acts *a = &g->acts;
    while (a->due_count > 0) {
        gw_command_drop(gw_command_take_due(g));
    }
    for (size_t i = 0; a->open != NULL && i < sv_map_count(a->open); i++) {
        gw_command_drop(sv_map_at(a->open, i, NULL));
    }
    for (size_t i = 0; a->pairs != NULL && i < sv_map_count(a->pairs); i++) {
        free(sv_map_at(a->pairs, i, NULL));
    }
    sv_map_drop(&a->open);
    sv_map_drop(&a->pairs);
}
