// What is being worked on (docs/spec/maintenance.md): operators say so of a device or of a whole
// site, the site's gateways are told and raise nothing meanwhile. Kept with who said it and why,
// also when it is over. What is open now is in the registry as well.
#ifndef SV_FLEET_MAINTENANCE_H
#define SV_FLEET_MAINTENANCE_H

#include "fleet.h"

#include <codec/json.h>
#include <model/maintenance.h>

enum {
    SV_MAINTENANCE_LISTED = 50,                 ///< of what was, the newest first
    SV_MAINTENANCE_GIVEN_MAX = 2 * 1024 * 1024, ///< bytes of what a gateway is given
};

/// What is worked on: a device, or with NULL all of the site.
typedef struct sv_maintained {
    sv_site *site;
    sv_device *device;
} sv_maintained;

/// What was open when the program ended.
sv_err sv_maintenance_open(sv_db *db, sv_registry *registry, sv_why *why);

/// From now on for so long, whatever was said before. SV_ERR_INVALID: longer than 31 days, or
/// `reason` is not one line; SV_ERR_STATE: too many devices of the site are worked on.
sv_err sv_maintenance_begin(sv_fleet *fleet, sv_maintained what, int64_t for_s, const char *user,
                            sv_text reason, sv_why *why);
/// SV_ERR_NOT_FOUND when nobody works on it.
sv_err sv_maintenance_end(sv_fleet *fleet, sv_maintained what, const char *user, sv_why *why);
/// What is over by the server's clock ends. Once a second.
void sv_maintenance_turn(sv_fleet *fleet);
/// Is nothing to be raised of the device, or with NULL of the site?
bool sv_maintenance_is_on(const sv_site *site, const sv_device *device);
sv_err sv_maintenance_prune(sv_db *db, int64_t before_ms, sv_why *why);

/// For who looks at it: {"of":"device|site","since","until","by","why"}, or null. Of a device its
/// own or its site's, whichever ends last; NULL: of the site.
void sv_maintenance_write(const sv_site *site, const sv_device *device, sv_json_out *out);
/// What was, the newest first; of a device with those of its site.
sv_err sv_maintenance_list(sv_db *db, sv_maintained what, sv_json_out *out, sv_why *why);
/// For a gateway: {"after":N,"items":[…]}, what there is after the event N. [maintenance-5]
sv_err sv_maintenance_give(sv_fleet *fleet, const sv_gateway *gateway, sv_json_out *out,
                           sv_why *why);

#endif
