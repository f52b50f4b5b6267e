// A kind of rule, by where in the file it stands.
#include "rules_own.h"
#include <base/mem.h>
#include <stdlib.h>

void rules_layer_open(rules_layer *layer, rules_place *fallback) {
    *layer = (rules_layer){ .fallback = fallback,
                            .sensors = sv_map_new(RULES_SENSORS_MAX, NULL),
                            .devices = sv_map_new(RULES_DEVICES_MAX, NULL),
                            .both = sv_map_new(RULES_DEVICES_MAX, NULL),
                            .in_groups = sv_map_new(RULES_SENSORS_MAX, NULL) };
}

static void map_free(sv_map **map) {
    for (size_t i = 0; *map != NULL && i < sv_map_count(*map); i++) {
        free(sv_map_at(*map, i, NULL));
    }
    sv_map_drop(map);
}

void rules_layer_drop(rules_layer *layer) {
    free(layer->fallback);
    map_free(&layer->sensors);
    map_free(&layer->devices);
    map_free(&layer->both);
    map_free(&layer->in_groups);
    for (unsigned i = 0; i < SV_RULES_GROUPS_MAX; i++) {
        free(layer->groups[i]);
    }
}

static sv_text both_key(sv_textbuf *room, sv_text left, sv_text right) {
    sv_textbuf_add(room, left);
    sv_textbuf_add_char(room, '/');
    sv_textbuf_add(room, right);
    return sv_textbuf_text(room);
}

static const rules_place *find_in_group(const rules_layer *layer, unsigned group, sv_text sensor) {
    char room[SV_ID_ROOM + 12];
    sv_textbuf key = SV_TEXTBUF(room);
    sv_textbuf_addf(&key, "%u/", group);
    sv_textbuf_add(&key, sensor);
    return key.overflowed ? NULL : sv_map_get(layer->in_groups, sv_textbuf_text(&key));
}

