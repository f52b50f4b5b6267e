// What the parts of the broker share; private to broker*.c.
//
// A session outlives its connections and owns subscriptions, deliveries and a will. A message is
// counted: everybody who still has to get it holds it. Records (broker_keep.c) follow whatever must
// outlive the process.
#ifndef SV_MQTT_BROKER_INTERNAL_H
#define SV_MQTT_BROKER_INTERNAL_H

#include <base/map.h>
#include <mqtt/broker.h>

#define SV_BROKER_NEVER INT64_MAX

enum {
    SV_BROKER_ADDRESS_ROOM = 64,
    SV_BROKER_SWEEP_TICKS = 16,      ///< every so many ticks a session's queue is looked through
    SV_BROKER_BACKLOG_MAX = 1 << 20, ///< above waiting_max: who reads so little is cut
    SV_BROKER_RECEIVED_BYTES = 65536 / 8,
};

typedef struct sv_broker_session sv_broker_session;
typedef struct sv_broker_node sv_broker_node;

/// Topic, payload and the properties that travel along. Freed by the last holder.
typedef struct sv_broker_held {
    size_t holders;
    int64_t expires_us;
    size_t topic_len, payload_len, forwarded_len;
    char bytes[]; ///< one after the other
} sv_broker_held;

/// A message on its way to everybody who wants it.
typedef struct sv_broker_post {
    sv_text topic, payload, forwarded;
    int64_t expires_us;
    uint8_t qos;
    bool retain;
    const sv_broker_session *from; ///< for No Local; may be NULL
    sv_broker_held *held;          ///< made for the first who must keep it; the post holds it too
    uint64_t group;                ///< the latest one that something was kept with
} sv_broker_post;

typedef struct sv_broker_share sv_broker_share;

/// Whoever shows certificates of one id.
typedef struct sv_broker_person {
    sv_broker_client *clients;
    sv_broker_session *sessions;
    size_t client_count, session_count;
    char id[SV_ID_ROOM];
} sv_broker_person;

typedef struct sv_broker_subscription {
    struct sv_broker_subscription *previous, *next; ///< of the node or of the share
    struct sv_broker_subscription *next_match;
    sv_broker_session *session;
    sv_broker_node *node;
    sv_broker_share *share; ///< NULL: not a shared one
    uint32_t id;            ///< 0: none
    uint8_t qos;
    bool no_local, retain_as_published;
    size_t filter_len;
    char filter[]; ///< as it was asked for, `$share/` included
} sv_broker_subscription;

/// The members of one `$share/<name>/<filter>`.
struct sv_broker_share {
    sv_broker_share *previous, *next; ///< of the node
    sv_broker_node *node;             ///< NULL once the last member has left
    sv_broker_subscription *members;
    sv_broker_subscription *turn; ///< who is asked first for the next message
    size_t holders;               ///< members and deliveries
    size_t name_len;
    char name[];
};

typedef struct sv_broker_retained {
    struct sv_broker_retained *previous, *next;
    sv_broker_node *node;
    sv_broker_held *held;
    uint8_t qos;
} sv_broker_retained;

typedef enum sv_broker_state {
    SV_BROKER_WAITING,  ///< to be sent, or sent again
    SV_BROKER_SENT,     ///< on this connection; PUBACK or PUBREC is due
    SV_BROKER_RELEASED, ///< PUBREC has come; PUBCOMP is due
} sv_broker_state;

/// One message for one session. Packet ids are given when it is queued, in rising order, so that a
/// record tells all about it and a QoS 2 delivery goes on with its id after a restart.
typedef struct sv_broker_delivery {
    struct sv_broker_delivery *previous, *next;
    sv_broker_held *held;   ///< NULL when RELEASED
    sv_broker_share *share; ///< by which it came here; may be NULL
    uint64_t number;        ///< of its record
    uint64_t group;         ///< of its record's last change
    size_t bytes;           ///< as counted against queue_bytes_max
    uint16_t id;            ///< 0 with QoS 0
    uint8_t qos;
    sv_broker_state state;
    bool retain;
    bool tried; ///< sent before, or nobody knows: DUP
    bool kept;
    size_t id_count;
    uint32_t ids[]; ///< subscription identifiers
} sv_broker_delivery;

typedef struct sv_broker_will {
    sv_broker_held *held;
    uint8_t qos;
    bool retain;
    bool has_expiry;
    uint32_t expiry_s;
    uint32_t delay_s;
} sv_broker_will;

