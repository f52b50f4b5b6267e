// Time from publishing a reading that crosses its threshold to the arrival of the alert, once at
// a subscriber of alerts/<id> and once at an HTTPS address that the gateway posts to, and of the
// command that a rule with a name gives upon it. One clock sees all ends. The broker alone is the
// baseline: the same reading, back at its own subscriber.
//
// A sample is three readings of one of SENSORS sensors, so that no command is asked for too often:
// +STEP raises the alert (the average of the last ten rises by a tenth of it), -STEP clears it, 0
// brings the average back. Their distances are random, so that no timer of the gateway falls into
// step with them. Both ends are open from the start; sampling begins with SIGUSR1.
#include <base/mem.h>
#include <base/prng.h>
#include <base/time.h>
#include <getopt.h>
#include <model/alert.h>
#include <mqtt/client.h>
#include <net/http_server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum {
    SENSORS = 60,
    SAMPLES_MAX = 100000,
    STEP = 10000,
    PHASES = 3,
    GAP_MIN_US = 10000,
    GAP_SPREAD_US = 30000,
    LATE_US = 5 * 1000000,
    BODY_MAX = 65536,
    TOPIC_ROOM = 160,
    PAYLOAD_ROOM = 512,
};

typedef enum arrival { BY_BROKER, BY_PUBACK, BY_MQTT, BY_HTTPS, BY_COMMAND, ARRIVALS } arrival;

static const char *const ARRIVAL_NAMES[ARRIVALS] = { "broker", "puback", "mqtt", "https",
                                                     "command" };

typedef struct sample {
    char timestamp[SV_TIMESTAMP_MAX];
    int64_t sent_us, took_us[ARRIVALS]; ///< -1: has not arrived
} sample;

typedef struct probe {
    const char *id, *ca, *cert, *key, *server_cert, *server_key;
    uint16_t mqtt_port, https_port;
    sv_loop *loop;
    sv_timer *tick, *end;
    sv_tls *client_tls, *server_tls;
    sv_http_server *server;
    sv_mqtt_client *mqtt;
    sv_prng prng;
    sample *samples;
    size_t count, wanted, missing;
    unsigned phase;
} probe;

static void note(probe *p, arrival by, sv_text timestamp) {
    int64_t now_us = sv_clock_monotonic_us();
    for (size_t i = p->count; i > 0; i--) {
        sample *s = &p->samples[i - 1];
        if (sv_text_is(timestamp, s->timestamp)) {
            if (s->took_us[by] < 0) {
                s->took_us[by] = now_us - s->sent_us;
                p->missing--;
            }
            break;
        }
    }
    if (p->count == p->wanted && p->missing == 0) {
        sv_loop_stop(p->loop);
    }
}

static void note_alert(probe *p, arrival by, sv_text json) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_alert alert;
    if (sv_json_parse(json, &root, NULL, NULL) == SV_OK
        && sv_alert_from_json(root, &alert, NULL) == SV_OK && alert.event == SV_ALERT_RAISED) {
        note(p, by, sv_text_of(alert.timestamp));
    }
}

static void note_reading(probe *p, sv_text json) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text timestamp = SV_TEXT("");
    if (sv_json_parse(json, &root, NULL, NULL) == SV_OK
        && sv_json_text(sv_json_get(root, "timestamp"), &timestamp)) {
        note(p, BY_BROKER, timestamp);
    }
}

/// `commands/<id>/c07`: upon the last sample of sensor 7.
static void note_command(probe *p, sv_text topic) {
    sv_text rest = topic;
    (void) sv_text_cut(&rest, '/');
    (void) sv_text_cut(&rest, '/');
    uint64_t sensor = 0;
    sv_text number = { .at = rest.at + 1, .len = rest.len == 0 ? 0 : rest.len - 1 };
    if (sv_text_u64(number, SENSORS - 1, &sensor) != SV_OK) {
        return;
    }
    for (size_t i = p->count; i > 0; i--) {
        if ((i - 1) % SENSORS == sensor) {
            note(p, BY_COMMAND, sv_text_of(p->samples[i - 1].timestamp));
            return;
        }
    }
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    probe *p = arg;
    if (sv_text_starts(message->topic, SV_TEXT("commands/"))) {
        note_command(p, message->topic);
    } else if (sv_text_starts(message->topic, SV_TEXT("alerts/"))) {
        note_alert(p, BY_MQTT, message->payload);
    } else {
        note_reading(p, message->payload);
    }
}

static void on_request(sv_http_request *request, void *arg) {
    note_alert(arg, BY_HTTPS, sv_http_body(request));
    sv_http_reply(request, 200, "application/json", SV_TEXT("{}"));
}

static void on_acknowledged(void *arg, uint64_t token) {
    probe *p = arg;
    if (token > 0 && token <= p->count) {
        note(p, BY_PUBACK, sv_text_of(p->samples[token - 1].timestamp));
    }
}

