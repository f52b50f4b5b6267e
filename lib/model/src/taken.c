#include <model/taken.h>

#include <stdlib.h>

bool sv_clock_is_plausible(int64_t at_us, int64_t received_us) {
    // Who woke in 1970 itself cannot say that somebody else is ahead.
    return at_us >= SV_CLOCK_PAST_US
           && (received_us < SV_CLOCK_PAST_US || at_us <= received_us + SV_CLOCK_FUTURE_US);
}

int64_t sv_taken_us(const sv_taken *taken) {
    int64_t place_us = taken->start_us + taken->uptime_us;
    bool plausible = sv_clock_is_plausible(taken->at_us, taken->received_us);
    bool apart = llabs(place_us - taken->at_us) > SV_CLOCK_APART_US;
    if (plausible && !(taken->known >= SV_KNOWN_MEASURED && apart)) {
        return taken->at_us;
    }
    return taken->known == SV_KNOWN_NOT ? taken->received_us : place_us;
}
