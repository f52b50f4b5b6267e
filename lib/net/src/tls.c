#include "tls_verify.h"

#include <arpa/inet.h>
#include <base/mem.h>
#include <crypto/key_store.h>
#include <crypto/profile.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *openssl_reason(void) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    return reason != NULL ? reason : "unknown fault";
}

static sv_err readable(const char *path, sv_why *why) {
    if (access(path, R_OK) != 0) {
        return sv_fail(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO, "cannot read '%s': %m",
                       path);
    }
    ERR_clear_error();
    return SV_OK;
}

static sv_err set_common(SSL_CTX *ctx, sv_why *why) {
    uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET
                       | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF;
    (void) SSL_CTX_set_options(ctx, options);
    // libevent may move a buffer between two tries to write it.
    (void) SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void) SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1
        || SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1
        || SSL_CTX_set_num_tickets(ctx, 0) != 1 || SSL_CTX_set_max_early_data(ctx, 0) != 1) {
        return sv_fail(why, SV_ERR_STATE, "OpenSSL refuses our TLS settings: %s", openssl_reason());
    }
    return SV_OK;
}

static sv_err load_own(SSL_CTX *ctx, const sv_tls_files *files, sv_why *why) {
    if (files->key == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "certificate '%s' needs its key", files->cert);
    }
    SV_TRY(readable(files->cert, why));
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no usable certificate: %s", files->cert,
                       openssl_reason());
    }
    EVP_PKEY *key = NULL;
    SV_TRY(sv_key_open(files->key, &key, why));
    ERR_clear_error();
    bool fits = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(key);
    return fits ? SV_OK
                : sv_fail(why, SV_ERR_INVALID, "'%s' is not the key of '%s': %s", files->key,
                          files->cert, openssl_reason());
}

static sv_err load_lists(X509_STORE *store, const char *path, sv_why *why) {
    SV_TRY(readable(path, why));
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == NULL || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no usable revocation list: %s", path,
                       openssl_reason());
    }
    const STACK_OF(X509_OBJECT) *loaded = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(loaded); i++) {
        const X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(loaded, i));
        if (list != NULL && !sv_profile_list_is_whole(list)) {
            return sv_fail(why, SV_ERR_INVALID,
                           "'%s' holds a revocation list that is a delta, not a whole one", path);
        }
    }
    (void) X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return SV_OK;
}

static sv_err load_trust(SSL_CTX *ctx, const sv_tls_files *files, sv_why *why) {
    if (files->ca == NULL) {
        if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
            return sv_fail(why, SV_ERR_IO, "cannot load the system's certificates");
        }
    } else {
        SV_TRY(readable(files->ca, why));
        if (SSL_CTX_load_verify_file(ctx, files->ca) != 1) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds no usable CA certificate: %s",
                           files->ca, openssl_reason());
        }
    }
    return files->crl != NULL ? load_lists(SSL_CTX_get_cert_store(ctx), files->crl, why) : SV_OK;
}

/// What is in the file is trusted as it stands: a manufacturer may give nothing but its issuing CA.
static sv_err load_manufacturers(const char *path, sv_tls_rules *rules, sv_why *why) {
    SV_TRY(readable(path, why));
    rules->manufacturers = X509_STORE_new();
    if (rules->manufacturers == NULL || X509_STORE_load_file(rules->manufacturers, path) != 1) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no usable CA certificate: %s", path,
                       openssl_reason());
    }
    (void) X509_STORE_set_flags(rules->manufacturers, X509_V_FLAG_PARTIAL_CHAIN);
    return SV_OK;
}

/// Some clients choose their certificate by the names we ask for.
static void name_authorities(SSL_CTX *ctx, const sv_tls_files *files) {
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files->ca);
    if (names == NULL) {
        return;
    }
    if (files->manufacturers != NULL) {
        (void) SSL_add_file_cert_subjects_to_stack(names, files->manufacturers);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
}

