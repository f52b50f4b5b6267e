// One simulated device: certificate, connection, what it says.
#include "machine_command.h"
#include "machine_health.h"
#include "simulate.h"
#include <base/mem.h>
#include <base/time.h>
#include <crypto/pki.h>
#include <errno.h>
#include <model/reading.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

enum {
    TOPIC_ROOM = 160,
    PRESENCE_ROOM = 256,
    READING_ROOM = 512,
    FLEET_FAULT_EVERY_S = 90,
    LEAK_AFTER_S = 240
};

sv_err sim_device_prepare(simulation *sim, sim_device *device, unsigned number) {
    device->sim = sim;
    device->number = number;
    sv_textbuf id = SV_TEXTBUF(device->id);
    sv_machine_id(number, &id);
    SV_TRY(sv_textbuf_end(&id));
    bool leaks =
        number == sim->options.first + SV_MACHINE_TYPES - 1 && sim->options.fault_after_s >= 0;
    sv_machine_start(
        &device->machine,
        &(sv_machine_setup){
            .number = number,
            .seed = (uint64_t) sim->options.seed,
            .day_s = (double) (sv_clock_wall_us() % SV_TIME_DAY_US) / 1e6,
            .fault_after_s = number == sim->options.first ? sim->options.fault_after_s : -1,
            .leak_after_s = leaks ? LEAK_AFTER_S : 0,
            .fault_every_s = leaks ? 0 : FLEET_FAULT_EVERY_S * (double) sim->options.devices,
        });
    return SV_OK;
}

static sv_err file_of(const sim_device *device, const char *suffix, char room[SV_PATH_MAX],
                      sv_why *why) {
    sv_textbuf path = { .at = room, .cap = SV_PATH_MAX };
    sv_textbuf_addf(&path, "%s/devices/%s%s", device->sim->options.pki, device->id, suffix);
    if (sv_textbuf_end(&path) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path --pki '%.64s...' is too long",
                       device->sim->options.pki);
    }
    return SV_OK;
}

/// Keys are the simulator's own, so one whose certificate has run out or belongs to an older CA
/// makes way for a new one.
static sv_err needs_certificate(const sim_device *device, const char *ca, bool *out, sv_why *why) {
    char cert[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    SV_TRY(file_of(device, ".crt", cert, why));
    SV_TRY(file_of(device, ".key", key, why));
    sv_identity who;
    *out = !sv_disk_exists(key) || sv_pki_verify(ca, cert, &who, NULL) != SV_OK
           || strcmp(who.id, device->id) != 0;
    if (*out && unlink(key) != 0 && errno != ENOENT) {
        return sv_fail(why, SV_ERR_IO, "cannot replace '%s': %m", key);
    }
    return SV_OK;
}

/// Signals are seen only inside the loop.
static bool is_interrupted(simulation *sim) {
    sv_loop_turn(sim->loop, 0);
    return sim->signals > 0;
}

static sv_err find_uncertified(simulation *sim, const char **ids, size_t *count, sv_why *why) {
    char ca[SV_PATH_MAX];
    if (sv_disk_join(ca, sizeof ca, sim->options.pki, "ca.crt") != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path --pki '%.64s...' is too long",
                       sim->options.pki);
    }
    if (!sv_disk_exists(ca)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--pki '%s' is no PKI folder (no ca.crt); the devices' certificates are "
                       "issued there: give the gateway's, or make one with: selvedge pki init "
                       "--dir '%s'",
                       sim->options.pki, sim->options.pki);
    }
    sim_progress progress = { .what = "checking certificates" };
    size_t all = (size_t) sim->options.devices;
    for (size_t i = 0; i < all && !is_interrupted(sim); i++) {
        bool needed = false;
        SV_TRY(needs_certificate(&sim->devices[i], ca, &needed, why));
        if (needed) {
            ids[(*count)++] = sim->devices[i].id;
        }
        sim_progress_say(&progress, i + 1, all);
    }
    return SV_OK;
}

sv_err sim_devices_certify(simulation *sim, sv_why *why) {
    SV_DEFER(sv_mem_drop)
    const char **ids = sv_mem_array((size_t) sim->options.devices, sizeof *ids);
    size_t count = 0;
    SV_TRY(find_uncertified(sim, ids, &count, why));
    char folder[SV_PATH_MAX];
    SV_TRY(sv_disk_join(folder, sizeof folder, sim->options.pki, "devices"));
    SV_TRY(sv_disk_make_folder(folder, 0700, why));
    const sv_pki_leaf like = { .role = SV_ROLE_DEVICE, .out = folder };
    sim_progress progress = { .what = "issuing certificates" };
    for (size_t done = 0; done < count && !is_interrupted(sim);) {
        size_t left = count - done;
        size_t now = left < SIM_CERTIFICATES_AT_ONCE ? left : SIM_CERTIFICATES_AT_ONCE;
        SV_TRY(sv_pki_issue_many(sim->options.pki, &like, ids + done, now, why));
        done += now;
        sim_progress_say(&progress, done, count);
    }
    return SV_OK;
}

