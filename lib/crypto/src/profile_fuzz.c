// Whatever chain comes (certificates in DER, one after the other): it is refused with a sentence of
// plain text, or everything in it is what a signature, a key and an issuer of ours are.
#include "own.h"

#include <crypto/profile.h>
#include <ctype.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHAIN_MAX = 8 };

typedef STACK_OF(X509) stack;

static void stack_drop(stack **owned) {
    sk_X509_pop_free(*owned, X509_free);
}

static bool is_sound(X509 *certificate, bool classic) {
    SV_DEFER(sv_bn_drop)
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    return serial != NULL && key != NULL && sv_pkey_check(key, NULL) == SV_OK
           && (classic || X509_get_version(certificate) == X509_VERSION_3);
}

static void check(const stack *chain, const sv_profile *profile) {
    sv_why why = { 0 };
    sv_err err = sv_profile_check(chain, profile, &why);
    if (err != SV_OK) {
        if (err != SV_ERR_UNTRUSTED || why.code != err || why.text[0] == '\0') {
            abort();
        }
        for (const char *at = why.text; *at != '\0'; at++) {
            if (isprint((unsigned char) *at) == 0) {
                abort();
            }
        }
        return;
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);
        bool is_ca = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
        if (!is_sound(certificate, i == 0 && profile->allow_classic) || is_ca != (i > 0)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(stack_drop) stack *chain = sk_X509_new_null();
    const unsigned char *at = data;
    for (int i = 0; i < CHAIN_MAX; i++) {
        X509 *certificate = d2i_X509(NULL, &at, (long) (size - (size_t) (at - data)));
        if (certificate == NULL || sk_X509_push(chain, certificate) == 0) {
            X509_free(certificate);
            break;
        }
    }
    for (int use = SV_PROFILE_CLIENT; use <= SV_PROFILE_PATH; use++) {
        check(chain, &(sv_profile){ .use = (sv_profile_use) use });
        check(chain, &(sv_profile){ .use = (sv_profile_use) use, .allow_classic = true });
    }
    return 0;
}
