#include <inttypes.h>
#include <store/audit.h>
#include <string.h>

static void copy_hash(sv_text bytes, uint8_t out[SV_AUDIT_HASH_BYTES]) {
    memset(out, 0, SV_AUDIT_HASH_BYTES);
    memcpy(out, bytes.at, bytes.len < SV_AUDIT_HASH_BYTES ? bytes.len : SV_AUDIT_HASH_BYTES);
}

void sv_audit_row(sv_stmt *row, sv_audit_line *out) {
    *out = (sv_audit_line){ .seq = sv_stmt_int(row, 0),
                            .at_us = sv_stmt_int(row, 1),
                            .who = sv_stmt_text(row, 2),
                            .from = sv_stmt_text(row, 3),
                            .what = sv_stmt_text(row, 4),
                            .about = sv_stmt_text(row, 5),
                            .outcome = sv_stmt_text(row, 6),
                            .detail = sv_stmt_text(row, 7),
                            .before = sv_stmt_text(row, 8),
                            .after = sv_stmt_text(row, 9) };
    copy_hash(sv_stmt_bytes(row, 10), out->prev);
    copy_hash(sv_stmt_bytes(row, 11), out->hash);
}

void sv_audit_bind(sv_stmt *stmt, const sv_audit_filter *filter) {
    sv_stmt_bind_str(stmt, 1, filter->who);
    sv_stmt_bind_str(stmt, 2, filter->about);
    sv_stmt_bind_str(stmt, 3, filter->outcome);
    sv_stmt_bind_str(stmt, 4, filter->what);
    sv_stmt_bind_str(stmt, 5, filter->text);
    sv_stmt_bind_int(stmt, 6, filter->from_us);
    sv_stmt_bind_int(stmt, 7, filter->to_us);
}

// ---- signed records -----------------------------------------------------------------------------

/// From the column on: when, domain, signature.
static void read_seal(sv_stmt *row, int column, sv_audit_seal *out) {
    sv_text signature = sv_stmt_bytes(row, column + 2);
    *out = (sv_audit_seal){ .at_us = sv_stmt_int(row, column) };
    // What does not fit is none of ours, and verifies as nothing.
    (void) sv_text_copy(sv_stmt_text(row, column + 1), out->domain, sizeof out->domain);
    if (signature.len <= sizeof out->signature) {
        memcpy(out->signature, signature.at, signature.len);
        out->signature_bytes = signature.len;
    }
}

static void read_gap(sv_stmt *row, sv_audit_record *out) {
    *out = (sv_audit_record){ .kind = SV_AUDIT_GAP };
    out->gap.first = sv_stmt_int(row, 0);
    out->gap.last = sv_stmt_int(row, 1);
    copy_hash(sv_stmt_bytes(row, 2), out->gap.prev);
    copy_hash(sv_stmt_bytes(row, 3), out->gap.hash);
    read_seal(row, 4, &out->gap.seal);
}

static void read_checkpoint(sv_stmt *row, sv_audit_record *out) {
    *out = (sv_audit_record){ .kind = SV_AUDIT_CHECKPOINT };
    out->checkpoint.seq = sv_stmt_int(row, 0);
    copy_hash(sv_stmt_bytes(row, 1), out->checkpoint.hash);
    read_seal(row, 2, &out->checkpoint.seal);
}

// ---- the walk -----------------------------------------------------------------------------------

/// One of the three tables, a row ahead of what was shown.
typedef struct source {
    sv_stmt *row;
    sv_err err; ///< SV_OK: the row is there
    int64_t at; ///< the line that it is, or stands behind
} source;

static void step(source *from, sv_why *why) {
    from->err = from->err == SV_OK ? sv_stmt_next(from->row, why) : from->err;
    from->at = from->err == SV_OK ? sv_stmt_int(from->row, 0) : INT64_MAX;
}

static sv_err open_source(sv_db *db, const char *sql, int64_t after, source *out, sv_why *why) {
    *out = (source){ .err = SV_OK };
    SV_TRY(sv_db_stmt(db, sql, &out->row, why));
    sv_stmt_bind_int(out->row, 1, after);
    step(out, why);
    return SV_OK;
}

typedef struct walk {
    source lines, gaps, checkpoints;
    int64_t last, looked;
} walk;

static bool has_failed(const walk *w, sv_err *out) {
    const source *const all[] = { &w->lines, &w->gaps, &w->checkpoints };
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        if (all[i]->err != SV_OK && all[i]->err != SV_ERR_NOT_FOUND) {
            *out = all[i]->err;
            return true;
        }
    }
    return false;
}

