#include "notify_reading.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// One more, or the fault that it is. False ends the list.
typedef bool take_word(const sv_config_node *node, sv_text word, void *target,
                       sv_config_faults *faults);

/// A word, or a list of them.
static void each_word(const sv_config_node *node, const char *key, take_word *take, void *target,
                      sv_config_faults *faults) {
    if (node == NULL) {
        return;
    }
    bool is_list = sv_config_node_kind(node) == SV_CONFIG_LIST;
    size_t count = is_list ? sv_config_node_count(node) : 1;
    for (size_t i = 0; i < count; i++) {
        const sv_config_node *item = is_list ? sv_config_node_at(node, i, NULL) : node;
        if (sv_config_node_kind(item) != SV_CONFIG_SCALAR) {
            sv_config_fault(faults, item, "%s: write a word or a list of words", key);
            return;
        }
        if (!take(item, sv_config_node_text(item), target, faults)) {
            return;
        }
    }
}

static bool is_pattern(sv_text word) {
    bool good = word.len > 0 && word.len <= SV_ID_MAX;
    for (size_t i = 0; good && i < word.len; i++) {
        char c = word.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '_' || c == '-' || c == '*';
    }
    return good;
}

static bool take_pattern(const sv_config_node *node, sv_text word, void *target,
                         sv_config_faults *faults) {
    sv_patterns *out = target;
    if (out->count == SV_ROUTE_PATTERNS_MAX) {
        sv_config_fault(faults, node, "more than %d patterns", SV_ROUTE_PATTERNS_MAX);
        return false;
    }
    if (!is_pattern(word) || sv_text_copy(word, out->list[out->count], SV_ID_ROOM) != SV_OK) {
        sv_config_fault(faults, node, "'" SV_TEXT_FMT "' is no name or pattern such as press-*",
                        SV_TEXT_ARG(word));
        return true;
    }
    out->count++;
    return true;
}

void notify_read_patterns(const sv_config_node *node, const char *key, sv_patterns *out,
                          sv_config_faults *faults) {
    each_word(node, key, take_pattern, out, faults);
}

// ---- a route ------------------------------------------------------------------------------------

typedef struct route_text {
    char name[SV_ID_ROOM];
    int severity;
    char hours[16];
    char quiet[16];
    char zone[SV_ZONE_NAME_MAX + 1];
    int64_t repeat_us;
    bool recovery;
} route_text;

typedef struct escalate_text {
    int64_t after_us;
} escalate_text;

/// What the words of a list are held against.
typedef struct reading {
    sv_notify_config *config;
    const sv_notify_files *files;
    const sv_zone *zone; ///< of routes that name none
    sv_names *names;
} reading;

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *) 0)->member)
#define PASSED(key, sentence)                                                                      \
    { .name = (key), .type = SV_CONFIG_CUSTOM, .help = (sentence), .read = notify_passed_over }

enum { REPEAT_MIN_S = 60, ESCALATE_MIN_S = 1 };

static const char *const SEVERITIES[] = { "info", "warning", "critical", NULL };

