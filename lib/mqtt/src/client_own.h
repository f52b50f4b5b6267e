// Between the two files of the client: client.c has the connection and the order of packets,
// client_queue.c what was published with QoS 1 and waits for its PUBACK.
#ifndef SV_MQTT_CLIENT_OWN_H
#define SV_MQTT_CLIENT_OWN_H

#include <base/prng.h>
#include <mqtt/client.h>
#include <net/conn.h>

/// A QoS 1 publish until its PUBACK, as the packet that goes out.
typedef struct mqtt_pending {
    struct mqtt_pending *next;
    uint64_t token;
    size_t bytes;
    size_t id_offset;
    uint64_t id_step; ///< the step at which it got its id
    uint16_t id;      ///< 0: never sent
    char packet[];
} mqtt_pending;

struct sv_mqtt_client {
    sv_loop *loop;
    sv_mqtt_client_events events;
    void *arg;
    char *host, *client_id, *will_topic, *will_payload;
    sv_mqtt_client_options options; ///< its texts are the copies above
    sv_conn *conn;
    sv_timer *retry;
    sv_timer *ping;
    sv_timer *patience; ///< for the CONNACK
    mqtt_pending *first, *last;
    mqtt_pending *unsent; ///< the first not yet sent over this connection
    size_t count, sent, queued_bytes;
    sv_textbuf scratch;
    sv_prng jitter;
    uint64_t generation; ///< rises whenever a connection begins or ends
    unsigned failures;
    unsigned depth;    ///< events of the owner or the connection under way
    uint64_t id_steps; ///< how often `last_id` has moved
    uint16_t last_id;
    bool up, dropped, pong_awaited;
    bool leaving;   ///< DISCONNECT is on its way; the server closes, or GOODBYE_US passes
    bool shown_out; ///< closed without a word before CONNECT was answered
};

/// A packet id that nothing that is out has.
uint16_t mqtt_new_id(sv_mqtt_client *client);

/// Bytes that a publish takes in the queue, at most.
size_t mqtt_queue_bytes(sv_text topic, sv_text payload);
/// At the end; that there is room is checked.
void mqtt_queue_add(sv_mqtt_client *client, sv_text topic, sv_text payload, bool retain,
                    uint64_t token);
/// As much as may be in flight, if the connection is up.
void mqtt_queue_send(sv_mqtt_client *client);
/// A PUBACK came: its publish is done, the next goes out, the owner hears of it. An id that is not
/// out is passed over.
void mqtt_queue_acknowledged(sv_mqtt_client *client, uint16_t id);
/// The connection is gone: all of it goes out again over the next one.
void mqtt_queue_rewind(sv_mqtt_client *client);
void mqtt_queue_drop(sv_mqtt_client *client);

#endif
