#include "config.h"

#include <base/mem.h>
#include <codec/config.h>
#include <codec/url.h>
#include <stdlib.h>
#include <string.h>

static sv_text scalar(const sv_config_node *node) {
    return node != NULL && sv_config_node_kind(node) == SV_CONFIG_SCALAR ? sv_config_node_text(node)
                                                                         : SV_TEXT("");
}

static sv_err check_address(sv_text text, sv_why *why) {
    char host[SV_URL_HOST_MAX];
    uint16_t port;
    SV_TRY(sv_host_port_parse(text, 0, host, &port, why));
    return port == 0
               ? sv_fail(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' names no port; write HOST:PORT",
                         SV_TEXT_ARG(text))
               : SV_OK;
}

/// HOST:PORT into `room`, where it is said.
static sv_err read_address(const sv_config_node *node, char room[SV_FLEET_ADDRESS_ROOM],
                           sv_why *why) {
    if (node == NULL) {
        return SV_OK;
    }
    SV_TRY(check_address(scalar(node), why));
    return sv_text_copy(scalar(node), room, SV_FLEET_ADDRESS_ROOM);
}

/// `<site>`, or a map with `site`, `door` and `mqtt`.
static sv_err read_gateway(sv_text id, const sv_config_node *of, sv_fleet_gateway_site *out,
                           sv_why *why) {
    bool map = sv_config_node_kind(of) == SV_CONFIG_MAP;
    sv_text site = scalar(map ? sv_config_node_get(of, "site") : of);
    const sv_config_node *door = map ? sv_config_node_get(of, "door") : NULL;
    const sv_config_node *mqtt = map ? sv_config_node_get(of, "mqtt") : NULL;
    *why = (sv_why){ 0 };
    SV_TRY(sv_id_check("gateway id", id, why));
    SV_TRY(sv_id_check("site", site, why));
    if (map && sv_config_node_count(of) != 1U + (door != NULL) + (mqtt != NULL)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a gateway has site and, where devices enrol through it, door and mqtt; "
                       "nothing else");
    }
    SV_TRY(read_address(door, out->door, why));
    SV_TRY(read_address(mqtt, out->mqtt, why));
    SV_TRY(sv_text_copy(id, out->gateway, sizeof out->gateway));
    return sv_text_copy(site, out->site, sizeof out->site);
}

static void read_gateways(const sv_config_node *node, void *target, sv_config_faults *faults) {
    sv_fleet_config *config = target;
    if (node == NULL || sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node, "gateways: write one line per gateway, <gateway id>: <site>");
        return;
    }
    size_t count = sv_config_node_count(node);
    if (count > SV_FLEET_GATEWAYS_MAX) {
        sv_config_fault(faults, node, "gateways: %zu are more than %d", count,
                        SV_FLEET_GATEWAYS_MAX);
        return;
    }
    config->gateways = sv_mem_array(count + 1, sizeof *config->gateways);
    for (size_t i = 0; i < count; i++) {
        sv_text id;
        const sv_config_node *of = sv_config_node_at(node, i, &id);
        sv_why why;
        sv_fleet_gateway_site *entry = &config->gateways[config->gateway_count];
        if (read_gateway(id, of, entry, &why) != SV_OK) {
            sv_config_fault(faults, of, "gateways: %s", why.text);
            continue;
        }
        config->gateway_count++;
    }
}

static void read_notify(const sv_config_node *node, void *target, sv_config_faults *faults) {
    sv_fleet_config *config = target;
    config->notify = sv_notify_config_read(node, config->files, faults);
}

static void read_offline(const sv_config_node *node, void *target, sv_config_faults *faults) {
    sv_fleet_config *config = target;
    sv_offline_config_read(node, &config->offline, faults);
}

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *) 0)->member)
#define CONFIG_OFFSET(member) .offset = offsetof(sv_fleet_config, member)

// Offsets inside a section are relative to the section.
typedef __typeof__(((sv_fleet_config *) 0)->store) store_section;
typedef __typeof__(((sv_fleet_config *) 0)->signer) signer_section;
typedef __typeof__(((sv_fleet_config *) 0)->enrolment) enrolment_section;
typedef __typeof__(((sv_fleet_config *) 0)->ddi) ddi_section;
typedef __typeof__(((sv_fleet_door *) 0)->tls) tls_section;
typedef __typeof__(((sv_fleet_config *) 0)->images) images_section;

