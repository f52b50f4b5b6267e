#include <arpa/inet.h>
#include <base/fd.h>
#include <base/test.h>
#include <fcntl.h>
#include <mqtt/client.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROKER "/usr/sbin/mosquitto"

enum { PATIENCE_US = 15 * 1000000, TURN_US = 20000 };

typedef struct broker {
    char config[64];
    uint16_t port;
    pid_t pid;
} broker;

static uint16_t free_port(void) {
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    assert_int_equal(bind(fd, (const struct sockaddr *) &at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &len), 0);
    return ntohs(at.sin_port);
}

static void broker_run(broker *b) {
    b->pid = fork();
    assert_true(b->pid >= 0);
    if (b->pid == 0) {
        int quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
        (void) dup2(quiet, STDOUT_FILENO);
        (void) dup2(quiet, STDERR_FILENO);
        (void) execl(BROKER, BROKER, "-c", b->config, (char *) NULL);
        _exit(127);
    }
}

static void broker_kill(broker *b) {
    if (b->pid > 0) {
        (void) kill(b->pid, SIGKILL);
        (void) waitpid(b->pid, NULL, 0);
        b->pid = 0;
    }
}

static void broker_drop(broker *b) {
    broker_kill(b);
    (void) unlink(b->config);
}

static void broker_start(broker *b) {
    if (access(BROKER, X_OK) != 0) {
        skip();
    }
    (void) strcpy(b->config, "/tmp/selvedge-mqtt-XXXXXX");
    int fd = mkstemp(b->config);
    assert_true(fd >= 0);
    b->port = free_port();
    (void) dprintf(fd, "listener %u 127.0.0.1\nallow_anonymous true\n", b->port);
    (void) close(fd);
    broker_run(b);
}

typedef struct peer {
    sv_mqtt_client *client;
    const char *filter;
    unsigned ups, downs, messages, acked, granted;
    uint64_t last_token, last_ack;
    char last_payload[64];
    bool last_dup, keep_unacked, drop_on_message;
} peer;

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    peer *p = arg;
    p->ups++;
    if (p->filter != NULL) {
        assert_int_equal(sv_mqtt_client_subscribe(p->client, sv_text_of(p->filter), 1), SV_OK);
    }
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    peer *p = arg;
    p->downs++;
    assert_true(why->text[0] != '\0');
    assert_true(retry_us > 0 && retry_us <= SV_MQTT_BACKOFF_MAX_US);
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    peer *p = arg;
    p->messages++;
    p->last_dup = message->dup;
    p->last_ack = message->ack;
    assert_int_equal(sv_text_copy(message->payload, p->last_payload, sizeof p->last_payload),
                     SV_OK);
    if (p->drop_on_message) {
        sv_mqtt_client_drop(&p->client);
    } else if (!p->keep_unacked) {
        sv_mqtt_client_ack(p->client, message->ack);
    }
}

static void on_acknowledged(void *arg, uint64_t token) {
    peer *p = arg;
    p->acked++;
    p->last_token = token;
}

static void on_subscribed(void *arg, bool granted) {
    peer *p = arg;
    p->granted += granted;
}

static void peer_open(sv_loop *loop, const broker *b, peer *p, const char *id, bool clean,
                      const char *will) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .acknowledged = on_acknowledged,
        .subscribed = on_subscribed,
    };
    sv_mqtt_client_options options = {
        .host = "127.0.0.1",
        .port = b->port,
        .client_id = id,
        .clean_session = clean,
        .will_topic = will,
        .will_payload = will == NULL ? NULL : "gone",
        .manual_ack = true,
    };
    sv_why why = { .text = "" };
    assert_int_equal(sv_mqtt_client_open(loop, &options, &EVENTS, p, &p->client, &why), SV_OK);
}

static void peer_drop(peer *p) {
    sv_mqtt_client_drop(&p->client);
}

static void until(sv_loop *loop, const unsigned *count, unsigned wanted) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (*count < wanted && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, TURN_US);
    }
    assert_true(*count >= wanted);
}

static void publish(peer *p, const char *topic, const char *payload, uint64_t token) {
    assert_int_equal(
        sv_mqtt_client_publish(p->client, sv_text_of(topic), sv_text_of(payload), 1, false, token),
        SV_OK);
}

