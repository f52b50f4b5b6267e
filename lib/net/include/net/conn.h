// An outgoing byte stream over TCP or TLS on the loop: connects without blocking (names through
// libevent's resolver), hands over what arrives, keeps what is written until it fits. TCP_NODELAY
// is set.
#ifndef SV_NET_CONN_H
#define SV_NET_CONN_H

#include <base/err.h>
#include <base/text.h>
#include <net/tls.h>
#include <sys/loop.h>

typedef struct sv_conn sv_conn;

/// How far a connection has come, or at which step it failed.
typedef enum sv_conn_step {
    SV_CONN_NAME,    ///< the name is being resolved
    SV_CONN_CONNECT, ///< to its address
    SV_CONN_TLS,     ///< the handshake
    SV_CONN_OPEN,
} sv_conn_step;

typedef struct sv_conn_events {
    void (*up)(void *arg);
    /// Looks at what has arrived and returns how many bytes it took; the rest is shown again with
    /// more.
    size_t (*bytes)(void *arg, sv_text arrived);
    /// The end, once, with the sentence (name resolution, connect, TLS with the certificate's
    /// fault, closed). The connection must be dropped by its owner, here or later.
    void (*down)(void *arg, const sv_why *why);
} sv_conn_events;

/// `tls` NULL: plain TCP. `connect_us` bounds name resolution, connect and handshake together.
sv_err sv_conn_open(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls, int64_t connect_us,
                    const sv_conn_events *events, void *arg, sv_conn **out, sv_why *why);
/// So, but only to an address that anybody on the internet may reach (net/reach.h). It is judged as
/// it is about to be connected to, after the name was resolved; the sentence names it.
sv_err sv_conn_open_public(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls,
                           int64_t connect_us, const sv_conn_events *events, void *arg,
                           sv_conn **out, sv_why *why);
/// From inside `bytes` of a plain connection: when that returns, the stream goes on under TLS, and
/// `up` comes a second time after the handshake. Bytes that `bytes` leaves were sent in the clear
/// by whoever sits between: they end the connection.
void sv_conn_start_tls(sv_conn *conn, sv_tls *tls);
void sv_conn_write(sv_conn *conn, sv_text bytes);
/// Bytes written but not yet handed to the kernel.
size_t sv_conn_waiting(const sv_conn *conn);
/// In `down`: where it failed.
sv_conn_step sv_conn_at(const sv_conn *conn);
/// Closes at once; no event follows. Allowed inside an event of the same connection.
void sv_conn_drop(sv_conn **conn);

#endif
