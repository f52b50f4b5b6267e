#include <base/map.h>
#include <base/mem.h>
#include <base/num.h>
#include <base/time.h>
#include <edge/rules.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES_MAX = 100000, SENSORS_MAX = 10000 };

/// One kind of rule: a default, per sensor, per device, per device and sensor.
typedef struct layer {
    void *fallback;  ///< never NULL once read
    sv_map *sensors; ///< sensor -> rule
    sv_map *devices; ///< device -> rule, where the device has one of its own
    sv_map *both;    ///< device/sensor -> rule
} layer;

struct sv_rules {
    layer thresholds, changes, uplinks;
};

/// How one kind of rule is read from a node. Returns NULL after adding a fault.
typedef void *read_rule(const sv_config_node *node, sv_config_faults *faults);
/// The part of a device's node that is a rule for all its sensors; NULL when `sensors:` is all it
/// has.
typedef const sv_config_node *find_own(const sv_config_node *node, sv_config_faults *faults);

// The keys come from the operator's own file, so the maps' hashes need no secret.
static const uint8_t NO_SECRET[16] = { 0 };

static void layer_open(layer *l, void *fallback) {
    *l = (layer){ .fallback = fallback,
                  .sensors = sv_map_new(SENSORS_MAX, NO_SECRET),
                  .devices = sv_map_new(DEVICES_MAX, NO_SECRET),
                  .both = sv_map_new(DEVICES_MAX, NO_SECRET) };
}

static void map_free(sv_map **map) {
    for (size_t i = 0; *map != NULL && i < sv_map_count(*map); i++) {
        free(sv_map_at(*map, i, NULL));
    }
    sv_map_drop(map);
}

static void layer_drop(layer *l) {
    free(l->fallback);
    map_free(&l->sensors);
    map_free(&l->devices);
    map_free(&l->both);
}

static const void *layer_find(const layer *l, sv_text device_id, sv_text sensor) {
    char room[SV_ID_MAX * 2 + 2];
    sv_textbuf key = SV_TEXTBUF(room);
    sv_textbuf_add(&key, device_id);
    sv_textbuf_add_char(&key, '/');
    sv_textbuf_add(&key, sensor);
    const void *found = key.overflowed ? NULL : sv_map_get(l->both, sv_textbuf_text(&key));
    found = found != NULL ? found : sv_map_get(l->devices, device_id);
    found = found != NULL ? found : sv_map_get(l->sensors, sensor);
    return found != NULL ? found : l->fallback;
}

static void put_rule(sv_map *map, sv_text key, void *rule, const sv_config_node *at,
                     sv_config_faults *faults) {
    if (rule != NULL && sv_map_put(map, key, rule) != SV_OK) {
        sv_config_fault(faults, at, "more rules than fit");
        free(rule);
    }
}

static bool is_map(const sv_config_node *node, const char *what, sv_config_faults *faults) {
    if (sv_config_node_kind(node) == SV_CONFIG_MAP) {
        return true;
    }
    sv_config_fault(faults, node, "%s: a map is wanted here", what);
    return false;
}

static bool good_name(const char *what, sv_text name, const sv_config_node *at,
                      sv_config_faults *faults) {
    sv_why why = { 0 };
    if (sv_id_check(what, name, &why) == SV_OK) {
        return true;
    }
    sv_config_fault(faults, at, "%s", why.text);
    return false;
}

