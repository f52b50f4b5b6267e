// An MQTT 3.1.1 client on the loop: connects, keeps alive, comes back with jittered backoff,
// publishes with QoS 0 and 1 and receives with QoS 0 and 1. What was published and not acknowledged
// is sent again after a reconnect with the DUP flag. A received QoS 1 message may be acknowledged
// later, once its content is on disk. All on the loop's thread.
#ifndef SV_MQTT_CLIENT_H
#define SV_MQTT_CLIENT_H

#include <base/err.h>
#include <base/text.h>
#include <codec/mqtt_packet.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_MQTT_PACKET_MAX = 2 * 1024 * 1024 + 70 * 1024, ///< larger ones end the connection
    SV_MQTT_INFLIGHT_MAX = 1000,                      ///< QoS 1 publishes without PUBACK at a time
    SV_MQTT_CONNECT_US = 10 * 1000000,
    SV_MQTT_BACKOFF_MIN_US = 500000,
    SV_MQTT_BACKOFF_MAX_US = 60 * 1000000,
};

typedef struct sv_mqtt_client sv_mqtt_client;

typedef struct sv_mqtt_message {
    sv_text topic;
    sv_text payload;
    bool retain, dup;
    uint64_t ack; ///< hand to sv_mqtt_client_ack; 0 for QoS 0
} sv_mqtt_message;

typedef struct sv_mqtt_client_events {
    /// CONNACK came with code 0. Subscribe here.
    void (*up)(void *arg, bool session_present);
    /// The connection ended or could not be made; the client tries again by itself after
    /// `retry_us`.
    void (*down)(void *arg, const sv_why *why, int64_t retry_us);
    void (*message)(void *arg, const sv_mqtt_message *message);
    /// PUBACK for the publish with this token; may be NULL.
    void (*acknowledged)(void *arg, uint64_t token);
    /// SUBACK; `granted` false: the server refused the filter. May be NULL.
    void (*subscribed)(void *arg, bool granted);
} sv_mqtt_client_events;

typedef struct sv_mqtt_client_options {
    const char *host;
    uint16_t port;
    sv_tls *tls; ///< NULL: plain TCP
    const char *client_id;
    bool clean_session;
    uint16_t keepalive_s;   ///< 0: 30
    const char *will_topic; ///< NULL: none; retained, QoS 1
    const char *will_payload;
    bool manual_ack;        ///< the owner calls sv_mqtt_client_ack for every QoS 1 message
    size_t queue_bytes_max; ///< of publishes not yet acknowledged; 0: 1 MiB
} sv_mqtt_client_options;

/// Texts of `options` are copied; `tls` must outlive the client. Starts connecting at once.
sv_err sv_mqtt_client_open(sv_loop *loop, const sv_mqtt_client_options *options,
                           const sv_mqtt_client_events *events, void *arg, sv_mqtt_client **out,
                           sv_why *why);

bool sv_mqtt_client_is_up(const sv_mqtt_client *client);

/// QoS 1 publishes wait for a connection; QoS 0 ones are dropped without one (SV_ERR_UNAVAILABLE).
/// `token` comes back in `acknowledged`. SV_ERR_NO_SPACE when the queue is full.
sv_err sv_mqtt_client_publish(sv_mqtt_client *client, sv_text topic, sv_text payload, uint8_t qos,
                              bool retain, uint64_t token);
/// Publishes not yet acknowledged.
size_t sv_mqtt_client_waiting(const sv_mqtt_client *client);

sv_err sv_mqtt_client_subscribe(sv_mqtt_client *client, sv_text filter, uint8_t qos);

/// Acknowledge a received message; one from an earlier connection is ignored (it will come again).
void sv_mqtt_client_ack(sv_mqtt_client *client, uint64_t ack);

/// From now on connections are made with `tls`; the context from before may be dropped. One that is
/// up says goodbye (no will, and `down` is not called) and comes back at once; what is not
/// acknowledged is sent again.
void sv_mqtt_client_use(sv_mqtt_client *client, sv_tls *tls);

/// In `down`: TLS stood, CONNECT was sent, and the other side closed without a word. Who does not
/// count there is turned away so.
bool sv_mqtt_client_was_shown_out(const sv_mqtt_client *client);

/// End the connection without a new try; `down` is not called. With `graceful` DISCONNECT is sent
/// first (no will).
void sv_mqtt_client_stop(sv_mqtt_client *client, bool graceful);
void sv_mqtt_client_drop(sv_mqtt_client **client);

#endif
