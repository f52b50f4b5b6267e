// The rules of an MQTT server, 3.1.1 and 5, for one site: sessions, subscriptions, retained
// messages, wills. It does no I/O and reads no clock: bytes and time come in, bytes and records go
// out through sv_broker_hooks, so that a test lives through a year in a second and a fuzzer can be
// every client at once. mqtt/server.h puts it on the network.
//
// Acknowledged means kept. Whatever a PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK or CONNACK promises
// has gone to `message` or `keep` before, and these answer with the number of the group it is
// committed with; the acknowledgement waits, in order with the others of its connection, until
// sv_broker_settled names that group. Kept records given back to sv_broker_restore after a restart
// make the same sessions again: queued messages, unacknowledged deliveries, received QoS 2 ids,
// retained messages, and the wills of those that were connected.
//
// What is handed to `message` and `keep` within one call of the broker is to be committed together:
// with one group for a whole call, QoS 2 is exactly once through a loss of power.
//
// Who may do what comes from the identity, never from a packet: the client id must be the
// certificate's id (an app may add `.` and a word of its own), so nobody takes over another's
// session. Local programs (no certificate) have a name space of client ids of their own.
//
// Everything is bounded, by the numbers below and the limits given; memory follows what is there.
#ifndef SV_MQTT_BROKER_H
#define SV_MQTT_BROKER_H

#include <base/err.h>
#include <base/text.h>
#include <codec/mqtt_packet.h>
#include <model/id.h>

enum {
    SV_BROKER_SESSIONS_MAX = 65536,
    SV_BROKER_KEY_MAX = 160, ///< a session's key: "c/<client id>" or "l/<client id>" (local)
    SV_BROKER_CLIENT_ID_MAX = 128,
    SV_BROKER_CONNECT_US = 10 * 1000000,       ///< from the link to CONNECT
    SV_BROKER_TICK_US = 250 * 1000,            ///< how often sv_broker_tick is to be called
    SV_BROKER_WILL_RESTORED_US = 10 * 1000000, ///< after a restart, to come back before the will
    SV_BROKER_ACKS_MAX = 65535, ///< waiting on one connection; bounded by receive maximum
    SV_BROKER_SHARE_NAME_MAX = 64,
    SV_BROKER_NAMED_MAX = 128, ///< bytes of a topic in what is logged
};

typedef struct sv_broker sv_broker;
/// One connection. Opened by the owner with sv_broker_open_client; ends with sv_broker_client_gone
/// or by the broker's own `close`.
typedef struct sv_broker_client sv_broker_client;

/// Who is at the other end.
typedef struct sv_broker_peer {
    sv_identity identity; ///< meaningless when `local`
    bool local;
    const char *client_id; ///< as in CONNECT or assigned; "" before
    const char *address;   ///< for sentences
} sv_broker_peer;

typedef struct sv_broker_message {
    sv_text topic, payload;
    uint8_t qos;
    bool retain, dup;
    bool is_will;
    const sv_broker_peer *from; ///< NULL: the owner itself
} sv_broker_message;

/// What is to be kept: a value under (kind, key), replaced whole. The broker alone knows what the
/// bytes mean; the format has a version byte and what does not parse is reported, never trusted.
typedef enum sv_broker_kind {
    SV_BROKER_SESSION = 1, ///< key: the session's
    SV_BROKER_QUEUED,      ///< key: the session's, `#`, a number as 16 hex digits: so they sort
    SV_BROKER_RETAINED,    ///< key: the topic
} sv_broker_kind;

typedef enum sv_broker_event {
    SV_BROKER_CONNECTED,
    SV_BROKER_DISCONNECTED, ///< for whatever reason; the sentence says which
    SV_BROKER_TAKEN_OVER,
    SV_BROKER_REFUSED,  ///< a CONNECT; the sentence says why
    SV_BROKER_DENIED,   ///< a publish, subscription or will without the right to it
    SV_BROKER_EXPELLED, ///< a session whose certificate has ended or no longer counts
    SV_BROKER_BROKEN,   ///< a packet that breaks the protocol; the connection ends
    SV_BROKER_DROPPED,  ///< a message that did not fit a session's queue, or expired unread
    SV_BROKER_EVENT__COUNT
} sv_broker_event;

/// All are called on the thread that calls the broker, from within its functions; they must not
/// call the broker back.
typedef struct sv_broker_hooks {
    void (*send)(void *link, sv_text bytes);
    /// Bytes given to `send` that the network has not taken yet.
    size_t (*waiting)(void *link);
    /// End the link after what was sent. The client is gone with this call.
    void (*close)(void *link);
    /// Whether somebody may still be here, asked by sv_broker_review. NULL: always.
    sv_err (*welcome)(void *arg, const sv_broker_peer *who, sv_why *why);
    /// Asked of a will at CONNECT and again when it is due.
    bool (*may_publish)(void *arg, const sv_broker_peer *who, sv_text topic);
    /// `filter` without `$share/<name>/`.
    bool (*may_subscribe)(void *arg, const sv_broker_peer *who, sv_text filter);
    /// A message was published by a client that may. Returns the group it is committed with; 0:
    /// nothing to wait for. It is routed to subscribers whatever is returned.
    uint64_t (*message)(void *arg, const sv_broker_message *message);
    /// Asked after `message`: false keeps it from subscribers, and from being retained. NULL: it
    /// always passes.
    bool (*passes_on)(void *arg, const sv_broker_message *message);
    /// Keep `value`, or forget the record when `value.at` is NULL. Returns as `message` does. NULL:
    /// nothing outlives this process.
    uint64_t (*keep)(void *arg, sv_broker_kind kind, sv_text key, sv_text value);
    /// What of a topic or filter the sentences of `event` may name: its beginning. NULL: all of it.
    sv_text (*named)(void *arg, sv_text topic);
    /// For the log and for counting. May be NULL.
    void (*event)(void *arg, sv_broker_event event, const sv_broker_peer *who, const sv_why *why);
} sv_broker_hooks;

