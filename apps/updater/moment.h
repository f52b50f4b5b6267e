// What time it is, as far as it is believed (docs/spec/clock.md), remembered from one start to the
// next, so that a clock without a battery does not begin in 1970 and take old metadata for new.
#ifndef SV_UPDATER_MOMENT_H
#define SV_UPDATER_MOMENT_H

#include <slot/disk.h>

/// Go on from what was believed last.
sv_err moment_resume(const sv_slot_disk *state, sv_why *why);
/// Somebody trusted has signed that this moment has come.
void moment_signed(int64_t at_us);
/// Remember it.
sv_err moment_keep(const sv_slot_disk *state, sv_why *why);

#endif
