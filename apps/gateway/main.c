#include "box.h"
#include "explain.h"
#include "gateway.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/daemon.h>
#include <sys/disk.h>
#include <sys/log.h>

enum { BEAT_US = 2000000 };

/// Beside what every daemon takes.
static struct {
    bool print;
    const char *device, *sensor; ///< to be explained; NULL: all that are named
    gw_mosquitto_options mosquitto;
} more;

static const sv_daemon_option MORE[] = {
    { .name = "device", .text = &more.device },
    { .name = "sensor", .text = &more.sensor },
    { .name = "print-mosquitto-config", .flag = &more.print },
    { .name = "acl", .text = &more.mosquitto.acl },
    { .name = "broker-cert", .text = &more.mosquitto.cert },
    { .name = "broker-key", .text = &more.mosquitto.key },
    { .name = "data", .text = &more.mosquitto.data },
};

static const sv_daemon DAEMON = {
    .name = "selvedge-gateway",
    .usage = "selvedge-gateway --config FILE [--check-config [--device ID] [--sensor NAME]]\n"
             "       selvedge-gateway --config FILE --print-mosquitto-config --acl FILE\n"
             "                        --broker-cert FILE --broker-key FILE --data DIR",
    .about =
        "The MQTT server of a site's devices: keeps their readings, raises alerts, sends up what\n"
        "matters. With broker: it stands behind another MQTT server instead. --check-config "
        "says\nalso what each device would get, and where that stands.",
    .own =
        "  --device ID, --sensor NAME  only of this one\n"
        "  --print-mosquitto-config    print the configuration of a mosquitto for this site; its\n"
        "                              access list is written to the file --acl\n",
    .notes = "Signals: SIGHUP reads the rules and the certificates again, SIGTERM ends.\n\n"
             "A small site:\n\n"
             "  id: gateway-1\n"
             "  site: pune\n"
             "  listen: {port: 8883}\n"
             "  tls: {ca: ca.crt, cert: gateway-1.crt, key: gateway-1.key}\n"
             "  store: {path: /var/lib/selvedge/gateway.db}\n"
             "  fleet: {url: 'https://fleet.example:8444'}\n"
             "  thresholds:\n"
             "    default: {high: 80, low: 10}\n"
             "    sensors: {vibration: {high: 7.1, severity: critical}}\n"
             "    devices: {press-1: {high: 50, low: 20}}\n\n",
    .keys = gw_config_help,
    .options = MORE,
    .option_count = SV_COUNT(MORE),
};

static const char *config_path;

static void on_beat(void *arg) {
    gw *g = arg;
    double now = (double) (g->readings - g->readings_before) * SV_TIME_SECOND_US / BEAT_US;
    g->readings_before = g->readings;
    g->readings_per_s = 0.6 * g->readings_per_s + 0.4 * now;
    gw_store_look(g);
    gw_clock_beat(g);
    gw_outbox_beat(g);
    gw_spool_alert_beat(g);
    gw_act_beat(g);
    gw_uplink_turn(g);
    gw_uplink_beat(g);
    if (g->door != NULL) {
        gw_door_beat(g);
    }
}

static void on_tick(void *arg) {
    gw_ingest_tick(arg);
}

static void on_checkpoint(void *arg) {
    (void) gw_senders_checkpoint(arg);
}

static void on_availability(void *arg) {
    gw_store_availability(arg);
}

static void on_end(void *arg) {
    sv_loop_stop(((gw *) arg)->loop);
}

static void on_reload(void *arg) {
    gw *g = arg;
    SV_DEFER(gw_config_drop) gw_config fresh = { .id = "" };
    sv_why why = { 0 };
    if (gw_config_load(config_path, &fresh, &why) != SV_OK) {
        SV_LOG(error, "config.refused", "%s; the old rules stay", why.text);
        return;
    }
    gw_command_rights commands = g->config.commands;
    g->config.commands = fresh.commands;
    fresh.commands = commands;
    gw_site_rules_reload(g, &fresh);
    gw_certificates_reload(g);
    gw_standing_reload(g);
    SV_LOG(info, "config.reloaded", "%s was read again", config_path);
}

static sv_err admit(void *arg, const sv_identity *who, sv_why *why) {
    return gw_standing_admit(arg, who, why);
}

