#include "notify_view.h"

#include "notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <store/json.h>
#include <string.h>

enum { HOUR_TEXT_ROOM = 16, MINUTES_AN_HOUR = 60 };

static const char *const STATES[SV_NOTICE_STATE__COUNT] = {
    [SV_NOTICE_GATHERS] = "gathering",
    [SV_NOTICE_WAITS] = "waiting",
    [SV_NOTICE_SENT] = "sent",
    [SV_NOTICE_GIVEN_UP] = "failed",
};

#define COLUMNS                                                                                    \
    "SELECT id, channel, route, kind, site, type, sensor, severity, state, count, title, made_ms," \
    " due_ms, done_ms, tries, error, body, seq FROM notice "

static void put_cause(sv_json_out *out, sv_stmt *stmt) {
    int64_t kind = sv_stmt_int(stmt, 3);
    int64_t severity = sv_stmt_int(stmt, 7);
    bool fits = kind >= 0 && kind < SV_NOTICE_KIND__COUNT;
    sv_json_add_str(out, "event", sv_notice_kind_name(fits ? (sv_notice_kind) kind : 0));
    sv_stmt_add_text(stmt, 4, out, "site");
    if (kind == SV_NOTICE_TEST) {
        sv_json_add_null(out, "type");
        sv_json_add_null(out, "sensor");
    } else {
        sv_stmt_add_text(stmt, 5, out, "type");
        sv_stmt_add_text(stmt, 6, out, "sensor");
    }
    fits = severity >= 0 && severity < SV_SEVERITY__COUNT;
    sv_json_add_str(out, "severity", sv_severity_name(fits ? (sv_severity) severity : 0));
    sv_json_add_int(out, "count", sv_stmt_int(stmt, 9));
}

static void put_notice(sv_json_out *out, sv_stmt *stmt, bool whole) {
    int64_t state = sv_stmt_int(stmt, 8);
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 0));
    sv_json_add_text(out, "channel", sv_stmt_text(stmt, 1));
    sv_stmt_add_text(stmt, 2, out, "route");
    put_cause(out, stmt);
    sv_json_add_str(out, "state", STATES[state >= 0 && state < SV_NOTICE_STATE__COUNT ? state : 0]);
    sv_stmt_add_text(stmt, 10, out, "title");
    sv_json_add_int(out, "made_at", sv_stmt_int(stmt, 11));
    if (state < SV_NOTICE_SENT) {
        sv_json_add_int(out, "due_at", sv_stmt_int(stmt, 12));
    }
    if (!sv_stmt_is_null(stmt, 13)) {
        sv_json_add_int(out, "done_at", sv_stmt_int(stmt, 13));
    }
    sv_json_add_int(out, "tries", sv_stmt_int(stmt, 14));
    sv_stmt_add_text(stmt, 15, out, "error");
    if (whole) {
        sv_json_add_text(out, "text", sv_stmt_text(stmt, 16));
    }
    sv_json_close_object(out);
}

// ---- lists --------------------------------------------------------------------------------------

static sv_err read_cursor(const char *cursor, int64_t *before, sv_why *why) {
    uint64_t seq = 0;
    *before = INT64_MAX;
    if (cursor[0] != '\0') {
        if (sv_text_u64(sv_text_of(cursor), INT64_MAX, &seq) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "cursor: '%s' did not come from here", cursor);
        }
        *before = (int64_t) seq;
    }
    return SV_OK;
}

