// The machines' firmware in a pilot: a release engineer's keys and two releases, 1.0, with which
// machines leave the factory, and 1.1, which one of them cannot run. All of it is what `selvedge
// update` makes of two small images.
//
//   DIR/firmware/keys   the release engineer's, offline elsewhere
//   DIR/firmware/repo   what is published, and uploaded to the fleet server
//   DIR/firmware/       what simulate_firmware.h asks for
#ifndef SELVEDGE_PILOT_RELEASE_H
#define SELVEDGE_PILOT_RELEASE_H

#include "pilot.h"

/// Make what is missing, and publish what ends soon anew.
sv_err pilot_release_make(const pilot *p, sv_why *why);
/// Number of the machine that cannot run 1.1; 0: in so small a pilot all can.
unsigned pilot_release_victim(const pilot *p);

#endif
