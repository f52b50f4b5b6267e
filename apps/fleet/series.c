#include "series.h"

#include "expected.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

sv_err sv_series_add(sv_db *db, const sv_stream *stream, const sv_point *point, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO point (stream, kind, at_ms, value, min, max, n, corrected)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                      // Two parts of a minute: what came at once, and what came late.
                      " ON CONFLICT (stream, kind, at_ms) DO UPDATE SET"
                      " value = CASE kind WHEN 1 THEN (value * n + ?4 * ?7) / (n + ?7) ELSE ?4 END,"
                      " min = CASE WHEN ?5 < min THEN ?5 ELSE min END,"
                      " max = CASE WHEN ?6 > max THEN ?6 ELSE max END, n = n + ?7,"
                      " corrected = CASE WHEN ?8 THEN 1 ELSE corrected END",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, stream->id);
    sv_stmt_bind_int(stmt, 2, point->kind);
    sv_stmt_bind_int(stmt, 3, point->at_ms);
    sv_stmt_bind_number(stmt, 4, point->value);
    sv_stmt_bind_number(stmt, 5, point->min);
    sv_stmt_bind_number(stmt, 6, point->max);
    sv_stmt_bind_int(stmt, 7, point->count);
    sv_stmt_bind_int(stmt, 8, point->corrected);
    return sv_stmt_run(stmt, why);
}

// ---- the newest values --------------------------------------------------------------------------

static sv_err load_kind(sv_db *db, sv_stream *stream, sv_point_kind kind) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT at_ms, value FROM point WHERE stream = ?1 AND kind = ?2"
                      " ORDER BY at_ms DESC LIMIT ?3",
                      &stmt, NULL));
    sv_stmt_bind_int(stmt, 1, stream->id);
    sv_stmt_bind_int(stmt, 2, kind);
    sv_stmt_bind_int(stmt, 3, SV_FLEET_SPARK);
    sv_spark_point newest[SV_FLEET_SPARK];
    uint8_t count = 0;
    while (count < SV_FLEET_SPARK && sv_stmt_next(stmt, NULL) == SV_OK) {
        newest[count].at_ms = sv_stmt_int(stmt, 0);
        newest[count].value = sv_stmt_number(stmt, 1);
        count++;
    }
    sv_stmt_reset(stmt);
    for (uint8_t i = 0; i < count; i++) {
        stream->spark[i] = newest[count - 1 - i];
    }
    stream->spark_count = count;
    stream->averages = kind == SV_POINT_AVERAGE && count > 0;
    return SV_OK;
}

void sv_series_load_spark(sv_db *db, sv_stream *stream) {
    if (stream->spark_loaded) {
        return;
    }
    bool read = load_kind(db, stream, SV_POINT_AVERAGE) == SV_OK;
    if (read && stream->spark_count == 0) {
        read = load_kind(db, stream, SV_POINT_SUMMARY) == SV_OK;
    }
    stream->spark_loaded = read;
}

bool sv_series_note(sv_db *db, sv_stream *stream, const sv_point *point) {
    if (!stream->spark_loaded) {
        sv_series_load_spark(db, stream); // the point is committed, so this finds it
        return (point->kind == SV_POINT_AVERAGE) == stream->averages;
    }
    if (point->kind == SV_POINT_SUMMARY && stream->averages) {
        return false;
    }
    if (point->kind == SV_POINT_AVERAGE && !stream->averages) {
        stream->averages = true;
        stream->spark_count = 0;
    }
    // Backfill is older than what is shown: it belongs to the past, not to the newest values.
    if (stream->spark_count > 0 && point->at_ms < stream->spark[stream->spark_count - 1].at_ms) {
        return true;
    }
    if (stream->spark_count == SV_FLEET_SPARK) {
        memmove(stream->spark, stream->spark + 1, sizeof stream->spark - sizeof *stream->spark);
        stream->spark_count--;
    }
    stream->spark[stream->spark_count++] =
        (sv_spark_point){ .at_ms = point->at_ms, .value = point->value };
    return true;
}

// ---- what is shown ------------------------------------------------------------------------------

const char *sv_shown_name(sv_shown_kind kind) {
    static const char *const NAMES[] = { "summary", "average", "raw" };
    return NAMES[kind];
}

static void put_piece(sv_json_out *out, sv_shown_kind kind, size_t count) {
    sv_json_open_array(out);
    sv_json_put_str(out, sv_shown_name(kind));
    sv_json_put_int(out, (int64_t) count);
    sv_json_close_array(out);
}

