// Whatever a device says about its presence: it is taken or counted as refused, its type follows
// the grammar, and the number of devices online is what they say.
#include "gateway.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t no_secret[16] = { 0 };
    static gw g;
    if (g.devices == NULL) {
        g.devices = sv_map_new(GW_DEVICES_MAX, no_secret);
    }
    uint64_t refused = g.states_refused[GW_STATE_PRESENCE];
    gw_device *device = gw_device_of(&g, SV_TEXT("press-1"));
    device->changed = false;
    gw_device_take(&g, SV_TEXT("presence/press-1"),
                   (sv_text){ .at = (const char *) data, .len = size });
    bool counted = g.states_refused[GW_STATE_PRESENCE] > refused;
    if (size > 0 && counted == device->changed) {
        abort();
    }
    if ((device->type[0] != '\0' && !sv_id_is_valid(sv_text_of(device->type)))
        || g.devices_online != (device->online ? 1 : 0)) {
        abort();
    }
    return 0;
}
