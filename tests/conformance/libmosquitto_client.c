// A client on libmosquitto, one of others' clients that the gateway must serve: publishes messages
// of QoS 0, 1 and 2, gets them back over its own subscription, says how many there were.
//
//   libmosquitto_client mqttv311|mqttv5 HOST PORT CLIENT_ID TOPIC [CA CERT KEY]
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EACH = 100, ALL = 3 * EACH, DEADLINE_S = 20, TURN_MS = 100, KEEPALIVE_S = 30 };

typedef struct counts {
    const char *topic;
    int sent, acknowledged, received, failed;
    bool subscribed;
    int next[3]; ///< the number that the next message of each QoS must have
} counts;

static void on_connect(struct mosquitto *client, void *arg, int code) {
    counts *mine = arg;
    mine->failed += code != 0 || mosquitto_subscribe(client, NULL, mine->topic, 2) != 0 ? 1 : 0;
}

static void on_subscribe(struct mosquitto *client, void *arg, int id, int count,
                         const int *granted) {
    counts *mine = arg;
    (void) client;
    (void) id;
    mine->failed += count != 1 || granted[0] != 2 ? 1 : 0;
    mine->subscribed = true;
}

static void on_publish(struct mosquitto *client, void *arg, int id) {
    (void) client;
    (void) id;
    ((counts *) arg)->acknowledged++;
}

/// The payload is "<QoS> <number>"; within a QoS the numbers come in order.
static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *got) {
    counts *mine = arg;
    char text[32] = "";
    (void) client;
    if (got->payloadlen > 0 && (size_t) got->payloadlen < sizeof text) {
        memcpy(text, got->payload, (size_t) got->payloadlen);
    }
    char *end = text;
    long qos = strtol(text, &end, 10);
    long number = strtol(end, NULL, 10);
    if (qos < 0 || qos > 2 || qos != got->qos || number != mine->next[qos]) {
        (void) fprintf(stderr, "'%s' came with QoS %d\n", text, got->qos);
        mine->failed++;
        return;
    }
    mine->next[qos]++;
    mine->received++;
}

static bool set_up(struct mosquitto *client, int count, char **arguments) {
    int version = strcmp(arguments[1], "mqttv5") == 0 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_message_callback_set(client, on_message);
    if (mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, version) != 0) {
        return false;
    }
    if (count == 9
        && mosquitto_tls_set(client, arguments[6], NULL, arguments[7], arguments[8], NULL) != 0) {
        return false;
    }
    int port = (int) strtol(arguments[3], NULL, 10);
    return mosquitto_connect(client, arguments[2], port, KEEPALIVE_S) == 0;
}

static void publish_next(struct mosquitto *client, counts *mine) {
    char text[32];
    int qos = mine->sent % 3;
    int len = snprintf(text, sizeof text, "%d %d", qos, mine->sent / 3);
    mine->failed +=
        mosquitto_publish(client, NULL, mine->topic, len, text, qos, false) != 0 ? 1 : 0;
    mine->sent++;
}

/// Until everything is there, or the time is over.
static int serve(struct mosquitto *client, counts *mine) {
    time_t end = time(NULL) + DEADLINE_S;
    while (mine->failed == 0 && time(NULL) < end
           && (mine->received < ALL || mine->acknowledged < ALL)) {
        if (mine->subscribed && mine->sent < ALL) {
            publish_next(client, mine);
        }
        int error = mosquitto_loop(client, mine->sent < ALL && mine->subscribed ? 0 : TURN_MS, 1);
        if (error != 0) {
            (void) fprintf(stderr, "%s\n", mosquitto_strerror(error));
            return 1;
        }
    }
    (void) printf("%d sent, %d acknowledged, %d received\n", mine->sent, mine->acknowledged,
                  mine->received);
    return mine->failed == 0 && mine->received == ALL ? 0 : 1;
}

int main(int count, char **arguments) {
    if (count != 6 && count != 9) {
        (void) fprintf(stderr,
                       "usage: %s mqttv311|mqttv5 HOST PORT CLIENT_ID TOPIC [CA CERT KEY]\n",
                       arguments[0]);
        return 2;
    }
    counts mine = { .topic = arguments[5] };
    (void) mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(arguments[4], true, &mine);
    int code = 1;
    if (client != NULL && set_up(client, count, arguments)) {
        code = serve(client, &mine);
        (void) mosquitto_disconnect(client);
    }
    mosquitto_destroy(client);
    (void) mosquitto_lib_cleanup();
    return code;
}
