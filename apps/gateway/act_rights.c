#include "act_rights.h"
#include <base/mem.h>
#include <base/time.h>
#include <stddef.h>
#include <stdlib.h>

static void add_line(gw_command_rights *rights, sv_text device, sv_text name,
                     const sv_config_node *at, sv_config_faults *faults) {
    if (rights->allow_count == GW_ALLOW_MAX) {
        sv_config_fault(faults, at, "commands: allow: more than %d commands", GW_ALLOW_MAX);
        return;
    }
    if (rights->allow_count % 64 == 0) {
        rights->allow =
            sv_mem_resize(rights->allow, (rights->allow_count + 64) * sizeof *rights->allow);
    }
    gw_allow *line = &rights->allow[rights->allow_count++];
    if (sv_text_copy(device, line->device, sizeof line->device) != SV_OK
        || sv_text_copy(name, line->name, sizeof line->name) != SV_OK) {
        abort(); // both are of the grammar
    }
}

/// `[stop, slow]`; an empty list is a line of its own: nothing.
static void read_names(gw_command_rights *rights, sv_text device, const sv_config_node *names,
                       sv_config_faults *faults) {
    if (sv_config_node_kind(names) != SV_CONFIG_LIST) {
        sv_config_fault(faults, names, "commands: allow: write a list of commands: [stop, slow]");
        return;
    }
    if (sv_config_node_count(names) == 0) {
        add_line(rights, device, SV_TEXT(""), names, faults);
    }
    for (size_t i = 0; i < sv_config_node_count(names); i++) {
        const sv_config_node *one = sv_config_node_at(names, i, NULL);
        sv_text name =
            sv_config_node_kind(one) == SV_CONFIG_SCALAR ? sv_config_node_text(one) : SV_TEXT("");
        sv_why why;
        if (sv_id_check("command", name, &why) != SV_OK) {
            sv_config_fault(faults, one, "commands: allow: %s", why.text);
        } else {
            add_line(rights, device, name, one, faults);
        }
    }
}

static void read_devices(gw_command_rights *rights, const sv_config_node *devices,
                         sv_config_faults *faults) {
    if (sv_config_node_kind(devices) != SV_CONFIG_MAP) {
        sv_config_fault(faults, devices, "commands: allow: devices: write <device>: [stop, slow]");
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(devices); i++) {
        sv_text device;
        sv_why why;
        const sv_config_node *names = sv_config_node_at(devices, i, &device);
        if (sv_id_check("device id", device, &why) != SV_OK) {
            sv_config_fault(faults, names, "commands: allow: devices: %s", why.text);
        } else {
            read_names(rights, device, names, faults);
        }
    }
}

static void read_allow(const sv_config_node *node, void *target, sv_config_faults *faults) {
    gw_command_rights *rights = target;
    if (node == NULL) {
        return;
    }
    if (sv_config_node_kind(node) != SV_CONFIG_MAP) {
        sv_config_fault(faults, node,
                        "commands: allow: write {default: [...], devices: {<device>: [...]}}");
        return;
    }
    for (size_t i = 0; i < sv_config_node_count(node); i++) {
        sv_text key;
        const sv_config_node *part = sv_config_node_at(node, i, &key);
        if (sv_text_is(key, "default")) {
            read_names(rights, SV_TEXT(""), part, faults);
        } else if (sv_text_is(key, "devices")) {
            read_devices(rights, part, faults);
        } else {
            sv_config_fault(faults, part,
                            "commands: allow: \"" SV_TEXT_FMT "\" is none of default, devices",
                            SV_TEXT_ARG(key));
        }
    }
}

static const char *const FLEET[] = { "any", "listed", NULL };

const sv_config_key GW_COMMANDS_KEYS[] = {
    { .name = "allow",
      .type = SV_CONFIG_CUSTOM,
      .read = read_allow,
      .fallback = "",
      .help = "what rules may ask of devices: {default: [], devices: {press-1: [stop, slow]}}; a "
              "device's own list wins whole" },
    { .name = "fleet",
      .type = SV_CONFIG_CHOICE,
      .offset = offsetof(gw_command_rights, fleet),
      .choices = FLEET,
      .fallback = "any",
      .help = "commands that come from the fleet server: any, or only those that are listed too" },
    { .name = "rate",
      .type = SV_CONFIG_INT,
      .offset = offsetof(gw_command_rights, per_minute),
      .fallback = "6",
      .min = 1,
      .max = GW_RATE_MAX,
      .help = "how often a minute rules may give one device the same command" },
    { .name = "within",
      .type = SV_CONFIG_DURATION,
      .offset = offsetof(gw_command_rights, within_us),
      .fallback = "60s",
      .min = 1000000,
      .max = SV_TIME_DAY_US,
      .help = "how long a rule's command is worth doing; later it is not given any more" },
    { .name = NULL },
};

void gw_command_rights_drop(gw_command_rights *rights) {
    free(rights->allow);
    *rights = (gw_command_rights){ .allow = NULL };
}

bool gw_command_is_listed(const gw_command_rights *rights, sv_text device, sv_text name) {
    bool own = false;
    bool listed = false;
    bool by_default = false;
    for (size_t i = 0; i < rights->allow_count; i++) {
        const gw_allow *line = &rights->allow[i];
        bool same = line->name[0] != '\0' && sv_text_is(name, line->name);
        if (line->device[0] == '\0') {
            by_default = by_default || same;
        } else if (sv_text_is(device, line->device)) {
            own = true;
            listed = listed || same;
        }
    }
    return own ? listed : by_default;
}

bool gw_rate_take(gw_rate *rate, int64_t now_us, int64_t per_minute) {
    size_t before = (rate->next + GW_RATE_MAX - (size_t) per_minute) % GW_RATE_MAX;
    int64_t then_us = rate->at_us[before];
    if (then_us != 0 && now_us - then_us < SV_TIME_MINUTE_US) {
        return false;
    }
    rate->at_us[rate->next] = now_us;
    rate->next = (rate->next + 1) % GW_RATE_MAX;
    return true;
}
