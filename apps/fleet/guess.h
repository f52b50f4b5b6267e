// Wrong tokens: who sends too many has to wait, and one SECURITY alert says so. [enrol-21]
//
// Counted by the address they come from; through a gateway by the gateway and the id they are for,
// so that one device cannot keep the others of its site from enrolling.
#ifndef SV_FLEET_GUESS_H
#define SV_FLEET_GUESS_H

#include "fleet.h"

#include <model/alert.h>

enum { SV_GUESS_RETRY_S = 60, SV_GUESS_KEY_ROOM = 64 };
#define SV_GUESS_CALM_US (15 * SV_TIME_MINUTE_US) ///< without one the alert ends
#define SV_GUESS_RULE "enrolment"

typedef struct sv_guess {
    sv_throttle throttle;
    char alert[SV_ALERT_ID_MAX + 1]; ///< that is open; "": none
    int64_t last_mono_us;
    int64_t count; ///< since the alert began
} sv_guess;

/// An alert from before this process started goes on.
sv_err sv_guess_load(sv_fleet *fleet, sv_guess *guess, sv_why *why);
bool sv_guess_allows(const sv_fleet *fleet, const sv_guess *guess, const char *key);
/// One more wrong one. True when it is the one too many: then the alert is raised, or goes on.
void sv_guess_failed(sv_fleet *fleet, sv_guess *guess, const char *key, const char *from);
/// Once a second.
void sv_guess_turn(sv_fleet *fleet, sv_guess *guess);

#endif
