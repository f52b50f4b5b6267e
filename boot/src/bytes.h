// The few things that C's <string.h> would have given.
#ifndef SV_BOOT_BYTES_H
#define SV_BOOT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void sv_boot_copy(void *to, const void *from, size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *) to)[i] = ((const uint8_t *) from)[i];
    }
}

static inline void sv_boot_clear(void *at, size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *) at)[i] = 0;
    }
}

static inline bool sv_boot_same(const uint8_t *left, const uint8_t *right, size_t len) {
    uint8_t differs = 0;
    for (size_t i = 0; i < len; i++) {
        differs |= left[i] ^ right[i];
    }
    return differs == 0;
}

static inline bool sv_boot_is_zero(const uint8_t *at, size_t len) {
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= at[i];
    }
    return any == 0;
}

/// Two texts that end with NUL.
static inline bool sv_boot_text_same(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

#endif
