// Rules with names, and whose they are.
#include "rules_own.h"
#include <base/mem.h>
#include <base/time.h>
#include <codec/json.h>
#include <stdlib.h>

void rules_named_open(rules_named *named) {
    *named = (rules_named){ .devices = sv_map_new(RULES_DEVICES_MAX, NULL) };
}

static void rule_drop(sv_rule **rule) {
    if (*rule != NULL) {
        sv_expression_drop(&(*rule)->when);
        free((*rule)->message);
        free((*rule)->then.payload);
        free(*rule);
        *rule = NULL;
    }
}

static void set_drop(rules_named_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        rule_drop(&set->at[i].rule);
    }
    free(set->at);
}

void rules_named_drop(rules_named *named) {
    set_drop(&named->fallback);
    for (unsigned i = 0; i < SV_RULES_GROUPS_MAX; i++) {
        set_drop(&named->groups[i]);
    }
    for (size_t i = 0; i < sv_map_count(named->devices); i++) {
        rules_named_set *set = sv_map_at(named->devices, i, NULL);
        set_drop(set);
        free(set);
    }
    sv_map_drop(&named->devices);
}

// ---- the file -----------------------------------------------------------------------------------

static const char *const TYPES[] = { "ANOMALY", "FAILURE", "HIGH", "LOW", NULL };
static const sv_alert_type TYPE_OF[] = { SV_ALERT_ANOMALY, SV_ALERT_FAILURE, SV_ALERT_HIGH,
                                         SV_ALERT_LOW };

typedef struct rule_fields {
    const sv_config_node *when, *then;
    char message[SV_EXPRESSION_MESSAGE_MAX + 1];
    int64_t stale_us;
    int type;
    rules_life life;
} rule_fields;

static void keep_when(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) faults;
    ((rule_fields *) target)->when = node;
}

static void keep_then(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) faults;
    ((rule_fields *) target)->then = node;
}

static const sv_config_key RULE_KEYS[] = {
    { .name = "when", .type = SV_CONFIG_CUSTOM, .read = keep_when },
    { .name = "message",
      .type = SV_CONFIG_TEXT,
      .offset = offsetof(rule_fields, message),
      .size = SV_EXPRESSION_MESSAGE_MAX + 1,
      .fallback = "" },
    { .name = "type",
      .type = SV_CONFIG_CHOICE,
      .offset = offsetof(rule_fields, type),
      .fallback = "ANOMALY",
      .choices = TYPES },
    { .name = "stale",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(rule_fields, stale_us),
      .fallback = "5m",
      .min = SV_TIME_SECOND_US,
      .max = 31 * SV_TIME_DAY_US },
    { .name = "then", .type = SV_CONFIG_CUSTOM, .read = keep_then },
    RULES_LIFE_KEYS(rule_fields),
    { .name = NULL },
};

typedef struct then_fields {
    char command[SV_ID_ROOM], device[SV_ID_ROOM];
    const sv_config_node *payload;
} then_fields;

static void keep_payload(const sv_config_node *node, void *target, sv_config_faults *faults) {
    (void) faults;
    ((then_fields *) target)->payload = node;
}

static sv_err check_command(sv_text value, sv_why *why) {
    return sv_id_check("command", value, why);
}

static sv_err check_device(sv_text value, sv_why *why) {
    return value.len == 0 ? SV_OK : sv_id_check("device id", value, why);
}

static const sv_config_key THEN_KEYS[] = {
    { .name = "command",
      .type = SV_CONFIG_TEXT,
      .offset = offsetof(then_fields, command),
      .size = SV_ID_ROOM,
      .check = check_command,
      .help = "what the device is asked to do" },
    { .name = "device",
      .type = SV_CONFIG_TEXT,
      .offset = offsetof(then_fields, device),
      .size = SV_ID_ROOM,
      .fallback = "",
      .check = check_device },
    { .name = "payload", .type = SV_CONFIG_CUSTOM, .read = keep_payload },
    { .name = NULL },
};

