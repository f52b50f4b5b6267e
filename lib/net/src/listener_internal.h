// The parts of a listener: the door (listener.c), handshakes (listener_handshake.c), links that are
// up or leaving (listener_link.c), and the bytes they hold (link_bytes.h).
//
// Every callback of the loop is bracketed by enter and leave. A link or listener that its owner
// closes in between is taken apart at once and freed when the outermost bracket ends.
#ifndef SV_NET_LISTENER_INTERNAL_H
#define SV_NET_LISTENER_INTERNAL_H

#include "link_bytes.h"
#include "place.h"
#include "tls_internal.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <net/listener.h>
#include <sys/queue.h>
#include <sys/types.h>

enum {
    SV_LISTENER_BACKLOG = 1024,
    SV_LISTENER_ACCEPTS = 8,            ///< accepted before others have their turn
    SV_LISTENER_READY_MAX = 32,         ///< handshakes that wait for us; with more, accepting rests
    SV_LISTENER_GRACE_US = 1000 * 1000, ///< so long nobody is shed for the next
    SV_LISTENER_REST_US = 100 * 1000,   ///< without descriptors
    SV_LISTENER_PARTING_US = 1000 * 1000, ///< for last words to arrive
    SV_LISTENER_SHOWN_ROOM = 96,          ///< of an escaped CN
};

typedef enum sv_link_state {
    SV_LINK_HALF_OPEN,
    SV_LINK_UP,
    SV_LINK_LEAVING, ///< says its last words, then waits for the other side's end
    SV_LINK_GONE,    ///< taken apart; freed when nobody is inside any more
    SV_LINK__STATES
} sv_link_state;

struct sv_link {
    sv_listener *listener;
    void *owner;
    SSL *ssl; ///< NULL on a unix socket, before the first bytes, and after the last words
    int fd;
    sv_link_state state;
    bool allow_classic; ///< of the context the handshake began with
    bool ready;         ///< in `ready`: half-open, with something to do
    bool again;         ///< in `again`: up, with something left to read
    bool dirty;         ///< in `dirty`: something to send
    bool blocked;       ///< waits until the kernel takes more
    bool waited;        ///< something was left at the end of a turn: `drained` is due
    bool paused;        ///< not read from since the listener is held
    bool mute;          ///< sending has failed; what has arrived is still read, up to the end
    struct event readable, writable;
    link_bytes kept; ///< arrived, not taken by the owner
    link_bytes out;
    int64_t since_us;           ///< when it came into its state
    TAILQ_ENTRY(sv_link) place; ///< in the list of its state
    TAILQ_ENTRY(sv_link) turn;  ///< in `ready` or `again`
    TAILQ_ENTRY(sv_link) send;
    char peer[SV_LISTENER_PEER_ROOM];
};

typedef TAILQ_HEAD(sv_link_list, sv_link) sv_link_list;

struct sv_listener {
    sv_loop *loop;
    sv_listener_events events;
    void *arg;
    sv_tls *tls; ///< NULL on a unix socket
    size_t links_max, handshakes_max, arrived_max;
    int64_t handshake_us;
    int fd;
    char *path; ///< of the unix socket, and which file that is
    dev_t path_dev;
    ino_t path_ino;
    struct event door, flush;
    sv_timer *rest;     ///< running: accepting rests
    sv_timer *deadline; ///< of the oldest half-open link
    sv_timer *parting;  ///< of the oldest leaving link
    sv_timer *work;     ///< the next handshake step
    sv_timer *more;     ///< the links in `again`
    sv_link_list links[SV_LINK__STATES];
    size_t count[SV_LINK__STATES];
    sv_link_list ready, again, dirty;
    size_t ready_count;
    uint64_t accepted, refused, shed;
    size_t again_count;
    bool accepting;
    bool crowded; ///< accepting rests until a half-open link has made room
    bool starved; ///< out of descriptors, and told so
    bool held, dropped;
    unsigned inside;
    char shown[SV_LISTENER_SHOWN_ROOM]; ///< the CN that the handshake step now running has refused
    char scratch[SV_LISTENER_TURN_BYTES];
};

void sv_listener_enter(sv_listener *listener);
void sv_listener_leave(sv_listener *listener);
/// Accepts or rests, as things are.
void sv_listener_consider(sv_listener *listener);

/// A half-open link; takes the descriptor.
sv_link *sv_link_new(sv_listener *listener, int fd, const sv_place *from);
/// Into the list of `state`, as its newest.
void sv_link_move(sv_link *link, sv_link_state state);
/// The handshake is done, or there is none: to the owner, if there is room.
void sv_link_up(sv_link *link, const sv_identity *identity);
/// Tells why it never came up; `was_answered`: TLS has told the other side, who is to hear it.
void sv_link_refuse(sv_link *link, const sv_why *why, bool was_answered);
/// As sv_link_refuse at once, but counted as shed.
void sv_link_shed(sv_link *link, const sv_why *why);
/// Takes it apart, without a word to anybody.
void sv_link_part(sv_link *link);
/// Sends what is written, without waiting and without an event.
void sv_link_last_try(sv_link *link);
void sv_link_free(sv_link *link);

/// The loop's callbacks; `arg` is the listener.
void sv_links_flush(sv_listener *listener);
void sv_links_more(void *arg);
void sv_links_parting(void *arg);

/// The other side of a half-open link has sent something.
void sv_handshake_ready(sv_link *link);
void sv_handshake_forget(sv_link *link);
/// Makes room for one more by shedding the oldest; false, and accepting rests, when all are young.
bool sv_handshake_room(sv_listener *listener);
void sv_handshake_work(void *arg);
void sv_handshake_deadline(void *arg);

/// A socket that listens on `path`.
sv_err sv_listen_path(const char *path, int *out, sv_why *why);

#endif
