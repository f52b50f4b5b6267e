#include <codec/encode.h>
#include <crypto/random.h>
#include <string.h>
#include <update/image_key.h>

static const sv_text HEAD = { .at = "selvedge content key 1", .len = 22 };

void sv_image_key_make(const uint8_t digest[SV_TARGET_HASH_BYTES], sv_image_key *out) {
    *out = (sv_image_key){ .sealed_count = 0 };
    sv_random(out->bytes, sizeof out->bytes);
    memcpy(out->digest, digest, sizeof out->digest);
}

void sv_image_key_wipe(sv_image_key *key) {
    explicit_bzero(key, sizeof *key);
}

static sv_image_sealed *find(sv_image_key *key, const sv_encoding *encoding) {
    for (size_t i = 0; i < key->sealed_count; i++) {
        sv_image_sealed *known = &key->sealed[i];
        if (known->kind == encoding->kind
            && (known->kind != SV_ENCODING_DELTA
                || memcmp(known->from, encoding->from, sizeof known->from) == 0)) {
            return known;
        }
    }
    return NULL;
}

sv_err sv_image_key_note(sv_image_key *key, const sv_encoding *encoding, sv_why *why) {
    const sv_image_sealed *known = find(key, encoding);
    char name[SV_ENCODING_NAME_ROOM];
    sv_encoding_name(encoding, name);
    if (known != NULL) {
        return memcmp(known->root, encoding->root, sizeof known->root) == 0
                   ? SV_OK
                   : sv_fail(why, SV_ERR_STATE,
                             "%s was sealed with this content key before and came out otherwise; "
                             "take what was made then, or make a new content key",
                             name);
    }
    if (key->sealed_count == SV_TARGET_ENCODINGS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "a content key seals at most %d encodings",
                       SV_TARGET_ENCODINGS_MAX);
    }
    sv_image_sealed *noted = &key->sealed[key->sealed_count++];
    noted->kind = encoding->kind;
    memcpy(noted->from, encoding->from, sizeof noted->from);
    memcpy(noted->root, encoding->root, sizeof noted->root);
    return SV_OK;
}

void sv_image_key_write(const sv_image_key *key, sv_textbuf *out) {
    sv_textbuf_add(out, HEAD);
    sv_textbuf_add_str(out, "\nkey ");
    sv_hex_add(out, key->bytes, sizeof key->bytes);
    sv_textbuf_add_str(out, "\nimage ");
    sv_hex_add(out, key->digest, sizeof key->digest);
    sv_textbuf_add_char(out, '\n');
    for (size_t i = 0; i < key->sealed_count; i++) {
        sv_encoding encoding = { .kind = key->sealed[i].kind };
        char name[SV_ENCODING_NAME_ROOM];
        memcpy(encoding.from, key->sealed[i].from, sizeof encoding.from);
        sv_encoding_name(&encoding, name);
        sv_textbuf_addf(out, "sealed %s ", name);
        sv_hex_add(out, key->sealed[i].root, sizeof key->sealed[i].root);
        sv_textbuf_add_char(out, '\n');
    }
}

static sv_err no_key(int line, sv_why *why) {
    return sv_fail(why, SV_ERR_INVALID, "line %d is not one of a content key's file", line);
}

static bool read_hash(sv_text line, const char *word, uint8_t *out) {
    return sv_text_is(sv_text_cut(&line, ' '), word)
           && sv_hex_parse(line, out, SV_TARGET_HASH_BYTES) == SV_OK;
}

static bool read_sealed(sv_text line, sv_image_key *key) {
    sv_encoding encoding = { .length = 0 };
    if (!sv_text_is(sv_text_cut(&line, ' '), "sealed")
        || sv_encoding_parse(sv_text_cut(&line, ' '), &encoding, NULL) != SV_OK
        || sv_hex_parse(line, encoding.root, sizeof encoding.root) != SV_OK
        || find(key, &encoding) != NULL) {
        return false;
    }
    return sv_image_key_note(key, &encoding, NULL) == SV_OK;
}

sv_err sv_image_key_read(sv_text file, sv_image_key *out, sv_why *why) {
    SV_DEFER(sv_image_key_wipe) sv_image_key key = { .sealed_count = 0 };
    sv_text rest = file;
    if (file.len == 0 || file.at[file.len - 1] != '\n') {
        return sv_fail(why, SV_ERR_INVALID, "it is not the whole file of a content key");
    }
    if (!sv_text_eq(sv_text_cut(&rest, '\n'), HEAD)) {
        return no_key(1, why);
    }
    if (!read_hash(sv_text_cut(&rest, '\n'), "key", key.bytes)) {
        return no_key(2, why);
    }
    if (!read_hash(sv_text_cut(&rest, '\n'), "image", key.digest)) {
        return no_key(3, why);
    }
    for (int line = 4; rest.len > 0; line++) {
        if (!read_sealed(sv_text_cut(&rest, '\n'), &key)) {
            return no_key(line, why);
        }
    }
    *out = key;
    return SV_OK;
}
