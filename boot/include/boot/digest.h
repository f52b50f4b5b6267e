// SHA-256, a piece at a time.
#ifndef SV_BOOT_DIGEST_H
#define SV_BOOT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { SV_BOOT_DIGEST_BYTES = 32 };

typedef struct sv_boot_digest {
    uint64_t room[16];
} sv_boot_digest;

void sv_boot_digest_begin(sv_boot_digest *digest);
void sv_boot_digest_add(sv_boot_digest *digest, const uint8_t *bytes, size_t len);
void sv_boot_digest_end(const sv_boot_digest *digest, uint8_t out[SV_BOOT_DIGEST_BYTES]);

#endif
