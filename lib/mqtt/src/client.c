#include "client_own.h"
#include <assert.h>
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEEPALIVE_DEFAULT_S = 30,
    QUEUE_DEFAULT_BYTES = 1024 * 1024,
    TOPIC_MAX = 65535,
    BACKOFF_DOUBLINGS_MAX = 16,
    GOODBYE_US = 1000000,
};

static void release(sv_mqtt_client *client) {
    mqtt_queue_drop(client);
    sv_timer_drop(&client->retry);
    sv_timer_drop(&client->ping);
    sv_timer_drop(&client->patience);
    sv_textbuf_drop(&client->scratch);
    free(client->host);
    free(client->client_id);
    free(client->will_topic);
    free(client->will_payload);
    free(client);
}

static void enter(sv_mqtt_client *client) {
    client->depth++;
}

static void leave(sv_mqtt_client *client) {
    client->depth--;
    if (client->depth == 0 && client->dropped) {
        release(client);
    }
}

static void close_connection(sv_mqtt_client *client) {
    sv_timer_stop(client->ping);
    sv_timer_stop(client->patience);
    sv_timer_stop(client->retry);
    sv_conn_drop(&client->conn);
    client->up = false;
    client->pong_awaited = false;
    client->leaving = false;
    client->generation++;
    mqtt_queue_rewind(client);
}

/// Half of the wait is fixed, half is chance, so that a fleet does not come back in step.
static int64_t backoff_us(sv_mqtt_client *client) {
    int64_t whole = SV_MQTT_BACKOFF_MIN_US;
    for (unsigned i = 0; i < client->failures && whole < SV_MQTT_BACKOFF_MAX_US; i++) {
        whole *= 2;
    }
    if (client->failures < BACKOFF_DOUBLINGS_MAX) {
        client->failures++;
    }
    whole = whole < SV_MQTT_BACKOFF_MAX_US ? whole : SV_MQTT_BACKOFF_MAX_US;
    return whole / 2 + (int64_t) (sv_prng_unit(&client->jitter) * (double) whole / 2);
}

static void lose(sv_mqtt_client *client, const sv_why *why) {
    sv_why kept = *why; // closing may free the connection that holds it
    close_connection(client);
    int64_t retry_us = backoff_us(client);
    sv_timer_once(client->retry, retry_us);
    client->events.down(client->arg, &kept, retry_us);
}

static void write_scratch(sv_mqtt_client *client) {
    sv_conn_write(client->conn, sv_textbuf_text(&client->scratch));
    sv_textbuf_clear(&client->scratch);
}

static void on_conn_up(void *arg) {
    sv_mqtt_client *client = arg;
    sv_mqtt_connect connect = {
        .version = SV_MQTT_V311,
        .client_id = sv_text_of(client->client_id),
        .clean_session = client->options.clean_session,
        .keepalive_s = client->options.keepalive_s,
        .has_will = client->will_topic != NULL && client->will_topic[0] != '\0',
        .will_topic = sv_text_of(client->will_topic),
        .will_payload = sv_text_of(client->will_payload),
        .will_qos = 1,
        .will_retain = true,
    };
    sv_mqtt_add_connect(&client->scratch, &connect);
    write_scratch(client);
    sv_timer_once(client->patience, SV_MQTT_CONNECT_US);
}

static void on_conn_down(void *arg, const sv_why *why) {
    sv_mqtt_client *client = arg;
    client->shown_out = false;
    if (client->leaving) {
        close_connection(client);
        return;
    }
    enter(client);
    sv_why early;
    if (sv_timer_is_set(client->patience)) {
        // TLS 1.3: who refuses our certificate may be gone before we have read that it does.
        bool wordless = sv_text_starts(sv_text_of(why->text), SV_TEXT("closed by "));
        client->shown_out = wordless;
        (void) sv_fail(
            &early, why->code, "%.250s, before CONNECT was answered%s", why->text,
            wordless ? "; if this certificate counts no more, the other side's log says so" : "");
        why = &early;
    }
    lose(client, why);
    leave(client);
}

