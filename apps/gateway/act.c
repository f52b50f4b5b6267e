// Deciding and publishing.
#include "act_own.h"
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { TOPIC_ROOM = 2 * SV_ID_ROOM + 16, WHY_ROOM = 128 };

static bool publish(gw *g, sv_text device, sv_text name, sv_text message, int64_t event) {
    char room[TOPIC_ROOM];
    sv_textbuf topic = SV_TEXTBUF(room);
    sv_textbuf_addf(&topic, "commands/" SV_TEXT_FMT "/" SV_TEXT_FMT, SV_TEXT_ARG(device),
                    SV_TEXT_ARG(name));
    return gw_publish(g, sv_textbuf_text(&topic), message, event);
}

// ---- a rule's -----------------------------------------------------------------------------------

/// What is known of a device and a command.
typedef struct pair {
    gw_rate rate;
    int64_t refused_us; ///< monotonic, when a refusal was recorded; 0: none yet
    bool refused_right; ///< and which: no right, or too often
} pair;

static void forget_idle_pairs(gw *g, int64_t now_us) {
    for (size_t i = 0; i < sv_map_count(g->acts.pairs);) {
        sv_text key;
        pair *one = sv_map_at(g->acts.pairs, i, &key);
        size_t last = (one->rate.next + GW_RATE_MAX - 1) % GW_RATE_MAX;
        if (now_us - one->rate.at_us[last] < SV_TIME_MINUTE_US
            || now_us - one->refused_us < SV_TIME_MINUTE_US) {
            i++;
        } else {
            free(sv_map_remove(g->acts.pairs, key));
        }
    }
}

/// NULL: more pairs were active in the last minute than are kept.
static pair *pair_of(gw *g, const gw_action *action, int64_t now_us) {
    char room[2 * SV_ID_ROOM];
    sv_textbuf key = SV_TEXTBUF(room);
    sv_textbuf_add(&key, action->device);
    sv_textbuf_add_char(&key, '/');
    sv_textbuf_add(&key, action->name);
    pair *one = sv_map_get(g->acts.pairs, sv_textbuf_text(&key));
    if (one != NULL) {
        return one;
    }
    if (sv_map_count(g->acts.pairs) == GW_COMMANDS_PAIRS_MAX) {
        forget_idle_pairs(g, now_us);
    }
    one = sv_mem_new(sizeof *one);
    if (sv_map_put(g->acts.pairs, sv_textbuf_text(&key), one) != SV_OK) {
        free(one);
        return NULL;
    }
    return one;
}

/// NULL: it may be given. Else why not, for people.
static const char *refusal_of(gw *g, const gw_action *action, pair *one, int64_t now_us,
                              char why[WHY_ROOM]) {
    const gw_command_rights *rights = &g->config.commands;
    sv_textbuf text = { .at = why, .cap = WHY_ROOM };
    if (!gw_command_is_listed(rights, action->device, action->name)) {
        sv_textbuf_add_str(&text, "not in commands: allow");
    } else if (action->payload.len > GW_COMMAND_BYTES_MAX) {
        sv_textbuf_addf(&text, "its payload has more than %d bytes", GW_COMMAND_BYTES_MAX);
    } else if (g->acts.due_count == GW_COMMANDS_DUE_MAX) {
        sv_textbuf_addf(&text, "%d commands wait to be published", GW_COMMANDS_DUE_MAX);
    } else if (one == NULL || !gw_rate_take(&one->rate, now_us, rights->per_minute)) {
        sv_textbuf_addf(&text, "more than %lld a minute", (long long) rights->per_minute);
    } else {
        return NULL;
    }
    return sv_textbuf_end(&text) == SV_OK ? why : "refused";
}

/// A rule that goes on asking fills neither the log nor the record.
static bool is_worth_recording(const gw *g, const gw_action *action, pair *one, int64_t now_us) {
    bool right = !gw_command_is_listed(&g->config.commands, action->device, action->name);
    if (one == NULL
        || (one->refused_us != 0 && right == one->refused_right
            && now_us - one->refused_us < GW_COMMAND_REFUSAL_US)) {
        return false;
    }
    one->refused_us = now_us;
    one->refused_right = right;
    return true;
}

static void refuse_action(gw *g, gw_command_row *r, bool recorded) {
    if (!recorded) {
        g->acts.ends[GW_COMMAND_REFUSED]++;
        return;
    }
    r->state = GW_COMMAND_REFUSED;
    (void) gw_command_record(g, r);
    SV_LOG(warn, "command.refused",
           "rule " SV_TEXT_FMT " asks " SV_TEXT_FMT " for " SV_TEXT_FMT ": %s",
           SV_TEXT_ARG(r->rule), SV_TEXT_ARG(r->device), SV_TEXT_ARG(r->name), r->why);
}

