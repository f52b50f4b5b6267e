// The bytes of an image on their way to a device (docs/spec/image.md). An encoding is a file of
// chunks, one after the other; beside it lies its index: how long each stored chunk is, and its
// hash. The index is judged by what the target entry says, each chunk by the index, before it is
// opened, expanded or written. Whoever uses this does the I/O.
//
// Memory does not grow with the image but for the index, which its owner may map: 36 bytes per
// 64 KiB, and 8 bytes per 16 MiB here.
//
// A reader and an index are used by one thread at a time. How an encoding is made: image_encode.h.
#ifndef SV_UPDATE_IMAGE_H
#define SV_UPDATE_IMAGE_H

#include <update/chunk.h>

enum {
    SV_IMAGE_INDEX_HEAD_BYTES = 16,  ///< "SvIx", u32 format 1, u64 count; little-endian
    SV_IMAGE_INDEX_ENTRY_BYTES = 36, ///< u32 stored length, SHA-256 of 0x00 and the stored bytes
    SV_IMAGE_CONTENT_KEY_BYTES = 32,
    SV_IMAGE_PREFIX_MAX = 1024 * 1024, ///< of the old image that one chunk of a delta may lean on
};

/// An image, or a slot, that can be read anywhere.
typedef struct sv_image_bytes {
    void *arg;
    uint64_t length;
    /// All of them or an error; `at` + `bytes` <= length.
    sv_err (*read)(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why);
} sv_image_bytes;

/// SHA-256 of all its bytes.
sv_err sv_image_digest(const sv_image_bytes *image, uint8_t out[SV_TARGET_HASH_BYTES], sv_why *why);
/// SV_ERR_UNTRUSTED unless it has the length and the hash that the target says. [image-13]
sv_err sv_image_check(const sv_image_bytes *image, const sv_target *target, sv_why *why);

/// Bytes of the index of such an image.
uint64_t sv_image_index_bytes(uint64_t image_bytes);

/// An index that has been judged. It borrows its bytes.
typedef struct sv_image_index sv_image_index;

/// SV_ERR_UNTRUSTED unless the root over its hashes is the encoding's; SV_ERR_INVALID when its
/// count or a length cannot be. [image-5] [image-6]
sv_err sv_image_index_read(sv_text bytes, const sv_target *target, const sv_encoding *encoding,
                           sv_image_index **out, sv_why *why);
void sv_image_index_drop(sv_image_index **index);

uint64_t sv_image_index_count(const sv_image_index *index);

/// Where something lies in the encoding.
typedef struct sv_image_range {
    uint64_t at, bytes;
} sv_image_range;

/// A chunk that there is, as it is stored.
sv_image_range sv_image_stored(const sv_image_index *index, uint64_t chunk);
/// Its bytes alone, which costs less.
uint32_t sv_image_stored_bytes(const sv_image_index *index, uint64_t chunk);
/// SV_ERR_UNTRUSTED unless these are the stored bytes of that chunk. [image-7]
sv_err sv_image_chunk_judge(const sv_image_index *index, uint64_t chunk, sv_text stored,
                            sv_why *why);

/// What a reader of chunks has to know.
typedef struct sv_image_opening {
    const sv_target *target;
    const sv_encoding *encoding; ///< one of the target's
    sv_text index;               ///< the index's bytes; borrowed until the reader is dropped
    const uint8_t *content_key;  ///< SV_IMAGE_CONTENT_KEY_BYTES; of a sealed image
    /// Of a delta: the image that is there, and its SHA-256 as whoever checked it knows it.
    const sv_image_bytes *old;
    const uint8_t *old_digest;
} sv_image_opening;

typedef struct sv_image_reader sv_image_reader;

/// Judges the index. SV_ERR_STATE when a content key is missing, or the old image is another than
/// the delta's. [image-9] [image-11]
sv_err sv_image_reader_open(const sv_image_opening *opening, sv_image_reader **out, sv_why *why);
/// Its keys are wiped.
void sv_image_reader_drop(sv_image_reader **reader);
/// What is judged.
const sv_image_index *sv_image_reader_index(const sv_image_reader *reader);

/// The bytes of the image that the stored chunk stands for: judged, then opened, then expanded to
/// exactly sv_chunk_bytes of it, never more. Chunks may come in any order, and again. `out` has
/// SV_CHUNK_BYTES and is not to be used when this fails.
sv_err sv_image_chunk_open(sv_image_reader *reader, uint64_t chunk, sv_text stored, uint8_t *out,
                           size_t *bytes, sv_why *why);

/// Are these bytes what the stored chunk stands for? Of a reader of the raw encoding alone: what
/// lies in a slot after a cut is judged by it, and need not be fetched again. [image-16]
bool sv_image_chunk_is(sv_image_reader *raw, uint64_t chunk, sv_text bytes);

/// What to fetch next.
typedef struct sv_image_plan {
    const sv_image_index *index;
    bool (*has)(void *arg, uint64_t chunk); ///< chunks that are there; NULL: none
    void *arg;
    uint64_t gap_bytes_max; ///< fetched though they are there, rather than ask once more
    uint64_t bytes_max;     ///< of one range, when it has more than one chunk
} sv_image_plan;

typedef struct sv_image_fetch {
    uint64_t first, count; ///< chunks
    sv_image_range range;  ///< their stored bytes
} sv_image_fetch;

/// The first range from chunk `from` on that is missing, neighbours merged; false: there is none.
/// [image-14]
bool sv_image_plan_next(const sv_image_plan *plan, uint64_t from, sv_image_fetch *out);

#endif
