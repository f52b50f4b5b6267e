#include "signers.h"

#include <openssl/err.h>
#include <openssl/pem.h>

void sv_signers_drop(sv_signers *signers) {
    for (size_t i = 0; i < signers->count; i++) {
        X509_free(signers->list[i]);
    }
    *signers = (sv_signers){ .count = 0 };
}

sv_err sv_signers_read(const char *path, sv_signers *out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    if (bio == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "cannot read '%s'", path);
    }
    X509 *found = NULL;
    while ((found = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        SV_DEFER(sv_x509_drop) X509 *certificate = found;
        if (X509_check_ca(certificate) != 1
            || (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0) {
            continue;
        }
        if (out->count == SV_SIGNERS_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than %d CA certificates", path,
                           SV_SIGNERS_MAX);
        }
        out->list[out->count++] = certificate;
        certificate = NULL;
    }
    ERR_clear_error(); // the end of the file is one
    return out->count > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%s' holds no CA certificate (PEM)", path);
}

sv_err sv_signers_sign(EVP_PKEY *key, sv_text message, uint8_t *signature, size_t room,
                       size_t *bytes, const char *what, sv_why *why) {
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = room;
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, sv_pkey_digest(key), NULL, key) != 1
        || EVP_DigestSign(ctx, signature, &len, (const unsigned char *) message.at, message.len)
               != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign %s", what);
    }
    *bytes = len;
    return SV_OK;
}

static bool is_signed_by(X509 *signer, sv_text message, sv_text signature) {
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(signer);
    return ctx != NULL && key != NULL && sv_pkey_check(key, NULL) == SV_OK
           && EVP_DigestVerifyInit(ctx, NULL, sv_pkey_digest(key), NULL, key) == 1
           && EVP_DigestVerify(ctx, (const unsigned char *) signature.at, signature.len,
                               (const unsigned char *) message.at, message.len)
                  == 1;
}

bool sv_signers_verify(const sv_signers *signers, sv_text message, sv_text signature, int64_t at_us,
                       int64_t since_us) {
    bool is_good = false;
    for (size_t i = 0; !is_good && i < signers->count; i++) {
        X509 *signer = signers->list[i];
        is_good = sv_asn1_time_us(X509_get0_notAfter(signer)) > at_us
                  && sv_asn1_time_us(X509_get0_notBefore(signer)) <= since_us
                  && is_signed_by(signer, message, signature);
    }
    ERR_clear_error();
    return is_good;
}
