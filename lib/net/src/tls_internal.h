// What the streams of this module know about a TLS context. SSL types stay inside net.
#ifndef SV_NET_TLS_INTERNAL_H
#define SV_NET_TLS_INTERNAL_H

#include <crypto/profile.h>
#include <net/tls.h>
#include <openssl/ssl.h>

/// Whom a context takes for whom; lives as long as the context itself, which connections hold.
typedef struct sv_tls_rules {
    sv_tls_clients clients;
    bool ca_tells_time;        ///< to a client without a certificate of its own
    sv_profile_use use;        ///< of the other side's certificate
    bool foreign;              ///< that one need not be of our profile
    bool allow_classic;        ///< a v1 leaf without extensions may be a device
    X509_STORE *manufacturers; ///< NULL: none is known
} sv_tls_rules;

struct sv_tls {
    SSL_CTX *ctx;
    sv_tls_rules *rules; ///< the context's
    unsigned age;        ///< how often it became another one
};

/// A client's SSL that insists on `host`, a name or an address. NULL when memory is short.
SSL *sv_tls_client_ssl(const sv_tls *tls, const char *host);
SSL *sv_tls_server_ssl(const sv_tls *tls);

/// Who is at the other end of a server's connection.
typedef struct sv_tls_guest {
    enum { SV_TLS_NOBODY, SV_TLS_KNOWN, SV_TLS_NEWCOMER } kind;
    sv_identity identity; ///< KNOWN
    sv_newcomer newcomer; ///< NEWCOMER
} sv_tls_guest;

/// Once its handshake is done. SV_ERR_UNTRUSTED when the certificate names nobody.
sv_err sv_tls_meet(const SSL *ssl, sv_tls_guest *out, sv_why *why);
/// Whether it may stay by the rules of `ctx`, which may be newer than its handshake: what is wrong
/// with the revocation list itself (it has ended, there is none of this CA) counts against nobody.
sv_err sv_tls_stays(SSL_CTX *ctx, const SSL *ssl, const sv_tls_guest *guest, sv_why *why);
/// The same for the certificate alone of somebody who is known.
sv_err sv_tls_judge_live(SSL_CTX *ctx, X509 *leaf, sv_why *why);

/// The sentence for a handshake or stream that failed with `code` (0: none was recorded).
/// False when TLS itself has nothing to say.
bool sv_tls_fault(const SSL *ssl, unsigned long code, bool was_up, sv_why *why);

#endif
