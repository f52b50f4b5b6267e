#include "config.h"

#include <base/time.h>
#include <codec/url.h>
#include <ddi/pace.h>
#include <store/spool.h>
#include <string.h>

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *) 0)->member)

typedef __typeof__(((sv_agent_config *) 0)->gateway) gateway_section;
typedef __typeof__(((sv_agent_config *) 0)->tls) tls_section;
typedef __typeof__(((sv_agent_config *) 0)->enrolment) enrolment_section;
typedef __typeof__(((sv_agent_config *) 0)->health) health_section;
typedef __typeof__(((sv_agent_config *) 0)->spool) spool_section;
typedef __typeof__(((sv_agent_config *) 0)->update) update_section;
typedef __typeof__(((sv_agent_config *) 0)->update.health) gate_section;

static const char *const RENEWALS[] = { "automatic", "off", NULL };
static const char *const KINDS[] = { "hwmon", "thermal", "file", NULL };

static const sv_config_key GATEWAY_KEYS[] = {
    { .name = "host",
      .type = SV_CONFIG_TEXT,
      FIELD(gateway_section, host),
      .help = "name or address of the gateway" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      FIELD(gateway_section, port),
      .fallback = "8883",
      .min = 1,
      .max = 65535,
      .help = "its MQTT port" },
    { .name = "acks",
      .type = SV_CONFIG_BOOL,
      FIELD(gateway_section, acks),
      .fallback = "false",
      .help = "set it where a broker stands between: keep each reading until the gateway says that "
              "it is on disk" },
    { 0 },
};

static const sv_config_key TLS_KEYS[] = {
    { .name = "ca",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, ca),
      .help = "PEM file of the certificates that vouch for the gateway" },
    { .name = "cert",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, cert),
      .help = "PEM file of this device's certificate, leaf first" },
    { .name = "key",
      .type = SV_CONFIG_TEXT,
      FIELD(tls_section, key),
      .help = "where its private key is: a PEM file, tpm2:… or pkcs11:…" },
    { 0 },
};

static sv_err check_door(sv_text at, sv_why *why) {
    char host[SV_URL_HOST_MAX];
    uint16_t port = 0;
    return at.len == 0 ? SV_OK : sv_host_port_parse(at, SV_AGENT_DOOR_PORT, host, &port, why);
}

static const sv_config_key ENROLMENT_KEYS[] = {
    { .name = "at",
      .type = SV_CONFIG_TEXT,
      FIELD(enrolment_section, at),
      .fallback = "",
      .check = check_door,
      .help = "HOST:PORT of the door that renews the certificate; none: port 8444 of the gateway" },
    { .name = "renew",
      .type = SV_CONFIG_CHOICE,
      FIELD(enrolment_section, renew),
      .fallback = "automatic",
      .choices = RENEWALS,
      .help =
          "automatic: at two thirds of the certificate's lifetime; off: somebody else does it" },
    { 0 },
};

static const sv_config_key HEALTH_KEYS[] = {
    { .name = "interval",
      .type = SV_CONFIG_DURATION,
      FIELD(health_section, interval_us),
      .fallback = "10s",
      .min = INT64_C(1000000),
      .max = INT64_C(86400000000),
      .help = "time between two health reports" },
    { 0 },
};

static const sv_config_key SPOOL_KEYS[] = {
    { .name = "path",
      .type = SV_CONFIG_TEXT,
      FIELD(spool_section, path),
      .fallback = "",
      .help = "folder for what waits while the gateway is away; none: up to 1 MiB in memory" },
    { .name = "bytes",
      .type = SV_CONFIG_BYTES,
      FIELD(spool_section, bytes),
      .fallback = "128MiB",
      .min = SV_SPOOL_BYTES_MIN,
      .max = INT64_C(1) << 32,
      .help = "size of all its files; beyond it the oldest readings go" },
    { .name = "age",
      .type = SV_CONFIG_DURATION,
      FIELD(spool_section, age_us),
      .fallback = "30d",
      .min = SV_TIME_MINUTE_US,
      .max = 3650 * SV_TIME_DAY_US,
      .help = "what has waited longer goes" },
    { .name = "free",
      .type = SV_CONFIG_BYTES,
      FIELD(spool_section, free),
      .fallback = "64MiB",
      .max = INT64_C(1) << 40,
      .help = "space left free on the file system: below it the spool does not grow" },
    { .name = "every",
      .type = SV_CONFIG_DURATION,
      FIELD(spool_section, every_us),
      .fallback = "2s",
      .min = INT64_C(100000),
      .max = SV_TIME_HOUR_US,
      .help = "time between two writes, and the most a crash loses" },
    { .name = "rate",
      .type = SV_CONFIG_INT,
      FIELD(spool_section, rate),
      .fallback = "200",
      .min = 1,
      .max = 100000,
      .help = "messages sent a second out of what waited, besides those that are new" },
    { 0 },
};

