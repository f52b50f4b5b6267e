#include "audit_keep.h"
#include "notify.h"

#include <codec/json.h>
#include <crypto/random.h>
#include <stdio.h>
#include <string.h>

// ---- the next one -------------------------------------------------------------------------------

static sv_err read_message(sv_stmt *stmt, sv_message *out) {
    out->seq = sv_stmt_int(stmt, 0);
    out->made_ms = sv_stmt_int(stmt, 5);
    out->tries = sv_stmt_int(stmt, 6);
    out->once = sv_stmt_int(stmt, 7) == SV_NOTICE_TEST;
    SV_TRY(sv_text_copy(sv_stmt_text(stmt, 1), out->id, sizeof out->id));
    SV_TRY(sv_text_copy(sv_stmt_text(stmt, 2), out->title, sizeof out->title));
    sv_textbuf_add(&out->body, sv_stmt_text(stmt, 3));
    sv_textbuf_add(&out->facts, sv_stmt_text(stmt, 4));
    return out->body.overflowed || out->facts.overflowed ? SV_ERR_NO_SPACE : SV_OK;
}

// One cause is told in order: that it is over never overtakes that it began.
sv_err sv_notify_next(sv_fleet *fleet, const char *channel, int64_t now_ms, sv_message *out,
                      sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT seq, id, title, body, facts, made_ms, tries, kind FROM notice n"
                      " WHERE state = 1 AND channel = ?1 AND due_ms <= ?2 AND NOT EXISTS"
                      " (SELECT 1 FROM notice o WHERE o.channel = n.channel AND o.site = n.site"
                      " AND o.type = n.type AND o.sensor = n.sensor AND o.state = 1"
                      " AND o.seq < n.seq) ORDER BY due_ms, seq LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, channel);
    sv_stmt_bind_int(stmt, 2, now_ms);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = (sv_message){ .body = SV_TEXTBUF_HEAP(SV_MESSAGE_BODY_MAX),
                         .facts = SV_TEXTBUF_HEAP(SV_MESSAGE_FACTS_MAX) };
    sv_err err = read_message(stmt, out);
    sv_stmt_reset(stmt);
    if (err != SV_OK) {
        sv_message_drop(out);
        return sv_fail(why, SV_ERR_IO, "notice %lld is damaged", (long long) out->seq);
    }
    return SV_OK;
}

// ---- how it went --------------------------------------------------------------------------------

/// Between three quarters and five quarters, so that many do not come at once.
static int64_t with_jitter_ms(int64_t pause_us) {
    uint32_t chance = 0;
    sv_random(&chance, sizeof chance);
    int64_t pause_ms = pause_us / 1000;
    return pause_ms * 3 / 4 + (int64_t) (chance % (uint32_t) (pause_ms / 2 + 1));
}

/// When to try again; 0: never.
static int64_t next_try_ms(const sv_fleet *fleet, const sv_message *message,
                           const sv_delivery_end *end, int64_t now_ms) {
    int64_t pause_ms = with_jitter_ms(sv_notice_pause_us(message->tries + 1));
    int64_t asked_ms = end->retry_after_us / 1000;
    int64_t at_ms = now_ms + (asked_ms > pause_ms ? asked_ms : pause_ms);
    bool over = end->how == SV_DELIVERY_NEVER || message->once
                || at_ms - message->made_ms > fleet->config.notify->give_up_us / 1000;
    return over ? 0 : at_ms;
}

sv_err sv_notify_settle(sv_fleet *fleet, const sv_message *message, const sv_delivery_end *end,
                        int64_t now_ms, sv_why *why) {
    sv_stmt *stmt;
    bool taken = end->how == SV_DELIVERY_TAKEN;
    int64_t again_ms = taken ? 0 : next_try_ms(fleet, message, end, now_ms);
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE notice SET state = ?2, tries = tries + 1, error = ?3, done_ms = ?4,"
                      " due_ms = CASE WHEN ?5 > 0 THEN ?5 ELSE due_ms END"
                      " WHERE seq = ?1 AND state = 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, message->seq);
    sv_stmt_bind_int(stmt, 2,
                     taken          ? SV_NOTICE_SENT
                     : again_ms > 0 ? SV_NOTICE_WAITS
                                    : SV_NOTICE_GIVEN_UP);
    sv_stmt_bind_str(stmt, 3, end->error[0] != '\0' ? end->error : NULL);
    if (again_ms > 0) {
        sv_stmt_bind_null(stmt, 4);
    } else {
        sv_stmt_bind_int(stmt, 4, now_ms);
    }
    sv_stmt_bind_int(stmt, 5, again_ms);
    return sv_stmt_run(stmt, why);
}

// ---- by an operator -----------------------------------------------------------------------------

static sv_err require_given_up(sv_db *db, sv_text id, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT state, kind FROM notice WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no notification " SV_TEXT_FMT, SV_TEXT_ARG(id));
    }
    bool fits = err == SV_OK && sv_stmt_int(stmt, 0) == SV_NOTICE_GIVEN_UP;
    sv_stmt_reset(stmt);
    return err != SV_OK || fits
               ? err
               : sv_fail(why, SV_ERR_STATE, "notification " SV_TEXT_FMT " was not given up",
                         SV_TEXT_ARG(id));
}

