#include "simulate.h"
#include "command.h"
#include "machine.h"

#include <base/mem.h>
#include <base/time.h>
#include <crypto/pki.h>
#include <crypto/random.h>
#include <errno.h>
#include <model/reading.h>
#include <mqtt/client.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/stat.h>

enum {
    DEVICES_MAX = 10000,
    CONNECTING_MAX = 50,
    NO_PROGRESS_US = 10 * 1000000,
    DRAIN_US = 5 * 1000000,
    GOODBYE_US = 300000,
    TURN_US = 5000,
    BURST_MAX = 500, ///< devices measured per turn of the loop
    PATH_ROOM = 1024,
    FLEET_FAULT_EVERY_S = 180,
};

typedef struct simulation simulation;

typedef struct sim_device {
    simulation *sim;
    char id[SV_ID_ROOM];
    unsigned number;
    sv_machine machine;
    sv_tls *tls;
    sv_mqtt_client *client;
    bool was_up;
    int64_t seq; ///< of the last reading; one numbering per device, whatever the sensor
} sim_device;

struct simulation {
    const char *gateway, *pki, *output;
    int64_t count, first, seed, seconds;
    double rate, fault_after_s;
    char host[256];
    uint16_t port;
    char epoch[33];
    sv_loop *loop;
    sim_device *devices;
    size_t opened, connected, next;
    uint64_t published, acked;
    double measured_s;
    uint32_t *ack_us;
    size_t ack_room;
    sv_why trouble;
    bool stopping;
};

static void simulation_drop(simulation *sim) {
    for (size_t i = 0; sim->devices != NULL && i < (size_t) sim->count; i++) {
        sv_mqtt_client_drop(&sim->devices[i].client);
        sv_tls_drop(&sim->devices[i].tls);
    }
    free(sim->devices);
    free(sim->ack_us);
    sv_loop_drop(&sim->loop);
}

static void on_signal(void *arg) {
    simulation *sim = arg;
    sim->stopping = true;
}

static void say_presence(sim_device *device, bool online) {
    char topic_room[128];
    char room[256];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(room);
    sv_textbuf_addf(&topic, "presence/%s", device->id);
    sv_textbuf_addf(&load, "{\"online\":%s,\"since\":\"", online ? "true" : "false");
    sv_time_add(&load, sv_clock_wall_us());
    sv_textbuf_addf(&load, "\",\"type\":\"%s\"}", sv_machine_type(device->number));
    (void) sv_mqtt_client_publish(device->client, sv_textbuf_text(&topic), sv_textbuf_text(&load),
                                  1, true, 0);
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    sim_device *device = arg;
    if (!device->was_up) {
        device->was_up = true;
        device->sim->connected++;
    }
    say_presence(device, true);
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) retry_us;
    sim_device *device = arg;
    device->sim->trouble = *why;
}

static void on_message(void *arg, const sv_mqtt_message *message) {
    (void) arg;
    (void) message;
}

static void on_acknowledged(void *arg, uint64_t sent_us) {
    simulation *sim = ((sim_device *) arg)->sim;
    if (sent_us == 0) {
        return; // presence
    }
    if (sim->acked == sim->ack_room) {
        sim->ack_room = sim->ack_room == 0 ? 4096 : sim->ack_room * 2;
        sim->ack_us = sv_mem_resize(sim->ack_us, sim->ack_room * sizeof *sim->ack_us);
    }
    sim->ack_us[sim->acked] = (uint32_t) ((uint64_t) sv_clock_monotonic_us() - sent_us);
    sim->acked++;
}

static sv_err certify(const simulation *sim, const char *id, sv_why *why) {
    char ca[PATH_ROOM];
    char cert[PATH_ROOM];
    char folder[PATH_ROOM];
    (void) snprintf(ca, sizeof ca, "%s/ca.crt", sim->pki);
    (void) snprintf(folder, sizeof folder, "%s/devices", sim->pki);
    (void) snprintf(cert, sizeof cert, "%s/devices/%s.crt", sim->pki, id);
    sv_identity identity;
    if (sv_pki_verify(ca, cert, &identity, NULL) == SV_OK && strcmp(identity.id, id) == 0) {
        return SV_OK;
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return sv_fail(why, SV_ERR_IO, "cannot make the folder '%s': %m", folder);
    }
    sv_pki_leaf leaf = { .id = id, .role = SV_ROLE_DEVICE, .out = folder };
    return sv_pki_issue(sim->pki, &leaf, why);
}