static sv_err check_contact(sv_text value, sv_why *why) {
    bool known = value.len == 0 || sv_text_starts(value, SV_TEXT("mailto:"))
                 || sv_text_starts(value, SV_TEXT("https://"));
    for (size_t i = 0; i < value.len; i++) {
        known = known && value.at[i] > ' ' && value.at[i] < 0x7F;
    }
    return known
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "it is no mailto: or https: address without spaces");
}

static const sv_config_key STORE_KEYS[] = {
    { .name = "path",
      .type = SV_CONFIG_TEXT,
      FIELD(store_section, path),
      .help = "the database file; created on first start" },
    { .name = "retention",
      .type = SV_CONFIG_DURATION,
      FIELD(store_section, retention_us),
      .fallback = "30d",
      .min = INT64_C(3600000000),
      .max = INT64_C(3153600000000000),
      .help = "how long points and cleared alerts are kept" },
    { 0 },
};

static const sv_config_key SIGNER_KEYS[] = {
    { .name = "socket",
      .type = SV_CONFIG_TEXT,
      FIELD(signer_section, socket),
      .fallback = "",
      .help = "the socket of selvedge-signer" },
    { 0 },
};

static const sv_config_key IMAGES_KEYS[] = {
    { .name = "path",
      .type = SV_CONFIG_TEXT,
      FIELD(images_section, path),
      .fallback = "",
      .help = "folder of images; `images` beside the database where nothing is said" },
    { .name = "room",
      .type = SV_CONFIG_BYTES,
      FIELD(images_section, room),
      .fallback = "64GiB",
      .min = INT64_C(1) << 20,
      .max = INT64_C(1) << 50,
      .help = "how much all images together may take" },
    { 0 },
};

static const char *const RELAYED_RENEWALS[] = { "proved", "any", NULL };

static const sv_config_key ENROLMENT_KEYS[] = {
    { .name = "lifetime",
      .type = SV_CONFIG_DURATION,
      FIELD(enrolment_section, lifetime_us),
      .fallback = "90d",
      .min = SV_TIME_MINUTE_US / 6,
      .max = 3650 * SV_TIME_DAY_US,
      .help = "how long the certificates of devices and gateways last; they renew themselves at "
              "two thirds of it" },
    { .name = "grace",
      .type = SV_CONFIG_DURATION,
      FIELD(enrolment_section, grace_us),
      .fallback = "30d",
      .max = 3650 * SV_TIME_DAY_US,
      .help = "for how long after its end a certificate is renewed, with the same key" },
    { .name = "manufacturers",
      .type = SV_CONFIG_TEXT,
      FIELD(enrolment_section, manufacturers),
      .fallback = "",
      .help = "PEM of the CAs whose certificates devices may show instead of a token" },
    { .name = "relayed_renewal",
      .type = SV_CONFIG_CHOICE,
      FIELD(enrolment_section, relayed_renewal),
      .fallback = "proved",
      .choices = RELAYED_RENEWALS,
      .help = "through a gateway a certificate is renewed with its own key, or with one that the "
              "old key has signed for (proved); any: also with another, so that every gateway is "
              "to be trusted with the devices of its site" },
    { 0 },
};

static const sv_config_key DDI_KEYS[] = {
    { .name = "poll",
      .type = SV_CONFIG_DURATION,
      FIELD(ddi_section, poll_us),
      .fallback = "5m",
      .min = SV_TIME_SECOND_US,
      .max = SV_TIME_DAY_US,
      .help = "how often devices ask for updates, while nothing is under way; at least every half "
              "minute while something is" },
    { .name = "silent",
      .type = SV_CONFIG_DURATION,
      FIELD(ddi_section, silent_us),
      .fallback = "30m",
      .min = SV_TIME_MINUTE_US,
      .max = 7 * SV_TIME_DAY_US,
      .help = "a device that is to start an image and says nothing for so long has failed; more "
              "than its longest start takes, with the check of its disk" },
    { .name = "proof",
      .type = SV_CONFIG_DURATION,
      FIELD(ddi_section, proof_us),
      .fallback = "10m",
      .min = SV_TIME_MINUTE_US,
      .max = 7 * SV_TIME_DAY_US,
      .help =
          "and so has one that says success and not, within that time, that it runs the image" },
    { .name = "target_tokens",
      .type = SV_CONFIG_BOOL,
      FIELD(ddi_section, target_tokens),
      .fallback = "false",
      .help = "a device without a certificate may ask for updates, and for nothing else, with the "
              "target token that was made for it" },
    { .name = "gateway_tokens",
      .type = SV_CONFIG_BOOL,
      FIELD(ddi_section, gateway_tokens),
      .fallback = "false",
      .help = "devices of a site that have neither certificate nor target token may ask for "
              "updates, and for nothing else, with the one token that was made for the site: who "
              "has it can pose as any of them" },
    { 0 },
};

