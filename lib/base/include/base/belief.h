// What time it is, as far as a wall clock is believed. A clock that leaps ahead (a battery, a false
// time server) would throw everything away as too old and end every certificate at once, so what
// is judged by age goes by this. Both clocks are told, nothing is read here (that is sys/clock.h).
#ifndef SV_BASE_BELIEF_H
#define SV_BASE_BELIEF_H

#include <base/time.h>

#define SV_BELIEF_LEAP_US SV_TIME_HOUR_US ///< a wall clock that leaps further ahead is doubted
#define SV_BELIEF_DOUBT_US SV_TIME_DAY_US ///< for so long: time to set it right
#define SV_BELIEF_ABSENT_US (30 * SV_TIME_DAY_US) ///< for so long a program may have been off

typedef struct sv_belief {
    bool known;                          ///< something is
    bool resumed;                        ///< what is known is from an earlier run
    bool doubted;                        ///< the wall clock is ahead of what is believed
    int64_t believed_us, wall_us, at_us; ///< as of this uptime
    int64_t doubted_at_us;               ///< uptime
    int64_t carried_us;                  ///< for so long the earlier run had doubted
    int64_t floor_us, floor_at_us;       ///< what was signed last, and the uptime then; 0: nothing
} sv_belief;

/// What an earlier run believed last, and what was signed last until then; both 0: nothing is
/// known.
void sv_belief_resume(sv_belief *belief, int64_t uptime_us, int64_t believed_us, int64_t signed_us);
/// For how long that run had doubted the clock; after sv_belief_resume. A doubt that begins at the
/// start goes on from there, so that starts do not prolong it.
void sv_belief_carry(sv_belief *belief, int64_t doubted_us);
/// What time it is; to be asked again and again. `uptime_us` never goes back. A clock that is set
/// back is believed at once, but never one from before 2020 or from before what was signed.
int64_t sv_belief_now(sv_belief *belief, int64_t uptime_us, int64_t wall_us);
/// Somebody who is trusted has signed that this moment has come; after sv_belief_now. A doubt ends
/// when it says what the clock says, and begins anew when it does not. What lies more than
/// SV_BELIEF_LEAP_US ahead of a clock that is believed tells nothing.
void sv_belief_signed(sv_belief *belief, int64_t signed_us);
/// For how long the clock has been doubted, over all runs; 0: it is believed.
int64_t sv_belief_doubted_us(const sv_belief *belief);

#endif