void sv_shown_write(const sv_shown *points, size_t count, sv_json_out *out) {
    sv_json_key(out, "points");
    sv_json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        sv_json_open_array(out);
        sv_json_put_int(out, points[i].at_ms);
        sv_json_put_number(out, points[i].value);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
    sv_json_key(out, "pieces");
    sv_json_open_array(out);
    size_t first = 0;
    for (size_t i = 1; i <= count; i++) {
        if (i == count || points[i].kind != points[first].kind) {
            put_piece(out, points[first].kind, i - first);
            first = i;
        }
    }
    sv_json_close_array(out);
}

// ---- decimation ---------------------------------------------------------------------------------

enum { MINUTE_MS = 60000 };

typedef struct spans {
    int64_t from_ms[SV_SERIES_SPANS_MAX], to_ms[SV_SERIES_SPANS_MAX];
    size_t count;
    bool open; ///< the last point was corrected
} spans;

typedef struct decimator {
    const sv_series_range *range;
    sv_shown *whole; ///< every point, as long as they fit
    sv_shown *kept;  ///< two for each bucket that has ended
    size_t seen, kept_count;
    bool averages;  ///< some of them
    int64_t bucket; ///< of low and high; -1: none yet
    sv_shown low, high;
    spans corrected;
} decimator;

static int64_t bucket_of(const sv_series_range *range, int64_t at_ms) {
    double width = (double) (range->to_ms - range->from_ms) + 1;
    int64_t bucket = (int64_t) ((double) (at_ms - range->from_ms) / width * (double) range->points);
    return bucket < (int64_t) range->points ? bucket : (int64_t) range->points - 1;
}

static void end_bucket(decimator *d) {
    if (d->bucket < 0) {
        return;
    }
    bool low_first = d->low.at_ms <= d->high.at_ms;
    d->kept[d->kept_count++] = low_first ? d->low : d->high;
    if (d->low.at_ms != d->high.at_ms) {
        d->kept[d->kept_count++] = low_first ? d->high : d->low;
    }
}

static void take_point(decimator *d, sv_shown point) {
    if (d->seen < d->range->points) {
        d->whole[d->seen] = point;
    }
    d->seen++;
    int64_t bucket = bucket_of(d->range, point.at_ms);
    if (bucket != d->bucket) {
        end_bucket(d);
        d->bucket = bucket;
        d->low = point;
        d->high = point;
        return;
    }
    d->low = point.value < d->low.value ? point : d->low;
    d->high = point.value > d->high.value ? point : d->high;
}

// A quiet minute has no significant average; there its mean stands in, in the middle of the minute.
static void take_minute(decimator *d, sv_shown *minute) {
    if (minute->at_ms >= 0) {
        minute->at_ms += MINUTE_MS / 2;
        if (minute->at_ms <= d->range->to_ms) {
            take_point(d, *minute);
        }
    }
    minute->at_ms = -1;
}

static void take_corrected(spans *s, bool corrected, int64_t from_ms, int64_t to_ms) {
    bool begins = corrected && !s->open && s->count < SV_SERIES_SPANS_MAX;
    s->open = corrected;
    if (begins) {
        s->from_ms[s->count] = from_ms;
        s->to_ms[s->count++] = to_ms;
    } else if (corrected && to_ms > s->to_ms[s->count - 1]) {
        s->to_ms[s->count - 1] = to_ms;
    }
}

