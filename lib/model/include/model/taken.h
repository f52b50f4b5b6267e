// When a reading was taken, whatever its sender's clock said (docs/spec/reading.md). [reading-5]
#ifndef SV_MODEL_TAKEN_H
#define SV_MODEL_TAKEN_H

#include <base/time.h>

#define SV_CLOCK_FUTURE_US SV_TIME_DAY_US ///< a clock further ahead is wrong, as one before 2020
/// Within it a time in doubt stands, and no clock has stepped.
#define SV_CLOCK_APART_US SV_TIME_SECOND_US

/// How it is known when a machine started; the later, the better.
typedef enum sv_known {
    SV_KNOWN_NOT,
    SV_KNOWN_RECEIPT,  ///< no later than this: a reading was received, so long after the start
    SV_KNOWN_SAID,     ///< by a wall clock that may be right
    SV_KNOWN_MEASURED, ///< by the gateway's, which is right, at the moment that it was said
    SV_KNOWN_PROVEN,   ///< by the device's, which is right
} sv_known;

/// What is known about the time of a reading.
typedef struct sv_taken {
    int64_t received_us, at_us;
    int64_t uptime_us, start_us; ///< with `known`
    sv_known known;
} sv_taken;

bool sv_clock_is_plausible(int64_t at_us, int64_t received_us);
/// Where a reading belongs: at its own time, as long after its machine's start as it says, or, when
/// nothing better is known, when it came.
int64_t sv_taken_us(const sv_taken *taken);

#endif
