// `selvedge publish`: one reading from the command line.
#include "command.h"
#include <base/num.h>
#include <base/time.h>
#include <codec/encode.h>
#include <codec/json.h>
#include <crypto/identity.h>
#include <math.h>
#include <model/reading.h>
#include <mqtt/client.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>

enum { TIMEOUT_S = 10, GOODBYE_US = 200000, TURN_US = 10000, PLAIN_MAX = 2, LINE_ROOM = 2048 };

typedef struct publication {
    const char *gateway, *ca, *cert, *key, *id, *unit, *timestamp, *output;
    double timeout_s;
    char host[SV_URL_HOST_MAX];
    uint16_t port;
    sv_reading reading;
    char topic_room[SV_ID_ROOM * 2 + 16];
    char payload_room[512];
    sv_textbuf topic, payload;
    sv_loop *loop;
    sv_tls *tls;
    sv_mqtt_client *client;
    bool up, acknowledged, failed, shown_out;
    sv_why trouble;
    int64_t sent_us, acked_us;
} publication;

static const char ABOUT[] =
    "Send one reading as the device ID does, over mutual TLS, and wait until it is acknowledged.\n"
    "\n"
    "  selvedge pki issue --dir pilot/pki --id device-001 --out device-001\n"
    "  selvedge publish --gateway 127.0.0.1:8883 --ca device-001/ca.crt\n"
    "      --cert device-001/device-001.crt --key device-001/device-001.key\n"
    "      --id device-001 --unit °C temperature 23.5\n"
    "\n"
    "(A pilot names its port in pilot/pilot.json.) ID must be the certificate's CN. SENSOR has 1 "
    "to\n"
    "64 letters, digits, _ and -, and begins with a letter or digit. VALUE is a finite number as "
    "in\n"
    "JSON: 23.5, -4, 1e-9. Behind mosquitto the acknowledgement (PUBACK) says that the broker has "
    "the\n"
    "reading; whether its rules let it pass shows at the gateway.\n"
    "\n"
    "Exit 0 acknowledged, 2 wrong usage or files, 3 unreachable (name resolution, connection, "
    "TLS,\n"
    "CONNECT or PUBACK: the sentence says which), 4 refused (a certificate, or not authorised, or "
    "closed\n"
    "without an answer to CONNECT), 5 a file may not be read.";

static void publication_drop(publication *p) {
    sv_mqtt_client_drop(&p->client);
    sv_tls_drop(&p->tls);
    sv_loop_drop(&p->loop);
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    ((publication *) arg)->up = true;
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) retry_us;
    publication *p = arg;
    p->trouble = *why;
    p->failed = true;
    p->shown_out = p->client != NULL && sv_mqtt_client_was_shown_out(p->client);
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    (void) arg;
    (void) message;
}

static void on_acknowledged(void *arg, uint64_t token) {
    (void) token;
    publication *p = arg;
    p->acknowledged = true;
    p->acked_us = sv_clock_monotonic_us();
}

static sv_err check_id(const publication *p, sv_why *why) {
    char cn[SV_ID_ROOM];
    SV_TRY(sv_id_check("--id", sv_text_of(p->id), why));
    SV_TRY(sv_identity_cn_of_file(p->cert, cn, why));
    if (strcmp(cn, p->id) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--id %s is not who --cert '%s' belongs to: its CN is '%s', and a device "
                       "speaks for itself only",
                       p->id, p->cert, cn);
    }
    return SV_OK;
}

static sv_err read_unit_and_time(publication *p, sv_why *why) {
    sv_text unit = sv_text_of(p->unit);
    if (unit.len > SV_UNIT_MAX || !sv_utf8_is_valid(unit)) {
        return sv_fail(why, SV_ERR_INVALID, "--unit is UTF-8 of at most %d bytes, such as °C",
                       SV_UNIT_MAX);
    }
    p->reading.unit = unit;
    p->reading.at_us = sv_clock_wall_us();
    if (p->timestamp == NULL) {
        return SV_OK;
    }
    sv_text timestamp = sv_text_of(p->timestamp);
    if (sv_time_parse(timestamp, &p->reading.at_us) != SV_OK || timestamp.len >= SV_TIMESTAMP_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--timestamp '%.60s' is not a time; write it like 2026-11-22T06:15:04.5Z "
                       "(UTC where no zone is given)",
                       p->timestamp);
    }
    p->reading.timestamp = timestamp;
    return SV_OK;
}

static sv_err read_reading(publication *p, const char *const *plain, sv_why *why) {
    if (plain[0] == NULL || plain[1] == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "SENSOR and VALUE are missing, for example: temperature 23.5");
    }
    SV_TRY(check_id(p, why));
    SV_TRY(sv_id_check("SENSOR", sv_text_of(plain[0]), why));
    p->reading.key = (sv_reading_key){ sv_text_of(p->id), sv_text_of(plain[0]) };
    if (sv_num_parse(sv_text_of(plain[1]), &p->reading.value) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "VALUE '%.60s' is not a finite number as in JSON, like 23.5, -4 or 1e-9",
                       plain[1]);
    }
    SV_TRY(read_unit_and_time(p, why));
    p->topic = SV_TEXTBUF(p->topic_room);
    p->payload = SV_TEXTBUF(p->payload_room);
    sv_reading_key_format(&p->reading.key, &p->topic);
    sv_reading_format(&p->reading, &p->payload);
    SV_TRY(sv_textbuf_end(&p->topic));
    return sv_textbuf_end(&p->payload);
}

