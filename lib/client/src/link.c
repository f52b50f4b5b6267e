// The loop's side: the MQTT client, what it tells, and the end.
#include "client.h"

#include <assert.h>
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/eventfd.h>
#include <unistd.h>

_Static_assert(SELVEDGE_CONNECT_MS * 1000 == (int) SV_MQTT_CONNECT_US
                   && SELVEDGE_BACKOFF_MS_MIN * 2000 == (int) SV_MQTT_BACKOFF_MIN_US
                   && SELVEDGE_BACKOFF_MS_MAX * 1000 == (int) SV_MQTT_BACKOFF_MAX_US,
               "the header says what the connection does");

// A token carries the number and what it counts against queue_bytes; 0 is presence.
enum { TOKEN_BYTES_BITS = 20 };
_Static_assert(SELVEDGE_PAYLOAD_MAX + CLIENT_TOPIC_MAX + SV_MQTT_HEADER_MAX + 4
                   < 1 << TOKEN_BYTES_BITS,
               "the size of every publication fits into its token");

static uint64_t token_of(const client_publication *one) {
    return one->number << TOKEN_BYTES_BITS | client_outbox_bytes(one);
}

static void enter(selvedge_client *client, bool inside) {
    (void) pthread_mutex_lock(&client->lock);
    client->shared.in_callback = inside;
    (void) pthread_mutex_unlock(&client->lock);
}

static void say_presence(selvedge_client *client, const char *payload) {
    if (client->presence_waiting < CLIENT_PRESENCE_WAITING_MAX
        && sv_mqtt_client_publish(client->mqtt, sv_text_of(client->presence_topic),
                                  sv_text_of(payload), 1, true, 0)
               == SV_OK) {
        client->presence_waiting++;
    }
}

/// At once, before anything that waits, or not at all: later it would not be true. The name of the
/// machine's start never changes, so it is read without the lock.
static void say_clocks(const selvedge_client *client) {
    char room[SV_PRESENCE_MAX];
    sv_textbuf payload = SV_TEXTBUF(room);
    const sv_instant now = sv_clock_instant();
    sv_uptime_presence(&client->shared.uptime, &now, sv_text_of(client->since), &payload);
    (void) (sv_mqtt_client_publish(client->mqtt, sv_text_of(client->presence_topic),
                                   sv_textbuf_text(&payload), 0, false, 0)
            == SV_OK);
}

/// All is said and acknowledged, or all that can be without a connection.
static void consider_leaving(selvedge_client *client) {
    (void) pthread_mutex_lock(&client->lock);
    bool settled = client->shared.state.waiting_bytes == 0;
    (void) pthread_mutex_unlock(&client->lock);
    bool said = !sv_mqtt_client_is_up(client->mqtt) || sv_mqtt_client_waiting(client->mqtt) == 0;
    if (client->leaving && settled && said) {
        sv_timer_once(client->farewell, 0);
    }
}

static void on_farewell(void *arg) {
    selvedge_client *client = arg;
    sv_mqtt_client_stop(client->mqtt, true);
    (void) pthread_mutex_lock(&client->lock);
    client->shared.finished = true;
    (void) pthread_mutex_unlock(&client->lock);
    sv_loop_stop(client->loop);
}

static void begin_leaving(selvedge_client *client, int64_t by_us) {
    client->leaving = true;
    if (sv_mqtt_client_is_up(client->mqtt)) {
        say_presence(client, client->offline);
    }
    sv_timer_once(client->farewell, by_us - sv_clock_monotonic_us());
    consider_leaving(client);
}

static void change_identity(selvedge_client *client, sv_tls *tls) {
    if (tls != NULL) {
        sv_mqtt_client_use(client->mqtt, tls);
        sv_tls_drop(&client->tls);
        client->tls = tls;
    }
}

static void on_bell(void *arg) {
    selvedge_client *client = arg;
    eventfd_t rings = 0;
    (void) eventfd_read(client->bell, &rings);
    (void) pthread_mutex_lock(&client->lock);
    sv_tls *tls = client->shared.next_tls;
    client->shared.next_tls = NULL;
    client->shared.state.connected = client->shared.state.connected && tls == NULL;
    client_publication *one = client_outbox_take(client);
    int64_t close_by_us = client->shared.close_by_us;
    (void) pthread_mutex_unlock(&client->lock);
    change_identity(client, tls);
    while (one != NULL) {
        sv_err err =
            sv_mqtt_client_publish(client->mqtt, one->topic, one->payload, 1, false, token_of(one));
        assert(err == SV_OK); // its room was counted when it was accepted
        (void) err;
        client_publication *next = one->next;
        free(one);
        one = next;
    }
    if (close_by_us != 0 && !client->leaving) {
        begin_leaving(client, close_by_us);
    }
}