static sv_err open_cache(gw *g, sv_why *why) {
    const gw_config *c = &g->config;
    char dir[SV_PATH_MAX];
    sv_err err = gw_config_cache_dir(c, dir, sizeof dir);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    const gw_cache_options cache = { .dir = dir,
                                     .bytes = c->cache.bytes,
                                     .rate = c->cache.rate,
                                     .fleet_url = c->fleet.url,
                                     .fleet_tls = g->tls };
    return gw_cache_open(g->loop, &cache, &g->cache, why);
}

static sv_err open_relay(gw *g, sv_why *why) {
    const gw_config *c = &g->config;
    if (c->door.port == 0) {
        return SV_OK;
    }
    SV_TRY(open_cache(g, why));
    const gw_relay_options relay = { .bind = c->door.bind,
                                     .port = (uint16_t) c->door.port,
                                     .tls = gw_door_files(c),
                                     .fleet_url = c->fleet.url,
                                     .fleet_tls = g->tls,
                                     .cache = g->cache,
                                     .welcome = admit,
                                     .arg = g };
    SV_TRY(gw_relay_open(g->loop, &relay, &g->relay, why));
    SV_LOG(info, "relay.open", "what devices ask on %s:%lld goes on to %s", c->door.bind,
           (long long) c->door.port, c->fleet.url);
    return SV_OK;
}

static sv_err open_all(gw *g, sv_why *why) {
    const sv_tls_files files = gw_tls_files(&g->config);
    sv_tls_files to_broker = files;
    to_broker.foreign = true;
    gw_local_watch_disk();
    SV_TRY(gw_box_files(&g->config, config_path, why));
    SV_TRY(sv_loop_open(&g->loop, why));
    g->beat_timer = sv_timer_new(g->loop, on_beat, g);
    g->tick_timer = sv_timer_new(g->loop, on_tick, g);
    g->checkpoint_timer = sv_timer_new(g->loop, on_checkpoint, g);
    g->availability_timer = sv_timer_new(g->loop, on_availability, g);
    SV_TRY(gw_store_open(g, why));
    SV_TRY(gw_members_open(g, why));
    SV_TRY(gw_site_rules_open(g, why));
    SV_TRY(gw_ingest_prime(g, why));
    SV_TRY(gw_act_open(g, why));
    gw_series_open(g);
    SV_TRY(sv_tls_client(&files, &g->tls, why));
    SV_TRY(sv_tls_client(&to_broker, &g->broker_tls, why));
    SV_TRY(gw_uplink_open(g, why));
    SV_TRY(gw_spool_alert_open(g, why));
    gw_broker_crl_open(g);
    gw_ledger_open(g);
    SV_TRY(gw_local_open(g, why));
    SV_TRY(gw_page_open(g, why));
    SV_TRY(open_relay(g, why));
    SV_TRY(sv_loop_on_signal(g->loop, SIGTERM, on_end, g, why));
    SV_TRY(sv_loop_on_signal(g->loop, SIGINT, on_end, g, why));
    SV_TRY(sv_loop_on_signal(g->loop, SIGHUP, on_reload, g, why));
    SV_TRY(gw_front_open(g, why));
    SV_TRY(gw_own_certificate_open(g, why));
    gw_store_opened(g);
    gw_local_alerts_turn(g);
    gw_site_rules_start(g);
    gw_members_start(g);
    gw_maintenance_start(g);
    gw_models_start(g);
    gw_standing_start(g);
    SV_TRY(gw_push_open(g, why));
    return gw_box_seal(why);
}

static void close_all(gw *g) {
    gw_push_close(g);
    gw_own_certificate_close(g);
    // A store that could not be used is left as it was.
    if (g->started && g->exit_code == 0) {
        (void) gw_senders_checkpoint(g);
        gw_usual_keep_all(g);
        gw_machines_keep_all(g);
        gw_lives_keep_all(g);
        gw_store_availability(g);
    }
    // What is recorded is committed and acknowledged while there is somebody to hear it, with what
    // that causes.
    if (g->started) {
        sv_writer_wait(g->writer);
    }
    sv_writer_drop(&g->writer);
    g->exit_code = g->exit_code == 0 ? -1 : g->exit_code;
    gw_seen_close(g);
    gw_front_close(g);
    sv_http_server_drop(&g->local);
    gw_page_close(g);
    gw_try_close(g);
    gw_relay_drop(&g->relay);
    gw_cache_drop(&g->cache);
    gw_broker_crl_close(g);
    gw_uplink_close(g);
    gw_ledger_close(g);
    gw_series_close(g);
    gw_site_rules_close(g);
    gw_members_close(g);
    sv_tls_drop(&g->tls);
    sv_tls_drop(&g->broker_tls);
    gw_ingest_close(g);
    gw_act_close(g);
    sv_timer_drop(&g->beat_timer);
    sv_timer_drop(&g->tick_timer);
    sv_timer_drop(&g->checkpoint_timer);
    sv_timer_drop(&g->availability_timer);
    sv_db_drop(&g->db);
    sv_loop_drop(&g->loop);
}