static sv_err start(publication *p, sv_why *why) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .acknowledged = on_acknowledged,
    };
    SV_TRY(sv_gateway_parse(p->gateway, p->host, &p->port, why));
    const sv_tls_files files = { .ca = p->ca, .cert = p->cert, .key = p->key, .foreign = true };
    SV_TRY(sv_tls_client(&files, &p->tls, why));
    SV_TRY(sv_loop_open(&p->loop, why));
    const sv_mqtt_client_options options = {
        .host = p->host,
        .port = p->port,
        .tls = p->tls,
        .client_id = p->id,
        .clean_session = true,
    };
    SV_TRY(sv_mqtt_client_open(p->loop, &options, &EVENTS, p, &p->client, why));
    p->sent_us = sv_clock_monotonic_us();
    return sv_mqtt_client_publish(p->client, sv_textbuf_text(&p->topic),
                                  sv_textbuf_text(&p->payload), 1, false, 0);
}

/// One try: the first failure is the answer.
static sv_err await(publication *p, sv_why *why) {
    int64_t end_us = p->sent_us + (int64_t) (p->timeout_s * 1e6);
    while (!p->acknowledged && !p->failed && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(p->loop, TURN_US);
    }
    if (p->acknowledged) {
        return SV_OK;
    }
    if (p->failed) {
        return sv_fail(why, p->shown_out ? SV_ERR_UNTRUSTED : p->trouble.code,
                       "not published through %s: %s", p->gateway, p->trouble.text);
    }
    return sv_fail(why, SV_ERR_UNAVAILABLE, "not published: %s within %g s (--timeout)",
                   p->up ? "the gateway accepted CONNECT and sent no PUBACK"
                         : "no connection with TLS and CONNACK",
                   p->timeout_s);
}

static void say_goodbye(publication *p) {
    sv_mqtt_client_stop(p->client, true);
    int64_t end_us = sv_clock_monotonic_us() + GOODBYE_US;
    for (int i = 0; i < 3 && sv_clock_monotonic_us() < end_us; i++) {
        sv_loop_turn(p->loop, TURN_US);
    }
}

static void say_done(const publication *p, bool json) {
    double ack_ms = (double) (p->acked_us - p->sent_us) / 1000;
    if (!json) {
        (void) fprintf(stderr, "%s %s acknowledged after %.1f ms\n", p->topic.at, p->payload.at,
                       ack_ms);
        return;
    }
    char room[LINE_ROOM];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&line);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "topic", sv_textbuf_text(&p->topic));
    sv_json_key(&out, "reading");
    sv_json_put_raw(&out, sv_textbuf_text(&p->payload));
    sv_json_add_bool(&out, "acknowledged", true);
    sv_json_add_number(&out, "ack_ms", round(ack_ms * 100) / 100);
    sv_json_close_object(&out);
    (void) printf("%.*s\n", SV_TEXT_ARG(sv_textbuf_text(&line)));
}

int cmd_publish(int argc, char **argv) {
    SV_DEFER(publication_drop) publication p = { .timeout_s = TIMEOUT_S };
    const char *plain[PLAIN_MAX + 1] = { NULL };
    const sv_option options[] = {
        { "gateway", "HOST:PORT", SV_OPTION_TEXT, &p.gateway, "its MQTT door", true, 0, 0 },
        { "ca", "FILE", SV_OPTION_TEXT, &p.ca, "CA of the gateway's certificate, PEM", true, 0, 0 },
        { "cert", "FILE", SV_OPTION_TEXT, &p.cert, "the device's certificate, PEM", true, 0, 0 },
        { "key", "FILE", SV_OPTION_TEXT, &p.key, "its key, PEM", true, 0, 0 },
        { "id", "ID", SV_OPTION_TEXT, &p.id, "who publishes: the certificate's CN", true, 0, 0 },
        { "unit", "U", SV_OPTION_TEXT, &p.unit, "of the value, such as bar", false, 0, 0 },
        { "timestamp", "T", SV_OPTION_TEXT, &p.timestamp, "when it was measured; default: now",
          false, 0, 0 },
        { "timeout", "SECONDS", SV_OPTION_NUMBER, &p.timeout_s, "for everything; default 10", false,
          0.1, 3600 },
        { "output", "json|table", SV_OPTION_TEXT, &p.output,
          "json: an object on stdout; default: a line on stderr", false, 0, 0 },
    };
    sv_why why = { .text = "" };
    bool json = false;
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, PLAIN_MAX, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge publish --gateway HOST:PORT --ca FILE --cert FILE --key FILE "
                        "--id ID SENSOR VALUE",
                        ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? sv_output_parse(p.output, &json, &why) : err;
    err = err == SV_OK ? read_reading(&p, plain, &why) : err;
    err = err == SV_OK ? start(&p, &why) : err;
    err = err == SV_OK ? await(&p, &why) : err;
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    say_done(&p, json);
    say_goodbye(&p);
    return SV_EXIT_DONE;
}
