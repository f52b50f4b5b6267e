#include <base/test.h>
#include <codec/encode.h>
#include <crypto/aead.h>

static const uint8_t KEY[SV_AEAD_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t NONCE[SV_AEAD_NONCE_BYTES] = { 7 };

static sv_text text_of(const uint8_t *bytes, size_t len) {
    return (sv_text){ .at = (const char *) bytes, .len = len };
}

/// RFC 5869, appendix A.1 and A.3.
static void hkdf_gives_what_the_rfc_says(void **state) {
    (void) state;
    static const struct {
        const char *secret, *salt, *info, *key;
    } CASES[] = {
        { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
          "f0f1f2f3f4f5f6f7f8f9",
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
        { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        uint8_t secret[22];
        uint8_t salt[13];
        uint8_t info[10];
        uint8_t wanted[42];
        uint8_t found[42];
        size_t salt_len = strlen(CASES[i].salt) / 2;
        size_t info_len = strlen(CASES[i].info) / 2;
        assert_int_equal(sv_hex_parse(sv_text_of(CASES[i].secret), secret, sizeof secret), SV_OK);
        assert_int_equal(sv_hex_parse(sv_text_of(CASES[i].salt), salt, salt_len), SV_OK);
        assert_int_equal(sv_hex_parse(sv_text_of(CASES[i].info), info, info_len), SV_OK);
        assert_int_equal(sv_hex_parse(sv_text_of(CASES[i].key), wanted, sizeof wanted), SV_OK);
        sv_hkdf_sha256(text_of(secret, sizeof secret), text_of(salt, salt_len),
                       text_of(info, info_len), found, sizeof found);
        assert_memory_equal(found, wanted, sizeof wanted);
    }
}

static void what_was_sealed_opens_in_the_same_place_alone(void **state) {
    (void) state;
    static const char PLAIN[] = "spindle speed 12000";
    uint8_t sealed[sizeof PLAIN + SV_AEAD_TAG_BYTES] = { 0 };
    uint8_t opened[sizeof PLAIN];
    const sv_text whole = text_of(sealed, sizeof sealed);
    SV_DEFER(sv_aead_drop) sv_aead *aead = sv_aead_new(KEY);
    for (size_t times = 0; times < 2; times++) { // the object serves one message after the other
        sv_aead_seal(aead, NONCE, SV_TEXT("place"), (sv_text){ .at = PLAIN, .len = sizeof PLAIN },
                     sealed);
        assert_int_equal(sv_aead_open(aead, NONCE, SV_TEXT("place"), whole, opened, NULL), SV_OK);
        assert_memory_equal(opened, PLAIN, sizeof PLAIN);
    }

    const uint8_t other_nonce[SV_AEAD_NONCE_BYTES] = { 8 };
    const uint8_t other_key[SV_AEAD_KEY_BYTES] = { 1, 2, 4 };
    SV_DEFER(sv_aead_drop) sv_aead *other = sv_aead_new(other_key);
    sv_why why = { 0 };
    assert_int_equal(sv_aead_open(aead, NONCE, SV_TEXT("placf"), whole, opened, &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "not encrypted with this key"));
    assert_int_equal(sv_aead_open(aead, other_nonce, SV_TEXT("place"), whole, opened, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(sv_aead_open(other, NONCE, SV_TEXT("place"), whole, opened, NULL),
                     SV_ERR_UNTRUSTED);
    assert_int_equal(sv_aead_open(aead, NONCE, SV_TEXT("place"), whole, opened, NULL), SV_OK);
}

static void every_byte_of_it_counts(void **state) {
    (void) state;
    static const char PLAIN[] = "spindle speed 12000";
    static const uint8_t ZEROES[sizeof PLAIN];
    uint8_t sealed[sizeof PLAIN + SV_AEAD_TAG_BYTES] = { 0 };
    uint8_t opened[sizeof PLAIN];
    SV_DEFER(sv_aead_drop) sv_aead *aead = sv_aead_new(KEY);
    sv_aead_seal(aead, NONCE, (sv_text){ 0 }, (sv_text){ .at = PLAIN, .len = sizeof PLAIN },
                 sealed);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        memset(opened, 0xaa, sizeof opened);
        assert_int_equal(
            sv_aead_open(aead, NONCE, (sv_text){ 0 }, text_of(sealed, sizeof sealed), opened, NULL),
            SV_ERR_UNTRUSTED);
        assert_memory_equal(opened, ZEROES, sizeof opened); // nobody sees what was not judged
        sealed[i] ^= 1;
    }
    for (size_t len = 0; len < sizeof sealed; len++) {
        assert_int_equal(
            sv_aead_open(aead, NONCE, (sv_text){ 0 }, text_of(sealed, len), opened, NULL),
            SV_ERR_UNTRUSTED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_gives_what_the_rfc_says),
        cmocka_unit_test(what_was_sealed_opens_in_the_same_place_alone),
        cmocka_unit_test(every_byte_of_it_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
