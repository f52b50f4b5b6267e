// What a pilot writes before it starts anything: PKI, leaves, one configuration file per program.
#include "pilot.h"
#include "pilot_release.h"
#include <crypto/pki.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONFIG_MAX = 16384,
    PORT_MQTT = 8883,
    PORT_OPERATOR = 8443,
    PORT_DEVICE = 8444,
    PORT_DOOR = 8454, ///< gateways' device doors; the fleet server's is PORT_DEVICE
    PORT_LOCAL = 9464,
    SOCKET_ROOM = 100, ///< what the address of a unix socket has room for
};

/// What lies in the folder and is ours; --fresh removes these and nothing else.
static const char *const OURS[] = { "pki",   "keys",     "signer", "fleet",
                                    "agent", "firmware", "log",    "pilot.json" };

void pilot_path(const pilot *p, char room[SV_PATH_MAX], const char *relative) {
    if (sv_disk_join(room, SV_PATH_MAX, p->dir, relative) != SV_OK) {
        abort();
    }
}

sv_err pilot_forget(const pilot *p, sv_why *why) {
    char path[SV_PATH_MAX];
    for (size_t i = 0; i < SV_COUNT(OURS); i++) {
        pilot_path(p, path, OURS[i]);
        SV_TRY(sv_disk_remove_tree(path, why));
    }
    for (int i = 1; i <= PILOT_SITES_MAX; i++) {
        char name[32];
        (void) snprintf(name, sizeof name, "site-%d", i);
        pilot_path(p, path, name);
        SV_TRY(sv_disk_remove_tree(path, why));
    }
    return SV_OK;
}

static sv_err issue(const pilot *p, const char *id, sv_role role, const char *extra_ip,
                    sv_why *why) {
    char pki[SV_PATH_MAX];
    char out[SV_PATH_MAX];
    char crt[SV_PATH_MAX];
    char relative[SV_ID_MAX * 2 + 16];
    pilot_path(p, pki, "pki");
    (void) snprintf(relative, sizeof relative, "keys/%s", id);
    pilot_path(p, out, relative);
    (void) snprintf(relative, sizeof relative, "keys/%s/%s.crt", id, id);
    pilot_path(p, crt, relative);
    if (sv_disk_exists(crt)) {
        return SV_OK;
    }
    SV_TRY(sv_disk_make_folder(out, 0700, why));
    bool named = role == SV_ROLE_SERVER || role == SV_ROLE_GATEWAY;
    sv_pki_leaf leaf = { .id = id, .role = role, .key = SV_KEY_EC, .out = out };
    if (named) {
        leaf.dns[0] = "localhost";
        leaf.ip[0] = "127.0.0.1";
        leaf.ip[1] = extra_ip;
    }
    return sv_pki_issue(pki, &leaf, why);
}

/// The dashboard on another address has a certificate of its own, which carries that address.
static void dashboard_id(const pilot *p, char out[SV_ID_ROOM]) {
    (void) snprintf(out, SV_ID_ROOM, "dashboard-%s", p->options.bind);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '.' ? '-' : *at;
    }
}

/// Keys of authorities lie where the signer alone reads, and are links in the PKI's folder: all
/// programs of a pilot run as one user, and the sandbox of each goes by folders. [sandbox-8]
static sv_err keep_keys_apart(const pilot *p, sv_why *why) {
    static const char *const KEYS[] = { "ca.key", "root", "former" };
    for (size_t i = 0; i < SV_COUNT(KEYS); i++) {
        char in_pki[SV_PATH_MAX];
        char apart[SV_PATH_MAX];
        char relative[64];
        struct stat info;
        (void) snprintf(relative, sizeof relative, "pki/%s", KEYS[i]);
        pilot_path(p, in_pki, relative);
        (void) snprintf(relative, sizeof relative, "signer/%s", KEYS[i]);
        pilot_path(p, apart, relative);
        (void) snprintf(relative, sizeof relative, "../signer/%s", KEYS[i]);
        bool there = lstat(in_pki, &info) == 0;
        if (there && S_ISLNK(info.st_mode)) {
            continue;
        }
        if (!there && strcmp(KEYS[i], "former") == 0) { // none was exchanged yet
            SV_TRY(sv_disk_make_folder(apart, 0700, why));
        }
        if ((there && rename(in_pki, apart) != 0) || symlink(relative, in_pki) != 0) {
            return sv_fail(why, SV_ERR_IO, "cannot keep '%s' apart: %m", in_pki);
        }
    }
    return SV_OK;
}

