#include "config_own.h"
#include <base/time.h>
#include <codec/config.h>
#include <codec/url.h>
#include <edge/rules_file.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/disk.h>

#define ROOT(member)                                                                               \
    .offset = offsetof(gw_config, member), .size = sizeof(((gw_config *) 0)->member)
#define TLS(member)                                                                                \
    .offset = (offsetof(gw_config, tls.member) - offsetof(gw_config, tls)),                        \
    .size = sizeof(((gw_config *) 0)->tls.member)
#define FLEET(member) .offset = (offsetof(gw_config, fleet.member) - offsetof(gw_config, fleet))
#define SPOOL(member)                                                                              \
    .offset = (offsetof(gw_config, fleet.spool.member) - offsetof(gw_config, fleet.spool))
#define ALERTS(member) .offset = (offsetof(gw_config, alerts.member) - offsetof(gw_config, alerts))
#define PAGE(member)                                                                               \
    .offset = (offsetof(gw_config, page.member) - offsetof(gw_config, page)),                      \
    .size = sizeof(((gw_config *) 0)->page.member)
#define STORE(member) .offset = (offsetof(gw_config, store.member) - offsetof(gw_config, store))

static const char *const RENEW[] = { "off", "automatic", NULL };
static const sv_config_key TLS_KEYS[] = {
    { .name = "ca", .type = SV_CONFIG_TEXT, TLS(ca), .help = "PEM file of the trust anchors" },
    { .name = "cert",
      .type = SV_CONFIG_TEXT,
      TLS(cert),
      .help = "PEM file of the gateway's certificate, leaf first" },
    { .name = "key",
      .type = SV_CONFIG_TEXT,
      TLS(key),
      .help = "where its private key is: a PEM file, tpm2:… or pkcs11:…" },
    { .name = "crl",
      .type = SV_CONFIG_TEXT,
      TLS(crl),
      .fallback = "",
      .help = "PEM file of the revocation list" },
    { .name = "renew",
      .type = SV_CONFIG_CHOICE,
      TLS(renew),
      .choices = RENEW,
      .fallback = "automatic",
      .help =
          "automatic: by the fleet server, at two thirds of its lifetime; off: by somebody else" },
    { .name = NULL },
};
static const sv_config_key STORE_KEYS[] = {
    { .name = "path",
      .type = SV_CONFIG_TEXT,
      STORE(path),
      .size = 1024,
      .help = "the database file" },
    { .name = "retention",
      .type = SV_CONFIG_DURATION,
      STORE(retention_us),
      .fallback = "7d",
      .min = 60000000,
      .max = INT64_C(315360000000000),
      .help = "how long readings are kept as they came" },
    { .name = "summaries",
      .type = SV_CONFIG_DURATION,
      STORE(summaries_us),
      .fallback = "90d",
      .min = 0,
      .max = INT64_C(315360000000000),
      .help = "how long minutes (count, min, mean, max) stand for them after that; 0: none do" },
    { .name = "bytes",
      .type = SV_CONFIG_BYTES,
      STORE(bytes),
      .fallback = "1GiB",
      .min = 1 << 20,
      .max = INT64_C(1) << 50,
      .help = "how large the database may grow; the oldest goes first" },
    { .name = "free",
      .type = SV_CONFIG_BYTES,
      STORE(free),
      .fallback = "64MiB",
      .min = 0,
      .max = INT64_C(1) << 50,
      .help = "what the database leaves free on its disk by dropping the oldest" },
    { .name = "pack",
      .type = SV_CONFIG_DURATION,
      STORE(pack_us),
      .fallback = "10m",
      .min = 1000000,
      .max = SV_TIME_DAY_US,
      .help = "readings of so long are packed together" },
    { .name = "rows",
      .type = SV_CONFIG_INT,
      STORE(rows),
      .fallback = "20000",
      .min = 1,
      .max = 1000000,
      .help = "the newest readings are not packed: a start begins with them" },
    { .name = "group",
      .type = SV_CONFIG_INT,
      STORE(group),
      .fallback = "2000",
      .min = 1,
      .max = 100000,
      .help = "messages committed together at most" },
    { .name = "group_wait",
      .type = SV_CONFIG_DURATION,
      STORE(group_us),
      .fallback = "50ms",
      .min = 1000,
      .max = 5000000,
      .help = "how long a message waits for others" },
    { .name = "endurance",
      .type = SV_CONFIG_BYTES,
      STORE(endurance),
      .fallback = "0",
      .min = 0,
      .max = INT64_C(1) << 60,
      .help =
          "what the disk or flash may be written in its life, from its data sheet; 0: unknown" },
    { .name = NULL },
};
static const sv_config_key SPOOL_KEYS[] = {
    { .name = "bytes",
      .type = SV_CONFIG_BYTES,
      SPOOL(bytes),
      .fallback = "512MiB",
      .min = 1 << 16,
      .max = INT64_C(1) << 50,
      .help = "size of all of it, at most half of store.bytes; beyond it the oldest averages go, "
              "then minutes, alerts last" },
    { .name = "age",
      .type = SV_CONFIG_DURATION,
      SPOOL(age_us),
      .fallback = "30d",
      .min = 1000000,
      .max = INT64_C(315360000000000),
      .help = "averages and minutes that have waited longer go" },
    { .name = "free",
      .type = SV_CONFIG_BYTES,
      SPOOL(free),
      .fallback = "64MiB",
      .min = 0,
      .max = INT64_C(1) << 50,
      .help = "space left free on the disk: below it the spool does not grow" },
    { .name = NULL },
};
static const sv_config_key FLEET_KEYS[] = {
    { .name = "url",
      .type = SV_CONFIG_TEXT,
      FLEET(url),
      .size = 512,
      .fallback = "",
      .help = "https address of the fleet's device door; none: nothing goes up" },
    { .name = "every",
      .type = SV_CONFIG_DURATION,
      FLEET(every_us),
      .fallback = "500ms",
      .min = 10000,
      .max = INT64_C(3600000000),
      .help = "how often averages and summaries are sent, as one batch" },
    { .name = "poll",
      .type = SV_CONFIG_DURATION,
      FLEET(poll_us),
      .fallback = "60s",
      .min = 1000000,
      .max = INT64_C(3600000000),
      .help = "how often it is asked for events while it cannot push them" },
    { .name = "retry",
      .type = SV_CONFIG_DURATION,
      FLEET(retry_us),
      .fallback = "60s",
      .min = 1000000,
      .max = INT64_C(3600000000),
      .help = "the longest pause between two tries while it does not answer" },
    { .name = "spool",
      .type = SV_CONFIG_SECTION,
      FLEET(spool),
      .keys = SPOOL_KEYS,
      .fallback = "",
      .help = "what waits while it is away" },
    { .name = NULL },
};
static const sv_config_key ALERT_KEYS[] = {
    { .name = "url",
      .type = SV_CONFIG_TEXT,
      ALERTS(url),
      .size = 512,
      .fallback = "",
      .help = "https address that takes alerts; the fleet's /v1/alerts when not given" },
    { .name = "ca",
      .type = SV_CONFIG_TEXT,
      ALERTS(ca),
      .size = 1024,
      .fallback = "",
      .help = "PEM file of who is trusted there; the system's store when not given" },
    { .name = NULL },
};
static const sv_config_key HTTP_KEYS[] = {
    { .name = "port",
      .type = SV_CONFIG_INT,
      .fallback = "0",
      .min = 0,
      .max = 65535,
      .help = "of /metrics, /healthz, /v1/status, /v1/streams, /v1/series on 127.0.0.1; 0: none" },
    { .name = NULL },
};
static const sv_config_key STANDING_KEYS[] = {
    { .name = "max_age",
      .type = SV_CONFIG_DURATION,
      .fallback = "7d",
      .min = SV_TIME_SECOND_US,
      .max = 366 * SV_TIME_DAY_US,
      .help = "when the fleet server has not said for so long who counts, an alert is raised and "
              "devices that were never seen here are refused" },
    { .name = NULL },
};
static const sv_config_key MODEL_KEYS[] = {
    { .name = "key",
      .type = SV_CONFIG_TEXT,
      .size = sizeof(((gw_config *) 0)->models.key),
      .fallback = "",
      .help =
          "PEM file with the public key that signs them, P-256 or RSA; without one none is run" },
    { .name = NULL },
};
static const char *const RULES_FROM[] = { "file", "fleet", NULL };
static const sv_config_key PAGE_KEYS[] = {
    { .name = "bind",
      .type = SV_CONFIG_TEXT,
      PAGE(bind),
      .fallback = "0.0.0.0",
      .help = "address that it is served on" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      PAGE(port),
      .fallback = "0",
      .min = 0,
      .max = 65535,
      .help = "port for HTTPS, 8445 by custom; 0: none" },
    { .name = "token_file",
      .type = SV_CONFIG_TEXT,
      PAGE(token_file),
      .fallback = "",
      .help =
          "file with the token that people show, for its owner alone; made when it is not there" },
    { .name = NULL },
};
static const sv_config_key KEYS[] = {
    { .name = "id",
      .type = SV_CONFIG_TEXT,
      ROOT(id),
      .check = sv_id_config_check,
      .help = "the gateway's id, its certificate's CN" },
    { .name = "site",
      .type = SV_CONFIG_TEXT,
      ROOT(site),
      .check = sv_id_config_check,
      .help = "the site it stands at" },
    { .name = "listen",
      .type = SV_CONFIG_SECTION,
      ROOT(listen),
      .keys = GW_LISTEN_KEYS,
      .fallback = "",
      .help = "the gateway's own MQTT front door (the default)" },
    { .name = "deny",
      .type = SV_CONFIG_CUSTOM,
      .read = gw_config_read_deny,
      .fallback = "",
      .help = "topic filters that nobody may publish to or hear at that door: [lab/#, ...]" },
    { .name = "door",
      .type = SV_CONFIG_SECTION,
      ROOT(door),
      .keys = GW_DOOR_KEYS,
      .fallback = "",
      .help = "the device door: what devices ask the fleet server, passed on" },
    { .name = "cache",
      .type = SV_CONFIG_SECTION,
      ROOT(cache),
      .keys = GW_CACHE_KEYS,
      .fallback = "",
      .help = "what devices fetch through that door is kept here, so that it comes to the site "
              "once" },
    { .name = "broker",
      .type = SV_CONFIG_SECTION,
      ROOT(broker),
      .keys = GW_BROKER_KEYS,
      .fallback = "",
      .help = "instead of it: the MQTT broker that devices and this gateway meet at" },
    { .name = "tls",
      .type = SV_CONFIG_SECTION,
      ROOT(tls),
      .keys = TLS_KEYS,
      .help = "who this gateway is and whom it trusts" },
    { .name = "fleet",
      .type = SV_CONFIG_SECTION,
      ROOT(fleet),
      .keys = FLEET_KEYS,
      .fallback = "",
      .help = "where what matters goes" },
    { .name = "standing",
      .type = SV_CONFIG_SECTION,
      ROOT(standing),
      .keys = STANDING_KEYS,
      .fallback = "",
      .help = "what the fleet server says of who still counts" },
    { .name = "models",
      .type = SV_CONFIG_SECTION,
      ROOT(models),
      .keys = MODEL_KEYS,
      .fallback = "",
      .help = "models of remaining life that the fleet server gives" },
    { .name = "alerts",
      .type = SV_CONFIG_SECTION,
      ROOT(alerts),
      .keys = ALERT_KEYS,
      .fallback = "",
      .help = "where alerts go, at once" },
    { .name = "http",
      .type = SV_CONFIG_SECTION,
      ROOT(http),
      .keys = HTTP_KEYS,
      .fallback = "",
      .help = "the local page" },
    { .name = "page",
      .type = SV_CONFIG_SECTION,
      ROOT(page),
      .keys = PAGE_KEYS,
      .fallback = "",
      .help = "the same page for other machines, over HTTPS and with a token" },
    { .name = "apps",
      .type = SV_CONFIG_CUSTOM,
      .read = gw_config_read_apps,
      .fallback = "",
      .help = "what local programs with an app certificate may read: <app id>: [alerts/#, ...]" },
    { .name = "commands",
      .type = SV_CONFIG_SECTION,
      ROOT(commands),
      .keys = GW_COMMANDS_KEYS,
      .fallback = "",
      .help = "what may be asked of devices, by rules and by the fleet server" },
    { .name = "store",
      .type = SV_CONFIG_SECTION,
      ROOT(store),
      .keys = STORE_KEYS,
      .help = "the local database" },
    SV_RULES_SECTIONS,
    { .name = "rules_from",
      .type = SV_CONFIG_CHOICE,
      ROOT(rules_from),
      .choices = RULES_FROM,
      .fallback = "fleet",
      .help =
          "fleet: once the fleet server has given rules, they replace the sections above; file: "
          "never" },
    { .name = NULL },
};

