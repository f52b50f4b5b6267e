// What is shown of a stream between two times: all samples while they are few, else the smallest
// and the largest of each of equal stretches of time, so that no spike is lost; and minutes, joined
// where several fall into one stretch. Pure; everything may come in any order.
#ifndef SELVEDGE_GATEWAY_RANGE_H
#define SELVEDGE_GATEWAY_RANGE_H

#include <codec/block.h>
#include <codec/json.h>

enum { GW_POINTS_DEFAULT = 500, GW_POINTS_MAX = 5000 };

typedef struct gw_point {
    int64_t at_us;
    double value;
} gw_point;

typedef struct gw_minute {
    int64_t start_us, count; ///< count 0: none
    double min, mean, max;
} gw_minute;

typedef struct gw_range {
    int64_t from_us, to_us; ///< both included
    size_t points;          ///< stretches of time
    size_t seen;            ///< samples
    gw_point *whole;        ///< the first `points` of them
    struct gw_extremes {
        bool any;
        gw_point low, high;
    } * extremes;
    gw_minute *minutes;
} gw_range;

void gw_range_open(gw_range *range, int64_t from_us, int64_t to_us, size_t points);
void gw_range_drop(gw_range *range);

/// Whether samples like these could change what is shown: a block need not be unpacked when not.
bool gw_range_wants(const gw_range *range, const sv_block_info *info);
void gw_range_sample(gw_range *range, int64_t at_us, double value);
void gw_range_minute(gw_range *range, const gw_minute *minute);

/// "points":[[ms,value],...],"minutes":[[ms,min,mean,max,count],...]
void gw_range_write(gw_range *range, sv_json_out *out);

#endif
