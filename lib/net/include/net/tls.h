// TLS contexts: TLS 1.2 and 1.3 only, AEAD suites, no compression, no renegotiation, no 0-RTT.
// Mutual where it says so.
//
// A clock that is before the beginning of our own certificate is wrong, as that of a board that
// woke in 1970: then no certificate's beginning is judged. All else is. [reading-11]
#ifndef SV_NET_TLS_H
#define SV_NET_TLS_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>
#include <stdbool.h>

enum { SV_CERTIFICATE_MAX = 4096 }; ///< bytes of a leaf in DER: RSA 4096 and long names fit

typedef struct sv_tls sv_tls; ///< an SSL_CTX; shared by all connections made from it

typedef struct sv_tls_files {
    const char *ca;   ///< PEM of trust anchors; NULL for a client: the system's store
    const char *cert; ///< PEM chain, leaf first; NULL: none (clients only)
    const char *key;  ///< where it is (crypto/key_store.h); needed with cert
    const char *crl;  ///< PEM or NULL
} sv_tls_files;

/// Verifies the server's chain and its name or address.
sv_err sv_tls_client(const sv_tls_files *files, sv_tls **out, sv_why *why);
/// `clients_must_have_certificates`: the handshake fails without one from `ca`.
sv_err sv_tls_server(const sv_tls_files *files, bool clients_must_have_certificates,
                     bool allow_classic, sv_tls **out, sv_why *why);
/// Who a certificate (DER) names, judged here and now as if its owner had shown it in a handshake
/// with this server context: chain, dates, revocation list, purpose, identity. SV_ERR_INVALID when
/// it is no certificate, SV_ERR_UNTRUSTED with the reason.
sv_err sv_tls_judge(const sv_tls *tls, sv_text der, sv_identity *out, sv_why *why);
void sv_tls_drop(sv_tls **tls);

#endif
