// The run: certificates, connections, readings at their pace, goodbyes.
#include "simulate.h"
#include <base/mem.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/clock.h>

enum {
    SECOND_US = 1000000,
    CONNECTING_MAX = 50,             ///< handshakes under way at a time
    NO_PROGRESS_US = 20 * SECOND_US, ///< of connecting
    BLOCKED_US = 30 * SECOND_US,     ///< a replay whose queue stays full so long ends
    DRAIN_US = 10 * SECOND_US,       ///< without one PUBACK, at the end
    DRAIN_INTERRUPTED_US = 2 * SECOND_US,
    GOODBYE_US = 300000,
    TURN_US = 5000,
    BURST_MAX = 500, ///< devices measured per turn of the loop
    HEALTH_EVERY_S = 5,
    PROVIDE_AFTER_S = 3,
    PROVIDE_EVERY_US = 100000, ///< between two machines that start their firmware
};

/// Where the run stands.
typedef struct pace {
    size_t next;              ///< device whose turn it is
    uint64_t turns;           ///< taken by all devices together
    uint64_t health_turns;    ///< of health reports
    sv_replay_row row;        ///< being replayed
    size_t cell;              ///< of the row, next to be sent
    bool has_row, over;       ///< over: the file has ended
    int64_t blocked_since_us; ///< 0: not blocked
    sv_err fault;             ///< of the file
} pace;

void sim_progress_say(sim_progress *progress, size_t done, size_t all) {
    int64_t now_us = sv_clock_monotonic_us();
    if (progress->said_us == 0) {
        progress->said_us = now_us;
    }
    if (now_us - progress->said_us > SECOND_US || (progress->said && done == all)) {
        progress->said_us = now_us;
        progress->said = true;
        (void) fprintf(stderr, "%s %zu of %zu\n", progress->what, done, all);
    }
}

static void on_signal(void *arg) {
    ((simulation *) arg)->signals++;
}

static sv_err judge_connecting(const simulation *sim, int64_t moved_us, sv_why *why) {
    bool hopeless = sim->trouble.code == SV_ERR_UNTRUSTED || sim->trouble.code == SV_ERR_INVALID
                    || (sim->connected == 0 && sim->trouble.code != SV_OK);
    if (!hopeless && sv_clock_monotonic_us() - moved_us < NO_PROGRESS_US) {
        return SV_OK;
    }
    bool known = sim->trouble.code != SV_OK;
    sv_err code = known ? sim->trouble.code : SV_ERR_UNAVAILABLE;
    if (sim->connected == 0) {
        return sv_fail(why, code, "cannot connect to --gateway %s: %s%s", sim->options.gateway,
                       known ? sim->trouble.text : "no answer",
                       code == SV_ERR_UNTRUSTED
                           ? "; --pki must be the folder whose CA the gateway trusts"
                           : "; does it run, and is this its MQTT port?");
    }
    return sv_fail(why, code, "only %zu of %lld devices could connect to --gateway %s: %s",
                   sim->connected, (long long) sim->options.devices, sim->options.gateway,
                   known ? sim->trouble.text : "nothing more happened");
}

static sv_err connect_all(simulation *sim, sv_why *why) {
    sim_progress progress = { .what = "connecting" };
    size_t all = (size_t) sim->options.devices;
    int64_t moved_us = sv_clock_monotonic_us();
    while (sim->connected < all && sim->signals == 0) {
        size_t before = sim->connected;
        if (sim->opened < all && sim->opened - sim->connected < CONNECTING_MAX) {
            SV_TRY(sim_device_connect(&sim->devices[sim->opened], why));
            sim->opened++;
        }
        bool full = sim->opened == all || sim->opened - sim->connected >= CONNECTING_MAX;
        sv_loop_turn(sim->loop, full ? TURN_US : 0);
        moved_us = sim->connected > before ? sv_clock_monotonic_us() : moved_us;
        SV_TRY(judge_connecting(sim, moved_us, why));
        sim_progress_say(&progress, sim->connected, all);
    }
    return SV_OK;
}