static void what_is_published_is_acknowledged_and_arrives(void **state) {
    (void) state;
    SV_DEFER(broker_drop) broker b = { 0 };
    broker_start(&b);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(peer_drop) peer from = { 0 };
    SV_DEFER(peer_drop) peer to = { .filter = "t/#" };
    peer_open(loop, &b, &to, "to", true, NULL);
    until(loop, &to.granted, 1);
    peer_open(loop, &b, &from, "from", true, NULL);
    assert_int_equal(sv_mqtt_client_publish(from.client, SV_TEXT("t/0"), SV_TEXT("x"), 0, false, 0),
                     SV_ERR_UNAVAILABLE);
    for (uint64_t i = 1; i <= 3000; i++) { // more than fit into flight at a time
        publish(&from, "t/1", "hello", i);
    }
    until(loop, &from.acked, 3000);
    assert_int_equal(from.last_token, 3000);
    assert_int_equal(sv_mqtt_client_waiting(from.client), 0);
    until(loop, &to.messages, 1);
    assert_string_equal(to.last_payload, "hello");
    to.drop_on_message = true;
    publish(&from, "t/1", "last", 1);
    until(loop, &from.acked, 3001);
}

static void a_message_not_acknowledged_comes_again_after_a_reconnect(void **state) {
    (void) state;
    SV_DEFER(broker_drop) broker b = { 0 };
    broker_start(&b);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(peer_drop) peer from = { 0 };
    SV_DEFER(peer_drop) peer to = { .filter = "t/1", .keep_unacked = true };
    peer_open(loop, &b, &to, "to", false, NULL);
    until(loop, &to.granted, 1);
    peer_open(loop, &b, &from, "from", true, NULL);
    publish(&from, "t/1", "keep me", 1);
    until(loop, &to.messages, 1);
    uint64_t old_ack = to.last_ack;
    sv_mqtt_client_stop(to.client, false);
    sv_mqtt_client_drop(&to.client);

    to.filter = NULL;
    peer_open(loop, &b, &to, "to", false, NULL);
    until(loop, &to.messages, 2);
    assert_true(to.last_dup);
    assert_string_equal(to.last_payload, "keep me");
    assert_true(old_ack != 0);
    sv_mqtt_client_ack(to.client, to.last_ack);
}

static void a_killed_broker_loses_no_publish(void **state) {
    (void) state;
    SV_DEFER(broker_drop) broker b = { 0 };
    broker_start(&b);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(peer_drop) peer from = { 0 };
    SV_DEFER(peer_drop) peer to = { .filter = "t/1" };
    peer_open(loop, &b, &to, "to", true, NULL);
    until(loop, &to.granted, 1);
    peer_open(loop, &b, &from, "from", true, NULL);
    until(loop, &from.ups, 1);
    broker_kill(&b);
    publish(&from, "t/1", "through", 42);
    unsigned downs = from.downs;
    until(loop, &from.downs, downs + 1);
    assert_false(sv_mqtt_client_is_up(from.client));
    assert_int_equal(sv_mqtt_client_waiting(from.client), 1);
    broker_run(&b);
    until(loop, &from.acked, 1);
    assert_int_equal(from.last_token, 42);
}

static void a_will_is_delivered_when_the_client_vanishes_and_not_after_a_goodbye(void **state) {
    (void) state;
    SV_DEFER(broker_drop) broker b = { 0 };
    broker_start(&b);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(peer_drop) peer mortal = { 0 };
    SV_DEFER(peer_drop) peer polite = { 0 };
    SV_DEFER(peer_drop) peer to = { .filter = "will/#" };
    peer_open(loop, &b, &to, "to", true, NULL);
    until(loop, &to.granted, 1);
    peer_open(loop, &b, &polite, "polite", true, "will/polite");
    peer_open(loop, &b, &mortal, "mortal", true, "will/mortal");
    until(loop, &polite.ups, 1);
    until(loop, &mortal.ups, 1);
    sv_mqtt_client_stop(polite.client, true);
    sv_mqtt_client_stop(mortal.client, false);
    until(loop, &to.messages, 1);
    assert_string_equal(to.last_payload, "gone");
    for (int i = 0; i < 10; i++) {
        sv_loop_turn(loop, TURN_US);
    }
    assert_int_equal(to.messages, 1);
}

