// "Look now": the fleet server says that what a device shall run has changed, and the device hears
// it on updates/<id>. A hint: what it says is not kept, and the device believes signed metadata
// alone (docs/spec/uplink.md).
#ifndef SELVEDGE_GATEWAY_LOOK_H
#define SELVEDGE_GATEWAY_LOOK_H

#include <base/text.h>
#include <stdint.h>

struct gw;

enum {
    GW_LOOK_VERSION_MAX = 64, ///< bytes of a version
    GW_LOOK_DATA_MAX = 1024,  ///< of what the fleet server says
};

typedef struct gw_looks {
    uint64_t told;    ///< devices
    uint64_t refused; ///< breaks its format
    uint64_t missed;  ///< there was no room, or the disk is full
} gw_looks;

/// The event `update` {"device","version","sha256"}, which has no number. [uplink-15]
void gw_look_take(struct gw *g, sv_text data);

#endif