static void on_up(void *arg, bool session_present) {
    probe *p = arg;
    (void) session_present;
    char room[3][TOPIC_ROOM];
    sv_textbuf own = SV_TEXTBUF(room[0]);
    sv_textbuf mine = SV_TEXTBUF(room[1]);
    sv_textbuf_addf(&own, "sensors/%s/#", p->id);
    sv_textbuf asked = SV_TEXTBUF(room[2]);
    sv_textbuf_addf(&mine, "alerts/%s", p->id);
    sv_textbuf_addf(&asked, "commands/%s/+", p->id);
    if (sv_mqtt_client_subscribe(p->mqtt, sv_textbuf_text(&mine), 1) != SV_OK
        || sv_mqtt_client_subscribe(p->mqtt, sv_textbuf_text(&asked), 1) != SV_OK
        || sv_mqtt_client_subscribe(p->mqtt, sv_textbuf_text(&own), 1) != SV_OK) {
        abort();
    }
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    probe *p = arg;
    (void) retry_us;
    (void) fprintf(stderr, "bench-alert-latency: %s\n", why->text);
    sv_loop_stop(p->loop);
}

static void on_subscribed(void *arg, bool granted) {
    probe *p = arg;
    if (!granted) {
        (void) fputs("bench-alert-latency: the broker refused a subscription\n", stderr);
        sv_loop_stop(p->loop);
    }
}

static void on_start(void *arg) {
    probe *p = arg;
    sv_timer_once(p->tick, GAP_MIN_US);
    sv_timer_once(p->end, LATE_US + (int64_t) p->wanted * PHASES * (GAP_MIN_US + GAP_SPREAD_US));
}

/// The token of a sample's first reading is its number from 1; the others have none.
static void publish(probe *p, double value, const char *timestamp, uint64_t token) {
    char topic_room[TOPIC_ROOM];
    char room[PAYLOAD_ROOM];
    char sensor[16];
    (void) snprintf(sensor, sizeof sensor, "step%02zu", (p->count - 1) % SENSORS);
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf payload = SV_TEXTBUF(room);
    sv_reading reading = { .key = { .device_id = sv_text_of(p->id), .sensor = sv_text_of(sensor) },
                           .value = value,
                           .timestamp = sv_text_of(timestamp) };
    sv_reading_key_format(&reading.key, &topic);
    sv_reading_format(&reading, &payload);
    if (sv_mqtt_client_publish(p->mqtt, sv_textbuf_text(&topic), sv_textbuf_text(&payload), 1,
                               false, token)
        != SV_OK) {
        abort();
    }
}

static void begin_sample(probe *p, const char *timestamp) {
    sample *s = &p->samples[p->count++];
    *s = (sample){ .sent_us = sv_clock_monotonic_us(), .took_us = { -1, -1, -1, -1, -1 } };
    memcpy(s->timestamp, timestamp, sizeof s->timestamp);
    p->missing += ARRIVALS;
    publish(p, STEP, s->timestamp, p->count);
}

static void on_tick(void *arg) {
    probe *p = arg;
    char room[SV_TIMESTAMP_MAX] = "";
    sv_textbuf timestamp = SV_TEXTBUF(room);
    sv_time_add(&timestamp, sv_clock_wall_us());
    if (sv_textbuf_end(&timestamp) != SV_OK) {
        abort();
    }
    if (p->phase == 0) {
        begin_sample(p, room);
    } else {
        publish(p, p->phase == 1 ? -STEP : 0, room, 0);
    }
    p->phase = (p->phase + 1) % PHASES;
    if (p->count < p->wanted || p->phase != 0) {
        int64_t gap_us = GAP_MIN_US + (int64_t) (sv_prng_unit(&p->prng) * GAP_SPREAD_US);
        sv_timer_once(p->tick, gap_us);
    } else {
        sv_timer_once(p->end, LATE_US);
    }
}

static void on_end(void *arg) {
    sv_loop_stop(((probe *) arg)->loop);
}

static sv_err open_server(probe *p, sv_why *why) {
    const sv_tls_files files = { .ca = p->ca, .cert = p->server_cert, .key = p->server_key };
    SV_TRY(sv_tls_server(&files, SV_TLS_CLIENTS_NONE, false, &p->server_tls, why));
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .port = p->https_port,
                                             .tls = p->server_tls,
                                             .body_max = BODY_MAX,
                                             .connections_max = 8 };
    return sv_http_server_open(p->loop, &options, on_request, p, &p->server, why);
}

