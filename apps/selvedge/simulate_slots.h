// The slots of a simulated machine, as its factory and its boot loader see them: no process of the
// machine's runs while one of these does.
#ifndef SELVEDGE_SIMULATE_SLOTS_H
#define SELVEDGE_SIMULATE_SLOTS_H

#include "simulate_firmware.h"

/// Slots with the factory image of `folder`, confirmed, when the machine has none.
sv_err sim_slots_prepare(const char *machine, const char *folder, sv_why *why);
/// What is started, by what lies in the slots and what is remembered; noted before this returns.
/// SV_ERR_UNTRUSTED when nothing may be.
sv_err sim_slots_choose(const char *machine, unsigned *slot, sim_image *out, sv_why *why);

#endif
