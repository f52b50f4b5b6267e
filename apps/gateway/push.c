// What the fleet server asks for. An event's effect is a message to local subscribers; its id is
// kept in the same group as what the own front door keeps of that message, so that the sessions
// that live there get it once whatever is killed when. Behind an external broker the id is kept
// when that has acknowledged the message: once or, after a kill, twice.
#include "asks.h"
#include <inttypes.h>
#include <stdio.h>
#include <sys/log.h>

enum { STATUS_OK = 200 };

static const char *const END_NAMES[GW_EVENT_END__COUNT] = { "done",    "idle",     "unknown",
                                                            "refused", "repeated", "later" };

const char *gw_event_end_name(gw_event_end end) {
    return (unsigned) end < GW_EVENT_END__COUNT ? END_NAMES[end] : "unknown";
}

// ---- effects ------------------------------------------------------------------------------------

/// {"alert","by","at"}: an operator has seen it.
static gw_event_end take_acknowledged(gw *g, int64_t id, const sv_json *data) {
    sv_text alert;
    sv_text by;
    int64_t at_ms = 0;
    if (!sv_json_text(sv_json_get(data, "alert"), &alert)
        || !sv_json_text(sv_json_get(data, "by"), &by)
        || !sv_json_int(sv_json_get(data, "at"), &at_ms) || at_ms < 0 || at_ms > INT64_MAX / 1000) {
        return GW_EVENT_REFUSED;
    }
    return gw_alert_acknowledge(g, alert, by, at_ms * 1000, id);
}

static bool read_command(const sv_json *data, gw_request *out) {
    out->payload = sv_json_get(data, "payload");
    out->by = SV_TEXT("");
    (void) sv_json_text(sv_json_get(data, "by"), &out->by);
    return sv_json_text(sv_json_get(data, "id"), &out->id)
           && sv_json_text(sv_json_get(data, "device"), &out->device)
           && sv_json_text(sv_json_get(data, "name"), &out->name)
           && sv_json_int(sv_json_get(data, "at"), &out->at_ms)
           && sv_json_int(sv_json_get(data, "until"), &out->until_ms) && out->payload != NULL
           && sv_id_is_valid(out->id) && sv_id_is_valid(out->device) && sv_id_is_valid(out->name);
}

/// {"id","device","name","at","until","payload","by"}: to be published, if it is worth doing still.
static gw_event_end take_command(gw *g, int64_t id, const sv_json *data) {
    static const gw_event_end ENDS[] = { [GW_REQUEST_SENT] = GW_EVENT_DONE,
                                         [GW_REQUEST_REFUSED] = GW_EVENT_IDLE,
                                         [GW_REQUEST_LATER] = GW_EVENT_LATER };
    gw_request request = { .event = id };
    if (!read_command(data, &request)) {
        return GW_EVENT_REFUSED;
    }
    if (gw_wall_us(g) / 1000 > request.until_ms) {
        SV_LOG(warn, "command.late",
               SV_TEXT_FMT " for " SV_TEXT_FMT " came too late, id " SV_TEXT_FMT,
               SV_TEXT_ARG(request.name), SV_TEXT_ARG(request.device), SV_TEXT_ARG(request.id));
        return GW_EVENT_IDLE;
    }
    return ENDS[gw_act_request(g, &request)];
}

static const struct {
    const char *name;
    gw_event_end (*take)(gw *g, int64_t id, const sv_json *data);
} EFFECTS[] = {
    { "acknowledged", take_acknowledged },  { "command", take_command },
    { "rules", gw_site_rules_want },        { "ask", gw_ask_take },
    { "maintenance", gw_maintenance_take }, { "watch", gw_device_watch },
    { "normal", gw_usual_normal },          { "models", gw_models_want },
    { "renewed", gw_lives_renewed },        { "groups", gw_members_want },
};

static gw_event_end take_effect(gw *g, int64_t id, sv_text name, const sv_json *data) {
    for (size_t i = 0; i < SV_COUNT(EFFECTS); i++) {
        if (sv_text_is(name, EFFECTS[i].name)) {
            return EFFECTS[i].take(g, id, data);
        }
    }
    return GW_EVENT_UNKNOWN;
}

// ---- which were taken ---------------------------------------------------------------------------

static void keep(gw *g, int64_t id) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO push VALUES (1, ?)");
    sv_writer_int(g->writer, id);
    sv_writer_hurry(g->writer);
}

/// The server has lost what came before `id`, or the numbers it had given.
static gw_event_end start_over(gw *g, int64_t id) {
    SV_LOG(warn, "push.reset", "events after %lld are gone; it goes on after %lld",
           (long long) g->push.taken, (long long) id);
    g->push.resets++;
    g->push.waiting = 0;
    gw_site_rules_lost(g);
    gw_members_lost(g);
    gw_maintenance_lost(g);
    gw_models_lost(g);
    return GW_EVENT_DONE;
}

