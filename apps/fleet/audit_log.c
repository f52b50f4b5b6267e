#include "audit_log.h"

#include <codec/encode.h>
#include <string.h>

static const char *const OUTCOMES[SV_AUDIT_OUTCOME__COUNT] = {
    [SV_AUDIT_DONE] = "done",
    [SV_AUDIT_REFUSED] = "refused",
    [SV_AUDIT_FAILED] = "failed",
};

/// Bytes of the character that begins at `text`; 0: none that a line may hold.
static size_t character(sv_text text) {
    unsigned char first = (unsigned char) text.at[0];
    size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    bool control = first < 0x20 || first == 0x7F
                   || (first == 0xC2 && text.len > 1 && (unsigned char) text.at[1] < 0xA0);
    if (control || len > text.len || !sv_utf8_is_valid((sv_text){ .at = text.at, .len = len })) {
        return 0;
    }
    return len;
}

/// As much of `said` as fits into `room`, a line that shows itself as it is.
static sv_text as_line(const char *said, char *room, size_t room_bytes) {
    sv_text rest = sv_text_of(said);
    size_t used = 0;
    while (rest.len > 0) {
        size_t len = character(rest);
        size_t taken = len > 0 ? len : 1;
        if (used + taken > room_bytes) {
            break;
        }
        memcpy(room + used, len > 0 ? rest.at : "?", taken);
        used += taken;
        rest = (sv_text){ .at = rest.at + taken, .len = rest.len - taken };
    }
    return (sv_text){ .at = room, .len = used };
}

sv_err sv_audit_add(sv_db *db, const sv_audit_event *event, sv_why *why) {
    const char *const names[] = { event->who, event->from, event->what, event->about };
    char room[SV_AUDIT_DETAIL_MAX];
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO event_log (who, \"from\", what, about, detail, at_us, outcome)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      &stmt, why));
    for (size_t i = 0; i < SV_COUNT(names); i++) {
        sv_stmt_bind_text(stmt, (int) i + 1, as_line(names[i], room, SV_AUDIT_NAME_MAX));
    }
    sv_stmt_bind_text(stmt, 5, as_line(event->detail, room, SV_AUDIT_DETAIL_MAX));
    sv_stmt_bind_int(stmt, 6, event->at_us);
    sv_stmt_bind_str(stmt, 7, OUTCOMES[event->outcome]);
    return sv_stmt_run(stmt, why);
}

sv_err sv_audit_prune(sv_db *db, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM event_log WHERE at_us < ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us - SV_AUDIT_KEPT_US);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM event_log WHERE outcome = 'refused' AND seq <= (SELECT seq FROM"
                      " event_log WHERE outcome = 'refused' ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, SV_AUDIT_REFUSED_MAX);
    return sv_stmt_run(stmt, why);
}