/// YAML as JSON: a scalar that is JSON is that, another one a text.
static void put_json(const sv_config_node *node, sv_json_out *out) {
    sv_config_kind kind = sv_config_node_kind(node);
    if (kind == SV_CONFIG_SCALAR) {
        sv_text text = sv_config_node_text(node);
        SV_DEFER(sv_json_drop) sv_json *value = NULL;
        if (sv_json_parse(text, &value, NULL, NULL) == SV_OK) {
            sv_json_put_value(out, value);
        } else {
            sv_json_put_text(out, text);
        }
        return;
    }
    (kind == SV_CONFIG_MAP ? sv_json_open_object : sv_json_open_array)(out);
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (kind == SV_CONFIG_MAP) {
            char *name = sv_mem_copy_str(key.at, key.len);
            sv_json_key(out, name);
            free(name);
        }
        put_json(item, out);
    }
    (kind == SV_CONFIG_MAP ? sv_json_close_object : sv_json_close_array)(out);
}

static void read_payload(const sv_config_node *node, sv_rule *rule, sv_config_faults *faults) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_RULE_PAYLOAD_MAX + 1);
    sv_json_out out = SV_JSON_OUT(&text);
    put_json(node, &out);
    if (sv_textbuf_end(&text) != SV_OK) {
        sv_config_fault(faults, node, "payload: more than %d bytes", SV_RULE_PAYLOAD_MAX);
        return;
    }
    rule->then.payload = sv_mem_copy_str(text.at, text.len);
}

static void read_then(const sv_config_node *node, sv_rule *rule, sv_config_faults *faults) {
    then_fields f = { .payload = NULL };
    if (node == NULL || sv_config_read(node, THEN_KEYS, &f, faults) != SV_OK) {
        return;
    }
    (void) (sv_text_copy(sv_text_of(f.command), rule->then.command, SV_ID_ROOM) == SV_OK
            && sv_text_copy(sv_text_of(f.device), rule->then.device, SV_ID_ROOM) == SV_OK);
    if (f.payload != NULL) {
        read_payload(f.payload, rule, faults);
    }
}

static void read_when(const sv_config_node *rule_node, const rule_fields *f, sv_rule *rule,
                      sv_config_faults *faults) {
    const sv_expression_options options = { .stale_us = f->stale_us };
    if (f->when == NULL) {
        sv_config_fault(faults, rule_node,
                        "when is missing: a condition such as \"pressure < 2 for 10 s\"");
        return;
    }
    sv_why why = { 0 };
    if (sv_expression_read(f->when, &options, &rule->when, faults) != SV_OK) {
        return;
    }
    rule->life.hold_us = sv_expression_hold_us(rule->when);
    if (f->message[0] == '\0') {
        return;
    }
    if (sv_expression_message_check(rule->when, sv_text_of(f->message), &why) != SV_OK) {
        sv_config_fault(faults, sv_config_node_get(rule_node, "message"), "message: %s", why.text);
        return;
    }
    rule->message = sv_mem_copy_str(f->message, sv_text_of(f->message).len);
}

/// NULL after adding a fault.
static sv_rule *read_rule(const sv_config_node *node, sv_text name, sv_config_faults *faults) {
    unsigned before = faults->count;
    rule_fields f = { .when = NULL };
    if (sv_config_read(node, RULE_KEYS, &f, faults) != SV_OK) {
        return NULL;
    }
    sv_rule *rule = sv_mem_new(sizeof *rule);
    rule->type = TYPE_OF[f.type];
    rule->life = rules_life_of(&f.life, 0);
    rule->line = sv_config_node_line(node);
    (void) (sv_text_copy(name, rule->name, sizeof rule->name) == SV_OK);
    read_when(node, &f, rule, faults);
    read_then(f.then, rule, faults);
    if (faults->count != before) {
        rule_drop(&rule);
    }
    return rule;
}

static bool is_off(const sv_config_node *node) {
    return sv_config_node_kind(node) == SV_CONFIG_SCALAR
           && (sv_text_is(sv_config_node_text(node), "off")
               || sv_text_is(sv_config_node_text(node), "false"));
}