/// The next record in the order of the chain: of a checkpoint, what it is about comes first.
static void take(walk *w, sv_audit_record *record) {
    if (w->checkpoints.at <= w->last || (w->lines.at == INT64_MAX && w->gaps.at == INT64_MAX)) {
        read_checkpoint(w->checkpoints.row, record);
    } else if (w->gaps.at <= w->lines.at) {
        read_gap(w->gaps.row, record);
        w->last = record->gap.last;
        w->looked++;
    } else {
        *record = (sv_audit_record){ .kind = SV_AUDIT_LINE };
        sv_audit_row(w->lines.row, &record->line);
        w->last = record->line.seq;
        w->looked++;
    }
}

static source *source_of(walk *w, sv_audit_kind kind) {
    return kind == SV_AUDIT_LINE ? &w->lines : kind == SV_AUDIT_GAP ? &w->gaps : &w->checkpoints;
}

static bool is_over(const walk *w, const sv_audit_span *span) {
    bool rows = w->lines.at != INT64_MAX || w->gaps.at != INT64_MAX;
    if (span->look_max > 0 && w->looked >= span->look_max && w->checkpoints.at > w->last) {
        return true;
    }
    return !rows && w->checkpoints.at == INT64_MAX;
}

static sv_err walk_all(walk *w, const sv_audit_span *span, sv_audit_visit *visit, void *arg,
                       sv_why *why) {
    sv_err failed = SV_OK;
    while (!has_failed(w, &failed) && !is_over(w, span)) {
        sv_audit_record record;
        take(w, &record);
        SV_TRY(visit(arg, &record));
        step(source_of(w, record.kind), why);
    }
    return failed;
}

static void close_walk(walk *w) {
    source *const all[] = { &w->lines, &w->gaps, &w->checkpoints };
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        if (all[i]->row != NULL) {
            sv_stmt_reset(all[i]->row);
        }
    }
}

static sv_err walk_whole(sv_db *db, const sv_audit_span *span, sv_audit_visit *visit, void *arg,
                         sv_audit_end *end, sv_why *why) {
    walk w = { .last = span->after };
    SV_TRY(open_source(db, "SELECT " SV_AUDIT_COLUMNS " FROM event_log WHERE seq > ?1 ORDER BY seq",
                       span->after, &w.lines, why));
    sv_err err = open_source(db,
                             "SELECT \"first\", \"last\", prev, hash, at_us, domain, signature FROM"
                             " event_pruned WHERE \"last\" > ?1 ORDER BY \"first\"",
                             span->after, &w.gaps, why);
    if (err == SV_OK) {
        err = open_source(db,
                          "SELECT seq, hash, at_us, domain, signature FROM event_checkpoint"
                          " WHERE seq > ?1 ORDER BY seq",
                          span->after, &w.checkpoints, why);
    }
    if (err == SV_OK) {
        err = walk_all(&w, span, visit, arg, why);
    }
    *end =
        (sv_audit_end){ .last = w.last, .more = w.lines.at != INT64_MAX || w.gaps.at != INT64_MAX };
    close_walk(&w);
    return err;
}

/// How far the rows go that this walk looks at.
static sv_err find_limit(sv_db *db, const sv_audit_span *span, sv_audit_end *end, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT coalesce(max(seq), 0) FROM event_log", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    int64_t newest = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    end->more = span->look_max > 0 && newest - span->after > span->look_max;
    end->last = end->more ? span->after + span->look_max : newest;
    return SV_OK;
}

static sv_err walk_filtered(sv_db *db, const sv_audit_span *span, sv_audit_visit *visit, void *arg,
                            sv_audit_end *end, sv_why *why) {
    sv_stmt *row;
    sv_err err = SV_OK;
    SV_TRY(find_limit(db, span, end, why));
    SV_TRY(sv_db_stmt(db,
                      "SELECT " SV_AUDIT_COLUMNS " FROM event_log WHERE seq > ?8 AND seq <= ?9"
                      " AND " SV_AUDIT_WHERE " ORDER BY seq",
                      &row, why));
    sv_audit_bind(row, &span->filter);
    sv_stmt_bind_int(row, 8, span->after);
    sv_stmt_bind_int(row, 9, end->last);
    while (err == SV_OK && (err = sv_stmt_next(row, why)) == SV_OK) {
        sv_audit_record record = { .kind = SV_AUDIT_LINE };
        sv_audit_row(row, &record.line);
        err = visit(arg, &record);
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_audit_walk(sv_db *db, const sv_audit_span *span, sv_audit_visit *visit, void *arg,
                     sv_audit_end *end, sv_why *why) {
    return span->is_filtered ? walk_filtered(db, span, visit, arg, end, why)
                             : walk_whole(db, span, visit, arg, end, why);
}
