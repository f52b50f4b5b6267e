// What the blocks of the rows learnt from say about a machine.
#ifndef SV_DETECT_MACHINE_LEARN_H
#define SV_DETECT_MACHINE_LEARN_H

#include <detect/machine.h>

/// How far a row is followed, in units of the sensor's noise.
#define SV_MACHINE_REACH 100.0

double sv_machine_within(double value, double limit);

/// Fills sensors and factor from the lessons.
void sv_machine_learn(sv_machine_detector *d);

#endif