static const sv_config_key OPERATOR_TLS_KEYS[] = {
    { .name = "cert",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, cert),
      .fallback = "",
      .help = "PEM chain, leaf first; without it the door speaks plain HTTP, on loopback only" },
    { .name = "key",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, key),
      .fallback = "",
      .help = "where its private key is: a PEM file, tpm2:… or pkcs11:…" },
    { 0 },
};

static const sv_config_key OPERATOR_KEYS[] = {
    { .name = "bind",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_door, bind),
      .fallback = "127.0.0.1",
      .help = "address to listen on" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      FIELD(sv_fleet_door, port),
      .fallback = "8443",
      .max = 65535,
      .help = "port; 0 takes any free one" },
    { .name = "tls",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_fleet_door, tls),
      .fallback = "",
      .keys = OPERATOR_TLS_KEYS,
      .help = "certificate of the operator door" },
    { 0 },
};

static const sv_config_key DEVICE_TLS_KEYS[] = {
    { .name = "ca",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, ca),
      .help = "PEM of the authorities that clients must come from" },
    { .name = "cert",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, cert),
      .help = "PEM chain, leaf first" },
    { .name = "key",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, key),
      .help = "where its private key is: a PEM file, tpm2:… or pkcs11:…" },
    { .name = "crl",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, crl),
      .fallback = "",
      .help = "PEM revocation list" },
    { 0 },
};

static const sv_config_key DEVICE_KEYS[] = {
    { .name = "bind",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_door, bind),
      .fallback = "127.0.0.1",
      .help = "address to listen on" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      FIELD(sv_fleet_door, port),
      .fallback = "8444",
      .max = 65535,
      .help = "port; 0 takes any free one" },
    { .name = "address",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_door, address),
      .fallback = "",
      .check = check_address,
      .help = "HOST:PORT by which devices reach it, for the line that enrols them; bind and port "
              "where nothing is said" },
    { .name = "tls",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_fleet_door, tls),
      .keys = DEVICE_TLS_KEYS,
      .help = "mutual TLS of the device door" },
    { 0 },
};

static const sv_config_key KEYS[] = {
    { .name = "id",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_config, id),
      .check = sv_id_config_check,
      .help = "this server's name" },
    { .name = "store",
      .type = SV_CONFIG_SECTION,
      CONFIG_OFFSET(store),
      .keys = STORE_KEYS,
      .help = "where data is kept" },
    { .name = "operator",
      .type = SV_CONFIG_SECTION,
      CONFIG_OFFSET(operators),
      .fallback = "",
      .keys = OPERATOR_KEYS,
      .help = "the door for people: dashboard and API" },
    { .name = "device",
      .type = SV_CONFIG_SECTION,
      CONFIG_OFFSET(devices),
      .keys = DEVICE_KEYS,
      .help = "the door for gateways" },
    { .name = "pki",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_config, pki),
      .fallback = "",
      .help = "PKI folder, for the certificate data of devices" },
    { .name = "signer",
      .type = SV_CONFIG_SECTION,
      .offset = offsetof(sv_fleet_config, signer),
      .fallback = "",
      .keys = SIGNER_KEYS,
      .help = "the program that holds the issuing key; without it nothing is issued" },
    { .name = "enrolment",
      .type = SV_CONFIG_SECTION,
      .offset = offsetof(sv_fleet_config, enrolment),
      .fallback = "",
      .keys = ENROLMENT_KEYS,
      .help = "certificates of devices: how long they last, and who may have one" },
    { .name = "ddi",
      .type = SV_CONFIG_SECTION,
      .offset = offsetof(sv_fleet_config, ddi),
      .fallback = "",
      .keys = DDI_KEYS,
      .help = "updates over hawkBit's DDI, at the device door" },
    { .name = "images",
      .type = SV_CONFIG_SECTION,
      .offset = offsetof(sv_fleet_config, images),
      .fallback = "",
      .keys = IMAGES_KEYS,
      .help = "images that devices are updated with" },
    { .name = "gateways",
      .type = SV_CONFIG_CUSTOM,
      .help = "which gateways may report, and the site of each: <gateway id>: <site>, or "
              "{site: <site>, door: HOST:PORT, mqtt: HOST:PORT}: where its devices enrol (at this "
              "server) and send readings (port 8883 of where they enrol)",
      .read = read_gateways },
    { .name = "notify",
      .type = SV_CONFIG_CUSTOM,
      .fallback = "",
      .help = "who is told about alerts: channels and routes (docs/guide/notifications.md)",
      .read = read_notify },
    { .name = "offline",
      .type = SV_CONFIG_CUSTOM,
      .fallback = "",
      .help = "how long a silence lasts until an alert is raised: {after: 5m, rules: [...]}",
      .read = read_offline },
    { .name = "admin_token_file",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_config, admin_token_file),
      .help = "file of the administrator's API token; written on first start, mode 0600" },
    { .name = "security_contact",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_config, security_contact),
      .fallback = "",
      .check = check_contact,
      .help = "whom to tell of a weakness, as /.well-known/security.txt says it: a mailto: or "
              "https: address" },
    { .name = "ports_file",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_fleet_config, ports_file),
      .fallback = "",
      .help = "where to write the ports in use, as JSON, once both doors listen" },
    { 0 },
};