/// `prefix` is "" or "device/".
static void read_sensors(const sv_config_node *node, sv_map *into, const char *prefix,
                         read_rule *read, sv_config_faults *faults) {
    if (node == NULL || !is_map(node, "sensors", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text name = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        char room[SV_ID_MAX * 2 + 2];
        sv_textbuf key = SV_TEXTBUF(room);
        if (good_name("sensor", name, item, faults)) {
            sv_textbuf_add_str(&key, prefix);
            sv_textbuf_add(&key, name);
            put_rule(into, sv_textbuf_text(&key), read(item, faults), item, faults);
        }
    }
}

static void read_devices(const sv_config_node *node, layer *l, read_rule *read, find_own *own,
                         sv_config_faults *faults) {
    if (node == NULL || !is_map(node, "devices", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text id = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &id);
        if (!good_name("device id", id, item, faults)) {
            continue;
        }
        const sv_config_node *rule = own(item, faults);
        if (rule != NULL) {
            put_rule(l->devices, id, read(rule, faults), rule, faults);
        }
        char prefix[SV_ID_MAX + 2];
        sv_textbuf text = SV_TEXTBUF(prefix);
        sv_textbuf_add(&text, id);
        sv_textbuf_add_char(&text, '/');
        read_sensors(sv_config_node_get(item, "sensors"), l->both, prefix, read, faults);
    }
}

static void read_layer(const sv_config_node *node, const char *what, layer *l, read_rule *read,
                       find_own *own, sv_config_faults *faults) {
    if (node == NULL || !is_map(node, what, faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (sv_text_is(key, "default")) {
            void *rule = read(item, faults);
            free(rule == NULL ? NULL : l->fallback);
            l->fallback = rule == NULL ? l->fallback : rule;
        } else if (sv_text_is(key, "sensors")) {
            read_sensors(item, l->sensors, "", read, faults);
        } else if (sv_text_is(key, "devices")) {
            read_devices(item, l, read, own, faults);
        } else {
            sv_config_fault(faults, item,
                            "\"%.*s\" is not a key here; %s has default, sensors and devices",
                            SV_TEXT_ARG(key), what);
        }
    }
}

// Thresholds

static const char *const SEVERITY_CHOICES[] = { "info", "warning", "critical", NULL };

typedef struct threshold_fields {
    double high, low, hysteresis;
    int64_t hold_us, clear_us;
    int severity;
} threshold_fields;

static void skip(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) node;
    (void) target;
    (void) faults;
}

static const sv_config_key THRESHOLD_KEYS[] = {
    { .name = "high",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(threshold_fields, high),
      .fallback = "" },
    { .name = "low",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(threshold_fields, low),
      .fallback = "" },
    { .name = "hysteresis",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(threshold_fields, hysteresis),
      .fallback = "0" },
    { .name = "hold",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(threshold_fields, hold_us),
      .fallback = "0" },
    { .name = "clear",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(threshold_fields, clear_us),
      .fallback = "0" },
    { .name = "severity",
      .type = SV_CONFIG_CHOICE,
      .offset = offsetof(threshold_fields, severity),
      .fallback = "warning",
      .choices = SEVERITY_CHOICES },
    { .name = "sensors", .type = SV_CONFIG_CUSTOM, .read = skip }, // read by read_devices
    { .name = NULL },
};

static void *read_threshold(const sv_config_node *node, sv_config_faults *faults) {
    threshold_fields fields = { 0 };
    if (sv_config_read(node, THRESHOLD_KEYS, &fields, faults) != SV_OK) {
        return NULL;
    }
    sv_threshold rule = {
        .has_high = sv_config_node_get(node, "high") != NULL,
        .has_low = sv_config_node_get(node, "low") != NULL,
        .high = fields.high,
        .low = fields.low,
        .hysteresis = fields.hysteresis,
        .hold_us = fields.hold_us,
        .clear_us = fields.clear_us,
        .severity = (sv_severity) fields.severity,
    };
    if (rule.has_high && rule.has_low && rule.high < rule.low) {
        sv_config_fault(faults, node, "high %g is below low %g", rule.high, rule.low);
        return NULL;
    }
    if (rule.hysteresis < 0) {
        sv_config_fault(faults, node, "hysteresis %g is negative", rule.hysteresis);
        return NULL;
    }
    sv_threshold *kept = sv_mem_new(sizeof *kept);
    *kept = rule;
    return kept;
}

static const sv_config_node *own_threshold(const sv_config_node *node, sv_config_faults *faults) {
    (void) faults;
    bool only_sensors = sv_config_node_kind(node) == SV_CONFIG_MAP
                        && sv_config_node_count(node) == 1
                        && sv_config_node_get(node, "sensors") != NULL;
    return only_sensors ? NULL : node;
}

// Significant change and uplink: a single value, or for a device a map of `default` and `sensors`.

static bool is_scalar(const sv_config_node *node) {
    return sv_config_node_kind(node) == SV_CONFIG_SCALAR;
}

static const sv_config_node *own_value(const sv_config_node *node, sv_config_faults *faults) {
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        return node;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (!sv_text_is(key, "default") && !sv_text_is(key, "sensors")) {
            sv_config_fault(faults, item,
                            "\"%.*s\" is not a key here; a device has default and sensors",
                            SV_TEXT_ARG(key));
        }
    }
    return sv_config_node_get(node, "default");
}