static void note_connection(selvedge_client *client, const selvedge_error *trouble) {
    (void) pthread_mutex_lock(&client->lock);
    client->shared.state.connected = trouble == NULL;
    if (trouble != NULL) {
        client->shared.state.trouble = *trouble;
    }
    (void) pthread_cond_broadcast(&client->changed);
    (void) pthread_mutex_unlock(&client->lock);
    if (client->options.connection != NULL) {
        enter(client, true);
        client->options.connection(client->options.arg, client, trouble);
        enter(client, false);
    }
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    selvedge_client *client = arg;
    if (client->options.command != NULL) {
        // Refused only without a connection, which has just come.
        (void) (sv_mqtt_client_subscribe(client->mqtt, sv_text_of(client->commands_filter), 1)
                == SV_OK);
    }
    say_clocks(client);
    say_presence(client, client->leaving ? client->offline : client->online);
    note_connection(client, NULL);
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) retry_us;
    selvedge_client *client = arg;
    selvedge_error trouble;
    (void) client_failed(why, &trouble);
    note_connection(client, &trouble);
    consider_leaving(client);
}

static void on_acknowledged(void *arg, uint64_t token) {
    selvedge_client *client = arg;
    if (token == 0) {
        client->presence_waiting--;
        consider_leaving(client);
        return;
    }
    // In the order they were sent in, says MQTT; a server that does otherwise is waited for.
    (void) sv_ranges_add(&client->acknowledged, (int64_t) (token >> TOKEN_BYTES_BITS));
    uint64_t number = (uint64_t) sv_ranges_prefix(&client->acknowledged, 1);
    (void) pthread_mutex_lock(&client->lock);
    selvedge_state *state = &client->shared.state;
    bool news = number > state->acknowledged;
    state->acknowledged = news ? number : state->acknowledged;
    state->waiting_bytes -= (size_t) (token & ((1U << TOKEN_BYTES_BITS) - 1));
    (void) pthread_cond_broadcast(&client->changed);
    (void) pthread_mutex_unlock(&client->lock);
    if (news && client->options.acknowledged != NULL) {
        enter(client, true);
        client->options.acknowledged(client->options.arg, client, number);
        enter(client, false);
    }
    consider_leaving(client);
}

static bool take_command(selvedge_client *client, const sv_mqtt_message *message) {
    sv_text name = message->topic;
    sv_text root = sv_text_cut(&name, '/');
    sv_text id = sv_text_cut(&name, '/');
    bool fine = sv_text_is(root, "commands") && sv_text_is(id, client->id) && sv_id_is_valid(name)
                && message->payload.len <= SELVEDGE_PAYLOAD_MAX;
    if (fine) {
        sv_textbuf_clear(&client->command_name);
        sv_textbuf_clear(&client->command_payload);
        sv_textbuf_add(&client->command_name, name);
        sv_textbuf_add(&client->command_payload, message->payload);
        fine = sv_textbuf_end(&client->command_name) == SV_OK
               && sv_textbuf_end(&client->command_payload) == SV_OK;
    }
    return fine;
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    selvedge_client *client = arg;
    bool fine = take_command(client, message);
    (void) pthread_mutex_lock(&client->lock);
    *(fine ? &client->shared.state.commands : &client->shared.state.commands_ignored) += 1;
    (void) pthread_mutex_unlock(&client->lock);
    if (!fine) {
        return;
    }
    const selvedge_command command = {
        .name = client->command_name.at,
        .payload = client->command_payload.at,
        .payload_bytes = message->payload.len,
        .retained = message->retain,
    };
    enter(client, true);
    client->options.command(client->options.arg, client, &command);
    enter(client, false);
}

sv_err client_link_open(selvedge_client *client, const selvedge_options *options, sv_why *why) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .acknowledged = on_acknowledged,
    };
    const sv_mqtt_client_options mqtt = {
        .host = options->host,
        .port = options->port,
        .tls = client->tls,
        .client_id = client->id,
        .clean_session = true,
        .keepalive_s = (uint16_t) options->keepalive_s,
        .will_topic = client->presence_topic,
        .will_payload = client->offline,
        .queue_bytes_max = options->queue_bytes + CLIENT_PRESENCE_ROOM,
    };
    client->acknowledged = SV_RANGES_EMPTY;
    client->command_name = SV_TEXTBUF_HEAP(SV_ID_ROOM);
    client->command_payload = SV_TEXTBUF_HEAP(SELVEDGE_PAYLOAD_MAX + 1);
    client->farewell = sv_timer_new(client->loop, on_farewell, client);
    client->bell_watch = sv_watch_readable(client->loop, client->bell, on_bell, client);
    return sv_mqtt_client_open(client->loop, &mqtt, &EVENTS, client, &client->mqtt, why);
}

void client_link_drop(selvedge_client *client) {
    sv_mqtt_client_drop(&client->mqtt);
    sv_watch_drop(&client->bell_watch);
    sv_timer_drop(&client->farewell);
    sv_textbuf_drop(&client->command_name);
    sv_textbuf_drop(&client->command_payload);
    sv_ranges_drop(&client->acknowledged);
}
