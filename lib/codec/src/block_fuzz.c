// Whatever bytes are a block, its samples pack again and come back as the same; whatever samples
// the bytes are taken for come back bit for bit.
#include <codec/block.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sv_block block, again;

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void must_come_back(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_BLOCK_BYTES_MAX);
    sv_block_info info;
    must(sv_block_pack(&block, &bytes) == SV_OK);
    must(sv_block_peek(sv_textbuf_text(&bytes), &info, NULL) == SV_OK);
    must(sv_block_unpack(sv_textbuf_text(&bytes), &again, NULL) == SV_OK);
    must(again.count == block.count && again.columns == block.columns && info.count == block.count);
    must(memcmp(again.at_us, block.at_us, block.count * sizeof *block.at_us) == 0);
    for (size_t c = 0; c < block.columns; c++) {
        must(memcmp(again.values[c], block.values[c], block.count * sizeof *block.values[c]) == 0);
    }
}

/// 16 bytes are a time and a value; every other column is made of the first.
static bool take_samples(const uint8_t *data, size_t size) {
    block.count = size / 16 < SV_BLOCK_SAMPLES_MAX ? size / 16 : SV_BLOCK_SAMPLES_MAX;
    block.columns = 1 + size % SV_BLOCK_COLUMNS_MAX;
    bool finite = true;
    for (size_t i = 0; i < block.count; i++) {
        memcpy(&block.at_us[i], data + 16 * i, 8);
        memcpy(&block.values[0][i], data + 16 * i + 8, 8);
        finite = finite && isfinite(block.values[0][i]);
        for (size_t c = 1; c < block.columns && finite; c++) {
            block.values[c][i] = rint(fmod(block.values[0][i], 1e6) * (double) (c * c)) / 100;
        }
    }
    return finite && block.count > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    if (sv_block_unpack(text, &block, NULL) == SV_OK) {
        must_come_back();
    }
    if (take_samples(data, size)) {
        must_come_back();
    }
    return 0;
}
