// Options, the report, the exit code.
#include "simulate.h"
#include "command.h"
#include <codec/json.h>
#include <crypto/random.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { FILES_BESIDE_DEVICES = 200, REPORT_MAX = 1024 };

static const char USAGE[] = "selvedge simulate --gateway HOST:PORT --pki DIR [--devices N] [...]";
static const char ABOUT[] =
    "Devices that send readings with QoS 1 over mutual TLS, each a client with a certificate of "
    "its\n"
    "own, issued into DIR/devices as needed. They are machines (lathe-01, pump-02, ...) with\n"
    "temperature, vibration, pressure and current, or every one of them replays a file.\n\n"
    "  selvedge simulate --gateway 127.0.0.1:8883 --pki pilot/pki --devices 500 --seconds 60\n"
    "  selvedge simulate --gateway 127.0.0.1:8883 --pki pilot/pki --devices 1 --replay pump.csv\n\n"
    "A replayed file has a header line, timestamp,value or timestamp and a column per sensor, and\n"
    "commas or semicolons between the cells; blank cells are passed over. Other characters than\n"
    "letters, digits, _ and - in a column's name become _. Times without a zone are UTC. The run\n"
    "ends with the file. /dev/stdin reads a pipe: zcat pump.csv.gz | selvedge simulate ...\n\n"
    "At the end (also after ^C) a report goes to stdout: readings sent and acknowledged, the rate\n"
    "reached, how long the acknowledgements (PUBACK) took. Exit 0 only if every device connected "
    "and\n"
    "every message was acknowledged, else 1; 2 wrong usage or file, 3 gateway unreachable, 4 "
    "refused,\n"
    "5 this machine.";

static void simulation_drop(simulation *sim) {
    for (size_t i = 0; sim->devices != NULL && i < (size_t) sim->options.devices; i++) {
        sim_device_drop(&sim->devices[i]);
    }
    free(sim->devices);
    sim_firmware_drop(&sim->updater);
    sv_replay_drop(&sim->replay);
    sv_loop_drop(&sim->loop);
}

/// One socket per device and some more.
static sv_err raise_open_files(int64_t devices, sv_why *why) {
    rlim_t wanted = (rlim_t) devices + FILES_BESIDE_DEVICES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return SV_OK;
    }
    rlim_t allowed = limit.rlim_max;
    limit.rlim_cur = wanted;
    limit.rlim_max = allowed < wanted ? wanted : allowed; // root may
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return sv_fail(why, SV_ERR_IO,
                       "--devices %lld needs %llu open files and this process may have %llu; raise "
                       "it (ulimit -Hn, or LimitNOFILE= in a systemd unit) or take fewer devices",
                       (long long) devices, (unsigned long long) wanted,
                       (unsigned long long) allowed);
    }
    return SV_OK;
}

static double ms_at(const simulation *sim, double share) {
    return round((double) sv_latency_at(&sim->ack, share) / 10) / 100;
}

static double tenths(double value) {
    return round(value * 10) / 10;
}

static void print_json(const simulation *sim, double rate) {
    char room[REPORT_MAX];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&line);
    sv_json_open_object(&out);
    sv_json_add_int(&out, "devices", sim->options.devices);
    sv_json_add_int(&out, "connected", (int64_t) sim->connected);
    sv_json_add_int(&out, "published", (int64_t) sim->published);
    sv_json_add_int(&out, "acknowledged", (int64_t) sim->acked);
    sv_json_add_int(&out, "lost", (int64_t) (sim->published - sim->acked));
    if (sim->options.health) {
        sv_json_add_int(&out, "health_reports", (int64_t) sim->health_reports);
    }
    if (sim->replay != NULL) {
        sv_json_add_int(&out, "rows", (int64_t) sim->rows);
    }
    sv_json_add_number(&out, "seconds", round(sim->measured_s * 1000) / 1000);
    sv_json_add_number(&out, "rate", rate);
    sv_json_key(&out, "ack_ms");
    sv_json_open_object(&out);
    sv_json_add_number(&out, "p50", ms_at(sim, 0.5));
    sv_json_add_number(&out, "p99", ms_at(sim, 0.99));
    sv_json_add_number(&out, "max", ms_at(sim, 1));
    sv_json_close_object(&out);
    sv_json_close_object(&out);
    (void) printf("%.*s\n", SV_TEXT_ARG(sv_textbuf_text(&line)));
}

static void print_table(const simulation *sim, double rate) {
    (void) printf("devices         %lld\n", (long long) sim->options.devices);
    (void) printf("connected       %zu\n", sim->connected);
    (void) printf("published       %llu\n", (unsigned long long) sim->published);
    (void) printf("acknowledged    %llu\n", (unsigned long long) sim->acked);
    (void) printf("lost            %llu\n", (unsigned long long) (sim->published - sim->acked));
    if (sim->options.health) {
        (void) printf("health reports  %llu\n", (unsigned long long) sim->health_reports);
    }
    if (sim->replay != NULL) {
        (void) printf("rows            %llu\n", (unsigned long long) sim->rows);
    }
    (void) printf("seconds         %.1f\nrate            %.1f readings/s\n", sim->measured_s, rate);
    (void) printf("ack p50         %.2f ms\nack p99         %.2f ms\nack max         %.2f ms\n",
                  ms_at(sim, 0.5), ms_at(sim, 0.99), ms_at(sim, 1));
}

