// Whatever the file: a configuration or faults, never both, and keys within their bounds.
#include "config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    static updater_config config;
    sv_text text = { .at = (const char *) data, .len = size };
    sv_err err = updater_config_read(text, &config, &faults);
    if ((err == SV_OK) != (faults.count == 0)) {
        abort();
    }
    if (err == SV_OK
        && (!sv_id_is_valid(sv_text_of(config.id)) || config.keys.count == 0
            || config.keys.count > SV_BOOT_KEYS_MAX || config.revoked.count > SV_BOOT_KEYS_MAX
            || config.state[0] != '/')) {
        abort();
    }
    return 0;
}
