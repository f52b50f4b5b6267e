// What devices and gateways fetch at the device door to update: the signed metadata of images, what
// the director says to a device, content keys, and the bytes (docs/spec/images.md).
#ifndef SV_FLEET_UPDATE_DOOR_H
#define SV_FLEET_UPDATE_DOOR_H

#include "asker.h"

#include <net/http_server.h>

/// False when the path is of nothing here. A device gets what is its own: the metadata of images,
/// its own director, the bytes of the image that it is to install, and that image's key. A gateway
/// gets the metadata and all bytes. [images-10] [images-11]
bool sv_update_door(sv_http_request *request, sv_fleet *fleet, const sv_asker *asker);

#endif
