// A file of nothing but rules, as the fleet server keeps one for each site and its gateways take
// it: the sections that a gateway's own YAML has as well, and no other key. Fleet server, gateway
// and command read it with this code, so that what one of them takes none of the others refuses.
#ifndef SV_EDGE_RULES_FILE_H
#define SV_EDGE_RULES_FILE_H

#include <edge/rules.h>

enum { SV_RULES_FILE_MAX = 1024 * 1024 /* bytes */ };

/// For sv_config_read: sv_rules_read does it, with all of them at once.
void sv_rules_section_later(const sv_config_node *node, void *target, sv_config_faults *faults);

#define SV_RULES_SECTION(section, sentence)                                                        \
    {                                                                                              \
        .name = (section), .type = SV_CONFIG_CUSTOM, .read = sv_rules_section_later,               \
        .fallback = "", .help = (sentence)                                                         \
    }

/// The sections that are rules, as lines of a table of keys: the one list of them.
#define SV_RULES_SECTIONS                                                                          \
    SV_RULES_SECTION("groups", "lists of devices, for the sections below"),                        \
        SV_RULES_SECTION("thresholds", "bounds by default, sensor, group and device"),             \
        SV_RULES_SECTION("rate", "how fast values may rise and fall"),                             \
        SV_RULES_SECTION("stale", "how long a sensor may be silent"),                              \
        SV_RULES_SECTION("change", "what counts as a significant change"),                         \
        SV_RULES_SECTION("uplink", "never, aggregate, change or all"),                             \
        SV_RULES_SECTION("detect", "off, low, normal or high: alerts of what is unusual"),         \
        SV_RULES_SECTION("mute", "when nothing is raised"),                                        \
        SV_RULES_SECTION("flapping", "how often an alert is raised before it stays"),              \
        SV_RULES_SECTION("rules", "conditions with names over the sensors of a device")

/// The whole file, or all its faults. SV_ERR_INVALID for those, and for a text of more than
/// SV_RULES_FILE_MAX bytes or that is no UTF-8.
sv_err sv_rules_file_read(sv_text yaml, sv_rules **out, sv_config_faults *faults);

#endif
