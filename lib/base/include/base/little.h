// Numbers as our files have them: little-endian.
#ifndef SV_BASE_LITTLE_H
#define SV_BASE_LITTLE_H

#include <stdint.h>

static inline uint64_t sv_little_get(const char *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = bytes; i > 0; i--) {
        value = value << 8 | (uint8_t) at[i - 1];
    }
    return value;
}

static inline void sv_little_put(uint64_t value, unsigned bytes, char *at) {
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (char) (value >> (8 * i));
    }
}

#endif
