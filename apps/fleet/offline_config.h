// After how long without a sign of life somebody is told: the `offline` section.
#ifndef SV_FLEET_OFFLINE_CONFIG_H
#define SV_FLEET_OFFLINE_CONFIG_H

#include <codec/config.h>
#include <fleet/routing.h>

enum { SV_OFFLINE_RULES_MAX = 64 };

#define SV_OFFLINE_AFTER_US (5 * SV_TIME_MINUTE_US)

typedef struct sv_offline_rule {
    sv_patterns sites, devices; ///< of gateways the ids as well
    int64_t after_us;           ///< 0: never
} sv_offline_rule;

typedef struct sv_offline_config {
    int64_t after_us; ///< where no rule fits; 0: never
    sv_offline_rule *rules;
    size_t rule_count;
} sv_offline_config;

/// NULL `node`: the defaults.
void sv_offline_config_read(const sv_config_node *node, sv_offline_config *out,
                            sv_config_faults *faults);
void sv_offline_config_drop(sv_offline_config *config);

/// The first rule that fits decides.
int64_t sv_offline_after_us(const sv_offline_config *config, const char *site, const char *id);

#endif
