#include "pki_internal.h"
#include <crypto/identity.h>
#include <crypto/profile.h>
#include <openssl/err.h>
#include <openssl/pem.h>

typedef STACK_OF(X509) x509_stack;

static void stack_drop(x509_stack **stack) {
    sk_X509_pop_free(*stack, X509_free);
}

/// Every certificate of a PEM file, in order.
static sv_err load(const char *path, x509_stack **out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *bio = NULL;
    SV_TRY(sv_bio_open(path, &bio, why));
    SV_DEFER(stack_drop) x509_stack *stack = sk_X509_new_null();
    X509 *certificate = NULL;
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(stack, certificate) == 0) {
            X509_free(certificate);
            return sv_fail_ssl(why, SV_ERR_IO, "cannot read '%s'", path);
        }
    }
    if (sk_X509_num(stack) == 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' holds no certificate (PEM)", path);
    }
    ERR_clear_error();
    *out = stack;
    stack = NULL;
    return SV_OK;
}

sv_err sv_pki_verify(const char *ca_path, const char *cert_path, sv_identity *out, sv_why *why) {
    SV_DEFER(stack_drop) x509_stack *trusted = NULL;
    SV_DEFER(stack_drop) x509_stack *presented = NULL;
    SV_TRY(load(ca_path, &trusted, why));
    SV_TRY(load(cert_path, &presented, why));
    SV_DEFER(sv_trust_drop) X509_STORE *store = X509_STORE_new();
    SV_DEFER(sv_trust_ctx_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    for (int i = 0; i < sk_X509_num(trusted); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(trusted, i)) != 1) {
            return sv_fail_ssl(why, SV_ERR_IO, "cannot use '%s'", ca_path);
        }
    }
    X509 *leaf = sk_X509_value(presented, 0);
    if (X509_STORE_CTX_init(context, store, leaf, presented) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot check '%s'", cert_path);
    }
    const sv_profile profile = { .use = SV_PROFILE_ROLE, .allow_classic = true };
    sv_why fault;
    if (sv_profile_verify(context, &profile, &fault) != SV_OK) {
        bool chains = X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_REJECTED;
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' %s '%s'%s %s", cert_path,
                       chains ? "chains to" : "does not chain to", ca_path, chains ? ", but" : ":",
                       fault.text);
    }
    return sv_identity_of(leaf, true, out, why);
}