static void check_url(const char *key, const char *text, const sv_config_node *root,
                      sv_config_faults *faults) {
    const sv_config_node *at = sv_config_node_get(root, key);
    sv_url url;
    sv_why why = { 0 };
    if (text[0] == '\0') {
        return;
    }
    if (!sv_text_starts(sv_text_of(text), SV_TEXT("https://"))) {
        sv_config_fault(faults, at, "%s: url: \"%s\" does not start with https://", key, text);
    } else if (sv_url_parse(sv_text_of(text), &url, &why) != SV_OK) {
        sv_config_fault(faults, at, "%s: url: \"%s\": %s", key, text, why.text);
    }
}

/// Those come with the rules that the fleet server gives. [edge-20]
static void check_groups(const sv_config_node *groups, sv_config_faults *faults) {
    for (size_t i = 0; groups != NULL && i < sv_config_node_count(groups); i++) {
        sv_text name;
        const sv_config_node *item = sv_config_node_at(groups, i, &name);
        if (sv_config_node_kind(item) == SV_CONFIG_MAP) {
            sv_config_fault(faults, item,
                            "groups: " SV_TEXT_FMT
                            ": who is in a group of the fleet server is told "
                            "with the rules that it gives the site; here its devices are listed",
                            SV_TEXT_ARG(name));
        }
    }
}

