// The parts of a listener: the door (listener.c), which handshake is next (listener_handshake.c)
// and where it comes from (listener_source.c), its steps on the worker's thread (listener_shake.c),
// a link's life (listener_link.c), what is read and sent (listener_stream.c) out of the bytes it
// holds (link_bytes.h), how fast (listener_rate.c), and whether it may stay (listener_review.c).
//
// Every callback of the loop is bracketed by enter and leave. A link or listener that its owner
// closes in between is taken apart at once and freed when the outermost bracket ends.
#ifndef SV_NET_LISTENER_INTERNAL_H
#define SV_NET_LISTENER_INTERNAL_H

#include "link_bytes.h"
#include "place.h"
#include "tls_internal.h"

#include <base/map.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <net/listener.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/worker.h>

enum {
    SV_LISTENER_BACKLOG = 1024,
    SV_LISTENER_ACCEPTS = 8,            ///< accepted before others have their turn
    SV_LISTENER_READY_MAX = 32,         ///< handshakes that wait for us; with more, accepting rests
    SV_LISTENER_GRACE_US = 1000 * 1000, ///< so long nobody is shed for the next
    SV_LISTENER_REST_US = 100 * 1000,   ///< without descriptors
    SV_LISTENER_PARTING_US = 1000 * 1000, ///< for last words to arrive
    SV_LISTENER_SHOWN_ROOM = 96,          ///< of an escaped CN
    SV_LISTENER_SHAKES = 4,     ///< steps with the worker at once, so that it need not wait for us
    SV_LISTENER_NICE = 5,       ///< the worker's: on a busy machine who is in goes first
    SV_LISTENER_SHED_LOOK = 32, ///< so many of the oldest are looked at for whom to shed
};

typedef enum sv_link_state {
    SV_LINK_HALF_OPEN,
    SV_LINK_UP,
    SV_LINK_LEAVING, ///< says its last words, then waits for the other side's end
    SV_LINK_GONE,    ///< taken apart; freed when nobody is inside any more
    SV_LINK__STATES
} sv_link_state;

/// Half-open links from one address (IPv4) or neighbourhood (the first 64 bits of IPv6). Those that
/// have something to do are served one of each source in turn.
typedef struct sv_source {
    char key[SV_PLACE_KEY_ROOM];
    size_t key_bytes;
    size_t half_open;
    TAILQ_HEAD(sv_ready, sv_link) ready;
    TAILQ_ENTRY(sv_source) turn; ///< in `sources`, while `ready` is not empty
} sv_source;

typedef enum sv_shake_end {
    SV_SHAKE_READ, ///< goes on when the other side has sent more
    SV_SHAKE_WRITE,
    SV_SHAKE_UP,
    SV_SHAKE_REFUSED,
    SV_SHAKE_ANSWERED, ///< refused, and TLS has told the other side
    SV_SHAKE_NO_MEMORY,
} sv_shake_end;

/// One step of a handshake while it is with the worker. Only the loop's thread looks at `link`; the
/// rest is the worker's until the step is done.
typedef struct sv_shake {
    sv_listener *listener;
    sv_link *link; ///< NULL: it has gone meanwhile, and `fd` and `ssl` go when this is done
    SSL_CTX *ctx;  ///< a reference, for the first step
    SSL *ssl;
    int fd;
    sv_shake_end end;
    sv_identity identity;
    sv_why why;
    char shown[SV_LISTENER_SHOWN_ROOM]; ///< the CN that this step has refused
    TAILQ_ENTRY(sv_shake) place;        ///< in `idle` or `finished`
} sv_shake;

/// The certificate of one link that is up, judged again by the worker.
typedef struct sv_review {
    sv_listener *listener;
    sv_link *next; ///< whose turn it is; NULL: none is left
    sv_link *link; ///< whose certificate is judged; NULL: none, or it has gone meanwhile
    bool running, finished;
    unsigned round; ///< of `ctx`
    SSL_CTX *ctx;   ///< a reference
    X509 *leaf;     ///< a reference
    sv_err err;
    sv_why why;
} sv_review;

struct sv_link {
    sv_listener *listener;
    void *owner;
    sv_source *source; ///< while it is half-open, over TLS
    sv_shake *shake;   ///< while a step of its handshake is with the worker, and `ssl` there too
    SSL *ssl;          ///< NULL on a unix socket, before the first bytes, and after the last words
    int fd;
    sv_link_state state;
    unsigned round; ///< of the context that has judged it
    bool ready;     ///< in its source's `ready`: half-open, with something to do
    bool again;     ///< in `again`: up, with something left to read
    bool dirty;     ///< in `dirty`: something to send
    bool blocked;   ///< waits until the kernel takes more
    bool waited;    ///< something was left at the end of a turn: `drained` is due
    bool paused;    ///< not read from since the listener is held
    bool answered;  ///< leaving: the other side has shown that it is there
    bool slowed;    ///< in `slowed`: not read from until it has paid for what it sent
    bool mute;      ///< sending has failed; what has arrived is still read, up to the end
    struct event readable, writable;
    link_bytes kept; ///< arrived, not taken by the owner
    link_bytes out;
    int64_t budget, paid_us;    ///< bytes it may send, and as of when; below zero: it owes
    int64_t slowed_us;          ///< when that was last told; 0: never
    int64_t since_us;           ///< when it came into its state
    TAILQ_ENTRY(sv_link) place; ///< in the list of its state
    TAILQ_ENTRY(sv_link) turn;  ///< in `ready` or `again`
    TAILQ_ENTRY(sv_link) send;
    TAILQ_ENTRY(sv_link) pay;
    char peer[SV_LISTENER_PEER_ROOM];
};