static void on_up(void *arg, bool session_present) {
    (void) session_present;
    sim_device *device = arg;
    if (!device->was_up) {
        device->was_up = true;
        device->sim->connected++;
    }
    char room[TOPIC_ROOM];
    sv_textbuf filter = SV_TEXTBUF(room);
    sv_textbuf_addf(&filter, "commands/%s/#", device->id);
    (void) sv_mqtt_client_subscribe(device->client, sv_textbuf_text(&filter), 1);
    if (device->sim->options.firmware != NULL) {
        sv_textbuf_clear(&filter);
        sv_textbuf_addf(&filter, "updates/%s", device->id);
        (void) sv_mqtt_client_subscribe(device->client, sv_textbuf_text(&filter), 1);
    }
    sim_device_say_presence(device, true);
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) retry_us;
    sim_device *device = arg;
    (void) sv_fail(&device->sim->trouble, why->code, "%s: %s", device->id, why->text);
}

/// `commands/<id>/<name>`: done and answered at once. What replays a file cannot be stopped.
/// `updates/<id>`: there may be a release.
static void on_message(void *arg, const sv_mqtt_message *message) {
    sim_device *device = arg;
    if (sv_text_starts(message->topic, SV_TEXT("updates/"))) {
        if (device->firmware != NULL) {
            sim_firmware_look(device->firmware);
        }
        return;
    }
    char topic_room[TOPIC_ROOM];
    char room[SV_MACHINE_ANSWER_MAX];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(room);
    sv_text name = message->topic;
    (void) sv_text_cut(&name, '/');
    (void) sv_text_cut(&name, '/');
    sv_machine *machine = device->sim->replay == NULL ? &device->machine : NULL;
    if (sv_id_is_valid(name)
        && sv_machine_obey(machine, name, message->payload, sv_clock_wall_us() / 1000, &load)) {
        sv_textbuf_addf(&topic, "results/%s/" SV_TEXT_FMT, device->id, SV_TEXT_ARG(name));
        (void) sv_mqtt_client_publish(device->client, sv_textbuf_text(&topic),
                                      sv_textbuf_text(&load), 1, false, 0);
    }
}

/// The token of a reading is the moment it was handed over; presence and health have 0.
static void on_acknowledged(void *arg, uint64_t sent_us) {
    simulation *sim = ((sim_device *) arg)->sim;
    sim->acked_us = sv_clock_monotonic_us();
    if (sent_us != 0) {
        sim->acked++;
        sv_latency_add(&sim->ack, (uint64_t) sim->acked_us - sent_us);
    }
}

static void add_presence(const sim_device *device, bool online, sv_textbuf *topic,
                         sv_textbuf *load) {
    sv_textbuf_addf(topic, "presence/%s", device->id);
    sv_textbuf_addf(load, "{\"online\":%s,\"since\":\"", online ? "true" : "false");
    sv_time_add(load, sv_clock_wall_us());
    sv_textbuf_addf(load, "\",\"type\":\"%s\"}", sv_machine_type(device->number));
}

