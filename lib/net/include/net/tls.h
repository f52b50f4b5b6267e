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

enum {
    SV_CERTIFICATE_MAX = 4096,   ///< bytes of a leaf in DER: RSA 4096 and long names fit
    SV_NEWCOMER_NAME_ROOM = 129, ///< of a name that a manufacturer gave
};

typedef struct sv_tls sv_tls; ///< an SSL_CTX; shared by all connections made from it

typedef struct sv_tls_files {
    const char *ca;   ///< PEM of trust anchors; NULL for a client: the system's store
    const char *cert; ///< PEM chain, leaf first; NULL: none (clients only)
    const char *key;  ///< where it is (crypto/key_store.h); needed with cert
    const char *crl;  ///< PEM or NULL
    /// For a client that has no certificate yet: a clock before the beginning of the root in `ca`,
    /// which somebody vouched for just now, is wrong in the same way. [est-4]
    bool ca_tells_time;
    /// For clients: the server is not ours (a customer's broker, mail or web server), and its
    /// certificate need not be of our profile. With the system's store no server is. [profile-3]
    bool foreign;
    /// For SV_TLS_CLIENTS_NEWCOMERS: PEM of manufacturers' CA certificates, or NULL. Whatever lies
    /// between a device's certificate and the root is best in it too: a gateway passes on leaves.
    const char *manufacturers;
} sv_tls_files;

/// Whom a TLS server lets in.
typedef enum sv_tls_clients {
    SV_TLS_CLIENTS_NONE,      ///< asks nobody for a certificate
    SV_TLS_CLIENTS_TRUSTED,   ///< the handshake fails without a good one from `ca`
    SV_TLS_CLIENTS_NEWCOMERS, ///< those, and whoever may ask for a certificate: sv_newcomer
} sv_tls_clients;

typedef enum sv_newcomer_kind {
    SV_NEWCOMER_NONE,         ///< shows no certificate
    SV_NEWCOMER_EXPIRED,      ///< one of ours that has ended; all else about it is good
    SV_NEWCOMER_MANUFACTURER, ///< one of a manufacturer's CA
} sv_newcomer_kind;

/// Somebody who is nobody yet: fit to ask for a certificate, and for nothing else. [profile-1]
typedef struct sv_newcomer {
    sv_newcomer_kind kind;
    sv_identity identity; ///< EXPIRED: who it was
    /// The one CN and the one serialNumber of the subject, "" when there is none; EXPIRED has the
    /// id alone. What is not plain ASCII, and the backslash, is escaped (\x5c), so that different
    /// names stay different.
    char name[SV_NEWCOMER_NAME_ROOM];
    char serial[SV_NEWCOMER_NAME_ROOM];
} sv_newcomer;

/// Verifies the server's chain and its name or address.
sv_err sv_tls_client(const sv_tls_files *files, sv_tls **out, sv_why *why);
/// For the one question to a server that nobody vouches for yet: it proves nothing. What is heard
/// must be judged by other means (a pin), and no secret may be told.
sv_err sv_tls_client_unproven(sv_tls **out, sv_why *why);
sv_err sv_tls_server(const sv_tls_files *files, sv_tls_clients clients, bool allow_classic,
                     sv_tls **out, sv_why *why);
/// Who a certificate (DER) names, judged here and now as if its owner had shown it in a handshake
/// with this server context: chain, dates, revocation list, purpose, identity. SV_ERR_INVALID when
/// it is no certificate, SV_ERR_UNTRUSTED with the reason.
sv_err sv_tls_judge(const sv_tls *tls, sv_text der, sv_identity *out, sv_why *why);
/// The same for one that sv_tls_judge refuses, at a door for newcomers: which of them it is.
/// SV_ERR_STATE when it is none because its certificate is good.
sv_err sv_tls_judge_newcomer(const sv_tls *tls, sv_text der, sv_newcomer *out, sv_why *why);
/// For a client's context: it becomes what `fresh` is, which is dropped. Connections made from now
/// on go by it; one over which HTTP requests go is made anew before the next.
void sv_tls_adopt(sv_tls *tls, sv_tls **fresh);
void sv_tls_drop(sv_tls **tls);

#endif