static void lose_with(sv_mqtt_client *client, sv_err code, const char *text) {
    sv_why why;
    (void) sv_fail(&why, code, "%s", text);
    lose(client, &why);
}

static void on_patience(void *arg) {
    sv_mqtt_client *client = arg;
    if (client->leaving) {
        close_connection(client);
        return;
    }
    enter(client);
    lose_with(client, SV_ERR_UNAVAILABLE, "the MQTT server did not answer CONNECT in time");
    leave(client);
}

static void on_ping(void *arg) {
    sv_mqtt_client *client = arg;
    enter(client);
    if (client->pong_awaited) {
        lose_with(client, SV_ERR_UNAVAILABLE, "the MQTT server has stopped answering pings");
    } else {
        client->pong_awaited = true;
        sv_mqtt_add_empty(&client->scratch, SV_MQTT_PINGREQ);
        write_scratch(client);
    }
    leave(client);
}

static void handle_connack(sv_mqtt_client *client, const sv_mqtt_packet *packet) {
    static const char *const REFUSALS[] = {
        "",
        "unacceptable protocol version",
        "client id refused",
        "server unavailable",
        "bad user name or password",
        "not authorised",
    };
    if (packet->code != 0) {
        assert(packet->code < SV_COUNT(REFUSALS)); // nothing else parses
        sv_why why;
        (void) sv_fail(&why, packet->code == 3 ? SV_ERR_UNAVAILABLE : SV_ERR_UNTRUSTED,
                       "the MQTT server refused '%s': %s (%u)", client->client_id,
                       REFUSALS[packet->code], packet->code);
        lose(client, &why);
        return;
    }
    sv_timer_stop(client->patience);
    sv_timer_every(client->ping, client->options.keepalive_s * INT64_C(1000000) / 2);
    client->up = true;
    client->failures = 0;
    client->events.up(client->arg, packet->session_present);
    mqtt_queue_send(client);
}

static void handle_publish(sv_mqtt_client *client, const sv_mqtt_packet *packet) {
    if (packet->qos > 1) {
        lose_with(client, SV_ERR_INVALID, "the MQTT server sent QoS 2, which was not asked for");
        return;
    }
    uint64_t generation = client->generation;
    sv_mqtt_message message = {
        .topic = packet->topic,
        .payload = packet->payload,
        .retain = packet->retain,
        .dup = packet->dup,
        .ack = packet->qos == 0 ? 0 : generation << 16 | packet->id,
    };
    client->events.message(client->arg, &message);
    if (packet->qos == 1 && !client->options.manual_ack) {
        sv_mqtt_client_ack(client, message.ack);
    }
}

static void handle_suback(sv_mqtt_client *client, const sv_mqtt_packet *packet) {
    bool granted = (uint8_t) packet->payload.at[0] <= 2;
    if (client->events.subscribed != NULL) {
        client->events.subscribed(client->arg, granted);
    }
}

static void handle(sv_mqtt_client *client, const sv_mqtt_packet *packet) {
    if ((packet->type == SV_MQTT_CONNACK) == client->up) {
        lose_with(client, SV_ERR_INVALID, "the MQTT server broke the order of packets");
        return;
    }
    switch (packet->type) {
    case SV_MQTT_CONNACK:
        handle_connack(client, packet);
        return;
    case SV_MQTT_PUBLISH:
        handle_publish(client, packet);
        return;
    case SV_MQTT_PUBACK:
        mqtt_queue_acknowledged(client, packet->id);
        return;
    case SV_MQTT_SUBACK:
        handle_suback(client, packet);
        return;
    case SV_MQTT_PUBREC:
    case SV_MQTT_PUBREL:
    case SV_MQTT_PUBCOMP:
    case SV_MQTT_UNSUBACK:
    case SV_MQTT_PINGRESP:
    case SV_MQTT_CONNECT:
    case SV_MQTT_SUBSCRIBE:
    case SV_MQTT_UNSUBSCRIBE:
    case SV_MQTT_PINGREQ:
    case SV_MQTT_DISCONNECT:
    case SV_MQTT_AUTH:
        return;
    }
}

