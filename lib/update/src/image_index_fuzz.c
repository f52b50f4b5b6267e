// The first byte says which encoding, what follows is an index. The entry is bent to it, so that it
// is read to its end: whatever is taken has chunks one behind the other, and a plan of ranges that
// fetches each of them once.
#include "merkle.h"
#include <base/little.h>
#include <stdlib.h>
#include <update/image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHUNKS_MAX = 4096 };

/// The length and the root that these bytes would have, were they an index.
static void bend(sv_text bytes, uint64_t count, sv_encoding *encoding) {
    SV_DEFER(sv_merkle_drop) sv_merkle *tree = sv_merkle_new();
    uint64_t whole = bytes.len < SV_IMAGE_INDEX_HEAD_BYTES
                         ? 0
                         : (bytes.len - SV_IMAGE_INDEX_HEAD_BYTES) / SV_IMAGE_INDEX_ENTRY_BYTES;
    encoding->length = 0;
    for (uint64_t i = 0; i < count && i < whole; i++) {
        const char *entry = bytes.at + SV_IMAGE_INDEX_HEAD_BYTES + i * SV_IMAGE_INDEX_ENTRY_BYTES;
        encoding->length += sv_little_get(entry, 4);
        sv_merkle_add(tree, (const uint8_t *) entry + 4);
    }
    if (count > 0 && whole > 0) {
        sv_merkle_root(tree, encoding->root);
    }
}

static bool has_every_third(void *arg, uint64_t chunk) {
    (void) arg;
    return chunk % 3 == 1;
}

static void check(const sv_image_index *index, const sv_target *target,
                  const sv_encoding *encoding) {
    const sv_image_plan plan = {
        .index = index, .has = has_every_third, .gap_bytes_max = 100, .bytes_max = 1000000
    };
    uint64_t count = sv_image_index_count(index);
    uint64_t at = 0;
    uint64_t fetched = 0;
    if (count != sv_chunk_count(target->length)) {
        abort();
    }
    for (uint64_t i = 0; i < count; i++) {
        sv_image_range range = sv_image_stored(index, i);
        if (range.at != at || range.bytes == 0 || range.bytes > SV_CHUNK_STORED_MAX) {
            abort();
        }
        at += range.bytes;
        (void) (sv_image_chunk_judge(index, i, SV_TEXT("x"), NULL) == SV_OK);
    }
    sv_image_fetch fetch = { .first = 0 };
    for (uint64_t from = 0; sv_image_plan_next(&plan, from, &fetch);
         from = fetch.first + fetch.count) {
        if (fetch.first < from || fetch.count == 0
            || fetch.range.at + fetch.range.bytes > encoding->length) {
            abort();
        }
        for (uint64_t i = fetch.first; i < fetch.first + fetch.count; i++) {
            fetched += i % 3 == 1 ? 0 : 1;
        }
    }
    if (at != encoding->length || fetched != count - (count + 1) / 3) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    sv_text bytes = { .at = (const char *) data + 1, .len = size - 1 };
    uint64_t count = bytes.len < SV_IMAGE_INDEX_HEAD_BYTES ? 1 : sv_little_get(bytes.at + 8, 8);
    count = count < 1 || count > CHUNKS_MAX ? 1 : count;
    sv_target target = { .length = count * SV_CHUNK_BYTES - (data[0] & 0x70),
                         .sealed = (data[0] & 0x80) != 0 };
    sv_encoding encoding = { .kind = (sv_encoding_kind) (data[0] % 3) };
    bend(bytes, count, &encoding);
    SV_DEFER(sv_image_index_drop) sv_image_index *index = NULL;
    sv_why why = { 0 };
    sv_err err = sv_image_index_read(bytes, &target, &encoding, &index, &why);
    if (err == SV_OK) {
        check(index, &target, &encoding);
    } else if (why.code != err || why.text[0] == '\0' || index != NULL) {
        abort();
    }
    return 0;
}
