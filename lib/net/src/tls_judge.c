// A certificate that somebody else has seen in a handshake, or that was seen in one before, judged
// again.
#include "tls_newcomer.h"
#include "tls_refusal.h"
#include "tls_verify.h"

#include <crypto/identity.h>
#include <crypto/shown.h>
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

static sv_err refuse(const X509 *leaf, const X509_STORE_CTX *judged, const sv_why *told,
                     sv_why *why) {
    int fault = X509_STORE_CTX_get_error(judged);
    char shown[SV_SHOWN_ROOM];
    sv_certificate_shown(leaf, shown, sizeof shown);
    return sv_fail(why, SV_ERR_UNTRUSTED, "%s (%s)",
                   fault == X509_V_ERR_CERT_REJECTED ? told->text : sv_tls_verdict(fault), shown);
}

/// As libssl does it for a client that has shown its leaf and has `sent` what else it has (NULL:
/// nothing); our own chain leads to the same root, so that a CA file with only the root in it is
/// enough here too.
static sv_err check_chain(SSL_CTX *ctx, X509 *leaf, STACK_OF(X509) * sent,
                          const sv_tls_lenience *lenience, sv_tls_standing *out, sv_why *why) {
    SV_DEFER(context_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *ours = NULL;
    (void) SSL_CTX_get0_chain_certs(ctx, &ours);
    if (context == NULL
        || X509_STORE_CTX_init(context, SSL_CTX_get_cert_store(ctx), leaf,
                               sent != NULL ? sent : ours)
               != 1
        || X509_STORE_CTX_set_default(context, "ssl_client") != 1) {
        ERR_clear_error();
        return sv_fail(why, SV_ERR_STATE, "OpenSSL cannot check a certificate");
    }
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context),
                                     SSL_CTX_get_security_level(ctx));
    sv_why told = { 0 };
    *out = sv_tls_place(context, sv_tls_rules_of(ctx), lenience, &told);
    ERR_clear_error();
    return *out != SV_TLS_UNJUDGED ? SV_OK : refuse(leaf, context, &told, why);
}

sv_err sv_tls_judge(const sv_tls *tls, sv_text der, sv_identity *out, sv_why *why) {
    SV_DEFER(certificate_drop) X509 *leaf = NULL;
    SV_TRY(parse(der, &leaf, why));
    sv_tls_standing standing = SV_TLS_UNJUDGED;
    const sv_tls_lenience lenience = { .own = SSL_CTX_get0_certificate(tls->ctx) };
    SV_TRY(check_chain(tls->ctx, leaf, NULL, &lenience, &standing, why));
    return sv_identity_of(leaf, tls->rules->allow_classic, out, why);
}

sv_err sv_tls_judge_newcomer(const sv_tls *tls, sv_text der, sv_newcomer *out, sv_why *why) {
    SV_DEFER(certificate_drop) X509 *leaf = NULL;
    SV_TRY(parse(der, &leaf, why));
    if (tls->rules->clients != SV_TLS_CLIENTS_NEWCOMERS) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this door is not for newcomers");
    }
    sv_tls_standing standing = SV_TLS_UNJUDGED;
    const sv_tls_lenience lenience = { .own = SSL_CTX_get0_certificate(tls->ctx),
                                       .newcomers = true };
    SV_TRY(check_chain(tls->ctx, leaf, NULL, &lenience, &standing, why));
    return standing == SV_TLS_MANUFACTURED
               ? sv_newcomer_manufactured(leaf, out, why)
               : sv_newcomer_expired(leaf, tls->rules->allow_classic, out, why);
}

sv_err sv_tls_judge_live(SSL_CTX *ctx, X509 *leaf, sv_why *why) {
    sv_identity identity;
    sv_tls_standing standing = SV_TLS_UNJUDGED;
    const sv_tls_lenience lenience = { .own = SSL_CTX_get0_certificate(ctx), .old_list = true };
    SV_TRY(check_chain(ctx, leaf, NULL, &lenience, &standing, why));
    return sv_identity_of(leaf, sv_tls_rules_of(ctx)->allow_classic, &identity, why);
}

static sv_err newcomer_stays(SSL_CTX *ctx, const SSL *ssl, sv_newcomer_kind kind, sv_why *why) {
    if (sv_tls_rules_of(ctx)->clients != SV_TLS_CLIENTS_NEWCOMERS) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this door is not for newcomers any more");
    }
    if (kind == SV_NEWCOMER_NONE) {
        return SV_OK;
    }
    sv_tls_standing standing = SV_TLS_UNJUDGED;
    const sv_tls_lenience lenience = { .own = SSL_CTX_get0_certificate(ctx),
                                       .newcomers = true,
                                       .old_list = true };
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    SV_TRY(check_chain(ctx, leaf, SSL_get_peer_cert_chain(ssl), &lenience, &standing, why));
    if ((kind == SV_NEWCOMER_MANUFACTURER) != (standing == SV_TLS_MANUFACTURED)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "another CA speaks for this certificate now");
    }
    return SV_OK;
}

sv_err sv_tls_stays(SSL_CTX *ctx, const SSL *ssl, const sv_tls_guest *guest, sv_why *why) {
    if (guest->kind == SV_TLS_KNOWN) {
        return sv_tls_judge_live(ctx, SSL_get0_peer_certificate(ssl), why);
    }
    return guest->kind == SV_TLS_NEWCOMER ? newcomer_stays(ctx, ssl, guest->newcomer.kind, why)
                                          : SV_OK;
}
