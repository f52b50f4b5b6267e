// When nothing is to be raised: nights, weekends, maintenance. [edge-10]
#include "rules_own.h"
#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>
#include <string.h>
#include <sys/zone.h>

static const char *const DAYS[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

enum { EVERY_DAY = 0x7f };

// ---- reading ------------------------------------------------------------------------------------

static sv_text scalar(const sv_config_node *node) {
    return sv_config_node_kind(node) == SV_CONFIG_SCALAR ? sv_config_node_text(node) : SV_TEXT("");
}

static bool is_list(const sv_config_node *node, const char *what, sv_config_faults *faults) {
    if (sv_config_node_kind(node) == SV_CONFIG_LIST && sv_config_node_count(node) > 0) {
        return true;
    }
    sv_config_fault(faults, node, "%s: a list is wanted here, with at least one entry", what);
    return false;
}

static void read_patterns(const sv_config_node *node, const char *what, char ***out, size_t *count,
                          sv_config_faults *faults) {
    if (node == NULL || !is_list(node, what, faults)) {
        return;
    }
    *out = sv_mem_new(sv_config_node_count(node) * sizeof **out);
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        sv_text text = scalar(item);
        sv_why why = { 0 };
        if (sv_id_pattern_check(what, text, &why) != SV_OK) {
            sv_config_fault(faults, item, "%s", why.text);
        } else {
            (*out)[(*count)++] = sv_mem_copy_str(text.at, text.len);
        }
    }
}

static void read_groups(const sv_config_node *node, const rules_groups *groups, rules_mute *out,
                        sv_config_faults *faults) {
    if (node == NULL || !is_list(node, "groups", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        unsigned group = rules_groups_named(groups, scalar(item), item, faults);
        out->groups |= group == SV_RULES_GROUPS_MAX ? 0 : UINT64_C(1) << group;
    }
}

static void read_days(const sv_config_node *node, rules_mute *out, sv_config_faults *faults) {
    out->days = node == NULL ? EVERY_DAY : 0;
    if (node == NULL || !is_list(node, "days", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        const sv_config_node *item = sv_config_node_at(node, i, NULL);
        unsigned day = 0;
        while (day < SV_COUNT(DAYS) && !sv_text_is(scalar(item), DAYS[day])) {
            day++;
        }
        if (day == SV_COUNT(DAYS)) {
            sv_config_fault(faults, item, "\"%.*s\" is none of mon, tue, wed, thu, fri, sat, sun",
                            SV_TEXT_ARG(scalar(item)));
        } else {
            out->days |= (uint8_t) (1U << day);
        }
    }
}

/// `HH:MM`, up to 24:00.
static bool parse_clock(sv_text text, int64_t *out_us) {
    if (text.len != 5 || text.at[2] != ':') {
        return false;
    }
    static const unsigned AT[] = { 0, 1, 3, 4 };
    int digits[4];
    for (unsigned i = 0; i < SV_COUNT(AT); i++) {
        digits[i] = text.at[AT[i]] - '0';
        if (digits[i] < 0 || digits[i] > 9) {
            return false;
        }
    }
    int64_t minutes = (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3];
    *out_us = minutes * SV_TIME_MINUTE_US;
    return digits[2] < 6 && minutes <= INT64_C(24) * 60;
}

static void read_clock(const sv_config_node *map, const char *key, int64_t *out,
                       sv_config_faults *faults) {
    const sv_config_node *node = sv_config_node_get(map, key);
    if (node != NULL && !parse_clock(scalar(node), out)) {
        sv_config_fault(faults, node, "%s: a time of day such as '22:00' is wanted here", key);
    }
}

/// `Europe/Oslo`, `UTC`, or how far its clocks are ahead of it: `+05:30`.
static void read_zone(const sv_config_node *node, rules_mute *out, sv_config_faults *faults) {
    sv_text text = node == NULL ? SV_TEXT("UTC") : scalar(node);
    bool ahead = text.len == 6 && text.at[0] == '+';
    bool behind = text.len == 6 && text.at[0] == '-';
    if ((ahead || behind) && parse_clock((sv_text){ text.at + 1, 5 }, &out->ahead_us)
        && out->ahead_us <= 14 * SV_TIME_HOUR_US) {
        out->ahead_us = behind ? -out->ahead_us : out->ahead_us;
        return;
    }
    sv_why why = { 0 };
    if (sv_zone_open(text, &out->zone, &why) != SV_OK) {
        sv_config_fault(faults, node,
                        "zone: a name such as Europe/Oslo, UTC, or how far its clocks are ahead of "
                        "it such as +05:30; %s",
                        why.text);
    }
}

static void read_until(const sv_config_node *node, rules_mute *out, sv_config_faults *faults) {
    out->until_us = INT64_MAX;
    if (node != NULL && sv_time_parse(scalar(node), &out->until_us) != SV_OK) {
        sv_config_fault(faults, node,
                        "until: a point in time such as 2026-11-30T18:00:00+05:30 is wanted here");
    }
}

static bool has_only_known_keys(const sv_config_node *node, sv_config_faults *faults) {
    static const char *const KEYS[] = { "devices", "groups", "sensors", "days",
                                        "from",    "to",     "zone",    "until" };
    bool good = true;
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        bool known = false;
        for (unsigned k = 0; k < SV_COUNT(KEYS); k++) {
            known = known || sv_text_is(key, KEYS[k]);
        }
        if (!known) {
            sv_config_fault(faults, item,
                            "\"%.*s\" is not a key here; a mute has devices, groups, sensors, "
                            "days, from, to, zone and until",
                            SV_TEXT_ARG(key));
        }
        good = good && known;
    }
    return good;
}

static void read_mute(const sv_config_node *node, const rules_groups *groups, rules_mutes *out,
                      sv_config_faults *faults) {
    if (out->count == SV_MUTES_MAX) {
        sv_config_fault(faults, node, "more than %d mutes", SV_MUTES_MAX);
        return;
    }
    if (!rules_is_map(node, "mute", faults) || !has_only_known_keys(node, faults)) {
        return;
    }
    rules_mute *m = &out->at[out->count++];
    m->line = sv_config_node_line(node);
    read_patterns(sv_config_node_get(node, "devices"), "devices", &m->devices, &m->device_count,
                  faults);
    read_patterns(sv_config_node_get(node, "sensors"), "sensors", &m->sensors, &m->sensor_count,
                  faults);
    read_groups(sv_config_node_get(node, "groups"), groups, m, faults);
    read_days(sv_config_node_get(node, "days"), m, faults);
    read_clock(node, "from", &m->from_us, faults);
    read_clock(node, "to", &m->to_us, faults);
    read_zone(sv_config_node_get(node, "zone"), m, faults);
    read_until(sv_config_node_get(node, "until"), m, faults);
}

void rules_mutes_read(const sv_config_node *node, const rules_groups *groups, rules_mutes *out,
                      sv_config_faults *faults) {
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_LIST) {
        sv_config_fault(faults, node,
                        "mute: a list is wanted here: [{devices: ['press-*'], from: '22:00', to: "
                        "'06:00'}]");
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        read_mute(sv_config_node_at(node, i, NULL), groups, out, faults);
    }
}

