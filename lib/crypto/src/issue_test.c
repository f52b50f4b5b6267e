#include "issue_internal.h"
#include "pki_internal.h"
#include <base/test.h>
#include <base/time.h>
#include <crypto/identity.h>
#include <string.h>

static sv_issuer authority;
static int64_t begin_us; // of the authority, which lives for ten days

static int make(void **state) {
    (void) state;
    EVP_PKEY *key = NULL;
    if (sv_pkey_make(SV_KEY_EC, &key, NULL) != SV_OK) {
        return -1;
    }
    authority = (sv_issuer){ .key = key, .domain = "plant.example" };
    const sv_ca ca = { "Test", "Test issuing CA", 10, key };
    if (sv_ca_make(&ca, NULL, &authority.certificate, NULL) != SV_OK) {
        return -1;
    }
    begin_us = sv_asn1_time_us(X509_get0_notBefore(authority.certificate));
    return 0;
}

static int drop(void **state) {
    (void) state;
    X509_free(authority.certificate);
    EVP_PKEY_free(authority.key);
    return 0;
}

static sv_public_key public_of(sv_key_kind kind) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    assert_int_equal(sv_pkey_make(kind, &key, NULL), SV_OK);
    sv_public_key out;
    assert_int_equal(sv_public_key_of(key, &out, NULL), SV_OK);
    return out;
}

static sv_issue issue_of(const char *id, sv_role role) {
    sv_issue issue = { .role = role, .lifetime_s = 3600, .key = public_of(SV_KEY_EC) };
    assert_int_equal(sv_text_copy(sv_text_of(id), issue.id, sizeof issue.id), SV_OK);
    return issue;
}

// [pki-7]
static void every_kind_of_key_comes_back_from_its_numbers(void **state) {
    (void) state;
    for (int kind = SV_KEY_EC; kind <= SV_KEY_ED25519 + 1; kind++) {
        SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
        if (kind > SV_KEY_ED25519) {
            key = EVP_EC_gen("P-384");
        } else {
            assert_int_equal(sv_pkey_make((sv_key_kind) kind, &key, NULL), SV_OK);
        }
        sv_public_key numbers;
        SV_DEFER(sv_pkey_drop) EVP_PKEY *built = NULL;
        assert_int_equal(sv_public_key_of(key, &numbers, NULL), SV_OK);
        assert_int_equal(sv_public_key_build(&numbers, &built, NULL), SV_OK);
        assert_int_equal(EVP_PKEY_eq(key, built), 1);
        uint8_t once[32], again[32];
        assert_int_equal(sv_public_key_hash(&numbers, once, NULL), SV_OK);
        numbers = public_of(SV_KEY_EC);
        assert_int_equal(sv_public_key_hash(&numbers, again, NULL), SV_OK);
        assert_memory_not_equal(once, again, sizeof once);
    }
}