struct sv_broker_session {
    char *key;
    sv_broker_person *person; ///< NULL: local
    sv_broker_session *person_previous, *person_next;
    sv_identity identity;
    bool local;
    bool kept;                ///< a record exists
    bool up_before;           ///< restored, was connected then, and has not come back yet
    sv_broker_client *client; ///< NULL: away
    uint32_t expiry_s;
    int64_t expires_us; ///< while away
    sv_broker_will *will;
    int64_t will_due_us;   ///< while away
    sv_map *subscriptions; ///< by filter; NULL: none
    sv_broker_delivery *first, *last;
    sv_broker_delivery *unsent; ///< the first that has not been sent on this connection
    size_t queued, queued_bytes;
    size_t queued_0; ///< of QoS 0 among them
    size_t inflight; ///< of this connection
    uint64_t next_number;
    uint16_t last_id;
    uint8_t *received; ///< a bit for each QoS 2 id of the client not yet released; NULL: none yet
    size_t received_count;
    uint64_t received_group;         ///< of the last change of it
    sv_broker_subscription *matches; ///< while routing
    sv_broker_session *next_matched;
};

/// An answer that waits for its group, and for those before it.
typedef struct sv_broker_ack {
    uint64_t group;
    char *bytes; ///< a whole packet, or NULL: made of the rest
    uint32_t len;
    uint16_t id;
    uint8_t type;
    uint8_t reason;
} sv_broker_ack;

typedef struct sv_broker_alias {
    char *topic; ///< NULL: none
    size_t len;
    bool told; ///< outgoing: the client knows it
} sv_broker_alias;

struct sv_broker_client {
    sv_broker_client *previous, *next;
    sv_broker_client *busy_previous, *busy_next;
    sv_broker_person *person; ///< NULL: local
    sv_broker_client *person_previous, *person_next;
    bool busy; ///< in the list of those that wait for a group
    void *link;
    sv_broker_peer peer;
    char address[SV_BROKER_ADDRESS_ROOM];
    sv_broker_session *session; ///< NULL before CONNECT
    sv_mqtt_version version;
    bool greeted; ///< CONNACK has been sent
    int64_t heard_us;
    int64_t quiet_max_us; ///< 0: no keep alive
    uint16_t receive_max;
    uint32_t packet_max;
    uint16_t aliases_out_max;
    sv_broker_alias *aliases_in, *aliases_out;
    size_t open; ///< PUBLISH of the client, QoS > 0, not yet answered to the end
    sv_broker_ack *acks;
    size_t ack_first, ack_count, ack_cap;
};

struct sv_broker {
    sv_broker_limits limits;
    sv_broker_hooks hooks;
    void *arg;
    uint8_t hash_key[16];
    int64_t now_us, wall_us;
    int64_t wall_at_us; ///< the now_us when wall_us was told
    uint64_t settled;
    uint64_t ended; ///< the group in which a session was last forgotten
    uint64_t names_made;
    uint64_t ticks;
    sv_map *sessions, *people;
    sv_broker_client *clients, *busy;
    size_t client_count;
    sv_broker_node *root;
    sv_broker_retained *retained;
    size_t retained_count, retained_bytes, subscription_count, queued, queued_bytes;
    uint32_t *ids; ///< scratch while routing
    size_t ids_cap;
    sv_textbuf packet, record, block; ///< scratch: outgoing, records, forwarded properties
    sv_broker_counts counts;          ///< what is counted since the start
};

// broker.c

int64_t sv_broker_wall(const sv_broker *broker, int64_t at_us);
int64_t sv_broker_after(int64_t now_us, uint32_t seconds);
void sv_broker_tell(sv_broker *broker, sv_broker_event event, const sv_broker_peer *who,
                    const sv_why *why);
/// A topic or filter as a sentence of an event names it.
sv_text sv_broker_named(const sv_broker *broker, sv_text topic);
/// Who a session belongs to, also while it is away.
sv_broker_peer sv_broker_peer_of(const sv_broker_session *session);

/// The connection's certificate no longer counts: it is told `reason`, its will is due.
void sv_broker_send_away(sv_broker *broker, sv_broker_client *client, sv_mqtt_reason reason,
                         const sv_why *why);

// broker_people.c

