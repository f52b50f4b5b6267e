#include "sender.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/test.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN_US = 5000, PATIENCE_US = 10 * 1000000, SEEN_MAX = 2048 };

/// A gateway that notes what comes and acknowledges it, or not.
typedef struct gateway {
    int door, peer;
    bool acknowledges;
    char room[1 << 20];
    size_t len;
    char seen[SEEN_MAX][16]; ///< how the payloads begin
    size_t count;
} gateway;

/// A device: what the agent does around its sender.
typedef struct device {
    sv_loop *loop;
    sv_mqtt_client *client;
    sv_agent_sender *sender;
} device;

static char folder[64];
static sv_agent_config config;
static gateway g;

static int start(void **state) {
    (void) state;
    (void) snprintf(folder, sizeof folder, "/tmp/sv-sender-XXXXXX");
    assert_non_null(mkdtemp(folder));
    config = (sv_agent_config){ .spool = { .bytes = SV_SPOOL_BYTES_MIN,
                                           .age_us = INT64_C(86400000000),
                                           .every_us = 100000,
                                           .rate = 100 } };
    (void) snprintf(config.spool.path, sizeof config.spool.path, "%s/spool", folder);
    g = (gateway){ .peer = -1, .acknowledges = true };
    g.door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    assert_int_equal(bind(g.door, (const struct sockaddr *) &at, len), 0);
    assert_int_equal(getsockname(g.door, (struct sockaddr *) &at, &len), 0);
    config.gateway.port = ntohs(at.sin_port);
    return 0;
}

static int end(void **state) {
    (void) state;
    sv_fd_drop(&g.door);
    sv_fd_drop(&g.peer);
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static void answer(uint8_t first, uint16_t number) {
    uint8_t bytes[4] = { first, 2, (uint8_t) (number >> 8), (uint8_t) number };
    assert_int_equal(send(g.peer, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
}

static void take_packet(sv_text bytes) {
    unsigned type = (uint8_t) bytes.at[0] >> 4;
    sv_mqtt_packet packet;
    if (type == SV_MQTT_CONNECT) {
        answer(0x20, 0);
    } else if (type == SV_MQTT_PUBLISH) {
        assert_int_equal(
            sv_mqtt_packet_parse(bytes, SV_MQTT_V311, SV_MQTT_FOR_SERVER, &packet, NULL, NULL),
            SV_OK);
        assert_true(g.count < SEEN_MAX);
        assert_int_equal(packet.qos, 1);
        sv_text start_of = packet.payload;
        start_of.len = start_of.len < sizeof g.seen[0] ? start_of.len : sizeof g.seen[0] - 1;
        assert_int_equal(sv_text_copy(start_of, g.seen[g.count++], sizeof g.seen[0]), SV_OK);
        if (g.acknowledges) {
            answer(0x40, packet.id);
        }
    }
}

static void gateway_turn(void) {
    if (g.peer < 0) {
        g.peer = accept4(g.door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        g.len = 0;
        return;
    }
    ssize_t got = recv(g.peer, g.room + g.len, sizeof g.room - g.len, 0);
    g.len += got > 0 ? (size_t) got : 0;
    size_t taken = 0;
    size_t len = 0;
    for (;;) {
        sv_text rest = { .at = g.room + taken, .len = g.len - taken };
        if (sv_mqtt_packet_length(rest, &len) != SV_OK || len > rest.len) {
            break;
        }
        take_packet((sv_text){ .at = rest.at, .len = len });
        taken += len;
    }
    g.len -= taken;
    memmove(g.room, g.room + taken, g.len);
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    const device *d = arg;
    sv_agent_sender_up(d->sender);
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) arg;
    (void) why;
    (void) retry_us;
}

static void on_acknowledged(void *arg, uint64_t token) {
    const device *d = arg;
    sv_agent_sender_acknowledged(d->sender, token);
}

static void device_open(device *d) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .acknowledged = on_acknowledged,
    };
    sv_mqtt_client_options options = {
        .host = "127.0.0.1",
        .port = (uint16_t) config.gateway.port,
        .client_id = "press-1",
        .clean_session = true,
        .queue_bytes_max = SV_AGENT_QUEUE_BYTES,
    };
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    assert_int_equal(sv_agent_sender_open(d->loop, &config, &d->sender, NULL), SV_OK);
    assert_int_equal(sv_mqtt_client_open(d->loop, &options, &EVENTS, d, &d->client, NULL), SV_OK);
    sv_agent_sender_use(d->sender, d->client);
}

/// As the power would end it.
static void device_drop(device *d) {
    sv_mqtt_client_drop(&d->client);
    sv_agent_sender_drop(&d->sender);
    sv_loop_drop(&d->loop);
}

static void turn(const device *d, int64_t for_us) {
    int64_t until_us = sv_clock_monotonic_us() + for_us;
    while (sv_clock_monotonic_us() < until_us) {
        sv_loop_turn(d->loop, TURN_US);
        gateway_turn();
    }
}

static void turn_until_seen(const device *d, size_t count) {
    int64_t until_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (g.count < count && sv_clock_monotonic_us() < until_us) {
        turn(d, TURN_US);
    }
    assert_true(g.count >= count);
}

static void turn_until_up(const device *d) {
    assert_int_equal(listen(g.door, 1), 0);
    int64_t until_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!sv_mqtt_client_is_up(d->client) && sv_clock_monotonic_us() < until_us) {
        turn(d, TURN_US);
    }
    assert_true(sv_mqtt_client_is_up(d->client));
}

