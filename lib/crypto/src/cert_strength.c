#include "own.h"

#include <crypto/cert_strength.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>

sv_err sv_cert_strength_of(X509 *certificate, sv_cert_strength *out, sv_why *why) {
    sv_cert_strength strength = { 0 };
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the certificate's key is of an unknown kind");
    }
    strength.key_bits = EVP_PKEY_get_security_bits(key);
    (void) snprintf(strength.key, sizeof strength.key, "%.20s %d", EVP_PKEY_get0_type_name(key),
                    EVP_PKEY_get_bits(key));
    int algorithm = X509_get_signature_nid(certificate);
    const char *name = OBJ_nid2sn(algorithm);
    if (X509_get_signature_info(certificate, NULL, NULL, &strength.signature_bits, NULL) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "nobody knows how strong its signature (%s) is",
                           name != NULL ? name : "?");
    }
    (void) snprintf(strength.signature, sizeof strength.signature, "%.31s", name);
    strength.authority =
        X509_check_ca(certificate) != 0 && (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
    *out = strength;
    return SV_OK;
}
