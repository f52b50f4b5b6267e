// Which devices run something else than they should: what was confirmed on them last, or what they
// were to install last. It is known at any moment without asking the database: when a device says
// what it runs, and when an action of it ends, it is looked at anew.
#ifndef SV_FLEET_DIVERGENCE_H
#define SV_FLEET_DIVERGENCE_H

#include "running.h"

/// Of every device, when the server starts.
sv_err sv_divergence_load(sv_fleet *fleet, sv_why *why);
/// Of one, when something has changed. In the caller's transaction. [action-9]
sv_err sv_divergence_note(sv_fleet *fleet, const char *device, sv_why *why);
/// The sentence, when it runs `running` and should not; else nothing. [action-9]
sv_err sv_divergence_say(sv_fleet *fleet, const char *device, const sv_running *running,
                         sv_textbuf *out, sv_why *why);
/// As a member's value: the sentence of one that is known to diverge, or null.
void sv_divergence_write(sv_fleet *fleet, const sv_device *device, sv_json_out *out);

#endif
