// Whatever the file: a configuration or faults, never both, and sources within their bounds.
#include "config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    static sv_agent_config config;
    sv_text text = { .at = (const char *) data, .len = size };
    sv_err err = sv_agent_config_read(text, &config, &faults);
    if ((err == SV_OK) != (faults.count == 0) || config.source_count > SV_AGENT_SOURCES_MAX) {
        abort();
    }
    if (err == SV_OK && !sv_id_is_valid(sv_text_of(config.id))) {
        abort();
    }
    return 0;
}
