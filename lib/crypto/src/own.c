#include "own.h"
#include "key_hard.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#undef sv_fail_ssl // the analyzers' view of it

bool sv_ssl_hard_reason(char room[SV_WHY_MAX]) {
    const char *data = NULL;
    int flags = 0;
    bool found = false;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    for (; code != 0; code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) {
        if (!found && sv_hard_is_fault(code) && (flags & ERR_TXT_STRING) != 0) {
            (void) snprintf(room, SV_WHY_MAX, "%s", data);
            found = true;
        }
    }
    return found;
}

sv_err sv_fail_ssl(sv_why *why, sv_err code, const char *fmt, ...) {
    char sentence[SV_WHY_MAX];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    char hard_reason[SV_WHY_MAX];
    if (sv_ssl_hard_reason(hard_reason)) {
        reason = hard_reason;
    }
    return sv_fail(why, code, "%s%s%s", sentence, reason != NULL ? ": " : "",
                   reason != NULL ? reason : "");
}

sv_err sv_bio_open(const char *path, BIO **out, sv_why *why) {
    errno = 0;
    *out = BIO_new_file(path, "r");
    if (*out == NULL) {
        return sv_fail_ssl(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO, "cannot open '%s'",
                           path);
    }
    return SV_OK;
}

sv_err sv_cert_of_file(const char *path, X509 **out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = NULL;
    SV_TRY(sv_bio_open(path, &bio, why));
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (certificate == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' holds no certificate (PEM)", path);
    }
    *out = certificate;
    return SV_OK;
}

sv_err sv_name_id(const X509_NAME *name, char out[SV_ID_ROOM], sv_why *why) {
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0) {
        return sv_fail(why, SV_ERR_INVALID, "the subject has no CN; the CN is the id");
    }
    if (X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
        return sv_fail(why, SV_ERR_INVALID, "the subject has more than one CN");
    }
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    if (len < 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the CN is not text");
    }
    sv_text id = { .at = (const char *) utf8, .len = (size_t) len };
    sv_err err = sv_id_check("CN", id, why);
    if (err == SV_OK) {
        err = sv_text_copy(id, out, SV_ID_ROOM);
    }
    OPENSSL_free(utf8);
    return err;
}

int64_t sv_asn1_time_us(const ASN1_TIME *time) {
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return 0;
    }
    return (int64_t) timegm(&parts) * 1000000;
}

bool sv_role_is_client(sv_role role) {
    return role != SV_ROLE_SERVER;
}

bool sv_role_is_server(sv_role role) {
    return role == SV_ROLE_SERVER || role == SV_ROLE_GATEWAY;
}

static bool is_curve_we_take(const EVP_PKEY *key) {
    char curve[32] = "";
    size_t len = 0;
    return EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) == 1
           && (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "P-256") == 0
               || strcmp(curve, "secp384r1") == 0 || strcmp(curve, "P-384") == 0);
}

sv_err sv_pkey_check(const EVP_PKEY *key, sv_why *why) {
    int bits = EVP_PKEY_get_bits(key);
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        if (bits < 2048 || bits > 4096) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the RSA key has %d bits; 2048 to 4096 are accepted", bits);
        }
        return SV_OK;
    case EVP_PKEY_EC:
        if (!is_curve_we_take(key)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "the key's curve is not accepted; use P-256 or P-384");
        }
        return SV_OK;
    case EVP_PKEY_ED25519:
        return SV_OK;
    default:
        return sv_fail(why, SV_ERR_INVALID,
                       "the key's type is not accepted; use P-256, RSA 2048-4096 or Ed25519");
    }
}

sv_err sv_pkey_make(sv_key_kind kind, EVP_PKEY **out, sv_why *why) {
    EVP_PKEY *key = NULL;
    switch (kind) {
    case SV_KEY_EC:
        key = EVP_EC_gen("P-256");
        break;
    case SV_KEY_RSA:
        key = EVP_RSA_gen(3072);
        break;
    case SV_KEY_ED25519:
    default:
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    }
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot make a key");
    }
    *out = key;
    return SV_OK;
}

const EVP_MD *sv_pkey_digest(const EVP_PKEY *key) {
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}
