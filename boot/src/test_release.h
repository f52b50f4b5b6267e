// For tests: releases as a release engineer signs them, with keys that are known.
#ifndef SV_BOOT_TEST_RELEASE_H
#define SV_BOOT_TEST_RELEASE_H

#include <base/test.h>
#include <bearssl.h>
#include <boot/verify.h>

/// The key whose private half is `number`, 1 … 255, and nothing but it.
static inline void key_number(uint8_t number, sv_boot_key *out) {
    uint8_t secret[32] = { [31] = number };
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    const br_ec_private_key key = { .curve = BR_EC_secp256r1, .x = secret, .xlen = sizeof secret };
    assert_int_equal(br_ec_compute_pub(&br_ec_p256_m31, NULL, point, &key), SV_BOOT_POINT_BYTES);
    assert_true(sv_boot_key_read(point, SV_BOOT_POINT_BYTES, out));
}

static inline void sign_bytes(uint8_t number, const uint8_t *bytes, size_t len,
                              uint8_t out[SV_BOOT_SIGNATURE_BYTES]) {
    uint8_t secret[32] = { [31] = number };
    uint8_t hash[SV_BOOT_DIGEST_BYTES];
    const br_ec_private_key key = { .curve = BR_EC_secp256r1, .x = secret, .xlen = sizeof secret };
    sv_boot_digest digest;
    sv_boot_digest_begin(&digest);
    sv_boot_digest_add(&digest, bytes, len);
    sv_boot_digest_end(&digest, hash);
    assert_int_equal(br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, hash, &key, out),
                     SV_BOOT_SIGNATURE_BYTES);
}

/// Sign the bytes of a header, whatever they say.
static inline void sign_header(uint8_t number, uint8_t bytes[SV_BOOT_HEADER_BYTES]) {
    sign_bytes(number, bytes, SV_BOOT_SIGNED_BYTES, bytes + SV_BOOT_SIGNED_BYTES);
}

/// What a release of "lathe-ctl" says, signed by key `number`.
static inline sv_boot_header release_of(uint8_t number, uint8_t bytes[SV_BOOT_HEADER_BYTES]) {
    sv_boot_header header = {
        .image_bytes = 100000,
        .counter = 7,
        .hardware_count = 2,
        .product = "lathe-ctl",
        .version = "2.1.0+b~1",
        .slot = "rootfs",
        .hardware = { "rev-b", "rev-c" },
    };
    sv_boot_key key;
    key_number(number, &key);
    memcpy(header.key_id, key.id, sizeof header.key_id);
    memset(header.digest, 0xd1, sizeof header.digest);
    assert_int_equal(sv_boot_header_write(&header, bytes), SV_BOOT_GOOD);
    sign_header(number, bytes);
    memcpy(header.signature, bytes + SV_BOOT_SIGNED_BYTES, sizeof header.signature);
    return header;
}

#endif