static sv_err open_mqtt(probe *p, sv_why *why) {
    static const sv_mqtt_client_events EVENTS = { .up = on_up,
                                                  .down = on_down,
                                                  .message = on_message,
                                                  .acknowledged = on_acknowledged,
                                                  .subscribed = on_subscribed };
    const sv_tls_files files = { .ca = p->ca, .cert = p->cert, .key = p->key };
    SV_TRY(sv_tls_client(&files, &p->client_tls, why));
    const sv_mqtt_client_options options = { .host = "127.0.0.1",
                                             .port = p->mqtt_port,
                                             .tls = p->client_tls,
                                             .client_id = p->id,
                                             .clean_session = true };
    return sv_mqtt_client_open(p->loop, &options, &EVENTS, p, &p->mqtt, why);
}

static sv_err measure(probe *p, sv_why *why) {
    SV_TRY(sv_loop_open(&p->loop, why));
    p->tick = sv_timer_new(p->loop, on_tick, p);
    p->end = sv_timer_new(p->loop, on_end, p);
    SV_TRY(open_server(p, why));
    SV_TRY(open_mqtt(p, why));
    SV_TRY(sv_loop_on_signal(p->loop, SIGUSR1, on_start, p, why));
    return sv_loop_run(p->loop, why);
}

static void print_arrivals(const probe *p, arrival by) {
    (void) printf("%s\"%s_us\":[", by == 0 ? "{" : ",", ARRIVAL_NAMES[by]);
    const char *comma = "";
    for (size_t i = 0; i < p->count; i++) {
        if (p->samples[i].took_us[by] >= 0) {
            (void) printf("%s%lld", comma, (long long) p->samples[i].took_us[by]);
            comma = ",";
        }
    }
    (void) printf("]");
}

static void print_sent(const probe *p) {
    (void) printf(",\"sent_us\":[");
    for (size_t i = 0; i < p->count; i++) {
        (void) printf("%s%lld", i == 0 ? "" : ",", (long long) p->samples[i].sent_us);
    }
    (void) printf("]");
}

static void close_probe(probe *p) {
    sv_http_server_drop(&p->server);
    sv_mqtt_client_drop(&p->mqtt);
    sv_tls_drop(&p->client_tls);
    sv_tls_drop(&p->server_tls);
    sv_timer_drop(&p->tick);
    sv_timer_drop(&p->end);
    sv_loop_drop(&p->loop);
    free(p->samples);
}

static uint16_t port_of(const char *text) {
    uint64_t number = 0;
    return sv_text_u64(sv_text_of(text), 65535, &number) == SV_OK ? (uint16_t) number : 0;
}

static bool read_options(int argc, char **argv, probe *p) {
    enum { ID, CA, CERT, KEY, SERVER_CERT, SERVER_KEY, MQTT, HTTPS, SAMPLES };
    static const struct option LONG[] = {
        { "id", required_argument, NULL, ID },
        { "ca", required_argument, NULL, CA },
        { "cert", required_argument, NULL, CERT },
        { "key", required_argument, NULL, KEY },
        { "server-cert", required_argument, NULL, SERVER_CERT },
        { "server-key", required_argument, NULL, SERVER_KEY },
        { "mqtt-port", required_argument, NULL, MQTT },
        { "https-port", required_argument, NULL, HTTPS },
        { "samples", required_argument, NULL, SAMPLES },
        { 0 },
    };
    const char *texts[SAMPLES + 1] = { NULL };
    for (int got = 0; (got = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        if (got < 0 || got > SAMPLES) {
            return false;
        }
        texts[got] = optarg;
    }
    for (size_t i = 0; i < SV_COUNT(texts); i++) {
        if (texts[i] == NULL) {
            (void) fprintf(stderr, "bench-alert-latency: give --%s\n", LONG[i].name);
            return false;
        }
    }
    *p = (probe){ .id = texts[ID],
                  .ca = texts[CA],
                  .cert = texts[CERT],
                  .key = texts[KEY],
                  .server_cert = texts[SERVER_CERT],
                  .server_key = texts[SERVER_KEY],
                  .mqtt_port = port_of(texts[MQTT]),
                  .https_port = port_of(texts[HTTPS]),
                  .wanted = strtoul(texts[SAMPLES], NULL, 10) };
    return p->wanted > 0 && p->wanted <= SAMPLES_MAX;
}

int main(int argc, char **argv) {
    probe p = { .id = NULL };
    if (!read_options(argc, argv, &p)) {
        return 2;
    }
    p.prng.state = (uint64_t) sv_clock_monotonic_us();
    p.samples = sv_mem_array(p.wanted, sizeof *p.samples);
    sv_why why = { 0 };
    sv_err err = measure(&p, &why);
    if (err != SV_OK) {
        (void) fprintf(stderr, "bench-alert-latency: %s\n", why.text);
    }
    for (arrival by = 0; err == SV_OK && by < ARRIVALS; by++) {
        print_arrivals(&p, by);
    }
    if (err == SV_OK) {
        print_sent(&p);
        (void) printf(",\"samples\":%zu}\n", p.count);
    }
    bool whole = err == SV_OK && p.count == p.wanted && p.missing == 0;
    close_probe(&p);
    return whole ? 0 : 1;
}
