// A database that was restored from an old copy has forgotten decisions that gateways hold. They
// are chained and signed, so they can be taken back from any gateway that kept them: whoever was
// revoked stays it. [standing-13]
#ifndef SV_FLEET_STANDING_RETURN_H
#define SV_FLEET_STANDING_RETURN_H

#include "fleet.h"

#define SV_STANDING_LOST_RULE "standing"

/// A gateway holds change `version`, and `hash` (hexadecimal; "": not said). When the log here does
/// not lead there, it is an alert, and `answer` asks for the lines after {"after"}; else it is {}.
sv_err sv_standing_compare(sv_fleet *fleet, const sv_gateway *gateway, int64_t version,
                           sv_text hash, sv_textbuf *answer, sv_why *why);
/// POST /v1/standing/lines: a page as in standing-6. What it says takes its place in the log, what
/// was decided here meanwhile comes after it. SV_ERR_INVALID: it does not continue what is here, or
/// is not signed.
sv_err sv_standing_take_lines(sv_fleet *fleet, sv_gateway *gateway, sv_text body,
                              sv_textbuf *answer, sv_why *why);

#endif
