// Whatever comes as an index: when it is read its chunks lie one after the other, and every byte is
// in the chunk that it is said to be in.
#include "cache_index.h"

#include <stdbool.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gw_cache_index index;
    if (gw_cache_index_read((sv_text){ .at = (const char *) data, .len = size }, &index, NULL)
        != SV_OK) {
        return 0;
    }
    must(index.count > 0 && index.len == size && index.at[0] == 0);
    for (uint64_t i = 0; i < index.count; i++) {
        uint32_t bytes = gw_cache_index_bytes(&index, i);
        must(bytes > 0 && bytes <= GW_CACHE_STORED_MAX);
        must(gw_cache_index_chunk(&index, index.at[i]) == i);
        must(gw_cache_index_chunk(&index, index.at[i + 1] - 1) == i);
    }
    must(index.at[index.count] == index.length);
    gw_cache_index_drop(&index);
    return 0;
}
