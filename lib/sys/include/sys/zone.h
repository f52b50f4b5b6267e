// Time zones as this machine knows them (package tzdata).
#ifndef SV_SYS_ZONE_H
#define SV_SYS_ZONE_H

#include <base/zone.h>

/// "Europe/Oslo"; "UTC" gives NULL. SV_ERR_INVALID for what is no name of a zone, SV_ERR_NOT_FOUND
/// for one that this machine does not know.
sv_err sv_zone_open(sv_text name, sv_zone **out, sv_why *why);

#endif
