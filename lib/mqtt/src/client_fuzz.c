// The first byte chooses how the client is used, the rest is what an MQTT server sends it before it
// closes. Whatever that is: nothing is delivered before CONNACK, each publish is acknowledged once
// at most, the connection's end is told once, and what the client sends are whole packets of kinds
// a client may send.
#include <base/mem.h>
#include <mqtt/client.h>
#include <net/test.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACK_LATER = 1, DROP_ON_MESSAGE = 2, DROP_ON_UP = 4 }; ///< bits of the first byte
enum { PUBLISHES = 3, SENT_MAX = 1 << 22 };

typedef struct use {
    unsigned how;
    sv_mqtt_client *client; ///< NULL once it was dropped from within
    bool up;
    unsigned ups, downs, acknowledged;
} use;

static sv_loop *loop;
static int listener = -1;
static uint16_t port;

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    use *u = arg;
    must(!u->up && u->ups++ == 0);
    u->up = true;
    must(sv_mqtt_client_subscribe(u->client, SV_TEXT("sensors/#"), 1) == SV_OK);
    if ((u->how & DROP_ON_UP) != 0) {
        sv_mqtt_client_drop(&u->client);
    }
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    use *u = arg;
    must(u->downs++ == 0 && why->text[0] != '\0' && retry_us > 0);
    u->up = false;
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    use *u = arg;
    must(u->up && message->topic.len > 0);
    if ((u->how & DROP_ON_MESSAGE) != 0) {
        sv_mqtt_client_drop(&u->client);
    } else if ((u->how & ACK_LATER) != 0 && message->ack != 0) {
        sv_mqtt_client_ack(u->client, message->ack);
    }
}

/// A token is the bit that its PUBACK sets.
static void on_acknowledged(void *arg, uint64_t token) {
    use *u = arg;
    must(u->up && (u->acknowledged & (unsigned) token) == 0);
    u->acknowledged |= (unsigned) token;
}

static void on_subscribed(void *arg, bool granted) {
    (void) granted;
    must(((const use *) arg)->up);
}

static void stop(void) {
    sv_loop_drop(&loop);
    sv_fd_drop(&listener);
}

static void start(void) {
    struct sockaddr_in at = sv_test_address(INADDR_LOOPBACK, 0);
    socklen_t len = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(listener >= 0 && bind(listener, (const struct sockaddr *) &at, len) == 0
         && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *) &at, &len) == 0);
    port = ntohs(at.sin_port);
    must(sv_loop_open(&loop, NULL) == SV_OK && atexit(stop) == 0);
}

static void open_client(use *u) {
    static const sv_mqtt_client_events EVENTS = { .up = on_up,
                                                  .down = on_down,
                                                  .message = on_message,
                                                  .acknowledged = on_acknowledged,
                                                  .subscribed = on_subscribed };
    const sv_mqtt_client_options options = { .host = "127.0.0.1",
                                             .port = port,
                                             .client_id = "fuzz",
                                             .manual_ack = (u->how & ACK_LATER) != 0 };
    must(sv_mqtt_client_open(loop, &options, &EVENTS, u, &u->client, NULL) == SV_OK);
    for (unsigned i = 0; i < PUBLISHES; i++) {
        must(sv_mqtt_client_publish(u->client, SV_TEXT("a"), SV_TEXT("b"), 1, false, 1U << i)
             == SV_OK);
    }
}

static int accept_client(int64_t end_us) {
    int fd = -1;
    while (fd < 0) {
        must(sv_clock_monotonic_us() < end_us);
        sv_loop_turn(loop, 0);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    }
    return fd;
}

/// Until the client has noticed the end, or was dropped.
static void talk(const use *u, sv_text bytes, sv_textbuf *sent) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    SV_DEFER(sv_fd_drop) int fd = accept_client(end_us);
    while (u->client != NULL && u->downs == 0) {
        if (bytes.len > 0) {
            sv_test_send(fd, &bytes);
        } else {
            (void) shutdown(fd, SHUT_WR);
        }
        sv_loop_turn(loop, 0);
        (void) sv_test_receive(fd, sent);
        must(sv_clock_monotonic_us() < end_us);
    }
}

static bool is_sound(sv_text bytes, bool first) {
    unsigned type = (uint8_t) bytes.at[0] >> 4;
    sv_mqtt_packet packet;
    sv_mqtt_reason reason;
    if (first || type == SV_MQTT_SUBSCRIBE) { // which only servers read
        return type == (first ? SV_MQTT_CONNECT : SV_MQTT_SUBSCRIBE);
    }
    return (type == SV_MQTT_PUBLISH || type == SV_MQTT_PUBACK)
           && sv_mqtt_packet_parse(bytes, SV_MQTT_V311, SV_MQTT_FOR_SERVER, &packet, &reason, NULL)
                  == SV_OK;
}

/// The last packet may be cut where the connection ended.
static void check(sv_text sent) {
    size_t len = 0;
    for (bool first = true; sv_mqtt_packet_length(sent, &len) == SV_OK && len <= sent.len;
         first = false) {
        must(is_sound((sv_text){ .at = sent.at, .len = len }, first));
        sent = (sv_text){ .at = sent.at + len, .len = sent.len - len };
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (loop == NULL) {
        start();
    }
    if (size == 0) {
        return 0;
    }
    use u = { .how = data[0] };
    SV_DEFER(sv_textbuf_drop) sv_textbuf sent = SV_TEXTBUF_HEAP(SENT_MAX);
    open_client(&u);
    talk(&u, (sv_text){ .at = (const char *) data + 1, .len = size - 1 }, &sent);
    if (u.client != NULL) {
        must(sv_mqtt_client_waiting(u.client)
             == PUBLISHES - (size_t) __builtin_popcount(u.acknowledged));
    }
    sv_mqtt_client_drop(&u.client);
    check(sv_textbuf_text(&sent));
    return 0;
}