static sv_err prepare(simulation *sim, sim_device *device, unsigned number, sv_why *why) {
    device->sim = sim;
    device->number = number;
    sv_textbuf id = SV_TEXTBUF(device->id);
    sv_machine_id(number, &id);
    SV_TRY(sv_textbuf_end(&id));
    double day_s = (double) (sv_clock_wall_us() % SV_TIME_DAY_US) / 1e6;
    sv_machine_start(&device->machine,
                     &(sv_machine_setup){
                         .number = number,
                         .seed = (uint64_t) sim->seed,
                         .day_s = day_s,
                         .fault_after_s = sim->fault_after_s,
                         .fault_every_s = FLEET_FAULT_EVERY_S * (double) sim->count,
                     });
    SV_TRY(certify(sim, device->id, why));
    char ca[PATH_ROOM];
    char cert[PATH_ROOM];
    char key[PATH_ROOM];
    (void) snprintf(ca, sizeof ca, "%s/ca.crt", sim->pki);
    (void) snprintf(cert, sizeof cert, "%s/devices/%s.crt", sim->pki, device->id);
    (void) snprintf(key, sizeof key, "%s/devices/%s.key", sim->pki, device->id);
    return sv_tls_client(&(sv_tls_files){ .ca = ca, .cert = cert, .key = key }, &device->tls, why);
}

static sv_err connect_device(simulation *sim, sim_device *device, sv_why *why) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .acknowledged = on_acknowledged,
    };
    char topic_room[128];
    char load_room[128];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(load_room);
    sv_textbuf_addf(&topic, "presence/%s", device->id);
    sv_textbuf_add_str(&load, "{\"online\":false,\"since\":\"");
    sv_time_add(&load, sv_clock_wall_us());
    sv_textbuf_addf(&load, "\",\"type\":\"%s\"}", sv_machine_type(device->number));
    SV_TRY(sv_textbuf_end(&topic));
    SV_TRY(sv_textbuf_end(&load));
    sv_mqtt_client_options options = {
        .host = sim->host,
        .port = sim->port,
        .tls = device->tls,
        .client_id = device->id,
        .clean_session = true,
        .will_topic = topic.at,
        .will_payload = load.at,
    };
    return sv_mqtt_client_open(sim->loop, &options, &EVENTS, device, &device->client, why);
}

static void progress(int64_t *said_us, const char *what, size_t done, int64_t all) {
    int64_t now_us = sv_clock_monotonic_us();
    if (now_us - *said_us > SV_TIME_SECOND_US) {
        *said_us = now_us;
        (void) fprintf(stderr, "%s %zu of %lld\n", what, done, (long long) all);
    }
}

static sv_err connect_all(simulation *sim, sv_why *why) {
    int64_t said_us = sv_clock_monotonic_us();
    sim->devices = sv_mem_array((size_t) sim->count, sizeof *sim->devices);
    for (size_t i = 0; i < (size_t) sim->count && !sim->stopping; i++) {
        SV_TRY(prepare(sim, &sim->devices[i], (unsigned) ((size_t) sim->first + i), why));
        progress(&said_us, "certificates", i, sim->count);
    }
    int64_t moved_us = sv_clock_monotonic_us();
    while (sim->connected < (size_t) sim->count && !sim->stopping) {
        size_t before = sim->connected;
        while (sim->opened < (size_t) sim->count && sim->opened - sim->connected < CONNECTING_MAX) {
            SV_TRY(connect_device(sim, &sim->devices[sim->opened++], why));
        }
        sv_loop_turn(sim->loop, TURN_US);
        int64_t now_us = sv_clock_monotonic_us();
        moved_us = sim->connected > before ? now_us : moved_us;
        if (sim->trouble.code == SV_ERR_UNTRUSTED || now_us - moved_us > NO_PROGRESS_US) {
            sv_err code = sim->trouble.code != SV_OK ? sim->trouble.code : SV_ERR_UNAVAILABLE;
            return sv_fail(why, code, "%zu of %lld devices connected to %s: %s", sim->connected,
                           (long long) sim->count, sim->gateway, sim->trouble.text);
        }
        progress(&said_us, "connected", sim->connected, sim->count);
    }
    return SV_OK;
}

