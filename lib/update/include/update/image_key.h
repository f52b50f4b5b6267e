// The content key of a release, as its engineer keeps it: 32 random bytes that seal the encodings
// of one image, and a note of what was sealed with them. A key with another image, or with another
// outcome of the same encoding, would use a nonce twice; the notes are there to refuse that.
#ifndef SV_UPDATE_IMAGE_KEY_H
#define SV_UPDATE_IMAGE_KEY_H

#include <update/image.h>

enum { SV_IMAGE_KEY_FILE_MAX = 8 * 1024 };

typedef struct sv_image_sealed {
    sv_encoding_kind kind;
    uint8_t from[SV_TARGET_HASH_BYTES];
    uint8_t root[SV_TARGET_HASH_BYTES];
} sv_image_sealed;

typedef struct sv_image_key {
    uint8_t bytes[SV_IMAGE_CONTENT_KEY_BYTES];
    uint8_t digest[SV_TARGET_HASH_BYTES]; ///< of the one image that it is for
    sv_image_sealed sealed[SV_TARGET_ENCODINGS_MAX];
    size_t sealed_count;
} sv_image_key;

/// A new one for the image with that SHA-256.
void sv_image_key_make(const uint8_t digest[SV_TARGET_HASH_BYTES], sv_image_key *out);
/// For SV_DEFER: it is zeroes afterwards.
void sv_image_key_wipe(sv_image_key *key);

/// Note that the encoding was sealed with it. SV_ERR_STATE when it was before, to another root.
sv_err sv_image_key_note(sv_image_key *key, const sv_encoding *encoding, sv_why *why);

/// Its file: `selvedge content key 1`, `key <hex>`, `image <hex>`, `sealed <encoding> <root>`…
void sv_image_key_write(const sv_image_key *key, sv_textbuf *out);
/// SV_ERR_INVALID for anything that was not written so; the sentence holds nothing of the key.
sv_err sv_image_key_read(sv_text file, sv_image_key *out, sv_why *why);

#endif
