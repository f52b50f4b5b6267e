// What the rules say about one stream, for people.
#include "rules_own.h"
#include <base/num.h>
#include <base/time.h>

void rules_explain_place(sv_textbuf *out, const sv_rules *rules, const rules_place *place,
                         const char *section, sv_text device, sv_text sensor) {
    if (place->line == 0) {
        sv_textbuf_add_str(out, "  (by itself)\n");
        return;
    }
    sv_textbuf_addf(out, "  (%s", section);
    const char *group = rules->groups.names[place->group];
    switch (place->level) {
    case RULES_DEFAULT:
        sv_textbuf_add_str(out, ".default");
        break;
    case RULES_SENSOR:
        sv_textbuf_addf(out, ".sensors.%.*s", SV_TEXT_ARG(sensor));
        break;
    case RULES_GROUP:
        sv_textbuf_addf(out, ".groups.%s", group);
        break;
    case RULES_GROUP_SENSOR:
        sv_textbuf_addf(out, ".groups.%s.sensors.%.*s", group, SV_TEXT_ARG(sensor));
        break;
    case RULES_DEVICE:
        sv_textbuf_addf(out, ".devices.%.*s", SV_TEXT_ARG(device));
        break;
    case RULES_DEVICE_SENSOR:
        sv_textbuf_addf(out, ".devices.%.*s.sensors.%.*s", SV_TEXT_ARG(device),
                        SV_TEXT_ARG(sensor));
        break;
    }
    sv_textbuf_addf(out, ", line %zu)\n", place->line);
}

static void add_duration(sv_textbuf *out, const char *name, int64_t us) {
    if (us > 0) {
        sv_textbuf_addf(out, ", %s ", name);
        sv_duration_add(out, us);
    }
}

void rules_explain_life(const sv_life *life, sv_textbuf *out) {
    add_duration(out, "hold", life->hold_us);
    add_duration(out, "clear", life->clear_us);
    add_duration(out, "escalate", life->escalate_us);
    sv_textbuf_addf(out, ", %s", sv_severity_name(life->severity));
}

static void add_bound(sv_textbuf *out, const char *name, const sv_bound *bound) {
    if (bound->given) {
        sv_textbuf_addf(out, " %s ", name);
        sv_num_add(out, bound->at);
    }
    if (bound->has_critical) {
        sv_textbuf_add_str(out, " (critical ");
        sv_num_add(out, bound->critical);
        sv_textbuf_add_char(out, ')');
    }
}

static void explain_threshold(const sv_threshold *rule, sv_textbuf *out) {
    sv_textbuf_add_str(out, "threshold");
    if (!rule->high.given && !rule->low.given) {
        sv_textbuf_add_str(out, " none");
        return;
    }
    add_bound(out, "high", &rule->high);
    add_bound(out, "low", &rule->low);
    if (rule->hysteresis > 0) {
        sv_textbuf_add_str(out, ", hysteresis ");
        sv_num_add(out, rule->hysteresis);
    }
    rules_explain_life(&rule->life, out);
}

static void explain_rate(const sv_rate *rule, sv_textbuf *out) {
    sv_textbuf_add_str(out, "rate     ");
    if (!rule->has_rise && !rule->has_fall) {
        sv_textbuf_add_str(out, " any");
        return;
    }
    const sv_bound rise = { .given = rule->has_rise, .at = rule->rise };
    const sv_bound fall = { .given = rule->has_fall, .at = rule->fall };
    add_bound(out, "rise", &rise);
    add_bound(out, "fall", &fall);
    sv_textbuf_add_str(out, " per ");
    sv_duration_add(out, rule->per_us);
    rules_explain_life(&rule->life, out);
}

static void explain_stale(const sv_stale *rule, sv_textbuf *out) {
    sv_textbuf_add_str(out, "stale     ");
    if (rule->after_us == 0) {
        sv_textbuf_add_str(out, "never");
        return;
    }
    sv_textbuf_add_str(out, "after ");
    sv_duration_add(out, rule->after_us);
    rules_explain_life(&rule->life, out);
}

static void explain_change(const sv_change *rule, sv_textbuf *out) {
    sv_textbuf_add_str(out, "change    ");
    sv_num_add(out, rule->amount);
    sv_textbuf_add_str(out, rule->percent ? "%" : "");
}

static void explain_uplink(const sv_uplink *rule, sv_textbuf *out) {
    static const char *const WORDS[] = { "never: nothing of it leaves the site",
                                         "aggregate: minutes",
                                         "change: averages that differ, and minutes",
                                         "all: every average" };
    sv_textbuf_addf(out, "uplink    %s", WORDS[*rule]);
}

