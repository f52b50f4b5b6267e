// Making the encodings of an image (image.h), where the release engineer is. The source is read
// chunk by chunk; what is to be stored goes to a sink, the index into memory.
#ifndef SV_UPDATE_IMAGE_ENCODE_H
#define SV_UPDATE_IMAGE_ENCODE_H

#include <update/image.h>
#include <update/image_key.h>

typedef struct sv_image_sink {
    void *arg;
    sv_err (*put)(void *arg, sv_text stored, sv_why *why); ///< chunk after chunk
} sv_image_sink;

typedef struct sv_image_encoding {
    const sv_image_bytes *image; ///< 1 to SV_IMAGE_BYTES_MAX bytes
    const uint8_t *digest;       ///< its SHA-256 (sv_image_digest)
    sv_encoding_kind kind;
    sv_image_key *key;         ///< NULL: the encoding is not sealed
    const sv_image_bytes *old; ///< of a delta: what it starts from
    const uint8_t *old_digest; ///< and its SHA-256
    sv_image_sink sink;
} sv_image_encoding;

/// Gives the entry for the target, and appends the index (sv_image_index_bytes, and a NUL). When it
/// fails, what the sink got is to be thrown away: above all with SV_ERR_STATE, when the key is
/// another image's, or has sealed this encoding with another outcome. SV_ERR_STATE also when the
/// image does not have that digest. What was sealed is noted in `key`, whose file has to be kept
/// before anybody sees it. [image-12]
sv_err sv_image_encode(const sv_image_encoding *what, sv_encoding *out, sv_textbuf *index,
                       sv_why *why);

#endif
