// Whatever a file of a key is: what is taken is a point that is taken again, under the same id.
#include <boot/key.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_boot_key key;
    sv_boot_key again;
    if (sv_boot_key_read(data, size, &key)
        && (!sv_boot_key_read(key.point, sizeof key.point, &again)
            || memcmp(&key, &again, sizeof key) != 0)) {
        abort();
    }
    return 0;
}
