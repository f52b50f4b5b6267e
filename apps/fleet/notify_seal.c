#include "notify.h"

#include "inbox.h"

#include <base/mem.h>
#include <string.h>

/// A notice whose time has come.
typedef struct due_notice {
    int64_t seq;
    sv_notice_kind kind;
    sv_severity severity;
    char channel[SV_ID_ROOM], route[SV_ID_ROOM];
    char site[SV_ID_ROOM], type[SV_ID_ROOM], sensor[SV_ID_ROOM];
} due_notice;

static sv_err read_due(sv_stmt *stmt, due_notice *out) {
    char *const rooms[] = { out->channel, out->route, out->site, out->type, out->sensor };
    out->seq = sv_stmt_int(stmt, 0);
    out->kind = (sv_notice_kind) sv_stmt_int(stmt, 1);
    out->severity = (sv_severity) sv_stmt_int(stmt, 2);
    bool good = out->kind >= 0 && out->kind < SV_NOTICE_KIND__COUNT && out->severity >= 0
                && out->severity < SV_SEVERITY__COUNT;
    for (size_t i = 0; good && i < SV_COUNT(rooms); i++) {
        good = sv_text_copy(sv_stmt_text(stmt, 3 + (int) i), rooms[i], SV_ID_ROOM) == SV_OK;
    }
    return good ? SV_OK : SV_ERR_IO;
}

