// What the release engineer says about an image in a target entry (docs/spec/image.md): for which
// hardware it is, which release, and in which encodings its bytes can be had. The entry is trusted
// when this reads it (trust.h); here only its shape and its sizes are judged.
#ifndef SV_UPDATE_TARGET_H
#define SV_UPDATE_TARGET_H

#include <update/metadata.h>

enum {
    SV_TARGET_NAME_ROOM = 64 + 1, ///< product, version, hardware id, slot class
    SV_TARGET_HARDWARE_MAX = 8,
    SV_TARGET_ENCODINGS_MAX = 16,
    SV_TARGET_BOOT_MAX = 2048, ///< bytes of the boot header
    SV_TARGET_NOTES_ROOM = 1024 + 1,
    SV_TARGET_HASH_BYTES = 32, ///< SHA-256
    SV_ENCODING_NAME_ROOM = 6 + 2 * SV_TARGET_HASH_BYTES + 1,
};

#define SV_IMAGE_BYTES_MAX (UINT64_C(1) << 40)

typedef enum sv_encoding_kind {
    SV_ENCODING_RAW,   ///< the image's bytes
    SV_ENCODING_ZSTD,  ///< compressed
    SV_ENCODING_DELTA, ///< for who has another image already
} sv_encoding_kind;

typedef struct sv_encoding {
    sv_encoding_kind kind;
    uint8_t from[SV_TARGET_HASH_BYTES]; ///< of a delta: SHA-256 of the image that it starts from
    uint64_t length;                    ///< bytes of all its chunks
    uint8_t root[SV_TARGET_HASH_BYTES]; ///< over its chunks (image.h)
} sv_encoding;

typedef struct sv_target {
    uint64_t length; ///< bytes of the image
    uint8_t digest[SV_TARGET_HASH_BYTES];
    char product[SV_TARGET_NAME_ROOM];
    char version[SV_TARGET_NAME_ROOM];
    char hardware[SV_TARGET_HARDWARE_MAX][SV_TARGET_NAME_ROOM]; ///< each id once, at least one
    size_t hardware_count;
    char slot[SV_TARGET_NAME_ROOM];
    uint32_t counter; ///< of the release, from 1: a device never goes below the one it has
    bool sealed;      ///< its chunks are encrypted
    sv_encoding encodings[SV_TARGET_ENCODINGS_MAX]; ///< each name once, at least one
    size_t encoding_count;
    uint8_t boot[SV_TARGET_BOOT_MAX]; ///< the boot header, not looked into
    size_t boot_len;                  ///< 0: there is none
    char notes[SV_TARGET_NOTES_ROOM]; ///< "" when there are none
} sv_target;

/// What a targets file says about an image of ours. SV_ERR_NOT_FOUND when it has no
/// custom.selvedge: somebody else's, for which nothing but its length and hashes is known.
/// SV_ERR_INVALID with the member that is wrong. [image-1] [image-2]
sv_err sv_target_read(const sv_tuf_file *file, sv_target *out, sv_why *why);
/// The same entry (the value of targets["<path>"]) from its JSON, for who has it without metadata.
sv_err sv_target_parse(sv_text json, sv_target *out, sv_why *why);
/// The entry of `target`; the inverse of both.
void sv_target_write(const sv_target *target, sv_json_out *out);
/// The value of its "encodings": [{"name","length","root"}].
void sv_target_encodings_write(const sv_target *target, sv_json_out *out);

/// "raw", "zstd", "delta:<64 hexadecimal digits>".
void sv_encoding_name(const sv_encoding *encoding, char out[SV_ENCODING_NAME_ROOM]);
/// The kind, and of a delta `from`, of a name; nothing else of *out changes.
sv_err sv_encoding_parse(sv_text name, sv_encoding *out, sv_why *why);
/// As file names have it: "delta-<from>" in place of "delta:<from>".
void sv_encoding_file(const sv_encoding *encoding, char out[SV_ENCODING_NAME_ROOM]);
/// NULL when the target has none of that name.
const sv_encoding *sv_target_encoding(const sv_target *target, sv_text name);

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`: product, hardware, slot.
bool sv_target_name_is_valid(sv_text name);
/// The same with `+` and `~`: version.
bool sv_target_version_is_valid(sv_text version);

#endif
