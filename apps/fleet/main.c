// selvedge-fleet: registry, alert inbox, API and dashboard. One thread around one loop.
#include "actions.h"
#include "asks.h"
#include "audit_keep.h"
#include "belief.h"
#include "box.h"
#include "campaigns.h"
#include "census.h"
#include "certificate_shown.h"
#include "certify.h"
#include "clones.h"
#include "commands.h"
#include "crl.h"
#include "device_door.h"
#include "director.h"
#include "enrol.h"
#include "est_door.h"
#include "expiry.h"
#include "first_admin.h"
#include "fleet.h"
#include "images_store.h"
#include "inbox.h"
#include "maintenance.h"
#include "notify.h"
#include "notify_view.h"
#include "offline.h"
#include "operator_door.h"
#include "own_certificate.h"
#include "reach.h"
#include "recovered.h"
#include "savings.h"
#include "series.h"
#include "signer.h"
#include "site_groups.h"
#include "standing_folder.h"
#include "standing_push.h"
#include "uplink.h"
#include "views.h"

#include <codec/encode.h>
#include <codec/json.h>
#include <crypto/random.h>
#include <net/http_server.h>
#include <net/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/daemon.h>
#include <sys/log.h>

enum { CONNECTIONS_MAX = 1024, STRANGERS_MAX = 256, PRUNE_TURNS = 60 };

typedef struct program {
    const char *config_path;
    sv_fleet fleet;
    sv_loop *loop;
    sv_http_server *operators, *devices;
    sv_tls *operator_tls;
    sv_own_certificates *own_certificates;
    sv_timer *second, *ping;
    unsigned turn;
    bool ready; ///< it has said so
    char run[SV_AUDIT_DETAIL_MAX];
    int64_t prune_cursor;
} program;

// ---- what happens by itself ---------------------------------------------------------------------

static void tell_overview(sv_fleet *fleet) {
    if (!sv_live_is_watched(fleet->live)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_HTTP_STREAM_QUEUE_MAX);
    const char *views[SV_LIVE_CLIENTS_MAX] = { NULL };
    size_t count = sv_live_views(fleet->live, views);
    for (size_t i = 0; i < count; i++) {
        char view[SV_SITES_ROOM];
        sv_json_out out = SV_JSON_OUT(&data);
        (void) snprintf(view, sizeof view, "%s", views[i]); // whose client may go meanwhile
        sv_textbuf_clear(&data);
        if (sv_view_overview(fleet, view, &out, NULL) == SV_OK && !data.overflowed) {
            sv_live_send_view(fleet->live, view, "overview", sv_textbuf_text(&data));
        }
    }
}

static void on_second(void *arg) {
    program *p = arg;
    p->turn++;
    sv_fleet_belief_turn(&p->fleet);
    sv_fleet_judge(&p->fleet);
    sv_maintenance_turn(&p->fleet);
    sv_offline_turn(&p->fleet);
    sv_certify_turn(p->fleet.certify);
    sv_import_turn(&p->fleet);
    sv_expiry_turn(&p->fleet);
    sv_live_flush(p->fleet.live);
    sv_push_turn(&p->fleet);
    sv_clones_turn(&p->fleet);
    sv_standing_folder_turn(&p->fleet);
    sv_standing_turn(&p->fleet);
    sv_notify_turn(&p->fleet);
    sv_asks_turn(&p->fleet);
    sv_audit_turn(&p->fleet);
    sv_director_turn(&p->fleet);
    sv_actions_turn(&p->fleet);
    sv_site_groups_turn(&p->fleet);
    sv_savings_turn(&p->fleet);
    if (p->turn % 2 == 0) {
        tell_overview(&p->fleet);
    }
    if (p->turn % PRUNE_TURNS == 0) {
        sv_recovered_turn(&p->fleet);
        sv_fleet_prune(&p->fleet, &p->prune_cursor);
        sv_reach_review(&p->fleet);
        sv_first_admin_turn(&p->fleet);
        sv_images_turn(&p->fleet);
        sv_certificate_shown_turn(&p->fleet);
    }
}

static void on_ping(void *arg) {
    program *p = arg;
    sv_live_ping(p->fleet.live);
    sv_push_ping(&p->fleet);
}

static void on_stop(void *arg) {
    sv_loop_stop(((program *) arg)->loop);
}

// ---- doors --------------------------------------------------------------------------------------

static const char *or_null(const char *path) {
    return path[0] != '\0' ? path : NULL;
}

