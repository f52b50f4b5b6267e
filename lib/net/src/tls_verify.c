#include "tls_verify.h"

#include <base/mem.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

static struct {
    CRYPTO_ONCE once;
    int rules, standing, lenience, told;
} slots = { .once = CRYPTO_ONCE_STATIC_INIT };

/// The context has gone, and everything that was made from it.
static void rules_free(void *parent, void *rules, CRYPTO_EX_DATA *data, int index, long argl,
                       void *argp) {
    (void) parent;
    (void) data;
    (void) index;
    (void) argl;
    (void) argp;
    if (rules != NULL) {
        X509_STORE_free(((sv_tls_rules *) rules)->manufacturers);
        free(rules);
    }
}

static void told_free(void *parent, void *sentence, CRYPTO_EX_DATA *data, int index, long argl,
                      void *argp) {
    (void) parent;
    (void) data;
    (void) index;
    (void) argl;
    (void) argp;
    free(sentence);
}

static void make_slots(void) {
    slots.rules = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, rules_free);
    slots.standing = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    slots.lenience = X509_STORE_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    slots.told = SSL_get_ex_new_index(0, NULL, NULL, NULL, told_free);
    if (slots.told < 0 || slots.rules < 0 || slots.standing < 0 || slots.lenience < 0) {
        abort();
    }
}

/// The certificate before whose beginning no clock can be right; NULL: none is known.
static const X509 *first_of_all(const X509_STORE_CTX *judged, const sv_tls_lenience *lenience) {
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(judged);
    int count = sk_X509_num(chain);
    if (lenience->own != NULL || !lenience->root_tells || count <= 0) {
        return lenience->own;
    }
    return sk_X509_value(chain, count - 1);
}

/// By the wall clock it has: of a clock that leapt only what it says of ends is doubted. [clock-5]
static bool has_begun(X509_STORE_CTX *judged, int fault) {
    const ASN1_TIME *begins =
        fault == X509_V_ERR_CERT_NOT_YET_VALID
            ? X509_get0_notBefore(X509_STORE_CTX_get_current_cert(judged))
            : X509_CRL_get0_lastUpdate(X509_STORE_CTX_get0_current_crl(judged));
    return X509_cmp_current_time(begins) < 0;
}

static int forgive(int good, X509_STORE_CTX *judged) {
    const sv_tls_lenience *l = X509_STORE_CTX_get_ex_data(judged, slots.lenience);
    int fault = X509_STORE_CTX_get_error(judged);
    bool of_beginning =
        fault == X509_V_ERR_CERT_NOT_YET_VALID || fault == X509_V_ERR_CRL_NOT_YET_VALID;
    bool of_list = fault == X509_V_ERR_CRL_HAS_EXPIRED || fault == X509_V_ERR_CRL_NOT_YET_VALID
                   || fault == X509_V_ERR_UNABLE_TO_GET_CRL;
    const X509 *first = first_of_all(judged, l);
    bool woke_in_1970 =
        of_beginning && first != NULL && X509_cmp_current_time(X509_get0_notBefore(first)) > 0;
    bool ended =
        fault == X509_V_ERR_CERT_HAS_EXPIRED && X509_STORE_CTX_get_error_depth(judged) == 0;
    bool begun = of_beginning && has_begun(judged, fault);
    if (good == 0
        && (woke_in_1970 || begun || (ended && l->newcomers) || (of_list && l->old_list))) {
        X509_STORE_CTX_set_error(judged, X509_V_OK);
        return 1;
    }
    return l->next != NULL ? l->next(good, judged) : good;
}

/// X509_verify_cert, forgiving, and what is wanted beyond.
static bool verify(X509_STORE_CTX *judged, const sv_tls_lenience *lenience,
                   const sv_profile *profile, sv_why *why) {
    sv_tls_lenience kept = *lenience;
    if (X509_STORE_CTX_set_ex_data(judged, slots.lenience, &kept) != 1) {
        X509_STORE_CTX_set_error(judged, X509_V_ERR_OUT_OF_MEM);
        return false;
    }
    X509_STORE_CTX_set_verify_cb(judged, forgive);
    X509_STORE_CTX_set_time(judged, 0, (time_t) (sv_clock_believed_us() / SV_TIME_SECOND_US));
    sv_err err = sv_profile_verify(judged, profile, why);
    (void) X509_STORE_CTX_set_ex_data(judged, slots.lenience, NULL);
    if (X509_STORE_CTX_get_error(judged) == X509_V_ERR_CERT_REJECTED && lenience->next != NULL) {
        (void) lenience->next(0, judged);
    }
    return err == SV_OK;
}

