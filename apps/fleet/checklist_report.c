#include "checklist_report.h"

#include <base/time.h>
#include <stdio.h>
#include <string.h>

static const char *const VERDICTS[] = { "does not hold", "unknown", "holds", "not applicable" };
enum { BROKEN, UNKNOWN, VERDICTS__COUNT = SV_COUNT(VERDICTS) };

/// A text of an object, 1 to SV_CHECKLIST_TEXT_MAX bytes.
static sv_err take_text(const sv_json *object, const char *key, sv_text *out, sv_why *why) {
    if (!sv_json_text(sv_json_get(object, key), out) || out->len == 0
        || out->len > SV_CHECKLIST_TEXT_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "\"%s\" of a statement is no text of 1 to %d bytes",
                       key, SV_CHECKLIST_TEXT_MAX);
    }
    return SV_OK;
}

static bool is_name(sv_text id) {
    for (size_t i = 0; i < id.len; i++) {
        if ((id.at[i] < 'a' || id.at[i] > 'z') && id.at[i] != '-') {
            return false;
        }
    }
    return id.len > 0;
}

static sv_err put_text(const sv_json *statement, const char *key, sv_json_out *out, sv_why *why) {
    sv_text text;
    SV_TRY(take_text(statement, key, &text, why));
    sv_json_add_text(out, key, text);
    return SV_OK;
}

static sv_err put_lines(const sv_json *statement, const char *key, sv_json_out *out, sv_why *why) {
    const sv_json *lines = sv_json_get(statement, key);
    size_t count = sv_json_count(lines);
    if (!sv_json_is_array(lines) || count > SV_CHECKLIST_LINES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "\"%s\" of a statement is no list of at most %d", key,
                       SV_CHECKLIST_LINES_MAX);
    }
    sv_json_key(out, key);
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_text line;
        if (!sv_json_text(sv_json_at(lines, i), &line) || line.len > SV_CHECKLIST_TEXT_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "a line of \"%s\" is no text of at most %d bytes",
                           key, SV_CHECKLIST_TEXT_MAX);
        }
        sv_json_put_text(out, line);
    }
    sv_json_close_array(out);
    return SV_OK;
}

static sv_err take_verdict(const sv_json *statement, size_t *out, sv_why *why) {
    sv_text verdict;
    SV_TRY(take_text(statement, "verdict", &verdict, why));
    for (size_t i = 0; i < VERDICTS__COUNT; i++) {
        if (sv_text_is(verdict, VERDICTS[i])) {
            *out = i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "'%.*s' is no verdict",
                   (int) (verdict.len < 40 ? verdict.len : 40), verdict.at);
}

static sv_err put_statement(const sv_json *statement, size_t counts[VERDICTS__COUNT],
                            sv_json_out *out, sv_why *why) {
    sv_text id;
    size_t verdict = 0;
    int64_t more = 0;
    SV_TRY(take_text(statement, "id", &id, why));
    if (!is_name(id)) {
        return sv_fail(why, SV_ERR_INVALID, "the id of a statement is of small letters and -");
    }
    SV_TRY(take_verdict(statement, &verdict, why));
    if (!sv_json_int(sv_json_get(statement, "seen_more"), &more) || more < 0) {
        return sv_fail(why, SV_ERR_INVALID, "\"seen_more\" of a statement is no number");
    }
    counts[verdict]++;
    sv_json_open_object(out);
    sv_json_add_text(out, "id", id);
    SV_TRY(put_text(statement, "title", out, why));
    sv_json_add_str(out, "verdict", VERDICTS[verdict]);
    SV_TRY(put_text(statement, "looked_at", out, why));
    SV_TRY(put_lines(statement, "seen", out, why));
    sv_json_add_int(out, "seen_more", more);
    SV_TRY(put_lines(statement, "answers", out, why));
    SV_TRY(put_text(statement, "remedy", out, why));
    sv_json_close_object(out);
    return SV_OK;
}

static sv_err put_statements(const sv_json *list, size_t counts[VERDICTS__COUNT], sv_json_out *out,
                             sv_why *why) {
    size_t count = sv_json_count(list);
    if (count == 0 || count > SV_CHECKLIST_STATEMENTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "\"statements\" is no list of 1 to %d",
                       SV_CHECKLIST_STATEMENTS_MAX);
    }
    sv_json_key(out, "statements");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        SV_TRY(put_statement(sv_json_at(list, i), counts, out, why));
    }
    sv_json_close_array(out);
    return SV_OK;
}

static void put_counts(const size_t counts[VERDICTS__COUNT], sv_json_out *out) {
    sv_json_add_bool(out, "holds", counts[BROKEN] == 0 && counts[UNKNOWN] == 0);
    sv_json_key(out, "verdicts");
    sv_json_open_object(out);
    for (size_t i = 0; i < VERDICTS__COUNT; i++) {
        sv_json_add_int(out, VERDICTS[i], (int64_t) counts[i]);
    }
    sv_json_close_object(out);
}

sv_err sv_checklist_read(sv_text body, int64_t now_us, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out json = SV_JSON_OUT(out);
    size_t counts[VERDICTS__COUNT] = { 0 };
    int64_t at_ms = 0;
    sv_text version;
    if (body.len > SV_CHECKLIST_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a report has at most %d bytes",
                       SV_CHECKLIST_BYTES_MAX);
    }
    SV_TRY(sv_json_parse(body, &root, NULL, why));
    if (!sv_json_int(sv_json_get(root, "at"), &at_ms) || at_ms < 0
        || at_ms > (now_us + SV_CHECKLIST_AHEAD_US) / 1000) {
        return sv_fail(why, SV_ERR_INVALID, "\"at\" is no time in milliseconds that has been");
    }
    SV_TRY(take_text(root, "version", &version, why));
    sv_json_open_object(&json);
    sv_json_add_int(&json, "at", at_ms);
    sv_json_add_text(&json, "version", version);
    SV_TRY(put_statements(sv_json_get(root, "statements"), counts, &json, why));
    put_counts(counts, &json);
    sv_json_close_object(&json);
    return out->overflowed ? sv_fail(why, SV_ERR_INVALID, "a report has at most %d bytes",
                                     SV_CHECKLIST_BYTES_MAX)
                           : SV_OK;
}

sv_err sv_checklist_keep(sv_db *db, sv_text report, const char *by, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO checklist (one, published_us, by, report) VALUES (1, ?1, ?2, ?3)"
                      " ON CONFLICT (one) DO UPDATE SET published_us = excluded.published_us,"
                      " by = excluded.by, report = excluded.report",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us);
    sv_stmt_bind_str(stmt, 2, by);
    sv_stmt_bind_text(stmt, 3, report);
    return sv_stmt_run(stmt, why);
}

sv_err sv_checklist_show(sv_db *db, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT published_us, by, report FROM checklist", &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "nobody has published a checklist yet: `selvedge checklist --publish` does");
    }
    SV_TRY(err);
    sv_json_open_object(out);
    sv_json_add_int(out, "published_at", sv_stmt_int(stmt, 0) / 1000);
    sv_json_add_text(out, "by", sv_stmt_text(stmt, 1));
    sv_json_key(out, "report");
    sv_json_put_raw(out, sv_stmt_text(stmt, 2));
    sv_json_close_object(out);
    sv_stmt_reset(stmt);
    return SV_OK;
}
