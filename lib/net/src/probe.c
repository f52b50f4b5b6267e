#include <net/probe.h>

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/text.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { TLS_ALERT = 0x15, STRANGER_S = 3600 };

static void ctx_drop(SSL_CTX **ctx) {
    SSL_CTX_free(*ctx);
}

static void ssl_drop(SSL **ssl) {
    SSL_free(*ssl);
}

static const char *reason(void) {
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    return text != NULL ? text : "the connection was closed";
}

// ---- the connection -----------------------------------------------------------------------------

static void be_patient(int fd, int ms) {
    struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L };
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

/// The caller's, or -1.
static int reach(const sv_probe *probe, sv_why *why) {
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(probe->port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(probe->port) };
    bool is_four = inet_pton(AF_INET, probe->address, &four.sin_addr) == 1;
    if (!is_four && inet_pton(AF_INET6, probe->address, &six.sin6_addr) != 1) {
        (void) sv_fail(why, SV_ERR_INVALID, "'%.60s' is no address", probe->address);
        return -1;
    }
    SV_DEFER(sv_fd_drop)
    int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    be_patient(fd, SV_PROBE_PATIENCE_MS);
    const struct sockaddr *to =
        is_four ? (const struct sockaddr *) &four : (const struct sockaddr *) &six;
    if (fd < 0 || connect(fd, to, is_four ? sizeof four : sizeof six) != 0) {
        (void) sv_fail(why, SV_ERR_UNAVAILABLE, "nobody answers: %m");
        return -1;
    }
    return sv_fd_take(&fd);
}

// ---- TLS ----------------------------------------------------------------------------------------

/// A name and a key that nobody has seen before.
static bool make_stranger(SSL_CTX *ctx) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    static const unsigned char NAME[] = "stranger";
    bool made =
        key != NULL && certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1
        && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1
        && X509_gmtime_adj(X509_getm_notBefore(certificate), -STRANGER_S) != NULL
        && X509_gmtime_adj(X509_getm_notAfter(certificate), STRANGER_S) != NULL
        && X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, NAME,
                                      -1, -1, 0)
               == 1
        && X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1
        && X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0
        && SSL_CTX_use_certificate(ctx, certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

static SSL_CTX *context(const sv_probe *probe, sv_why *why) {
    static const struct {
        int least, most;
        const char *suites;
    } WAYS[] = {
        [SV_PROBE_MODERN] = { TLS1_2_VERSION, TLS1_3_VERSION, "DEFAULT:@SECLEVEL=0" },
        [SV_PROBE_OLD] = { TLS1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0" },
        [SV_PROBE_CBC] = { TLS1_2_VERSION, TLS1_2_VERSION,
                           "SHA1:SHA256:SHA384:!eNULL:!aNULL:@SECLEVEL=0" },
        [SV_PROBE_NULL] = { TLS1_2_VERSION, TLS1_2_VERSION, "eNULL:aNULL:@SECLEVEL=0" },
    };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, WAYS[probe->way].least) != 1
        || SSL_CTX_set_max_proto_version(ctx, WAYS[probe->way].most) != 1
        || SSL_CTX_set_cipher_list(ctx, WAYS[probe->way].suites) != 1
        || (probe->ca != NULL && SSL_CTX_load_verify_file(ctx, probe->ca) != 1)
        || (probe->stranger && !make_stranger(ctx))) {
        (void) sv_fail(why, SV_ERR_STATE, "OpenSSL cannot ask so: %s", reason());
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); // what was found is told, not acted upon
    return ctx;
}

static void describe(const SSL *ssl, const sv_probe *probe, sv_probed *out) {
    const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
    (void) snprintf(out->version, sizeof out->version, "%s", SSL_get_version(ssl));
    (void) snprintf(out->suite, sizeof out->suite, "%s", SSL_CIPHER_get_name(suite));
    out->aead = suite != NULL && SSL_CIPHER_is_aead(suite) == 1;
    long verified = SSL_get_verify_result(ssl);
    if (probe->ca != NULL && verified != X509_V_OK) {
        (void) snprintf(out->chain, sizeof out->chain, "%s",
                        X509_verify_cert_error_string(verified));
    }
}

