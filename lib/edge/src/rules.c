#include "rules_own.h"
#include <base/mem.h>
#include <base/num.h>
#include <base/time.h>
#include <stdlib.h>

const char *const SV_RULES_SECTIONS[] = { "groups",   "thresholds", "rate",   "stale",
                                          "change",   "uplink",     "detect", "mute",
                                          "flapping", "rules",      NULL };

sv_rules *sv_rules_default(void) {
    sv_rules *rules = sv_mem_new(sizeof *rules);
    rules_threshold *threshold = sv_mem_new(sizeof *threshold);
    rules_rate *rate = sv_mem_new(sizeof *rate);
    rules_stale *stale = sv_mem_new(sizeof *stale);
    rules_change *change = sv_mem_new(sizeof *change);
    rules_uplink *uplink = sv_mem_new(sizeof *uplink);
    rules_detect *detect = sv_mem_new(sizeof *detect);
    threshold->rule.life.severity = SV_SEVERITY_WARNING;
    rate->rule.life.severity = SV_SEVERITY_WARNING;
    rate->rule.per_us = SV_TIME_MINUTE_US;
    stale->rule.life.severity = SV_SEVERITY_WARNING;
    change->rule.amount = 1.0;
    uplink->rule = SV_UPLINK_CHANGE;
    detect->rule = (sv_detect){ SV_DETECTION_NORMAL, SV_TIME_DAY_US, 0 };
    rules_layer_open(&rules->thresholds, &threshold->place);
    rules_layer_open(&rules->rates, &rate->place);
    rules_layer_open(&rules->stales, &stale->place);
    rules_layer_open(&rules->changes, &change->place);
    rules_layer_open(&rules->uplinks, &uplink->place);
    rules_layer_open(&rules->detects, &detect->place);
    rules_named_open(&rules->named);
    return rules;
}

sv_rules *sv_rules_share(sv_rules *rules) {
    rules->shared++;
    return rules;
}

sv_rules *sv_rules_with(sv_rules *rules, sv_members *members) {
    sv_rules *mine = sv_mem_new(sizeof *mine);
    *mine = *rules;
    mine->shared = 0;
    mine->base = sv_rules_share(rules->base == NULL ? rules : rules->base);
    mine->groups.told = sv_members_share(members);
    return mine;
}

void sv_rules_drop(sv_rules **rules) { // NOLINT(misc-no-recursion): a base has none
    if (*rules == NULL) {
        return;
    }
    if ((*rules)->shared > 0) {
        (*rules)->shared--;
        *rules = NULL;
        return;
    }
    if ((*rules)->base != NULL) {
        sv_members_drop(&(*rules)->groups.told);
        sv_rules_drop(&(*rules)->base);
        free(*rules);
        *rules = NULL;
        return;
    }
    rules_layer_drop(&(*rules)->thresholds);
    rules_layer_drop(&(*rules)->rates);
    rules_layer_drop(&(*rules)->stales);
    rules_layer_drop(&(*rules)->changes);
    rules_layer_drop(&(*rules)->uplinks);
    rules_layer_drop(&(*rules)->detects);
    rules_named_drop(&(*rules)->named);
    rules_mutes_drop(&(*rules)->mutes);
    rules_groups_drop(&(*rules)->groups);
    free(*rules);
    *rules = NULL;
}

typedef struct flapping_fields {
    int64_t raises, within_us;
} flapping_fields;

static const sv_config_key FLAPPING_KEYS[] = {
    { .name = "raises",
      .type = SV_CONFIG_INT,
      .offset = offsetof(flapping_fields, raises),
      .help = "raised so often, an alert flaps",
      .min = 2,
      .max = SV_FLAPPING_RAISES_MAX },
    { .name = "within",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(flapping_fields, within_us),
      .help = "within this time, such as 10m",
      .min = SV_TIME_SECOND_US,
      .max = SV_TIME_DAY_US },
    { .name = NULL },
};

static void read_flapping(const sv_config_node *node, sv_flapping *out, sv_config_faults *faults) {
    flapping_fields read = { 0 };
    if (node != NULL && sv_config_read(node, FLAPPING_KEYS, &read, faults) == SV_OK) {
        *out = (sv_flapping){ .raises = (unsigned) read.raises, .within_us = read.within_us };
    }
}

sv_err sv_rules_read(const sv_config_node *root, sv_rules **out, sv_config_faults *faults) {
    unsigned before = faults->count;
    sv_rules *rules = sv_rules_default();
    const rules_groups *groups = &rules->groups;
    rules_groups_read(sv_config_node_get(root, "groups"), &rules->groups, faults);
    rules_layer_read(root, &RULES_THRESHOLD, groups, &rules->thresholds, faults);
    rules_layer_read(root, &RULES_RATE, groups, &rules->rates, faults);
    rules_layer_read(root, &RULES_STALE, groups, &rules->stales, faults);
    rules_layer_read(root, &RULES_CHANGE, groups, &rules->changes, faults);
    rules_layer_read(root, &RULES_UPLINK, groups, &rules->uplinks, faults);
    rules_layer_read(root, &RULES_DETECT, groups, &rules->detects, faults);
    rules_named_read(sv_config_node_get(root, "rules"), groups, &rules->named, faults);
    rules_mutes_read(sv_config_node_get(root, "mute"), groups, &rules->mutes, faults);
    read_flapping(sv_config_node_get(root, "flapping"), &rules->flapping, faults);
    if (faults->count != before) {
        sv_rules_drop(&rules);
        return SV_ERR_INVALID;
    }
    *out = rules;
    return SV_OK;
}

/// The place of a rule is the first thing in it.
#define FIND(type, layer)                                                                          \
    ((const type *) (const void *) rules_layer_find(layer, in, device, sensor))

void sv_rules_for(const sv_rules *rules, sv_text device, sv_text sensor, sv_stream_rules *out) {
    uint64_t in = rules_groups_of(&rules->groups, device);
    *out = (sv_stream_rules){
        .threshold = FIND(rules_threshold, &rules->thresholds)->rule,
        .rate = FIND(rules_rate, &rules->rates)->rule,
        .stale = FIND(rules_stale, &rules->stales)->rule,
        .change = FIND(rules_change, &rules->changes)->rule,
        .uplink = FIND(rules_uplink, &rules->uplinks)->rule,
        .detect = FIND(rules_detect, &rules->detects)->rule,
        .flapping = rules->flapping,
        .mutes = rules_mutes_of(&rules->mutes, in, device, sensor),
    };
}

uint64_t sv_rules_muted(const sv_rules *rules, int64_t at_us) {
    return rules_mutes_at(&rules->mutes, at_us);
}

sv_flapping sv_rules_flapping(const sv_rules *rules) {
    return rules->flapping;
}
