#include "audit_door.h"

#include "audit_log.h"
#include "views.h"

#include <codec/encode.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// ---- a page of lines ----------------------------------------------------------------------------

static void put_line(sv_stmt *row, sv_json_out *out) {
    char room[2 * SV_AUDIT_HASH_BYTES + 1];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_audit_line line;
    sv_audit_row(row, &line);
    sv_hex_add(&hex, line.hash, sizeof line.hash);
    sv_json_open_object(out);
    sv_json_add_int(out, "seq", line.seq);
    sv_json_add_int(out, "at", line.at_us / 1000);
    sv_json_add_text(out, "who", line.who);
    sv_json_add_text(out, "from", line.from);
    sv_json_add_text(out, "what", line.what);
    sv_json_add_text(out, "about", line.about);
    sv_json_add_text(out, "outcome", line.outcome);
    sv_json_add_text(out, "detail", line.detail);
    sv_json_add_text(out, "before", line.before);
    sv_json_add_text(out, "after", line.after);
    sv_json_add_text(out, "hash", sv_textbuf_text(&hex));
    sv_json_close_object(out);
}

/// The lines of a page lie in [floor, before).
typedef struct range {
    int64_t before, floor;
    bool more; ///< lines are below the floor
} range;

static sv_err find_range(sv_db *db, const char *cursor, int64_t look_max, range *out, sv_why *why) {
    uint64_t before = 0;
    sv_stmt *row;
    if (cursor[0] != '\0' && sv_text_u64(sv_text_of(cursor), INT64_MAX, &before) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    SV_TRY(sv_db_stmt(db, "SELECT coalesce(max(seq), 0) + 1, coalesce(min(seq), 0) FROM event_log",
                      &row, why));
    SV_TRY(sv_stmt_next(row, why));
    out->before = sv_stmt_int(row, 0);
    if (cursor[0] != '\0' && (int64_t) before < out->before) {
        out->before = (int64_t) before;
    }
    out->floor = out->before - (look_max > 0 ? look_max : SV_AUDIT_LOOK_MAX);
    out->more = sv_stmt_int(row, 1) < out->floor;
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err ask(sv_db *db, const sv_audit_query *query, const range *where, sv_stmt **out,
                  sv_why *why) {
    SV_TRY(sv_db_stmt(db,
                      "SELECT " SV_AUDIT_COLUMNS " FROM event_log WHERE seq < ?8 AND seq >= ?9"
                      " AND " SV_AUDIT_WHERE " AND (?11 = '' OR about IN (SELECT id FROM device"
                      " WHERE instr(?11, '\"' || site || '\"') > 0)) ORDER BY seq DESC LIMIT ?10",
                      out, why));
    sv_audit_bind(*out, &query->filter);
    sv_stmt_bind_int(*out, 8, where->before);
    sv_stmt_bind_int(*out, 9, where->floor);
    sv_stmt_bind_int(*out, 10, (int64_t) query->limit + 1);
    sv_stmt_bind_str(*out, 11, query->sites != NULL ? query->sites : "");
    return SV_OK;
}

sv_err sv_audit_list(sv_db *db, const sv_audit_query *query, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    range where = { 0 };
    SV_TRY(find_range(db, query->cursor, query->look_max, &where, why));
    SV_TRY(ask(db, query, &where, &row, why));
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
    (void) snprintf(next, sizeof next, "%" PRId64, err == SV_OK ? last : where.floor);
    sv_json_add_str(out, "next", err == SV_OK || where.more ? next : NULL);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- a page of an export ------------------------------------------------------------------------

static sv_err add_record(void *arg, const sv_audit_record *record) {
    sv_textbuf *out = arg;
    sv_audit_record_add(out, record);
    sv_textbuf_add_char(out, '\n');
    return SV_OK;
}

static void add_word(sv_textbuf *out, const char *name, const char *value) {
    if (value[0] != '\0') {
        sv_textbuf_addf(out, "%s%s=%s", out->len > 0 ? "&" : "", name, value);
    }
}

static void add_moment(sv_textbuf *out, const char *name, int64_t at_us) {
    if (at_us != 0) {
        sv_textbuf_addf(out, "%s%s=%" PRId64, out->len > 0 ? "&" : "", name, at_us / 1000);
    }
}

/// The filter as the question named it; "" when there is none.
static sv_text name_filter(const sv_audit_filter *filter, sv_textbuf *out) {
    add_word(out, "who", filter->who);
    add_word(out, "what", filter->what);
    add_word(out, "about", filter->about);
    add_word(out, "outcome", filter->outcome);
    add_word(out, "text", filter->text);
    add_moment(out, "from", filter->from_us);
    add_moment(out, "to", filter->to_us);
    return sv_textbuf_text(out);
}

enum { FILTER_ROOM = 5 * (SV_VISIT_WORD_MAX + 16) + 64 };

sv_err sv_audit_export_page(sv_db *db, const char *server, const sv_audit_filter *filter,
                            int64_t after, sv_textbuf *out, sv_why *why) {
    char room[FILTER_ROOM];
    sv_textbuf named = SV_TEXTBUF(room);
    sv_audit_record head = { .kind = SV_AUDIT_HEAD };
    sv_audit_record end = { .kind = SV_AUDIT_END };
    head.head = (sv_audit_head){ .server = sv_text_of(server),
                                 .after = after,
                                 .filter = name_filter(filter, &named) };
    const sv_audit_span span = { .after = after,
                                 .look_max = SV_AUDIT_EXPORT_LINES,
                                 .filter = *filter,
                                 .is_filtered = head.head.filter.len > 0 };
    SV_TRY(add_record(out, &head));
    SV_TRY(sv_audit_walk(db, &span, add_record, out, &end.end, why));
    return add_record(out, &end);
}

// ---- the doors ----------------------------------------------------------------------------------

/// A question's filter, and the room its words lie in.
typedef struct asked {
    char who[SV_VISIT_WORD_MAX], what[SV_VISIT_WORD_MAX], about[SV_VISIT_WORD_MAX];
    char outcome[SV_VISIT_WORD_MAX], text[SV_VISIT_WORD_MAX];
    int64_t from_ms, to_ms;
} asked;

/// False: the request is answered already.
static bool read_filter(const sv_visit *v, asked *a, sv_audit_filter *out) {
    static const char *const OUTCOMES[] = { "done", "refused", "failed", NULL };
    int outcome = 0;
    *a = (asked){ .from_ms = 0 };
    if (!sv_visit_word(v, "who", a->who) || !sv_visit_word(v, "what", a->what)
        || !sv_visit_word(v, "about", a->about) || !sv_visit_word(v, "text", a->text)
        || !sv_visit_word(v, "outcome", a->outcome)
        || !sv_visit_choice(v, "outcome", OUTCOMES, &outcome)
        || !sv_visit_number(v, "from", INT64_MAX / 2000, &a->from_ms)
        || !sv_visit_number(v, "to", INT64_MAX / 2000, &a->to_ms)) {
        return false;
    }
    *out = (sv_audit_filter){ .who = a->who,
                              .what = a->what,
                              .about = a->about,
                              .outcome = a->outcome,
                              .text = a->text,
                              .from_us = a->from_ms * 1000,
                              .to_us = a->to_ms * 1000 };
    return true;
}

void sv_audit_door(sv_visit *v) {
    asked a;
    char cursor[SV_VISIT_WORD_MAX];
    int64_t limit = SV_AUDIT_LIMIT_DEFAULT;
    sv_audit_query query = { .cursor = cursor };
    if (!read_filter(v, &a, &query.filter) || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_AUDIT_LIMIT_MAX, &limit)) {
        return;
    }
    query.limit = limit > 0 ? (size_t) limit : 1;
    query.sites = v->person.sites;
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_audit_list(v->fleet->db, &query, &out, &why);
    sv_visit_json(v, err, &json, &why);
}

/// Who took what away is part of the log, and of what is taken away.
static sv_err note_export(const sv_visit *v, const sv_audit_filter *filter, int64_t after,
                          sv_why *why) {
    char room[FILTER_ROOM];
    char detail[SV_AUDIT_DETAIL_MAX];
    sv_textbuf named = SV_TEXTBUF(room);
    sv_text words = name_filter(filter, &named);
    (void) snprintf(detail, sizeof detail, "lines behind %" PRId64 "%s%.300s", after,
                    words.len > 0 ? ", filter " : "", words.len > 0 ? room : "");
    const sv_audit_event event = { .at_us = v->fleet->wall_us(),
                                   .who = v->person.user,
                                   .from = sv_http_peer(v->request),
                                   .what = "audit.export",
                                   .about = v->fleet->config.id,
                                   .detail = detail };
    return sv_audit_add(v->fleet->db, &event, why);
}

void sv_audit_export_door(sv_visit *v) {
    asked a;
    int64_t after = 0;
    sv_audit_filter filter;
    sv_why why = { 0 };
    if (!read_filter(v, &a, &filter) || !sv_visit_number(v, "after", INT64_MAX / 2, &after)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_AUDIT_EXPORT_MAX);
    sv_err err = note_export(v, &filter, after, &why);
    if (err == SV_OK) {
        err = sv_audit_export_page(v->fleet->db, v->fleet->config.id, &filter, after, &text, &why);
    }
    if (err != SV_OK || text.overflowed) {
        err = err != SV_OK ? err : sv_fail(&why, SV_ERR_NO_SPACE, "a page is too large");
        sv_visit_failure(v, err, &why);
        return;
    }
    sv_http_reply_header(v->request, "Content-Disposition",
                         "attachment; filename=\"audit.ndjson\"");
    sv_http_reply(v->request, 200, "application/x-ndjson", sv_textbuf_text(&text));
}
