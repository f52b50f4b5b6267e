#include "rules_own.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static void add_pattern(rules_groups *groups, sv_text text, uint64_t bit, const sv_config_node *at,
                        sv_config_faults *faults) {
    sv_why why = { 0 };
    if (sv_id_pattern_check("group member", text, &why) != SV_OK) {
        sv_config_fault(faults, at, "%s", why.text);
        return;
    }
    if (groups->pattern_count == SV_PATTERNS_MAX) {
        sv_config_fault(faults, at, "more than %d members with a *", SV_PATTERNS_MAX);
        return;
    }
    if (groups->patterns == NULL) {
        groups->patterns = sv_mem_new(SV_PATTERNS_MAX * sizeof *groups->patterns);
    }
    groups->patterns[groups->pattern_count++] =
        (rules_pattern){ .text = sv_mem_copy_str(text.at, text.len), .groups = bit };
}

static void add_member(rules_groups *groups, sv_text text, uint64_t bit, const sv_config_node *at,
                       sv_config_faults *faults) {
    if (!sv_id_is_valid(text)) {
        add_pattern(groups, text, bit, at, faults);
        return;
    }
    uint64_t *bits = sv_map_get(groups->members, text);
    if (bits == NULL) {
        bits = sv_mem_new(sizeof *bits);
        if (sv_map_put(groups->members, text, bits) != SV_OK) {
            free(bits);
            sv_config_fault(faults, at, "more than %d members of groups", RULES_DEVICES_MAX);
            return;
        }
    }
    *bits |= bit;
}

/// `{group: pilots}`: who is in it is said by the fleet server. [edge-20]
static void read_fleet_group(const sv_config_node *node, char out[SV_ID_ROOM],
                             sv_config_faults *faults) {
    const sv_config_node *named = sv_config_node_get(node, "group");
    bool scalar = named != NULL && sv_config_node_kind(named) == SV_CONFIG_SCALAR;
    if (!scalar || sv_config_node_count(node) != 1) {
        sv_config_fault(faults, node,
                        "a group of the fleet server is written {group: NAME}, with no other key");
        return;
    }
    sv_text name = sv_config_node_text(named);
    if (rules_name_is_good("group", name, named, faults)) {
        (void) (sv_text_copy(name, out, SV_ID_ROOM) == SV_OK);
    }
}

static void read_group(sv_text name, const sv_config_node *node, rules_groups *out,
                       sv_config_faults *faults) {
    if (!rules_name_is_good("group", name, node, faults)) {
        return;
    }
    if (out->count == SV_RULES_GROUPS_MAX) {
        sv_config_fault(faults, node, "more than %d groups", SV_RULES_GROUPS_MAX);
        return;
    }
    sv_config_kind kind = sv_config_node_kind(node);
    if (kind != SV_CONFIG_LIST && kind != SV_CONFIG_MAP) {
        sv_config_fault(faults, node,
                        "a group is a list of device ids, with * for any characters: [pump-1, "
                        "'lathe-*'], or one of the fleet server: {group: NAME}");
        return;
    }
    uint64_t bit = UINT64_C(1) << out->count;
    (void) (sv_text_copy(name, out->names[out->count], SV_ID_ROOM) == SV_OK);
    out->count++;
    if (kind == SV_CONFIG_MAP) {
        read_fleet_group(node, out->fleet[out->count - 1], faults);
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        bool scalar = sv_config_node_kind(item) == SV_CONFIG_SCALAR;
        add_member(out, scalar ? sv_config_node_text(item) : SV_TEXT(""), bit, item, faults);
    }
}

void rules_groups_read(const sv_config_node *node, rules_groups *out, sv_config_faults *faults) {
    out->members = sv_map_new(RULES_DEVICES_MAX, NULL);
    if (node == NULL || !rules_is_map(node, "groups", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text name = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        read_group(name, item, out, faults);
    }
}

void rules_groups_drop(rules_groups *groups) {
    for (size_t i = 0; groups->members != NULL && i < sv_map_count(groups->members); i++) {
        free(sv_map_at(groups->members, i, NULL));
    }
    sv_map_drop(&groups->members);
    for (size_t i = 0; i < groups->pattern_count; i++) {
        free(groups->patterns[i].text);
    }
    free(groups->patterns);
}

uint64_t rules_groups_of(const rules_groups *groups, sv_text device_id) {
    const uint64_t *bits = groups->members == NULL ? NULL : sv_map_get(groups->members, device_id);
    uint64_t found = bits == NULL ? 0 : *bits;
    for (size_t i = 0; i < groups->pattern_count; i++) {
        const rules_pattern *p = &groups->patterns[i];
        if ((found & p->groups) == 0 && sv_id_matches(sv_text_of(p->text), device_id)) {
            found |= p->groups;
        }
    }
    for (unsigned i = 0; groups->told != NULL && i < groups->count; i++) {
        if (groups->fleet[i][0] != '\0'
            && sv_members_have(groups->told, device_id, sv_text_of(groups->fleet[i]))) {
            found |= UINT64_C(1) << i;
        }
    }
    return found;
}

size_t sv_rules_fleet_groups(const sv_rules *rules, sv_member_group out[SV_MEMBERS_GROUPS_MAX]) {
    size_t count = 0;
    for (unsigned i = 0; i < rules->groups.count; i++) {
        const char *name = rules->groups.fleet[i];
        bool seen = name[0] == '\0';
        for (size_t k = 0; k < count; k++) {
            seen = seen || strcmp(out[k].name, name) == 0;
        }
        if (!seen) {
            out[count] = (sv_member_group){ .known = false };
            memcpy(out[count++].name, name, SV_ID_ROOM);
        }
    }
    return count;
}

unsigned rules_groups_named(const rules_groups *groups, sv_text name, const sv_config_node *at,
                            sv_config_faults *faults) {
    for (unsigned i = 0; i < groups->count; i++) {
        if (sv_text_is(name, groups->names[i])) {
            return i;
        }
    }
    sv_config_fault(faults, at,
                    "there is no group \"%.*s\"; `groups:` at the top of the file says who belongs "
                    "to which",
                    SV_TEXT_ARG(name));
    return SV_RULES_GROUPS_MAX;
}
