// How a file of rules is kept; private to the files rules*.c.
#ifndef SV_EDGE_RULES_OWN_H
#define SV_EDGE_RULES_OWN_H

#include <base/map.h>
#include <base/zone.h>
#include <edge/rule.h>
#include <model/id.h>

enum { RULES_DEVICES_MAX = 100000, RULES_SENSORS_MAX = 10000 };

// ---- groups: who belongs to which ---------------------------------------------------------------

typedef struct rules_pattern {
    char *text;
    uint64_t groups;
} rules_pattern;

typedef struct rules_groups {
    char names[SV_RULES_GROUPS_MAX][SV_ID_ROOM];
    char fleet[SV_RULES_GROUPS_MAX][SV_ID_ROOM]; ///< which group of the fleet server; empty: none
    unsigned count;
    sv_map *members;  ///< device -> uint64_t, a bit per group
    sv_members *told; ///< of the fleet server's groups; NULL: nobody is in one
    rules_pattern *patterns;
    size_t pattern_count;
} rules_groups;

void rules_groups_read(const sv_config_node *node, rules_groups *out, sv_config_faults *faults);
void rules_groups_drop(rules_groups *groups);
/// The groups a device belongs to, a bit each; bit 0 is the first in the file.
uint64_t rules_groups_of(const rules_groups *groups, sv_text device_id);
/// The group that `at` names; SV_RULES_GROUPS_MAX after a fault when there is none.
unsigned rules_groups_named(const rules_groups *groups, sv_text name, const sv_config_node *at,
                            sv_config_faults *faults);

// ---- layers: one kind of rule ---------------------------------------------------------------

/// Where a rule stands.
typedef enum rules_level {
    RULES_DEFAULT,
    RULES_SENSOR,
    RULES_GROUP,
    RULES_GROUP_SENSOR,
    RULES_DEVICE,
    RULES_DEVICE_SENSOR
} rules_level;

/// Every rule starts with this.
typedef struct rules_place {
    rules_level level;
    unsigned group;
    size_t line; ///< 0: not in the file
} rules_place;

typedef struct rules_layer {
    rules_place *fallback;                    ///< never NULL once open
    sv_map *sensors;                          ///< sensor -> rule
    sv_map *devices;                          ///< device -> rule, where it has one of its own
    sv_map *both;                             ///< device/sensor -> rule
    rules_place *groups[SV_RULES_GROUPS_MAX]; ///< NULL: that group has none of its own
    sv_map *in_groups;                        ///< <group index>/sensor -> rule
} rules_layer;

/// A kind of rule.
typedef struct rules_kind {
    const char *section;
    /// A rule (malloc, starting with rules_place) out of its node; NULL after adding a fault.
    rules_place *(*read)(const sv_config_node *node, sv_config_faults *faults);
    /// Rules are maps with keys, not single values: beside `sensors` the keys of a device or a
    /// group are those of its own rule.
    bool keyed;
} rules_kind;

/// Takes over `fallback`.
void rules_layer_open(rules_layer *layer, rules_place *fallback);
void rules_layer_drop(rules_layer *layer);
void rules_layer_read(const sv_config_node *root, const rules_kind *kind,
                      const rules_groups *groups, rules_layer *into, sv_config_faults *faults);
const rules_place *rules_layer_find(const rules_layer *layer, uint64_t groups, sv_text device_id,
                                    sv_text sensor);

/// A map, or a fault that says so.
bool rules_is_map(const sv_config_node *node, const char *what, sv_config_faults *faults);
bool rules_name_is_good(const char *what, sv_text name, const sv_config_node *at,
                        sv_config_faults *faults);

// ---- kinds ----------------------------------------------------------------------------------

/// What the file says about the life of an alert.
typedef struct rules_life {
    int64_t clear_us, escalate_us;
    int severity;
} rules_life;

// Every alert lives by these; `base` is the struct with a rules_life `life`.
// clang-format off
#define RULES_LIFE_KEYS(base)                                                                      \
    { .name = "clear", .type = SV_CONFIG_DURATION, .offset = offsetof(base, life.clear_us),        \
      .fallback = "0", .help = "over for so long before it is cleared" },                          \
    { .name = "escalate", .type = SV_CONFIG_DURATION, .offset = offsetof(base, life.escalate_us),  \
      .fallback = "0", .help = "open and not acknowledged for so long: critical" },                \
    { .name = "severity", .type = SV_CONFIG_CHOICE, .offset = offsetof(base, life.severity),       \
      .fallback = "warning", .choices = RULES_SEVERITIES, .help = "of the alert" }