/// As much of the answer as there is room for, until the other side ends it.
static void ask(SSL *ssl, const char *request, sv_probed *out) {
    size_t len = 0;
    if (SSL_write(ssl, request, (int) strlen(request)) <= 0) {
        return;
    }
    while (len + 1 < sizeof out->heard) {
        int got = SSL_read(ssl, out->heard + len, (int) (sizeof out->heard - 1 - len));
        if (got <= 0) {
            break;
        }
        len += (size_t) got;
    }
    out->heard[len] = '\0';
}

/// With TLS 1.3 a certificate is judged after the handshake: the answer comes with the first bytes.
static bool is_sent_away(SSL *ssl, int fd, sv_probed *out) {
    char byte;
    be_patient(fd, SV_PROBE_STAY_MS);
    int got = SSL_read(ssl, &byte, 1);
    int fault = SSL_get_error(ssl, got);
    bool silence = fault == SSL_ERROR_WANT_READ || (fault == SSL_ERROR_SYSCALL && errno == EAGAIN);
    if (got > 0 || silence) {
        return false;
    }
    (void) sv_fail(&out->why, SV_ERR_UNTRUSTED, "%s", reason());
    return true;
}

static void probe_tls(const sv_probe *probe, int fd, sv_probed *out) {
    ERR_clear_error();
    SV_DEFER(ctx_drop) SSL_CTX *ctx = context(probe, &out->why);
    SV_DEFER(ssl_drop) SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        return;
    }
    int got = SSL_connect(ssl);
    if (got != 1) {
        bool silence = SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ;
        // Who chose a suite would have gone on, had it liked the certificate, which has its own
        // way.
        bool agreed = probe->way != SV_PROBE_MODERN && SSL_get_pending_cipher(ssl) != NULL;
        out->answer = agreed ? SV_PROBE_TAKEN : silence ? SV_PROBE_NOBODY : SV_PROBE_REFUSED;
        (void) sv_fail(&out->why, SV_ERR_UNTRUSTED, "%s", silence ? "no answer" : reason());
        ERR_clear_error();
        return;
    }
    describe(ssl, probe, out);
    if (probe->request != NULL) {
        ask(ssl, probe->request, out);
        out->answer = SV_PROBE_TAKEN;
    } else {
        out->answer = is_sent_away(ssl, fd, out) ? SV_PROBE_REFUSED : SV_PROBE_TAKEN;
    }
    ERR_clear_error();
}

static void probe_plain(const sv_probe *probe, int fd, sv_probed *out) {
    size_t len = 0;
    ssize_t got = 0;
    if (probe->request != NULL) {
        (void) send(fd, probe->request, strlen(probe->request), MSG_NOSIGNAL);
    }
    while (len + 1 < sizeof out->heard
           && (got = recv(fd, out->heard + len, sizeof out->heard - 1 - len, 0)) > 0) {
        len += (size_t) got;
    }
    bool silence = got < 0 && len == 0 && errno == EAGAIN;
    bool answered = len > 0 && (unsigned char) out->heard[0] != TLS_ALERT;
    out->heard[len] = '\0';
    out->answer = silence ? SV_PROBE_NOBODY : answered ? SV_PROBE_TAKEN : SV_PROBE_REFUSED;
    if (!answered) {
        (void) sv_fail(&out->why, SV_ERR_UNTRUSTED, "%s", silence ? "no answer" : "sent away");
    }
}

void sv_probe_door(const sv_probe *probe, sv_probed *out) {
    memset(out, 0, sizeof *out);
    SV_DEFER(sv_fd_drop) int fd = reach(probe, &out->why);
    if (fd < 0) {
        return;
    }
    if (probe->way == SV_PROBE_PLAIN) {
        probe_plain(probe, fd, out);
    } else {
        probe_tls(probe, fd, out);
    }
}
