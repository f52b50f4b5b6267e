// A chunk of each encoding, as if it had been signed: the first byte says which, and how short the
// image is; what follows is what is stored, or was before it was sealed. It gives its bytes of the
// image, or says why not, and writes nowhere else.
#include "image_seal.h"
#include "merkle.h"
#include <base/little.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OLD_BYTES = 8192, MARGIN = 64, SHORT_BYTES = 1000 };

static const uint8_t KEY[SV_IMAGE_CONTENT_KEY_BYTES] = { 1 };

/// Its reader checks that nobody reads outside of it.
static sv_err read_old(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    (void) arg, (void) why;
    if (bytes > OLD_BYTES || at > OLD_BYTES - bytes) {
        abort();
    }
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t) ((at + i) * 31 >> 3);
    }
    return SV_OK;
}

/// One chunk, stored as it is or sealed, with the index that belongs to it.
typedef struct one {
    sv_target target;
    sv_encoding encoding;
    uint8_t stored[SV_CHUNK_STORED_MAX];
    sv_text chunk;
    char index[SV_IMAGE_INDEX_HEAD_BYTES + SV_IMAGE_INDEX_ENTRY_BYTES];
} one;

static void store(one *o, const uint8_t *bytes, size_t len) {
    if (o->target.sealed) {
        SV_DEFER(sv_image_seal_end) sv_image_seal seal;
        sv_image_seal_begin(&seal, KEY, &o->encoding, o->target.digest, 1);
        sv_image_seal_close(&seal, 0, (sv_text){ .at = (const char *) bytes, .len = len },
                            o->stored);
        len += SV_CHUNK_TAG_BYTES;
    } else if (len > 0) {
        memcpy(o->stored, bytes, len);
    }
    o->chunk = (sv_text){ .at = (const char *) o->stored, .len = len };
}

static void sign(one *o) {
    SV_DEFER(sv_merkle_drop) sv_merkle *tree = sv_merkle_new();
    char *entry = o->index + SV_IMAGE_INDEX_HEAD_BYTES;
    memcpy(o->index, "SvIx\1\0\0\0\1\0\0\0\0\0\0", SV_IMAGE_INDEX_HEAD_BYTES);
    sv_little_put(o->chunk.len, 4, entry);
    sv_merkle_leaf(tree, o->chunk, (uint8_t *) entry + 4);
    memcpy(o->encoding.root, entry + 4, sizeof o->encoding.root);
    o->encoding.length = o->chunk.len;
}

static void open_it(const one *o) {
    static uint8_t out[SV_CHUNK_BYTES + MARGIN];
    const sv_image_bytes old = { .length = OLD_BYTES, .read = read_old };
    const sv_image_opening opening = { .target = &o->target,
                                       .encoding = &o->encoding,
                                       .index = { .at = o->index, .len = sizeof o->index },
                                       .content_key = KEY,
                                       .old = &old,
                                       .old_digest = o->encoding.from };
    SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
    size_t bytes = 0;
    sv_why why = { 0 };
    if (sv_image_reader_open(&opening, &reader, &why) != SV_OK) {
        return; // of a length that no chunk has
    }
    memset(out, 0xa5, sizeof out);
    sv_err err = sv_image_chunk_open(reader, 0, o->chunk, out, &bytes, &why);
    for (size_t i = (size_t) o->target.length; i < sizeof out; i++) {
        if (out[i] != 0xa5) {
            abort();
        }
    }
    if (err == SV_OK ? bytes != o->target.length : why.code != err || why.text[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static one o; // large
    if (size == 0 || size - 1 > SV_CHUNK_STORED_MAX - SV_CHUNK_TAG_BYTES) {
        return 0;
    }
    o = (one){ .target = { .length = (data[0] & 0x40) != 0 ? SHORT_BYTES : SV_CHUNK_BYTES,
                           .sealed = (data[0] & 0x80) != 0 },
               .encoding = { .kind = (sv_encoding_kind) ((data[0] & 0x3f) % 3) } };
    store(&o, data + 1, size - 1);
    sign(&o);
    open_it(&o);
    return 0;
}
