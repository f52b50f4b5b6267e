#include <base/test.h>
#include <crypto/cert_strength.h>
#include <crypto/test.h>

static sv_cert_strength strength_of(EVP_PKEY *key, const EVP_MD *digest) {
    SV_DEFER(sv_forged_drop) sv_forged forged = { 0 };
    sv_cert_strength strength;
    const sv_forgery forgery = { .cn = "press-1", .key = key, .digest = digest };
    forged = sv_forge(&forgery, NULL);
    assert_int_equal(sv_cert_strength_of(forged.certificate, &strength, NULL), SV_OK);
    return strength;
}

// [checklist-12]
static void a_key_and_a_signature_are_as_strong_as_they_are(void **state) {
    (void) state;
    sv_cert_strength usual = strength_of(NULL, NULL);
    assert_string_equal(usual.key, "EC 256");
    assert_string_equal(usual.signature, "ecdsa-with-SHA256");
    assert_int_equal(usual.key_bits, 128);
    assert_int_equal(usual.signature_bits, 128);
    assert_false(usual.authority);
    sv_cert_strength old = strength_of(EVP_RSA_gen(1024), EVP_sha1());
    assert_string_equal(old.key, "RSA 1024");
    assert_int_equal(old.key_bits, 80);
    assert_true(old.signature_bits < 80);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_and_a_signature_are_as_strong_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
