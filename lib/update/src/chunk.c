#include <update/chunk.h>

uint64_t sv_chunk_count(uint64_t image_bytes) {
    return image_bytes / SV_CHUNK_BYTES + (image_bytes % SV_CHUNK_BYTES != 0 ? 1 : 0);
}

uint32_t sv_chunk_bytes(uint64_t image_bytes, uint64_t index) {
    uint64_t left = image_bytes - index * SV_CHUNK_BYTES;
    return left < SV_CHUNK_BYTES ? (uint32_t) left : (uint32_t) SV_CHUNK_BYTES;
}

bool sv_chunk_sum_is_possible(const sv_target *target, const sv_encoding *encoding) {
    uint64_t count = sv_chunk_count(target->length);
    uint64_t tags = target->sealed ? count * SV_CHUNK_TAG_BYTES : 0;
    if (encoding->kind == SV_ENCODING_RAW) {
        return encoding->length == target->length + tags;
    }
    return encoding->length >= count + tags && encoding->length <= count * SV_CHUNK_STORED_MAX;
}