// [renewal-3]
static void another_context_is_used_at_once_without_a_will_or_a_loss(void **state) {
    (void) state;
    SV_DEFER(broker_drop) broker b = { 0 };
    broker_start(&b);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(peer_drop) peer from = { 0 };
    SV_DEFER(peer_drop) peer to = { .filter = "#" };
    peer_open(loop, &b, &to, "to", true, NULL);
    until(loop, &to.granted, 1);
    peer_open(loop, &b, &from, "from", true, "will");
    until(loop, &from.ups, 1);
    for (unsigned i = 0; i < 50; i++) {
        publish(&from, "t/1", "through", i + 1);
        if (i % 10 == 5) {
            sv_mqtt_client_use(from.client, NULL); // while some are on their way
            until(loop, &from.ups, from.ups + 1);
        }
    }
    until(loop, &from.acked, 50);
    assert_int_equal(from.downs, 0);
    assert_int_equal(from.ups, 6);
    sv_mqtt_client_stop(from.client, true);
    sv_mqtt_client_use(from.client, NULL); // stopped stays stopped
    for (int i = 0; i < 10; i++) {
        sv_loop_turn(loop, TURN_US);
    }
    assert_int_equal(from.ups, 6);
    assert_string_equal(to.last_payload, "through"); // never "gone"
}

enum { PUBLISHES = 70000, PUBLISH_BYTES = 8, ID_OFFSET = 5 };

static bool read_exactly(int fd, char *room, size_t bytes) {
    for (size_t got = 0; got < bytes;) {
        ssize_t more = read(fd, room + got, bytes - got);
        if (more <= 0) {
            return false;
        }
        got += (size_t) more;
    }
    return true;
}

static bool acknowledge(int fd, const char id[2]) {
    const char puback[4] = { 0x40, 2, id[0], id[1] };
    return write(fd, puback, sizeof puback) == (ssize_t) sizeof puback;
}

/// A server that keeps the first publish unacknowledged until all the others are through. 0: its id
/// was given to no other.
static int keep_the_first(int listener) {
    static const char CONNACK[4] = { 0x20, 2, 0, 0 };
    char first[PUBLISH_BYTES];
    char other[256];
    SV_DEFER(sv_fd_drop) int fd = accept(listener, NULL, NULL);
    if (fd < 0 || read(fd, other, sizeof other) <= 0
        || write(fd, CONNACK, sizeof CONNACK) != (ssize_t) sizeof CONNACK
        || !read_exactly(fd, first, PUBLISH_BYTES)) {
        return 1;
    }
    for (int i = 1; i < PUBLISHES; i++) {
        if (!read_exactly(fd, other, PUBLISH_BYTES)
            || memcmp(other + ID_OFFSET, first + ID_OFFSET, 2) == 0
            || !acknowledge(fd, other + ID_OFFSET)) {
            return 2;
        }
    }
    return acknowledge(fd, first + ID_OFFSET) && read(fd, other, 1) == 0 ? 0 : 3;
}

static int listen_anywhere(uint16_t *port) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &at, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void an_id_still_out_is_not_given_again_when_the_ids_go_round(void **state) {
    (void) state;
    broker b = { 0 };
    SV_DEFER(sv_fd_drop) int listener = listen_anywhere(&b.port);
    pid_t server = fork();
    if (server == 0) {
        (void) alarm(PATIENCE_US / 1000000);
        _exit(keep_the_first(listener));
    }
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(peer_drop) peer from = { 0 };
    peer_open(loop, &b, &from, "from", true, NULL);
    for (uint64_t i = 1; i <= PUBLISHES; i++) {
        publish(&from, "t", "x", i);
    }
    until(loop, &from.acked, PUBLISHES);
    assert_int_equal(from.last_token, 1);
    peer_drop(&from);
    sv_loop_turn(loop, 0); // libevent closes the socket here
    int status = 0;
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_is_acknowledged_and_arrives),
        cmocka_unit_test(a_message_not_acknowledged_comes_again_after_a_reconnect),
        cmocka_unit_test(a_killed_broker_loses_no_publish),
        cmocka_unit_test(a_will_is_delivered_when_the_client_vanishes_and_not_after_a_goodbye),
        cmocka_unit_test(another_context_is_used_at_once_without_a_will_or_a_loss),
        cmocka_unit_test(an_id_still_out_is_not_given_again_when_the_ids_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