static int run(gw *g) {
    sv_why why = { 0 };
    g->started_us = sv_clock_monotonic_us();
    gw_ingest_open(g);
    sv_err err = open_all(g, &why);
    if (err == SV_OK) {
        g->started = true;
        sv_timer_every(g->beat_timer, BEAT_US);
        sv_timer_every(g->tick_timer, SV_TIME_SECOND_US);
        sv_timer_every(g->checkpoint_timer, GW_CHECKPOINT_US);
        sv_timer_every(g->availability_timer, GW_AVAILABILITY_US);
        err = sv_loop_run(g->loop, &why);
    }
    close_all(g);
    if (err != SV_OK) {
        (void) fprintf(stderr, "selvedge-gateway: %s\n", why.text);
        return SV_DAEMON_MACHINE;
    }
    return g->exit_code > 0 ? g->exit_code : 0;
}

static int print_mosquitto(const gw_config *config, const gw_mosquitto_options *mosquitto) {
    if (mosquitto->acl == NULL || mosquitto->cert == NULL || mosquitto->key == NULL
        || mosquitto->data == NULL) {
        (void) fputs("selvedge-gateway: --print-mosquitto-config needs --acl, --broker-cert, "
                     "--broker-key and --data\n",
                     stderr);
        return SV_DAEMON_USAGE;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf acl = SV_TEXTBUF_HEAP(16384);
    SV_DEFER(sv_textbuf_drop) sv_textbuf conf = SV_TEXTBUF_HEAP(16384);
    gw_mosquitto_acl(config, &acl);
    gw_mosquitto_config(config, mosquitto, &conf);
    sv_why why = { 0 };
    if (sv_disk_replace(mosquitto->acl, sv_textbuf_text(&acl), 0600, &why) != SV_OK) {
        (void) fprintf(stderr, "selvedge-gateway: %s\n", why.text);
        return SV_DAEMON_MACHINE;
    }
    (void) fwrite(conf.at, 1, conf.len, stdout);
    return fflush(stdout) == 0 ? 0 : SV_DAEMON_MACHINE;
}

static int check(const gw_config *config) {
    sv_why why = { 0 };
    if ((more.device != NULL && sv_id_check("device id", sv_text_of(more.device), &why) != SV_OK)
        || (more.sensor != NULL && sv_id_check("sensor", sv_text_of(more.sensor), &why) != SV_OK)) {
        (void) fprintf(stderr, "selvedge-gateway: %s\n", why.text);
        return SV_DAEMON_USAGE;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    gw_explain(config, more.device, more.sensor, &told);
    (void) fwrite(told.at, 1, told.len, stdout);
    return fflush(stdout) == 0 ? 0 : SV_DAEMON_MACHINE;
}

int main(int argc, char **argv) {
    sv_daemon_asked asked;
    int early = sv_daemon_read(&DAEMON, argc, argv, &asked);
    if (early >= 0) {
        return early;
    }
    if (!asked.check && (more.device != NULL || more.sensor != NULL)) {
        (void) fputs("selvedge-gateway: --device and --sensor go with --check-config\n", stderr);
        return SV_DAEMON_USAGE;
    }
    static gw g;
    sv_why why = { 0 };
    sv_log_open(DAEMON.name, SV_LOG_info);
    config_path = asked.config;
    if (gw_config_load(asked.config, &g.config, &why) != SV_OK) {
        return sv_daemon_fail(&DAEMON, SV_ERR_INVALID, &why);
    }
    int code = 0;
    if (more.print) {
        code = print_mosquitto(&g.config, &more.mosquitto);
    } else {
        code = asked.check ? check(&g.config) : run(&g);
    }
    gw_config_drop(&g.config);
    return code;
}