static void judge_operator_door(const sv_config_node *root, const sv_fleet_door *door,
                                sv_config_faults *faults) {
    const sv_config_node *at = sv_config_node_get(root, "operator");
    at = at != NULL ? at : root;
    bool loopback = strncmp(door->bind, "127.", 4) == 0 || strcmp(door->bind, "::1") == 0;
    if ((door->tls.cert[0] == '\0') != (door->tls.key[0] == '\0')) {
        sv_config_fault(faults, at, "operator.tls: cert and key belong together; give both");
    } else if (door->tls.cert[0] == '\0' && !loopback) {
        sv_config_fault(faults, at,
                        "operator: plain HTTP on '%s' would show passwords and data to the "
                        "network; give operator.tls or bind 127.0.0.1",
                        door->bind);
    }
}

static sv_err read_with(sv_text yaml, const sv_notify_files *files, sv_fleet_config *out,
                        sv_config_faults *faults) {
    *out = (sv_fleet_config){ .files = files };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_TRY(sv_config_parse(yaml, &root, faults));
    sv_err err = sv_config_read(root, KEYS, out, faults);
    if (out->operators.bind[0] == '\0') {
        // The whole section was left out.
        (void) sv_text_copy(SV_TEXT("127.0.0.1"), out->operators.bind, sizeof out->operators.bind);
        out->operators.port = 8443;
    }
    if (out->enrolment.lifetime_us == 0) {
        out->enrolment.lifetime_us = 90 * SV_TIME_DAY_US;
        out->enrolment.grace_us = 30 * SV_TIME_DAY_US;
    }
    if (out->images.room == 0) {
        out->images.room = SV_FLEET_IMAGES_ROOM;
    }
    judge_operator_door(root, &out->operators, faults);
    if (err != SV_OK || faults->count > 0) {
        sv_fleet_config_drop(out);
        return SV_ERR_INVALID;
    }
    return SV_OK;
}

sv_err sv_fleet_config_read(sv_text yaml, sv_fleet_config *out, sv_config_faults *faults) {
    return read_with(yaml, &sv_notify_none, out, faults);
}

sv_err sv_fleet_config_load(const char *path, sv_fleet_config *out, sv_textbuf *faults_out) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX);
    sv_why why;
    sv_err err = sv_disk_read(path, &yaml, &why);
    if (err != SV_OK) {
        sv_textbuf_addf(faults_out, "%s\n", why.text);
        return err;
    }
    SV_DEFER(sv_config_faults_drop)
    sv_config_faults faults = { .file = path };
    sv_fleet_config config;
    err = read_with(sv_textbuf_text(&yaml), &sv_notify_disk, &config, &faults);
    if (err != SV_OK) {
        sv_textbuf_add(faults_out, sv_textbuf_text(&faults.text));
        return err;
    }
    *out = config;
    return SV_OK;
}

void sv_fleet_config_drop(sv_fleet_config *config) {
    free(config->gateways);
    config->gateways = NULL;
    config->gateway_count = 0;
    sv_notify_config_drop(&config->notify);
    sv_offline_config_drop(&config->offline);
}

void sv_fleet_config_help(sv_textbuf *out) {
    sv_config_help(KEYS, out);
}
