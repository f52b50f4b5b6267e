// What was expected of a stream, and how unusual its minutes were: as gateways tell it with their
// summaries, when it has changed (docs/spec/uplink.md), and as series show it.
#ifndef SV_FLEET_EXPECTED_H
#define SV_FLEET_EXPECTED_H

#include "series.h"

/// A gateway tells a band that has not changed every hour: one that is older is not known any more.
enum { SV_EXPECTED_HOLDS_MS = 65 * 60000 };

typedef struct sv_expected {
    int64_t at_ms;
    int64_t score;    ///< 1 to 100; 0: not told
    double low, high; ///< low < high, or it is not told
} sv_expected;

/// The members `score` and `expected` of a summary; false when it has neither, or they are broken.
bool sv_expected_read(const sv_json *item, sv_expected *out);
/// So of their values; 0 for what it has not.
bool sv_expected_of(double score, double low, double high, sv_expected *out);
sv_err sv_expected_add(sv_db *db, const sv_stream *stream, const sv_expected *expected,
                       sv_why *why);

/// "expected":[[ms,low,high],...]: each holds until the next, and no longer than
/// SV_EXPECTED_HOLDS_MS; the first may be from before the range. "scores":[[ms,score],...]:
/// minutes. At most `range->points` of both; of scores the highest, of bands the last ones survive.
sv_err sv_expected_write(sv_db *db, const sv_stream *stream, const sv_series_range *range,
                         sv_json_out *out, sv_why *why);

#endif
