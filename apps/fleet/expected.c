#include "expected.h"

#include <base/mem.h>
#include <stdlib.h>

enum { SCORE_MAX = 100 };

bool sv_expected_of(double score, double low, double high, sv_expected *out) {
    *out = (sv_expected){ .low = low, .high = high };
    out->score = score >= 1 && score <= SCORE_MAX ? (int64_t) score : 0;
    return out->score > 0 || low < high;
}

bool sv_expected_read(const sv_json *item, sv_expected *out) {
    const sv_json *band = sv_json_get(item, "expected");
    double score = 0;
    double low = 0;
    double high = 0;
    (void) sv_json_number(sv_json_get(item, "score"), &score);
    if (sv_json_count(band) != 2 || !sv_json_number(sv_json_at(band, 0), &low)
        || !sv_json_number(sv_json_at(band, 1), &high)) {
        low = high = 0;
    }
    return sv_expected_of(score, low, high, out);
}

sv_err sv_expected_add(sv_db *db, const sv_stream *stream, const sv_expected *expected,
                       sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO expected (stream, at_ms, score, low, high)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)"
                      " ON CONFLICT (stream, at_ms) DO UPDATE SET"
                      " score = CASE WHEN ?3 > score THEN ?3 ELSE score END,"
                      " low = coalesce(?4, low), high = coalesce(?5, high)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, stream->id);
    sv_stmt_bind_int(stmt, 2, expected->at_ms);
    sv_stmt_bind_int(stmt, 3, expected->score);
    bool banded = expected->low < expected->high;
    sv_stmt_bind_number(stmt, 4, banded ? expected->low : SV_NAN);
    sv_stmt_bind_number(stmt, 5, banded ? expected->high : SV_NAN);
    return sv_stmt_run(stmt, why);
}

// ---- what is shown ------------------------------------------------------------------------------

/// One of each bucket.
typedef struct shown {
    sv_expected *at;
    size_t count;
    int64_t bucket; ///< of the last; -1: none
} shown;

static int64_t bucket_of(const sv_series_range *range, int64_t at_ms) {
    double width = (double) (range->to_ms - range->from_ms) + 1;
    int64_t bucket = (int64_t) ((double) (at_ms - range->from_ms) / width * (double) range->points);
    return bucket < (int64_t) range->points ? bucket : (int64_t) range->points - 1;
}

/// `better`: it stands for the bucket rather than the one before.
static void take(shown *list, const sv_series_range *range, const sv_expected *one, bool better) {
    int64_t bucket = one->at_ms < range->from_ms ? 0 : bucket_of(range, one->at_ms);
    if (bucket != list->bucket || list->count == 0) {
        list->at[list->count++] = *one;
        list->bucket = bucket;
    } else if (better) {
        list->at[list->count - 1] = *one;
    }
}

static sv_err read_rows(sv_db *db, const sv_stream *stream, const sv_series_range *range,
                        shown *bands, shown *scores, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT at_ms, score, low, high FROM expected WHERE stream = ?1"
                      " AND at_ms BETWEEN ?2 AND ?3 ORDER BY at_ms",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, stream->id);
    sv_stmt_bind_int(stmt, 2, range->from_ms - SV_EXPECTED_HOLDS_MS);
    sv_stmt_bind_int(stmt, 3, range->to_ms);
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_expected one = { .at_ms = sv_stmt_int(stmt, 0),
                            .score = sv_stmt_int(stmt, 1),
                            .low = sv_stmt_number(stmt, 2),
                            .high = sv_stmt_number(stmt, 3) };
        if (one.low < one.high) {
            take(bands, range, &one, true);
        }
        if (one.score > 0 && one.at_ms >= range->from_ms) {
            take(scores, range, &one,
                 scores->count > 0 && one.score > scores->at[scores->count - 1].score);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void put_bands(const shown *bands, sv_json_out *out) {
    sv_json_key(out, "expected");
    sv_json_open_array(out);
    for (size_t i = 0; i < bands->count; i++) {
        sv_json_open_array(out);
        sv_json_put_int(out, bands->at[i].at_ms);
        sv_json_put_number(out, bands->at[i].low);
        sv_json_put_number(out, bands->at[i].high);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
}

static void put_scores(const shown *scores, sv_json_out *out) {
    sv_json_key(out, "scores");
    sv_json_open_array(out);
    for (size_t i = 0; i < scores->count; i++) {
        sv_json_open_array(out);
        sv_json_put_int(out, scores->at[i].at_ms);
        sv_json_put_int(out, scores->at[i].score);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
}

sv_err sv_expected_write(sv_db *db, const sv_stream *stream, const sv_series_range *range,
                         sv_json_out *out, sv_why *why) {
    SV_DEFER(sv_mem_drop)
    sv_expected *room = sv_mem_array(range->points * 2, sizeof *room);
    shown bands = { .at = room, .bucket = -1 };
    shown scores = { .at = room + range->points, .bucket = -1 };
    SV_TRY(read_rows(db, stream, range, &bands, &scores, why));
    put_bands(&bands, out);
    put_scores(&scores, out);
    return SV_OK;
}
