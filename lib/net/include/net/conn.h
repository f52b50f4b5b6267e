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
void sv_conn_write(sv_conn *conn, sv_text bytes);
/// Bytes written but not yet handed to the kernel.
size_t sv_conn_waiting(const sv_conn *conn);
/// Closes at once; no event follows. Allowed inside an event of the same connection.
void sv_conn_drop(sv_conn **conn);

#endif
