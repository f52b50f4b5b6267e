#include "range.h"

#include <base/mem.h>
#include <base/time.h>
#include <math.h>
#include <stdlib.h>

void gw_range_open(gw_range *range, int64_t from_us, int64_t to_us, size_t points) {
    *range = (gw_range){ .from_us = from_us,
                         .to_us = to_us,
                         .points = points,
                         .whole = sv_mem_array(points, sizeof *range->whole),
                         .extremes = sv_mem_array(points, sizeof *range->extremes),
                         .minutes = sv_mem_array(points, sizeof *range->minutes) };
}

void gw_range_drop(gw_range *range) {
    free(range->whole);
    free(range->extremes);
    free(range->minutes);
    *range = (gw_range){ .points = 0 };
}

static bool holds(const gw_range *range, int64_t at_us) {
    return at_us >= range->from_us && at_us <= range->to_us;
}

static size_t bucket_of(const gw_range *range, int64_t at_us) {
    double width = (double) (range->to_us - range->from_us) + 1;
    double into = (double) (at_us - range->from_us) / width * (double) range->points;
    size_t bucket = (size_t) into;
    return bucket < range->points ? bucket : range->points - 1;
}

bool gw_range_wants(const gw_range *range, const sv_block_info *info) {
    if (info->last_us < range->from_us || info->first_us > range->to_us) {
        return false;
    }
    if (range->seen < range->points || !holds(range, info->first_us)
        || !holds(range, info->last_us)) {
        return true;
    }
    size_t bucket = bucket_of(range, info->first_us);
    const struct gw_extremes *e = &range->extremes[bucket];
    return bucket != bucket_of(range, info->last_us) || !e->any
           || info->column[0].min < e->low.value || info->column[0].max > e->high.value;
}

void gw_range_sample(gw_range *range, int64_t at_us, double value) {
    if (!holds(range, at_us)) {
        return;
    }
    gw_point point = { .at_us = at_us, .value = value };
    if (range->seen < range->points) {
        range->whole[range->seen] = point;
    }
    range->seen++;
    struct gw_extremes *e = &range->extremes[bucket_of(range, at_us)];
    e->low = !e->any || value < e->low.value ? point : e->low;
    e->high = !e->any || value > e->high.value ? point : e->high;
    e->any = true;
}

void gw_range_minute(gw_range *range, const gw_minute *minute) {
    int64_t start_us = minute->start_us;
    // One that began before the range reaches into it.
    if (start_us > range->to_us || start_us <= range->from_us - SV_TIME_MINUTE_US) {
        return;
    }
    start_us = start_us < range->from_us ? range->from_us : start_us;
    gw_minute *m = &range->minutes[bucket_of(range, start_us)];
    if (m->count == 0) {
        *m = *minute;
        return;
    }
    double share = (double) minute->count / (double) (m->count + minute->count);
    m->mean += (minute->mean - m->mean) * share;
    m->min = fmin(m->min, minute->min);
    m->max = fmax(m->max, minute->max);
    m->count += minute->count;
    m->start_us = minute->start_us < m->start_us ? minute->start_us : m->start_us;
}

static int by_time(const void *left, const void *right) {
    const gw_point *a = left;
    const gw_point *b = right;
    return (a->at_us > b->at_us) - (a->at_us < b->at_us);
}

static void put_point(sv_json_out *out, gw_point point) {
    sv_json_open_array(out);
    sv_json_put_int(out, point.at_us / 1000);
    sv_json_put_number(out, point.value);
    sv_json_close_array(out);
}

static void put_extremes(sv_json_out *out, const struct gw_extremes *e) {
    bool low_first = e->low.at_us <= e->high.at_us;
    if (e->any) {
        put_point(out, low_first ? e->low : e->high);
    }
    if (e->any && e->low.at_us != e->high.at_us) {
        put_point(out, low_first ? e->high : e->low);
    }
}

static void put_minute(sv_json_out *out, const gw_minute *m) {
    sv_json_open_array(out);
    sv_json_put_int(out, m->start_us / 1000);
    sv_json_put_number(out, m->min);
    sv_json_put_number(out, m->mean);
    sv_json_put_number(out, m->max);
    sv_json_put_int(out, m->count);
    sv_json_close_array(out);
}

void gw_range_write(gw_range *range, sv_json_out *out) {
    bool all = range->seen <= range->points;
    if (all) {
        qsort(range->whole, range->seen, sizeof *range->whole, by_time);
    }
    sv_json_key(out, "points");
    sv_json_open_array(out);
    for (size_t i = 0; all && i < range->seen; i++) {
        put_point(out, range->whole[i]);
    }
    for (size_t i = 0; !all && i < range->points; i++) {
        put_extremes(out, &range->extremes[i]);
    }
    sv_json_close_array(out);
    sv_json_key(out, "minutes");
    sv_json_open_array(out);
    for (size_t i = 0; i < range->points; i++) {
        if (range->minutes[i].count > 0) {
            put_minute(out, &range->minutes[i]);
        }
    }
    sv_json_close_array(out);
}