static const rules_place *find_by_group(const rules_layer *layer, uint64_t groups, sv_text sensor) {
    for (uint64_t left = groups; left != 0; left &= left - 1) {
        const rules_place *found = find_in_group(layer, (unsigned) __builtin_ctzll(left), sensor);
        if (found != NULL) {
            return found;
        }
    }
    for (uint64_t left = groups; left != 0; left &= left - 1) {
        const rules_place *found = layer->groups[__builtin_ctzll(left)];
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

const rules_place *rules_layer_find(const rules_layer *layer, uint64_t groups, sv_text device_id,
                                    sv_text sensor) {
    char room[SV_ID_MAX * 2 + 2];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_text key = both_key(&buf, device_id, sensor);
    const rules_place *found = buf.overflowed ? NULL : sv_map_get(layer->both, key);
    found = found != NULL ? found : sv_map_get(layer->devices, device_id);
    found = found != NULL ? found : find_by_group(layer, groups, sensor);
    found = found != NULL ? found : sv_map_get(layer->sensors, sensor);
    return found != NULL ? found : layer->fallback;
}

// ---- reading ------------------------------------------------------------------------------------

bool rules_is_map(const sv_config_node *node, const char *what, sv_config_faults *faults) {
    if (sv_config_node_kind(node) == SV_CONFIG_MAP) {
        return true;
    }
    sv_config_fault(faults, node, "%s: a map is wanted here", what);
    return false;
}

bool rules_name_is_good(const char *what, sv_text name, const sv_config_node *at,
                        sv_config_faults *faults) {
    sv_why why = { 0 };
    if (sv_id_check(what, name, &why) == SV_OK) {
        return true;
    }
    sv_config_fault(faults, at, "%s", why.text);
    return false;
}

typedef struct reader {
    const rules_kind *kind;
    const rules_groups *groups;
    rules_layer *into;
    sv_config_faults *faults;
} reader;

static rules_place *read_rule(const reader *r, const sv_config_node *node, rules_level level,
                              unsigned group) {
    rules_place *rule = r->kind->read(node, r->faults);
    if (rule != NULL) {
        *rule = (rules_place){ .level = level, .group = group, .line = sv_config_node_line(node) };
    }
    return rule;
}

static void put_rule(const reader *r, sv_map *map, sv_text key, rules_place *rule,
                     const sv_config_node *at) {
    if (rule != NULL && sv_map_put(map, key, rule) != SV_OK) {
        sv_config_fault(r->faults, at, "more rules than fit");
        free(rule);
    }
}

/// `prefix`: "", "device/" or "<group index>/".
static void read_sensors(const reader *r, const sv_config_node *node, sv_map *into,
                         const char *prefix, rules_level level, unsigned group) {
    if (node == NULL || !rules_is_map(node, "sensors", r->faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text name = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        char room[SV_ID_MAX * 2 + 2];
        sv_textbuf key = SV_TEXTBUF(room);
        if (rules_name_is_good("sensor", name, item, r->faults)) {
            sv_textbuf_add_str(&key, prefix);
            sv_textbuf_add(&key, name);
            put_rule(r, into, sv_textbuf_text(&key), read_rule(r, item, level, group), item);
        }
    }
}

/// A device or group whose rules are maps: its own rule is all of it, unless `sensors:` is all it
/// has.
static const sv_config_node *own_keyed(const sv_config_node *node) {
    bool only_sensors = sv_config_node_kind(node) == SV_CONFIG_MAP
                        && sv_config_node_count(node) == 1
                        && sv_config_node_get(node, "sensors") != NULL;
    return only_sensors ? NULL : node;
}

/// One whose rules are single values: that value, or a map of `default` and `sensors`.
static const sv_config_node *own_value(const reader *r, const sv_config_node *node) {
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        return node;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (!sv_text_is(key, "default") && !sv_text_is(key, "sensors")) {
            sv_config_fault(r->faults, item,
                            "\"%.*s\" is not a key here; a device or group has default and sensors",
                            SV_TEXT_ARG(key));
        }
    }
    return sv_config_node_get(node, "default");
}

static const sv_config_node *own(const reader *r, const sv_config_node *node) {
    return r->kind->keyed ? own_keyed(node) : own_value(r, node);
}

static void read_devices(const reader *r, const sv_config_node *node) {
    if (!rules_is_map(node, "devices", r->faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text id = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &id);
        if (!rules_name_is_good("device id", id, item, r->faults)) {
            continue;
        }
        const sv_config_node *rule = own(r, item);
        if (rule != NULL) {
            put_rule(r, r->into->devices, id, read_rule(r, rule, RULES_DEVICE, 0), rule);
        }
        char prefix[SV_ID_MAX + 2];
        sv_textbuf text = SV_TEXTBUF(prefix);
        (void) both_key(&text, id, SV_TEXT(""));
        read_sensors(r, sv_config_node_get(item, "sensors"), r->into->both, prefix,
                     RULES_DEVICE_SENSOR, 0);
    }
}

static void read_groups(const reader *r, const sv_config_node *node) {
    if (!rules_is_map(node, "groups", r->faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text name = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        unsigned group = rules_groups_named(r->groups, name, item, r->faults);
        if (group == SV_RULES_GROUPS_MAX) {
            continue;
        }
        const sv_config_node *rule = own(r, item);
        r->into->groups[group] = rule == NULL ? NULL : read_rule(r, rule, RULES_GROUP, group);
        char prefix[16];
        sv_textbuf text = SV_TEXTBUF(prefix);
        sv_textbuf_addf(&text, "%u/", group);
        read_sensors(r, sv_config_node_get(item, "sensors"), r->into->in_groups, prefix,
                     RULES_GROUP_SENSOR, group);
    }
}

static void read_default(const reader *r, const sv_config_node *node) {
    rules_place *rule = read_rule(r, node, RULES_DEFAULT, 0);
    if (rule != NULL) {
        free(r->into->fallback);
        r->into->fallback = rule;
    }
}

void rules_layer_read(const sv_config_node *root, const rules_kind *kind,
                      const rules_groups *groups, rules_layer *into, sv_config_faults *faults) {
    const reader r = { .kind = kind, .groups = groups, .into = into, .faults = faults };
    const sv_config_node *node = sv_config_node_get(root, kind->section);
    if (node != NULL && !kind->keyed && sv_config_node_kind(node) == SV_CONFIG_SCALAR) {
        read_default(&r, node); // one value for everything
        return;
    }
    if (node == NULL || !rules_is_map(node, kind->section, faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (sv_text_is(key, "default")) {
            read_default(&r, item);
        } else if (sv_text_is(key, "sensors")) {
            read_sensors(&r, item, into->sensors, "", RULES_SENSOR, 0);
        } else if (sv_text_is(key, "groups")) {
            read_groups(&r, item);
        } else if (sv_text_is(key, "devices")) {
            read_devices(&r, item);
        } else {
            sv_config_fault(faults, item,
                            "\"%.*s\" is not a key here; %s has default, sensors, groups and "
                            "devices",
                            SV_TEXT_ARG(key), kind->section);
        }
    }
}

// ---- for people ---------------------------------------------------------------------------------

static void add_left(const sv_map *map, rules_names *out) {
    for (size_t i = 0; i < sv_map_count(map); i++) {
        sv_text key;
        (void) sv_map_at(map, i, &key);
        rules_names_add(out, sv_text_cut(&key, '/'));
    }
}

void rules_layer_devices(const rules_layer *layer, rules_names *out) {
    add_left(layer->devices, out);
    add_left(layer->both, out);
}

/// What stands behind `prefix` and a slash.
static void add_right(const sv_map *map, sv_text prefix, rules_names *out) {
    for (size_t i = 0; i < sv_map_count(map); i++) {
        sv_text key;
        (void) sv_map_at(map, i, &key);
        if (sv_text_eq(sv_text_cut(&key, '/'), prefix)) {
            rules_names_add(out, key);
        }
    }
}

void rules_layer_sensors(const rules_layer *layer, uint64_t groups, sv_text device_id,
                         rules_names *out) {
    add_left(layer->sensors, out);
    for (uint64_t left = groups; left != 0; left &= left - 1) {
        char room[12];
        sv_textbuf group = SV_TEXTBUF(room);
        sv_textbuf_addf(&group, "%d", __builtin_ctzll(left));
        add_right(layer->in_groups, sv_textbuf_text(&group), out);
    }
    add_right(layer->both, device_id, out);
}