static bool is_due(const simulation *sim, const pace *p) {
    return sim->options.rate > 0
               ? (double) sim->published < sim->measured_s * sim->options.rate
               : (double) p->turns < sim->measured_s * (double) sim->options.devices;
}

static void pass_turn(const simulation *sim, pace *p) {
    p->turns++;
    p->next = (p->next + 1) % (size_t) sim->options.devices;
}

/// False: its queue is full, another device is next.
static bool measure_machine(simulation *sim, pace *p) {
    sim_device *device = &sim->devices[p->next];
    double values[SV_MACHINE_SENSORS];
    sv_machine_measure(&device->machine, sim->measured_s, values);
    pass_turn(sim, p);
    for (unsigned i = 0; i < SV_MACHINE_SENSORS; i++) {
        if (sim_device_publish(device, sv_machine_sensor_name(i), sv_machine_sensor_unit(i),
                               values[i], 0)
            != SV_OK) {
            return false;
        }
    }
    return true;
}

static void read_row(simulation *sim, pace *p, sv_why *why) {
    sv_err err = sv_replay_next(sim->replay, &p->row, why);
    p->has_row = err == SV_OK;
    p->over = err != SV_OK;
    p->fault = err == SV_ERR_NOT_FOUND ? SV_OK : err;
    p->cell = 0;
}

/// False: its queue is full; the same cell of the same device is tried again, so that nothing is
/// left out.
static bool replay_row(simulation *sim, pace *p) {
    const sv_replay_columns *columns = &sim->replay->columns;
    for (; p->cell < columns->count; p->cell++) {
        if (isfinite(p->row.values[p->cell])
            && sim_device_publish(&sim->devices[p->next], columns->names[p->cell], NULL,
                                  p->row.values[p->cell], p->row.at_us)
                   != SV_OK) {
            return false;
        }
    }
    p->cell = 0;
    pass_turn(sim, p);
    if (p->next == 0) {
        sim->rows++;
        p->has_row = false;
    }
    return true;
}

static void note_blocked(const simulation *sim, pace *p, bool blocked) {
    int64_t now_us = sv_clock_monotonic_us();
    if (!blocked) {
        p->blocked_since_us = 0;
    } else if (p->blocked_since_us == 0) {
        p->blocked_since_us = now_us;
    } else if (now_us - p->blocked_since_us > BLOCKED_US) {
        (void) fprintf(stderr,
                       "selvedge: the gateway has taken nothing for %d s; the replay ends after "
                       "%llu rows (%s)\n",
                       BLOCKED_US / SECOND_US, (unsigned long long) sim->rows, sim->trouble.text);
        p->over = true;
    }
}

static void publish_due(simulation *sim, pace *p, sv_why *why) {
    for (int i = 0; i < BURST_MAX && !p->over && is_due(sim, p); i++) {
        if (sim->replay == NULL) {
            if (!measure_machine(sim, p)) {
                return;
            }
            continue;
        }
        if (!p->has_row) {
            read_row(sim, p, why);
        }
        if (p->has_row) {
            bool went = replay_row(sim, p);
            note_blocked(sim, p, !went);
            if (!went) {
                return;
            }
        }
    }
}

/// The first reports come within a second, spread over the devices; then every HEALTH_EVERY_S.
static void report_health(simulation *sim, pace *p) {
    size_t count = (size_t) sim->options.devices;
    for (int i = 0; i < BURST_MAX && sim->options.health; i++) {
        size_t index = p->health_turns % count;
        size_t turn = p->health_turns / count; // of all devices
        double due_s = (double) turn * HEALTH_EVERY_S + (double) index / (double) count;
        if (due_s > sim->measured_s) {
            return;
        }
        sim_device_report_health(&sim->devices[index], sim->measured_s);
        p->health_turns++;
    }
}

static void provide_updater(simulation *sim) {
    sv_why why = { 0 };
    const sim_firmware_setup setup = { .folder = sim->options.firmware,
                                       .id = sim->options.updater,
                                       .has_agent = true };
    if (sim_firmware_open(sim->loop, &setup, NULL, NULL, &sim->updater, &why) != SV_OK) {
        (void) fprintf(stderr, "%s: has no firmware: %s\n", setup.id, why.text);
    }
}

