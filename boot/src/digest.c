#include <bearssl.h>
#include <boot/digest.h>

_Static_assert(sizeof(br_sha256_context) <= sizeof(sv_boot_digest), "room for BearSSL's SHA-256");
_Static_assert(_Alignof(br_sha256_context) <= _Alignof(sv_boot_digest), "and as it wants to lie");

void sv_boot_digest_begin(sv_boot_digest *digest) {
    br_sha256_init((br_sha256_context *) digest->room);
}

void sv_boot_digest_add(sv_boot_digest *digest, const uint8_t *bytes, size_t len) {
    br_sha256_update((br_sha256_context *) digest->room, bytes, len);
}

void sv_boot_digest_end(const sv_boot_digest *digest, uint8_t out[SV_BOOT_DIGEST_BYTES]) {
    br_sha256_out((const br_sha256_context *) digest->room, out);
}
