// What a rule of each kind looks like in the file.
#include "rules_own.h"
#include <base/mem.h>
#include <base/num.h>
#include <base/time.h>
#include <detect/aim.h>
#include <math.h>

const char *const RULES_SEVERITIES[] = { "info", "warning", "critical", NULL };

void rules_skip(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) node;
    (void) target;
    (void) faults;
}

sv_life rules_life_of(const rules_life *read, int64_t hold_us) {
    return (sv_life){ .hold_us = hold_us,
                      .clear_us = read->clear_us,
                      .escalate_us = read->escalate_us,
                      .severity = (sv_severity) read->severity };
}

static bool is_scalar(const sv_config_node *node) {
    return sv_config_node_kind(node) == SV_CONFIG_SCALAR;
}

/// The fields that the tables below fill: of every kind with a life those that it has.
typedef struct fields {
    sv_bound high, low;
    double hysteresis, rise, fall;
    int64_t per_us, after_us, hold_us;
    rules_life life;
} fields;

// clang-format off
#define HOLD_KEY                                                                                   \
    { .name = "hold", .type = SV_CONFIG_DURATION, .offset = offsetof(fields, hold_us),             \
      .fallback = "0" }
#define SENSORS_KEY /* read by the layer */                                                        \
    { .name = "sensors", .type = SV_CONFIG_CUSTOM, .read = rules_skip }
// clang-format on

// ---- thresholds ---------------------------------------------------------------------------------

typedef struct levels {
    double warning, critical;
} levels;

static const sv_config_key LEVEL_KEYS[] = {
    { .name = "warning",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(levels, warning),
      .help = "the bound" },
    { .name = "critical",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(levels, critical),
      .help = "beyond it the alert is critical" },
    { .name = NULL },
};

static void read_bound(const sv_config_node *node, sv_bound *out, const char *name,
                       sv_config_faults *faults) {
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) == SV_CONFIG_MAP) {
        levels both = { 0 };
        if (sv_config_read(node, LEVEL_KEYS, &both, faults) == SV_OK) {
            *out = (sv_bound){ true, true, both.warning, both.critical };
        }
    } else if (is_scalar(node) && sv_num_parse(sv_config_node_text(node), &out->at) == SV_OK) {
        out->given = true;
    } else {
        sv_config_fault(faults, node,
                        "%s: a number is wanted here, or {warning: NUMBER, critical: NUMBER}",
                        name);
    }
}

static void read_high(const sv_config_node *node, void *target, sv_config_faults *faults) {
    read_bound(node, &((fields *) target)->high, "high", faults);
}

static void read_low(const sv_config_node *node, void *target, sv_config_faults *faults) {
    read_bound(node, &((fields *) target)->low, "low", faults);
}

static const sv_config_key THRESHOLD_KEYS[] = {
    { .name = "high", .type = SV_CONFIG_CUSTOM, .read = read_high },
    { .name = "low", .type = SV_CONFIG_CUSTOM, .read = read_low },
    { .name = "hysteresis",
      .type = SV_CONFIG_NUMBER,
      .offset = offsetof(fields, hysteresis),
      .fallback = "0" },
    HOLD_KEY,
    RULES_LIFE_KEYS(fields),
    SENSORS_KEY,
    { .name = NULL },
};

static bool threshold_is_sound(const sv_threshold *t, const sv_config_node *node,
                               sv_config_faults *faults) {
    if (t->high.given && t->low.given && t->high.at < t->low.at) {
        sv_config_fault(faults, node, "high %g is below low %g", t->high.at, t->low.at);
    } else if (t->high.has_critical && t->high.critical < t->high.at) {
        sv_config_fault(faults, node, "high: critical %g is below warning %g", t->high.critical,
                        t->high.at);
    } else if (t->low.has_critical && t->low.critical > t->low.at) {
        sv_config_fault(faults, node, "low: critical %g is above warning %g", t->low.critical,
                        t->low.at);
    } else if (t->hysteresis < 0) {
        sv_config_fault(faults, node, "hysteresis %g is negative", t->hysteresis);
    } else {
        return true;
    }
    return false;
}