/// One packet from the front; 0: more is needed, or the connection is over.
static size_t take_packet(sv_mqtt_client *client, sv_text arrived) {
    size_t len = 0;
    sv_err err = sv_mqtt_packet_length(arrived, &len);
    if (err == SV_ERR_STATE) {
        return 0;
    }
    if (err != SV_OK || len > SV_MQTT_PACKET_MAX) {
        lose_with(client, SV_ERR_INVALID, "the MQTT server sent a broken or too large packet");
        return 0;
    }
    if (len > arrived.len) {
        return 0;
    }
    sv_mqtt_packet packet;
    sv_why why;
    if (sv_mqtt_packet_parse((sv_text){ .at = arrived.at, .len = len }, SV_MQTT_V311,
                             SV_MQTT_FOR_CLIENT, &packet, NULL, &why)
        != SV_OK) {
        lose(client, &why);
        return 0;
    }
    handle(client, &packet);
    return len;
}

static size_t on_conn_bytes(void *arg, sv_text arrived) {
    sv_mqtt_client *client = arg;
    if (client->leaving) {
        return arrived.len;
    }
    enter(client);
    client->pong_awaited = false;
    uint64_t generation = client->generation;
    size_t taken = 0;
    while (client->generation == generation && taken < arrived.len) {
        sv_text rest = { .at = arrived.at + taken, .len = arrived.len - taken };
        size_t len = take_packet(client, rest);
        if (len == 0) {
            break;
        }
        taken += len;
    }
    leave(client);
    return taken;
}

static void on_retry(void *arg) {
    sv_mqtt_client *client = arg;
    static const sv_conn_events EVENTS = {
        .up = on_conn_up,
        .bytes = on_conn_bytes,
        .down = on_conn_down,
    };
    enter(client);
    client->generation++;
    sv_why why = { .code = SV_ERR_UNAVAILABLE };
    if (sv_conn_open(client->loop, client->host, client->options.port, client->options.tls,
                     SV_MQTT_CONNECT_US, &EVENTS, client, &client->conn, &why)
        != SV_OK) {
        lose(client, &why);
    }
    leave(client);
}

static char *copy_of(const char *text) {
    return text == NULL ? NULL : sv_mem_copy_str(text, strlen(text));
}

static sv_err check_options(const sv_mqtt_client_options *options, sv_why *why) {
    const char *will = options->will_payload == NULL ? "" : options->will_payload;
    if (options->client_id[0] == '\0' || strlen(options->client_id) > TOPIC_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the MQTT client id is empty or too long");
    }
    if (options->will_topic != NULL
        && (strlen(options->will_topic) > TOPIC_MAX || strlen(will) > TOPIC_MAX)) {
        return sv_fail(why, SV_ERR_INVALID, "the MQTT will is too long");
    }
    return SV_OK;
}

sv_err sv_mqtt_client_open(sv_loop *loop, const sv_mqtt_client_options *options,
                           const sv_mqtt_client_events *events, void *arg, sv_mqtt_client **out,
                           sv_why *why) {
    SV_TRY(check_options(options, why));
    sv_mqtt_client *client = sv_mem_new(sizeof *client);
    *client = (sv_mqtt_client){
        .loop = loop,
        .events = *events,
        .arg = arg,
        .options = *options,
        .host = copy_of(options->host),
        .client_id = copy_of(options->client_id),
        .will_topic = copy_of(options->will_topic),
        .will_payload = copy_of(options->will_payload),
        .scratch = SV_TEXTBUF_HEAP(SV_MQTT_PACKET_MAX),
    };
    client->retry = sv_timer_new(loop, on_retry, client);
    client->ping = sv_timer_new(loop, on_ping, client);
    client->patience = sv_timer_new(loop, on_patience, client);
    if (client->options.keepalive_s == 0) {
        client->options.keepalive_s = KEEPALIVE_DEFAULT_S;
    }
    if (client->options.queue_bytes_max == 0) {
        client->options.queue_bytes_max = QUEUE_DEFAULT_BYTES;
    }
    sv_random(&client->jitter.state, sizeof client->jitter.state);
    sv_timer_once(client->retry, 0);
    *out = client;
    return SV_OK;
}