static sv_err make_pki(const pilot *p, sv_why *why) {
    char pki[SV_PATH_MAX];
    char ca[SV_PATH_MAX];
    char crl[SV_PATH_MAX];
    pilot_path(p, pki, "pki");
    pilot_path(p, ca, "pki/ca.crt");
    pilot_path(p, crl, "pki/crl.pem");
    if (!sv_disk_exists(ca)) {
        pilot_say("making a PKI: offline root, issuing CA");
        sv_pki_setup setup = { .dir = pki, .org = "Selvedge pilot", .key = SV_KEY_EC };
        SV_TRY(sv_pki_init(&setup, why));
    }
    SV_TRY(keep_keys_apart(p, why));
    SV_TRY(sv_pki_crl(pki, crl, why));
    SV_TRY(issue(p, "fleet-server", SV_ROLE_SERVER, NULL, why));
    if (p->options.bind != NULL) {
        char id[SV_ID_ROOM];
        dashboard_id(p, id);
        SV_TRY(issue(p, id, SV_ROLE_SERVER, p->options.bind, why));
    }
    SV_TRY(issue(p, "this-machine", SV_ROLE_DEVICE, NULL, why));
    for (size_t i = 0; i < p->site_count; i++) {
        SV_TRY(issue(p, p->sites[i].gateway_id, SV_ROLE_GATEWAY, NULL, why));
    }
    return SV_OK;
}

static sv_err write_config(const char *path, sv_textbuf *yaml, sv_why *why) {
    if (sv_textbuf_end(yaml) != SV_OK) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the configuration '%s' would be larger than %d bytes",
                       path, CONFIG_MAX);
    }
    return sv_disk_replace(path, sv_textbuf_text(yaml), 0600, why);
}

/// A socket's path has an end; without the signer everything but enrolment works.
static void choose_signer_socket(pilot *p) {
    pilot_path(p, p->signer_socket, "signer/signer.sock");
    if (strlen(p->signer_socket) >= SOCKET_ROOM) {
        pilot_say("'%s' is too long a path for a socket: no signer is started, and no device can "
                  "enrol; choose a shorter --dir",
                  p->signer_socket);
        p->signer_socket[0] = '\0';
    }
}

static sv_err write_signer(const pilot *p, sv_why *why) {
    if (p->signer_socket[0] == '\0') {
        return SV_OK;
    }
    char room[CONFIG_MAX];
    sv_textbuf yaml = SV_TEXTBUF(room);
    sv_textbuf_addf(&yaml, "pki: %s/pki\nsocket: %s\nroles: [device, gateway, server]\n", p->dir,
                    p->signer_socket);
    char path[SV_PATH_MAX];
    pilot_path(p, path, "signer/signer.yaml");
    return write_config(path, &yaml, why);
}

static sv_err write_fleet(const pilot *p, sv_why *why) {
    char room[CONFIG_MAX];
    sv_textbuf yaml = SV_TEXTBUF(room);
    const char *bind = p->options.bind;
    sv_textbuf_addf(&yaml, "id: fleet-server\nstore: {path: %s/fleet/fleet.db, retention: 30d}\n",
                    p->dir);
    sv_textbuf_addf(&yaml, "operator:\n  bind: %s\n  port: %u\n", bind == NULL ? "127.0.0.1" : bind,
                    p->operators.number);
    if (bind != NULL) {
        char id[SV_ID_ROOM];
        dashboard_id(p, id);
        sv_textbuf_addf(&yaml, "  tls:\n    cert: %s/keys/%s/%s.crt\n", p->dir, id, id);
        sv_textbuf_addf(&yaml, "    key: %s/keys/%s/%s.key\n", p->dir, id, id);
    }
    sv_textbuf_addf(&yaml, "device:\n  bind: 127.0.0.1\n  port: %u\n  tls:\n", p->devices.number);
    sv_textbuf_addf(&yaml, "    ca: %s/pki/ca.crt\n    crl: %s/pki/crl.pem\n", p->dir, p->dir);
    sv_textbuf_addf(&yaml, "    cert: %s/keys/fleet-server/fleet-server.crt\n", p->dir);
    sv_textbuf_addf(&yaml, "    key: %s/keys/fleet-server/fleet-server.key\n", p->dir);
    if (p->signer_socket[0] != '\0') {
        sv_textbuf_addf(&yaml, "signer: {socket: %s}\n", p->signer_socket);
    }
    sv_textbuf_addf(&yaml, "pki: %s/pki\nadmin_token_file: %s/fleet/admin.token\ngateways:\n",
                    p->dir, p->dir);
    for (size_t i = 0; i < p->site_count; i++) {
        const pilot_site *site = &p->sites[i];
        sv_textbuf_addf(&yaml, "  %s: {site: %s, door: '127.0.0.1:%u', mqtt: '127.0.0.1:%u'}\n",
                        site->gateway_id, site->name, site->door.number, site->mqtt.number);
    }
    char path[SV_PATH_MAX];
    pilot_path(p, path, "fleet/fleet.yaml");
    return write_config(path, &yaml, why);
}