/// Two names are taken by alerts about machines.
static bool is_name_good(sv_text name, const sv_config_node *item, sv_config_faults *faults) {
    static const char *const TAKEN[] = { SV_RULE_TOGETHER, SV_RULE_REMAINING };
    for (size_t i = 0; i < SV_COUNT(TAKEN); i++) {
        if (sv_text_is(name, TAKEN[i])) {
            sv_config_fault(faults, item,
                            "rule %s: alerts about machines are called so; choose another name",
                            TAKEN[i]);
            return false;
        }
    }
    return rules_name_is_good("rule", name, item, faults);
}

static void read_set(const sv_config_node *node, const char *what, rules_named_set *into,
                     sv_config_faults *faults) {
    if (!rules_is_map(node, what, faults)) {
        return;
    }
    size_t count = sv_config_node_count(node);
    if (count > RULES_NAMED_MAX) {
        sv_config_fault(faults, node, "more than %d rules in one place", RULES_NAMED_MAX);
        return;
    }
    into->at = sv_mem_array(count + 1, sizeof *into->at);
    for (size_t i = 0; i < count; i++) {
        sv_text name = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        if (!is_name_good(name, item, faults)) {
            continue;
        }
        rules_named_one *one = &into->at[into->count++];
        *one = (rules_named_one){ .rule = is_off(item) ? NULL : read_rule(item, name, faults),
                                  .line = sv_config_node_line(item) };
        (void) (sv_text_copy(name, one->name, sizeof one->name) == SV_OK);
    }
}

static void read_groups(const sv_config_node *node, const rules_groups *groups, rules_named *into,
                        sv_config_faults *faults) {
    if (!rules_is_map(node, "groups", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text name = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &name);
        unsigned group = rules_groups_named(groups, name, item, faults);
        if (group != SV_RULES_GROUPS_MAX) {
            read_set(item, "a group's rules", &into->groups[group], faults);
        }
    }
}

static void read_devices(const sv_config_node *node, rules_named *into, sv_config_faults *faults) {
    if (!rules_is_map(node, "devices", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text id = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &id);
        if (!rules_name_is_good("device id", id, item, faults)) {
            continue;
        }
        rules_named_set *set = sv_mem_new(sizeof *set);
        if (sv_map_put(into->devices, id, set) != SV_OK) {
            sv_config_fault(faults, item, "more devices than fit");
            free(set);
            return;
        }
        read_set(item, "a device's rules", set, faults);
    }
}

void rules_named_read(const sv_config_node *node, const rules_groups *groups, rules_named *into,
                      sv_config_faults *faults) {
    if (node == NULL || !rules_is_map(node, "rules", faults)) {
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key = SV_TEXT("");
        const sv_config_node *item = sv_config_node_at(node, i, &key);
        if (sv_text_is(key, "default")) {
            read_set(item, "rules.default", &into->fallback, faults);
        } else if (sv_text_is(key, "groups")) {
            read_groups(item, groups, into, faults);
        } else if (sv_text_is(key, "devices")) {
            read_devices(item, into, faults);
        } else {
            sv_config_fault(faults, item,
                            "\"%.*s\" is not a key here; rules has default, groups and devices, "
                            "and in each of them rules by name",
                            SV_TEXT_ARG(key));
        }
    }
}

// ---- whose they are -----------------------------------------------------------------------------

enum { PLACES_MAX = SV_RULES_GROUPS_MAX + 2 };

/// Where the rules of a device stand, the most specific first.
typedef struct places {
    const rules_named_set *at[PLACES_MAX];
    rules_place is[PLACES_MAX];
    unsigned count;
} places;

static void add_place(places *out, const rules_named_set *set, rules_level level, unsigned group) {
    if (set != NULL && set->count > 0) {
        out->is[out->count] = (rules_place){ .level = level, .group = group };
        out->at[out->count++] = set;
    }
}