static void *read_change(const sv_config_node *node, sv_config_faults *faults) {
    sv_text text = is_scalar(node) ? sv_config_node_text(node) : SV_TEXT("");
    bool percent = text.len > 0 && text.at[text.len - 1] == '%';
    double amount = 0;
    if (sv_num_parse((sv_text){ text.at, text.len - (percent ? 1 : 0) }, &amount) != SV_OK
        || amount < 0) {
        sv_config_fault(
            faults, node,
            "a change is a number such as 0.5, or a share of the last value such as 5%%");
        return NULL;
    }
    sv_change *kept = sv_mem_new(sizeof *kept);
    *kept = (sv_change){ .amount = amount, .percent = percent };
    return kept;
}

static void *read_uplink(const sv_config_node *node, sv_config_faults *faults) {
    static const char *const NAMES[] = { "never", "aggregate", "change", "all" };
    for (unsigned i = 0; is_scalar(node) && i < SV_COUNT(NAMES); i++) {
        if (sv_text_is(sv_config_node_text(node), NAMES[i])) {
            sv_uplink *kept = sv_mem_new(sizeof *kept);
            *kept = (sv_uplink) i;
            return kept;
        }
    }
    sv_config_fault(faults, node, "what leaves the site is one of never, aggregate, change, all");
    return NULL;
}

sv_rules *sv_rules_default(void) {
    sv_rules *rules = sv_mem_new(sizeof *rules);
    sv_threshold *threshold = sv_mem_new(sizeof *threshold);
    sv_change *change = sv_mem_new(sizeof *change);
    sv_uplink *uplink = sv_mem_new(sizeof *uplink);
    threshold->severity = SV_SEVERITY_WARNING;
    change->amount = 1.0;
    *uplink = SV_UPLINK_CHANGE;
    layer_open(&rules->thresholds, threshold);
    layer_open(&rules->changes, change);
    layer_open(&rules->uplinks, uplink);
    return rules;
}

void sv_rules_drop(sv_rules **rules) {
    if (*rules != NULL) {
        layer_drop(&(*rules)->thresholds);
        layer_drop(&(*rules)->changes);
        layer_drop(&(*rules)->uplinks);
        free(*rules);
        *rules = NULL;
    }
}

sv_err sv_rules_read(const sv_config_node *root, sv_rules **out, sv_config_faults *faults) {
    unsigned before = faults->count;
    sv_rules *rules = sv_rules_default();
    read_layer(sv_config_node_get(root, "thresholds"), "thresholds", &rules->thresholds,
               read_threshold, own_threshold, faults);
    read_layer(sv_config_node_get(root, "change"), "change", &rules->changes, read_change,
               own_value, faults);
    read_layer(sv_config_node_get(root, "uplink"), "uplink", &rules->uplinks, read_uplink,
               own_value, faults);
    if (faults->count != before) {
        sv_rules_drop(&rules);
        return SV_ERR_INVALID;
    }
    *out = rules;
    return SV_OK;
}

void sv_rules_for(const sv_rules *rules, sv_text device_id, sv_text sensor, sv_stream_rules *out) {
    memcpy(&out->threshold, layer_find(&rules->thresholds, device_id, sensor),
           sizeof out->threshold);
    memcpy(&out->change, layer_find(&rules->changes, device_id, sensor), sizeof out->change);
    memcpy(&out->uplink, layer_find(&rules->uplinks, device_id, sensor), sizeof out->uplink);
}
