// Whether the wall clock is believed.
#include "gateway.h"
#include <sys/clock.h>
#include <sys/log.h>

static void believe(gw_clock *clock, int64_t wall_us) {
    clock->believed_us = wall_us;
    clock->doubted_us = 0;
}

int64_t gw_clock_now(gw_clock *clock, int64_t monotonic_us, int64_t wall_us) {
    int64_t expected_us = clock->believed_us + (monotonic_us - clock->at_us);
    bool leapt = clock->believed_us != 0 && wall_us - expected_us > GW_CLOCK_LEAP_US;
    clock->at_us = monotonic_us;
    if (!leapt) {
        believe(clock, wall_us);
    } else if (clock->doubted_us == 0) {
        clock->believed_us = expected_us;
        clock->doubted_us = monotonic_us;
        SV_LOG(warn, "clock.doubted",
               "the clock has leapt ahead by %lld s; for a day nothing is thrown away for its age "
               "by it",
               (long long) ((wall_us - expected_us) / SV_TIME_SECOND_US));
    } else if (monotonic_us - clock->doubted_us >= GW_CLOCK_DOUBT_US) {
        SV_LOG(info, "clock.believed", "the clock has stayed where it leapt to; it is believed");
        believe(clock, wall_us);
    } else {
        clock->believed_us = expected_us;
    }
    return clock->believed_us;
}

int64_t gw_now_us(gw *g) {
    return gw_clock_now(&g->clock, sv_clock_monotonic_us(), sv_clock_wall_us());
}