static void put_corrected(const spans *s, sv_json_out *out) {
    sv_json_key(out, "corrected");
    sv_json_open_array(out);
    for (size_t i = 0; i < s->count; i++) {
        sv_json_open_array(out);
        sv_json_put_int(out, s->from_ms[i]);
        sv_json_put_int(out, s->to_ms[i]);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
}

static sv_err read_points(sv_db *db, const sv_stream *stream, decimator *d, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(
        sv_db_stmt(db,
                   "SELECT at_ms, value, kind, corrected FROM point WHERE stream = ?1 AND kind = 0"
                   " AND at_ms BETWEEN ?2 AND ?3 UNION ALL"
                   " SELECT at_ms, value, kind, corrected FROM point WHERE stream = ?1 AND kind = 1"
                   " AND at_ms BETWEEN ?2 AND ?3 ORDER BY at_ms, kind DESC",
                   &stmt, why));
    sv_stmt_bind_int(stmt, 1, stream->id);
    sv_stmt_bind_int(stmt, 2, d->range->from_ms);
    sv_stmt_bind_int(stmt, 3, d->range->to_ms);
    sv_shown minute = { .at_ms = -1 };
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        bool average = sv_stmt_int(stmt, 2) == SV_POINT_AVERAGE;
        sv_shown point = { .at_ms = sv_stmt_int(stmt, 0),
                           .value = sv_stmt_number(stmt, 1),
                           .kind = average ? SV_SHOWN_AVERAGE : SV_SHOWN_SUMMARY };
        d->averages |= average;
        take_corrected(&d->corrected, sv_stmt_int(stmt, 3) != 0, point.at_ms,
                       point.at_ms + (average ? 0 : MINUTE_MS));
        if (average && point.at_ms < minute.at_ms + MINUTE_MS) {
            minute.at_ms = -1;
        }
        take_minute(d, &minute);
        if (average) {
            take_point(d, point);
        } else {
            minute = point;
        }
    }
    take_minute(d, &minute);
    end_bucket(d);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_series_write(sv_db *db, const sv_stream *stream, const sv_series_range *range,
                       sv_json_out *out, sv_why *why) {
    SV_DEFER(sv_mem_drop)
    sv_shown *whole = sv_mem_array(range->points, sizeof *whole);
    SV_DEFER(sv_mem_drop)
    sv_shown *kept = sv_mem_array(range->points * 2, sizeof *kept);
    decimator d = { .range = range, .whole = whole, .kept = kept, .bucket = -1 };
    SV_TRY(read_points(db, stream, &d, why));
    const sv_shown *points = d.seen <= range->points ? whole : kept;
    size_t count = d.seen <= range->points ? d.seen : d.kept_count;
    sv_json_open_object(out);
    sv_json_add_str(out, "unit", stream->unit[0] != '\0' ? stream->unit : NULL);
    sv_json_add_str(out, "kind",
                    sv_shown_name(d.averages || d.seen == 0 ? SV_SHOWN_AVERAGE : SV_SHOWN_SUMMARY));
    sv_shown_write(points, count, out);
    put_corrected(&d.corrected, out);
    SV_TRY(sv_expected_write(db, stream, range, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

// ---- retention ----------------------------------------------------------------------------------

static sv_err prune_stream(sv_db *db, int64_t stream, sv_point_kind kind, int64_t before_ms,
                           sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM point WHERE stream = ?1 AND kind = ?2 AND at_ms < ?3", &stmt,
                      why));
    sv_stmt_bind_int(stmt, 1, stream);
    sv_stmt_bind_int(stmt, 2, kind);
    sv_stmt_bind_int(stmt, 3, before_ms);
    return sv_stmt_run(stmt, why);
}

static sv_err prune_expected(sv_db *db, int64_t stream, int64_t before_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM expected WHERE stream = ?1 AND at_ms < ?2", &stmt, why));
    sv_stmt_bind_int(stmt, 1, stream);
    sv_stmt_bind_int(stmt, 2, before_ms);
    return sv_stmt_run(stmt, why);
}

sv_err sv_series_prune(sv_db *db, int64_t before_ms, int64_t *cursor, sv_why *why) {
    int64_t streams[SV_SERIES_PRUNE_STREAMS];
    size_t count = 0;
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT id FROM stream WHERE id > ?1 ORDER BY id LIMIT ?2", &stmt, why));
    sv_stmt_bind_int(stmt, 1, *cursor);
    sv_stmt_bind_int(stmt, 2, SV_SERIES_PRUNE_STREAMS);
    while (count < SV_SERIES_PRUNE_STREAMS && sv_stmt_next(stmt, NULL) == SV_OK) {
        streams[count++] = sv_stmt_int(stmt, 0);
    }
    sv_stmt_reset(stmt);
    SV_TRY(sv_db_begin(db, why));
    for (size_t i = 0; i < count; i++) {
        sv_err err = prune_stream(db, streams[i], SV_POINT_AVERAGE, before_ms, why);
        if (err == SV_OK) {
            err = prune_stream(db, streams[i], SV_POINT_SUMMARY, before_ms, why);
        }
        if (err == SV_OK) {
            err = prune_expected(db, streams[i], before_ms, why);
        }
        if (err != SV_OK) {
            sv_db_rollback(db);
            return err;
        }
    }
    *cursor = count == SV_SERIES_PRUNE_STREAMS ? streams[count - 1] : 0;
    return sv_db_commit(db, why);
}