/// NULL: plain HTTP.
static sv_err open_operator_tls(const program *p, sv_tls **out, sv_why *why) {
    const sv_fleet_door *door = &p->fleet.config.operators;
    const sv_tls_files files = { .cert = door->tls.cert, .key = door->tls.key };
    *out = NULL;
    return door->tls.cert[0] == '\0' ? SV_OK
                                     : sv_tls_server(&files, SV_TLS_CLIENTS_NONE, false, out, why);
}

static sv_err open_operator_door(program *p, sv_why *why) {
    const sv_fleet_door *door = &p->fleet.config.operators;
    SV_TRY(open_operator_tls(p, &p->operator_tls, why));
    sv_http_server_options options = { .bind = door->bind,
                                       .port = (uint16_t) door->port,
                                       .tls = p->operator_tls,
                                       .body_max = SV_OPERATOR_BODY_MAX,
                                       .room_max = SV_OPERATOR_ROOM_MAX,
                                       .connections_max = CONNECTIONS_MAX };
    return sv_http_server_open(p->loop, &options, sv_operator_door, &p->fleet, &p->operators, why);
}

static sv_err open_device_tls(const program *p, sv_tls **out, sv_why *why) {
    const sv_fleet_door *door = &p->fleet.config.devices;
    sv_tls_files files = { .ca = door->tls.ca,
                           .cert = door->tls.cert,
                           .key = door->tls.key,
                           .crl = or_null(door->tls.crl),
                           .manufacturers = or_null(p->fleet.config.enrolment.manufacturers) };
    return sv_tls_server(&files, SV_TLS_CLIENTS_NEWCOMERS, false, out, why);
}

// ---- what this server does by itself is in the log as well --------------------------------------

/// What runs: for the line of its start, and of its end.
static void name_run(program *p) {
    char room[2 * SV_AUDIT_HASH_BYTES + 1];
    uint8_t hash[SV_AUDIT_HASH_BYTES];
    sv_textbuf hex = SV_TEXTBUF(room);
    SV_DEFER(sv_textbuf_drop) sv_textbuf config = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    if (sv_disk_read(p->config_path, &config, NULL) == SV_OK) {
        sv_sha256(sv_textbuf_text(&config), hash);
        sv_hex_add(&hex, hash, sizeof hash);
    }
    (void) snprintf(p->run, sizeof p->run, "version %s, configuration SHA-256 " SV_TEXT_FMT,
                    SV_VERSION, SV_TEXT_ARG(sv_textbuf_text(&hex)));
}

/// When it ran. [audit-15]
static void note_run(program *p, const char *what) {
    sv_audit_note(&p->fleet, &(sv_audit_event){ .at_us = p->fleet.wall_us(),
                                                .who = "fleet",
                                                .what = what,
                                                .about = p->fleet.config.id,
                                                .detail = p->run });
}

enum { SETUP_BYTES_MAX = 1024 * 1024 };

/// SIGHUP has read it again; who sent that is known to the machine.
static void note_reload(sv_fleet *fleet, sv_audit_outcome outcome, const char *detail,
                        const sv_textbuf *before, const sv_textbuf *after) {
    sv_audit_note(fleet, &(sv_audit_event){ .at_us = fleet->wall_us(),
                                            .who = "fleet",
                                            .what = "config.reload",
                                            .about = fleet->config.id,
                                            .outcome = outcome,
                                            .detail = detail,
                                            .before = sv_textbuf_text(before),
                                            .after = sv_textbuf_text(after) });
}

static void write_setup(const sv_fleet *fleet, sv_textbuf *out) {
    sv_json_out json = SV_JSON_OUT(out);
    sv_notify_config_write(fleet->config.notify, &json);
}

enum { FAULTS_BYTES_MAX = 256 * 1024 };