bool gw_act(gw *g, const gw_action *action) {
    char id[SV_ID_ROOM];
    char why[WHY_ROOM];
    int64_t now_us = sv_clock_monotonic_us();
    pair *one = pair_of(g, action, now_us);
    gw_command_row r = { .device = action->device,
                         .name = action->name,
                         .payload = action->payload.len > 0 ? action->payload : SV_TEXT("null"),
                         .rule = action->rule,
                         .alert = action->alert,
                         .at_us = sv_clock_wall_us(),
                         .stays = action->stays };
    sv_random_hex(id);
    r.id = sv_text_of(id);
    r.until_us = r.at_us + g->config.commands.within_us;
    r.why = refusal_of(g, action, one, now_us, why);
    if (r.why != NULL) {
        // What is too long is not kept either.
        r.payload = r.payload.len > GW_COMMAND_BYTES_MAX ? SV_TEXT("null") : r.payload;
        refuse_action(g, &r, is_worth_recording(g, action, one, now_us));
        return false;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf message = SV_TEXTBUF_HEAP(GW_COMMAND_MESSAGE_MAX);
    gw_command_put_message(&r, &message);
    gw_command *command = gw_command_new(&r, gw_command_record(g, &r));
    command->group = sv_writer_group(g->writer);
    command->message = sv_mem_copy_str(message.at, message.len);
    gw_command_add_due(g, command);
    return true;
}

// ---- publishing ---------------------------------------------------------------------------------

static void give_up(gw *g, gw_command *command) {
    gw_command_note(g, command->seq, GW_COMMAND_UNSENT,
                    SV_TEXT("it could not be published in time"), SV_TEXT(""));
    SV_LOG(warn, "command.unsent", "%s to %s could not be published in time, id %s", command->name,
           command->device, command->id);
    gw_command_drop(command);
}

/// In the order in which rules asked.
void gw_act_turn(gw *g) {
    gw_acts *a = &g->acts;
    int64_t now_us = sv_clock_wall_us();
    while (g->exit_code == 0 && a->due_count > 0 && a->due[a->due_first]->group <= g->committed) {
        gw_command *command = a->due[a->due_first];
        if (now_us > command->until_us) {
            give_up(g, gw_command_take_due(g));
            continue;
        }
        if (!gw_front_is_up(g)
            || !publish(g, sv_text_of(command->device), sv_text_of(command->name),
                        sv_text_of(command->message), -GW_PUBLISHED_COMMAND - command->seq)) {
            return; // with the next beat
        }
        (void) gw_command_take_due(g);
        free(command->message);
        command->message = NULL;
        gw_command_open(g, command);
        if (g->door != NULL) {
            gw_command_sent(g, command);
        }
    }
}

void gw_act_published(gw *g, int64_t seq) {
    for (size_t i = 0; i < sv_map_count(g->acts.open); i++) {
        gw_command *command = sv_map_at(g->acts.open, i, NULL);
        if (command->seq == seq) {
            gw_command_sent(g, command);
            return;
        }
    }
}

void gw_act_beat(gw *g) {
    int64_t now_us = sv_clock_wall_us();
    gw_act_turn(g);
    for (size_t i = 0; i < sv_map_count(g->acts.open);) {
        gw_command *command = sv_map_at(g->acts.open, i, NULL);
        if (now_us > command->until_us + GW_COMMAND_ANSWER_US) {
            gw_command_close(g, command);
        } else {
            i++;
        }
    }
    gw_act_tell(g);
}

// ---- the fleet server's -------------------------------------------------------------------------

gw_request_end gw_act_request(gw *g, const gw_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf payload = SV_TEXTBUF_HEAP(GW_COMMAND_MESSAGE_MAX);
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf message = SV_TEXTBUF_HEAP((size_t) GW_COMMAND_MESSAGE_MAX * 2);
    sv_json_out json = SV_JSON_OUT(&payload);
    sv_json_put_value(&json, request->payload);
    gw_command_row r = { .id = request->id,
                         .device = request->device,
                         .name = request->name,
                         .payload = sv_textbuf_text(&payload),
                         .by = request->by,
                         .at_us = request->at_ms * 1000,
                         .until_us = request->until_ms * 1000,
                         .state = GW_COMMAND_SENT };
    if (g->config.commands.fleet == GW_FLEET_LISTED
        && !gw_command_is_listed(&g->config.commands, r.device, r.name)) {
        r.state = GW_COMMAND_REFUSED;
        r.why = "not in commands: allow of the gateway";
        (void) gw_command_record(g, &r);
        SV_LOG(warn, "command.refused",
               "the fleet server asks " SV_TEXT_FMT " for " SV_TEXT_FMT ": %s, id " SV_TEXT_FMT,
               SV_TEXT_ARG(r.device), SV_TEXT_ARG(r.name), r.why, SV_TEXT_ARG(r.id));
        return GW_REQUEST_REFUSED;
    }
    gw_command_put_message(&r, &message);
    if (message.overflowed
        || !publish(g, r.device, r.name, sv_textbuf_text(&message), request->event)) {
        return message.overflowed ? GW_REQUEST_REFUSED : GW_REQUEST_LATER;
    }
    // One that comes again after a kill has its row.
    if (sv_map_get(g->acts.open, r.id) == NULL) {
        gw_command_open(g, gw_command_new(&r, gw_command_record(g, &r)));
    }
    SV_LOG(info, "command.sent", SV_TEXT_FMT " to " SV_TEXT_FMT ", id " SV_TEXT_FMT,
           SV_TEXT_ARG(r.name), SV_TEXT_ARG(r.device), SV_TEXT_ARG(r.id));
    return GW_REQUEST_SENT;
}
