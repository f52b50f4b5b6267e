// Whatever the file: a configuration or faults, never both, and addresses that can be called.
#include "config.h"
#include <codec/url.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(const char *text) {
    sv_url url;
    if (text[0] != '\0' && sv_url_parse(sv_text_of(text), &url, NULL) != SV_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    SV_DEFER(gw_config_drop) gw_config config = { .id = "" };
    sv_text text = { .at = (const char *) data, .len = size };
    sv_err err = gw_config_read(text, &config, &faults);
    if ((err == SV_OK) != (faults.count == 0) || (err == SV_OK) != (config.rules != NULL)) {
        abort();
    }
    check_address(config.fleet.url);
    check_address(config.alerts.url);
    return 0;
}
