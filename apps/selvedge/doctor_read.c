// What a program's configuration names, as far as the doctor looks at it. The program itself judges
// the file; here what cannot be read is passed over.
#include "doctor.h"

#include <codec/config.h>
#include <crypto/key_store.h>
#include <crypto/tpm_counter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MQTT_PORT = 8883, DEVICE_PORT = 8444, OPERATOR_PORT = 8443 };

/// The scalar at `section.key` (`section` NULL: at `key`), or empty.
static sv_text value_of(const sv_config_node *root, const char *section, const char *key) {
    const sv_config_node *map = section == NULL ? root : sv_config_node_get(root, section);
    bool is_map = map != NULL && sv_config_node_kind(map) == SV_CONFIG_MAP;
    const sv_config_node *node = is_map ? sv_config_node_get(map, key) : NULL;
    return node != NULL && sv_config_node_kind(node) == SV_CONFIG_SCALAR ? sv_config_node_text(node)
                                                                         : SV_TEXT("");
}

static bool copy(sv_text text, char *room, size_t room_bytes) {
    if (text.len == 0 || sv_text_copy(text, room, room_bytes) != SV_OK) {
        room[0] = '\0';
        return false;
    }
    return true;
}

static uint16_t port_of(sv_text text, uint16_t fallback) {
    uint64_t port = 0;
    return text.len > 0 && sv_text_u64(text, UINT16_MAX, &port) == SV_OK ? (uint16_t) port
                                                                         : fallback;
}

static doctor_file *add_file(doctor_subject *out, sv_text path) {
    if (path.len == 0 || out->file_count == DOCTOR_FILES_MAX || sv_key_is_hard(path)) {
        return NULL;
    }
    doctor_file *file = &out->files[out->file_count];
    *file = (doctor_file){ .path = "" };
    if (!copy(path, file->path, sizeof file->path)) {
        return NULL;
    }
    out->file_count++;
    return file;
}

static void add_secret(doctor_subject *out, sv_text path, bool optional) {
    doctor_file *file = add_file(out, path);
    if (file != NULL) {
        file->secret = true;
        file->optional = optional;
    }
}

/// The folder that `file` stands in, where the program writes.
static void add_folder_of(doctor_subject *out, sv_text file) {
    size_t len = file.len;
    while (len > 0 && file.at[len - 1] != '/') {
        len--;
    }
    bool top = len == 1;
    sv_text folder = len == 0 ? SV_TEXT(".") : (sv_text){ .at = file.at, .len = top ? 1 : len - 1 };
    doctor_file *added = file.len > 0 ? add_file(out, folder) : NULL;
    if (added != NULL) {
        added->folder = true;
    }
}

/// As far as one may ask there: everywhere is here too.
static void add_listener(doctor_subject *out, sv_text bind, uint16_t port, const char *what) {
    if (port == 0 || out->listener_count == DOCTOR_LISTENERS_MAX) {
        return;
    }
    doctor_listener *listener = &out->listeners[out->listener_count++];
    listener->port = port;
    (void) snprintf(listener->what, sizeof listener->what, "%s", what);
    if (bind.len == 0 || sv_text_is(bind, "0.0.0.0")) {
        bind = SV_TEXT("127.0.0.1");
    } else if (sv_text_is(bind, "::")) {
        bind = SV_TEXT("::1");
    }
    (void) copy(bind, listener->host, sizeof listener->host);
}

static doctor_peer *add_peer(doctor_subject *out, const char *what) {
    doctor_peer *peer = &out->peers[out->peer_count++];
    *peer = (doctor_peer){ .tls = true, .shows_certificate = true };
    (void) snprintf(peer->what, sizeof peer->what, "%s", what);
    (void) snprintf(peer->ca, sizeof peer->ca, "%s", out->ca);
    return peer;
}

static void drop_peer_without(doctor_subject *out, bool good) {
    out->peer_count -= good ? 0 : 1;
}

