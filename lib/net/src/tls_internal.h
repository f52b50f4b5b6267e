// What the streams of this module know about a TLS context. SSL types stay inside net.
#ifndef SV_NET_TLS_INTERNAL_H
#define SV_NET_TLS_INTERNAL_H

#include <net/tls.h>
#include <openssl/ssl.h>

struct sv_tls {
    SSL_CTX *ctx;
    bool allow_classic; ///< a v1 leaf without extensions may be a device
};

/// A client's SSL that insists on `host`, a name or an address. NULL when memory is short.
SSL *sv_tls_client_ssl(const sv_tls *tls, const char *host);
SSL *sv_tls_server_ssl(const sv_tls *tls);

/// For a verify callback: `good`, or a fault of beginnings alone by a clock that is before that of
/// our `own` certificate. [reading-11]
int sv_tls_pass_beginning(int good, X509_STORE_CTX *judged, const X509 *own);

/// Whether a client that is in may stay: as sv_tls_judge, but what is wrong with the revocation
/// list itself (it has ended, there is none of this CA) counts against nobody.
sv_err sv_tls_judge_live(SSL_CTX *ctx, X509 *leaf, bool allow_classic, sv_why *why);

/// The sentence for a handshake or stream that failed with `code` (0: none was recorded).
/// False when TLS itself has nothing to say.
bool sv_tls_fault(const SSL *ssl, unsigned long code, bool was_up, sv_why *why);

#endif
