// The clocks. Order and deadlines go by the monotonic one; the wall clock is for people.
#ifndef SV_SYS_CLOCK_H
#define SV_SYS_CLOCK_H

#include <base/time.h>

enum { SV_CLOCK_BOOT_ROOM = 17 };

/// Microseconds since an arbitrary start; never goes back.
int64_t sv_clock_monotonic_us(void);
/// Microseconds since 1970-01-01 UTC; may jump.
int64_t sv_clock_wall_us(void);

/// What time it is, for judging what has ended or is too old: the wall clock as far as this process
/// believes it (base/belief.h). [clock-1]
int64_t sv_clock_believed_us(void);
/// By how much the wall clock is ahead of that; 0: it is believed.
int64_t sv_clock_doubt_us(void);
/// As sv_belief_doubted_us: to be remembered, for sv_clock_carry.
int64_t sv_clock_doubted_for_us(void);
/// As sv_belief_resume, sv_belief_carry and sv_belief_signed.
void sv_clock_resume(int64_t believed_us, int64_t signed_us);
void sv_clock_carry(int64_t doubted_us);
void sv_clock_signed(int64_t signed_us);

/// Now. The kernel says whether the wall clock is proven (adjtimex(2): synchronised, which every
/// NTP client tells it and which ends when somebody sets the clock by hand). Where it may not be
/// asked, the clock is not proven. What the machine slept counts as uptime.
sv_instant sv_clock_instant(void);
/// A name for this start of the machine: 16 hex digits of the kernel's own, or, where that cannot
/// be read, empty.
void sv_clock_boot(char out[SV_CLOCK_BOOT_ROOM]);

#endif