static void read_tls(const sv_config_node *root, doctor_subject *out) {
    (void) copy(value_of(root, "tls", "ca"), out->ca, sizeof out->ca);
    (void) copy(value_of(root, "tls", "cert"), out->cert, sizeof out->cert);
    (void) copy(value_of(root, "tls", "key"), out->key, sizeof out->key);
    (void) add_file(out, sv_text_of(out->ca));
    (void) add_file(out, sv_text_of(out->cert));
    add_secret(out, sv_text_of(out->key), false);
    (void) add_file(out, value_of(root, "tls", "crl"));
}

// ---- each program -------------------------------------------------------------------------------

static void read_agent(const sv_config_node *root, doctor_subject *out) {
    sv_text at = value_of(root, "enrolment", "at");
    sv_text host = value_of(root, "gateway", "host");
    out->program = "selvedge-agent";
    read_tls(root, out);
    out->renews = !sv_text_is(value_of(root, "enrolment", "renew"), "off");
    if (out->renews) {
        add_folder_of(out, sv_text_of(out->cert));
    }
    doctor_file *spool = add_file(out, value_of(root, "spool", "path"));
    if (spool != NULL) {
        spool->folder = true;
        spool->optional = true;
    }
    (void) copy(value_of(root, "update", "socket"), out->updater_socket,
                sizeof out->updater_socket);
    doctor_peer *gateway = add_peer(out, "the gateway");
    gateway->port = port_of(value_of(root, "gateway", "port"), MQTT_PORT);
    gateway->foreign = sv_text_is(value_of(root, "gateway", "acks"), "true");
    drop_peer_without(out, copy(host, gateway->host, sizeof gateway->host));
    if (out->renews) {
        doctor_peer *door = add_peer(out, "the door where it renews its certificate");
        door->port = DEVICE_PORT;
        (void) snprintf(door->path, sizeof door->path, "/v1/self");
        sv_err err = at.len > 0 ? sv_host_port_parse(at, DEVICE_PORT, door->host, &door->port, NULL)
                                : sv_text_copy(host, door->host, sizeof door->host);
        drop_peer_without(out, err == SV_OK && door->host[0] != '\0');
    }
}

static void add_url_peer(doctor_subject *out, sv_text url, const char *what, const char *path) {
    sv_url parsed;
    if (url.len == 0 || sv_url_parse(url, &parsed, NULL) != SV_OK) {
        return;
    }
    doctor_peer *peer = add_peer(out, what);
    (void) snprintf(peer->host, sizeof peer->host, "%s", parsed.host);
    (void) snprintf(peer->path, sizeof peer->path, "%s", path);
    peer->port = parsed.port;
    peer->tls = parsed.tls;
}

static void add_alert_taker(doctor_subject *out, sv_text url, sv_text ca) {
    size_t before = out->peer_count;
    add_url_peer(out, url, "who takes alerts", "");
    if (out->peer_count > before) {
        doctor_peer *peer = &out->peers[before];
        peer->foreign = true;
        peer->shows_certificate = false;
        (void) copy(ca, peer->ca, sizeof peer->ca);
    }
}

static void read_gateway(const sv_config_node *root, doctor_subject *out) {
    char path[SV_ID_ROOM + 32];
    sv_text broker = value_of(root, "broker", "host");
    sv_text alerts = value_of(root, "alerts", "url");
    out->program = "selvedge-gateway";
    read_tls(root, out);
    out->renews = !sv_text_is(value_of(root, "tls", "renew"), "off");
    if (out->renews) {
        add_folder_of(out, sv_text_of(out->cert));
    }
    add_folder_of(out, value_of(root, "store", "path"));
    add_secret(out, value_of(root, "page", "token_file"), true);
    if (broker.len > 0) {
        doctor_peer *peer = add_peer(out, "the broker");
        peer->port = port_of(value_of(root, "broker", "port"), MQTT_PORT);
        peer->foreign = true;
        drop_peer_without(out, copy(broker, peer->host, sizeof peer->host));
    } else {
        add_listener(out, value_of(root, "listen", "bind"),
                     port_of(value_of(root, "listen", "port"), MQTT_PORT), "the MQTT door");
    }
    add_listener(out, value_of(root, "door", "bind"), port_of(value_of(root, "door", "port"), 0),
                 "the device door");
    add_listener(out, SV_TEXT("127.0.0.1"), port_of(value_of(root, "http", "port"), 0),
                 "the local page");
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/maintenance", out->id);
    add_url_peer(out, value_of(root, "fleet", "url"), "the fleet server", path);
    if (alerts.len > 0) {
        add_alert_taker(out, alerts, value_of(root, "alerts", "ca"));
    }
}