static void send_number(const device *d, sv_agent_class class, unsigned number) {
    char text[16];
    (void) snprintf(text, sizeof text, "%c%u", class == SV_AGENT_HEALTH_CLASS ? 'h' : 'r', number);
    sv_agent_send(d->sender, class, SV_TEXT("t"), sv_text_of(text));
}

static void a_reading_is_delivered_at_its_puback_and_not_before(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = { 0 };
    device_open(&d);
    turn_until_up(&d);
    g.acknowledges = false;
    for (unsigned i = 0; i < 3; i++) {
        send_number(&d, SV_AGENT_READING_CLASS, i);
    }
    turn_until_seen(&d, 3);
    turn(&d, 3 * config.spool.every_us);
    device_drop(&d);
    sv_fd_drop(&g.peer);
    g.peer = -1;
    g.acknowledges = true;
    device_open(&d);
    turn_until_seen(&d, 6);
    assert_string_equal(g.seen[3], "r0");
    assert_string_equal(g.seen[5], "r2");
    turn(&d, 2 * config.spool.every_us);
    device_drop(&d);
    device_open(&d);
    sv_fd_drop(&g.peer);
    g.peer = -1;
    turn(&d, 500000);
    assert_int_equal(g.count, 6);
}

static void send_reading(const device *d, unsigned seq) {
    char payload[160];
    (void) snprintf(payload, sizeof payload,
                    "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"press-1\","
                    "\"epoch\":\"e\",\"seq\":%u}",
                    seq);
    sv_agent_send(d->sender, SV_AGENT_READING_CLASS, SV_TEXT("sensors/press-1/oil"),
                  sv_text_of(payload));
}

static void lose_connection(const device *d) {
    sv_fd_drop(&g.peer);
    g.peer = -1;
    turn(d, 100000);
}

static void
behind_a_broker_a_reading_is_delivered_when_the_gateway_says_so(void **state) { // [ack-2]
    (void) state;
    config.gateway.acks = true;
    SV_DEFER(device_drop) device d = { 0 };
    device_open(&d);
    turn_until_up(&d);
    for (unsigned i = 1; i <= 3; i++) {
        send_reading(&d, i);
    }
    send_number(&d, SV_AGENT_HEALTH_CLASS, 0);
    turn_until_seen(&d, 4);
    turn(&d, 50000);
    sv_agent_sender_heard(d.sender, SV_TEXT("{\"epoch\":\"e\",\"seq\":1}"));
    // The broker has forgotten what it acknowledged; the report is not sent again.
    lose_connection(&d);
    turn_until_seen(&d, 6);
    turn(&d, 300000);
    assert_int_equal(g.count, 6);
    sv_agent_sender_heard(d.sender, SV_TEXT("{\"epoch\":\"e\",\"seq\":3}"));
    lose_connection(&d);
    turn(&d, 1000000);
    assert_int_equal(g.count, 6);
}

