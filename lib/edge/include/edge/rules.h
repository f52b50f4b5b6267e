// What an operator wants to happen with the readings of each stream: thresholds, rates, silence,
// significant change, what leaves the site, how much is unusual, and when nothing is to be raised.
// Read from the gateway's YAML (docs/guide/rules.md), looked up per (device, sensor); the most
// specific section wins whole: device+sensor, device, group+sensor, group, sensor, default.
// [edge-6]
#ifndef SV_EDGE_RULES_H
#define SV_EDGE_RULES_H

#include <base/err.h>
#include <codec/config.h>
#include <edge/condition.h>
#include <edge/members.h>

enum {
    SV_RULES_GROUPS_MAX = 64, ///< of a file
    SV_PATTERNS_MAX = 1024,   ///< members with a `*` in them, of all groups
    SV_MUTES_MAX = 64,
};

/// One bound of a threshold, judged on the moving average.
typedef struct sv_bound {
    bool given, has_critical;
    double at;       ///< broken beyond it
    double critical; ///< at least as far out; an open alert beyond it is critical
} sv_bound;

typedef struct sv_threshold {
    sv_bound high, low; ///< `> high`, `< low`
    double hysteresis;  ///< an open alert ends only this far inside the bound; default 0
    sv_life life;
} sv_threshold;

/// How fast the moving average may change. [edge-8]
typedef struct sv_rate {
    bool has_rise, has_fall;
    double rise, fall; ///< per `per_us`, both positive
    int64_t per_us;    ///< default 1 min
    sv_life life;
} sv_rate;

/// How long a sensor may be silent. [edge-7]
typedef struct sv_stale {
    int64_t after_us; ///< 0: as long as it likes
    sv_life life;
} sv_stale;

typedef enum sv_uplink {
    SV_UPLINK_NEVER,
    SV_UPLINK_AGGREGATE,
    SV_UPLINK_CHANGE,
    SV_UPLINK_ALL,
    SV_UPLINK__COUNT
} sv_uplink;

const char *sv_uplink_name(sv_uplink uplink); ///< "never", ...

typedef struct sv_change {
    double amount; ///< default 1.0
    bool percent;  ///< of the last value sent
} sv_change;

/// How readily something is unusual (usual.h). A rule that says nothing of it is off.
typedef enum sv_detection {
    SV_DETECTION_OFF,
    SV_DETECTION_LOW,
    SV_DETECTION_NORMAL,
    SV_DETECTION_HIGH,
    SV_DETECTION__COUNT
} sv_detection;

const char *sv_detection_name(sv_detection detection); ///< "off", "low", "normal", "high"

typedef struct sv_detect {
    sv_detection level;
    int64_t learn_us;       ///< of the stream's time: nothing is raised before; default 1 day
    double alerts_per_week; ///< what a stream shall raise about; 0: as the level has it
} sv_detect;

/// What holds for one stream.
typedef struct sv_stream_rules {
    sv_threshold threshold;
    sv_rate rate;
    sv_stale stale;
    sv_change change;
    sv_uplink uplink;
    sv_detect detect;
    sv_flapping flapping;
    uint64_t mutes; ///< those that concern it; see sv_rules_muted
} sv_stream_rules;

typedef struct sv_rules sv_rules;

/// The sections `groups`, `thresholds`, `rate`, `stale`, `change`, `uplink`, `detect`, `mute`,
/// `flapping` and `rules` of `root` (others are left alone; absent ones give the defaults: no
/// bound, 1.0, change, normal). All
/// faults are collected; NULL *out then.
sv_err sv_rules_read(const sv_config_node *root, sv_rules **out, sv_config_faults *faults);
/// The names of those sections; ends with NULL.
extern const char *const SV_RULES_SECTIONS[];
/// No file: the defaults.
sv_rules *sv_rules_default(void);
/// One more owner, who drops them as well; all owners are of one thread. Others may only read.
sv_rules *sv_rules_share(sv_rules *rules);
void sv_rules_drop(sv_rules **rules);

/// The fleet server's groups that the file names, `canary: {group: pilots}`: those whose members
/// somebody has to say. Each once, in the order of the file. [edge-20]
size_t sv_rules_fleet_groups(const sv_rules *rules, sv_member_group out[SV_MEMBERS_GROUPS_MAX]);
/// The same rules, with these in the fleet server's groups; without, nobody is in them. Both are
/// shared: the caller's stay the caller's, and what stands on the rules stands on the new ones too.
sv_rules *sv_rules_with(sv_rules *rules, sv_members *members);

void sv_rules_for(const sv_rules *rules, sv_text device_id, sv_text sensor, sv_stream_rules *out);
/// The mutes that are in force at `at_us`, a bit each: a stream is quiet when one of its own is
/// among them. [edge-10]
uint64_t sv_rules_muted(const sv_rules *rules, int64_t at_us);

/// The file's.
sv_flapping sv_rules_flapping(const sv_rules *rules);

/// What the stream gets and where it stands in the file, for people: a line per kind of rule that
/// the file says something about, and for what goes up.
void sv_rules_explain(const sv_rules *rules, sv_text device_id, sv_text sensor, sv_textbuf *out);

#endif
