#include "own.h"
#include <crypto/content_key.h>
#include <crypto/test.h>
#include <openssl/cms.h>
#include <openssl/rsa.h>

enum { KINDS = 4, CONTENT_AND_TAG = 2 + 11 + 32 + 34 + 18 };

static const uint8_t KEY[SV_CONTENT_KEY_BYTES] = { 1, 2, 3, 31, 0, 255 };

/// A device, its certificate as text.
typedef struct device {
    sv_forged forged;
    char room[8 * 1024];
    sv_text pem;
} device;

static sv_forged issuer;
static device devices[KINDS]; // P-256, P-384, RSA, and another P-256
static device signing_only;   // Ed25519

static void make_device(device *d, const char *cn, EVP_PKEY *key) {
    d->forged = sv_forge(&(sv_forgery){ .cn = cn, .key = key }, &issuer);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, d->forged.certificate), 1);
    int len = BIO_read(bio, d->room, sizeof d->room);
    d->pem = (sv_text){ .at = d->room, .len = (size_t) len };
}

static int make(void **state) {
    (void) state;
    issuer = sv_forge(&(sv_forgery){ .cn = "issuing" }, NULL);
    make_device(&devices[0], "press-1", EVP_EC_gen("P-256"));
    make_device(&devices[1], "press-2", EVP_EC_gen("P-384"));
    make_device(&devices[2], "press-3", EVP_RSA_gen(2048));
    make_device(&devices[3], "press-4", EVP_EC_gen("P-256"));
    make_device(&signing_only, "press-5", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    return 0;
}

static int drop(void **state) {
    (void) state;
    sv_forged_drop(&issuer);
    sv_forged_drop(&signing_only.forged);
    for (size_t i = 0; i < KINDS; i++) {
        sv_forged_drop(&devices[i].forged);
    }
    return 0;
}

static void wrap(const device *d, sv_textbuf *cms) {
    sv_why why = { 0 };
    if (sv_content_wrap(KEY, d->pem, cms, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void the_device_s_key_opens_it(void **state) { // [image-15]
    (void) state;
    for (size_t i = 0; i < KINDS; i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
        uint8_t out[SV_CONTENT_KEY_BYTES] = { 0 };
        sv_why why = { 0 };
        wrap(&devices[i], &cms);
        sv_err err = sv_content_unwrap(sv_textbuf_text(&cms), devices[i].pem, devices[i].forged.key,
                                       out, &why);
        if (err != SV_OK) {
            fail_msg("%zu: %s", i, why.text);
        }
        assert_memory_equal(out, KEY, sizeof KEY);
    }
}

static void nobody_else_s_key_opens_it(void **state) { // [image-15]
    (void) state;
    for (size_t i = 0; i < KINDS; i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
        wrap(&devices[i], &cms);
        for (size_t k = 0; k < KINDS; k++) {
            uint8_t out[SV_CONTENT_KEY_BYTES] = { 0 };
            sv_why why = { 0 };
            if (k != i) {
                assert_int_equal(sv_content_unwrap(sv_textbuf_text(&cms), devices[k].pem,
                                                   devices[k].forged.key, out, &why),
                                 SV_ERR_NOT_FOUND);
                assert_non_null(strstr(why.text, "wrapped for another certificate"));
                // and with the right certificate, its number being no secret
                assert_int_equal(sv_content_unwrap(sv_textbuf_text(&cms), devices[i].pem,
                                                   devices[k].forged.key, out, &why),
                                 SV_ERR_UNTRUSTED);
                assert_memory_not_equal(out, KEY, sizeof KEY);
            }
        }
    }
}

static void an_ed25519_device_is_told_why_not(void **state) { // [image-15]
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
    sv_why why = { 0 };
    assert_int_equal(sv_content_wrap(KEY, signing_only.pem, &cms, &why), SV_ERR_INVALID);
    assert_non_null(
        strstr(why.text, "'press-5' has an Ed25519 key, which signs and cannot receive"));
    assert_non_null(strstr(why.text, "issue one for a P-256 or RSA key"));
    assert_int_equal(cms.len, 0);
    assert_int_equal(sv_content_wrap(KEY, SV_TEXT("hello"), &cms, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "no certificate"));
    assert_int_equal(sv_content_wrap(KEY, (sv_text){ 0 }, &cms, &why), SV_ERR_INVALID);
}

/// Whatever is changed on the way: another key never comes out, nor a word about how far it came.
static void what_was_changed_on_the_way_is_refused(void **state) { // [image-15]
    (void) state;
    for (size_t i = 0; i < KINDS - 1; i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
        size_t taken = 0;
        wrap(&devices[i], &cms);
        for (size_t at = 0; at < cms.len; at++) {
            uint8_t out[SV_CONTENT_KEY_BYTES] = { 0 };
            cms.at[at] ^= 0x01;
            if (sv_content_unwrap(sv_textbuf_text(&cms), devices[i].pem, devices[i].forged.key, out,
                                  NULL)
                == SV_OK) {
                assert_memory_equal(out, KEY, sizeof KEY);
                taken++;
            }
            cms.at[at] ^= 0x01;
        }
        // The version numbers, and what kind of content it is: nobody looks at those.
        assert_true(taken <= 16);
        for (size_t len = 0; len < cms.len; len++) {
            uint8_t out[SV_CONTENT_KEY_BYTES];
            assert_int_not_equal(sv_content_unwrap((sv_text){ .at = cms.at, .len = len },
                                                   devices[i].pem, devices[i].forged.key, out,
                                                   NULL),
                                 SV_OK);
        }
    }
}

/// CMS that a stranger makes for the device, `receivers` of it.
static void strange(const EVP_CIPHER *cipher, const device *d, size_t receivers, bool oaep,
                    const char *content, sv_textbuf *out) {
    SV_DEFER(sv_bio_drop) BIO *plain = BIO_new_mem_buf(content, -1);
    CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, cipher, CMS_BINARY | CMS_PARTIAL);
    for (size_t i = 0; i < receivers; i++) {
        CMS_RecipientInfo *to =
            CMS_add1_recipient_cert(cms, d->forged.certificate, CMS_BINARY | CMS_KEY_PARAM);
        assert_non_null(to);
        if (oaep) {
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(CMS_RecipientInfo_get0_pkey_ctx(to),
                                                          RSA_PKCS1_OAEP_PADDING),
                             1);
        }
    }
    assert_int_equal(CMS_final(cms, plain, NULL, CMS_BINARY), 1);
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    sv_textbuf_clear(out);
    sv_textbuf_add(out, (sv_text){ .at = (const char *) der, .len = (size_t) len });
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
}

static sv_err asked(const device *d, sv_text cms, sv_why *why) {
    uint8_t out[SV_CONTENT_KEY_BYTES];
    return sv_content_unwrap(cms, d->pem, d->forged.key, out, why);
}

static void cms_that_gives_keys_away_is_not_touched(void **state) { // [image-15]
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
    const device *rsa = &devices[2];
    const device *ec = &devices[0];
    sv_why why = { 0 };
    static const char KEY_LIKE[] = "0123456789abcdef0123456789abcdef";
    strange(EVP_aes_256_gcm(), rsa, 1, true, KEY_LIKE, &cms);
    assert_int_equal(asked(rsa, sv_textbuf_text(&cms), NULL), SV_OK);
    strange(EVP_aes_256_gcm(), rsa, 1, false, KEY_LIKE, &cms); // PKCS#1 v1.5
    assert_int_equal(asked(rsa, sv_textbuf_text(&cms), &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "for one receiver by ECDH or RSA-OAEP"));
    strange(EVP_aes_256_cbc(), rsa, 1, true, KEY_LIKE, &cms); // nothing vouches for the content
    assert_int_equal(asked(rsa, sv_textbuf_text(&cms), NULL), SV_ERR_INVALID);
    strange(EVP_aes_256_cbc(), ec, 1, false, KEY_LIKE, &cms);
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_ERR_INVALID);
    strange(EVP_aes_256_gcm(), ec, 2, false, KEY_LIKE, &cms);
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_ERR_INVALID);
    strange(EVP_aes_256_gcm(), ec, 1, false, "0123456789abcdef0123456789abcde", &cms);
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "not a wrapped content key"));
    strange(EVP_aes_256_gcm(), ec, 1, false, "", &cms);
    assert_int_not_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_OK);
    sv_textbuf_clear(&cms);
    wrap(ec, &cms);
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_OK);
    sv_textbuf_add_char(&cms, '\0'); // something behind it
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_ERR_INVALID);
    assert_int_equal(asked(ec, (sv_text){ 0 }, NULL), SV_ERR_INVALID);
}

