// What an operator wants to happen with the readings of each stream: thresholds, significant
// change, what leaves the site. Read from the gateway's YAML (docs/guide/gateway.md), looked up per
// (device, sensor); the most specific section wins whole: device+sensor, device, sensor, default.
#ifndef SV_EDGE_RULES_H
#define SV_EDGE_RULES_H

#include <base/err.h>
#include <codec/config.h>
#include <model/alert.h>

typedef struct sv_threshold {
    bool has_high, has_low;
    double high, low;  ///< judged on the moving average: `> high`, `< low`
    double hysteresis; ///< an open alert ends only this far inside the bound; default 0
    int64_t hold_us;   ///< the bound must be broken this long before an alert is raised; default 0
    int64_t clear_us;  ///< and be kept this long before it is cleared; default 0
    sv_severity severity; ///< default warning
} sv_threshold;

typedef enum sv_uplink {
    SV_UPLINK_NEVER,
    SV_UPLINK_AGGREGATE,
    SV_UPLINK_CHANGE,
    SV_UPLINK_ALL
} sv_uplink;

typedef struct sv_change {
    double amount; ///< default 1.0
    bool percent;  ///< of the last value sent
} sv_change;

/// What holds for one stream.
typedef struct sv_stream_rules {
    sv_threshold threshold;
    sv_change change;
    sv_uplink uplink;
} sv_stream_rules;

typedef struct sv_rules sv_rules;

/// The sections `thresholds:`, `change:` and `uplink:` of `root` (others are left alone; absent
/// ones give the defaults: no bound, 1.0, change). All faults are collected; NULL *out then.
sv_err sv_rules_read(const sv_config_node *root, sv_rules **out, sv_config_faults *faults);
/// No file: the defaults.
sv_rules *sv_rules_default(void);
void sv_rules_drop(sv_rules **rules);

void sv_rules_for(const sv_rules *rules, sv_text device_id, sv_text sensor, sv_stream_rules *out);

#endif