/// One machine after the other starts its firmware, so that measuring goes on.
static void provide_firmware(simulation *sim) {
    int64_t now_us = sv_clock_monotonic_us();
    bool more = sim->options.firmware != NULL && sim->provided < sim->opened
                && sim->provided < SIM_FIRMWARE_MAX;
    bool is_early = sim->measured_s < PROVIDE_AFTER_S; // the server has not heard of it yet
    if (!more || is_early || now_us < sim->provide_us) {
        return;
    }
    sim->provide_us = now_us + PROVIDE_EVERY_US;
    if (sim_firmware_is_ready(sim->options.firmware)) {
        if (sim->provided == 0 && sim->options.updater != NULL) {
            provide_updater(sim);
        }
        sim_device_provide(&sim->devices[sim->provided++]);
    }
}

static sv_err measure(simulation *sim, sv_why *why) {
    pace p = { .next = 0 };
    int64_t start_us = sv_clock_monotonic_us();
    int64_t seconds = sim->options.seconds; // 0: no end
    while (sim->signals == 0 && !p.over && (seconds == 0 || sim->measured_s < (double) seconds)) {
        sv_loop_turn(sim->loop, TURN_US);
        sim->measured_s = (double) (sv_clock_monotonic_us() - start_us) / SECOND_US;
        publish_due(sim, &p, why);
        report_health(sim, &p);
        provide_firmware(sim);
    }
    return p.fault;
}

/// Messages of every kind without a PUBACK.
static size_t waiting(const simulation *sim) {
    size_t count = 0;
    for (size_t i = 0; i < sim->opened; i++) {
        const sv_mqtt_client *client = sim->devices[i].client;
        count += client != NULL ? sv_mqtt_client_waiting(client) : 0;
    }
    return count;
}

/// Until everything is acknowledged, or no PUBACK has come for a while, or a second signal.
static void drain(simulation *sim) {
    unsigned signals = sim->signals;
    sim->acked_us = sv_clock_monotonic_us();
    int64_t patience_us = signals > 0 ? DRAIN_INTERRUPTED_US : DRAIN_US;
    while (sim->signals == signals && waiting(sim) > 0
           && sv_clock_monotonic_us() - sim->acked_us < patience_us) {
        sv_loop_turn(sim->loop, TURN_US);
    }
}

static void say_goodbye(simulation *sim) {
    bool any = false;
    for (size_t i = 0; i < sim->opened; i++) {
        const sv_mqtt_client *client = sim->devices[i].client;
        if (client != NULL && sv_mqtt_client_is_up(client)) {
            sim_device_say_presence(&sim->devices[i], false);
            any = true;
        }
    }
    if (any) {
        drain(sim);
    }
}

static void disconnect_all(simulation *sim) {
    for (size_t i = 0; i < sim->opened; i++) {
        if (sim->devices[i].client != NULL) {
            sv_mqtt_client_stop(sim->devices[i].client, true);
        }
    }
    int64_t end_us = sv_clock_monotonic_us() + GOODBYE_US;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(sim->loop, TURN_US);
    }
}

static sv_err start(simulation *sim, sv_why *why) {
    SV_TRY(sv_loop_open(&sim->loop, why));
    SV_TRY(sv_loop_on_signal(sim->loop, SIGINT, on_signal, sim, why));
    SV_TRY(sv_loop_on_signal(sim->loop, SIGTERM, on_signal, sim, why));
    sim->devices = sv_mem_array((size_t) sim->options.devices, sizeof *sim->devices);
    for (size_t i = 0; i < (size_t) sim->options.devices; i++) {
        SV_TRY(sim_device_prepare(sim, &sim->devices[i],
                                  (unsigned) sim->options.first + (unsigned) i));
    }
    SV_TRY(sim_devices_certify(sim, why));
    return connect_all(sim, why);
}

sv_err sim_run(simulation *sim, sv_why *why) {
    SV_TRY(start(sim, why));
    sv_err err = measure(sim, why);
    drain(sim);
    say_goodbye(sim);
    sim->unacknowledged = waiting(sim);
    disconnect_all(sim);
    return err;
}