static void report(const simulation *sim, bool json) {
    double rate = sim->measured_s > 0 ? tenths((double) sim->acked / sim->measured_s) : 0;
    (json ? print_json : print_table)(sim, rate);
}

static sv_err prepare(simulation *sim, sv_why *why) {
    const sim_options *options = &sim->options;
    if (options->sensor != NULL && options->replay == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "--sensor %s names the value of a --replay file",
                       options->sensor);
    }
    if ((options->firmware == NULL) != (options->door == NULL)
        || (options->firmware == NULL && options->updater != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--firmware and --door go together, and --updater with them");
    }
    SV_TRY(sv_gateway_parse(options->gateway, sim->host, &sim->port, why));
    if (options->replay != NULL) {
        SV_TRY(sv_replay_open(options->replay, options->sensor, &sim->replay, why));
    }
    SV_TRY(raise_open_files(options->devices, why));
    sv_random_hex(sim->epoch);
    sim->epoch[16] = '\0';
    return SV_OK;
}

static int run(simulation *sim, bool json) {
    sv_why why = { .text = "" };
    sv_err err = prepare(sim, &why);
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    err = sim_run(sim, &why);
    if (err == SV_OK || sim->published > 0) {
        report(sim, json);
    }
    if (err != SV_OK) {
        return sv_exit_with(err, &why);
    }
    bool whole = sim->connected == (size_t) sim->options.devices && sim->unacknowledged == 0
                 && sim->published == sim->acked;
    return whole ? SV_EXIT_DONE : SV_EXIT_NO;
}

int cmd_simulate(int argc, char **argv) {
    SV_DEFER(simulation_drop)
    simulation sim = {
        .options = { .devices = 8, .first = 1, .seed = 1, .fault_after_s = 12 },
    };
    sim_options *to = &sim.options;
    const sv_option options[] = {
        { "gateway", "HOST:PORT", SV_OPTION_TEXT, &to->gateway, "its MQTT door", true, 0, 0 },
        { "pki", "DIR", SV_OPTION_TEXT, &to->pki, "PKI folder that issues their certificates", true,
          0, 0 },
        { "devices", "N", SV_OPTION_INT, &to->devices, "how many; default 8", false, 1,
          SIM_DEVICES_MAX },
        { "first", "K", SV_OPTION_INT, &to->first, "number of the first; default 1", false, 1,
          1000000 },
        { "rate", "R", SV_OPTION_NUMBER, &to->rate,
          "readings/s in all; default: each device measures once a second", false, 0, 1e6 },
        { "seconds", "N", SV_OPTION_INT, &to->seconds,
          "then end; default: until ^C or the end of the file", false, 0, 1e8 },
        { "health", NULL, SV_OPTION_FLAG, &to->health,
          "also send a health report per device every 5 s", false, 0, 0 },
        { "replay", "FILE.csv", SV_OPTION_TEXT, &to->replay,
          "send this file's rows, with their times, instead of measuring machines", false, 0, 0 },
        { "sensor", "NAME", SV_OPTION_TEXT, &to->sensor,
          "sensor of a file timestamp,value; default: the column's name", false, 0, 0 },
        { "fault-after", "SECONDS", SV_OPTION_NUMBER, &to->fault_after_s,
          "when the first machine gets its fault, for 45 s; default 12; -1: never, and the second "
          "no leak",
          false, -1, 1e8 },
        { "firmware", "DIR", SV_OPTION_TEXT, &to->firmware,
          "machines have firmware and get updates: DIR has factory.img, factory.header, boot.pub, "
          "root.json and director.json, and gets machines/",
          false, 0, 0 },
        { "door", "URL", SV_OPTION_TEXT, &to->door, "device door that is asked for updates", false,
          0, 0 },
        { "updater", "ID", SV_OPTION_TEXT, &to->updater,
          "also slots and an updater for this device, which has an agent of its own", false, 0, 0 },
        { "seed", "N", SV_OPTION_INT, &to->seed, "of chance, so that a run can be repeated", false,
          0, 1e15 },
        { "output", "json|table", SV_OPTION_TEXT, &to->output, "form of the report; default table",
          false, 0, 0 },
    };
    sv_why why = { .text = "" };
    bool json = false;
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), NULL, 0, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help(USAGE, ABOUT, options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    if (err == SV_OK) {
        err = sv_output_parse(to->output, &json, &why);
    }
    return err == SV_OK ? run(&sim, json) : sv_exit_with(err, &why);
}