static sv_err load_due(sv_db *db, int64_t now_ms, due_notice *out, size_t *count, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT seq, kind, severity, channel, route, site, type, sensor FROM notice"
                      " WHERE state = 0 AND due_ms <= ?1 ORDER BY due_ms, seq LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_ms);
    sv_stmt_bind_int(stmt, 2, SV_NOTIFY_SEALS_A_TURN);
    *count = 0;
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        due_notice *due = &out[(*count)++];
        if (read_due(stmt, due) != SV_OK) {
            sv_stmt_reset(stmt);
            return sv_fail(why, SV_ERR_IO, "notice %lld is damaged", (long long) due->seq);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- what it says -------------------------------------------------------------------------------

/// What is written of one notice, and out of what.
typedef struct writing {
    sv_fleet *fleet;
    const due_notice *notice;
    int64_t count, over;
    char first[SV_ID_ROOM];
    char reason[SV_ALERT_MESSAGE_MAX];
    sv_textbuf title, body, facts;
} writing;

static void drop_writing(writing *w) {
    sv_textbuf_drop(&w->title);
    sv_textbuf_drop(&w->body);
    sv_textbuf_drop(&w->facts);
}

static sv_err count_alerts(writing *w, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(w->fleet->db,
                      "SELECT count(DISTINCT t.alert), count(DISTINCT CASE WHEN a.state = 2"
                      " THEN a.id END) FROM notice_alert t LEFT JOIN alert a ON a.id = t.alert"
                      " WHERE t.notice = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, w->notice->seq);
    SV_TRY(sv_stmt_next(stmt, why));
    w->count = sv_stmt_int(stmt, 0);
    w->over = sv_stmt_int(stmt, 1);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static void put_line(writing *w, sv_stmt *stmt) {
    bool over = sv_stmt_int(stmt, 5) == 2;
    sv_text device = sv_stmt_text(stmt, 1);
    sv_text message = sv_stmt_text(stmt, 3);
    sv_textbuf_addf(&w->body, SV_TEXT_FMT ": " SV_TEXT_FMT " (" SV_TEXT_FMT ", since ",
                    SV_TEXT_ARG(device), SV_TEXT_ARG(message), SV_TEXT_ARG(sv_stmt_text(stmt, 2)));
    sv_time_add(&w->body, sv_stmt_int(stmt, 4) / 1000 * SV_TIME_SECOND_US);
    sv_textbuf_add_str(&w->body, over ? ", over)\n" : ")\n");
    if (w->first[0] == '\0') {
        (void) sv_text_copy(device, w->first, sizeof w->first);
        (void) sv_text_copy(message, w->reason, sizeof w->reason);
    }
}

static void put_fact(sv_json_out *out, sv_stmt *stmt) {
    static const char *const STATES[] = { "open", "acknowledged", "cleared" };
    int64_t state = sv_stmt_int(stmt, 5);
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 0));
    sv_json_add_text(out, "device", sv_stmt_text(stmt, 1));
    sv_json_add_text(out, "severity", sv_stmt_text(stmt, 2));
    sv_json_add_text(out, "message", sv_stmt_text(stmt, 3));
    sv_json_add_int(out, "raised_at", sv_stmt_int(stmt, 4));
    sv_json_add_str(out, "state", STATES[state >= 0 && state < 3 ? state : 0]);
    sv_json_close_object(out);
}

static void open_facts(const writing *w, sv_json_out *out) {
    const due_notice *n = w->notice;
    sv_json_open_object(out);
    sv_json_add_str(out, "event", sv_notice_kind_name(n->kind));
    sv_json_add_str(out, "severity", sv_severity_name(n->severity));
    sv_json_add_str(out, "site", n->site);
    sv_json_add_str(out, "alertType", n->type);
    sv_json_add_str(out, "sensor", n->sensor[0] != '\0' ? n->sensor : NULL);
    sv_json_add_str(out, "route", n->route);
    sv_json_add_int(out, "count", w->count);
    sv_json_add_int(out, "over", w->over);
    sv_json_key(out, "alerts");
    sv_json_open_array(out);
}

static sv_err write_alerts(writing *w, sv_json_out *facts, sv_why *why) {
    sv_stmt *stmt;
    sv_err err;
    int64_t shown = 0;
    SV_TRY(sv_db_stmt(w->fleet->db,
                      "SELECT DISTINCT a.id, a.device, a.severity, a.message, a.raised_ms, a.state"
                      " FROM notice_alert t JOIN alert a ON a.id = t.alert WHERE t.notice = ?1"
                      " ORDER BY a.raised_ms, a.id LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, w->notice->seq);
    sv_stmt_bind_int(stmt, 2, SV_NOTICE_LINES_MAX);
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        put_line(w, stmt);
        put_fact(facts, stmt);
        shown++;
    }
    if (shown < w->count) {
        sv_textbuf_addf(&w->body, "and %lld more\n", (long long) (w->count - shown));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void write_title(writing *w) {
    const due_notice *n = w->notice;
    sv_notice_group group = { .kind = n->kind,
                              .site = sv_text_of(n->site),
                              .type = sv_text_of(n->type),
                              .sensor = sv_text_of(n->sensor),
                              .severity = n->severity,
                              .count = w->count,
                              .over = w->over,
                              .first = sv_text_of(w->first),
                              .reason = sv_text_of(w->reason) };
    sv_notice_title(&group, &w->title);
}

static void write_link(writing *w, sv_json_out *facts) {
    const char *base = w->fleet->config.notify->link;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    if (len > 0) {
        size_t from = w->body.len;
        sv_textbuf_addf(&w->body, "%.*s/alerts?site=%s", (int) len, base, w->notice->site);
        sv_text link = sv_textbuf_text(&w->body);
        sv_json_add_text(facts, "link", (sv_text){ .at = link.at + from, .len = link.len - from });
        sv_textbuf_add_char(&w->body, '\n');
    }
}

// ---- sealing ------------------------------------------------------------------------------------

static sv_err seal(writing *w, int64_t now_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(w->fleet->db,
                      "UPDATE notice SET state = 1, count = ?2, title = ?3, body = ?4, facts = ?5,"
                      " made_ms = ?6, due_ms = ?6 WHERE seq = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, w->notice->seq);
    sv_stmt_bind_int(stmt, 2, w->count);
    sv_stmt_bind_text(stmt, 3, sv_textbuf_text(&w->title));
    sv_stmt_bind_text(stmt, 4, sv_textbuf_text(&w->body));
    sv_stmt_bind_text(stmt, 5, sv_textbuf_text(&w->facts));
    sv_stmt_bind_int(stmt, 6, now_ms);
    return sv_stmt_run(stmt, why);
}

static sv_err write_and_seal(sv_fleet *fleet, const due_notice *notice, int64_t now_ms,
                             sv_why *why) {
    SV_DEFER(drop_writing)
    writing w = { .fleet = fleet,
                  .notice = notice,
                  .title = SV_TEXTBUF_HEAP(SV_MESSAGE_TITLE_MAX - 1),
                  .body = SV_TEXTBUF_HEAP(SV_MESSAGE_BODY_MAX),
                  .facts = SV_TEXTBUF_HEAP(SV_MESSAGE_FACTS_MAX) };
    sv_json_out facts = SV_JSON_OUT(&w.facts);
    SV_TRY(count_alerts(&w, why));
    open_facts(&w, &facts);
    SV_TRY(write_alerts(&w, &facts, why));
    sv_json_close_array(&facts);
    write_link(&w, &facts);
    sv_json_close_object(&facts);
    write_title(&w);
    return seal(&w, now_ms, why);
}

sv_err sv_notify_seal(sv_fleet *fleet, int64_t now_ms, sv_why *why) {
    SV_DEFER(sv_mem_drop) due_notice *due = sv_mem_array(SV_NOTIFY_SEALS_A_TURN, sizeof *due);
    size_t count = 0;
    SV_TRY(load_due(fleet->db, now_ms, due, &count, why));
    for (size_t i = 0; i < count; i++) {
        SV_TRY(write_and_seal(fleet, &due[i], now_ms, why));
    }
    return SV_OK;
}
