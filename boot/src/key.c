#include "bytes.h"
#include <bearssl.h>
#include <boot/key.h>

enum { PREFIX_BYTES = 26, SPKI_BYTES = PREFIX_BYTES + SV_BOOT_POINT_BYTES };

/// SubjectPublicKeyInfo of a key on P-256, uncompressed, up to its point (RFC 5480).
static const uint8_t PREFIX[PREFIX_BYTES] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

static bool take_point(const uint8_t point[SV_BOOT_POINT_BYTES], sv_boot_key *out) {
    uint8_t copy[SV_BOOT_POINT_BYTES];
    sv_boot_copy(copy, point, sizeof copy);
    const uint8_t one = 1;
    // Multiplying by one is how BearSSL is asked whether this is a point, uncompressed, of the
    // curve.
    if (br_ec_p256_m31.mul(copy, sizeof copy, &one, 1, BR_EC_secp256r1) != 1) {
        return false;
    }
    sv_boot_copy(out->point, point, sizeof out->point);
    sv_boot_digest digest;
    sv_boot_digest_begin(&digest);
    sv_boot_digest_add(&digest, PREFIX, sizeof PREFIX);
    sv_boot_digest_add(&digest, point, SV_BOOT_POINT_BYTES);
    sv_boot_digest_end(&digest, out->id);
    return true;
}

static bool take_spki(const uint8_t *der, sv_boot_key *out) {
    return sv_boot_same(der, PREFIX, sizeof PREFIX) && take_point(der + sizeof PREFIX, out);
}

static int base64_value(uint8_t c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// The bytes of `text` when they are exactly SPKI_BYTES in base64; ends of lines do not count.
static bool unbase64(const uint8_t *text, size_t len, uint8_t out[SPKI_BYTES]) {
    enum { LETTERS = (SPKI_BYTES * 8 + 5) / 6, PADDED = (SPKI_BYTES + 2) / 3 * 4 };
    uint32_t bits = 0;
    unsigned held = 0;
    size_t letters = 0;
    size_t written = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\r') {
            continue;
        }
        int value = letters < LETTERS ? base64_value(text[i]) : text[i] == '=' ? 0 : -1;
        if (value < 0 || letters == PADDED) {
            return false;
        }
        letters++;
        bits = bits << 6 | (uint32_t) value;
        held += 6;
        if (held >= 8 && written < SPKI_BYTES) {
            held -= 8;
            out[written++] = (uint8_t) (bits >> held);
        }
    }
    return letters == PADDED && (bits & 0xffff) == 0;
}

static const char BEGIN[] = "-----BEGIN PUBLIC KEY-----";
static const char END[] = "-----END PUBLIC KEY-----";

static bool starts(const uint8_t *bytes, size_t len, const char *with, size_t with_len) {
    return len >= with_len && sv_boot_same(bytes, (const uint8_t *) with, with_len);
}

static bool is_space(uint8_t c) {
    return c == '\n' || c == '\r' || c == ' ';
}

static bool read_pem(const uint8_t *bytes, size_t len, sv_boot_key *out) {
    while (len > 0 && is_space(bytes[len - 1])) {
        len--;
    }
    const size_t begin = sizeof BEGIN - 1;
    const size_t end = sizeof END - 1;
    if (len < begin + end || !starts(bytes, len, BEGIN, begin)
        || !starts(bytes + len - end, end, END, end)) {
        return false;
    }
    uint8_t der[SPKI_BYTES];
    return unbase64(bytes + begin, len - begin - end, der) && take_spki(der, out);
}

bool sv_boot_key_read(const uint8_t *bytes, size_t len, sv_boot_key *out) {
    if (len == SV_BOOT_POINT_BYTES) {
        return take_point(bytes, out);
    }
    if (len == SPKI_BYTES) {
        return take_spki(bytes, out);
    }
    return len <= SV_BOOT_KEY_TEXT_MAX && read_pem(bytes, len, out);
}

bool sv_boot_key_signed(const sv_boot_key *key, const uint8_t *bytes, size_t len,
                        const uint8_t signature[SV_BOOT_SIGNATURE_BYTES]) {
    uint8_t hash[SV_BOOT_DIGEST_BYTES];
    sv_boot_digest digest;
    sv_boot_digest_begin(&digest);
    sv_boot_digest_add(&digest, bytes, len);
    sv_boot_digest_end(&digest, hash);
    uint8_t point[SV_BOOT_POINT_BYTES];
    sv_boot_copy(point, key->point, sizeof point);
    const br_ec_public_key public_key = { .curve = BR_EC_secp256r1,
                                          .q = point,
                                          .qlen = sizeof point };
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, hash, sizeof hash, &public_key, signature,
                                 SV_BOOT_SIGNATURE_BYTES)
           == 1;
}