static const char RULES[] =
    "groups: {pumps: ['pump-*'], presses: ['press-*'], ovens: ['oven-*']}\n"
    "thresholds:\n"
    "  sensors:\n"
    "    temperature: {high: {warning: 80, critical: 95}, hysteresis: 3}\n"
    "    vibration: {high: 7.1, severity: critical, hysteresis: 1}\n"
    "stale: {default: 2m}\n"
    "flapping: {raises: 4, within: 10m}\n"
    "detect: {groups: {ovens: {sensors: {pressure: {learn: 3m}}}}}\n"
    "rules:\n"
    "  groups:\n"
    "    pumps:\n"
    "      strained:\n"
    "        when: temperature > 80 and vibration > 7 for 5 s\n"
    "        message: 'Hot and shaking: {temperature} °C, {vibration} mm/s'\n"
    "        severity: critical\n"
    "        clear: 10s\n"
    "    presses:\n"
    "      overheated:\n"
    "        when: temperature > 90 for 20 s\n"
    "        message: 'Stopped at {temperature} °C'\n"
    "        severity: critical\n"
    "        clear: 10s\n"
    "        then: {command: stop}\n"
    "      still:\n"
    "        when: current < 8 for 30 s\n"
    "        message: 'Stands still; ask it to start on its page'\n"
    "commands: {allow: {default: [stop]}}\n"
    "change:\n"
    "  default: 1.0\n"
    "  sensors: {temperature: 1, vibration: 0.4, pressure: 10%, current: 15%}\n"
    "uplink: {default: change}\n";

static sv_err write_gateway(const pilot *p, const pilot_site *site, sv_why *why) {
    char room[CONFIG_MAX];
    sv_textbuf yaml = SV_TEXTBUF(room);
    sv_textbuf_addf(&yaml, "id: %s\nsite: %s\n", site->gateway_id, site->name);
    sv_textbuf_addf(&yaml,
                    "listen:\n  bind: 127.0.0.1\n  port: %u\n  classic_certificates: allow\n",
                    site->mqtt.number);
    char socket[SV_PATH_MAX];
    SV_TRY(sv_disk_join(socket, sizeof socket, site->folder, "mqtt.sock"));
    if (strlen(socket) < SOCKET_ROOM) {
        sv_textbuf_addf(&yaml, "  socket: %s\n", socket);
    }
    sv_textbuf_addf(
        &yaml, "tls:\n  ca: %s/pki/ca.crt\n  cert: %s/keys/%s/%s.crt\n  key: %s/keys/%s/%s.key\n",
        p->dir, p->dir, site->gateway_id, site->gateway_id, p->dir, site->gateway_id,
        site->gateway_id);
    sv_textbuf_addf(&yaml, "  crl: %s/pki/crl.pem\n", p->dir);
    sv_textbuf_addf(&yaml, "door: {bind: 127.0.0.1, port: %u}\n", site->door.number);
    bool by_line = p->line != NULL && site == &p->sites[p->site_count - 1];
    sv_textbuf_addf(&yaml, "fleet: {url: 'https://127.0.0.1:%u', every: 1s}\n",
                    by_line ? sv_forward_port(p->line) : p->devices.number);
    sv_textbuf_addf(&yaml, "store: {path: %s/gateway.db, retention: 7d, bytes: 1GiB}\n",
                    site->folder);
    sv_textbuf_addf(&yaml, "http: {port: %u}\n%s", site->http.number, RULES);
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_join(path, sizeof path, site->folder, "gateway.yaml"));
    return write_config(path, &yaml, why);
}

