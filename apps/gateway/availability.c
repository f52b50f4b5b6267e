#include "availability.h"
#include <base/time.h>

#define GAP_MAX_US (366 * SV_TIME_DAY_US)

static int64_t day_of(int64_t wall_us) {
    return wall_us / SV_TIME_DAY_US;
}

static gw_day *slot(gw_availability *a, int64_t day) {
    gw_day *at = &a->days[day % GW_AVAILABILITY_DAYS];
    if (at->day != day) {
        *at = (gw_day){ .day = day };
    }
    return at;
}

static void add(gw_availability *a, int64_t from_us, int64_t length_us, bool served) {
    int64_t left_us = length_us;
    for (int64_t at_us = from_us; left_us > 0;) {
        int64_t day = day_of(at_us);
        int64_t rest_us = (day + 1) * SV_TIME_DAY_US - at_us;
        int64_t part_us = left_us < rest_us ? left_us : rest_us;
        gw_day *today = slot(a, day);
        today->up_us += served ? part_us : 0;
        today->down_us += served ? 0 : part_us;
        at_us += part_us;
        left_us -= part_us;
    }
}

void gw_availability_restore(gw_availability *a, const gw_day *day, int64_t mark_wall_us) {
    if (day->day >= 0 && slot(a, day->day)->day <= day->day) {
        *slot(a, day->day) = *day;
    }
    a->mark_wall_us = mark_wall_us > a->mark_wall_us ? mark_wall_us : a->mark_wall_us;
}

static void add_written(gw_availability *a, int64_t written_us, int64_t wall_us) {
    int64_t late_us = written_us - a->mark_wall_us;
    if (a->mark_wall_us > 0 && written_us <= wall_us && late_us > 0
        && late_us / 2 < GW_AVAILABILITY_US) {
        add(a, a->mark_wall_us, late_us, true);
        a->mark_wall_us = written_us;
    }
}

void gw_availability_start(gw_availability *a, int64_t written_us, int64_t wall_us,
                           int64_t mono_us) {
    add_written(a, written_us, wall_us);
    int64_t gap_us = wall_us - a->mark_wall_us;
    if (a->mark_wall_us > 0 && gap_us > 0 && gap_us < GAP_MAX_US) {
        add(a, a->mark_wall_us, gap_us, false);
    }
    a->mark_wall_us = wall_us;
    a->mark_mono_us = mono_us;
}

void gw_availability_tick(gw_availability *a, bool served, int64_t wall_us, int64_t mono_us) {
    int64_t length_us = mono_us - a->mark_mono_us;
    add(a, wall_us - length_us > 0 ? wall_us - length_us : 0, length_us, served);
    a->mark_wall_us = wall_us;
    a->mark_mono_us = mono_us;
}

const gw_day *gw_availability_day(const gw_availability *a, int64_t wall_us) {
    return &a->days[day_of(wall_us) % GW_AVAILABILITY_DAYS];
}

double gw_availability_share(const gw_availability *a, int days, int64_t wall_us) {
    int64_t today = day_of(wall_us);
    double up = 0;
    double down = 0;
    for (unsigned i = 0; i < GW_AVAILABILITY_DAYS; i++) {
        const gw_day *day = &a->days[i];
        if (day->day > today - days && day->day <= today) {
            up += (double) day->up_us;
            down += (double) day->down_us;
        }
    }
    return up + down > 0 ? up / (up + down) : 1;
}
