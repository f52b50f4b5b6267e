// Public keys that boot headers may be signed with: points of the curve P-256.
#ifndef SV_BOOT_KEY_H
#define SV_BOOT_KEY_H

#include <boot/header.h>
#include <stdbool.h>

enum {
    SV_BOOT_POINT_BYTES = 65,    ///< 4, x, y
    SV_BOOT_KEY_TEXT_MAX = 1024, ///< bytes of a key's file
    SV_BOOT_KEYS_MAX = 16,       ///< that are trusted, and that are revoked
};

typedef struct sv_boot_key {
    uint8_t id[SV_BOOT_KEY_ID_BYTES];
    uint8_t point[SV_BOOT_POINT_BYTES];
} sv_boot_key;

/// Take a key from its point (65 bytes), its SubjectPublicKeyInfo in DER (91) or PEM. False for
/// anything else, and for what is no point of the curve. [boot-4]
bool sv_boot_key_read(const uint8_t *bytes, size_t len, sv_boot_key *out);

/// Is this the key's signature over the SHA-256 of these bytes? [boot-5]
bool sv_boot_key_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                        const uint8_t signature[SV_BOOT_SIGNATURE_BYTES]);

/// What a device was given. A revoked key counts no more, also when it stands among the trusted.
typedef struct sv_boot_keys {
    const sv_boot_key *trusted;
    size_t trusted_count;
    const uint8_t (*revoked)[SV_BOOT_KEY_ID_BYTES];
    size_t revoked_count;
} sv_boot_keys;

#endif
