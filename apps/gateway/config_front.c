// Whom the gateway listens to: its own front door or a broker, what nobody may say there, what
// programs of the site may read.
#include "config_own.h"
#include <base/mem.h>
#include <base/time.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN(member)                                                                             \
    .offset = (offsetof(gw_config, listen.member) - offsetof(gw_config, listen)),                  \
    .size = sizeof(((gw_config *) 0)->listen.member)
#define DOOR(member) .offset = (offsetof(gw_config, door.member) - offsetof(gw_config, door))
#define CACHE(member) .offset = (offsetof(gw_config, cache.member) - offsetof(gw_config, cache))
#define BROKER(member) .offset = (offsetof(gw_config, broker.member) - offsetof(gw_config, broker))

static const char *const CLASSIC[] = { "refuse", "allow", NULL };
const sv_config_key GW_LISTEN_KEYS[] = {
    { .name = "bind",
      .type = SV_CONFIG_TEXT,
      LISTEN(bind),
      .fallback = "0.0.0.0",
      .help = "address that devices come to; 127.0.0.1: only this machine" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      LISTEN(port),
      .fallback = "8883",
      .min = 1,
      .max = 65535,
      .help = "port for MQTT over mutual TLS" },
    { .name = "socket",
      .type = SV_CONFIG_TEXT,
      LISTEN(socket),
      .fallback = "",
      .help = "path of a unix socket for programs on this machine: who may open it may hear all" },
    { .name = "loopback",
      .type = SV_CONFIG_INT,
      LISTEN(loopback),
      .fallback = "0",
      .min = 0,
      .max = 65535,
      .help = "port on 127.0.0.1, without TLS, for programs on this machine that know no unix "
              "socket: whoever may log in here may hear all; 0: none" },
    { .name = "keepalive",
      .type = SV_CONFIG_DURATION,
      LISTEN(keepalive_us),
      .fallback = "60s",
      .min = 1000000,
      .max = INT64_C(65535000000),
      .help = "the longest keep alive; who is silent one and a half times as long is gone" },
    { .name = "packet",
      .type = SV_CONFIG_BYTES,
      LISTEN(packet_bytes),
      .fallback = "256KiB",
      .min = 1024,
      .max = INT64_C(16) << 20,
      .help = "the largest packet taken" },
    { .name = "connections",
      .type = SV_CONFIG_INT,
      LISTEN(connections),
      .fallback = "12000",
      .min = 1,
      .max = 60000,
      .help = "devices connected at once" },
    { .name = "session",
      .type = SV_CONFIG_DURATION,
      LISTEN(session_us),
      .fallback = "14d",
      .min = 1000000,
      .max = INT64_C(315360000000000),
      .help = "how long a session outlives its connection at most" },
    { .name = "queue_messages",
      .type = SV_CONFIG_INT,
      LISTEN(queue_messages),
      .fallback = "1000",
      .min = 1,
      .max = 1000000,
      .help = "messages that may wait for one client" },
    { .name = "queue_bytes",
      .type = SV_CONFIG_BYTES,
      LISTEN(queue_bytes),
      .fallback = "1MiB",
      .min = 1024,
      .max = 1 << 30,
      .help = "and their bytes" },
    { .name = "rate",
      .type = SV_CONFIG_BYTES,
      LISTEN(rate_bytes),
      .fallback = "4MiB",
      .min = 32768,
      .max = 1 << 30,
      .help =
          "bytes that one client may send in a second; beyond that it is read from more slowly" },
    { .name = "classic_certificates",
      .type = SV_CONFIG_CHOICE,
      LISTEN(classic),
      .choices = CLASSIC,
      .fallback = "refuse",
      .help = "X.509 v1 leaves made with plain openssl count as devices, or are refused" },
    { .name = NULL },
};

const sv_config_key GW_DOOR_KEYS[] = {
    { .name = "bind",
      .type = SV_CONFIG_TEXT,
      DOOR(bind),
      .size = 64,
      .fallback = "0.0.0.0",
      .help = "address that devices come to; 127.0.0.1: only this machine" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      DOOR(port),
      .fallback = "0",
      .min = 0,
      .max = 65535,
      .help = "port for HTTPS with device certificates, 8444 by custom; 0: none" },
    { .name = "manufacturers",
      .type = SV_CONFIG_TEXT,
      DOOR(manufacturers),
      .size = 1024,
      .fallback = "",
      .help =
          "PEM file of manufacturers' CAs: their devices may ask for a certificate with theirs" },
    { .name = NULL },
};

static const char *const KEEP[] = { "off", "on", NULL };
const sv_config_key GW_CACHE_KEYS[] = {
    { .name = "keep",
      .type = SV_CONFIG_CHOICE,
      CACHE(keep),
      .choices = KEEP,
      .fallback = "on",
      .help = "off: every device's own request goes to the fleet server" },
    { .name = "dir",
      .type = SV_CONFIG_TEXT,
      CACHE(dir),
      .size = 1024,
      .fallback = "",
      .help = "folder for it; the database's path and \".cache\" when not given" },
    { .name = "bytes",
      .type = SV_CONFIG_BYTES,
      CACHE(bytes),
      .fallback = "0",
      .min = 0,
      .max = INT64_C(1) << 50,
      .help = "how large it may grow; the image used longest ago goes first. 0: 2GiB, and a "
              "quarter of the disk at most" },
    { .name = "rate",
      .type = SV_CONFIG_BYTES,
      CACHE(rate),
      .fallback = "0",
      .min = 0,
      .max = INT64_C(1) << 40,
      .help = "bytes a second that it may take of the site's link; 0: no bound" },
    { .name = NULL },
};