static sv_err ask_clients(SSL_CTX *ctx, const sv_tls_files *files, sv_tls_rules *rules,
                          sv_why *why) {
    if (files->ca == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "client certificates need a CA file to be judged by");
    }
    SV_TRY(load_trust(ctx, files, why));
    if (rules->clients == SV_TLS_CLIENTS_NEWCOMERS && files->manufacturers != NULL) {
        SV_TRY(load_manufacturers(files->manufacturers, rules, why));
    }
    name_authorities(ctx, files);
    if (SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) != 1) {
        return sv_fail(why, SV_ERR_STATE, "OpenSSL refuses our TLS settings: %s", openssl_reason());
    }
    bool all = rules->clients == SV_TLS_CLIENTS_TRUSTED;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (all ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return SV_OK;
}

static sv_err tls_new(const SSL_METHOD *method, sv_tls **out, sv_why *why) {
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL) {
        return sv_fail(why, SV_ERR_STATE, "OpenSSL cannot start: %s", openssl_reason());
    }
    *out = sv_mem_new(sizeof **out);
    (*out)->ctx = ctx;
    (*out)->rules = sv_tls_rules_new(ctx);
    return set_common(ctx, why);
}

sv_err sv_tls_client(const sv_tls_files *files, sv_tls **out, sv_why *why) {
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_TRY(tls_new(TLS_client_method(), &tls, why));
    SV_TRY(load_trust(tls->ctx, files, why));
    if (files->cert != NULL) {
        SV_TRY(load_own(tls->ctx, files, why));
    }
    tls->rules->ca_tells_time = files->ca_tells_time;
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    tls->rules->use = SV_PROFILE_SERVER;
    tls->rules->foreign = files->foreign || files->ca == NULL;
    *out = tls;
    tls = NULL;
    return SV_OK;
}

sv_err sv_tls_client_unproven(sv_tls **out, sv_why *why) {
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_TRY(tls_new(TLS_client_method(), &tls, why));
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_NONE, NULL);
    *out = tls;
    tls = NULL;
    return SV_OK;
}

sv_err sv_tls_server(const sv_tls_files *files, sv_tls_clients clients, bool allow_classic,
                     sv_tls **out, sv_why *why) {
    if (files->cert == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "a TLS server needs a certificate");
    }
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_TRY(tls_new(TLS_server_method(), &tls, why));
    SV_TRY(load_own(tls->ctx, files, why));
    tls->rules->clients = clients;
    tls->rules->use = SV_PROFILE_CLIENT;
    tls->rules->allow_classic = allow_classic;
    if (clients != SV_TLS_CLIENTS_NONE) {
        SV_TRY(ask_clients(tls->ctx, files, tls->rules, why));
    }
    *out = tls;
    tls = NULL;
    return SV_OK;
}

void sv_tls_adopt(sv_tls *tls, sv_tls **fresh) {
    sv_tls before = *tls;
    *tls = **fresh;
    tls->age = before.age + 1;
    **fresh = before;
    sv_tls_drop(fresh);
}

void sv_tls_drop(sv_tls **tls) {
    if (*tls != NULL) {
        SSL_CTX_free((*tls)->ctx);
        free(*tls);
        *tls = NULL;
    }
}

static bool is_address(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool expect_host(SSL *ssl, const char *host) {
    if (is_address(host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1
           && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       (void *) (uintptr_t) host)
                  == 1;
}

SSL *sv_tls_client_ssl(const sv_tls *tls, const char *host) {
    SSL *ssl = SSL_new(tls->ctx);
    if (ssl != NULL && !expect_host(ssl, host)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

SSL *sv_tls_server_ssl(const sv_tls *tls) {
    return SSL_new(tls->ctx);
}

bool sv_tls_fault(const SSL *ssl, unsigned long code, bool was_up, sv_why *why) {
    long verdict = SSL_get_verify_result(ssl);
    if (!was_up && verdict != X509_V_OK) {
        const char *told = verdict == X509_V_ERR_CERT_REJECTED ? sv_tls_told(ssl) : NULL;
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "TLS: certificate verify failed: %s",
                       told != NULL ? told : X509_verify_cert_error_string(verdict));
        return true;
    }
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    if (reason == NULL) {
        return false;
    }
    (void) sv_fail(why, SV_ERR_UNTRUSTED, "TLS: %s", reason);
    return true;
}