static void explain_detect(const sv_detect *rule, sv_textbuf *out) {
    sv_textbuf_addf(out, "detect    %s", sv_detection_name(rule->level));
    if (rule->level != SV_DETECTION_OFF && rule->learn_us > 0) {
        sv_textbuf_add_str(out, ", alerts once it is known for ");
        sv_duration_add(out, rule->learn_us);
    }
    if (rule->level != SV_DETECTION_OFF && rule->alerts_per_week > 0) {
        sv_textbuf_add_str(out, ", about ");
        sv_num_add(out, rule->alerts_per_week);
        sv_textbuf_add_str(out, " a week");
    }
}

/// The place of a rule is the first thing in it.
#define EXPLAIN(type, layer, section, explain, always)                                             \
    do {                                                                                           \
        const rules_place *place = rules_layer_find(layer, in, device, sensor);                    \
        if (place->line == 0 && !(always)) {                                                       \
            break;                                                                                 \
        }                                                                                          \
        explain(&((const type *) (const void *) place)->rule, out);                                \
        rules_explain_place(out, rules, place, section, device, sensor);                           \
    } while (0)

void sv_rules_explain(const sv_rules *rules, sv_text device, sv_text sensor, sv_textbuf *out) {
    uint64_t in = rules_groups_of(&rules->groups, device);
    EXPLAIN(rules_threshold, &rules->thresholds, "thresholds", explain_threshold, false);
    EXPLAIN(rules_rate, &rules->rates, "rate", explain_rate, false);
    EXPLAIN(rules_stale, &rules->stales, "stale", explain_stale, false);
    EXPLAIN(rules_change, &rules->changes, "change", explain_change, true);
    EXPLAIN(rules_uplink, &rules->uplinks, "uplink", explain_uplink, true);
    EXPLAIN(rules_detect, &rules->detects, "detect", explain_detect, true);
    uint64_t mutes = rules_mutes_of(&rules->mutes, in, device, sensor);
    for (unsigned i = 0; i < rules->mutes.count; i++) {
        if ((mutes >> i & 1) != 0) {
            sv_textbuf_addf(out, "mute      at times  (mute, line %zu)\n", rules->mutes.at[i].line);
        }
    }
}

// ---- who and what the file names ----------------------------------------------------------------

void rules_names_add(rules_names *names, sv_text name) {
    static const char SEEN = 0;
    if (sv_map_get(names->seen, name) == NULL
        && sv_map_put(names->seen, name, (void *) (uintptr_t) &SEEN) == SV_OK) {
        names->each(names->arg, name);
    }
}

enum { RULES_LAYERS = 6 };

static void layers_of(const sv_rules *rules, const rules_layer *out[RULES_LAYERS]) {
    out[0] = &rules->thresholds;
    out[1] = &rules->rates;
    out[2] = &rules->stales;
    out[3] = &rules->changes;
    out[4] = &rules->uplinks;
    out[5] = &rules->detects;
}

void sv_rules_devices(const sv_rules *rules, void (*each)(void *arg, sv_text device_id),
                      void *arg) {
    rules_names names = { sv_map_new(RULES_DEVICES_MAX, NULL), each, arg };
    const rules_layer *layers[RULES_LAYERS];
    layers_of(rules, layers);
    for (unsigned i = 0; i < RULES_LAYERS; i++) {
        rules_layer_devices(layers[i], &names);
    }
    rules_named_devices(&rules->named, &names);
    for (size_t i = 0; i < sv_map_count(rules->groups.members); i++) {
        sv_text id;
        (void) sv_map_at(rules->groups.members, i, &id);
        rules_names_add(&names, id);
    }
    for (size_t i = 0; i < rules->groups.pattern_count; i++) {
        rules_names_add(&names, sv_text_of(rules->groups.patterns[i].text));
    }
    sv_map_drop(&names.seen);
}

void sv_rules_sensors(const sv_rules *rules, sv_text device_id,
                      void (*each)(void *arg, sv_text sensor), void *arg) {
    rules_names names = { sv_map_new(RULES_SENSORS_MAX, NULL), each, arg };
    const rules_layer *layers[RULES_LAYERS];
    uint64_t groups = rules_groups_of(&rules->groups, device_id);
    layers_of(rules, layers);
    for (unsigned i = 0; i < RULES_LAYERS; i++) {
        rules_layer_sensors(layers[i], groups, device_id, &names);
    }
    rules_named_sensors(rules, device_id, &names);
    sv_map_drop(&names.seen);
}

void sv_rules_add_groups(const sv_rules *rules, sv_text device_id, sv_textbuf *out) {
    uint64_t left = rules_groups_of(&rules->groups, device_id);
    for (const char *between = ""; left != 0; left &= left - 1) {
        sv_textbuf_addf(out, "%s%s", between, rules->groups.names[__builtin_ctzll(left)]);
        between = ", ";
    }
}
