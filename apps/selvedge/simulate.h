// `selvedge simulate`: many devices with their own certificates in one process, on one loop. They
// measure machines (machine.h) or replay a file (replay.h). simulate.c reads the options and
// reports, simulate_device.c is one device, simulate_run.c connects, paces and ends the run.
#ifndef SELVEDGE_SIMULATE_H
#define SELVEDGE_SIMULATE_H

#include "latency.h"
#include "machine.h"
#include "replay.h"
#include "simulate_firmware.h"
#include <codec/url.h>
#include <mqtt/client.h>
#include <sys/disk.h>

enum {
    SIM_DEVICES_MAX = 10000,
    SIM_QUEUE_BYTES_MAX = 128 * 1024, ///< per device, of readings not yet acknowledged
    SIM_CERTIFICATES_AT_ONCE = 50,
};

typedef struct simulation simulation;

typedef struct sim_device {
    simulation *sim;
    char id[SV_ID_ROOM];
    unsigned number;
    sv_machine machine;
    sv_tls *tls;
    sv_mqtt_client *client;
    sim_firmware *firmware; ///< NULL: none, or not yet
    bool was_up;
    bool is_down; ///< its firmware starts again
    int64_t seq;  ///< of the last reading; one numbering per device, whatever the sensor
} sim_device;

typedef struct sim_options {
    const char *gateway, *pki, *replay, *sensor, *output;
    const char *firmware, *door; ///< NULL: machines have no firmware
    const char *updater;         ///< id of a device with an agent of its own; or NULL
    int64_t devices, first, seed, seconds;
    double rate; ///< readings per second in all; 0: each device measures once a second
    double fault_after_s;
    bool health;
} sim_options;

struct simulation {
    sim_options options;
    char host[SV_URL_HOST_MAX];
    uint16_t port;
    char epoch[33];
    sv_loop *loop;
    sv_replay *replay; ///< NULL: machines are measured
    sim_device *devices;
    size_t opened, connected;
    sim_firmware *updater;
    size_t provided;           ///< machines that have had their chance to start their firmware
    int64_t provide_us;        ///< when the next one gets it
    uint64_t published, acked; ///< readings
    uint64_t health_reports;
    uint64_t rows;         ///< replayed by every device
    size_t unacknowledged; ///< messages of every kind, when the run had ended
    sv_latency ack;
    double measured_s;
    int64_t acked_us; ///< monotonic, of the last PUBACK
    sv_why trouble;   ///< of the last connection that failed or ended
    unsigned signals; ///< the first ends the run, the second its goodbyes
};

/// A line "issuing certificates 120 of 2000" on stderr every second.
typedef struct sim_progress {
    const char *what;
    int64_t said_us;
    bool said;
} sim_progress;
void sim_progress_say(sim_progress *progress, size_t done, size_t all);

/// Id and machine of device `number`.
sv_err sim_device_prepare(simulation *sim, sim_device *device, unsigned number);
/// Every device has a certificate of this PKI that is valid now, in PKI/devices.
sv_err sim_devices_certify(simulation *sim, sv_why *why);
sv_err sim_device_connect(sim_device *device, sv_why *why);
/// SV_ERR_NO_SPACE when its queue is full. `at_us` 0: now.
sv_err sim_device_publish(sim_device *device, const char *sensor, const char *unit, double value,
                          int64_t at_us);
void sim_device_report_health(sim_device *device, double at_s);
void sim_device_say_presence(sim_device *device, bool online);
/// Start its firmware. What cannot be is said, and the machine goes on without.
void sim_device_provide(sim_device *device);
void sim_device_drop(sim_device *device);

/// Certificates, connections, readings until the end, goodbyes. After a fault of the file in the
/// middle the run is ended properly and the fault returned.
sv_err sim_run(simulation *sim, sv_why *why);

#endif
