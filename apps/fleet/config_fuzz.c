// Whatever the file: a configuration or faults, never both, and none that would show data to the
// network in the clear.
#include "config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    SV_DEFER(sv_fleet_config_drop) sv_fleet_config config = { 0 };
    sv_text text = { .at = (const char *) data, .len = size };
    sv_err err = sv_fleet_config_read(text, &config, &faults);
    if ((err == SV_OK) != (faults.count == 0) || (err != SV_OK && config.gateways != NULL)) {
        abort();
    }
    const sv_fleet_door *door = &config.operators;
    bool loopback = strncmp(door->bind, "127.", 4) == 0 || strcmp(door->bind, "::1") == 0;
    if (err == SV_OK && door->tls.cert[0] == '\0' && !loopback) {
        abort();
    }
    return 0;
}
