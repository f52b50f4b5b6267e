// Incoming byte streams on the loop, over TLS on TCP, plainly on TCP from this machine alone, or
// over a unix socket: accepts, shakes hands,
// says who the certificate names, hands over what arrives and sends what is written at the end of
// the loop's turn, so that many small writes become one record and one system call. An idle
// TLS link holds its SSL and no buffers of ours.
//
// Strangers cost little: before its handshake is done a link may live SV_LISTENER_HANDSHAKE_US and
// there are at most `handshakes_max` such links. One that has had a second makes room for the next:
// one of the oldest, from the address that has most of them (an IPv4 address, or the first 64 bits
// of an IPv6 address). What is dear in a handshake happens on a thread of its own, which gives way
// to the loop's; addresses are served in turn, one step each. So a flood holds up neither who is in
// already nor who comes from elsewhere. Without free descriptors accepting rests and goes on by
// itself.
#ifndef SV_NET_LISTENER_H
#define SV_NET_LISTENER_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_LISTENER_HANDSHAKE_US = 10 * 1000000,
    SV_LISTENER_TURN_BYTES = 64 * 1024, ///< read from one link before the others have their turn
    SV_LISTENER_SLOWED_AGAIN_US =
        60 * 1000000,           ///< so long nobody hears again of a link that is slowed
    SV_LISTENER_PEER_ROOM = 64, ///< "192.0.2.7:50123", "[2001:db8::1]:50123", "local"
};

typedef struct sv_listener sv_listener;
typedef struct sv_link sv_link;

typedef struct sv_listener_events {
    /// Asked when the handshake is done, of a resumed session too: SV_OK lets it come up, anything
    /// else refuses the link with this sentence. NULL: everybody whose certificate counts.
    sv_err (*welcome)(void *arg, const char *peer, const sv_identity *identity, sv_why *why);
    /// The link is up: its owner, whatever that is to be, comes back in the other events. NULL: no
    /// room for it, the link is closed. `identity` is NULL without TLS; a certificate that TLS
    /// accepts but that names nobody (grammar, role) never comes here.
    void *(*up)(void *arg, sv_link *link, const sv_identity *identity);
    /// Looks at what has arrived and returns how many bytes it took; it is asked again about the
    /// rest until it takes nothing, and then with more.
    size_t (*bytes)(void *owner, sv_text arrived);
    /// More came than `bytes_per_s` allows, and the link is read from more slowly: the first time,
    /// and again after SV_LISTENER_SLOWED_AGAIN_US. May be NULL.
    void (*slowed)(void *owner);
    /// What was waiting has gone out (called after sv_link_waiting was above zero at the end of a
    /// turn). May be NULL.
    void (*drained)(void *owner);
    /// The other side has gone, once; the link is gone after it. Not called after sv_link_close.
    void (*down)(void *owner, const sv_why *why);
    /// The link's certificate no longer counts: revoked, expired, or not of a CA that is trusted
    /// now (sv_listener_tls). The owner closes it; `why` "certificate is revoked (press-1)". NULL:
    /// the link goes down with this sentence.
    void (*unwelcome)(void *owner, const sv_why *why);
    /// A link that never came up: `peer` "192.0.2.7:50123", `why` "TLS: certificate has expired
    /// (press-1)". `peer` is "" when it is about accepting as such. May be NULL.
    void (*refused)(void *arg, const char *peer, const sv_why *why);
    /// A link that its owner closed with `flush` is gone for good. `answered`: the other side ended
    /// it too, or sent something, within the second it was given; a peer that has lost its network
    /// or its power does not. May be NULL.
    void (*parted)(void *arg, const char *peer, bool answered);
} sv_listener_events;

typedef struct sv_listener_options {
    const char *bind; ///< an address; NULL: `path`
    uint16_t port;    ///< 0: any free one
    const char *path; ///< of a unix socket, mode 0660; one that nobody listens on is replaced
    sv_tls *tls; ///< for TCP: a server context that asks for certificates; see sv_listener_tls.
                 ///< NULL: `bind` must be this machine's loopback
    size_t links_max; ///< up at once; more are closed at accept
    size_t handshakes_max;
    size_t arrived_max; ///< bytes kept of a link that `bytes` has not taken; more end it
    size_t bytes_per_s; ///< of each link; beyond that it is not read from for a while, so that it
                        ///< waits in the network. It may be silent for a second and send that at
                        ///< once. 0: no bound
} sv_listener_options;

typedef struct sv_listener_counts {
    size_t links, handshakes;         ///< now
    uint64_t accepted, refused, shed; ///< since the start; shed: for want of room, not refused
    size_t slowed;                    ///< links that are not read from now
    uint64_t slowed_total;            ///< how often that began
} sv_listener_counts;

/// SV_ERR_STATE when the address is taken or the path is somebody's (the sentence names it).
sv_err sv_listener_open(sv_loop *loop, const sv_listener_options *options,
                        const sv_listener_events *events, void *arg, sv_listener **out,
                        sv_why *why);
uint16_t sv_listener_port(const sv_listener *listener);
/// New handshakes use `tls` from now on, and the context from before may be dropped; the one in use
/// must outlive the listener. Links that are up are judged again, one after the other, and those
/// whose handshake is under way when it is done: by their leaf alone, so that an intermediate CA
/// has to be in the CA file. What is wrong with the revocation list itself (it has ended) ends none
/// of them.
void sv_listener_tls(sv_listener *listener, sv_tls *tls);
sv_listener_counts sv_listener_count(const sv_listener *listener);
/// Stop reading from all links, or go on: while the owner cannot keep up. Accepting, handshakes and
/// writing go on.
void sv_listener_hold(sv_listener *listener, bool hold);
/// Closes every link without `down`.
void sv_listener_drop(sv_listener **listener);

const char *sv_link_peer(const sv_link *link);
/// Queued; goes out at the end of the loop's turn, in order.
void sv_link_write(sv_link *link, sv_text bytes);
/// Bytes queued or not yet taken by the kernel.
size_t sv_link_waiting(const sv_link *link);
/// Close; with `flush` what was written goes out first and is given time to arrive, for as long as
/// a second. No event follows but `parted`. Allowed inside an event of the same link; `link` is not
/// to be used afterwards.
void sv_link_close(sv_link *link, bool flush);

#endif
