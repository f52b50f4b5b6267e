#include "image_delta.h"
#include <base/little.h>

/// The sum of both could leave 64 bits, so it is not made.
static sv_err read_old(const sv_delta_old *old, uint64_t at, uint8_t *out, uint64_t bytes,
                       sv_why *why) {
    if (bytes > old->image->length || at > old->image->length - bytes) {
        return sv_fail(why, SV_ERR_INVALID,
                       "it leans on %llu bytes at %llu of the old image, which has %llu",
                       (unsigned long long) bytes, (unsigned long long) at,
                       (unsigned long long) old->image->length);
    }
    return old->image->read(old->image->arg, at, out, (size_t) bytes, why);
}

static sv_err copy(const sv_delta_old *old, sv_text chunk, uint8_t *out, size_t bytes,
                   sv_why *why) {
    if (chunk.len != SV_DELTA_COPY_BYTES) {
        return sv_fail(why, SV_ERR_INVALID, "its copy has %zu bytes instead of %d", chunk.len,
                       SV_DELTA_COPY_BYTES);
    }
    return read_old(old, sv_little_get(chunk.at + 1, 8), out, bytes, why);
}

static sv_err pack(const sv_delta_old *old, sv_text chunk, uint8_t *out, size_t bytes,
                   sv_why *why) {
    sv_text frame = { .at = chunk.at + 1, .len = chunk.len - 1 };
    return sv_unpacker_unpack(old->unpacker, frame, (sv_text){ 0 }, out, bytes, why);
}

static sv_err lean(const sv_delta_old *old, sv_text chunk, uint8_t *out, size_t bytes,
                   sv_why *why) {
    if (chunk.len <= SV_DELTA_LEAN_BYTES) {
        return sv_fail(why, SV_ERR_INVALID, "it ends before its zstd frame");
    }
    uint64_t at = sv_little_get(chunk.at + 1, 8);
    uint64_t len = sv_little_get(chunk.at + 9, 4);
    if (len == 0 || len > SV_IMAGE_PREFIX_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "it leans on %llu bytes; 1 to %d are allowed",
                       (unsigned long long) len, SV_IMAGE_PREFIX_MAX);
    }
    SV_TRY(read_old(old, at, old->prefix, len, why));
    sv_text frame = { .at = chunk.at + SV_DELTA_LEAN_BYTES,
                      .len = chunk.len - SV_DELTA_LEAN_BYTES };
    sv_text prefix = { .at = (const char *) old->prefix, .len = (size_t) len };
    return sv_unpacker_unpack(old->unpacker, frame, prefix, out, bytes, why);
}

sv_err sv_delta_expand(const sv_delta_old *old, sv_text chunk, uint8_t *out, size_t bytes,
                       sv_why *why) {
    static sv_err (*const METHODS[])(const sv_delta_old *, sv_text, uint8_t *, size_t, sv_why *) = {
        [SV_DELTA_COPY] = copy,
        [SV_DELTA_PACK] = pack,
        [SV_DELTA_LEAN] = lean,
    };
    size_t method = chunk.len > 0 ? (uint8_t) chunk.at[0] : 0;
    if (method >= SV_COUNT(METHODS) || METHODS[method] == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "%zu is no method of a delta", method);
    }
    return METHODS[method](old, chunk, out, bytes, why);
}
