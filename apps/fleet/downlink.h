// What operators ask of gateways and their devices, as events for them (push.h).
#ifndef SV_FLEET_DOWNLINK_H
#define SV_FLEET_DOWNLINK_H

#include "fleet.h"

enum {
    SV_COMMAND_BYTES_MAX = 4096, ///< of a command's payload
    SV_COMMAND_WITHIN_S = 600,   ///< how long it is worth doing, unless asked otherwise
    SV_COMMAND_WITHIN_MAX_S = 86400,
    SV_COMMAND_ID_ROOM = 33, ///< 32 hexadecimal digits
};

/// As sv_inbox_acknowledge; the gateways of the site hear of it, once.
sv_err sv_downlink_acknowledge(sv_fleet *fleet, sv_text alert_id, const char *user, sv_why *why);
/// As sv_inbox_unacknowledge; nobody else hears of it.
sv_err sv_downlink_unacknowledge(sv_fleet *fleet, sv_text alert_id, const char *user, sv_why *why);

/// As sv_inbox_normal; the gateways of the site hear of it, once.
sv_err sv_downlink_normal(sv_fleet *fleet, sv_text alert_id, const char *user, sv_why *why);

typedef struct sv_command {
    const sv_device *device;
    sv_text name;
    int64_t within_s;
    const char *user;            ///< who asks
    char id[SV_COMMAND_ID_ROOM]; ///< given by sv_downlink_command; so the next
    int64_t until_ms;
} sv_command;

/// For the gateway that speaks for the device; while none has, for all of its site. `payload` is
/// one JSON value. SV_ERR_INVALID for a name outside the id grammar or a payload that is no JSON,
/// SV_ERR_STATE when no gateway of the site is configured.
sv_err sv_downlink_command(sv_fleet *fleet, sv_command *command, sv_text payload, sv_why *why);

/// "Look now": what this device shall run has changed. For the gateway that speaks for it; while
/// none has, for all of its site. A hint, now or never: it has no number and is not kept, so that a
/// campaign pushes no command out of the queue; the truth is what the device asks for by itself.
/// After the commit of the change. `version` and `sha256` (64 hexadecimal digits) are what it shall
/// run; both empty: nothing any more. [uplink-15]
void sv_downlink_look(sv_fleet *fleet, const sv_device *device, sv_text version, sv_text sha256);

#endif