sv_err gw_config_cache_dir(const gw_config *config, char *room, size_t room_bytes) {
    sv_textbuf path = { .at = room, .cap = room_bytes };
    if (config->door.port == 0 || config->cache.keep == GW_CACHE_OFF) {
        return SV_ERR_NOT_FOUND;
    }
    if (config->cache.dir[0] != '\0') {
        sv_textbuf_add_str(&path, config->cache.dir);
    } else {
        sv_textbuf_add_str(&path, config->store.path);
        sv_textbuf_add_str(&path, ".cache");
    }
    return sv_textbuf_end(&path);
}

const sv_config_key GW_BROKER_KEYS[] = {
    { .name = "host",
      .type = SV_CONFIG_TEXT,
      BROKER(host),
      .size = 256,
      .fallback = "127.0.0.1",
      .help = "the MQTT broker's name or address" },
    { .name = "port",
      .type = SV_CONFIG_INT,
      BROKER(port),
      .fallback = "8883",
      .min = 1,
      .max = 65535,
      .help = "its TLS port" },
    { .name = "crl",
      .type = SV_CONFIG_TEXT,
      BROKER(crl),
      .size = 1024,
      .fallback = "",
      .help = "file for the broker's revocation list, which is fetched from the fleet server" },
    { .name = "pid_file",
      .type = SV_CONFIG_TEXT,
      BROKER(pid_file),
      .size = 1024,
      .fallback = "",
      .help = "of a mosquitto, which gets SIGHUP for a new list; none: the log says what to run" },
    { .name = "refresh",
      .type = SV_CONFIG_DURATION,
      BROKER(refresh_us),
      .fallback = "10m",
      .min = 1000000,
      .max = SV_TIME_DAY_US,
      .help = "how often the list is asked for" },
    { .name = NULL },
};

/// `sensors/#`, `alerts/+`, `health/press-1`: one of the site's topics, wildcards only as whole
/// levels.
static bool is_readable_filter(sv_text filter) {
    static const char *const ROOTS[] = { "sensors", "health", "presence", "alerts", "results" };
    sv_text rest = filter;
    sv_text root = sv_text_cut(&rest, '/');
    bool known = false;
    for (size_t i = 0; i < SV_COUNT(ROOTS); i++) {
        known = known || sv_text_is(root, ROOTS[i]);
    }
    while (known && rest.len > 0) {
        sv_text level = sv_text_cut(&rest, '/');
        bool last = rest.len == 0;
        known = sv_text_is(level, "+") || (sv_text_is(level, "#") && last) || sv_id_is_valid(level);
    }
    return known && filter.len > root.len + 1;
}

static void add_right(gw_config *config, sv_text id, const sv_config_node *one,
                      sv_config_faults *faults) {
    sv_text filter =
        sv_config_node_kind(one) == SV_CONFIG_SCALAR ? sv_config_node_text(one) : SV_TEXT("");
    if (!is_readable_filter(filter) || filter.len > GW_FILTER_MAX) {
        sv_config_fault(faults, one,
                        "apps: \"" SV_TEXT_FMT "\" is none of sensors/#, health/+, presence/+, "
                        "alerts/#, results/# or a part of them",
                        SV_TEXT_ARG(filter));
        return;
    }
    if (config->app_count == GW_APP_RIGHTS_MAX) {
        sv_config_fault(faults, one, "apps: more than %d rights", GW_APP_RIGHTS_MAX);
        return;
    }
    gw_app_right *right = &config->apps[config->app_count++];
    if (sv_text_copy(id, right->id, sizeof right->id) != SV_OK
        || sv_text_copy(filter, right->filter, sizeof right->filter) != SV_OK) {
        abort();
    }
}

static void read_app(sv_text id, const sv_config_node *filters, gw_config *config,
                     sv_config_faults *faults) {
    sv_why why;
    if (sv_id_check("app", id, &why) != SV_OK || sv_config_node_kind(filters) != SV_CONFIG_LIST) {
        sv_config_fault(faults, filters, "apps: write <app id>: [topic filter, ...]");
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(filters); i++) {
        add_right(config, id, sv_config_node_at(filters, i, NULL), faults);
    }
}

void gw_config_read_apps(const sv_config_node *node, void *target, sv_config_faults *faults) {
    gw_config *config = target;
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node, "apps: write <app id>: [topic filter, ...]");
        return;
    }
    config->apps = sv_mem_array(GW_APP_RIGHTS_MAX, sizeof *config->apps);
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text id;
        const sv_config_node *filters = sv_config_node_at(node, i, &id);
        read_app(id, filters, config, faults);
    }
}

void gw_config_read_deny(const sv_config_node *node, void *target, sv_config_faults *faults) {
    gw_config *config = target;
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_LIST || sv_config_node_count(node) > GW_DENY_MAX) {
        sv_config_fault(faults, node, "deny: write [topic filter, ...], %d at most", GW_DENY_MAX);
        return;
    }
    config->deny = sv_mem_array(GW_DENY_MAX, sizeof *config->deny);
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        const sv_config_node *one = sv_config_node_at(node, i, NULL);
        sv_text filter =
            sv_config_node_kind(one) == SV_CONFIG_SCALAR ? sv_config_node_text(one) : SV_TEXT("");
        if (filter.len == 0
            || sv_text_copy(filter, config->deny[config->deny_count], GW_FILTER_ROOM) != SV_OK) {
            sv_config_fault(faults, one, "deny: \"" SV_TEXT_FMT "\" is no topic filter",
                            SV_TEXT_ARG(filter));
            continue;
        }
        config->deny_count++;
    }
}
