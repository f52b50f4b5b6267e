// How a simulated machine's controller itself is doing. Pure and seeded, as the machine is: the
// same seed, number and moment give the same report. No check is crossed, except by machine 1,
// whose cabinet gets too hot for 40 of every 300 seconds unless its fault is switched off.
#ifndef SELVEDGE_MACHINE_HEALTH_H
#define SELVEDGE_MACHINE_HEALTH_H

#include "machine.h"
#include <model/health.h>

enum { SV_MACHINE_HOT_FROM_S = 30, SV_MACHINE_HOT_S = 40, SV_MACHINE_HOT_EVERY_S = 300 };

/// `at_s` seconds after the start. Id and time are the caller's to fill in; the checks are made.
void sv_machine_health(const sv_machine *machine, double at_s, sv_health *out);

#endif
