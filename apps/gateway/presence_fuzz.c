// Whatever a device says about its presence: what is taken follows the grammar and its bounds, and
// what it says about its clocks is all there.
#include "gateway.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gw_presence presence;
    if (!gw_presence_parse((sv_text){ .at = (const char *) data, .len = size }, &presence)) {
        return 0;
    }
    const sv_reading *when = &presence.when;
    bool has_clock = when->boot.len > 0;
    if ((presence.type[0] != '\0' && !sv_id_is_valid(sv_text_of(presence.type)))
        || when->boot.len > SV_BOOT_MAX || when->uptime_us < 0
        || (!has_clock && (when->at_us != 0 || when->uptime_us != 0 || when->proven))) {
        abort();
    }
    return 0;
}
