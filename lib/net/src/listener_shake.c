// One step of a handshake, on the worker's thread: it touches the sv_shake and nothing else.
#include "listener_internal.h"
#include "tls_refusal.h"

#include <crypto/shown.h>
#include <errno.h>
#include <openssl/err.h>

/// OpenSSL keeps no certificate that it refuses: its name is noted while it is judged.
static int note_refused(int good, X509_STORE_CTX *judged) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(judged, SSL_get_ex_data_X509_STORE_CTX_idx());
    sv_shake *shake = SSL_get_ex_data(ssl, 0);
    if (good == 0 && shake != NULL) {
        sv_certificate_shown(X509_STORE_CTX_get0_cert(judged), shake->shown, sizeof shake->shown);
    }
    return good;
}

static SSL *make_ssl(const sv_shake *shake) {
    SSL *ssl = SSL_new(shake->ctx);
    if (ssl == NULL || SSL_set_fd(ssl, shake->fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_read_ahead(ssl, 1);
    (void) SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), note_refused);
    return ssl;
}

static void drop_all(STACK_OF(X509) * certificates) {
    while (sk_X509_num(certificates) > 0) {
        X509_free(sk_X509_pop(certificates));
    }
}

/// The stacks stay OpenSSL's; the certificates in them have been judged and would be carried along,
/// parsed, as long as the link lives. The leaf stays.
static void forget_chains(const SSL *ssl) {
    drop_all(SSL_get_peer_cert_chain(ssl));
    drop_all(SSL_get0_verified_chain(ssl));
}

static sv_shake_end identify(sv_shake *shake) {
    sv_err err = sv_tls_peer_identity(shake->ssl, &shake->identity, &shake->why);
    forget_chains(shake->ssl);
    return err == SV_OK ? SV_SHAKE_UP : SV_SHAKE_ANSWERED;
}

static sv_shake_end step(sv_shake *shake) {
    if (shake->ssl == NULL) {
        shake->ssl = make_ssl(shake);
    }
    if (shake->ssl == NULL || SSL_set_ex_data(shake->ssl, 0, shake) != 1) {
        return SV_SHAKE_NO_MEMORY;
    }
    shake->shown[0] = '\0';
    errno = 0;
    int result = SSL_accept(shake->ssl);
    int number = errno;
    int fault = SSL_get_error(shake->ssl, result);
    if (result == 1) {
        return identify(shake);
    }
    if (fault == SSL_ERROR_WANT_READ) {
        return SV_SHAKE_READ;
    }
    if (fault == SSL_ERROR_WANT_WRITE) {
        return SV_SHAKE_WRITE;
    }
    sv_tls_refusal(shake->ssl, fault, number, shake->shown, &shake->why);
    return fault == SSL_ERROR_SSL ? SV_SHAKE_ANSWERED : SV_SHAKE_REFUSED;
}

void sv_shake_run(void *job) {
    sv_shake *shake = job;
    ERR_clear_error();
    shake->end = step(shake);
    SSL_CTX_free(shake->ctx);
    shake->ctx = NULL;
    if (shake->ssl != NULL) {
        (void) SSL_set_ex_data(shake->ssl, 0, NULL);
    }
    if (shake->end >= SV_SHAKE_REFUSED) {
        SSL_free(shake->ssl);
        shake->ssl = NULL;
    }
    ERR_clear_error();
}

/// On the loop's thread, but inside the worker, which a listener's owner could not drop from there.
void sv_shake_done(void *job) {
    sv_shake *shake = job;
    TAILQ_INSERT_TAIL(&shake->listener->finished, shake, place);
    sv_listener_look(shake->listener);
}