static sv_err load_tls(sim_device *device, sv_why *why) {
    char ca[SV_PATH_MAX];
    char cert[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    SV_TRY(sv_disk_join(ca, sizeof ca, device->sim->options.pki, "ca.crt"));
    SV_TRY(file_of(device, ".crt", cert, why));
    SV_TRY(file_of(device, ".key", key, why));
    return sv_tls_client(&(sv_tls_files){ .ca = ca, .cert = cert, .key = key, .foreign = true },
                         &device->tls, why);
}

sv_err sim_device_connect(sim_device *device, sv_why *why) {
    static const sv_mqtt_client_events EVENTS = {
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .acknowledged = on_acknowledged,
    };
    if (device->tls == NULL) {
        SV_TRY(load_tls(device, why));
    }
    char topic_room[TOPIC_ROOM];
    char load_room[PRESENCE_ROOM];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(load_room);
    add_presence(device, false, &topic, &load);
    SV_TRY(sv_textbuf_end(&topic));
    SV_TRY(sv_textbuf_end(&load));
    const sv_mqtt_client_options options = {
        .host = device->sim->host,
        .port = device->sim->port,
        .tls = device->tls,
        .client_id = device->id,
        .clean_session = true,
        .will_topic = topic.at,
        .will_payload = load.at,
        .queue_bytes_max = SIM_QUEUE_BYTES_MAX,
    };
    return sv_mqtt_client_open(device->sim->loop, &options, &EVENTS, device, &device->client, why);
}

void sim_device_say_presence(sim_device *device, bool online) {
    if (device->client == NULL) {
        return;
    }
    char topic_room[TOPIC_ROOM];
    char load_room[PRESENCE_ROOM];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(load_room);
    add_presence(device, online, &topic, &load);
    (void) sv_mqtt_client_publish(device->client, sv_textbuf_text(&topic), sv_textbuf_text(&load),
                                  1, true, 0);
}

sv_err sim_device_publish(sim_device *device, const char *sensor, const char *unit, double value,
                          int64_t at_us) {
    char topic_room[TOPIC_ROOM];
    char room[READING_ROOM];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(room);
    const sv_reading reading = {
        .key = { .device_id = sv_text_of(device->id), .sensor = sv_text_of(sensor) },
        .value = value,
        .at_us = at_us == 0 ? sv_clock_wall_us() : at_us,
        .unit = sv_text_of(unit),
        .epoch = sv_text_of(device->sim->epoch),
        .seq = device->seq + 1,
    };
    if (device->is_down || device->client == NULL) {
        return SV_ERR_UNAVAILABLE;
    }
    sv_reading_key_format(&reading.key, &topic);
    sv_reading_format(&reading, &load);
    SV_TRY(sv_mqtt_client_publish(device->client, sv_textbuf_text(&topic), sv_textbuf_text(&load),
                                  1, false, (uint64_t) sv_clock_monotonic_us()));
    device->seq++;
    device->sim->published++;
    return SV_OK;
}

void sim_device_report_health(sim_device *device, double at_s) {
    char topic_room[TOPIC_ROOM];
    char room[SV_HEALTH_BYTES_MAX];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf load = SV_TEXTBUF(room);
    sv_health health;
    if (device->is_down || device->client == NULL) {
        return;
    }
    sv_machine_health(&device->machine, at_s, &health);
    if (device->firmware != NULL) {
        sim_firmware_tell(device->firmware, &health);
    }
    health.metrics.at_us = sv_clock_wall_us();
    (void) memcpy(health.metrics.device_id, device->id, sizeof device->id);
    sv_textbuf_addf(&topic, "health/%s", device->id);
    sv_health_format(&health, &load);
    if (sv_mqtt_client_publish(device->client, sv_textbuf_text(&topic), sv_textbuf_text(&load), 1,
                               false, 0)
        == SV_OK) {
        device->sim->health_reports++;
    }
}

// ---- its firmware -------------------------------------------------------------------------------

static bool is_connected(void *arg) {
    const sim_device *device = arg;
    return !device->is_down && device->client != NULL && sv_mqtt_client_is_up(device->client);
}

/// It measures no more; what is on its way is acknowledged until it starts again, so that no
/// reading is missed that has a number.
static void on_firmware_down(void *arg) {
    sim_device *device = arg;
    device->is_down = true;
    sim_device_say_presence(device, false);
}

static void on_firmware_up(void *arg) {
    sim_device *device = arg;
    sv_why why;
    device->is_down = false;
    sv_mqtt_client_drop(&device->client);
    if (sim_device_connect(device, &why) != SV_OK) {
        (void) fprintf(stderr, "%s: %s\n", device->id, why.text);
    }
}

void sim_device_provide(sim_device *device) {
    static const sim_firmware_events EVENTS = { .is_connected = is_connected,
                                                .down = on_firmware_down,
                                                .up = on_firmware_up };
    char cert[SV_PATH_MAX];
    char key[SV_PATH_MAX];
    sv_why why = { 0 };
    const sim_firmware_setup setup = { .folder = device->sim->options.firmware,
                                       .door = device->sim->options.door,
                                       .id = device->id,
                                       .cert = cert,
                                       .key = key,
                                       .tls = device->tls };
    if (file_of(device, ".crt", cert, &why) != SV_OK || file_of(device, ".key", key, &why) != SV_OK
        || sim_firmware_open(device->sim->loop, &setup, &EVENTS, device, &device->firmware, &why)
               != SV_OK) {
        (void) fprintf(stderr, "%s: has no firmware: %s\n", device->id, why.text);
    }
}

void sim_device_drop(sim_device *device) {
    sim_firmware_drop(&device->firmware);
    sv_mqtt_client_drop(&device->client);
    sv_tls_drop(&device->tls);
}