static const sv_config_key ROUTE_KEYS[] = {
    { .name = "name",
      .type = SV_CONFIG_TEXT,
      FIELD(route_text, name),
      .check = sv_id_config_check,
      .help = "the route's name" },
    PASSED("site", "sites, names or patterns; every one otherwise"),
    PASSED("device", "devices, names or patterns"),
    PASSED("group", "groups of devices, by their names"),
    PASSED("type", "types of machine, names or patterns"),
    PASSED("alert", "types of alert: HIGH, LOW, OFFLINE, ..."),
    { .name = "severity",
      .type = SV_CONFIG_CHOICE,
      FIELD(route_text, severity),
      .fallback = "info",
      .choices = SEVERITIES,
      .help = "this or worse" },
    PASSED("days", "mon, tue, wed, thu, fri, sat, sun"),
    { .name = "hours",
      .type = SV_CONFIG_TEXT,
      FIELD(route_text, hours),
      .fallback = "",
      .help = "only then, such as 22:00-06:00" },
    { .name = "quiet",
      .type = SV_CONFIG_TEXT,
      FIELD(route_text, quiet),
      .fallback = "",
      .help = "what is not critical waits for the end of these hours" },
    { .name = "zone",
      .type = SV_CONFIG_TEXT,
      FIELD(route_text, zone),
      .fallback = "",
      .help = "whose clock days and hours are, such as Europe/Oslo" },
    PASSED("to", "channels"),
    { .name = "repeat",
      .type = SV_CONFIG_DURATION,
      FIELD(route_text, repeat_us),
      .fallback = "0",
      .max = 30 * SV_TIME_DAY_US,
      .help = "tell again this often while it is open and nobody has acknowledged it" },
    PASSED("escalate", "{after: 15m, to: channel}: tell others as well when nobody acknowledges"),
    { .name = "recovery",
      .type = SV_CONFIG_BOOL,
      FIELD(route_text, recovery),
      .fallback = "true",
      .help = "tell also that it is over" },
    { 0 },
};

static const sv_config_key ESCALATE_KEYS[] = {
    { .name = "after",
      .type = SV_CONFIG_DURATION,
      FIELD(escalate_text, after_us),
      .min = ESCALATE_MIN_S * SV_TIME_SECOND_US,
      .max = 30 * SV_TIME_DAY_US,
      .help = "so long nobody has acknowledged" },
    PASSED("to", "channels"),
    { 0 },
};

static bool take_channel(const sv_config_node *node, sv_text word, void *target,
                         sv_config_faults *faults) {
    reading *r = target;
    if (sv_notify_channel(r->config, word) == NULL) {
        sv_config_fault(faults, node, "to: there is no channel '" SV_TEXT_FMT "'",
                        SV_TEXT_ARG(word));
    } else if (r->names->count == SV_ROUTE_CHANNELS_MAX) {
        sv_config_fault(faults, node, "to: more than %d channels", SV_ROUTE_CHANNELS_MAX);
        return false;
    } else if (sv_text_copy(word, r->names->list[r->names->count], SV_ID_ROOM) == SV_OK) {
        r->names->count++;
    }
    return true;
}

static void read_channels(const sv_config_node *map, reading *r, sv_names *out,
                          sv_config_faults *faults) {
    const sv_config_node *node = sv_config_node_get(map, "to");
    r->names = out;
    each_word(node, "to", take_channel, r, faults);
    if (node == NULL) {
        sv_config_fault(faults, map, "to: name at least one channel");
    }
}

static bool take_alert(const sv_config_node *node, sv_text word, void *target,
                       sv_config_faults *faults) {
    unsigned *out = target;
    for (int type = 0; type < SV_ALERT_TYPE__COUNT; type++) {
        if (sv_text_is(word, sv_alert_type_name((sv_alert_type) type))) {
            *out |= 1U << (unsigned) type;
            return true;
        }
    }
    sv_config_fault(faults, node, "alert: there are no alerts of type '" SV_TEXT_FMT "'",
                    SV_TEXT_ARG(word));
    return true;
}