static rules_place *read_threshold(const sv_config_node *node, sv_config_faults *faults) {
    fields f = { .hold_us = 0 };
    if (sv_config_read(node, THRESHOLD_KEYS, &f, faults) != SV_OK) {
        return NULL;
    }
    sv_threshold rule = { .high = f.high,
                          .low = f.low,
                          .hysteresis = f.hysteresis,
                          .life = rules_life_of(&f.life, f.hold_us) };
    if (!threshold_is_sound(&rule, node, faults)) {
        return NULL;
    }
    rules_threshold *kept = sv_mem_new(sizeof *kept);
    kept->rule = rule;
    return &kept->place;
}

const rules_kind RULES_THRESHOLD = { "thresholds", read_threshold, true };

// ---- rates --------------------------------------------------------------------------------------

static const sv_config_key RATE_KEYS[] = {
    { .name = "rise", .type = SV_CONFIG_NUMBER, .offset = offsetof(fields, rise), .fallback = "0" },
    { .name = "fall", .type = SV_CONFIG_NUMBER, .offset = offsetof(fields, fall), .fallback = "0" },
    { .name = "per",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(fields, per_us),
      .fallback = "1m",
      .min = SV_TIME_SECOND_US,
      .max = SV_TIME_DAY_US },
    HOLD_KEY,
    RULES_LIFE_KEYS(fields),
    SENSORS_KEY,
    { .name = NULL },
};

static rules_place *read_rate(const sv_config_node *node, sv_config_faults *faults) {
    fields f = { .hold_us = 0 };
    if (sv_config_read(node, RATE_KEYS, &f, faults) != SV_OK) {
        return NULL;
    }
    if (f.rise < 0 || f.fall < 0) {
        sv_config_fault(faults, node, "rise and fall are how much per time, without a sign");
        return NULL;
    }
    rules_rate *kept = sv_mem_new(sizeof *kept);
    kept->rule = (sv_rate){ .has_rise = f.rise > 0,
                            .has_fall = f.fall > 0,
                            .rise = f.rise,
                            .fall = f.fall,
                            .per_us = f.per_us,
                            .life = rules_life_of(&f.life, f.hold_us) };
    return &kept->place;
}

const rules_kind RULES_RATE = { "rate", read_rate, true };

// ---- silence ------------------------------------------------------------------------------------

static const sv_config_key STALE_KEYS[] = {
    { .name = "after",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(fields, after_us),
      .help = "silent this long",
      .min = SV_TIME_SECOND_US,
      .max = 400 * SV_TIME_DAY_US },
    RULES_LIFE_KEYS(fields),
    { .name = NULL },
};

static rules_place *keep_stale(const fields *f) {
    rules_stale *kept = sv_mem_new(sizeof *kept);
    kept->rule = (sv_stale){ .after_us = f->after_us, .life = rules_life_of(&f->life, f->hold_us) };
    return &kept->place;
}

/// `5m`, `never`, or a map with `after` and what an alert's life has.
static rules_place *read_stale(const sv_config_node *node, sv_config_faults *faults) {
    fields f = { .life = { .severity = SV_SEVERITY_WARNING } };
    if (!is_scalar(node)) {
        return sv_config_read(node, STALE_KEYS, &f, faults) == SV_OK ? keep_stale(&f) : NULL;
    }
    if (sv_text_is(sv_config_node_text(node), "never")) {
        return keep_stale(&f);
    }
    if (sv_duration_parse(sv_config_node_text(node), &f.after_us) != SV_OK
        || f.after_us < SV_TIME_SECOND_US) {
        sv_config_fault(faults, node,
                        "how long a sensor may be silent: a time of at least 1s such as 5m, or "
                        "never");
        return NULL;
    }
    return keep_stale(&f);
}

const rules_kind RULES_STALE = { "stale", read_stale, false };

// ---- what goes up -------------------------------------------------------------------------------