/// The bytes from `at` on become `len` others, and what lies around them gets shorter or longer:
/// the two-byte lengths of the message, and the content's of one byte.
static void splice(sv_textbuf *cms, size_t at, size_t gone, const char *put, size_t len) {
    char rest[256];
    size_t behind = cms->len - at - gone;
    size_t content = cms->len - CONTENT_AND_TAG;
    int by = (int) len - (int) gone;
    assert_true(behind <= sizeof rest);
    memcpy(rest, cms->at + at + gone, behind);
    static const size_t LENGTHS[] = { 2, 4 + 13 + 2, 4 + 13 + 4 + 2 };
    for (size_t i = 0; i < SV_COUNT(LENGTHS); i++) {
        unsigned char *two = (unsigned char *) cms->at + LENGTHS[i];
        int was = two[0] << 8 | two[1];
        two[0] = (unsigned char) ((was + by) >> 8);
        two[1] = (unsigned char) (was + by);
    }
    if (at < cms->len - 18) { // not the tag, which is behind the content
        cms->at[content + 1] = (char) (cms->at[content + 1] + by);
    }
    cms->len = at;
    sv_textbuf_add(cms, (sv_text){ .at = put, .len = len });
    sv_textbuf_add(cms, (sv_text){ .at = rest, .len = behind });
}