static void refused_key(const sv_public_key *key, const char *reason) {
    sv_why why = { 0 };
    SV_DEFER(sv_pkey_drop) EVP_PKEY *built = NULL;
    assert_int_equal(sv_public_key_build(key, &built, &why), SV_ERR_INVALID);
    assert_null(built);
    if (strstr(why.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", why.text, reason);
    }
}

// [pki-7]
static void a_point_that_is_not_on_its_curve_is_no_key(void **state) {
    (void) state;
    const sv_public_key good = public_of(SV_KEY_EC);
    sv_public_key bad = good;
    bad.raw[64] ^= 1;
    refused_key(&bad, "numbers make no key");
    bad = good;
    memset(bad.raw + 1, 0, 64);
    refused_key(&bad, "make no key");
    bad = good;
    bad.raw[0] = 2;
    refused_key(&bad, "not an uncompressed point");
    bad = good;
    bad.bytes = 1;
    refused_key(&bad, "not an uncompressed point of 65 bytes");
    bad = good;
    bad.kind = SV_PUBLIC_P384;
    refused_key(&bad, "not an uncompressed point of 97 bytes");
    bad.bytes = 97;
    refused_key(&bad, "make no key");
    bad = good;
    bad.kind = 0;
    refused_key(&bad, "0 is no kind of key");
    bad = good;
    bad.bytes = UINT32_MAX;
    refused_key(&bad, "not an uncompressed point");
}

// [pki-7]
static void an_rsa_key_that_can_be_broken_is_refused(void **state) {
    (void) state;
    const sv_public_key good = public_of(SV_KEY_RSA);
    static const uint32_t exponents[] = { 0, 1, 3, 65535, 65538 };
    for (size_t i = 0; i < SV_COUNT(exponents); i++) {
        sv_public_key bad = good;
        bad.exponent = exponents[i];
        refused_key(&bad, "is weak; use an odd one");
    }
    sv_public_key bad = good;
    bad.raw[bad.bytes - 1] &= 0xFE;
    refused_key(&bad, "modulus is weak");
    bad = good;
    bad.bytes = 128;
    refused_key(&bad, "1024 bits");
    bad = good;
    bad.bytes = SV_PUBLIC_KEY_MAX + 1;
    refused_key(&bad, "513 bytes");
    bad = good;
    bad.bytes = UINT32_MAX;
    refused_key(&bad, "at most 512");
    bad = good;
    memset(bad.raw, 0, 2);
    refused_key(&bad, "2048 to 4096");
    bad = good;
    memset(bad.raw, 0, sizeof bad.raw);
    refused_key(&bad, "0 bits");
    bad = good;
    memset(bad.raw, 0xFF, sizeof bad.raw); // divisible by 3
    refused_key(&bad, "modulus is weak");
}

static sv_public_key rsa_of(const BIGNUM *modulus) {
    sv_public_key key = { .kind = SV_PUBLIC_RSA, .exponent = 65537 };
    key.bytes = (uint32_t) BN_bn2bin(modulus, key.raw);
    return key;
}

// [pki-7]
static void a_prime_and_a_modulus_of_an_infineon_chip_are_no_rsa_key(void **state) {
    (void) state;
    SV_DEFER(sv_bn_drop) BIGNUM *number = BN_new();
    assert_int_equal(BN_generate_prime_ex(number, 2048, 0, NULL, NULL, NULL), 1);
    sv_public_key prime = rsa_of(number);
    refused_key(&prime, "modulus is weak");

    // k * M + 65537 with M the product of the primes up to 167, odd and of 2048 bits.
    SV_DEFER(sv_bn_drop) BIGNUM *product = BN_new();
    assert_int_equal(BN_set_word(product, 2), 1);
    for (unsigned p = 3; p <= 167; p += 2) {
        bool is_prime = true;
        for (unsigned d = 3; d * d <= p; d += 2) {
            is_prime = is_prime && p % d != 0;
        }
        assert_true(!is_prime || BN_mul_word(product, p) == 1);
    }
    assert_int_equal(BN_lshift(number, product, 2047 - BN_num_bits(product) + 1), 1);
    assert_int_equal(BN_add_word(number, 65537), 1);
    assert_int_equal(BN_num_bits(number), 2048);
    sv_public_key chip = rsa_of(number);
    refused_key(&chip, "CVE-2017-15361");
}

// [pki-7]
static void an_ed25519_key_of_small_order_is_refused(void **state) {
    (void) state;
    sv_public_key key = public_of(SV_KEY_ED25519);
    key.bytes = 31;
    refused_key(&key, "has 32 bytes");
    for (int first = 0; first < 2; first++) {
        for (int sign = 0; sign < 2; sign++) {
            key = (sv_public_key){ .kind = SV_PUBLIC_ED25519, .bytes = 32 };
            key.raw[0] = (uint8_t) first;
            key.raw[31] = sign != 0 ? 0x80 : 0;
            refused_key(&key, "anybody can sign");
        }
    }
    memset(key.raw, 0xFF, 32);
    for (int first = 0xEC; first <= 0xFF; first++) { // p-1 and everything from p on
        key.raw[0] = (uint8_t) first;
        refused_key(&key, "anybody can sign");
    }
}

static void refused(const sv_issue *issue, int64_t now_us, const char *reason) {
    sv_why why = { 0 };
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    assert_int_not_equal(sv_issue_certify(&authority, issue, now_us, &certificate, &why), SV_OK);
    assert_null(certificate);
    if (strstr(why.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", why.text, reason);
    }
}

// [pki-12]
static void every_field_is_judged_before_anything_is_signed(void **state) {
    (void) state;
    const sv_issue good = issue_of("press-1", SV_ROLE_DEVICE);
    sv_issue bad = good;
    memset(bad.id, 'a', sizeof bad.id);
    refused(&bad, begin_us, "id");
    static const char *const ids[] = { "", "a/b", "a b", "CA", "ca", "-a", "a.b", "a\n" };
    for (size_t i = 0; i < SV_COUNT(ids); i++) {
        bad = good;
        memset(bad.id, 0, sizeof bad.id);
        memcpy(bad.id, ids[i], strlen(ids[i]));
        refused(&bad, begin_us, "id");
    }
    bad = good;
    bad.role = SV_ROLE__COUNT;
    refused(&bad, begin_us, "no role");
    bad = good;
    bad.lifetime_s = 0;
    refused(&bad, begin_us, "lifetime of 0 seconds");
    bad = good;
    bad.lifetime_s = SV_ISSUE_LIFETIME_MAX_S + 1;
    refused(&bad, begin_us, "lifetime");
    bad = good;
    bad.lifetime_s = INT64_MIN;
    refused(&bad, begin_us, "lifetime");
    bad = good;
    bad.not_before_us = -1;
    refused(&bad, begin_us, "before 1970");
    bad = good;
    bad.not_before_us = INT64_MAX;
    refused(&bad, begin_us, "check the clock");
    bad = good;
    bad.texts = SV_ISSUE_TEXTS_MAX + 1;
    refused(&bad, begin_us, "9 parts");
    bad = good;
    bad.texts = 1;
    refused(&bad, begin_us, "has 0 bytes");
    memset(bad.subject[0].text, 'x', sizeof bad.subject[0].text);
    refused(&bad, begin_us, "has 256 bytes");
    bad = good;
    bad.texts = 1;
    bad.subject[0].part = SV_SUBJECT__COUNT;
    refused(&bad, begin_us, "no part of a subject");
    bad = good;
    bad.dns_names = 1;
    refused(&bad, begin_us, "a device has no DNS names");
    bad = good;
    bad.ips = 1;
    refused(&bad, begin_us, "a device has no DNS names");
    bad = good;
    bad.role = SV_ROLE_GATEWAY;
    bad.dns_names = UINT32_MAX;
    refused(&bad, begin_us, "at most 16");
    bad.dns_names = 1;
    refused(&bad, begin_us, "DNS name 1");
    bad.dns_names = 0;
    bad.ips = 1;
    refused(&bad, begin_us, "address 1 has 0 bytes");
    bad = good;
    bad.key.raw[5] ^= 1;
    refused(&bad, begin_us, "make no key");
}

// [pki-8]
static void a_text_with_control_characters_or_broken_utf8_never_enters_a_subject(void **state) {
    (void) state;
    static const char *const texts[] = {
        "a\nb", "\x01", "a\x7f", "caf\xc2\x85", "\xff\xfe", "\xc3"
    };
    for (size_t i = 0; i < SV_COUNT(texts); i++) {
        sv_issue bad = issue_of("press-1", SV_ROLE_DEVICE);
        bad.texts = 1;
        bad.subject[0].part = SV_SUBJECT_O;
        memcpy(bad.subject[0].text, texts[i], strlen(texts[i]));
        refused(&bad, begin_us, i < 4 ? "control characters" : "does not fit into a name");
    }
    sv_issue good = issue_of("press-1", SV_ROLE_DEVICE);
    assert_int_equal(sv_issue_add_text(&good, SV_SUBJECT_O, SV_TEXT("Gießerei"), NULL), SV_OK);
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    assert_int_equal(sv_issue_certify(&authority, &good, begin_us, &certificate, NULL), SV_OK);
}

// [pki-12]
static void a_certificate_lies_within_the_time_of_its_issuer(void **state) {
    (void) state;
    const int64_t end_us = sv_asn1_time_us(X509_get0_notAfter(authority.certificate));
    sv_issue issue = issue_of("press-1", SV_ROLE_DEVICE);
    refused(&issue, begin_us - 1, "before the issuing certificate's beginning");
    refused(&issue, 0, "before the issuing certificate's beginning");
    refused(&issue, end_us, "has ended");
    refused(&issue, INT64_MAX, "has ended");

    issue.lifetime_s = SV_ISSUE_LIFETIME_MAX_S;
    issue.not_before_us = begin_us + 3 * SV_TIME_SECOND_US + 1; // counts in whole seconds
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    assert_int_equal(sv_issue_certify(&authority, &issue, begin_us, &certificate, NULL), SV_OK);
    assert_true(sv_asn1_time_us(X509_get0_notBefore(certificate))
                == begin_us + 4 * SV_TIME_SECOND_US);
    assert_true(sv_asn1_time_us(X509_get0_notAfter(certificate)) == end_us);
    issue.not_before_us = begin_us + (SV_ISSUE_AHEAD_MAX_S + 1) * SV_TIME_SECOND_US;
    refused(&issue, begin_us, "that this clock has not reached");
}

// [pki-4] [pki-5]
static void a_gateway_keeps_the_names_of_the_certificate_it_renews(void **state) {
    (void) state;
    sv_issue first = issue_of("gw-1", SV_ROLE_GATEWAY);
    assert_int_equal(sv_issue_add_dns(&first, SV_TEXT("gw.plant.example"), NULL), SV_OK);
    assert_int_equal(sv_issue_add_ip(&first, SV_TEXT("192.0.2.7"), NULL), SV_OK);
    assert_int_equal(sv_issue_add_ip(&first, SV_TEXT("2001:db8::7"), NULL), SV_OK);
    assert_int_not_equal(sv_issue_add_ip(&first, SV_TEXT("192.0.2"), NULL), SV_OK);
    assert_int_not_equal(sv_issue_add_dns(&first, SV_TEXT("a b"), NULL), SV_OK);
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    assert_int_equal(sv_issue_certify(&authority, &first, begin_us, &certificate, NULL), SV_OK);

    sv_issue next = issue_of("gw-1", SV_ROLE_GATEWAY);
    assert_int_equal(sv_issue_add_names_of(&next, certificate, NULL), SV_OK);
    assert_int_equal(next.dns_names, 1);
    assert_string_equal(next.dns[0], "gw.plant.example");
    assert_int_equal(next.ips, 2);
    assert_memory_equal(next.ip, first.ip, 2 * sizeof next.ip[0]);
    sv_identity who;
    assert_int_equal(sv_identity_of(certificate, false, &who, NULL), SV_OK);
    assert_int_equal(who.role, SV_ROLE_GATEWAY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_comes_back_from_its_numbers),
        cmocka_unit_test(a_point_that_is_not_on_its_curve_is_no_key),
        cmocka_unit_test(an_rsa_key_that_can_be_broken_is_refused),
        cmocka_unit_test(a_prime_and_a_modulus_of_an_infineon_chip_are_no_rsa_key),
        cmocka_unit_test(an_ed25519_key_of_small_order_is_refused),
        cmocka_unit_test(every_field_is_judged_before_anything_is_signed),
        cmocka_unit_test(a_text_with_control_characters_or_broken_utf8_never_enters_a_subject),
        cmocka_unit_test(a_certificate_lies_within_the_time_of_its_issuer),
        cmocka_unit_test(a_gateway_keeps_the_names_of_the_certificate_it_renews),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