static const sv_config_node *section_of(const sv_config_node *root, const char *name) {
    const sv_config_node *section = sv_config_node_get(root, name);
    return section != NULL && sv_config_node_kind(section) == SV_CONFIG_MAP ? section : root;
}

static void read_fleet(const sv_config_node *root, doctor_subject *out) {
    const sv_config_node *operators = section_of(root, "operator");
    const sv_config_node *devices = section_of(root, "device");
    out->program = "selvedge-fleet";
    read_tls(devices, out);
    out->renews = true;
    (void) add_file(out, value_of(operators, "tls", "cert"));
    add_secret(out, value_of(operators, "tls", "key"), false);
    add_folder_of(out, value_of(root, "store", "path"));
    add_secret(out, value_of(root, NULL, "admin_token_file"), true);
    (void) copy(value_of(root, "signer", "socket"), out->socket, sizeof out->socket);
    add_listener(out, value_of(operators, NULL, "bind"),
                 port_of(value_of(operators, NULL, "port"), OPERATOR_PORT), "the operator door");
    add_listener(out, value_of(devices, NULL, "bind"),
                 port_of(value_of(devices, NULL, "port"), DEVICE_PORT), "the device door");
}

static void read_signer(const sv_config_node *root, doctor_subject *out) {
    char path[SV_PATH_MAX];
    char pki[SV_PATH_MAX];
    sv_text key = value_of(root, NULL, "key");
    out->program = "selvedge-signer";
    if (copy(value_of(root, NULL, "pki"), pki, sizeof pki)
        && sv_disk_join(path, sizeof path, pki, "ca.crt") == SV_OK) {
        (void) add_file(out, sv_text_of(path));
        if (key.len == 0 && sv_disk_join(path, sizeof path, pki, "ca.key") == SV_OK) {
            key = sv_text_of(path);
        }
    }
    add_secret(out, key, false);
    (void) copy(value_of(root, NULL, "socket"), out->socket, sizeof out->socket);
}

static void read_key_files(const sv_config_node *keys, doctor_updater *out) {
    if (keys == NULL || sv_config_node_kind(keys) != SV_CONFIG_LIST) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(keys) && out->key_count < DOCTOR_KEYS_MAX; i++) {
        const sv_config_node *key = sv_config_node_at(keys, i, NULL);
        if (sv_config_node_kind(key) == SV_CONFIG_SCALAR
            && copy(sv_config_node_text(key), out->keys[out->key_count], SV_PATH_MAX)) {
            out->key_count++;
        }
    }
}

/// Of the updater's keys this one alone; what is wrong in the others the updater itself says.
static void read_room(const sv_config_node *root, doctor_updater *out) {
    static const sv_config_key KEYS[] = {
        { .name = "room",
          .type = SV_CONFIG_BYTES,
          .offset = offsetof(doctor_updater, room),
          .fallback = "1GiB" },
        { .name = NULL },
    };
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "" };
    (void) (sv_config_read(root, KEYS, out, &faults) == SV_OK);
}

static void read_swupdate(const sv_config_node *root, doctor_updater *out) {
    if (!copy(value_of(root, "installer", "sockets"), out->sockets, sizeof out->sockets)) {
        (void) snprintf(out->sockets, sizeof out->sockets, "/run/swupdate");
    }
    if (!copy(value_of(root, "installer", "release"), out->release, sizeof out->release)) {
        (void) snprintf(out->release, sizeof out->release, "/etc/os-release");
    }
}