/// None of our CAs has anything to do with it.
static bool is_foreign(int fault) {
    return fault == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
           || fault == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
           || fault == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
           || fault == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

static void context_drop(X509_STORE_CTX **context) {
    X509_STORE_CTX_free(*context);
}

/// By the manufacturers' CAs; what may lie between is what `judged` knows.
static bool is_manufactured(X509_STORE_CTX *judged, X509_STORE *manufacturers, const X509 *own,
                            sv_why *why) {
    SV_DEFER(context_drop) X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL
        || X509_STORE_CTX_init(context, manufacturers, X509_STORE_CTX_get0_cert(judged),
                               X509_STORE_CTX_get0_untrusted(judged))
               != 1
        || X509_STORE_CTX_set_default(context, "ssl_client") != 1) {
        X509_STORE_CTX_set_error(judged, X509_V_ERR_OUT_OF_MEM);
        return false;
    }
    const X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(judged);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context),
                                     X509_VERIFY_PARAM_get_auth_level(rules));
    const sv_tls_lenience lenience = { .own = own };
    const sv_profile profile = { .use = SV_PROFILE_PATH };
    bool good = verify(context, &lenience, &profile, why);
    X509_STORE_CTX_set_error(judged, X509_STORE_CTX_get_error(context));
    return good;
}

bool sv_tls_has_ended(const X509 *certificate) {
    time_t now = (time_t) (sv_clock_believed_us() / SV_TIME_SECOND_US);
    return X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0;
}

sv_tls_standing sv_tls_place(X509_STORE_CTX *judged, const sv_tls_rules *rules,
                             const sv_tls_lenience *lenience, sv_why *why) {
    const sv_profile profile = { .use = rules->use, .allow_classic = rules->allow_classic };
    if (verify(judged, lenience, rules->foreign ? NULL : &profile, why)) {
        bool ended = sv_tls_has_ended(X509_STORE_CTX_get0_cert(judged));
        return ended && lenience->newcomers ? SV_TLS_EXPIRED : SV_TLS_TRUSTED;
    }
    bool ask = lenience->newcomers && rules->manufacturers != NULL
               && is_foreign(X509_STORE_CTX_get_error(judged));
    bool good = ask && is_manufactured(judged, rules->manufacturers, lenience->own, why);
    return good ? SV_TLS_MANUFACTURED : SV_TLS_UNJUDGED;
}

/// Until the handshake's end is told; without memory the code has to do.
static void keep_told(SSL *ssl, const char *sentence) {
    char *kept = strdup(sentence);
    char *before = SSL_get_ex_data(ssl, slots.told);
    bool done = kept != NULL && SSL_set_ex_data(ssl, slots.told, kept) == 1;
    free(done ? before : kept);
}

const char *sv_tls_told(const SSL *ssl) {
    return SSL_get_ex_data(ssl, slots.told);
}

static int on_handshake(X509_STORE_CTX *judged, void *arg) {
    (void) arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(judged, SSL_get_ex_data_X509_STORE_CTX_idx());
    const sv_tls_rules *rules = sv_tls_rules_of(SSL_get_SSL_CTX(ssl));
    const sv_tls_lenience lenience = { .own = SSL_get_certificate(ssl),
                                       .root_tells = rules->ca_tells_time,
                                       .newcomers = rules->clients == SV_TLS_CLIENTS_NEWCOMERS,
                                       .next = SSL_get_verify_callback(ssl) };
    sv_why told = { 0 };
    sv_tls_standing standing = sv_tls_place(judged, rules, &lenience, &told);
    if (X509_STORE_CTX_get_error(judged) == X509_V_ERR_CERT_REJECTED) {
        keep_told(ssl, told.text);
    }
    void *kept = (void *) (uintptr_t) standing;
    return standing != SV_TLS_UNJUDGED && SSL_set_ex_data(ssl, slots.standing, kept) == 1;
}

sv_tls_standing sv_tls_standing_of(const SSL *ssl) {
    return (sv_tls_standing) (uintptr_t) SSL_get_ex_data(ssl, slots.standing);
}

sv_tls_rules *sv_tls_rules_new(SSL_CTX *ctx) {
    sv_tls_rules *rules = sv_mem_new(sizeof *rules);
    if (CRYPTO_THREAD_run_once(&slots.once, make_slots) != 1
        || SSL_CTX_set_ex_data(ctx, slots.rules, rules) != 1) {
        abort();
    }
    SSL_CTX_set_cert_verify_callback(ctx, on_handshake, NULL);
    return rules;
}

const sv_tls_rules *sv_tls_rules_of(const SSL_CTX *ctx) {
    return SSL_CTX_get_ex_data(ctx, slots.rules);
}