static bool publish_all_sensors(simulation *sim, sim_device *device, double at_s) {
    double values[SV_MACHINE_SENSORS];
    sv_machine_measure(&device->machine, at_s, values);
    for (unsigned i = 0; i < SV_MACHINE_SENSORS; i++) {
        char topic_room[160];
        char room[512];
        sv_textbuf topic = SV_TEXTBUF(topic_room);
        sv_textbuf load = SV_TEXTBUF(room);
        sv_reading reading = {
            .key = { .device_id = sv_text_of(device->id),
                     .sensor = sv_text_of(sv_machine_sensor_name(i)) },
            .value = values[i],
            .at_us = sv_clock_wall_us(),
            .unit = sv_text_of(sv_machine_sensor_unit(i)),
            .epoch = sv_text_of(sim->epoch),
            .seq = device->seq + 1,
        };
        sv_reading_key_format(&reading.key, &topic);
        sv_reading_format(&reading, &load);
        if (sv_mqtt_client_publish(device->client, sv_textbuf_text(&topic), sv_textbuf_text(&load),
                                   1, false, (uint64_t) sv_clock_monotonic_us())
            != SV_OK) {
            return false;
        }
        device->seq++;
        sim->published++;
    }
    return true;
}

static void publish_due(simulation *sim, double at_s) {
    for (int i = 0; i < BURST_MAX && (double) sim->published < at_s * sim->rate; i++) {
        sim_device *device = &sim->devices[sim->next];
        sim->next = (sim->next + 1) % (size_t) sim->count;
        if (!publish_all_sensors(sim, device, at_s)) {
            return;
        }
    }
}

static void measure(simulation *sim) {
    int64_t start_us = sv_clock_monotonic_us();
    while (!sim->stopping && (sim->seconds == 0 || sim->measured_s < (double) sim->seconds)) {
        sv_loop_turn(sim->loop, TURN_US);
        sim->measured_s = (double) (sv_clock_monotonic_us() - start_us) / 1e6;
        publish_due(sim, sim->measured_s);
    }
}

static bool all_acknowledged(const simulation *sim) {
    for (size_t i = 0; i < sim->opened; i++) {
        if (sv_mqtt_client_waiting(sim->devices[i].client) > 0) {
            return false;
        }
    }
    return true;
}

static void turn_for(simulation *sim, int64_t wait_us, bool until_acknowledged) {
    int64_t end_us = sv_clock_monotonic_us() + wait_us;
    while (sv_clock_monotonic_us() < end_us && !(until_acknowledged && all_acknowledged(sim))) {
        sv_loop_turn(sim->loop, TURN_US);
    }
}

static void say_goodbye(simulation *sim) {
    for (size_t i = 0; i < sim->opened; i++) {
        say_presence(&sim->devices[i], false);
    }
    turn_for(sim, DRAIN_US, true);
    for (size_t i = 0; i < sim->opened; i++) {
        sv_mqtt_client_stop(sim->devices[i].client, true);
    }
    turn_for(sim, GOODBYE_US, false);
}

static int by_size(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *) left;
    uint32_t b = *(const uint32_t *) right;
    return (a > b) - (a < b);
}

static double ack_ms(const simulation *sim, double share) {
    if (sim->acked == 0) {
        return 0;
    }
    return sim->ack_us[(size_t) ((double) (sim->acked - 1) * share)] / 1000.0;
}

