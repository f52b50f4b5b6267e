#include "tls_refusal.h"

#include "tls_verify.h"

#include <crypto/identity.h>
#include <crypto/shown.h>
#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

typedef struct words {
    long code;
    const char *text;
} words;

static const words VERDICTS[] = {
    { X509_V_ERR_CERT_HAS_EXPIRED, "certificate has expired" },
    { X509_V_ERR_CERT_NOT_YET_VALID, "certificate is not yet valid" },
    { X509_V_ERR_CERT_REVOKED, "certificate is revoked" },
    { X509_V_ERR_INVALID_PURPOSE, "certificate is a server's, not a client's" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "certificate is not from a CA we trust" },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "certificate is not from a CA we trust" },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "certificate is not from a CA we trust" },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "certificate is not from a CA we trust" },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "certificate is not from a CA we trust" },
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, "certificate is not from a CA we trust" },
    { X509_V_ERR_CRL_HAS_EXPIRED, "our revocation list has expired" },
};

static const words FAULTS[] = {
    { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client shows no certificate" },
    { SSL_R_HTTP_REQUEST, "the client speaks plain text, not TLS" },
    { SSL_R_HTTPS_PROXY_REQUEST, "the client speaks plain text, not TLS" },
    { SSL_R_WRONG_VERSION_NUMBER, "the client speaks plain text, not TLS" },
    { SSL_R_UNSUPPORTED_PROTOCOL, "the client speaks nothing newer than TLS 1.1" },
    { SSL_R_VERSION_TOO_LOW, "the client speaks nothing newer than TLS 1.1" },
    { SSL_R_NO_SHARED_CIPHER, "the client knows none of our ciphers" },
};

static const char *find(const words *table, size_t count, long code, const char *otherwise) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].code == code) {
            return table[i].text;
        }
    }
    return otherwise;
}

const char *sv_tls_rejection(const SSL *ssl, long code) {
    const char *told = code == X509_V_ERR_CERT_REJECTED ? sv_tls_told(ssl) : NULL;
    return told != NULL ? told : sv_tls_verdict(code);
}

const char *sv_tls_verdict(long code) {
    return find(VERDICTS, SV_COUNT(VERDICTS), code, X509_verify_cert_error_string(code));
}

static void add_shown(const char *shown, sv_why *why) {
    if (shown[0] != '\0' && strstr(why->text, shown) == NULL) {
        char sentence[SV_WHY_MAX];
        (void) snprintf(sentence, sizeof sentence, "%s", why->text);
        (void) sv_fail(why, why->code, "%s (%s)", sentence, shown);
    }
}

sv_err sv_tls_peer_identity(const SSL *ssl, sv_identity *out, sv_why *why) {
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "TLS: the client shows no certificate");
    }
    if (sv_tls_standing_of(ssl) != SV_TLS_TRUSTED) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "TLS: the client's certificate was not judged here");
    }
    bool allow_classic = sv_tls_rules_of(SSL_get_SSL_CTX(ssl))->allow_classic;
    sv_err err = sv_identity_of(certificate, allow_classic, out, why);
    if (err != SV_OK && why != NULL) {
        char shown[SV_ID_ROOM * 2];
        sv_certificate_shown(certificate, shown, sizeof shown);
        add_shown(shown, why);
    }
    return err;
}

/// An alert: what the client says about us.
static bool is_alert(int reason) {
    return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
}

static void say_closed(int number, sv_why *why) {
    const char *fault = number != 0 ? sv_errno_text(number) : "Closed by the other side";
    (void) sv_fail(why, SV_ERR_UNAVAILABLE, "TLS: %c%s during the handshake",
                   tolower((unsigned char) fault[0]), fault + 1);
}

void sv_tls_refusal(const SSL *ssl, int fault, int number, const char *shown, sv_why *why) {
    unsigned long code = ERR_get_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    long verdict = SSL_get_verify_result(ssl);
    const char *text = ERR_reason_error_string(code);
    if (verdict != X509_V_OK) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "TLS: %s", sv_tls_rejection(ssl, verdict));
    } else if (fault != SSL_ERROR_SSL || text == NULL) {
        say_closed(number, why);
    } else if (is_alert(reason)) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "TLS: the client refuses us: %s", text);
    } else {
        text = find(FAULTS, SV_COUNT(FAULTS), reason, text);
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "TLS: %s", text);
    }
    add_shown(shown, why);
}
