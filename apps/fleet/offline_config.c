#include "offline_config.h"

#include "notify_reading.h"

#include <base/mem.h>
#include <stdlib.h>

typedef struct after_text {
    char after[32];
} after_text;

#define AFTER_FIELD .offset = offsetof(after_text, after), .size = sizeof(((after_text *) 0)->after)

static const sv_config_key SECTION_KEYS[] = {
    { .name = "after",
      .type = SV_CONFIG_TEXT,
      AFTER_FIELD,
      .fallback = "5m",
      .help = "a device or gateway that is away for so long raises an alert; or never" },
    { .name = "rules",
      .type = SV_CONFIG_CUSTOM,
      .help = "a list of {site, device, after}; the first that fits decides",
      .read = notify_passed_over },
    { 0 },
};

static const sv_config_key RULE_KEYS[] = {
    { .name = "site",
      .type = SV_CONFIG_CUSTOM,
      .help = "sites, names or patterns",
      .read = notify_passed_over },
    { .name = "device",
      .type = SV_CONFIG_CUSTOM,
      .help = "devices and gateways, names or patterns",
      .read = notify_passed_over },
    { .name = "after", .type = SV_CONFIG_TEXT, AFTER_FIELD, .help = "as above" },
    { 0 },
};

static void read_after(const sv_config_node *map, const after_text *text, int64_t *out,
                       sv_config_faults *faults) {
    sv_text word = sv_text_of(text->after);
    if (sv_text_is(word, "never")) {
        *out = 0;
    } else if (sv_duration_parse(word, out) != SV_OK || *out < SV_TIME_SECOND_US) {
        sv_config_fault(faults, sv_config_node_get(map, "after"),
                        "after: '%s' is neither a length of time from 1s nor never", text->after);
    }
}

static void read_rules(const sv_config_node *node, sv_offline_config *out,
                       sv_config_faults *faults) {
    size_t count = sv_config_node_kind(node) == SV_CONFIG_LIST ? sv_config_node_count(node) : 0;
    if (count == 0 || count > SV_OFFLINE_RULES_MAX) {
        sv_config_fault(faults, node, "rules: write a list of 1 to %d", SV_OFFLINE_RULES_MAX);
        return;
    }
    out->rules = sv_mem_array(count, sizeof *out->rules);
    for (size_t i = 0; i < count; i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        sv_offline_rule *rule = &out->rules[out->rule_count++];
        after_text text = { 0 };
        if (sv_config_node_kind(item) != SV_CONFIG_MAP) {
            sv_config_fault(faults, item, "rules: write {site: ..., device: ..., after: ...}");
        } else if (sv_config_read(item, RULE_KEYS, &text, faults) == SV_OK) {
            notify_read_patterns(sv_config_node_get(item, "site"), "site", &rule->sites, faults);
            notify_read_patterns(sv_config_node_get(item, "device"), "device", &rule->devices,
                                 faults);
            read_after(item, &text, &rule->after_us, faults);
        }
    }
}

void sv_offline_config_read(const sv_config_node *node, sv_offline_config *out,
                            sv_config_faults *faults) {
    after_text text = { 0 };
    *out = (sv_offline_config){ .after_us = SV_OFFLINE_AFTER_US };
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node, "offline: write {after: 5m, rules: [...]}");
        return;
    }
    if (sv_config_read(node, SECTION_KEYS, &text, faults) != SV_OK) {
        return;
    }
    read_after(node, &text, &out->after_us, faults);
    const sv_config_node *rules = sv_config_node_get(node, "rules");
    if (rules != NULL) {
        read_rules(rules, out, faults);
    }
}

void sv_offline_config_drop(sv_offline_config *config) {
    free(config->rules);
    *config = (sv_offline_config){ 0 };
}

int64_t sv_offline_after_us(const sv_offline_config *config, const char *site, const char *id) {
    for (size_t i = 0; i < config->rule_count; i++) {
        const sv_offline_rule *rule = &config->rules[i];
        if (sv_patterns_fit(&rule->sites, sv_text_of(site))
            && sv_patterns_fit(&rule->devices, sv_text_of(id))) {
            return rule->after_us;
        }
    }
    return config->after_us;
}
