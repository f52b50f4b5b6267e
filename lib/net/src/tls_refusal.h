// Why a TLS server did not let somebody in, in words for whoever runs the server.
#ifndef SV_NET_TLS_REFUSAL_H
#define SV_NET_TLS_REFUSAL_H

#include "tls_internal.h"

#include <stddef.h>

/// The CN of a certificate nobody has judged: what is not plain ASCII is escaped (\x1b), the rest
/// of a long one left out. "" when it has none.
void sv_tls_shown(const X509 *certificate, char *room, size_t room_bytes);

/// A name's text, escaped the same way; false when it is none, or does not fit whole: then as much
/// as fits is there.
bool sv_tls_escape(const ASN1_STRING *value, char *room, size_t room_bytes);

/// What OpenSSL found wrong with a certificate (X509_V_ERR_...), in our words.
const char *sv_tls_verdict(long code);

/// Who the client is whose handshake is done. SV_ERR_UNTRUSTED, with the sentence, when the
/// certificate names nobody, there is none, or this handshake has not found it to be good.
sv_err sv_tls_peer_identity(const SSL *ssl, sv_identity *out, sv_why *why);

/// The sentence for SSL_accept that failed with `fault` (SSL_get_error) and `number` (errno); takes
/// OpenSSL's newest error. `shown`: the CN of a refused certificate, or "".
void sv_tls_refusal(const SSL *ssl, int fault, int number, const char *shown, sv_why *why);

#endif