sv_err sv_notify_list(sv_fleet *fleet, const sv_notify_query *query, sv_json_out *out,
                      char next[SV_NOTIFY_CURSOR_MAX], sv_why *why) {
    sv_stmt *stmt;
    int64_t before = 0;
    int64_t last = 0;
    size_t shown = 0;
    next[0] = '\0';
    SV_TRY(read_cursor(query->cursor, &before, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      COLUMNS "WHERE seq < ?1 AND (?2 < 0 OR state = ?2)"
                              " AND (?3 = '' OR channel = ?3)"
                              " AND (?5 = '' OR instr(?5, '\"' || site || '\"') > 0)"
                              " ORDER BY seq DESC LIMIT ?4",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, before);
    sv_stmt_bind_int(stmt, 2, query->state);
    sv_stmt_bind_str(stmt, 3, query->channel);
    sv_stmt_bind_int(stmt, 4, (int64_t) query->limit + 1);
    sv_stmt_bind_str(stmt, 5, query->sites != NULL ? query->sites : "");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        if (shown++ == query->limit) {
            (void) snprintf(next, SV_NOTIFY_CURSOR_MAX, "%" PRId64, last);
            sv_stmt_reset(stmt);
            break;
        }
        put_notice(out, stmt, false);
        last = sv_stmt_int(stmt, 17);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_notify_write(sv_fleet *fleet, sv_text id, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, COLUMNS "WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no notification '" SV_TEXT_FMT "'", SV_TEXT_ARG(id));
    }
    if (err == SV_OK) {
        put_notice(out, stmt, true);
        sv_stmt_reset(stmt);
    }
    return err;
}

// ---- the configuration --------------------------------------------------------------------------