static void drop_patterns(char **patterns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(patterns[i]);
    }
    free((void *) patterns);
}

void rules_mutes_drop(rules_mutes *mutes) {
    for (unsigned i = 0; i < mutes->count; i++) {
        drop_patterns(mutes->at[i].devices, mutes->at[i].device_count);
        drop_patterns(mutes->at[i].sensors, mutes->at[i].sensor_count);
        sv_zone_drop(&mutes->at[i].zone);
    }
}

// ---- asking -------------------------------------------------------------------------------------

static bool any_matches(char *const *patterns, size_t count, sv_text id) {
    for (size_t i = 0; i < count; i++) {
        if (sv_id_matches(sv_text_of(patterns[i]), id)) {
            return true;
        }
    }
    return false;
}

uint64_t rules_mutes_of(const rules_mutes *mutes, uint64_t groups, sv_text device_id,
                        sv_text sensor) {
    uint64_t found = 0;
    for (unsigned i = 0; i < mutes->count; i++) {
        const rules_mute *m = &mutes->at[i];
        bool everyone = m->device_count == 0 && m->groups == 0;
        bool meant = everyone || (m->groups & groups) != 0
                     || any_matches(m->devices, m->device_count, device_id);
        bool sensor_meant =
            m->sensor_count == 0 || any_matches(m->sensors, m->sensor_count, sensor);
        found |= meant && sensor_meant ? UINT64_C(1) << i : 0;
    }
    return found;
}

static bool has_day(const rules_mute *m, int64_t day) {
    int64_t monday_is_0 = (day + 3) % 7; // 1970-01-01 was a Thursday
    return (m->days >> (monday_is_0 < 0 ? monday_is_0 + 7 : monday_is_0) & 1) != 0;
}

static bool is_in_force(const rules_mute *m, int64_t at_us) {
    if (at_us >= m->until_us) {
        return false;
    }
    int64_t ahead_us =
        m->zone == NULL ? m->ahead_us : sv_zone_offset_s(m->zone, at_us) * SV_TIME_SECOND_US;
    int64_t there_us = at_us + ahead_us;
    int64_t day = sv_day_of(there_us);
    int64_t into_us = there_us - day * SV_TIME_DAY_US;
    if (m->from_us == m->to_us) {
        return has_day(m, day);
    }
    if (m->from_us < m->to_us) {
        return has_day(m, day) && into_us >= m->from_us && into_us < m->to_us;
    }
    // Over midnight: it belongs to the day on which it began.
    return (has_day(m, day) && into_us >= m->from_us)
           || (has_day(m, day - 1) && into_us < m->to_us);
}

uint64_t rules_mutes_at(const rules_mutes *mutes, int64_t at_us) {
    uint64_t active = 0;
    for (unsigned i = 0; i < mutes->count; i++) {
        active |= is_in_force(&mutes->at[i], at_us) ? UINT64_C(1) << i : 0;
    }
    return active;
}
