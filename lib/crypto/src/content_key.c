#include "own.h"
#include <crypto/content_key.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

SV_OWN(cms_drop, CMS_ContentInfo, CMS_ContentInfo_free)

enum { PEM_MAX = 64 * 1024 };

static sv_err read_certificate(sv_text pem, X509 **out, sv_why *why) {
    SV_DEFER(sv_bio_drop)
    BIO *bio = pem.len == 0 || pem.len > PEM_MAX ? NULL : BIO_new_mem_buf(pem.at, (int) pem.len);
    X509 *read = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (read == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "there is no certificate (PEM) to wrap a key for");
    }
    *out = read;
    return SV_OK;
}

static sv_err check_receiver(const X509 *certificate, sv_why *why) {
    char name[256] = "";
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    (void) X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                     sizeof name);
    int kind = key == NULL ? NID_undef : EVP_PKEY_get_base_id(key);
    if (kind != EVP_PKEY_EC && kind != EVP_PKEY_RSA) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the certificate of '%s' has %s key, which signs and cannot receive the "
                       "content key of a sealed image; issue one for a P-256 or RSA key, or "
                       "publish the image plain",
                       name, kind == EVP_PKEY_ED25519 ? "an Ed25519" : "another");
    }
    return sv_pkey_check(key, why);
}

/// How the content key's key goes to the receiver: OpenSSL's own choices are of another time.
static bool choose(CMS_RecipientInfo *receiver) {
    EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(receiver);
    if (ctx == NULL) {
        return false;
    }
    if (CMS_RecipientInfo_type(receiver) == CMS_RECIPINFO_AGREE) {
        return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) == 1;
    }
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
           && EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1
           && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
}

static bool seal(const uint8_t *key, X509 *certificate, CMS_ContentInfo **out) {
    const unsigned flags = CMS_BINARY | CMS_PARTIAL;
    SV_DEFER(sv_bio_drop) BIO *plain = BIO_new_mem_buf(key, SV_CONTENT_KEY_BYTES);
    SV_DEFER(cms_drop)
    CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), flags);
    CMS_RecipientInfo *receiver =
        cms == NULL ? NULL : CMS_add1_recipient_cert(cms, certificate, flags | CMS_KEY_PARAM);
    if (plain == NULL || receiver == NULL || !choose(receiver)
        || CMS_final(cms, plain, NULL, flags) != 1) {
        return false;
    }
    *out = cms;
    cms = NULL;
    return true;
}

sv_err sv_content_wrap(const uint8_t key[SV_CONTENT_KEY_BYTES], sv_text certificate,
                       sv_textbuf *cms, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *receiver = NULL;
    SV_DEFER(cms_drop) CMS_ContentInfo *made = NULL;
    SV_TRY(read_certificate(certificate, &receiver, why));
    SV_TRY(check_receiver(receiver, why));
    if (!seal(key, receiver, &made)) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the content key cannot be wrapped");
    }
    int len = i2d_CMS_ContentInfo(made, NULL);
    unsigned char *end = len <= 0 ? NULL : (unsigned char *) sv_textbuf_grow(cms, (size_t) len);
    return end != NULL && i2d_CMS_ContentInfo(made, &end) == len
               ? SV_OK
               : sv_fail(why, SV_ERR_NO_SPACE, "there is no room for a wrapped key of %d bytes",
                         len);
}

// ---- what is opened at all

/// The next element of `rest` has this tag: its content, and `rest` behind it. Definite lengths
/// alone, as DER has them.
static bool take(sv_text *rest, uint8_t tag, sv_text *out) {
    const unsigned char *at = (const unsigned char *) rest->at;
    long len = 0;
    int number = 0;
    int class = 0;
    if (rest->len == 0 || (uint8_t) rest->at[0] != tag
        || (ASN1_get_object(&at, &len, &number, &class, (long) rest->len) & 0x81) != 0) {
        return false;
    }
    size_t head = (size_t) (at - (const unsigned char *) rest->at);
    *out = (sv_text){ .at = (const char *) at, .len = (size_t) len };
    rest->at += head + (size_t) len;
    rest->len -= head + (size_t) len;
    return true;
}

/// pkcs7-data, then aes-256-gcm up to its nonce of 12 bytes; behind that a tag of 16 bytes is
/// announced, and 32 bytes of content.
static bool is_gcm(sv_text content) {
    static const char BEGIN[] =
        "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x30\x1e\x06\x09\x60\x86"
        "\x48\x01\x65\x03\x04\x01\x2e\x30\x11\x04\x0c";
    static const char END[] = "\x02\x01\x10\x80\x20";
    enum { BEGIN_BYTES = sizeof BEGIN - 1, NONCE_BYTES = 12, END_BYTES = sizeof END - 1 };
    return content.len == BEGIN_BYTES + NONCE_BYTES + END_BYTES + SV_CONTENT_KEY_BYTES
           && memcmp(content.at, BEGIN, BEGIN_BYTES) == 0
           && memcmp(content.at + BEGIN_BYTES + NONCE_BYTES, END, END_BYTES) == 0;
}

