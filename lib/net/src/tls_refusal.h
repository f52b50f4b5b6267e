// Why a TLS server did not let somebody in, in words for whoever runs the server.
#ifndef SV_NET_TLS_REFUSAL_H
#define SV_NET_TLS_REFUSAL_H

#include "tls_internal.h"

#include <stddef.h>

/// What OpenSSL found wrong with a certificate (X509_V_ERR_...), in our words.
const char *sv_tls_verdict(long code);

/// The same for a handshake that was refused, where the profile has a sentence of its own.
const char *sv_tls_rejection(const SSL *ssl, long code);

/// Who the client is whose handshake is done. SV_ERR_UNTRUSTED, with the sentence, when the
/// certificate names nobody, there is none, or this handshake has not found it to be good.
sv_err sv_tls_peer_identity(const SSL *ssl, sv_identity *out, sv_why *why);

/// The sentence for SSL_accept that failed with `fault` (SSL_get_error) and `number` (errno); takes
/// OpenSSL's newest error. `shown`: the CN of a refused certificate, or "".
void sv_tls_refusal(const SSL *ssl, int fault, int number, const char *shown, sv_why *why);

#endif