typedef struct sv_broker_limits {
    size_t packet_max;        ///< bytes of one packet from a client
    uint16_t keepalive_max_s; ///< 5: larger ones, and none, become this, and the client is told;
                              ///< 3.1.1 cannot be told, so what it asked for counts
    uint16_t receive_max;     ///< QoS > 0 publishes of a client not yet acknowledged
    uint16_t inflight_max;    ///< deliveries to a client not yet acknowledged
    uint16_t topic_alias_max; ///< per direction
    uint32_t session_expiry_max_s;
    size_t queue_messages_max, queue_bytes_max; ///< waiting per session, inflight included
    size_t subscriptions_max;                   ///< per session
    size_t waiting_max; ///< bytes `waiting` above which QoS 0 is dropped and QoS > 0 waits in the
                        ///< queue
    size_t retained_max, retained_bytes_max;
    size_t connections_max; ///< of one identity; so many sessions, too
} sv_broker_limits;

/// Limits that suit a site of 2,000 devices.
extern const sv_broker_limits SV_BROKER_DEFAULTS;

typedef struct sv_broker_counts {
    size_t clients, sessions, subscriptions, retained, queued, queued_bytes; ///< now
    uint64_t received, delivered, bytes_in, bytes_out; ///< PUBLISH, since the start
    uint64_t events[SV_BROKER_EVENT__COUNT];
} sv_broker_counts;

/// `now_us` is monotonic everywhere; `wall_us` (for expiries that outlive a restart) is told with
/// the tick.
sv_broker *sv_broker_new(const sv_broker_limits *limits, const sv_broker_hooks *hooks, void *arg,
                         const uint8_t hash_key[16], int64_t now_us, int64_t wall_us);
/// Links are not closed.
void sv_broker_drop(sv_broker **broker);

/// A record kept before, in the order of (kind, key), all before the first client. SV_ERR_INVALID:
/// it is not what this broker writes, or what it belongs to is not there; it was left out and the
/// owner may forget it.
sv_err sv_broker_restore(sv_broker *broker, sv_broker_kind kind, sv_text key, sv_text value,
                         sv_why *why);

/// `identity` NULL: a local program. `link` comes back in the hooks. `address` is copied. NULL when
/// there are SV_BROKER_SESSIONS_MAX already.
sv_broker_client *sv_broker_open_client(sv_broker *broker, void *link, const sv_identity *identity,
                                        const char *address, int64_t now_us);
/// Who it is, as the hooks are told.
const sv_broker_peer *sv_broker_who(const sv_broker_client *client);
/// Takes whole packets from the front of `arrived`; returns how many bytes it took. After `close`
/// was called for this client it must not be used any more: *out_closed (never NULL) says so.
size_t sv_broker_bytes(sv_broker *broker, sv_broker_client *client, sv_text arrived, int64_t now_us,
                       bool *out_closed);
/// The link's queue has become shorter: what waits for it goes on.
void sv_broker_drained(sv_broker *broker, sv_broker_client *client, int64_t now_us);
/// The network has lost it: its will is due.
void sv_broker_client_gone(sv_broker *broker, sv_broker_client *client, const sv_why *why,
                           int64_t now_us);

/// Groups up to and including this one are on disk: acknowledgements go out.
void sv_broker_settled(sv_broker *broker, uint64_t group);
/// Keep-alive, CONNECT deadline, certificates that have ended, wills, session and message expiry.
void sv_broker_tick(sv_broker *broker, int64_t now_us, int64_t wall_us);

/// By the owner itself, with every right; `message` is not called. Returns the group of what was
/// kept for persistent sessions.
uint64_t sv_broker_publish(sv_broker *broker, sv_text topic, sv_text payload, uint8_t qos,
                           bool retain, int64_t now_us);
/// Connections of `id`, before their CONNECT too.
size_t sv_broker_connections(const sv_broker *broker, sv_text id);
/// Something was decided about `id`: `welcome` is asked about each of its connections, and who may
/// not stay is told ADMINISTRATIVE and cut. How many. Costs what `id` has, not what there is.
size_t sv_broker_review(sv_broker *broker, sv_text id, int64_t now_us);
/// End every connection of `id` with this reason; with `forget` nothing is kept of it: its sessions
/// and queues end, its will unpublished, and what is retained on `<root>/<id>` and below is
/// forgotten. How many connections there were.
size_t sv_broker_kick(sv_broker *broker, sv_text id, sv_mqtt_reason reason, bool forget,
                      int64_t now_us);
/// The connection's certificate no longer counts: it ends with NOT_AUTHORIZED, its will is due.
void sv_broker_expel(sv_broker *broker, sv_broker_client *client, const sv_why *why,
                     int64_t now_us);
/// Before the program ends: 5 clients get SHUTTING_DOWN, links are closed, wills stay kept for the
/// next start.
void sv_broker_shut(sv_broker *broker, int64_t now_us);

sv_broker_counts sv_broker_count(const sv_broker *broker);

#endif