static sv_err write_agent(const pilot *p, sv_why *why) {
    char room[CONFIG_MAX];
    sv_textbuf yaml = SV_TEXTBUF(room);
    sv_textbuf_addf(&yaml, "id: this-machine\ngateway: {host: 127.0.0.1, port: %u}\n",
                    p->sites[0].mqtt.number);
    sv_textbuf_addf(&yaml,
                    "tls:\n  ca: %s/pki/ca.crt\n  cert: %s/keys/this-machine/this-machine.crt\n",
                    p->dir, p->dir);
    sv_textbuf_addf(&yaml, "  key: %s/keys/this-machine/this-machine.key\nhealth: {interval: 5s}\n",
                    p->dir);
    sv_textbuf_addf(&yaml, "spool: {path: %s/agent/spool}\n", p->dir);
    sv_textbuf_addf(&yaml, "enrolment: {at: '127.0.0.1:%u'}\n", p->sites[0].door.number);
    char socket[SV_PATH_MAX];
    pilot_path(p, socket, "firmware/machines/this-machine/sock");
    if (p->signer_socket[0] != '\0' && strlen(socket) < SOCKET_ROOM) {
        sv_textbuf_addf(&yaml, "update: {socket: %s, door: 'https://127.0.0.1:%u'}\n", socket,
                        p->sites[0].door.number);
    }
    char path[SV_PATH_MAX];
    pilot_path(p, path, "agent/agent.yaml");
    return write_config(path, &yaml, why);
}

/// Machines are shared out evenly; the last device of all is this machine itself, at the first
/// site.
static sv_err lay_out_sites(pilot *p, sv_why *why) {
    p->site_count = (size_t) p->options.sites;
    int64_t machines = p->options.devices - 1;
    int64_t next = 1;
    for (size_t i = 0; i < p->site_count; i++) {
        pilot_site *site = &p->sites[i];
        (void) snprintf(site->name, sizeof site->name, "site-%zu", i + 1);
        (void) snprintf(site->gateway_id, sizeof site->gateway_id, "gateway-%zu", i + 1);
        pilot_path(p, site->folder, site->name);
        SV_TRY(sv_disk_make_folder(site->folder, 0700, why));
        site->first_device = next;
        site->device_count =
            machines / p->options.sites + ((int64_t) i < machines % p->options.sites ? 1 : 0);
        next += site->device_count;
        SV_TRY(pilot_port_choose("127.0.0.1", (uint16_t) (PORT_MQTT + i * 10), "devices' MQTT door",
                                 &site->mqtt, why));
        SV_TRY(pilot_port_choose("127.0.0.1", (uint16_t) (PORT_DOOR + i), "gateway's device door",
                                 &site->door, why));
        SV_TRY(pilot_port_choose("127.0.0.1", (uint16_t) (PORT_LOCAL + i), "gateway's local page",
                                 &site->http, why));
    }
    return SV_OK;
}

sv_err pilot_prepare(pilot *p, sv_why *why) {
    static const char *const FOLDERS[] = { "keys", "signer", "fleet", "agent", "log" };
    for (size_t i = 0; i < SV_COUNT(FOLDERS); i++) {
        char path[SV_PATH_MAX];
        pilot_path(p, path, FOLDERS[i]);
        SV_TRY(sv_disk_make_folder(path, 0700, why));
    }
    SV_TRY(lay_out_sites(p, why));
    const char *outside = p->options.bind == NULL ? "127.0.0.1" : p->options.bind;
    SV_TRY(pilot_port_choose(outside, PORT_OPERATOR, "dashboard", &p->operators, why));
    SV_TRY(pilot_port_choose("127.0.0.1", PORT_DEVICE, "fleet server's device door", &p->devices,
                             why));
    (void) snprintf(p->operator_url, sizeof p->operator_url, "%s://%s:%u",
                    p->options.bind == NULL ? "http" : "https", outside, p->operators.number);
    (void) snprintf(p->device_url, sizeof p->device_url, "https://127.0.0.1:%u", p->devices.number);
    if (p->options.check && p->site_count > 1) {
        SV_TRY(sv_forward_open(p->loop, p->devices.number, &p->line, why));
    }
    SV_TRY(make_pki(p, why));
    choose_signer_socket(p);
    if (p->signer_socket[0] != '\0') {
        SV_TRY(pilot_release_make(p, why));
    }
    SV_TRY(write_signer(p, why));
    SV_TRY(write_fleet(p, why));
    SV_TRY(write_agent(p, why));
    for (size_t i = 0; i < p->site_count; i++) {
        SV_TRY(write_gateway(p, &p->sites[i], why));
    }
    return SV_OK;
}