void sv_broker_person_meet(sv_broker *broker, sv_broker_client *client);
void sv_broker_person_leave(sv_broker *broker, sv_broker_client *client);
/// Once its identity is known; as often as that is said.
void sv_broker_person_own(sv_broker *broker, sv_broker_session *session);
void sv_broker_person_lose(sv_broker *broker, sv_broker_session *session);

// broker_client.c

void sv_broker_push(sv_broker *broker, sv_broker_client *client, sv_broker_ack ack);
/// Sends the answers whose time has come, then deliveries.
void sv_broker_flush(sv_broker *broker, sv_broker_client *client);
void sv_broker_send(sv_broker *broker, sv_broker_client *client, sv_text bytes);
void sv_broker_mark_busy(sv_broker *broker, sv_broker_client *client);

typedef enum sv_broker_parting {
    SV_BROKER_PART_LOST,    ///< the will is due
    SV_BROKER_PART_GOODBYE, ///< the will is forgotten
    SV_BROKER_PART_PAUSE,   ///< the program ends: records stay as they are
} sv_broker_parting;

/// The client is freed; what it leaves behind (session, will) is settled. The link is not touched.
void sv_broker_part(sv_broker *broker, sv_broker_client *client, sv_broker_parting parting,
                    const sv_why *why);
/// Says why (5), closes the link and parts.
void sv_broker_cut(sv_broker *broker, sv_broker_client *client, sv_mqtt_reason reason,
                   sv_broker_parting parting, const sv_why *why);

// broker_connect.c

/// SUCCESS: the client has its session. Otherwise it has been answered and must be closed.
sv_mqtt_reason sv_broker_connect(sv_broker *broker, sv_broker_client *client, sv_text bytes,
                                 sv_why *why);

// broker_publish.c: what clients send. The reason with which the connection ends, or SUCCESS.

sv_mqtt_reason sv_broker_take_publish(sv_broker *broker, sv_broker_client *client,
                                      const sv_mqtt_packet *packet, sv_why *why);
void sv_broker_take_release(sv_broker *broker, sv_broker_client *client, uint16_t id);
/// The owner may keep what was published from everybody else.
bool sv_broker_passes_on(sv_broker *broker, const sv_broker_message *message);
bool sv_broker_is_received(const sv_broker_session *session, uint16_t id);
void sv_broker_set_received(sv_broker_session *session, uint16_t id);
size_t sv_broker_levels(sv_text topic);

// broker_subscribe.c

void sv_broker_take_subscribe(sv_broker *broker, sv_broker_client *client,
                              const sv_mqtt_packet *packet);
void sv_broker_take_unsubscribe(sv_broker *broker, sv_broker_client *client,
                                const sv_mqtt_packet *packet);
/// Ends the subscriptions whose right has been taken away since they were made, and takes what they
/// have brought out of the queue.
void sv_broker_recheck(sv_broker *broker, sv_broker_session *session);

// broker_held.c

sv_broker_held *sv_broker_hold(sv_text topic, sv_text payload, sv_text forwarded,
                               int64_t expires_us);
void sv_broker_let_go(sv_broker_held **held);
sv_text sv_broker_held_topic(const sv_broker_held *held);
sv_text sv_broker_held_payload(const sv_broker_held *held);
sv_text sv_broker_held_forwarded(const sv_broker_held *held);
/// A post of what is held; sv_broker_post_drop gives the post's own hold back.
sv_broker_post sv_broker_post_of(sv_broker_held *held, uint8_t qos, bool retain);
void sv_broker_post_drop(sv_broker_post *post);

// broker_deliver.c

typedef struct sv_broker_terms {
    uint8_t qos;
    bool retain;
    bool patient; ///< QoS 0 may wait in the queue
    sv_broker_share *share;
    const uint32_t *ids;
    size_t id_count;
} sv_broker_terms;

void sv_broker_deliver(sv_broker *broker, sv_broker_session *session, sv_broker_post *post,
                       const sv_broker_terms *terms);
/// Sends what may be sent now.
void sv_broker_pump(sv_broker *broker, sv_broker_session *session);
/// PUBACK, PUBREC, PUBCOMP of the client.
sv_mqtt_reason sv_broker_take_ack(sv_broker *broker, sv_broker_client *client,
                                  const sv_mqtt_packet *packet, sv_why *why);
/// The connection has gone: what was sent on it will be sent again.
void sv_broker_rewind(sv_broker *broker, sv_broker_session *session);
/// Gives what came by a share to members that are there, or, when the session ends, that will be:
/// everything but what is halfway through exactly once.
void sv_broker_pass_on(sv_broker *broker, sv_broker_session *session, bool ends);
void sv_broker_delivery_drop(sv_broker *broker, sv_broker_session *session,
                             sv_broker_delivery *delivery);
