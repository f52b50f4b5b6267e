#include "own.h"
#include <base/test.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <crypto/signing.h>
#include <crypto/verifier.h>
#include <openssl/ec.h>
#include <openssl/x509.h>

static const sv_text MESSAGE = { .at = "what is signed", .len = 14 };

static sv_err judge(EVP_PKEY *key, sv_text message, const sv_textbuf *hex) {
    uint8_t bytes[SV_SIGNING_BYTES_MAX];
    char room[2048];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_signing_scheme scheme;
    SV_DEFER(sv_verifier_drop) sv_verifier *verifier = NULL;
    assert_int_equal(sv_signing_scheme_of(key, &scheme, NULL), SV_OK);
    assert_int_equal(sv_signing_public_add(key, &text, NULL), SV_OK);
    assert_int_equal(
        sv_verifier_open(sv_text_of(scheme.name), sv_textbuf_text(&text), &verifier, NULL), SV_OK);
    assert_int_equal(sv_hex_parse(sv_textbuf_text(hex), bytes, hex->len / 2), SV_OK);
    return sv_verifier_check(verifier, message,
                             (sv_text){ .at = (const char *) bytes, .len = hex->len / 2 }, NULL);
}

static void every_kind_of_key_signs_what_its_scheme_accepts_and_nothing_else(void **state) {
    (void) state; // [repo-2]
    static const char *const SCHEMES[] = { [SV_KEY_EC] = "ecdsa-sha2-nistp256",
                                           [SV_KEY_RSA] = "rsassa-pss-sha256",
                                           [SV_KEY_ED25519] = "ed25519" };
    for (sv_key_kind kind = SV_KEY_EC; kind <= SV_KEY_ED25519; kind++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
        char room[2 * SV_SIGNING_BYTES_MAX + 1];
        sv_textbuf hex = SV_TEXTBUF(room);
        sv_signing_scheme scheme;
        assert_int_equal(sv_pkey_make(kind, &key, NULL), SV_OK);
        assert_int_equal(sv_signing_scheme_of(key, &scheme, NULL), SV_OK);
        assert_string_equal(scheme.name, SCHEMES[kind]);
        assert_int_equal(sv_signing_add(key, MESSAGE, &hex, NULL), SV_OK);
        assert_int_equal(judge(key, MESSAGE, &hex), SV_OK);
        assert_int_equal(judge(key, SV_TEXT("what is sign3d"), &hex), SV_ERR_UNTRUSTED);
    }
}

static void a_key_of_another_curve_does_not_sign(void **state) {
    (void) state; // [repo-2]
    char room[64];
    sv_textbuf hex = SV_TEXTBUF(room);
    sv_why why = { 0 };
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = EVP_EC_gen("P-384");
    assert_non_null(key);
    assert_int_equal(sv_signing_add(key, MESSAGE, &hex, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "384 bits"));
    assert_int_equal(hex.len, 0);
}

static void a_key_s_hash_is_that_of_its_public_half_as_certificates_have_it(void **state) {
    (void) state; // [trust-3]
    for (sv_key_kind kind = SV_KEY_EC; kind <= SV_KEY_ED25519; kind++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
        SV_DEFER(sv_verifier_drop) sv_verifier *verifier = NULL;
        char room[2048];
        sv_textbuf text = SV_TEXTBUF(room);
        uint8_t wanted[SV_DIGEST_BYTES];
        uint8_t found[SV_VERIFIER_HASH_BYTES];
        uint8_t *whole = NULL;
        sv_signing_scheme scheme;
        assert_int_equal(sv_pkey_make(kind, &key, NULL), SV_OK);
        assert_int_equal(sv_signing_scheme_of(key, &scheme, NULL), SV_OK);
        assert_int_equal(sv_signing_public_add(key, &text, NULL), SV_OK);
        assert_int_equal(
            sv_verifier_open(sv_text_of(scheme.name), sv_textbuf_text(&text), &verifier, NULL),
            SV_OK);
        int len = i2d_PUBKEY(key, &whole);
        assert_true(len > 0);
        sv_sha256((sv_text){ .at = (const char *) whole, .len = (size_t) len }, wanted);
        OPENSSL_free(whole);
        sv_verifier_hash(verifier, found);
        assert_memory_equal(found, wanted, sizeof wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_s_hash_is_that_of_its_public_half_as_certificates_have_it),
        cmocka_unit_test(every_kind_of_key_signs_what_its_scheme_accepts_and_nothing_else),
        cmocka_unit_test(a_key_of_another_curve_does_not_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
