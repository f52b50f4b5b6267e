// A token, or the name in a manufacturer's certificate, as somebody shows it.
#include "enrol.h"

#include "enrol_own.h"

#include <base/time.h>
#include <string.h>

#define COLUMNS "SELECT seq, id, site, created_us, expires_us, used_us, withdrawn_us"

static sv_err refuse(sv_why *why, sv_text id, const char *what, int64_t at_us, const char *then) {
    char room[64];
    sv_textbuf when = SV_TEXTBUF(room);
    sv_time_add(&when, at_us - at_us % SV_TIME_SECOND_US);
    return sv_fail(why, SV_ERR_UNTRUSTED, "the token for " SV_TEXT_FMT " %s " SV_TEXT_FMT "%s",
                   SV_TEXT_ARG(id), what, SV_TEXT_ARG(sv_textbuf_text(&when)), then);
}

/// `id`: whom it is shown for; empty: whoever it is for.
static sv_err judge(sv_stmt *row, sv_text id, int64_t now_us, sv_why *why) {
    if (id.len > 0 && !sv_text_eq(sv_stmt_text(row, 1), id)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this token is for another id than " SV_TEXT_FMT,
                       SV_TEXT_ARG(id));
    }
    sv_text owner = sv_stmt_text(row, 1);
    if (!sv_stmt_is_null(row, 5)) {
        return refuse(why, owner, "was used on", sv_stmt_int(row, 5), "; ask for a new one");
    }
    if (!sv_stmt_is_null(row, 6)) {
        return refuse(why, owner, "was withdrawn on", sv_stmt_int(row, 6), "");
    }
    if (sv_stmt_int(row, 4) <= now_us) {
        return refuse(why, owner, "expired on", sv_stmt_int(row, 4), "; ask for a new one");
    }
    if (now_us < sv_stmt_int(row, 3) - SV_TIME_HOUR_US) {
        return sv_fail(why, SV_ERR_STATE,
                       "the fleet server's clock says a time before this token was made; its "
                       "clock has to be set");
    }
    return SV_OK;
}

static sv_err take(sv_stmt *row, sv_text id, int64_t now_us, sv_enrol_pass *out, sv_why *why) {
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        out->seq = sv_stmt_int(row, 0);
        err = sv_text_copy(sv_stmt_text(row, 1), out->id, sizeof out->id);
    }
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(row, 2), out->site, sizeof out->site);
    }
    if (err == SV_OK) {
        err = judge(row, id, now_us, why);
    }
    sv_stmt_reset(row);
    return err;
}

sv_err sv_enrol_find_token(sv_db *db, sv_text id, sv_text token, int64_t now_us, sv_enrol_pass *out,
                           sv_why *why) {
    sv_stmt *stmt;
    char hash[SV_ENROL_HASH_ROOM];
    *out = (sv_enrol_pass){ 0 };
    sv_enrol_hash(token, hash);
    SV_TRY(sv_db_stmt(db, COLUMNS " FROM enrolment_token WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return take(stmt, id, now_us, out, why);
}

sv_err sv_enrol_find_idevid(sv_db *db, sv_text name, int64_t now_us, sv_enrol_pass *out,
                            sv_why *why) {
    sv_stmt *stmt;
    *out = (sv_enrol_pass){ 0 };
    SV_TRY(sv_db_stmt(db, COLUMNS " FROM enrolment_token WHERE idevid = ?1 ORDER BY seq DESC",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, name);
    return take(stmt, SV_TEXT(""), now_us, out, why);
}

sv_err sv_enrol_burn(sv_db *db, const sv_enrol_pass *pass, const char *serial, int64_t now_us,
                     sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE enrolment_token SET used_us = ?2, serial = ?3 WHERE seq = ?1"
                      " AND used_us IS NULL AND withdrawn_us IS NULL AND expires_us > ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, pass->seq);
    sv_stmt_bind_int(stmt, 2, now_us);
    sv_stmt_bind_str(stmt, 3, serial);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) == 1
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "the token for %s was used, withdrawn or out of time meanwhile", pass->id);
}

sv_err sv_enrol_note(sv_db *db, const sv_enrol_pass *pass, const char *from, const char *outcome,
                     int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE enrolment_token SET last_us = ?2, last_from = ?3, last_outcome = ?4"
                      " WHERE seq = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, pass->seq);
    sv_stmt_bind_int(stmt, 2, now_us);
    sv_stmt_bind_str(stmt, 3, from);
    sv_stmt_bind_str(stmt, 4, outcome);
    return sv_stmt_run(stmt, why);
}