void sv_broker_sweep_queue(sv_broker *broker, sv_broker_session *session);
/// At the end of the session's queue; with `at_cost` older ones make room. False when it does not
/// fit.
bool sv_broker_enqueue(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery,
                       bool at_cost);

// broker_session.c

sv_broker_session *sv_broker_session_new(sv_broker *broker, sv_text key);
/// The records of its deliveries and received ids; the session itself stays as it is.
void sv_broker_forget_queue(sv_broker *broker, sv_broker_session *session);
/// It has no client any more. Forgotten everywhere, records too; a will goes unpublished.
void sv_broker_session_end(sv_broker *broker, sv_broker_session *session);
/// Memory alone.
void sv_broker_session_free(sv_broker *broker, sv_broker_session *session);
bool sv_broker_session_persists(const sv_broker_session *session);
void sv_broker_will_drop(sv_broker_will **will);
/// Publishes the will, if it may be published still, and forgets it. The record is the caller's to
/// keep.
void sv_broker_will_publish(sv_broker *broker, sv_broker_session *session);

// broker_topics.c

sv_broker_node *sv_broker_node_new(void);
/// Makes what is missing. Topics and filters alike.
sv_broker_node *sv_broker_node_for(sv_broker *broker, sv_text filter);
const sv_broker_node *sv_broker_node_child(const sv_broker_node *node, sv_text level);
void sv_broker_tree_drop(sv_broker_node **root);
/// Removes the node, and those above it, when they hold nothing.
void sv_broker_node_prune(sv_broker_node *node);
sv_broker_subscription *sv_broker_subscribed(const sv_broker_session *session, sv_text filter);
/// `filter` is valid and new to the session; qos and the rest are the caller's to set.
sv_broker_subscription *sv_broker_subscription_add(sv_broker *broker, sv_broker_session *session,
                                                   sv_text filter);
void sv_broker_subscription_drop(sv_broker *broker, sv_broker_subscription *subscription);
/// To everybody who has subscribed to its topic.
void sv_broker_route(sv_broker *broker, sv_broker_post *post);
/// Whose turn it is; NULL when nobody can have it. `except` is passed over.
sv_broker_subscription *sv_broker_share_next(sv_broker_share *share,
                                             const sv_broker_session *except, bool present);
void sv_broker_share_let_go(sv_broker_share *share);

// broker_retained.c

bool sv_broker_retained_fits(const sv_broker *broker, const sv_broker_post *post);
/// Keeps the post as its topic's retained message, or forgets that one when the payload is empty.
void sv_broker_retain(sv_broker *broker, sv_broker_post *post);
sv_broker_retained *sv_broker_retained_put(sv_broker *broker, sv_broker_held *held, uint8_t qos);
void sv_broker_retained_drop(sv_broker *broker, sv_broker_retained *retained);
void sv_broker_sweep_retained(sv_broker *broker);
/// Those of the topics `<root>/<id>` and below, whatever the root.
void sv_broker_retained_forget(sv_broker *broker, sv_text id);
/// What is retained under the filter, to the one who has just subscribed.
void sv_broker_send_retained(sv_broker *broker, const sv_broker_subscription *subscription);

// broker_keep.c: each returns the group.

uint64_t sv_broker_keep_session(sv_broker *broker, sv_broker_session *session);
uint64_t sv_broker_keep_delivery(sv_broker *broker, const sv_broker_session *session,
                                 sv_broker_delivery *delivery);
void sv_broker_forget_delivery(sv_broker *broker, const sv_broker_session *session,
                               sv_broker_delivery *delivery);
uint64_t sv_broker_keep_received(sv_broker *broker, const sv_broker_session *session, uint16_t id,
                                 bool received);
uint64_t sv_broker_keep_retained(sv_broker *broker, const sv_broker_held *held, uint8_t qos);
uint64_t sv_broker_forget_retained(sv_broker *broker, sv_text topic);

struct sv_broker_node {
    sv_broker_node *parent;
    sv_map *children; ///< by level, without wildcards; NULL: none
    sv_broker_node *plus, *hash;
    sv_broker_subscription *subscriptions;
    sv_broker_share *shares;
    sv_broker_retained *retained;
    size_t level_len;
    char level[];
};

#endif