static sv_err retry(sv_fleet *fleet, sv_text id, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(require_given_up(fleet->db, id, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE notice SET state = 1, tries = 0, error = NULL, done_ms = NULL,"
                      " made_ms = ?2, due_ms = ?2 WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, fleet->wall_us() / 1000);
    return sv_stmt_run(stmt, why);
}

/// The message is known by its id, the channel it goes over is what it is about.
static sv_err note(sv_fleet *fleet, sv_text id, const char *user, const char *what, sv_why *why) {
    char about[SV_AUDIT_NAME_MAX];
    char detail[SV_AUDIT_DETAIL_MAX];
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT channel FROM notice WHERE id = ?1", &row, why));
    sv_stmt_bind_text(row, 1, id);
    SV_TRY(sv_stmt_next(row, why));
    (void) snprintf(about, sizeof about, SV_TEXT_FMT, SV_TEXT_ARG(sv_stmt_text(row, 0)));
    sv_stmt_reset(row);
    (void) snprintf(detail, sizeof detail, "message " SV_TEXT_FMT, SV_TEXT_ARG(id));
    return sv_audit_deed(
        fleet, &(sv_audit_event){ .who = user, .what = what, .about = about, .detail = detail },
        why);
}

sv_err sv_notify_retry(sv_fleet *fleet, sv_text id, const char *user, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = retry(fleet, id, why);
    err = err == SV_OK ? note(fleet, id, user, "notify.retry", why) : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

sv_err sv_notify_test(sv_fleet *fleet, const char *channel, const char *route, const char *user,
                      char id[SV_MESSAGE_ID_ROOM], sv_why *why) {
    sv_stmt *stmt;
    char text[SV_MESSAGE_TITLE_MAX];
    sv_random_hex(id);
    (void) snprintf(text, sizeof text,
                    "test: this is a message from Selvedge over channel %s, sent by %s", channel,
                    user);
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO notice (id, channel, route, kind, site, type, sensor, severity,"
                      " state, count, made_ms, due_ms, title, body, facts) VALUES"
                      " (?1, ?2, ?3, ?4, '', 'TEST', ?1, 0, 1, 0, ?5, ?5, ?6, ?7,"
                      " '{\"event\":\"test\"}')",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    sv_stmt_bind_str(stmt, 2, channel);
    sv_stmt_bind_str(stmt, 3, route);
    sv_stmt_bind_int(stmt, 4, SV_NOTICE_TEST);
    sv_stmt_bind_int(stmt, 5, fleet->wall_us() / 1000);
    sv_stmt_bind_str(stmt, 6, text);
    sv_stmt_bind_str(stmt, 7, "Nothing is wrong. Somebody asked whether this way works.\n");
    SV_TRY(sv_stmt_run(stmt, why));
    return note(fleet, sv_text_of(id), user, "notify.test", why);
}

// ---- what is over -------------------------------------------------------------------------------

static sv_err give_up_the_oldest(sv_fleet *fleet, int64_t now_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE notice SET state = 3, done_ms = ?1, error = 'too many were waiting'"
                      " WHERE state = 1 AND seq <= (SELECT seq FROM notice WHERE state = 1"
                      " ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_ms);
    sv_stmt_bind_int(stmt, 2, SV_NOTICES_WAITING_MAX);
    return sv_stmt_run(stmt, why);
}

/// A channel with something waiting that nobody configures any more. SV_ERR_NOT_FOUND.
static sv_err find_gone(sv_fleet *fleet, char channel[SV_ID_ROOM], sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(
        sv_db_stmt(fleet->db, "SELECT DISTINCT channel FROM notice WHERE state = 1", &stmt, why));
    for (sv_err err; (err = sv_stmt_next(stmt, why)) != SV_ERR_NOT_FOUND;) {
        SV_TRY(err);
        sv_text name = sv_stmt_text(stmt, 0);
        if (sv_notify_channel(fleet->config.notify, name) == NULL) {
            err = sv_text_copy(name, channel, SV_ID_ROOM);
            sv_stmt_reset(stmt);
            return err;
        }
    }
    return SV_ERR_NOT_FOUND;
}

static sv_err give_up_without_channel(sv_fleet *fleet, int64_t now_ms, sv_why *why) {
    char channel[SV_ID_ROOM];
    sv_stmt *stmt;
    for (sv_err err; (err = find_gone(fleet, channel, why)) != SV_ERR_NOT_FOUND;) {
        SV_TRY(err);
        SV_TRY(sv_db_stmt(fleet->db,
                          "UPDATE notice SET state = 3, done_ms = ?1,"
                          " error = 'the channel is not configured any more'"
                          " WHERE state = 1 AND channel = ?2",
                          &stmt, why));
        sv_stmt_bind_int(stmt, 1, now_ms);
        sv_stmt_bind_str(stmt, 2, channel);
        SV_TRY(sv_stmt_run(stmt, why));
    }
    return SV_OK;
}

/// With the lines of who was told what. What an alert has in the inbox stays with it.
static sv_err remove_old(sv_db *db, int64_t before_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM notice WHERE state >= 2 AND done_ms < ?1 AND NOT EXISTS"
                      " (SELECT 1 FROM notice_alert t JOIN alert a ON a.id = t.alert"
                      " WHERE t.notice = seq)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, before_ms);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_exec(db,
                      "DELETE FROM notice_alert WHERE NOT EXISTS"
                      " (SELECT 1 FROM notice n WHERE n.seq = notice)",
                      why);
}

sv_err sv_notify_prune(sv_fleet *fleet, int64_t before_ms, sv_why *why) {
    int64_t now_ms = fleet->wall_us() / 1000;
    SV_TRY(give_up_the_oldest(fleet, now_ms, why));
    SV_TRY(give_up_without_channel(fleet, now_ms, why));
    return remove_old(fleet->db, before_ms, why);
}
