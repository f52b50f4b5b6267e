#include "audit_door.h"

#include "audit_log.h"
#include "views.h"

#include <inttypes.h>
#include <stdio.h>

static void put_line(sv_stmt *row, sv_json_out *out) {
    static const char *const KEYS[] = { "who", "from", "what", "about", "outcome", "detail" };
    sv_json_open_object(out);
    sv_json_add_int(out, "seq", sv_stmt_int(row, 0));
    sv_json_add_int(out, "at", sv_stmt_int(row, 1) / 1000);
    for (size_t i = 0; i < SV_COUNT(KEYS); i++) {
        sv_json_add_text(out, KEYS[i], sv_stmt_text(row, (int) i + 2));
    }
    sv_json_close_object(out);
}

static sv_err ask(sv_db *db, const sv_audit_query *query, int64_t before, sv_stmt **out,
                  sv_why *why) {
    SV_TRY(
        sv_db_stmt(db,
                   "SELECT seq, at_us, who, \"from\", what, about, outcome, detail FROM event_log"
                   " WHERE seq < ?1 AND (?2 = '' OR what = ?2"
                   " OR substr(what, 1, length(?2) + 1) = ?2 || '.')"
                   " AND (?3 = '' OR about = ?3) ORDER BY seq DESC LIMIT ?4",
                   out, why));
    sv_stmt_bind_int(*out, 1, before);
    sv_stmt_bind_str(*out, 2, query->what);
    sv_stmt_bind_str(*out, 3, query->about);
    sv_stmt_bind_int(*out, 4, (int64_t) query->limit + 1);
    return SV_OK;
}

sv_err sv_audit_list(sv_db *db, const sv_audit_query *query, sv_json_out *out, sv_why *why) {
    uint64_t before = INT64_MAX;
    sv_stmt *row;
    if (query->cursor[0] != '\0'
        && sv_text_u64(sv_text_of(query->cursor), INT64_MAX, &before) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", query->cursor);
    }
    SV_TRY(ask(db, query, (int64_t) before, &row, why));
    int64_t last = 0;
    size_t count = 0;
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && count < query->limit; err = sv_stmt_next(row, why), count++) {
        last = sv_stmt_int(row, 0);
        put_line(row, out);
    }
    sv_stmt_reset(row);
    sv_json_close_array(out);
    char next[24];
    (void) snprintf(next, sizeof next, "%" PRId64, last);
    sv_json_add_str(out, "next", err == SV_OK ? next : NULL);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_audit_door(sv_visit *v) {
    char what[SV_VISIT_WORD_MAX];
    char about[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    int64_t limit = SV_AUDIT_LIMIT_DEFAULT;
    if (!sv_visit_word(v, "what", what) || !sv_visit_word(v, "about", about)
        || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_AUDIT_LIMIT_MAX, &limit)) {
        return;
    }
    const sv_audit_query query = {
        .what = what, .about = about, .cursor = cursor, .limit = limit > 0 ? (size_t) limit : 1
    };
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_audit_list(v->fleet->db, &query, &out, &why);
    sv_visit_json(v, err, &json, &why);
}