static void report(simulation *sim) {
    if (sim->acked > 0) {
        qsort(sim->ack_us, sim->acked, sizeof *sim->ack_us, by_size);
    }
    bool json = sim->output != NULL;
    const char *format =
        json ? "{\"devices\":%lld,\"connected\":%zu,\"published\":%llu,\"acknowledged\":%llu,"
               "\"lost\":%llu,\"seconds\":%.3f,\"rate\":%.1f,"
               "\"ack_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f}}\n"
             : "devices       %lld\nconnected     %zu\npublished     %llu\nacknowledged  %llu\n"
               "lost          %llu\nseconds       %.1f\nrate          %.1f/s\n"
               "ack p50       %.2f ms\nack p99       %.2f ms\nack max       %.2f ms\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void) printf(format, (long long) sim->count, sim->connected,
                  (unsigned long long) sim->published, (unsigned long long) sim->acked,
                  (unsigned long long) (sim->published - sim->acked), sim->measured_s,
                  sim->measured_s > 0 ? (double) sim->acked / sim->measured_s : 0, ack_ms(sim, 0.5),
                  ack_ms(sim, 0.99), ack_ms(sim, 1));
#pragma GCC diagnostic pop
}

static sv_err simulate(simulation *sim, sv_why *why) {
    sv_text port = sv_text_of(sim->gateway);
    sv_text host = sv_text_cut(&port, ':');
    uint64_t number = 0;
    if (sv_text_copy(host, sim->host, sizeof sim->host) != SV_OK || host.len == 0
        || sv_text_u64(port, 65535, &number) != SV_OK || number == 0) {
        return sv_fail(why, SV_ERR_INVALID, "--gateway '%s' is not HOST:PORT", sim->gateway);
    }
    if (sim->output != NULL && strcmp(sim->output, "json") != 0) {
        return sv_fail(why, SV_ERR_INVALID, "--output '%s' is not json", sim->output);
    }
    sim->port = (uint16_t) number;
    if (sim->rate <= 0) {
        sim->rate = (double) sim->count * SV_MACHINE_SENSORS;
    }
    sv_random_hex(sim->epoch);
    sim->epoch[16] = '\0';
    SV_TRY(sv_loop_open(&sim->loop, why));
    SV_TRY(sv_loop_on_signal(sim->loop, SIGINT, on_signal, sim, why));
    SV_TRY(sv_loop_on_signal(sim->loop, SIGTERM, on_signal, sim, why));
    SV_TRY(connect_all(sim, why));
    measure(sim);
    turn_for(sim, DRAIN_US, true);
    say_goodbye(sim);
    report(sim);
    return SV_OK;
}

int cmd_simulate(int argc, char **argv) {
    SV_DEFER(simulation_drop)
    simulation sim = { .count = 8, .first = 1, .seed = 1, .fault_after_s = 12 };
    const sv_option options[] = {
        { "gateway", "HOST:PORT", SV_OPTION_TEXT, &sim.gateway, "the MQTT door", true, 0, 0 },
        { "pki", "DIR", SV_OPTION_TEXT, &sim.pki, "issues device certificates", true, 0, 0 },
        { "devices", "N", SV_OPTION_INT, &sim.count, "how many machines", false, 1, DEVICES_MAX },
        { "first", "K", SV_OPTION_INT, &sim.first, "number of the first", false, 1, 1000000 },
        { "rate", "R", SV_OPTION_NUMBER, &sim.rate,
          "readings per second in all; default: one per sensor", false, 0, 1e6 },
        { "seconds", "N", SV_OPTION_INT, &sim.seconds, "then end; default: until ^C", false, 0,
          1e8 },
        { "seed", "N", SV_OPTION_INT, &sim.seed, "of chance", false, 0, 1e15 },
        { "fault-after", "SECONDS", SV_OPTION_NUMBER, &sim.fault_after_s,
          "when machine 1 gets a fault; -1: never", false, -1, 1e8 },
        { "output", "json", SV_OPTION_TEXT, &sim.output, "the report as JSON", false, 0, 0 },
    };
    const char *plain[1] = { NULL };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), plain, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge simulate --gateway HOST:PORT --pki DIR",
                        "Machines that send readings, each with its own certificate.", options,
                        SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? simulate(&sim, &why) : err;
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    return sim.published == sim.acked ? SV_EXIT_DONE : SV_EXIT_NO;
}