static sv_err check_update_door(sv_text text, sv_why *why) {
    sv_url url;
    if (text.len == 0) {
        return SV_OK;
    }
    SV_TRY(sv_url_parse(text, &url, why));
    return url.tls && strcmp(url.path, "/") == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "write https://HOST:PORT and nothing behind it");
}

static sv_err check_absolute(sv_text path, sv_why *why) {
    return path.len == 0 || path.at[0] == '/'
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "write the whole path, from / on");
}

static const sv_config_key GATE_KEYS[] = {
    { .name = "deadline",
      .type = SV_CONFIG_DURATION,
      FIELD(gate_section, deadline_us),
      .fallback = "5m",
      .min = SV_TIME_SECOND_US,
      .max = SV_TIME_DAY_US,
      .help = "a new release that has not proved itself by then is given up" },
    { .name = "script",
      .type = SV_CONFIG_TEXT,
      FIELD(gate_section, script),
      .fallback = "",
      .check = check_absolute,
      .help = "a program that ends with 0 when the new release does its work; run every few "
              "seconds until it does" },
    { 0 },
};

static const sv_config_key UPDATE_KEYS[] = {
    { .name = "door",
      .type = SV_CONFIG_TEXT,
      FIELD(update_section, door),
      .fallback = "",
      .check = check_update_door,
      .help = "https://HOST:PORT that is asked for updates; none: port 8444 of the gateway" },
    { .name = "socket",
      .type = SV_CONFIG_TEXT,
      FIELD(update_section, socket),
      .fallback = "",
      .check = check_absolute,
      .help = "of selvedge-updater, /run/selvedge/updater.sock; none: no updates" },
    { .name = "poll",
      .type = SV_CONFIG_DURATION,
      FIELD(update_section, poll_us),
      .fallback = "5m",
      .min = SV_TIME_SECOND_US,
      .max = SV_TIME_DAY_US,
      .help = "time between two questions, until the server names another" },
    { .name = "rate",
      .type = SV_CONFIG_BYTES,
      FIELD(update_section, rate),
      .fallback = "0",
      .max = INT64_C(1) << 40,
      .help = "bytes a second that an update is fetched with, at least 4KiB; 0: no limit" },
    { .name = "hold",
      .type = SV_CONFIG_TEXT,
      FIELD(update_section, hold),
      .fallback = "",
      .check = check_absolute,
      .help = "while this file exists an update is fetched and written, and the machine is not "
              "started again for it" },
    { .name = "health",
      .type = SV_CONFIG_SECTION,
      FIELD(update_section, health),
      .fallback = "",
      .keys = GATE_KEYS,
      .help = "how a new release proves itself" },
    { 0 },
};

static const sv_config_key SOURCE_KEYS[] = {
    { .name = "kind",
      .type = SV_CONFIG_CHOICE,
      FIELD(sv_agent_source, kind),
      .choices = KINDS,
      .help = "hwmon, thermal, or file" },
    { .name = "path",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_agent_source, path),
      .fallback = "",
      .help = "the file that holds a number" },
    { .name = "sensor",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_agent_source, sensor),
      .fallback = "",
      .check = sv_id_config_check,
      .help = "name of the sensor" },
    { .name = "unit",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_agent_source, unit),
      .fallback = "",
      .help = "unit of the value" },
    { .name = "scale",
      .type = SV_CONFIG_NUMBER,
      FIELD(sv_agent_source, scale),
      .fallback = "1",
      .help = "what the number is multiplied with" },
    { .name = "interval",
      .type = SV_CONFIG_DURATION,
      FIELD(sv_agent_source, interval_us),
      .fallback = "1s",
      .min = INT64_C(100000),
      .max = INT64_C(86400000000),
      .help = "time between two readings" },
    { 0 },
};

static void discover_by_default(sv_agent_config *config) {
    config->sources[0] =
        (sv_agent_source){ .kind = SV_AGENT_HWMON, .scale = 1, .interval_us = SV_TIME_SECOND_US };
    config->sources[1] =
        (sv_agent_source){ .kind = SV_AGENT_THERMAL, .scale = 1, .interval_us = SV_TIME_SECOND_US };
    config->source_count = 2;
}

static void check_source(const sv_config_node *at, const sv_agent_source *source,
                         sv_config_faults *faults) {
    bool is_file = source->kind == SV_AGENT_FILE;
    bool names_any = source->path[0] != '\0' || source->sensor[0] != '\0';
    if (is_file && (source->path[0] == '\0' || source->sensor[0] == '\0')) {
        sv_config_fault(faults, at, "sources: a file needs its path and the name of its sensor");
    }
    if (!is_file && names_any) {
        sv_config_fault(faults, at,
                        "sources: path and sensor belong to kind file; %s finds its own",
                        KINDS[source->kind]);
    }
}