static sv_err count_of(sv_db *db, const char *channel, sv_notice_state state, int64_t *out,
                       sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT count(*) FROM notice WHERE channel = ?1 AND state = ?2", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, channel);
    sv_stmt_bind_int(stmt, 2, state);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// The last one whose fate is known.
static sv_err put_last(sv_fleet *fleet, const char *channel, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      COLUMNS "WHERE channel = ?1 AND state >= 2 ORDER BY done_ms DESC, seq DESC"
                              " LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, channel);
    sv_json_key(out, "last");
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        put_notice(out, stmt, false);
        sv_stmt_reset(stmt);
    } else if (err == SV_ERR_NOT_FOUND) {
        sv_json_put_null(out);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void put_goes_to(const sv_channel *channel, sv_json_out *out) {
    sv_json_key(out, "to");
    sv_json_open_array(out);
    for (size_t i = 0; channel->kind == SV_CHANNEL_SMTP && i < channel->smtp.to_count; i++) {
        sv_json_put_str(out, channel->smtp.to[i]);
    }
    if (channel->kind != SV_CHANNEL_SMTP) {
        sv_json_put_str(out, channel->url.host);
    }
    sv_json_close_array(out);
}

/// As it is configured.
static void put_kind(const sv_channel *channel, sv_json_out *out) {
    sv_json_add_str(out, "name", channel->name);
    sv_json_add_str(out, "kind", sv_channel_kind_name(channel->kind));
    put_goes_to(channel, out);
    sv_json_add_bool(out, "private", channel->allow_private);
}

static sv_err put_channel(sv_fleet *fleet, const sv_channel *channel, sv_json_out *out,
                          sv_why *why) {
    int64_t waiting = 0;
    int64_t failed = 0;
    SV_TRY(count_of(fleet->db, channel->name, SV_NOTICE_WAITS, &waiting, why));
    SV_TRY(count_of(fleet->db, channel->name, SV_NOTICE_GIVEN_UP, &failed, why));
    sv_json_open_object(out);
    put_kind(channel, out);
    sv_json_add_int(out, "waiting", waiting);
    sv_json_add_int(out, "failed", failed);
    SV_TRY(put_last(fleet, channel->name, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

static void put_patterns(const char *key, const sv_patterns *patterns, sv_json_out *out) {
    sv_json_key(out, key);
    sv_json_open_array(out);
    for (size_t i = 0; i < patterns->count; i++) {
        sv_json_put_str(out, patterns->list[i]);
    }
    sv_json_close_array(out);
}

static void put_names(const char *key, const sv_names *names, sv_json_out *out) {
    sv_json_key(out, key);
    sv_json_open_array(out);
    for (size_t i = 0; i < names->count; i++) {
        sv_json_put_str(out, names->list[i]);
    }
    sv_json_close_array(out);
}

static void put_hours(const char *key, const sv_hours *hours, sv_json_out *out) {
    char room[HOUR_TEXT_ROOM];
    if (!hours->set) {
        sv_json_add_null(out, key);
        return;
    }
    (void) snprintf(room, sizeof room, "%02u:%02u-%02u:%02u",
                    (unsigned) (hours->from / MINUTES_AN_HOUR) % 100,
                    (unsigned) (hours->from % MINUTES_AN_HOUR) % 100,
                    (unsigned) (hours->to / MINUTES_AN_HOUR) % 100,
                    (unsigned) (hours->to % MINUTES_AN_HOUR) % 100);
    sv_json_add_str(out, key, room);
}

static void put_bits(const char *key, unsigned bits, size_t count, const char *(*name)(int),
                     sv_json_out *out) {
    sv_json_key(out, key);
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        if ((bits >> i & 1U) != 0) {
            sv_json_put_str(out, name((int) i));
        }
    }
    sv_json_close_array(out);
}

static const char *day_name(int day) {
    static const char *const DAYS[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    return DAYS[day];
}

static const char *alert_name(int type) {
    return sv_alert_type_name((sv_alert_type) type);
}

static const char *zone_name(const sv_notify_config *config, const sv_zone *zone) {
    for (size_t i = 0; zone != NULL && i < config->zone_count; i++) {
        if (config->zones[i].zone == zone) {
            return config->zones[i].name;
        }
    }
    return "UTC";
}

static void put_route(const sv_notify_config *config, const sv_route *route, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "name", route->name);
    put_patterns("site", &route->sites, out);
    put_patterns("device", &route->devices, out);
    put_patterns("group", &route->groups, out);
    put_patterns("type", &route->types, out);
    put_bits("alert", route->alerts, SV_ALERT_TYPE__COUNT, alert_name, out);
    sv_json_add_str(out, "severity", sv_severity_name(route->least));
    put_bits("days", route->days, 7, day_name, out);
    put_hours("hours", &route->hours, out);
    put_hours("quiet", &route->quiet, out);
    sv_json_add_str(out, "zone", zone_name(config, route->zone));
    put_names("to", &route->to, out);
    put_names("escalate_to", &route->escalate_to, out);
    sv_json_add_int(out, "escalate_after_s", route->escalate_us / SV_TIME_SECOND_US);
    sv_json_add_int(out, "repeat_s", route->repeat_us / SV_TIME_SECOND_US);
    sv_json_add_bool(out, "recovery", route->recovery);
    sv_json_close_object(out);
}

static void put_routes(const sv_notify_config *config, sv_json_out *out) {
    sv_json_key(out, "routes");
    sv_json_open_array(out);
    for (size_t i = 0; i < config->route_count; i++) {
        put_route(config, &config->routes[i], out);
    }
    sv_json_close_array(out);
}

void sv_notify_config_write(const sv_notify_config *config, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "match", config->all ? "all" : "first");
    sv_json_add_int(out, "gather_s", config->gather_us / SV_TIME_SECOND_US);
    sv_json_key(out, "channels");
    sv_json_open_array(out);
    for (size_t i = 0; i < config->channel_count; i++) {
        sv_json_open_object(out);
        put_kind(&config->channels[i], out);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    put_routes(config, out);
    sv_json_close_object(out);
}

sv_err sv_notify_setup(sv_fleet *fleet, sv_json_out *out, sv_why *why) {
    const sv_notify_config *config = fleet->config.notify;
    sv_json_open_object(out);
    sv_json_add_str(out, "match", config->all ? "all" : "first");
    sv_json_add_int(out, "gather_s", config->gather_us / SV_TIME_SECOND_US);
    sv_json_key(out, "channels");
    sv_json_open_array(out);
    for (size_t i = 0; i < config->channel_count; i++) {
        SV_TRY(put_channel(fleet, &config->channels[i], out, why));
    }
    sv_json_close_array(out);
    put_routes(config, out);
    sv_json_close_object(out);
    return SV_OK;
}
