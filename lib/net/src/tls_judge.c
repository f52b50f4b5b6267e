// A certificate that somebody else has seen in a handshake, judged again.
#include "tls_refusal.h"

#include <crypto/identity.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

static void certificate_drop(X509 **certificate) {
    X509_free(*certificate);
}

static void context_drop(X509_STORE_CTX **context) {
    X509_STORE_CTX_free(*context);
}

static sv_err parse(sv_text der, X509 **out, sv_why *why) {
    const unsigned char *at = (const unsigned char *) der.at;
    SV_DEFER(certificate_drop)
    X509 *read = der.len <= SV_CERTIFICATE_MAX ? d2i_X509(NULL, &at, (long) der.len) : NULL;
    ERR_clear_error();
    if (read == NULL || (const char *) at != der.at + der.len) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are no X.509 certificate of at most %d",
                       der.len, SV_CERTIFICATE_MAX);
    }
    *out = read;
    read = NULL;
    return SV_OK;
}

static int as_it_is(int good, X509_STORE_CTX *judged) {
    return sv_tls_pass_beginning(good, judged, X509_STORE_CTX_get_app_data(judged));
}

/// What is wrong with the revocation list itself lets nobody in, but sends nobody away.
static int list_may_be_old(int good, X509_STORE_CTX *judged) {
    int fault = X509_STORE_CTX_get_error(judged);
    return as_it_is(good, judged) != 0 || fault == X509_V_ERR_CRL_HAS_EXPIRED
           || fault == X509_V_ERR_CRL_NOT_YET_VALID || fault == X509_V_ERR_UNABLE_TO_GET_CRL;
}

/// As libssl does it for a client that has shown its leaf alone; our own chain leads to the same
/// root, so that a CA file with only the root in it is enough here too.
static sv_err check_chain(SSL_CTX *ctx, X509 *leaf, X509_STORE_CTX_verify_cb also, sv_why *why) {
    SV_DEFER(context_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *ours = NULL;
    (void) SSL_CTX_get0_chain_certs(ctx, &ours);
    if (context == NULL
        || X509_STORE_CTX_init(context, SSL_CTX_get_cert_store(ctx), leaf, ours) != 1
        || X509_STORE_CTX_set_default(context, "ssl_client") != 1
        || X509_STORE_CTX_set_app_data(context, SSL_CTX_get0_certificate(ctx)) != 1) {
        ERR_clear_error();
        return sv_fail(why, SV_ERR_STATE, "OpenSSL cannot check a certificate");
    }
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context),
                                     SSL_CTX_get_security_level(ctx));
    X509_STORE_CTX_set_verify_cb(context, also);
    int good = X509_verify_cert(context);
    ERR_clear_error();
    if (good != 1) {
        char shown[SV_ID_ROOM * 2];
        sv_tls_shown(leaf, shown, sizeof shown);
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s (%s)",
                       sv_tls_verdict(X509_STORE_CTX_get_error(context)), shown);
    }
    return SV_OK;
}

sv_err sv_tls_judge(const sv_tls *tls, sv_text der, sv_identity *out, sv_why *why) {
    SV_DEFER(certificate_drop) X509 *leaf = NULL;
    SV_TRY(parse(der, &leaf, why));
    SV_TRY(check_chain(tls->ctx, leaf, as_it_is, why));
    return sv_identity_of(leaf, tls->allow_classic, out, why);
}

sv_err sv_tls_judge_live(SSL_CTX *ctx, X509 *leaf, bool allow_classic, sv_why *why) {
    sv_identity identity;
    SV_TRY(check_chain(ctx, leaf, list_may_be_old, why));
    return sv_identity_of(leaf, allow_classic, &identity, why);
}
