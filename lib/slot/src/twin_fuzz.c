// Whatever a medium gives for a copy of a record is none, or is written again byte for byte.
#include <slot/twin.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAYLOAD_BYTES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t copy[SV_TWIN_COPY_BYTES] = { 0 };
    uint8_t again[SV_TWIN_COPY_BYTES];
    uint8_t payload[PAYLOAD_BYTES];
    memcpy(copy, data, size < sizeof copy ? size : sizeof copy);
    uint64_t sequence = sv_twin_copy_read(copy, "SvBs", sizeof payload, payload);
    if (sequence != 0) {
        sv_twin_copy_write(again, "SvBs", sequence, payload, sizeof payload);
        if (memcmp(again, copy, sizeof again) != 0) {
            abort();
        }
    }
    return 0;
}