/// `tpm`, or {tpm: 0x…}.
static uint32_t counter_of(const sv_config_node *root) {
    char index[16];
    if (sv_text_is(value_of(root, NULL, "counter"), "tpm")) {
        return SV_TPM_COUNTER_INDEX;
    }
    return copy(value_of(root, "counter", "tpm"), index, sizeof index)
               ? (uint32_t) strtoul(index, NULL, 16)
               : 0;
}

static void read_updater(const sv_config_node *root, doctor_subject *out) {
    doctor_updater *updater = &out->updater;
    out->program = "selvedge-updater";
    (void) copy(value_of(root, NULL, "slots"), updater->slots, sizeof updater->slots);
    (void) copy(value_of(root, "slots", "a"), updater->a, sizeof updater->a);
    (void) copy(value_of(root, "slots", "b"), updater->b, sizeof updater->b);
    (void) copy(value_of(root, "boot", "script"), updater->boot, sizeof updater->boot);
    (void) copy(value_of(root, "boot", "u-boot"), updater->uboot, sizeof updater->uboot);
    (void) copy(value_of(root, NULL, "image_root"), updater->image_root,
                sizeof updater->image_root);
    (void) copy(value_of(root, NULL, "director_root"), updater->director_root,
                sizeof updater->director_root);
    (void) copy(value_of(root, NULL, "state"), updater->state, sizeof updater->state);
    (void) copy(value_of(root, NULL, "watchdog"), updater->watchdog, sizeof updater->watchdog);
    const sv_config_node *installer = sv_config_node_get(root, "installer");
    bool map = installer != NULL && sv_config_node_kind(installer) == SV_CONFIG_MAP;
    updater->is_swupdate = map && sv_config_node_get(installer, "swupdate") != NULL;
    updater->is_rauc = map && !updater->is_swupdate;
    if (updater->is_swupdate) {
        read_swupdate(root, updater);
    }
    updater->is_files = sv_text_is(value_of(root, NULL, "installer"), "files");
    updater->counter = counter_of(root);
    read_room(root, updater);
    read_key_files(sv_config_node_get(root, "keys"), updater);
    if (!copy(value_of(root, NULL, "socket"), out->updater_socket, sizeof out->updater_socket)) {
        (void) snprintf(out->updater_socket, sizeof out->updater_socket,
                        "/run/selvedge/updater.sock");
    }
}

sv_err doctor_read_text(sv_text yaml, const char *file, doctor_subject *out, sv_why *why) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = file };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    *out = (doctor_subject){ .program = NULL };
    if (sv_text_copy(sv_text_of(file), out->config, sizeof out->config) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the path of the configuration is too long");
    }
    if (sv_config_parse(yaml, &root, &faults) != SV_OK) {
        sv_text rest = sv_textbuf_text(&faults.text);
        sv_text first = sv_text_cut(&rest, '\n');
        return sv_fail(why, SV_ERR_INVALID, SV_TEXT_FMT, SV_TEXT_ARG(first));
    }
    bool map = sv_config_node_kind(root) == SV_CONFIG_MAP;
    (void) (map && copy(value_of(root, NULL, "id"), out->id, sizeof out->id));
    if (map && sv_config_node_get(root, "operator") != NULL) {
        read_fleet(root, out);
    } else if (map && sv_config_node_get(root, "director_root") != NULL) {
        read_updater(root, out);
    } else if (map && sv_config_node_get(root, "site") != NULL) {
        read_gateway(root, out);
    } else if (map && sv_config_node_get(root, "gateway") != NULL) {
        read_agent(root, out);
    } else if (map && sv_config_node_get(root, "pki") != NULL
               && sv_config_node_get(root, "socket") != NULL) {
        read_signer(root, out);
    } else {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.120s' is no configuration of an agent, an updater, a gateway, a fleet "
                       "server or a signer",
                       file);
    }
    return SV_OK;
}

sv_err doctor_read(const char *file, doctor_subject *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    SV_TRY(sv_disk_read(file, &yaml, why));
    return doctor_read_text(sv_textbuf_text(&yaml), file, out, why);
}