sv_err gw_config_read(sv_text yaml, gw_config *out, sv_config_faults *faults) {
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(gw_config_drop) gw_config read = { .id = "" };
    SV_TRY(sv_config_parse(yaml, &root, faults));
    sv_err err = sv_config_read(root, KEYS, &read, faults);
    const sv_config_node *broker = sv_config_node_get(root, "broker");
    read.own_door = broker == NULL;
    if (broker != NULL && sv_config_node_get(root, "listen") != NULL) {
        sv_config_fault(faults, broker,
                        "broker: and listen: exclude each other: the gateway is its devices' "
                        "MQTT server, or stands behind one");
    }
    check_url("fleet", read.fleet.url, root, faults);
    if (read.door.port != 0 && read.fleet.url[0] == '\0') {
        sv_config_fault(faults, sv_config_node_get(root, "door"),
                        "door: there is no fleet server to pass requests on to; add fleet: {url: "
                        "https://...}");
    }
    if (read.broker.crl[0] != '\0' && read.fleet.url[0] == '\0') {
        sv_config_fault(faults, broker,
                        "broker: crl: there is no fleet server to fetch it from; add fleet: {url: "
                        "https://...}, or tls: {crl: <file>} for a list that you bring");
    }
    if (read.page.port != 0 && read.page.token_file[0] == '\0') {
        sv_config_fault(faults, sv_config_node_get(root, "page"),
                        "page: nobody may use it without a token; add token_file: <path>");
    }
    check_url("alerts", read.alerts.url, root, faults);
    sv_err rules = sv_rules_read(root, &read.rules, faults);
    check_groups(sv_config_node_get(root, "groups"), faults);
    if (err != SV_OK || rules != SV_OK || faults->count > 0) {
        return SV_ERR_INVALID;
    }
    *out = read;
    read = (gw_config){ .id = "" };
    return SV_OK;
}

sv_err gw_config_load(const char *path, gw_config *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(SV_CONFIG_BYTES_MAX + 1);
    SV_TRY(sv_disk_read(path, &yaml, why));
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = path };
    if (gw_config_read(sv_textbuf_text(&yaml), out, &faults) != SV_OK) {
        (void) fputs(faults.text.at == NULL ? "" : faults.text.at, stderr);
        return sv_fail(why, SV_ERR_INVALID, "%u fault%s in %s", faults.count,
                       faults.count == 1 ? "" : "s", path);
    }
    return SV_OK;
}

void gw_config_drop(gw_config *config) {
    sv_rules_drop(&config->rules);
    gw_command_rights_drop(&config->commands);
    free(config->apps);
    free(config->deny);
}

void gw_config_help(sv_textbuf *out) {
    sv_config_help(KEYS, out);
}