/// Who is told about alerts, and after how long a silence: all of it or nothing. [notify-11]
static void reload_notify(program *p) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf faults = SV_TEXTBUF_HEAP(FAULTS_BYTES_MAX);
    SV_DEFER(sv_fleet_config_drop) sv_fleet_config config = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf before = SV_TEXTBUF_HEAP(SETUP_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf after = SV_TEXTBUF_HEAP(SETUP_BYTES_MAX);
    write_setup(&p->fleet, &before);
    if (sv_fleet_config_load(p->config_path, &config, &faults) != SV_OK) {
        sv_text rest = sv_textbuf_text(&faults);
        sv_text first = sv_text_cut(&rest, '\n');
        char detail[SV_AUDIT_DETAIL_MAX];
        (void) snprintf(detail, sizeof detail, SV_TEXT_FMT "; what was configured before stays",
                        SV_TEXT_ARG(first));
        note_reload(&p->fleet, SV_AUDIT_FAILED, detail, &before, &before);
        SV_LOG(error, "notify.refused", "%s", detail);
        return;
    }
    sv_notify_configure(&p->fleet, config.notify);
    config.notify = NULL;
    sv_offline_config_drop(&p->fleet.config.offline);
    p->fleet.config.offline = config.offline;
    config.offline = (sv_offline_config){ 0 };
    write_setup(&p->fleet, &after);
    note_reload(&p->fleet, SV_AUDIT_DONE, "whom alerts tell, and after how long a silence", &before,
                &after);
    SV_LOG(info, "notify.reloaded", "%zu channels, %zu routes",
           p->fleet.config.notify->channel_count, p->fleet.config.notify->route_count);
}

/// Who comes from now on, and whoever a gateway passes on, is judged by the files as they are now.
static void reload_device_tls(program *p) {
    sv_tls *fresh = NULL;
    sv_why why = { 0 };
    if (open_device_tls(p, &fresh, &why) != SV_OK) {
        SV_LOG(error, "tls.refused", "%s; the device door's old certificates stay", why.text);
        return;
    }
    sv_http_server_tls(p->devices, fresh);
    sv_tls_drop(&p->fleet.device_tls);
    p->fleet.device_tls = fresh;
    SV_LOG(info, "tls.reloaded", "certificates and revocation list of the device door read again");
}

static void reload_operator_tls(program *p) {
    sv_tls *fresh = NULL;
    sv_why why = { 0 };
    if (open_operator_tls(p, &fresh, &why) != SV_OK) {
        SV_LOG(error, "tls.refused", "%s; the operator door's old certificate stays", why.text);
    } else if (fresh != NULL) {
        sv_http_server_tls(p->operators, fresh);
        sv_tls_drop(&p->operator_tls);
        p->operator_tls = fresh;
    }
}

static void reload_tls(void *arg) {
    reload_device_tls(arg);
    reload_operator_tls(arg);
}

static void on_reload(void *arg) {
    reload_tls(arg);
    reload_notify(arg);
}

static void on_unwelcome(void *arg, const char *peer, const sv_why *why) {
    (void) arg;
    SV_LOG(warn, "device.expelled", "%s: %s", peer, why->text);
}

static void on_unfinished(void *arg, const char *peer, size_t bytes) {
    (void) arg;
    SV_LOG(warn, "device.unfinished",
           "%s: %zu bytes came and no request was taken: it was not whole, or larger than is "
           "allowed",
           peer, bytes);
}

static sv_err open_device_door(program *p, sv_why *why) {
    const sv_fleet_door *door = &p->fleet.config.devices;
    SV_TRY(open_device_tls(p, &p->fleet.device_tls, why));
    sv_http_server_options options = { .bind = door->bind,
                                       .port = (uint16_t) door->port,
                                       .tls = p->fleet.device_tls,
                                       .body_max = SV_UPLINK_BODY_MAX,
                                       .strangers_max = STRANGERS_MAX,
                                       .stranger_body_max = SV_EST_BODY_LOOKED_AT_MAX,
                                       .connections_max = CONNECTIONS_MAX,
                                       .unwelcome = on_unwelcome,
                                       .unfinished = on_unfinished };
    return sv_http_server_open(p->loop, &options, sv_device_door, &p->fleet, &p->devices, why);
}

static sv_err write_ports(const program *p, sv_why *why) {
    if (p->fleet.config.ports_file[0] == '\0') {
        return SV_OK;
    }
    char room[128];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_textbuf_addf(&json, "{\"operator\":%u,\"device\":%u}\n", sv_http_server_port(p->operators),
                    sv_http_server_port(p->devices));
    SV_TRY(sv_textbuf_end(&json));
    return sv_disk_replace(p->fleet.config.ports_file, sv_textbuf_text(&json), 0644, why);
}

