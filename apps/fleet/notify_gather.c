#include "notify.h"
#include "timeline.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "inbox.h"
#include "inventory.h"

enum { EVENT_ROOM = 32 };

/// An alert as far as telling is concerned, with texts of its own.
typedef struct told_alert {
    char id[SV_ID_ROOM];
    char device[SV_ID_ROOM], site[SV_ID_ROOM], sensor[SV_ID_ROOM], type[SV_ID_ROOM];
    sv_severity severity;
    int64_t state; ///< 0: open; 1: acknowledged; 2: cleared
} told_alert;

static sv_err load_alert(sv_db *db, sv_text id, told_alert *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(
        db, "SELECT id, device, site, sensor, type, severity, state FROM alert WHERE id = ?1",
        &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    char *const rooms[] = { out->id, out->device, out->site, out->sensor, out->type };
    sv_err err = SV_OK;
    for (size_t i = 0; i < SV_COUNT(rooms) && err == SV_OK; i++) {
        err = sv_text_copy(sv_stmt_text(stmt, (int) i), rooms[i], SV_ID_ROOM);
    }
    out->severity = sv_inbox_severity(sv_stmt_text(stmt, 5));
    out->state = sv_stmt_int(stmt, 6);
    sv_stmt_reset(stmt);
    return err;
}

/// One telling: about whom, to which channel, as what.
typedef struct telling {
    const told_alert *alert;
    const char *channel;
    const char *route;
    const char *event; ///< of an alert a channel hears it once
    sv_notice_kind kind;
    sv_severity severity;
    bool tell_end;
    int64_t now_ms, due_ms;
} telling;

// ---- notices ------------------------------------------------------------------------------------

static sv_err is_told(sv_db *db, const telling *t, bool *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT 1 FROM notice_alert WHERE alert = ?1 AND channel = ?2 AND event = ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, t->alert->id);
    sv_stmt_bind_str(stmt, 2, t->channel);
    sv_stmt_bind_str(stmt, 3, t->event);
    sv_err err = sv_stmt_next(stmt, why);
    sv_stmt_reset(stmt);
    *out = err == SV_OK;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// SV_ERR_NOT_FOUND when none gathers for this cause.
static sv_err find_gathering(sv_db *db, const telling *t, int64_t *seq, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT seq FROM notice WHERE channel = ?1 AND site = ?2 AND type = ?3"
                      " AND sensor = ?4 AND kind = ?5 AND state = 0",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, t->channel);
    sv_stmt_bind_str(stmt, 2, t->alert->site);
    sv_stmt_bind_str(stmt, 3, t->alert->type);
    sv_stmt_bind_str(stmt, 4, t->alert->sensor);
    sv_stmt_bind_int(stmt, 5, t->kind);
    SV_TRY(sv_stmt_next(stmt, why));
    *seq = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// A worse one, or one that need not wait, takes the others along.
static sv_err join(sv_db *db, const telling *t, int64_t seq, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE notice SET count = count + 1,"
                      " severity = CASE WHEN severity < ?2 THEN ?2 ELSE severity END,"
                      " due_ms = CASE WHEN due_ms > ?3 THEN ?3 ELSE due_ms END WHERE seq = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, seq);
    sv_stmt_bind_int(stmt, 2, t->severity);
    sv_stmt_bind_int(stmt, 3, t->due_ms);
    return sv_stmt_run(stmt, why);
}

static sv_err make(sv_db *db, const telling *t, int64_t *seq, sv_why *why) {
    char id[SV_MESSAGE_ID_ROOM];
    sv_stmt *stmt;
    sv_random_hex(id);
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO notice (id, channel, route, kind, site, type, sensor, severity,"
                      " state, count, made_ms, due_ms)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 1, ?9, ?10) RETURNING seq",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    sv_stmt_bind_str(stmt, 2, t->channel);
    sv_stmt_bind_str(stmt, 3, t->route);
    sv_stmt_bind_int(stmt, 4, t->kind);
    sv_stmt_bind_str(stmt, 5, t->alert->site);
    sv_stmt_bind_str(stmt, 6, t->alert->type);
    sv_stmt_bind_str(stmt, 7, t->alert->sensor);
    sv_stmt_bind_int(stmt, 8, t->severity);
    sv_stmt_bind_int(stmt, 9, t->now_ms);
    sv_stmt_bind_int(stmt, 10, t->due_ms);
    SV_TRY(sv_stmt_next(stmt, why));
    *seq = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err note_told(sv_db *db, const telling *t, int64_t seq, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO notice_alert (alert, channel, event, notice, tell_end)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, t->alert->id);
    sv_stmt_bind_str(stmt, 2, t->channel);
    sv_stmt_bind_str(stmt, 3, t->event);
    sv_stmt_bind_int(stmt, 4, seq);
    sv_stmt_bind_int(stmt, 5, t->tell_end);
    return sv_stmt_run(stmt, why);
}

/// [notify-1] [notify-2]
static sv_err tell(sv_db *db, const telling *t, sv_why *why) {
    bool told = false;
    int64_t seq = 0;
    SV_TRY(is_told(db, t, &told, why));
    if (told) {
        return SV_OK;
    }
    sv_err err = find_gathering(db, t, &seq, why);
    if (err == SV_ERR_NOT_FOUND) {
        err = make(db, t, &seq, why);
    } else if (err == SV_OK) {
        err = join(db, t, seq, why);
    }
    return err == SV_OK ? note_told(db, t, seq, why) : err;
}

/// When it may go out: after gathering, and not in the route's quiet hours. `route` NULL: it is no
/// longer configured.
static int64_t due_of(const sv_notify_config *config, const sv_route *route, sv_severity severity,
                      int64_t now_ms) {
    int64_t now_us = now_ms * 1000;
    int64_t free_us = route != NULL ? sv_route_release_us(route, severity, now_us) : now_us;
    return (free_us > now_us ? free_us : now_us + config->gather_us) / 1000;
}

static sv_err tell_all(sv_fleet *fleet, const sv_route *route, const sv_names *channels, telling *t,
                       sv_why *why) {
    t->route = route->name;
    t->tell_end = route->recovery;
    t->due_ms = due_of(fleet->config.notify, route, t->severity, t->now_ms);
    for (size_t i = 0; i < channels->count; i++) {
        t->channel = channels->list[i];
        SV_TRY(tell(fleet->db, t, why));
    }
    return SV_OK;
}

// ---- it began, or got worse ---------------------------------------------------------------------

enum { WATCH_REPEAT, WATCH_ESCALATE };

static sv_err add_watch(sv_db *db, const telling *t, int what, int64_t after_us, sv_why *why) {
    sv_stmt *stmt;
    if (after_us == 0) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO alert_watch (alert, route, what, round, due_ms)"
                      " VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT (alert, route, what) DO NOTHING",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, t->alert->id);
    sv_stmt_bind_str(stmt, 2, t->route);
    sv_stmt_bind_int(stmt, 3, what);
    sv_stmt_bind_int(stmt, 4, t->now_ms + after_us / 1000);
    return sv_stmt_run(stmt, why);
}

static sv_alert_type type_of(const char *name) {
    int type = 0;
    while (type < SV_ALERT_TYPE__COUNT - 1
           && strcmp(name, sv_alert_type_name((sv_alert_type) type)) != 0) {
        type++;
    }
    return (sv_alert_type) type;
}

/// Whose alert it is, for routes that name groups.
typedef struct member {
    sv_fleet *fleet;
    sv_device *device; ///< NULL: nobody that is known
} member;

static bool is_in_group(const sv_route_case *what, sv_text group) {
    const member *m = what->of;
    sv_inventory_device asked;
    return m->device != NULL && sv_inventory_of(m->fleet, m->device, &asked, NULL) == SV_OK
           && sv_groups_have(m->fleet->inventory->groups, &asked.asked, group);
}

static sv_err tell_began(sv_fleet *fleet, const told_alert *alert, const char *event,
                         int64_t now_ms, sv_why *why) {
    const sv_notify_config *config = fleet->config.notify;
    sv_device *device = sv_registry_device(fleet->registry, sv_text_of(alert->device));
    member m = { .fleet = fleet, .device = device };
    sv_route_case what = { .site = sv_text_of(alert->site),
                           .device = sv_text_of(alert->device),
                           .type = sv_text_of(device != NULL ? device->type : ""),
                           .is_in = is_in_group,
                           .of = &m,
                           .alert = type_of(alert->type),
                           .severity = alert->severity };
    size_t picked[SV_ROUTES_MAX];
    size_t count = sv_routes_pick(config->routes, config->route_count, config->all, &what,
                                  now_ms * 1000, picked);
    for (size_t i = 0; i < count; i++) {
        const sv_route *route = &config->routes[picked[i]];
        telling t = { .alert = alert,
                      .event = event,
                      .kind = SV_NOTICE_RAISED,
                      .severity = alert->severity,
                      .now_ms = now_ms };
        SV_TRY(tell_all(fleet, route, &route->to, &t, why));
        SV_TRY(add_watch(fleet->db, &t, WATCH_REPEAT, route->repeat_us, why));
        SV_TRY(add_watch(fleet->db, &t, WATCH_ESCALATE, route->escalate_us, why));
    }
    return SV_OK;
}

// ---- it is over ---------------------------------------------------------------------------------

typedef struct listener {
    char channel[SV_ID_ROOM], route[SV_ID_ROOM];
} listener;

/// Who has heard of it, or is about to, and wants to hear its end. Whose message gathers yet reads
/// there that it is over.
static sv_err find_listeners(sv_db *db, const char *alert, listener *out, size_t *count,
                             sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT t.channel, max(n.route) FROM notice_alert t"
                      " JOIN notice n ON n.seq = t.notice"
                      " WHERE t.alert = ?1 AND t.tell_end = 1 GROUP BY t.channel"
                      " HAVING max(CASE WHEN n.state IN (1, 2) THEN 1 ELSE 0 END) = 1"
                      " AND min(n.state) > 0 LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert);
    sv_stmt_bind_int(stmt, 2, SV_CHANNELS_MAX);
    *count = 0;
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        listener *l = &out[(*count)++];
        if (sv_text_copy(sv_stmt_text(stmt, 0), l->channel, SV_ID_ROOM) != SV_OK
            || sv_text_copy(sv_stmt_text(stmt, 1), l->route, SV_ID_ROOM) != SV_OK) {
            sv_stmt_reset(stmt);
            return sv_fail(why, SV_ERR_IO, "a notice of alert %s is damaged", alert);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err drop_watches(sv_db *db, const char *alert, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM alert_watch WHERE alert = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert);
    return sv_stmt_run(stmt, why);
}

static sv_err tell_over(sv_fleet *fleet, const told_alert *alert, int64_t now_ms, sv_why *why) {
    listener listeners[SV_CHANNELS_MAX];
    size_t count = 0;
    SV_TRY(find_listeners(fleet->db, alert->id, listeners, &count, why));
    for (size_t i = 0; i < count; i++) {
        const sv_route *route =
            sv_notify_route(fleet->config.notify, sv_text_of(listeners[i].route));
        telling t = { .alert = alert,
                      .channel = listeners[i].channel,
                      .route = listeners[i].route,
                      .event = "cleared",
                      .kind = SV_NOTICE_RECOVERED,
                      .severity = alert->severity,
                      .now_ms = now_ms,
                      .due_ms = due_of(fleet->config.notify, route, alert->severity, now_ms) };
        SV_TRY(tell(fleet->db, &t, why));
    }
    return drop_watches(fleet->db, alert->id, why);
}

// ---- what happened ------------------------------------------------------------------------------

typedef struct fresh_event {
    int64_t seq;
    char alert[SV_ID_ROOM];
    sv_happening what;
    sv_severity severity;
} fresh_event;

static sv_err load_fresh(sv_db *db, fresh_event *out, size_t *count, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT seq, alert, event, severity FROM alert_event WHERE fresh = 1"
                      " ORDER BY seq LIMIT ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, SV_NOTIFY_EVENTS_A_TURN);
    *count = 0;
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        fresh_event *event = &out[(*count)++];
        event->seq = sv_stmt_int(stmt, 0);
        event->severity = sv_inbox_severity(sv_stmt_text(stmt, 3));
        if (sv_text_copy(sv_stmt_text(stmt, 1), event->alert, SV_ID_ROOM) != SV_OK
            || !sv_happening_parse(sv_stmt_text(stmt, 2), &event->what)) {
            sv_stmt_reset(stmt);
            return sv_fail(why, SV_ERR_IO, "event %lld of an alert is damaged",
                           (long long) event->seq);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err take_event(sv_fleet *fleet, const fresh_event *event, int64_t now_ms, sv_why *why) {
    told_alert alert;
    char name[EVENT_ROOM];
    sv_err err = load_alert(fleet->db, sv_text_of(event->alert), &alert, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err; // it was pruned
    }
    alert.severity = event->severity;
    if (event->what == SV_HAPPENED_CLEARED) {
        return tell_over(fleet, &alert, now_ms, why);
    }
    bool worse = event->what == SV_HAPPENED_WORSE;
    (void) snprintf(name, sizeof name, "%s%s%s", sv_happening_name(event->what), worse ? "-" : "",
                    worse ? sv_severity_name(event->severity) : "");
    return tell_began(fleet, &alert, name, now_ms, why);
}

static sv_err is_taken(sv_db *db, int64_t up_to, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "UPDATE alert_event SET fresh = 0 WHERE fresh = 1 AND seq <= ?1", &stmt,
                      why));
    sv_stmt_bind_int(stmt, 1, up_to);
    return sv_stmt_run(stmt, why);
}

sv_err sv_notify_gather(sv_fleet *fleet, int64_t now_ms, sv_why *why) {
    SV_DEFER(sv_mem_drop)
    fresh_event *events = sv_mem_array(SV_NOTIFY_EVENTS_A_TURN, sizeof *events);
    size_t count = 0;
    SV_TRY(load_fresh(fleet->db, events, &count, why));
    for (size_t i = 0; i < count; i++) {
        SV_TRY(take_event(fleet, &events[i], now_ms, why));
    }
    return count == 0 ? SV_OK : is_taken(fleet->db, events[count - 1].seq, why);
}

// ---- nobody has acknowledged --------------------------------------------------------------------

typedef struct watch {
    char alert[SV_ID_ROOM], route[SV_ID_ROOM];
    int64_t what, round;
} watch;

static sv_err load_due(sv_db *db, int64_t now_ms, watch *out, size_t *count, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT alert, route, what, round FROM alert_watch WHERE due_ms <= ?1"
                      " ORDER BY due_ms LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_ms);
    sv_stmt_bind_int(stmt, 2, SV_NOTIFY_WATCHES_A_TURN);
    *count = 0;
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        watch *w = &out[(*count)++];
        w->what = sv_stmt_int(stmt, 2);
        w->round = sv_stmt_int(stmt, 3);
        if (sv_text_copy(sv_stmt_text(stmt, 0), w->alert, SV_ID_ROOM) != SV_OK
            || sv_text_copy(sv_stmt_text(stmt, 1), w->route, SV_ID_ROOM) != SV_OK) {
            sv_stmt_reset(stmt);
            return sv_fail(why, SV_ERR_IO, "a watch over an alert is damaged");
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// `due_ms` 0: it is not watched any more.
static sv_err move_watch(sv_db *db, const watch *w, int64_t round, int64_t due_ms, sv_why *why) {
    sv_stmt *stmt;
    if (due_ms == 0) {
        SV_TRY(sv_db_stmt(db,
                          "DELETE FROM alert_watch WHERE alert = ?1 AND route = ?2 AND what = ?3",
                          &stmt, why));
    } else {
        SV_TRY(sv_db_stmt(db,
                          "UPDATE alert_watch SET round = ?4, due_ms = ?5"
                          " WHERE alert = ?1 AND route = ?2 AND what = ?3",
                          &stmt, why));
        sv_stmt_bind_int(stmt, 4, round);
        sv_stmt_bind_int(stmt, 5, due_ms);
    }
    sv_stmt_bind_str(stmt, 1, w->alert);
    sv_stmt_bind_str(stmt, 2, w->route);
    sv_stmt_bind_int(stmt, 3, w->what);
    return sv_stmt_run(stmt, why);
}

static sv_err tell_unheard(sv_fleet *fleet, const told_alert *alert, const sv_route *route,
                           const watch *w, int64_t now_ms, sv_why *why) {
    char event[EVENT_ROOM];
    bool repeats = w->what == WATCH_REPEAT;
    (void) snprintf(event, sizeof event, repeats ? "repeat-%" PRId64 : "escalated", w->round);
    telling t = { .alert = alert,
                  .event = event,
                  .kind = repeats ? SV_NOTICE_STILL_OPEN : SV_NOTICE_ESCALATED,
                  .severity = alert->severity,
                  .now_ms = now_ms };
    SV_TRY(tell_all(fleet, route, repeats ? &route->to : &route->escalate_to, &t, why));
    return move_watch(fleet->db, w, w->round + 1, repeats ? now_ms + route->repeat_us / 1000 : 0,
                      why);
}

static sv_err take_watch(sv_fleet *fleet, const watch *w, int64_t now_ms, sv_why *why) {
    told_alert alert;
    const sv_route *route = sv_notify_route(fleet->config.notify, sv_text_of(w->route));
    sv_err err = load_alert(fleet->db, sv_text_of(w->alert), &alert, why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    bool wanted = err == SV_OK && alert.state < 2 && route != NULL
                  && (w->what == WATCH_REPEAT ? route->repeat_us : route->escalate_us) > 0;
    if (!wanted) {
        return move_watch(fleet->db, w, 0, 0, why);
    }
    return alert.state == 0
               ? tell_unheard(fleet, &alert, route, w, now_ms, why)
               : move_watch(fleet->db, w, w->round, now_ms + SV_NOTIFY_LOOK_AGAIN_MS, why);
}

/// [notify-8]
sv_err sv_notify_watch(sv_fleet *fleet, int64_t now_ms, sv_why *why) {
    SV_DEFER(sv_mem_drop) watch *due = sv_mem_array(SV_NOTIFY_WATCHES_A_TURN, sizeof *due);
    size_t count = 0;
    SV_TRY(load_due(fleet->db, now_ms, due, &count, why));
    for (size_t i = 0; i < count; i++) {
        SV_TRY(take_watch(fleet, &due[i], now_ms, why));
    }
    return SV_OK;
}