static rules_place *read_change(const sv_config_node *node, sv_config_faults *faults) {
    sv_text text = is_scalar(node) ? sv_config_node_text(node) : SV_TEXT("");
    bool percent = text.len > 0 && text.at[text.len - 1] == '%';
    double amount = 0;
    if (sv_num_parse((sv_text){ text.at, text.len - (percent ? 1 : 0) }, &amount) != SV_OK
        || amount < 0) {
        sv_config_fault(
            faults, node,
            "a change is a number such as 0.5, or a share of the last value such as 5%%");
        return NULL;
    }
    rules_change *kept = sv_mem_new(sizeof *kept);
    kept->rule = (sv_change){ .amount = amount, .percent = percent };
    return &kept->place;
}

const rules_kind RULES_CHANGE = { "change", read_change, false };

const char *sv_uplink_name(sv_uplink uplink) {
    static const char *const NAMES[SV_UPLINK__COUNT] = { "never", "aggregate", "change", "all" };
    return NAMES[uplink];
}

static rules_place *read_uplink(const sv_config_node *node, sv_config_faults *faults) {
    for (unsigned i = 0; is_scalar(node) && i < SV_UPLINK__COUNT; i++) {
        if (sv_text_is(sv_config_node_text(node), sv_uplink_name((sv_uplink) i))) {
            rules_uplink *kept = sv_mem_new(sizeof *kept);
            kept->rule = (sv_uplink) i;
            return &kept->place;
        }
    }
    sv_config_fault(faults, node, "what leaves the site is one of never, aggregate, change, all");
    return NULL;
}

const rules_kind RULES_UPLINK = { "uplink", read_uplink, false };

// ---- what is unusual ----------------------------------------------------------------------------

const char *sv_detection_name(sv_detection detection) {
    static const char *const NAMES[SV_DETECTION__COUNT] = { "off", "low", "normal", "high" };
    return NAMES[detection];
}

static bool take_detection(const sv_config_node *node, sv_detection *out,
                           sv_config_faults *faults) {
    for (unsigned i = 0; is_scalar(node) && i < SV_DETECTION__COUNT; i++) {
        if (sv_text_is(sv_config_node_text(node), sv_detection_name((sv_detection) i))) {
            *out = (sv_detection) i;
            return true;
        }
    }
    sv_config_fault(faults, node, "what is unusual is looked for: one of off, low, normal, high");
    return false;
}

static void read_sensitivity(const sv_config_node *node, void *target, sv_config_faults *faults) {
    if (node != NULL) {
        (void) take_detection(node, &((sv_detect *) target)->level, faults);
    }
}

static void read_per_week(const sv_config_node *node, void *target, sv_config_faults *faults) {
    double *per_week = &((sv_detect *) target)->alerts_per_week;
    if (node == NULL) {
        return;
    }
    if (!is_scalar(node) || sv_num_parse(sv_config_node_text(node), per_week) != SV_OK
        || !(*per_week >= SV_AIM_PER_WEEK_MIN && *per_week <= SV_AIM_PER_WEEK_MAX)) {
        sv_config_fault(faults, node,
                        "alerts_per_week is how many a stream shall raise about: a number from "
                        "0.01 to 1000");
    }
}

static const sv_config_key DETECTION_KEYS[] = {
    { .name = "sensitivity", .type = SV_CONFIG_CUSTOM, .read = read_sensitivity },
    { .name = "learn",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(sv_detect, learn_us),
      .fallback = "1d",
      .max = 400 * SV_TIME_DAY_US },
    { .name = "alerts_per_week", .type = SV_CONFIG_CUSTOM, .read = read_per_week },
    { .name = NULL },
};

/// `low`, or a map with `sensitivity`, `learn` and `alerts_per_week`.
static rules_place *read_detection(const sv_config_node *node, sv_config_faults *faults) {
    sv_detect rule = { SV_DETECTION_NORMAL, SV_TIME_DAY_US, 0 };
    bool read = sv_config_node_kind(node) == SV_CONFIG_MAP
                    ? sv_config_read(node, DETECTION_KEYS, &rule, faults) == SV_OK
                    : take_detection(node, &rule.level, faults);
    if (!read) {
        return NULL;
    }
    rules_detect *kept = sv_mem_new(sizeof *kept);
    kept->rule = rule;
    return &kept->place;
}

const rules_kind RULES_DETECT = { "detect", read_detection, false };