static sv_err start(program *p, sv_fleet_config *config, sv_why *why) {
    sv_err err = sv_fleet_box_files(config, p->config_path, why);
    if (err == SV_OK) {
        err = sv_loop_open(&p->loop, why);
    }
    if (err != SV_OK) {
        sv_fleet_config_drop(config);
        return err;
    }
    SV_TRY(sv_fleet_open(p->loop, config, &p->fleet, why));
    SV_TRY(sv_fleet_belief_resume(&p->fleet, why));
    sv_census_look(&p->fleet);
    SV_TRY(sv_loop_on_signal(p->loop, SIGTERM, on_stop, p, why));
    SV_TRY(sv_loop_on_signal(p->loop, SIGINT, on_stop, p, why));
    SV_TRY(open_operator_door(p, why));
    SV_TRY(open_device_door(p, why));
    p->fleet.device_port = sv_http_server_port(p->devices);
    SV_TRY(sv_loop_on_signal(p->loop, SIGHUP, on_reload, p, why));
    SV_TRY(write_ports(p, why));
    sv_first_admin_open(&p->fleet, sv_http_server_port(p->operators));
    p->own_certificates = sv_own_certificates_open(&p->fleet, sv_signer_issue, reload_tls, p);
    p->second = sv_timer_new(p->loop, on_second, p);
    p->ping = sv_timer_new(p->loop, on_ping, p);
    sv_timer_every(p->second, SV_LIVE_POINTS_US);
    sv_timer_every(p->ping, SV_LIVE_PING_US);
    SV_TRY(sv_fleet_box_seal(why));
    name_run(p);
    note_run(p, "server.start");
    sv_campaigns_run(&p->fleet);
    p->ready = true;
    SV_LOG(info, "fleet.ready", "%s: operator door on %s:%u, device door on %s:%u, %zu devices",
           p->fleet.config.id, p->fleet.config.operators.bind, sv_http_server_port(p->operators),
           p->fleet.config.devices.bind, sv_http_server_port(p->devices),
           sv_registry_device_count(p->fleet.registry));
    return SV_OK;
}

// The streams go before the server they run on, the server before the loop.
static void stop(program *p) {
    sv_timer_drop(&p->second);
    sv_timer_drop(&p->ping);
    if (p->ready) {
        note_run(p, "server.stop");
        sv_audit_finish(&p->fleet);
    }
    sv_own_certificates_drop(&p->own_certificates);
    sv_certify_drop(&p->fleet.certify);
    sv_signer_drop(&p->fleet.signer);
    sv_crl_drop(&p->fleet.crl);
    sv_asks_drop(&p->fleet.asks);
    sv_passwords_drop(&p->fleet.passwords);
    sv_images_drop(&p->fleet.images);
    sv_campaigns_drop(&p->fleet.campaigns);
    sv_live_drop(&p->fleet.live);
    sv_push_drop(&p->fleet.push);
    sv_notify_drop(&p->fleet.notify);
    sv_http_server_drop(&p->operators);
    sv_http_server_drop(&p->devices);
    sv_tls_drop(&p->operator_tls);
    sv_tls_drop(&p->fleet.device_tls);
    sv_fleet_drop(&p->fleet);
    sv_loop_drop(&p->loop);
}

// ---- command line -------------------------------------------------------------------------------

static const sv_daemon DAEMON = {
    .name = "selvedge-fleet",
    .usage = "selvedge-fleet --config FILE [--check-config]",
    .about = "The fleet server: registry, alert inbox, API and dashboard.",
    .notes = "Signals: SIGHUP reads again both doors' certificates, the device door's revocation "
             "list, and\nthe sections notify and offline; SIGTERM ends.\n",
    .keys = sv_fleet_config_help,
};

static int serve(const char *path, sv_fleet_config *config) {
    program p = { .config_path = path };
    sv_why why = { 0 };
    sv_err err = start(&p, config, &why);
    if (err == SV_OK) {
        err = sv_loop_run(p.loop, &why);
    }
    if (err != SV_OK) {
        SV_LOG(error, "fleet.failed", "%s", why.text);
    }
    stop(&p);
    return err == SV_OK            ? SV_DAEMON_DONE
           : err == SV_ERR_INVALID ? SV_DAEMON_USAGE
                                   : SV_DAEMON_MACHINE;
}

int main(int argc, char **argv) {
    sv_daemon_asked asked;
    int early = sv_daemon_read(&DAEMON, argc, argv, &asked);
    if (early >= 0) {
        return early;
    }
    sv_log_open(DAEMON.name, SV_LOG_info);
    SV_DEFER(sv_textbuf_drop) sv_textbuf faults = SV_TEXTBUF_HEAP(FAULTS_BYTES_MAX);
    sv_fleet_config config = { 0 };
    if (sv_fleet_config_load(asked.config, &config, &faults) != SV_OK) {
        (void) fprintf(stderr, SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults)));
        return SV_DAEMON_USAGE;
    }
    if (asked.check) {
        sv_fleet_config_drop(&config);
        return sv_daemon_fine(asked.config);
    }
    return serve(asked.config, &config);
}
