// Whatever the bytes: a tree or a fault, never both, never a crash.
#include <codec/config.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "fuzz" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    sv_err err =
        sv_config_parse((sv_text){ .at = (const char *) data, .len = size }, &root, &faults);
    if ((err == SV_OK) != (root != NULL) || (err == SV_OK) != (faults.count == 0)) {
        abort();
    }
    return 0;
}
