// Whether the wall clock is believed.
#include "gateway.h"
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/log.h>

int64_t gw_now_us(void) {
    return sv_clock_believed_us();
}

void gw_clock_beat(gw *g) {
    int64_t ahead_us = sv_clock_doubt_us();
    if (ahead_us > 0 && !g->clock.doubted) {
        SV_LOG(warn, "clock.doubted",
               "the clock has leapt ahead by %lld s; for a day nothing is thrown away for its age "
               "by it, and no certificate has ended",
               (long long) (ahead_us / SV_TIME_SECOND_US));
    } else if (ahead_us == 0 && g->clock.doubted) {
        SV_LOG(info, "clock.believed", "the clock is believed again");
    }
    g->clock.doubted = ahead_us > 0;
}

static void note_step(gw_clock *clock, int64_t step_us) {
    clock->steps++;
    SV_LOG(warn, "clock.stepped", "the clock was set by %lld.%03lld s",
           (long long) (step_us / SV_TIME_SECOND_US), llabs(step_us / 1000 % 1000));
}

int64_t gw_clock_wall(gw_clock *clock, int64_t monotonic_us, int64_t wall_us) {
    int64_t expected_us = clock->wall_us + (monotonic_us - clock->wall_at_us);
    int64_t step_us = wall_us - expected_us;
    bool lost = wall_us < SV_CLOCK_PAST_US && expected_us >= SV_CLOCK_PAST_US;
    if (lost && !clock->lost) {
        SV_LOG(
            warn, "clock.lost",
            "the clock says a time before 2020; until it is set, time goes on from the last that "
            "was known");
    } else if (!lost && clock->wall_us != 0 && !clock->fresh
               && llabs(step_us) > SV_CLOCK_APART_US) {
        note_step(clock, step_us);
    }
    clock->lost = lost;
    clock->fresh = false;
    clock->wall_us = lost ? expected_us : wall_us;
    clock->wall_at_us = monotonic_us;
    return clock->wall_us;
}

int64_t gw_wall_us(gw *g) {
    return gw_clock_wall(&g->clock, sv_clock_monotonic_us(), sv_clock_wall_us());
}

void gw_offset_note(gw_offset *offset, const gw_clock *own, int64_t at_us) {
    int64_t ahead_us = at_us - own->wall_us;
    if (offset->steps != own->steps) {
        *offset = (gw_offset){ .steps = own->steps };
    }
    if (offset->any && own->wall_at_us - offset->since_us >= GW_OFFSET_US) {
        offset->offset_us = offset->best_us;
        offset->known = true;
        offset->any = false;
    }
    if (!offset->any) {
        offset->since_us = own->wall_at_us;
    }
    offset->best_us = !offset->any || ahead_us > offset->best_us ? ahead_us : offset->best_us;
    offset->any = true;
    offset->offset_us = offset->known ? offset->offset_us : offset->best_us;
}

size_t gw_clocks_far(const gw *g) {
    size_t count = 0;
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        const gw_device *device = sv_map_at(g->devices, i, NULL);
        count += gw_offset_is_far(&device->clock) ? 1 : 0;
    }
    return count;
}

bool gw_offset_is_far(const gw_offset *offset) {
    // Who is ahead is so; who is behind may have been on its way.
    return offset->offset_us > GW_OFFSET_FAR_US
           || (offset->known && offset->offset_us < -GW_OFFSET_FAR_US);
}
