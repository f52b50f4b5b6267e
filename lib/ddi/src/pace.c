#include <ddi/pace.h>

enum { DOUBLINGS_MAX = 20 };

/// Doubled with each failure up to `max_us`, of which chance leaves from half to all.
static int64_t back_off(int64_t first_us, int64_t max_us, unsigned failures, double chance) {
    unsigned doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    int64_t wait_us = first_us << doublings;
    wait_us = wait_us < max_us ? wait_us : max_us;
    int64_t half_us = wait_us / 2;
    return half_us + (int64_t) ((double) half_us * chance);
}

int64_t sv_ddi_wait_us(int64_t interval_us, unsigned failures, double chance) {
    if (failures == 0) {
        return (int64_t) ((double) interval_us * (0.9 + 0.2 * chance));
    }
    int64_t max_us = interval_us < SV_DDI_RETRY_MAX_US ? interval_us : SV_DDI_RETRY_MAX_US;
    max_us = max_us > SV_DDI_RETRY_FIRST_US ? max_us : SV_DDI_RETRY_FIRST_US;
    return back_off(SV_DDI_RETRY_FIRST_US, max_us, failures, chance);
}

int64_t sv_ddi_fetch_wait_us(unsigned failures, double chance) {
    return back_off(SV_DDI_FETCH_RETRY_FIRST_US, SV_DDI_FETCH_RETRY_MAX_US, failures, chance);
}

uint64_t sv_ddi_range_bytes(uint64_t left, uint64_t rate) {
    uint64_t most = rate != 0 && rate < SV_DDI_RANGE_MAX ? rate : SV_DDI_RANGE_MAX;
    most = most > SV_DDI_RANGE_MIN ? most : SV_DDI_RANGE_MIN;
    return left < most ? left : most;
}

int64_t sv_ddi_rate_us(int64_t began_us, uint64_t bytes, uint64_t rate) {
    return rate == 0 ? began_us : began_us + (int64_t) ((double) bytes * 1e6 / (double) rate);
}
