// An MQTT server on the loop: a broker (mqtt/broker.h) behind listeners (net/listener.h), one with
// mutual TLS for devices, and for local programs one on a unix socket and a plain one on loopback.
// What it adds is the wiring and the clock.
#ifndef SV_MQTT_SERVER_H
#define SV_MQTT_SERVER_H

#include <mqtt/broker.h>
#include <net/listener.h>

enum {
    SV_MQTT_SERVER_LATER_MAX = 16 * 1024 * 1024, ///< bytes published inside hooks, see below
    SV_MQTT_SERVER_REST_US = 2 * 1000000,        ///< after a hold, before anybody counts as silent
};

typedef struct sv_mqtt_server sv_mqtt_server;

/// The part of the hooks that its owner provides; as in sv_broker_hooks. They must not call the
/// server back, except sv_mqtt_server_publish and sv_mqtt_server_hold.
typedef struct sv_mqtt_server_hooks {
    /// Whether somebody may be here: asked when its handshake is done and by sv_mqtt_server_review;
    /// NULL: everybody whose certificate counts.
    sv_err (*welcome)(void *arg, const sv_broker_peer *who, sv_why *why);
    bool (*may_publish)(void *arg, const sv_broker_peer *who, sv_text topic);
    bool (*may_subscribe)(void *arg, const sv_broker_peer *who, sv_text filter);
    uint64_t (*message)(void *arg, const sv_broker_message *message);
    bool (*passes_on)(void *arg, const sv_broker_message *message);
    uint64_t (*keep)(void *arg, sv_broker_kind kind, sv_text key, sv_text value);
    sv_text (*named)(void *arg, sv_text topic);
    void (*event)(void *arg, sv_broker_event event, const sv_broker_peer *who, const sv_why *why);
    /// A link that never came as far as CONNECT; the sentence has the peer's address.
    void (*refused)(void *arg, const sv_why *why);
    /// A client over TCP sends more than `bytes_per_s`, and is read from more slowly; now and then.
    /// May be NULL.
    void (*slowed)(void *arg, const sv_broker_peer *who);
    /// A connection that this server ended is gone for good; see sv_listener_events. May be NULL.
    void (*parted)(void *arg, const char *address, bool answered);
} sv_mqtt_server_hooks;

typedef struct sv_mqtt_server_options {
    const char *bind;       ///< an address; NULL: no listener on TCP
    uint16_t port;          ///< 0: any free one
    sv_tls *tls;            ///< a server context that demands client certificates
    const char *path;       ///< of the unix socket; NULL: none
    uint16_t loopback_port; ///< on 127.0.0.1, without TLS, for whom the socket is for; 0: none
    sv_broker_limits limits;
    size_t links_max, handshakes_max;
    size_t bytes_per_s; ///< of each client over TCP, see sv_listener_options; 0: no bound
} sv_mqtt_server_options;

typedef struct sv_mqtt_server_counts {
    sv_broker_counts broker;
    sv_listener_counts tls, local; ///< local: of the socket and on loopback
} sv_mqtt_server_counts;

/// The broker is there and can be restored into; nobody is let in before sv_mqtt_server_start.
/// Texts of `options` must outlive the server.
sv_err sv_mqtt_server_open(sv_loop *loop, const sv_mqtt_server_options *options,
                           const sv_mqtt_server_hooks *hooks, void *arg, sv_mqtt_server **out,
                           sv_why *why);
sv_err sv_mqtt_server_restore(sv_mqtt_server *server, sv_broker_kind kind, sv_text key,
                              sv_text value, sv_why *why);
/// SV_ERR_STATE when a port or path is taken.
sv_err sv_mqtt_server_start(sv_mqtt_server *server, sv_why *why);
uint16_t sv_mqtt_server_port(const sv_mqtt_server *server);

void sv_mqtt_server_settled(sv_mqtt_server *server, uint64_t group);
/// As sv_broker_publish. Called inside a hook it is done after that hook, and 0 is returned. False
/// when too much waits for that.
bool sv_mqtt_server_publish(sv_mqtt_server *server, sv_text topic, sv_text payload, uint8_t qos,
                            bool retain);
/// Read no more from anybody, or go on: while the store cannot keep up. Nobody counts as silent
/// meanwhile.
void sv_mqtt_server_hold(sv_mqtt_server *server, bool hold);
/// New connections are judged by `tls` from now on, and those that are there as soon as may be: who
/// no longer counts is expelled.
void sv_mqtt_server_tls(sv_mqtt_server *server, sv_tls *tls);
/// As sv_broker_review and sv_broker_kick; not inside hooks.
size_t sv_mqtt_server_review(sv_mqtt_server *server, sv_text id);
size_t sv_mqtt_server_kick(sv_mqtt_server *server, sv_text id, sv_mqtt_reason reason, bool forget);
sv_mqtt_server_counts sv_mqtt_server_count(const sv_mqtt_server *server);
/// Says goodbye to everybody, then closes.
void sv_mqtt_server_drop(sv_mqtt_server **server);

#endif
