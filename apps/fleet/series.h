// The points of a stream: stored, read back decimated, forgotten when they are old.
#ifndef SV_FLEET_SERIES_H
#define SV_FLEET_SERIES_H

#include "registry.h"

#include <codec/json.h>

enum {
    SV_SERIES_POINTS_DEFAULT = 500,
    SV_SERIES_POINTS_MAX = 5000,
    SV_SERIES_SPANS_MAX = 100,     ///< of corrected times in one answer; the last is drawn out
    SV_SERIES_PRUNE_STREAMS = 200, ///< looked at by one call of sv_series_prune
};

typedef enum sv_point_kind { SV_POINT_AVERAGE = 0, SV_POINT_SUMMARY = 1 } sv_point_kind;

typedef struct sv_point {
    sv_point_kind kind;
    int64_t at_ms;
    double value; ///< the average, or a summary's mean
    double min, max;
    int64_t count;
    bool corrected; ///< not at the time that the device said [reading-9]
} sv_point;

/// Store one point. Two points of one kind and millisecond become one: the later value, both
/// extremes.
sv_err sv_series_add(sv_db *db, const sv_stream *stream, const sv_point *point, sv_why *why);

/// After the commit: the stream's newest values in memory. True when the point is one to show live.
bool sv_series_note(sv_db *db, sv_stream *stream, const sv_point *point);
/// Read the newest values from the database unless they are in memory already.
void sv_series_load_spark(sv_db *db, sv_stream *stream);

/// What a shown point is. Raw readings stay at the gateway: raw.h fetches them.
typedef enum sv_shown_kind { SV_SHOWN_SUMMARY, SV_SHOWN_AVERAGE, SV_SHOWN_RAW } sv_shown_kind;

typedef struct sv_shown {
    int64_t at_ms;
    double value;
    sv_shown_kind kind;
} sv_shown;

/// "summary", "average", "raw".
const char *sv_shown_name(sv_shown_kind kind);
/// "points":[[ms,value],...],"pieces":[[kind,count],...]: so many points of one kind, then so many
/// of another, in their order.
void sv_shown_write(const sv_shown *points, size_t count, sv_json_out *out);

typedef struct sv_series_range {
    int64_t from_ms, to_ms; ///< both included
    size_t points;          ///< buckets when there is more than this
} sv_series_range;

/// {"unit","kind","points","pieces","corrected":[[ms,ms],...],"expected","scores"}: averages, and
/// the mean of each minute that has none; kind "summary" where no minute has. Of each bucket the
/// smallest and the largest value are kept, in their order. `corrected`: between which times all
/// points are; what was expected is of expected.h.
sv_err sv_series_write(sv_db *db, const sv_stream *stream, const sv_series_range *range,
                       sv_json_out *out, sv_why *why);

/// Forget what is older than `before_ms` in some streams, starting after row `*cursor`; the cursor
/// goes back to 0 when all streams have been looked at.
sv_err sv_series_prune(sv_db *db, int64_t before_ms, int64_t *cursor, sv_why *why);

#endif
