#include <codec/encode.h>
#include <stdio.h>
#include <string.h>
#include <update/target.h>

static const char *const NAMES[] = {
    [SV_ENCODING_RAW] = "raw",
    [SV_ENCODING_ZSTD] = "zstd",
    [SV_ENCODING_DELTA] = "delta",
};

static void name_with(const sv_encoding *encoding, char mark, char out[SV_ENCODING_NAME_ROOM]) {
    sv_textbuf text = { .at = out, .cap = SV_ENCODING_NAME_ROOM };
    sv_textbuf_add_str(&text, NAMES[encoding->kind]);
    if (encoding->kind == SV_ENCODING_DELTA) {
        sv_textbuf_add_char(&text, mark);
        sv_hex_add(&text, encoding->from, sizeof encoding->from);
    }
    (void) (sv_textbuf_end(&text) == SV_OK); // the room is made for the longest
}

void sv_encoding_name(const sv_encoding *encoding, char out[SV_ENCODING_NAME_ROOM]) {
    name_with(encoding, ':', out);
}

void sv_encoding_file(const sv_encoding *encoding, char out[SV_ENCODING_NAME_ROOM]) {
    name_with(encoding, '-', out);
}

/// In lower case alone, so that one encoding has one name.
static bool read_from(sv_text hex, uint8_t from[SV_TARGET_HASH_BYTES]) {
    for (size_t i = 0; i < hex.len; i++) {
        if (hex.at[i] >= 'A' && hex.at[i] <= 'F') {
            return false;
        }
    }
    return sv_hex_parse(hex, from, SV_TARGET_HASH_BYTES) == SV_OK;
}

sv_err sv_encoding_parse(sv_text name, sv_encoding *out, sv_why *why) {
    sv_encoding read = *out;
    sv_text rest = name;
    if (sv_text_is(name, NAMES[SV_ENCODING_RAW]) || sv_text_is(name, NAMES[SV_ENCODING_ZSTD])) {
        read.kind = sv_text_is(name, NAMES[SV_ENCODING_RAW]) ? SV_ENCODING_RAW : SV_ENCODING_ZSTD;
        memset(read.from, 0, sizeof read.from);
    } else if (sv_text_is(sv_text_cut(&rest, ':'), NAMES[SV_ENCODING_DELTA])
               && read_from(rest, read.from)) {
        read.kind = SV_ENCODING_DELTA;
    } else {
        return sv_fail(why, SV_ERR_INVALID,
                       "encoding \"" SV_TEXT_FMT
                       "\" is not raw, zstd or delta:<SHA-256 of the image before>",
                       SV_TEXT_ARG(name));
    }
    *out = read;
    return SV_OK;
}

const sv_encoding *sv_target_encoding(const sv_target *target, sv_text name) {
    for (size_t i = 0; i < target->encoding_count; i++) {
        char known[SV_ENCODING_NAME_ROOM];
        sv_encoding_name(&target->encodings[i], known);
        if (sv_text_is(name, known)) {
            return &target->encodings[i];
        }
    }
    return NULL;
}