typedef TAILQ_HEAD(sv_link_list, sv_link) sv_link_list;

struct sv_listener {
    sv_loop *loop;
    sv_listener_events events;
    void *arg;
    sv_tls *tls; ///< NULL on a unix socket
    size_t links_max, handshakes_max, arrived_max;
    int64_t bytes_per_s;
    int64_t handshake_us;
    int fd;
    char *path; ///< of the unix socket, and which file that is
    dev_t path_dev;
    ino_t path_ino;
    struct event door, flush;
    sv_timer *rest;     ///< running: accepting rests
    sv_timer *deadline; ///< of the oldest half-open link
    sv_timer *parting;  ///< of the oldest leaving link
    sv_timer *work;     ///< a look at what the worker has done
    sv_timer *more;     ///< the links in `again`
    sv_timer *pay;      ///< the links in `slowed`
    sv_link_list links[SV_LINK__STATES];
    size_t count[SV_LINK__STATES];
    sv_link_list again, dirty, slowed;
    sv_worker *worker; ///< NULL on a unix socket
    sv_map *by_address;
    TAILQ_HEAD(sv_sources, sv_source) sources;
    size_t ready_count; ///< of all sources
    sv_shake shakes[SV_LISTENER_SHAKES];
    TAILQ_HEAD(sv_shakes, sv_shake) idle, finished;
    sv_review review;
    unsigned round; ///< one more with each new context
    uint64_t accepted, refused, shed, slowed_total;
    size_t again_count, slowed_count;
    bool accepting;
    bool crowded; ///< accepting rests until a half-open link has made room
    bool starved; ///< out of descriptors, and told so
    bool held, dropped;
    unsigned inside;
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
/// Takes it apart and tells its owner.
void sv_link_down(sv_link *link, const sv_why *why);
/// Says that nothing more comes and waits for the other side's end: closing at once would reset
/// the connection when something of theirs is still unread, and take our last words with it.
void sv_link_linger(sv_link *link);
void sv_link_read_turn(sv_link *link);
/// Reads from it in the next turn, whatever the socket says.
void sv_link_read_again(sv_link *link);
void sv_link_read_no_more(sv_link *link);
/// A link that has come up may send so much at once.
void sv_link_rate_begin(sv_link *link);
/// It has sent `len` bytes. True: that was too much, and it is not read from until it has paid.
bool sv_link_rate_spend(sv_link *link, size_t len);
void sv_link_rate_forget(sv_link *link);
/// What a leaving link's other side still sends is read and forgotten, up to the end.
void sv_link_hear_out(sv_link *link);
void sv_link_send_turn(sv_link *link);
/// Sends what is written, without waiting and without an event.
void sv_link_last_try(sv_link *link);
void sv_link_free(sv_link *link);

/// The loop's callbacks; `arg` is the listener.
void sv_links_flush(sv_listener *listener);
void sv_links_more(void *arg);
void sv_links_parting(void *arg);
void sv_links_pay(void *arg);

/// The other side of a half-open link has sent something.
void sv_handshake_ready(sv_link *link);
void sv_handshake_forget(sv_link *link);
/// The link goes while a step is with the worker: descriptor and SSL are closed when it is done.
void sv_handshake_orphan(sv_link *link);
/// Makes room for one more by shedding one of the oldest, of the source that has most; false, and
/// accepting rests, when all are young or have something to do.
bool sv_handshake_room(sv_listener *listener);
void sv_handshake_work(void *arg);
/// What came back from the worker is taken apart or goes on.
void sv_handshake_take_back(sv_listener *listener);
/// On the worker's thread, and what it leaves.
void sv_shake_run(void *job);
void sv_shake_done(void *job);
/// Something that the worker has done waits for a look.
void sv_listener_look(sv_listener *listener);

/// The half-open link counts among those of its address, until it leaves.
void sv_source_enter(sv_link *link, const sv_place *from);
void sv_source_leave(sv_link *link);
void sv_source_add_ready(sv_link *link);
void sv_source_remove_ready(sv_link *link);
/// The next link with something to do, of the sources in turn; NULL: none.
sv_link *sv_source_take_ready(sv_listener *listener);

/// Every link that is up is judged again by the context in use, one after the other.
void sv_review_begin(sv_listener *listener);
/// `link`, which came up by the context from before, is judged as well.
void sv_review_late(sv_link *link);
void sv_review_forget(sv_link *link);
/// Tells of the one that has been judged and hands over the next.
void sv_review_work(sv_listener *listener);
void sv_review_clear(sv_review *review);
void sv_handshake_deadline(void *arg);

/// A socket that listens on `path`.
sv_err sv_listen_path(const char *path, int *out, sv_why *why);

#endif
