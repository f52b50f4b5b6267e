#include "image_delta.h"
#include "image_seal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

struct sv_image_reader {
    uint64_t image_bytes;
    sv_encoding_kind kind;
    sv_image_index *index;
    sv_image_seal seal; ///< begun when the image is sealed
    uint8_t *opened;    ///< SV_CHUNK_STORED_MAX, of a sealed one
    sv_image_bytes old_image;
    sv_delta_old old;
};

static sv_err check_old(const sv_image_opening *opening, sv_why *why) {
    if (opening->encoding->kind != SV_ENCODING_DELTA) {
        return SV_OK;
    }
    if (opening->old == NULL || opening->old_digest == NULL) {
        return sv_fail(why, SV_ERR_STATE, "a delta needs the image that it starts from");
    }
    if (memcmp(opening->old_digest, opening->encoding->from, SV_TARGET_HASH_BYTES) != 0) {
        return sv_fail(why, SV_ERR_STATE, "the delta starts from another image than the one here");
    }
    return SV_OK;
}

static void begin(sv_image_reader *reader, const sv_image_opening *opening) {
    const sv_encoding *encoding = opening->encoding;
    reader->image_bytes = opening->target->length;
    reader->kind = encoding->kind;
    if (opening->target->sealed) {
        reader->opened = sv_mem_new(SV_CHUNK_STORED_MAX);
        sv_image_seal_begin(&reader->seal, opening->content_key, encoding, opening->target->digest,
                            sv_image_index_count(reader->index));
    }
    if (encoding->kind != SV_ENCODING_RAW) {
        reader->old.unpacker = sv_unpacker_new();
    }
    if (encoding->kind == SV_ENCODING_DELTA) {
        reader->old_image = *opening->old;
        reader->old.image = &reader->old_image;
        reader->old.prefix = sv_mem_new(SV_IMAGE_PREFIX_MAX);
    }
}

sv_err sv_image_reader_open(const sv_image_opening *opening, sv_image_reader **out, sv_why *why) {
    if (opening->target->sealed && opening->content_key == NULL) {
        return sv_fail(why, SV_ERR_STATE, "the image is sealed, and its content key is not here");
    }
    SV_TRY(check_old(opening, why));
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = sv_mem_new(sizeof *reader);
    SV_TRY(sv_image_index_read(opening->index, opening->target, opening->encoding, &reader->index,
                               why));
    begin(reader, opening);
    *out = reader;
    reader = NULL;
    return SV_OK;
}

void sv_image_reader_drop(sv_image_reader **reader) {
    sv_image_reader *gone = *reader;
    if (gone == NULL) {
        return;
    }
    sv_image_index_drop(&gone->index);
    sv_image_seal_end(&gone->seal);
    sv_unpacker_drop(&gone->old.unpacker);
    free(gone->opened);
    free(gone->old.prefix);
    free(gone);
    *reader = NULL;
}

const sv_image_index *sv_image_reader_index(const sv_image_reader *reader) {
    return reader->index;
}

static sv_err expand(sv_image_reader *reader, sv_text chunk, uint8_t *out, size_t bytes,
                     sv_why *why) {
    switch (reader->kind) {
    case SV_ENCODING_ZSTD:
        return sv_unpacker_unpack(reader->old.unpacker, chunk, (sv_text){ 0 }, out, bytes, why);
    case SV_ENCODING_DELTA:
        return sv_delta_expand(&reader->old, chunk, out, bytes, why);
    case SV_ENCODING_RAW:
    default:
        if (chunk.len != bytes) {
            return sv_fail(why, SV_ERR_INVALID, "it has %zu bytes instead of %zu", chunk.len,
                           bytes);
        }
        memcpy(out, chunk.at, bytes);
        return SV_OK;
    }
}

sv_err sv_image_chunk_open(sv_image_reader *reader, uint64_t chunk, sv_text stored, uint8_t *out,
                           size_t *bytes, sv_why *why) {
    SV_TRY(sv_image_chunk_judge(reader->index, chunk, stored, why));
    sv_text opened = stored;
    if (reader->seal.aead != NULL) {
        SV_TRY(sv_image_seal_open(&reader->seal, chunk, stored, reader->opened, why));
        opened = (sv_text){ .at = (const char *) reader->opened,
                            .len = stored.len - SV_CHUNK_TAG_BYTES };
    }
    size_t wanted = sv_chunk_bytes(reader->image_bytes, chunk);
    sv_why inner = { 0 };
    sv_err err = expand(reader, opened, out, wanted, &inner);
    if (err != SV_OK) {
        return sv_fail(why, err, "chunk %llu: %s", (unsigned long long) chunk, inner.text);
    }
    *bytes = wanted;
    return SV_OK;
}

bool sv_image_chunk_is(sv_image_reader *raw, uint64_t chunk, sv_text bytes) {
    if (raw->kind != SV_ENCODING_RAW || chunk >= sv_image_index_count(raw->index)
        || bytes.len != sv_chunk_bytes(raw->image_bytes, chunk)) {
        return false;
    }
    sv_text stored = bytes;
    if (raw->seal.aead != NULL) {
        // Sealed as it was published. It never leaves this room, so that a key meets its nonce
        // with other bytes tells nobody anything.
        sv_image_seal_close(&raw->seal, chunk, bytes, raw->opened);
        stored =
            (sv_text){ .at = (const char *) raw->opened, .len = bytes.len + SV_CHUNK_TAG_BYTES };
    }
    return sv_image_chunk_judge(raw->index, chunk, stored, NULL) == SV_OK;
}