static void places_of(const sv_rules *rules, sv_text device_id, places *out) {
    out->count = 0;
    add_place(out, sv_map_get(rules->named.devices, device_id), RULES_DEVICE, 0);
    uint64_t left = rules_groups_of(&rules->groups, device_id);
    for (; left != 0; left &= left - 1) {
        unsigned group = (unsigned) __builtin_ctzll(left);
        add_place(out, &rules->named.groups[group], RULES_GROUP, group);
    }
    add_place(out, &rules->named.fallback, RULES_DEFAULT, 0);
}

static bool stands_before(const places *in, unsigned place, const char *name) {
    for (unsigned p = 0; p < place; p++) {
        for (size_t i = 0; i < in->at[p]->count; i++) {
            if (sv_text_is(sv_text_of(name), in->at[p]->at[i].name)) {
                return true;
            }
        }
    }
    return false;
}

typedef void visit(void *arg, const rules_named_one *one, const rules_place *place);

/// Those of its names that win, `off` among them.
static void each_of(const sv_rules *rules, sv_text device_id, visit *each, void *arg) {
    places in;
    places_of(rules, device_id, &in);
    for (unsigned p = 0; p < in.count; p++) {
        for (size_t i = 0; i < in.at[p]->count; i++) {
            const rules_named_one *one = &in.at[p]->at[i];
            if (!stands_before(&in, p, one->name)) {
                each(arg, one, &in.is[p]);
            }
        }
    }
}

typedef struct caller {
    void (*each)(void *arg, const sv_rule *rule);
    void *arg;
} caller;

static void pass_on(void *arg, const rules_named_one *one, const rules_place *place) {
    const caller *to = arg;
    (void) place;
    if (one->rule != NULL) {
        to->each(to->arg, one->rule);
    }
}

void sv_rules_named(const sv_rules *rules, sv_text device_id,
                    void (*each)(void *arg, const sv_rule *rule), void *arg) {
    caller to = { each, arg };
    each_of(rules, device_id, pass_on, &to);
}

// ---- for people ---------------------------------------------------------------------------------

void rules_named_devices(const rules_named *named, rules_names *out) {
    for (size_t i = 0; i < sv_map_count(named->devices); i++) {
        sv_text id;
        (void) sv_map_at(named->devices, i, &id);
        rules_names_add(out, id);
    }
}

static void add_sensors(void *arg, const sv_rule *rule) {
    for (unsigned i = 0; i < sv_expression_sensor_count(rule->when); i++) {
        rules_names_add(arg, sv_expression_sensor(rule->when, i));
    }
}

void rules_named_sensors(const sv_rules *rules, sv_text device_id, rules_names *out) {
    sv_rules_named(rules, device_id, add_sensors, out);
}

typedef struct explainer {
    const sv_rules *rules;
    sv_text device_id;
    sv_textbuf *out;
} explainer;

static void explain_one(void *arg, const rules_named_one *one, const rules_place *place) {
    const explainer *to = arg;
    const sv_rule *rule = one->rule;
    sv_textbuf_addf(to->out, "rule      %s: ", one->name);
    rules_place at = *place;
    at.line = one->line;
    if (rule == NULL) {
        sv_textbuf_add_str(to->out, "off");
        rules_explain_place(to->out, to->rules, &at, "rules", to->device_id, SV_TEXT(""));
        return;
    }
    sv_expression_format(rule->when, to->out);
    sv_life life = rule->life;
    life.hold_us = 0; // its condition says that
    rules_explain_life(&life, to->out);
    sv_textbuf_addf(to->out, ", %s", sv_alert_type_name(rule->type));
    if (rule->then.command[0] != '\0') {
        bool other = rule->then.device[0] != '\0';
        sv_textbuf_addf(to->out, ", then %s%s%s", rule->then.command, other ? " of " : "",
                        rule->then.device);
    }
    rules_explain_place(to->out, to->rules, &at, "rules", to->device_id, SV_TEXT(""));
}

void sv_rules_explain_named(const sv_rules *rules, sv_text device_id, sv_textbuf *out) {
    explainer to = { rules, device_id, out };
    each_of(rules, device_id, explain_one, &to);
}
