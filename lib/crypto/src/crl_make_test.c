#include "pki_internal.h"
#include <base/test.h>
#include <base/time.h>
#include <crypto/crl_make.h>
#include <string.h>

enum { MANY = 20000 };

static sv_issuer issuer;

static void renew_issuer(sv_key_kind kind) {
    X509_free(issuer.certificate);
    EVP_PKEY_free(issuer.key);
    EVP_PKEY *key = NULL;
    assert_int_equal(sv_pkey_make(kind, &key, NULL), SV_OK);
    const sv_ca ca = { "Test", "Test issuing CA", 30, key };
    issuer = (sv_issuer){ .key = key };
    assert_int_equal(sv_ca_make(&ca, NULL, &issuer.certificate, NULL), SV_OK);
}

static int drop(void **state) {
    (void) state;
    X509_free(issuer.certificate);
    EVP_PKEY_free(issuer.key);
    return 0;
}

static X509_CRL *made(sv_text records, const sv_crl_frame *frame) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX);
    assert_int_equal(sv_crl_sign(&issuer, frame, records, &der, NULL), SV_OK);
    const unsigned char *at = (const unsigned char *) der.at;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long) der.len);
    assert_non_null(crl);
    assert_ptr_equal(at, der.at + der.len);
    assert_int_equal(X509_CRL_verify(crl, issuer.key), 1);
    return crl;
}

// [signer-7]
static void a_list_of_any_length_is_read_by_others_and_verified(void **state) {
    (void) state;
    for (int kind = SV_KEY_EC; kind <= SV_KEY_ED25519; kind++) {
        renew_issuer((sv_key_kind) kind);
        static const size_t counts[] = { 0, 1, 3, 10, 2000, MANY };
        for (size_t i = 0; i < SV_COUNT(counts); i++) {
            SV_DEFER(sv_textbuf_drop) sv_textbuf records = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX);
            for (uint32_t n = 0; n < counts[i]; n++) {
                uint8_t serial[16] = { 0x40, [12] = (uint8_t) (n >> 24), (uint8_t) (n >> 16),
                                       (uint8_t) (n >> 8), (uint8_t) n };
                assert_int_equal(sv_crl_add(&records, serial, sizeof serial, 1800000000 + n, NULL),
                                 SV_OK);
            }
            const sv_crl_frame frame = { .number = 300 + i,
                                         .from_us = 1800000000 * SV_TIME_SECOND_US,
                                         .until_us = 1800086400 * SV_TIME_SECOND_US };
            SV_DEFER(sv_crl_drop) X509_CRL *crl = made(sv_textbuf_text(&records), &frame);
            assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)),
                             counts[i] == 0 ? -1 : (int) counts[i]);
            assert_true(sv_asn1_time_us(X509_CRL_get0_nextUpdate(crl)) == frame.until_us);
            SV_DEFER(sv_asn1_integer_drop)
            ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
            assert_int_equal(ASN1_INTEGER_get(number), (long) frame.number);
        }
    }
}

// [signer-7]
static void serial_numbers_and_moments_come_back_as_they_were(void **state) {
    (void) state;
    renew_issuer(SV_KEY_EC);
    static const struct {
        const char *serial;
        size_t bytes;
        int64_t at_s;
    } cases[] = {
        { "\x01", 1, 0 },
        { "\x80", 1, 2524607999 },         // 2049-12-31T23:59:59, the last with two digits
        { "\x00\x00\x7f", 3, 2524608000 }, // 2050
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20,
          INT64_C(253402300799) },
    };
    SV_DEFER(sv_textbuf_drop) sv_textbuf records = SV_TEXTBUF_HEAP(SV_CRL_MADE_MAX);
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        assert_int_equal(sv_crl_add(&records, (const uint8_t *) cases[i].serial, cases[i].bytes,
                                    cases[i].at_s, NULL),
                         SV_OK);
    }
    const sv_crl_frame frame = { .number = 1, .until_us = SV_TIME_DAY_US };
    SV_DEFER(sv_crl_drop) X509_CRL *crl = made(sv_textbuf_text(&records), &frame);
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        SV_DEFER(sv_bn_drop)
        BIGNUM *number = BN_bin2bn((const uint8_t *) cases[i].serial, (int) cases[i].bytes, NULL);
        SV_DEFER(sv_asn1_integer_drop) ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);
        X509_REVOKED *found = NULL;
        assert_int_equal(X509_CRL_get0_by_serial(crl, &found, serial), 1);
        assert_true(sv_asn1_time_us(X509_REVOKED_get0_revocationDate(found))
                    == cases[i].at_s * SV_TIME_SECOND_US);
    }
}

static void what_is_no_record_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf records = SV_TEXTBUF_HEAP(100);
    const uint8_t serial[21] = { 1 }, zero[4] = { 0 };
    assert_int_equal(sv_crl_add(&records, serial, 0, 0, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_crl_add(&records, serial, 21, 0, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_crl_add(&records, zero, 4, 0, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_crl_add(&records, serial, 1, -1, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_crl_add(&records, serial, 1, INT64_C(253402300800), NULL), SV_ERR_INVALID);
    assert_int_equal(sv_crl_add(&records, serial, 1, INT64_MAX, NULL), SV_ERR_INVALID);
    assert_int_equal(records.len, 0);
    sv_err err = SV_OK;
    for (int i = 0; i < 10 && err == SV_OK; i++) {
        err = sv_crl_add(&records, serial, 1, 0, NULL);
    }
    assert_int_equal(err, SV_ERR_NO_SPACE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_any_length_is_read_by_others_and_verified),
        cmocka_unit_test(serial_numbers_and_moments_come_back_as_they_were),
        cmocka_unit_test(what_is_no_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, drop);
}
