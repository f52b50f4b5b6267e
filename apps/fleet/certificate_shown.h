// Which devices have come with a certificate, itself or by a gateway, whoever issued it: no token
// of their site speaks for them. Kept until that certificate has ended for so long, or the device
// is retired. [ddi-22] [ddi-23]
#ifndef SV_FLEET_CERTIFICATE_SHOWN_H
#define SV_FLEET_CERTIFICATE_SHOWN_H

#include "fleet.h"

enum { SV_CERTIFICATE_SHOWN_SLICE = 500 }; ///< rows taken out in one go

#define SV_CERTIFICATE_SHOWN_US (30 * SV_TIME_DAY_US) ///< after its end

/// It has come with one that is good until then. Whoever is to be served is so also when it cannot
/// be kept: the next request tries again.
void sv_certificate_shown_note(const sv_fleet *fleet, const char *id, int64_t not_after_us);
/// True also when that cannot be told.
bool sv_certificate_was_shown(const sv_fleet *fleet, const char *device);
/// Once a minute: what is over is taken out, a slice of it.
void sv_certificate_shown_turn(const sv_fleet *fleet);

#endif
