// How a chain is judged: what a context's rules are, and what OpenSSL's verification is forgiven.
#ifndef SV_NET_TLS_VERIFY_H
#define SV_NET_TLS_VERIFY_H

#include "tls_internal.h"

/// What was found the certificate of a handshake to be.
typedef enum sv_tls_standing {
    SV_TLS_UNJUDGED, ///< none was shown, or this handshake did not ask for it
    SV_TLS_TRUSTED,
    SV_TLS_EXPIRED,      ///< by its end alone; at a door for newcomers
    SV_TLS_MANUFACTURED, ///< the same
} sv_tls_standing;

/// Faults that do not count.
typedef struct sv_tls_lenience {
    const X509 *own; ///< a clock before its beginning is wrong [reading-11]; NULL: it is right
    bool root_tells; ///< without an own one: that of the root counts [est-4]
    bool newcomers;  ///< the leaf may have ended, or be of a manufacturer's CA
    bool old_list;   ///< what is wrong with the revocation list itself lets nobody in, but sends
                     ///< nobody away
    X509_STORE_CTX_verify_cb next; ///< is asked about what is left; may be NULL
} sv_tls_lenience;

/// Rules that go with `ctx`, which judges by them from now on.
sv_tls_rules *sv_tls_rules_new(SSL_CTX *ctx);
const sv_tls_rules *sv_tls_rules_of(const SSL_CTX *ctx);

/// What the handshake of `ssl` found. A session that was taken up again is SV_TLS_UNJUDGED: its
/// certificate was judged then, and now is now.
sv_tls_standing sv_tls_standing_of(const SSL *ssl);

/// Verifies what `judged` has been set up for. SV_TLS_UNJUDGED: it is refused, and the error in
/// `judged` says why; X509_V_ERR_CERT_REJECTED: the profile's sentence is in `why`.
sv_tls_standing sv_tls_place(X509_STORE_CTX *judged, const sv_tls_rules *rules,
                             const sv_tls_lenience *lenience, sv_why *why);
/// By the time that is believed. [clock-5]
bool sv_tls_has_ended(const X509 *certificate);
/// The profile's sentence about the handshake of `ssl`; NULL when it had none.
const char *sv_tls_told(const SSL *ssl);

#endif
