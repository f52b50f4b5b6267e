// hawkBit's Direct Device Integration at the device door: `/default/controller/v1/<id>…`, for our
// agent and for others' clients alike (docs/spec/ddi.md).
#ifndef SV_FLEET_DDI_DOOR_H
#define SV_FLEET_DDI_DOOR_H

#include "fleet.h"

#include <net/http_server.h>

enum {
    SV_DDI_STOPS_MAX = 20, ///< polls at which a device hears that it is to stop, unless it answers
};
#define SV_DDI_POLL_US (5 * SV_TIME_MINUTE_US)
#define SV_DDI_POLL_BUSY_US (30 * SV_TIME_SECOND_US) ///< at most, while something is under way

/// Who asks: a device that has proved its id, by itself or through a gateway.
typedef struct sv_ddi_asker {
    const char *id;
    const sv_gateway *gateway; ///< that passed it on; NULL: it came by itself
} sv_ddi_asker;

/// False for any other path; else the request is answered.
bool sv_ddi_door(sv_http_request *request, sv_fleet *fleet, const sv_ddi_asker *asker);

#endif