static void read_sources(const sv_config_node *node, void *target, sv_config_faults *faults) {
    sv_agent_config *config = target;
    if (node == NULL) {
        discover_by_default(config);
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_LIST) {
        sv_config_fault(faults, node, "sources: write a list, each item with its kind");
        return;
    }
    size_t count = sv_config_node_count(node);
    if (count > SV_AGENT_SOURCES_MAX) {
        sv_config_fault(faults, node, "sources: %zu are more than %d", count, SV_AGENT_SOURCES_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        sv_agent_source *source = &config->sources[config->source_count];
        if (sv_config_read(item, SOURCE_KEYS, source, faults) == SV_OK) {
            check_source(item, source, faults);
            config->source_count++;
        }
    }
}

const sv_config_key SV_AGENT_KEYS[] = {
    { .name = "id",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_agent_config, id),
      .check = sv_id_config_check,
      .help = "the device id, the same as in the certificate" },
    { .name = "gateway",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_agent_config, gateway),
      .keys = GATEWAY_KEYS,
      .help = "where readings and health go" },
    { .name = "tls",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_agent_config, tls),
      .keys = TLS_KEYS,
      .help = "this device's identity" },
    { .name = "enrolment",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_agent_config, enrolment),
      .fallback = "",
      .keys = ENROLMENT_KEYS,
      .help = "how the certificate is renewed" },
    { .name = "health",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_agent_config, health),
      .fallback = "",
      .keys = HEALTH_KEYS,
      .help = "the health report" },
    { .name = "spool",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_agent_config, spool),
      .fallback = "",
      .keys = SPOOL_KEYS,
      .help = "what waits while the gateway is away" },
    { .name = "update",
      .type = SV_CONFIG_SECTION,
      FIELD(sv_agent_config, update),
      .fallback = "",
      .keys = UPDATE_KEYS,
      .help = "new releases for this machine" },
    { .name = "firmware_version",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_agent_config, firmware_version),
      .fallback = "",
      .help = "the running version, as the health report gives it" },
    { .name = "root",
      .type = SV_CONFIG_TEXT,
      FIELD(sv_agent_config, root),
      .fallback = "",
      .help = "folder put before /proc and /sys, for containers" },
    { .name = "machine",
      .type = SV_CONFIG_BOOL,
      FIELD(sv_agent_config, machine),
      .fallback = "true",
      .help = "publish the sensors cpu and memory (%) each second" },
    { .name = "sources",
      .type = SV_CONFIG_CUSTOM,
      .fallback = "",
      .read = read_sources,
      .help = "list of {kind: hwmon|thermal|file, path, sensor, unit, scale, interval}; absent: "
              "hwmon and thermal" },
    { 0 },
};

static sv_err find_door(sv_agent_config *config) {
    const char *at = config->enrolment.at[0] != '\0' ? config->enrolment.at : config->gateway.host;
    if (at == config->gateway.host) {
        config->enrolment.port = SV_AGENT_DOOR_PORT;
        return sv_text_copy(sv_text_of(at), config->enrolment.host, sizeof config->enrolment.host);
    }
    return sv_host_port_parse(sv_text_of(at), SV_AGENT_DOOR_PORT, config->enrolment.host,
                              &config->enrolment.port, NULL);
}

/// Port 8444 of the gateway where none is named.
static sv_err find_update_door(sv_agent_config *config) {
    sv_textbuf door = SV_TEXTBUF(config->update.door);
    bool is_v6 = strchr(config->gateway.host, ':') != NULL;
    if (config->update.door[0] != '\0') {
        return SV_OK;
    }
    sv_textbuf_addf(&door, is_v6 ? "https://[%s]:%d" : "https://%s:%d", config->gateway.host,
                    SV_AGENT_DOOR_PORT);
    return sv_textbuf_end(&door);
}

static void check_rate(const sv_config_node *root, const sv_agent_config *config,
                       sv_config_faults *faults) {
    int64_t rate = config->update.rate;
    if (rate != 0 && rate < SV_DDI_RATE_MIN) {
        sv_config_fault(faults, root,
                        "update: rate: %lld bytes a second are so few that the updater would give "
                        "up waiting; write at least %dKiB, or 0 for no limit",
                        (long long) rate, SV_DDI_RATE_MIN / 1024);
    }
}

sv_err sv_agent_config_read(sv_text yaml, sv_agent_config *out, sv_config_faults *faults) {
    *out = (sv_agent_config){ 0 };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_TRY(sv_config_parse(yaml, &root, faults));
    SV_TRY(sv_config_read(root, SV_AGENT_KEYS, out, faults));
    check_rate(root, out, faults);
    SV_TRY(find_door(out));
    SV_TRY(find_update_door(out));
    return faults->count == 0 ? SV_OK : SV_ERR_INVALID;
}