bool sv_mqtt_client_is_up(const sv_mqtt_client *client) {
    return client->up;
}

static sv_err publish_now(sv_mqtt_client *client, sv_text topic, sv_text payload, bool retain) {
    if (!client->up) {
        return SV_ERR_UNAVAILABLE;
    }
    if (sv_conn_waiting(client->conn) > client->options.queue_bytes_max) {
        return SV_ERR_NO_SPACE;
    }
    sv_mqtt_publish publish = { .topic = topic, .payload = payload, .retain = retain };
    sv_mqtt_add_publish(&client->scratch, SV_MQTT_V311, &publish);
    write_scratch(client);
    return SV_OK;
}

sv_err sv_mqtt_client_publish(sv_mqtt_client *client, sv_text topic, sv_text payload, uint8_t qos,
                              bool retain, uint64_t token) {
    assert(qos <= 1);
    size_t bytes_max = mqtt_queue_bytes(topic, payload);
    if (topic.len == 0 || topic.len > TOPIC_MAX || bytes_max > SV_MQTT_PACKET_MAX) {
        return SV_ERR_INVALID;
    }
    if (qos == 0) {
        return publish_now(client, topic, payload, retain);
    }
    if (client->queued_bytes + bytes_max > client->options.queue_bytes_max) {
        return SV_ERR_NO_SPACE;
    }
    mqtt_queue_add(client, topic, payload, retain, token);
    mqtt_queue_send(client);
    return SV_OK;
}

size_t sv_mqtt_client_waiting(const sv_mqtt_client *client) {
    return client->count;
}

sv_err sv_mqtt_client_subscribe(sv_mqtt_client *client, sv_text filter, uint8_t qos) {
    assert(qos <= 1);
    if (filter.len == 0 || filter.len > TOPIC_MAX) {
        return SV_ERR_INVALID;
    }
    if (!client->up) {
        return SV_ERR_UNAVAILABLE;
    }
    sv_mqtt_add_subscribe(&client->scratch, SV_MQTT_V311, mqtt_new_id(client), filter, qos, 0);
    write_scratch(client);
    return SV_OK;
}

void sv_mqtt_client_ack(sv_mqtt_client *client, uint64_t ack) {
    if (!client->up || ack >> 16 != client->generation) {
        return;
    }
    sv_mqtt_add_ack(&client->scratch, SV_MQTT_V311, SV_MQTT_PUBACK, (uint16_t) (ack & 0xFFFFU),
                    SV_MQTT_SUCCESS);
    write_scratch(client);
}

void sv_mqtt_client_use(sv_mqtt_client *client, sv_tls *tls) {
    client->options.tls = tls;
    if (client->leaving || (client->conn == NULL && !sv_timer_is_set(client->retry))) {
        return; // stopped
    }
    if (client->up) {
        sv_mqtt_add_disconnect(&client->scratch, SV_MQTT_V311, SV_MQTT_SUCCESS, SV_TEXT(""), NULL);
        write_scratch(client);
    }
    close_connection(client);
    client->failures = 0;
    sv_timer_once(client->retry, 0);
}

bool sv_mqtt_client_was_shown_out(const sv_mqtt_client *client) {
    return client->shown_out;
}

void sv_mqtt_client_stop(sv_mqtt_client *client, bool graceful) {
    if (!graceful || !client->up) {
        close_connection(client);
        return;
    }
    sv_mqtt_add_disconnect(&client->scratch, SV_MQTT_V311, SV_MQTT_SUCCESS, SV_TEXT(""), NULL);
    write_scratch(client);
    sv_timer_stop(client->ping);
    client->up = false;
    client->generation++;
    client->leaving = true;
    sv_timer_once(client->patience, GOODBYE_US);
}

void sv_mqtt_client_drop(sv_mqtt_client **client_variable) {
    sv_mqtt_client *client = *client_variable;
    *client_variable = NULL;
    if (client == NULL) {
        return;
    }
    close_connection(client);
    client->dropped = true;
    if (client->depth == 0) {
        release(client);
    }
}
