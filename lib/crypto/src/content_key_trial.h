// For tests: what is wrapped for a key, wherever it is kept, comes out of it again.
#ifndef SV_CRYPTO_CONTENT_KEY_TRIAL_H
#define SV_CRYPTO_CONTENT_KEY_TRIAL_H

#include "own.h"
#include <crypto/content_key.h>
#include <crypto/test.h>

/// A certificate for `key`, and what was wrapped for it.
static inline void opens_its_content_key(EVP_PKEY *key, sv_err wanted, const char *words) {
    static const uint8_t CONTENT[SV_CONTENT_KEY_BYTES] = { 23, 5 };
    uint8_t out[SV_CONTENT_KEY_BYTES] = { 0 };
    char room[4096];
    sv_why why = { 0 };
    sv_forged issuer = sv_forge(&(sv_forgery){ .cn = "issuing" }, NULL);
    assert_int_equal(EVP_PKEY_up_ref(key), 1);
    sv_forged own = sv_forge(&(sv_forgery){ .cn = "press-17", .key = key }, &issuer);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    SV_DEFER(sv_textbuf_drop) sv_textbuf cms = SV_TEXTBUF_HEAP(SV_CONTENT_CMS_MAX);
    assert_int_equal(PEM_write_bio_X509(bio, own.certificate), 1);
    sv_text pem = { .at = room, .len = (size_t) BIO_read(bio, room, sizeof room) };
    assert_int_equal(sv_content_wrap(CONTENT, pem, &cms, NULL), SV_OK);
    sv_err err = sv_content_unwrap(sv_textbuf_text(&cms), pem, key, out, &why);
    sv_forged_drop(&own);
    sv_forged_drop(&issuer);
    if (err != wanted || strstr(why.text, words) == NULL) {
        fail_msg("%d '%s' instead of %d '%s'", (int) err, why.text, (int) wanted, words);
    }
    assert_true((memcmp(out, CONTENT, sizeof out) == 0) == (wanted == SV_OK));
}

#endif