/// OpenSSL says which kind of CMS it is, but not how its content is encrypted: whoever puts CBC, or
/// a short tag, in GCM's place turns the receiver into an oracle for the very same key. So the
/// elements are walked: version, receivers, content, tag, and nothing behind it.
static bool is_sealed_whole(sv_text der) {
    enum { SEQUENCE = 0x30, SET = 0x31, OID = 0x06, INTEGER = 0x02, OCTETS = 0x04, ZERO = 0xa0 };
    sv_text info;
    sv_text inner;
    sv_text skipped;
    sv_text content;
    sv_text tag;
    return take(&der, SEQUENCE, &info) && der.len == 0 && take(&info, OID, &skipped)
           && take(&info, ZERO, &inner) && info.len == 0 && take(&inner, SEQUENCE, &info)
           && inner.len == 0 && take(&info, INTEGER, &skipped) && take(&info, SET, &skipped)
           && take(&info, SEQUENCE, &content) && is_gcm(content) && take(&info, OCTETS, &tag)
           && tag.len == 16 && info.len == 0;
}

static bool is_oaep(CMS_RecipientInfo *receiver) {
    X509_ALGOR *how = NULL;
    return CMS_RecipientInfo_ktri_get0_algs(receiver, NULL, NULL, &how) == 1
           && OBJ_obj2nid(how->algorithm) == NID_rsaesOaep;
}

/// What a stranger could make of CMS is more than what is made here: PKCS#1 v1.5, whose answers
/// give keys away, content that nothing vouches for, receivers by the dozen.
static bool is_ours(CMS_ContentInfo *cms) {
    STACK_OF(CMS_RecipientInfo) *receivers = CMS_get0_RecipientInfos(cms);
    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData
        || sk_CMS_RecipientInfo_num(receivers) != 1) {
        return false;
    }
    CMS_RecipientInfo *receiver = sk_CMS_RecipientInfo_value(receivers, 0);
    int kind = CMS_RecipientInfo_type(receiver);
    return kind == CMS_RECIPINFO_AGREE || (kind == CMS_RECIPINFO_TRANS && is_oaep(receiver));
}

static sv_err read_cms(sv_text der, CMS_ContentInfo **out, sv_why *why) {
    const unsigned char *at = (const unsigned char *) der.at;
    SV_DEFER(cms_drop)
    CMS_ContentInfo *cms = der.len > SV_CONTENT_CMS_MAX || !is_sealed_whole(der)
                               ? NULL
                               : d2i_CMS_ContentInfo(NULL, &at, (long) der.len);
    if (cms == NULL || at != (const unsigned char *) der.at + der.len || !is_ours(cms)) {
        ERR_clear_error();
        return sv_fail(
            why, SV_ERR_INVALID,
            "%zu bytes are not a wrapped content key: CMS AuthEnvelopedData, AES-256-GCM, "
            "for one receiver by ECDH or RSA-OAEP",
            der.len);
    }
    *out = cms;
    cms = NULL;
    return SV_OK;
}

static bool is_for(CMS_ContentInfo *cms, X509 *certificate) {
    CMS_RecipientInfo *receiver = sk_CMS_RecipientInfo_value(CMS_get0_RecipientInfos(cms), 0);
    if (CMS_RecipientInfo_type(receiver) == CMS_RECIPINFO_TRANS) {
        return CMS_RecipientInfo_ktri_cert_cmp(receiver, certificate) == 0;
    }
    STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(receiver);
    return sk_CMS_RecipientEncryptedKey_num(keys) == 1
           && CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, 0),
                                                 certificate)
                  == 0;
}

/// How far it came is nobody's business, but for the hardware that could not be asked.
static sv_err not_opened(sv_why *why) {
    char reason[SV_WHY_MAX];
    if (sv_ssl_hard_reason(reason)) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "the content key cannot be unwrapped now: %s",
                       reason);
    }
    return sv_fail(why, SV_ERR_UNTRUSTED,
                   "the wrapped content key does not open: it was changed, or the private key is "
                   "not this certificate's");
}

sv_err sv_content_unwrap(sv_text cms, sv_text certificate, EVP_PKEY *key,
                         uint8_t out[SV_CONTENT_KEY_BYTES], sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *receiver = NULL;
    SV_DEFER(cms_drop) CMS_ContentInfo *wrapped = NULL;
    SV_DEFER(sv_bio_drop) BIO *opened = BIO_new(BIO_s_secmem());
    SV_TRY(read_certificate(certificate, &receiver, why));
    SV_TRY(read_cms(cms, &wrapped, why));
    if (!is_for(wrapped, receiver)) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "the content key was wrapped for another certificate; have it wrapped for "
                       "this one");
    }
    ERR_clear_error();
    if (opened == NULL || CMS_decrypt(wrapped, key, receiver, NULL, opened, CMS_BINARY) != 1) {
        return not_opened(why);
    }
    char *at = NULL;
    long len = BIO_get_mem_data(opened, &at);
    if (len != SV_CONTENT_KEY_BYTES) {
        return sv_fail(why, SV_ERR_INVALID, "a content key has %d bytes, not %ld",
                       SV_CONTENT_KEY_BYTES, len);
    }
    memcpy(out, at, SV_CONTENT_KEY_BYTES);
    return SV_OK;
}