gw_event_end gw_push_take(gw *g, int64_t id, sv_text name, const sv_json *data) {
    gw_event_end end = GW_EVENT_LATER;
    if (g->exit_code != 0 || g->full || sv_writer_is_behind(g->writer)) {
        end = GW_EVENT_LATER;
    } else if (sv_text_is(name, "reset")) {
        end = start_over(g, id);
    } else if (id <= g->push.taken) {
        end = GW_EVENT_REPEATED;
    } else {
        end = take_effect(g, id, name, data);
    }
    g->push.ends[end]++;
    if (end == GW_EVENT_UNKNOWN || end == GW_EVENT_REFUSED) {
        SV_LOG(warn, "push.skipped", "event %lld '" SV_TEXT_FMT "' is %s", (long long) id,
               SV_TEXT_ARG(name), gw_event_end_name(end));
    }
    if (end == GW_EVENT_LATER || end == GW_EVENT_REPEATED) {
        return end;
    }
    g->push.taken = id;
    if (g->push.waiting == 0) {
        keep(g, id);
    }
    return end;
}

void gw_push_published(gw *g, int64_t event) {
    if (g->exit_code != 0 || g->push.waiting == 0) {
        return;
    }
    if (event == g->push.waiting) {
        g->push.waiting = 0;
        event = g->push.taken; // and those without a message behind it
    }
    keep(g, event);
}

// ---- the stream ---------------------------------------------------------------------------------

static void on_up(void *arg) {
    gw *g = arg;
    g->push.up = true;
    g->push.told_down = false;
    gw_standing_connected(g);
    gw_members_lost(g);
    SV_LOG(info, "push.up", "the fleet server's events come from %lld on",
           (long long) g->push.taken);
    gw_fleet_is_back(g);
}

static bool on_event(void *arg, const sv_event *event) {
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    uint64_t id = 0;
    if (sv_text_is(event->name, "standing")) {
        gw_standing_take(arg, event->data); // it has numbers of its own
        return true;
    }
    if (sv_text_is(event->name, "update")) {
        gw_look_take(arg, event->data); // so has none at all, and comes once
        return true;
    }
    if (sv_text_u64(event->id, INT64_MAX, &id) != SV_OK) {
        return true; // nothing of ours
    }
    (void) (sv_json_parse(event->data, &data, NULL, NULL) == SV_OK);
    return gw_push_take(arg, (int64_t) id, event->name, data) != GW_EVENT_LATER;
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    gw *g = arg;
    g->push.up = false;
    if (!g->push.told_down) {
        SV_LOG(info, "push.down", "%s; next try in %lld ms", why->text,
               (long long) retry_us / 1000);
        g->push.told_down = true;
    }
}

// ---- polling ------------------------------------------------------------------------------------

static void poll(gw *g);

/// Whether all of them were taken.
static bool take_list(gw *g, const sv_json *list) {
    for (size_t i = 0; i < sv_json_count(list); i++) {
        const sv_json *item = sv_json_at(list, i);
        int64_t id = 0;
        sv_text name;
        if (!sv_json_int(sv_json_get(item, "id"), &id)
            || !sv_json_text(sv_json_get(item, "event"), &name)
            || gw_push_take(g, id, name, sv_json_get(item, "data")) == GW_EVENT_LATER) {
            return false;
        }
    }
    return true;
}

static void poll_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    SV_DEFER(sv_json_drop) sv_json *list = NULL;
    (void) why; // the stream has said it
    g->push.poll_under_way = false;
    if (g->exit_code != 0 || reply->status != STATUS_OK
        || sv_json_parse(reply->body, &list, NULL, NULL) != SV_OK) {
        return;
    }
    int64_t before = g->push.taken;
    if (take_list(g, list) && g->push.taken > before) {
        poll(g); // there may be more
    }
}

static void poll(gw *g) {
    char path[SV_ID_ROOM + 64];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/events?after=%" PRId64 "&poll=1",
                    g->config.id, g->push.taken);
    g->push.poll_under_way = gw_uplink_get(g, path, poll_done);
}

static void on_poll(void *arg) {
    gw *g = arg;
    if (!g->push.up && !g->push.poll_under_way && g->exit_code == 0) {
        poll(g);
        gw_standing_look(g);
    }
}

// ---- from start to end --------------------------------------------------------------------------

static sv_err read_last(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT coalesce(max(last), 0) FROM push", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    g->push.taken = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_err gw_push_open(gw *g, sv_why *why) {
    static const sv_event_stream_calls CALLS = { .up = on_up, .event = on_event, .down = on_down };
    if (g->config.fleet.url[0] == '\0') {
        return SV_OK;
    }
    SV_TRY(read_last(g, why));
    char path[SV_ID_ROOM + 32];
    char last_id[SV_EVENT_ID_MAX];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/events", g->config.id);
    (void) snprintf(last_id, sizeof last_id, "%" PRId64, g->push.taken);
    const sv_event_stream_options options = {
        .origin = g->config.fleet.url,
        .path = path,
        .tls = g->tls,
        .last_id = last_id,
        .retry_max_us = g->config.fleet.retry_us,
    };
    g->push.poll_timer = sv_timer_new(g->loop, on_poll, g);
    sv_timer_every(g->push.poll_timer, g->config.fleet.poll_us);
    return sv_event_stream_open(g->loop, &options, &CALLS, g, &g->push.stream, why);
}

void gw_push_hurry(gw *g) {
    if (g->push.stream != NULL) {
        sv_event_stream_hurry(g->push.stream);
    }
}

void gw_push_close(gw *g) {
    sv_timer_drop(&g->push.poll_timer);
    sv_event_stream_drop(&g->push.stream);
}