/// The same key for the content, another way to encrypt it: one whose faults can be told apart.
static void nothing_else_is_put_in_gcm_s_place(void **state) { // [image-15]
    (void) state;
    static const char CBC[] = "\x30\x1d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x10"
                              "0123456789abcdef";
    const device *ec = &devices[0];
    SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
    wrap(ec, &cms);
    size_t content = cms.len - CONTENT_AND_TAG;
    assert_int_equal(cms.at[content], 0x30);
    splice(&cms, content + 2 + 11, 32, CBC, sizeof CBC - 1);
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_ERR_INVALID);

    sv_textbuf_clear(&cms);
    wrap(ec, &cms);
    char short_tag[] = "\x04\x04....";
    memcpy(short_tag + 2, cms.at + cms.len - 16, 4);
    splice(&cms, cms.len - 18, 18, short_tag, 6); // four bytes are guessed in time
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_ERR_INVALID);

    sv_textbuf_clear(&cms);
    wrap(ec, &cms);
    splice(&cms, cms.len - 18, 18, cms.at + cms.len - 18, 18); // nothing changes so
    assert_int_equal(asked(ec, sv_textbuf_text(&cms), NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_s_key_opens_it),
        cmocka_unit_test(nobody_else_s_key_opens_it),
        cmocka_unit_test(an_ed25519_device_is_told_why_not),
        cmocka_unit_test(what_was_changed_on_the_way_is_refused),
        cmocka_unit_test(cms_that_gives_keys_away_is_not_touched),
        cmocka_unit_test(nothing_else_is_put_in_gcm_s_place),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