static void what_the_gateway_did_not_confirm_is_there_after_a_power_cut(void **state) {
    (void) state;
    config.gateway.acks = true;
    SV_DEFER(device_drop) device d = { 0 };
    device_open(&d);
    turn_until_up(&d);
    send_reading(&d, 1);
    send_reading(&d, 2);
    turn_until_seen(&d, 2);
    sv_agent_sender_heard(d.sender, SV_TEXT("{\"epoch\":\"e\",\"seq\":1}"));
    turn(&d, 3 * config.spool.every_us);
    device_drop(&d);
    sv_fd_drop(&g.peer);
    g.peer = -1;
    device_open(&d);
    turn_until_seen(&d, 3);
    turn(&d, 300000);
    assert_int_equal(g.count, 3);
}

/// When it came, counted from 0.
static size_t place_of(const char *payload) {
    for (size_t i = 0; i < g.count; i++) {
        if (strcmp(g.seen[i], payload) == 0) {
            return i;
        }
    }
    fail_msg("%s did not come", payload);
    return SEEN_MAX;
}

static void new_readings_go_first_then_health_then_what_waited(void **state) {
    (void) state;
    config.spool.rate = 40;
    SV_DEFER(device_drop) device d = { 0 };
    device_open(&d);
    for (unsigned i = 0; i < 80; i++) {
        send_number(&d, i % 20 == 19 ? SV_AGENT_HEALTH_CLASS : SV_AGENT_READING_CLASS, i);
    }
    turn(&d, 3 * config.spool.every_us);
    turn_until_up(&d);
    send_number(&d, SV_AGENT_READING_CLASS, 1000);
    send_number(&d, SV_AGENT_HEALTH_CLASS, 1000); // waits for its elders
    turn_until_seen(&d, 82);
    assert_true(place_of("r1000") < place_of("r0"));
    static const char *const ORDER[] = { "h19", "h39", "h59", "h79", "h1000", "r0", "r1", "r78" };
    for (size_t i = 1; i < SV_COUNT(ORDER); i++) {
        assert_true(place_of(ORDER[i - 1]) < place_of(ORDER[i]));
    }
    turn(&d, 200000);
    assert_int_equal(g.count, 82);
}

static void what_waited_goes_at_its_pace(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = { 0 };
    device_open(&d);
    for (unsigned i = 0; i < 500; i++) {
        send_number(&d, SV_AGENT_READING_CLASS, i);
    }
    turn_until_up(&d);
    int64_t begin_us = sv_clock_monotonic_us();
    turn(&d, 500000);
    int64_t took_us = sv_clock_monotonic_us() - begin_us;
    assert_in_range(g.count, 10, config.spool.rate * took_us / 1000000 + 10);
}

static void a_gateway_that_acknowledges_nothing_gets_no_more_than_a_bounded_number(void **state) {
    (void) state;
    config.spool.rate = 10000;
    g.acknowledges = false;
    SV_DEFER(device_drop) device d = { 0 };
    device_open(&d);
    for (unsigned i = 0; i < 500; i++) {
        send_number(&d, SV_AGENT_READING_CLASS, i);
    }
    turn_until_up(&d);
    turn(&d, 300000);
    assert_int_equal(g.count, SV_AGENT_BACKFILL_MAX);
    for (unsigned i = 500; i < 1000; i++) {
        send_number(&d, SV_AGENT_READING_CLASS, i);
    }
    turn(&d, 300000);
    assert_int_equal(g.count, SV_AGENT_FLIGHT_MAX);
    // Back again: what was on its way, then the rest, each once.
    g.acknowledges = true;
    sv_fd_drop(&g.peer);
    g.peer = -1;
    turn_until_seen(&d, SV_AGENT_FLIGHT_MAX + 1000);
    turn(&d, 200000);
    assert_int_equal(g.count, SV_AGENT_FLIGHT_MAX + 1000);
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(a_reading_is_delivered_at_its_puback_and_not_before),
        WITH_GATEWAY(behind_a_broker_a_reading_is_delivered_when_the_gateway_says_so),
        WITH_GATEWAY(what_the_gateway_did_not_confirm_is_there_after_a_power_cut),
        WITH_GATEWAY(new_readings_go_first_then_health_then_what_waited),
        WITH_GATEWAY(what_waited_goes_at_its_pace),
        WITH_GATEWAY(a_gateway_that_acknowledges_nothing_gets_no_more_than_a_bounded_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
