#include "own.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/identity.h>
#include <crypto/standing.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum { DOMAIN_ROOM = 254 };

struct sv_standing_trust {
    char domain[DOMAIN_ROOM];
    X509 *signers[SV_STANDING_SIGNERS_MAX];
    size_t count;
};

// ---- what is hashed and signed ------------------------------------------------------------------

sv_err sv_standing_chain(uint8_t hash[SV_STANDING_HASH_BYTES], const sv_standing_change *change,
                         sv_why *why) {
    char room[SV_STANDING_HASH_BYTES + SV_STANDING_LINE_ROOM];
    sv_textbuf both = SV_TEXTBUF(room);
    sv_textbuf_add(&both, (sv_text){ (const char *) hash, SV_STANDING_HASH_BYTES });
    sv_standing_line_add(&both, change);
    if (SHA256((const unsigned char *) both.at, both.len, hash) == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot hash change %" PRId64, change->version);
    }
    return SV_OK;
}

void sv_standing_message(const char *domain, const sv_standing_head *head, sv_textbuf *out) {
    sv_textbuf_addf(out, "selvedge standing 1\n%s\n%" PRId64 " ", domain, head->version);
    sv_hex_add(out, head->hash, sizeof head->hash);
    sv_textbuf_addf(out, " %" PRId64 "\n", head->at_us);
}

sv_err sv_standing_sign(EVP_PKEY *key, const char *domain, sv_standing_head *head, sv_why *why) {
    char room[SV_STANDING_MESSAGE_MAX];
    sv_textbuf message = SV_TEXTBUF(room);
    sv_standing_message(domain, head, &message);
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = sizeof head->signature;
    if (message.overflowed || ctx == NULL
        || EVP_DigestSignInit(ctx, NULL, sv_pkey_digest(key), NULL, key) != 1
        || EVP_DigestSign(ctx, head->signature, &len, (const unsigned char *) message.at,
                          message.len)
               != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign version %" PRId64 " of the standing",
                           head->version);
    }
    head->signature_bytes = len;
    return SV_OK;
}

// ---- whose signature counts ---------------------------------------------------------------------

void sv_standing_trust_drop(sv_standing_trust **trust) {
    sv_standing_trust *old = *trust;
    *trust = NULL;
    if (old != NULL) {
        for (size_t i = 0; i < old->count; i++) {
            X509_free(old->signers[i]);
        }
        free(old);
    }
}

static sv_err read_signers(const char *path, sv_standing_trust *trust, sv_why *why) {
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
        if (trust->count == SV_STANDING_SIGNERS_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than %d CA certificates", path,
                           SV_STANDING_SIGNERS_MAX);
        }
        trust->signers[trust->count++] = certificate;
        certificate = NULL;
    }
    ERR_clear_error(); // the end of the file is one
    return trust->count > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%s' holds no CA certificate (PEM)", path);
}

static sv_err read_domain(const char *path, sv_standing_trust *trust, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_x509_drop)
    X509 *own = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (own == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is no certificate (PEM)", path);
    }
    return sv_identity_domain(own, trust->domain, sizeof trust->domain, why);
}

sv_err sv_standing_trust_open(const char *ca_path, const char *own_path, sv_standing_trust **out,
                              sv_why *why) {
    SV_DEFER(sv_standing_trust_drop) sv_standing_trust *trust = sv_mem_new(sizeof *trust);
    SV_TRY(read_signers(ca_path, trust, why));
    SV_TRY(read_domain(own_path, trust, why));
    *out = trust;
    trust = NULL;
    return SV_OK;
}

static bool is_signed_by(X509 *signer, sv_text message, const sv_standing_head *head,
                         int64_t now_us) {
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(signer);
    return ctx != NULL && key != NULL && sv_pkey_check(key, NULL) == SV_OK
           && sv_asn1_time_us(X509_get0_notAfter(signer)) > now_us
           && EVP_DigestVerifyInit(ctx, NULL, sv_pkey_digest(key), NULL, key) == 1
           && EVP_DigestVerify(ctx, head->signature, head->signature_bytes,
                               (const unsigned char *) message.at, message.len)
                  == 1;
}

sv_err sv_standing_verify(const sv_standing_trust *trust, const sv_standing_head *head,
                          int64_t now_us, sv_why *why) {
    char room[SV_STANDING_MESSAGE_MAX];
    sv_textbuf message = SV_TEXTBUF(room);
    bool is_good = false;
    sv_standing_message(trust->domain, head, &message);
    for (size_t i = 0; !message.overflowed && !is_good && i < trust->count; i++) {
        is_good = is_signed_by(trust->signers[i], sv_textbuf_text(&message), head, now_us);
    }
    ERR_clear_error();
    return is_good ? SV_OK
                   : sv_fail(why, SV_ERR_UNTRUSTED,
                             "version %" PRId64 " of the standing is signed by none of the %zu CA "
                             "certificates that count here, for the domain %s",
                             head->version, trust->count, trust->domain);
}

sv_err sv_standing_follow(const sv_standing_trust *trust, const sv_standing_page *page,
                          int64_t version, uint8_t hash[SV_STANDING_HASH_BYTES], int64_t now_us,
                          sv_why *why) {
    if (page->from != version) {
        return sv_fail(why, SV_ERR_STATE,
                       "the changes follow version %" PRId64 ", held is version %" PRId64,
                       page->from, version);
    }
    SV_TRY(sv_standing_verify(trust, &page->head, now_us, why));
    uint8_t reached[SV_STANDING_HASH_BYTES];
    memcpy(reached, hash, sizeof reached);
    for (size_t i = 0; i < page->count; i++) {
        SV_TRY(sv_standing_chain(reached, &page->changes[i], why));
    }
    if (memcmp(reached, page->head.hash, sizeof reached) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "version %" PRId64 " of the standing does not continue what is held since "
                       "version %" PRId64,
                       page->head.version, version);
    }
    memcpy(hash, reached, sizeof reached);
    return SV_OK;
}