static bool take_day(const sv_config_node *node, sv_text word, void *target,
                     sv_config_faults *faults) {
    static const char *const DAYS[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    unsigned *out = target;
    for (unsigned day = 0; day < SV_COUNT(DAYS); day++) {
        if (sv_text_is(word, DAYS[day])) {
            *out |= 1U << day;
            return true;
        }
    }
    sv_config_fault(faults, node, "days: '" SV_TEXT_FMT "' is none of mon, tue, ... sun",
                    SV_TEXT_ARG(word));
    return true;
}

/// Each zone is read once.
static sv_err find_zone(reading *r, const char *name, const sv_zone **out, sv_why *why) {
    sv_notify_config *config = r->config;
    for (size_t i = 0; i < config->zone_count; i++) {
        if (strcmp(config->zones[i].name, name) == 0) {
            *out = config->zones[i].zone;
            return SV_OK;
        }
    }
    sv_notify_zone fresh = { .zone = NULL };
    SV_TRY(r->files->zone(name, &fresh.zone, why));
    (void) snprintf(fresh.name, sizeof fresh.name, "%s", name);
    config->zones = sv_mem_resize(config->zones, (config->zone_count + 1) * sizeof *config->zones);
    config->zones[config->zone_count++] = fresh;
    *out = fresh.zone;
    return SV_OK;
}

static void read_hours(const sv_config_node *map, const char *key, const char *text, sv_hours *out,
                       sv_config_faults *faults) {
    sv_why why;
    if (text[0] != '\0' && sv_hours_parse(sv_text_of(text), out, &why) != SV_OK) {
        sv_config_fault(faults, sv_config_node_get(map, key), "%s: %s", key, why.text);
    }
}

static void read_times(const sv_config_node *node, const route_text *text, reading *r,
                       sv_route *route, sv_config_faults *faults) {
    sv_why why;
    each_word(sv_config_node_get(node, "days"), "days", take_day, &route->days, faults);
    read_hours(node, "hours", text->hours, &route->hours, faults);
    read_hours(node, "quiet", text->quiet, &route->quiet, faults);
    if (route->quiet.to - route->quiet.from == SV_MINUTES_A_DAY) {
        sv_config_fault(faults, sv_config_node_get(node, "quiet"),
                        "quiet: a whole day never ends; take severity: critical");
    }
    route->zone = r->zone;
    if (text->zone[0] != '\0' && find_zone(r, text->zone, &route->zone, &why) != SV_OK) {
        sv_config_fault(faults, sv_config_node_get(node, "zone"), "zone: %s", why.text);
    }
}

static void read_escalation(const sv_config_node *node, reading *r, sv_route *route,
                            sv_config_faults *faults) {
    escalate_text text = { 0 };
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node, "escalate: write {after: 15m, to: channel}");
    } else if (sv_config_read(node, ESCALATE_KEYS, &text, faults) == SV_OK) {
        route->escalate_us = text.after_us;
        read_channels(node, r, &route->escalate_to, faults);
    }
}

/// A group is a name already for whoever one means: it takes no pattern.
static void read_groups(const sv_config_node *node, sv_patterns *out, sv_config_faults *faults) {
    notify_read_patterns(node, "group", out, faults);
    for (size_t i = 0; i < out->count; i++) {
        if (strchr(out->list[i], '*') != NULL) {
            sv_config_fault(faults, node, "group: '%s' is no name of a group", out->list[i]);
        }
    }
}

static void read_route(const sv_config_node *node, reading *r, sv_route *route,
                       sv_config_faults *faults) {
    route_text text = { 0 };
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node, "routes: write {name: ..., to: ...}");
        return;
    }
    if (sv_config_read(node, ROUTE_KEYS, &text, faults) != SV_OK) {
        return;
    }
    memcpy(route->name, text.name, sizeof text.name);
    route->least = (sv_severity) text.severity;
    route->repeat_us = text.repeat_us;
    route->recovery = text.recovery;
    if (text.repeat_us > 0 && text.repeat_us < REPEAT_MIN_S * SV_TIME_SECOND_US) {
        sv_config_fault(faults, sv_config_node_get(node, "repeat"),
                        "repeat: more often than every %d s is a flood", REPEAT_MIN_S);
    }
    notify_read_patterns(sv_config_node_get(node, "site"), "site", &route->sites, faults);
    notify_read_patterns(sv_config_node_get(node, "device"), "device", &route->devices, faults);
    notify_read_patterns(sv_config_node_get(node, "type"), "type", &route->types, faults);
    read_groups(sv_config_node_get(node, "group"), &route->groups, faults);
    each_word(sv_config_node_get(node, "alert"), "alert", take_alert, &route->alerts, faults);
    read_times(node, &text, r, route, faults);
    read_channels(node, r, &route->to, faults);
    read_escalation(sv_config_node_get(node, "escalate"), r, route, faults);
}