// clang-format on

extern const char *const RULES_SEVERITIES[];
sv_life rules_life_of(const rules_life *read, int64_t hold_us);
/// For sv_config_read: somebody else reads that key.
void rules_skip(const sv_config_node *node, void *target, sv_config_faults *faults);

typedef struct rules_threshold {
    rules_place place;
    sv_threshold rule;
} rules_threshold;
typedef struct rules_rate {
    rules_place place;
    sv_rate rule;
} rules_rate;
typedef struct rules_stale {
    rules_place place;
    sv_stale rule;
} rules_stale;
typedef struct rules_change {
    rules_place place;
    sv_change rule;
} rules_change;
typedef struct rules_uplink {
    rules_place place;
    sv_uplink rule;
} rules_uplink;

typedef struct rules_detection {
    rules_place place;
    sv_detect rule;
} rules_detect;

extern const rules_kind RULES_THRESHOLD, RULES_RATE, RULES_STALE, RULES_CHANGE, RULES_UPLINK,
    RULES_DETECT;

// ---- mutes --------------------------------------------------------------------------------------

typedef struct rules_mute {
    char **devices, **sensors; ///< patterns; NULL: every
    size_t device_count, sensor_count;
    uint64_t groups;
    bool every_day;
    uint8_t days;           ///< bit 0 is Monday
    int64_t from_us, to_us; ///< since midnight, there; equal: the whole day
    sv_zone *zone;          ///< NULL: UTC, or what is ahead of it
    int64_t ahead_us;       ///< of UTC; 0 with a zone
    int64_t until_us;       ///< INT64_MAX: for good
    size_t line;
} rules_mute;

typedef struct rules_mutes {
    rules_mute at[SV_MUTES_MAX];
    unsigned count;
} rules_mutes;

void rules_mutes_read(const sv_config_node *node, const rules_groups *groups, rules_mutes *out,
                      sv_config_faults *faults);
void rules_mutes_drop(rules_mutes *mutes);
uint64_t rules_mutes_of(const rules_mutes *mutes, uint64_t groups, sv_text device_id,
                        sv_text sensor);
uint64_t rules_mutes_at(const rules_mutes *mutes, int64_t at_us);

// ---- rules with a name ----------------------------------------------------------------------

enum { RULES_NAMED_MAX = 256 }; ///< by default, of a group, of a device

/// One line of the section: `rule` NULL: off.
typedef struct rules_named_one {
    char name[SV_ID_ROOM];
    sv_rule *rule;
    size_t line;
} rules_named_one;

typedef struct rules_named_set {
    rules_named_one *at;
    size_t count;
} rules_named_set;

typedef struct rules_named {
    rules_named_set fallback, groups[SV_RULES_GROUPS_MAX];
    sv_map *devices; ///< device -> rules_named_set
} rules_named;

void rules_named_open(rules_named *named);
void rules_named_read(const sv_config_node *node, const rules_groups *groups, rules_named *into,
                      sv_config_faults *faults);
void rules_named_drop(rules_named *named);

struct sv_rules {
    rules_groups groups;
    rules_named named;
    rules_layer thresholds, rates, stales, changes, uplinks, detects;
    rules_mutes mutes;
    sv_flapping flapping;
    unsigned shared;       ///< owners but one
    struct sv_rules *base; ///< whose all of it is, but for who is in groups; NULL: its own
};

// ---- for people ---------------------------------------------------------------------------------

/// Names, each told once.
typedef struct rules_names {
    sv_map *seen;
    void (*each)(void *arg, sv_text name);
    void *arg;
} rules_names;

void rules_names_add(rules_names *names, sv_text name);
void rules_named_devices(const rules_named *named, rules_names *out);
void rules_named_sensors(const sv_rules *rules, sv_text device_id, rules_names *out);
/// Keys of a layer that are about the device.
void rules_layer_devices(const rules_layer *layer, rules_names *out);
void rules_layer_sensors(const rules_layer *layer, uint64_t groups, sv_text device_id,
                         rules_names *out);

/// `  (thresholds.devices.press-1, line 12)` and an end of line.
void rules_explain_place(sv_textbuf *out, const sv_rules *rules, const rules_place *place,
                         const char *section, sv_text device, sv_text sensor);
/// `, clear 30s, critical`
void rules_explain_life(const sv_life *life, sv_textbuf *out);

#endif
