#include "vouch.h"

#include "issue_internal.h"
#include "pki_internal.h"

#include <codec/encode.h>
#include <crypto/reissue.h>
#include <openssl/err.h>

enum {
    MESSAGE_ROOM = 192,
    SIGNATURE_MAX = 512, ///< RSA 4096
};

SV_OWN(object_drop, ASN1_OBJECT, ASN1_OBJECT_free)

/// What is signed: which certificate's key speaks, and for which key. It is of no use to anybody
/// else, for the request is signed with that key as well.
static sv_err message_of(const X509 *certificate, const EVP_PKEY *key, sv_textbuf *out,
                         sv_why *why) {
    uint8_t digest[SV_DIGEST_BYTES];
    unsigned int len = sizeof digest;
    sv_public_key numbers;
    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the old certificate cannot be read");
    }
    sv_textbuf_add_str(out, "selvedge renewal 1\n");
    sv_hex_add(out, digest, sizeof digest);
    SV_TRY(sv_public_key_of(key, &numbers, why));
    SV_TRY(sv_public_key_hash(&numbers, digest, why));
    sv_textbuf_add_str(out, "\n");
    sv_hex_add(out, digest, sizeof digest);
    sv_textbuf_add_str(out, "\n");
    return sv_textbuf_end(out);
}

sv_err sv_vouch(X509_REQ *request, EVP_PKEY *key, EVP_PKEY *old, const X509 *current, sv_why *why) {
    char room[MESSAGE_ROOM];
    sv_textbuf message = SV_TEXTBUF(room);
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof signature;
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    SV_TRY(message_of(current, key, &message, why));
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, sv_pkey_digest(old), NULL, old) != 1
        || EVP_DigestSign(ctx, signature, &len, (const unsigned char *) message.at, message.len)
               != 1
        || X509_REQ_add1_attr_by_txt(request, SV_VOUCH_OID, V_ASN1_OCTET_STRING, signature,
                                     (int) len)
               != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "the key in use cannot sign for the next one");
    }
    return SV_OK;
}

/// The one value of the one attribute; NULL with SV_OK: there is none.
static sv_err find(const X509_REQ *request, const ASN1_OCTET_STRING **out, sv_why *why) {
    SV_DEFER(object_drop) ASN1_OBJECT *oid = OBJ_txt2obj(SV_VOUCH_OID, 1);
    *out = NULL;
    if (oid == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "an attribute cannot be looked for");
    }
    int at = X509_REQ_get_attr_by_OBJ(request, oid, -1);
    if (at < 0) {
        return SV_OK;
    }
    X509_ATTRIBUTE *attribute = X509_REQ_get_attr(request, at);
    if (X509_REQ_get_attr_by_OBJ(request, oid, at) < 0 && X509_ATTRIBUTE_count(attribute) == 1) {
        *out = X509_ATTRIBUTE_get0_data(attribute, 0, V_ASN1_OCTET_STRING, NULL);
    }
    ERR_clear_error();
    return *out != NULL ? SV_OK
                        : sv_fail(why, SV_ERR_UNTRUSTED,
                                  "what the old key is to have signed is not one signature");
}

static bool is_signed(const ASN1_OCTET_STRING *signature, sv_text message, EVP_PKEY *old) {
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, sv_pkey_digest(old), NULL, old) == 1
                && EVP_DigestVerify(ctx, ASN1_STRING_get0_data(signature),
                                    (size_t) ASN1_STRING_length(signature),
                                    (const unsigned char *) message.at, message.len)
                       == 1;
    ERR_clear_error();
    return good;
}

static sv_err judge(X509_REQ *request, const X509 *certificate, sv_vouched *out, sv_why *why) {
    char room[MESSAGE_ROOM];
    sv_textbuf message = SV_TEXTBUF(room);
    const ASN1_OCTET_STRING *signature = NULL;
    EVP_PKEY *old = X509_get0_pubkey(certificate);
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (old == NULL || key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "there is no key that we can read");
    }
    if (EVP_PKEY_eq(old, key) == 1) {
        *out = SV_VOUCHED_SAME;
        return SV_OK;
    }
    SV_TRY(find(request, &signature, why));
    if (signature == NULL) {
        *out = SV_VOUCHED_NOT;
        return SV_OK;
    }
    SV_TRY(message_of(certificate, key, &message, why));
    if (!is_signed(signature, sv_textbuf_text(&message), old)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the old certificate's key has not signed for this one");
    }
    *out = SV_VOUCHED_SIGNED;
    return SV_OK;
}

sv_err sv_request_vouched(sv_text request, sv_text certificate, sv_vouched *out, sv_why *why) {
    SV_DEFER(sv_req_drop) X509_REQ *parsed = NULL;
    const unsigned char *at = (const unsigned char *) certificate.at;
    SV_DEFER(sv_x509_drop) X509 *old = d2i_X509(NULL, &at, (long) certificate.len);
    SV_TRY(sv_request_parse(request, "the body", &parsed, why));
    if (old == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the old certificate cannot be read");
    }
    return judge(parsed, old, out, why);
}
