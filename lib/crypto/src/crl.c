#include "own.h"

#include <crypto/crl.h>
#include <crypto/profile.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/disk.h>

static sv_err read_facts(const X509_CRL *crl, sv_crl_facts *out, sv_why *why) {
    const ASN1_TIME *ends = X509_CRL_get0_nextUpdate(crl);
    SV_DEFER(sv_asn1_integer_drop)
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    int64_t value = 0;
    if (!sv_profile_list_is_whole(crl)) {
        return sv_fail(why, SV_ERR_INVALID, "the revocation list is a delta, not a whole one");
    }
    if (ends == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "the revocation list does not say when it ends");
    }
    if (number == NULL || ASN1_INTEGER_get_int64(&value, number) != 1 || value < 0) {
        ERR_clear_error();
        return sv_fail(why, SV_ERR_INVALID, "the revocation list has no number");
    }
    const STACK_OF(X509_REVOKED) *revoked =
        X509_CRL_get_REVOKED((X509_CRL *) (uintptr_t) crl); // reads it
    *out = (sv_crl_facts){ .issuer = X509_NAME_hash_ex(X509_CRL_get_issuer(crl), NULL, NULL, NULL),
                           .number = value,
                           .made_us = sv_asn1_time_us(X509_CRL_get0_lastUpdate(crl)),
                           .ends_us = sv_asn1_time_us(ends),
                           .count = revoked == NULL ? 0 : (size_t) sk_X509_REVOKED_num(revoked) };
    return SV_OK;
}

/// Whether one of the file's certificates, which may sign lists, has signed this one.
static bool is_signed_by(X509_CRL *crl, X509 *issuer) {
    return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0
           && X509_check_ca(issuer) > 0 && (X509_get_key_usage(issuer) & KU_CRL_SIGN) != 0
           && X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1;
}

static sv_err check_issuer(X509_CRL *crl, const char *file, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = NULL;
    SV_TRY(sv_bio_open(file, &bio, why));
    bool good = false;
    X509 *issuer = NULL;
    while (!good && (issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        good = is_signed_by(crl, issuer);
        X509_free(issuer);
    }
    ERR_clear_error();
    return good ? SV_OK
                : sv_fail(why, SV_ERR_UNTRUSTED,
                          "no certificate in '%s' has signed the revocation list", file);
}

static sv_err add_pem(X509_CRL *crl, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509_CRL(bio, crl) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a revocation list as PEM");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    sv_textbuf_add(out, (sv_text){ .at = at, .len = (size_t) len });
    return sv_textbuf_end(out);
}

sv_err sv_crl_read(sv_text der, const char *file, int64_t now_us, sv_crl_facts *out,
                   sv_textbuf *pem, sv_why *why) {
    const unsigned char *at = (const unsigned char *) der.at;
    SV_DEFER(sv_crl_drop)
    X509_CRL *crl = der.len <= SV_CRL_BYTES_MAX ? d2i_X509_CRL(NULL, &at, (long) der.len) : NULL;
    ERR_clear_error();
    if (crl == NULL || (const char *) at != der.at + der.len) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are no revocation list of at most %d",
                       der.len, SV_CRL_BYTES_MAX);
    }
    sv_crl_facts facts;
    SV_TRY(read_facts(crl, &facts, why));
    SV_TRY(check_issuer(crl, file, why));
    if (facts.ends_us <= now_us) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "revocation list %lld has ended",
                       (long long) facts.number);
    }
    if (pem != NULL) {
        SV_TRY(add_pem(crl, pem, why));
    }
    *out = facts;
    return SV_OK;
}

sv_err sv_crl_facts_of(const char *path, sv_crl_facts *out, sv_why *why) {
    if (!sv_disk_exists(path)) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no '%s'", path);
    }
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(path, "r");
    SV_DEFER(sv_crl_drop)
    X509_CRL *crl = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    if (crl == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' holds no revocation list (PEM)", path);
    }
    return read_facts(crl, out, why);
}