static void read_routes(const sv_config_node *node, reading *r, sv_config_faults *faults) {
    if (node == NULL) {
        return;
    }
    sv_notify_config *config = r->config;
    size_t count = sv_config_node_kind(node) == SV_CONFIG_LIST ? sv_config_node_count(node) : 0;
    if (count == 0 || count > SV_ROUTES_MAX) {
        sv_config_fault(faults, node, "routes: write a list of 1 to %d", SV_ROUTES_MAX);
        return;
    }
    config->routes = sv_mem_array(count, sizeof *config->routes);
    for (size_t i = 0; i < count; i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        sv_route *route = &config->routes[i];
        read_route(item, r, route, faults);
        if (sv_notify_route(config, sv_text_of(route->name)) != NULL) {
            sv_config_fault(faults, item, "routes: two are named '%s'", route->name);
        }
        config->route_count++;
    }
}

// ---- the section --------------------------------------------------------------------------------

typedef struct section_text {
    int64_t gather_us, give_up_us;
    int match;
    char zone[SV_ZONE_NAME_MAX + 1];
    char link[SV_NOTIFY_LINK_MAX + 1];
} section_text;

static const char *const MATCHES[] = { "first", "all", NULL };

static const sv_config_key SECTION_KEYS[] = {
    PASSED("channels", "ways to people, by name"),
    PASSED("routes", "who is told what, tried in order"),
    { .name = "match",
      .type = SV_CONFIG_CHOICE,
      FIELD(section_text, match),
      .fallback = "first",
      .choices = MATCHES,
      .help = "the first route that fits decides, or all that fit" },
    { .name = "zone",
      .type = SV_CONFIG_TEXT,
      FIELD(section_text, zone),
      .fallback = "UTC",
      .help = "time zone of routes that name none" },
    { .name = "gather",
      .type = SV_CONFIG_DURATION,
      FIELD(section_text, gather_us),
      .fallback = "10s",
      .max = SV_TIME_HOUR_US,
      .help = "so long alerts of one cause are gathered into one message" },
    { .name = "give_up",
      .type = SV_CONFIG_DURATION,
      FIELD(section_text, give_up_us),
      .fallback = "24h",
      .min = SV_TIME_SECOND_US,
      .max = 30 * SV_TIME_DAY_US,
      .help = "after this age a message that cannot be sent is given up" },
    { .name = "link",
      .type = SV_CONFIG_TEXT,
      FIELD(section_text, link),
      .fallback = "",
      .help = "address of the dashboard, for messages" },
    { 0 },
};

static void check_link(const sv_config_node *node, const char *link, sv_config_faults *faults) {
    sv_url url;
    sv_why why;
    if (link[0] != '\0' && sv_url_parse(sv_text_of(link), &url, &why) != SV_OK) {
        sv_config_fault(faults, sv_config_node_get(node, "link"), "link: %s", why.text);
    }
}

static void read_section(const sv_config_node *node, reading *r, sv_config_faults *faults) {
    section_text text = { 0 };
    sv_why why;
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node, "notify: write {channels: {...}, routes: [...]}");
        return;
    }
    if (sv_config_read(node, SECTION_KEYS, &text, faults) != SV_OK) {
        return;
    }
    sv_notify_config *config = r->config;
    config->gather_us = text.gather_us;
    config->give_up_us = text.give_up_us;
    config->all = text.match == 1;
    memcpy(config->link, text.link, sizeof text.link);
    check_link(node, text.link, faults);
    if (find_zone(r, text.zone, &r->zone, &why) != SV_OK) {
        sv_config_fault(faults, sv_config_node_get(node, "zone"), "zone: %s", why.text);
    }
    notify_read_channels(sv_config_node_get(node, "channels"), r->files, config, faults);
    read_routes(sv_config_node_get(node, "routes"), r, faults);
}

sv_notify_config *sv_notify_config_read(const sv_config_node *node, const sv_notify_files *files,
                                        sv_config_faults *faults) {
    sv_notify_config *config = sv_mem_new(sizeof *config);
    config->users = 1;
    if (node != NULL) {
        reading r = { .config = config, .files = files };
        read_section(node, &r, faults);
    }
    return config;
}
