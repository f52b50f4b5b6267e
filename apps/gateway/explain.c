#include "explain.h"
#include <edge/rule.h>

/// Stands for one that the file does not name: no id, so no key of the file.
#define OTHER "*"

typedef struct explainer {
    const gw_config *config;
    const char *sensor;
    sv_textbuf *out;
    sv_text device;
    size_t devices;
} explainer;

static void explain_sensor(void *arg, sv_text sensor) {
    const explainer *e = arg;
    bool other = sv_text_is(sensor, OTHER);
    sv_textbuf_addf(e->out, "  %.*s\n", SV_TEXT_ARG(other ? SV_TEXT("any other sensor") : sensor));
    SV_DEFER(sv_textbuf_drop) sv_textbuf lines = SV_TEXTBUF_HEAP(8192);
    sv_rules_explain(e->config->rules, e->device, sensor, &lines);
    for (sv_text rest = sv_textbuf_text(&lines); rest.len > 0;) {
        sv_text line = sv_text_cut(&rest, '\n');
        sv_textbuf_addf(e->out, "    %.*s\n", SV_TEXT_ARG(line));
    }
}

/// What a rule asks for and may not: it would be refused each time.
static void warn_of_command(void *arg, const sv_rule *rule) {
    const explainer *e = arg;
    const char *named = rule->then.device;
    sv_text device = named[0] == '\0' ? e->device : sv_text_of(named);
    sv_text command = sv_text_of(rule->then.command);
    if (command.len == 0 || gw_command_is_listed(&e->config->commands, device, command)) {
        return;
    }
    sv_textbuf_addf(e->out,
                    "  warning: rule %s asks %.*s to %.*s, which commands.allow does not list: it "
                    "will be refused\n",
                    rule->name, SV_TEXT_ARG(sv_text_is(device, OTHER) ? SV_TEXT("it") : device),
                    SV_TEXT_ARG(command));
}

static void explain_rules(const explainer *e) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf lines = SV_TEXTBUF_HEAP(65536);
    sv_rules_explain_named(e->config->rules, e->device, &lines);
    for (sv_text rest = sv_textbuf_text(&lines); rest.len > 0;) {
        sv_text line = sv_text_cut(&rest, '\n');
        sv_textbuf_addf(e->out, "  %.*s\n", SV_TEXT_ARG(line));
    }
}

static void explain_device(explainer *e, sv_text device) {
    bool other = sv_text_is(device, OTHER);
    char room[1024];
    sv_textbuf groups = SV_TEXTBUF(room);
    e->device = device;
    sv_rules_add_groups(e->config->rules, device, &groups);
    sv_textbuf_addf(e->out, "%.*s", SV_TEXT_ARG(other ? SV_TEXT("any other device") : device));
    if (groups.len > 0) {
        sv_textbuf_addf(e->out, " (groups: %s)", room);
    }
    sv_textbuf_add_char(e->out, '\n');
    if (e->sensor != NULL) {
        explain_sensor(e, sv_text_of(e->sensor));
    } else {
        sv_rules_sensors(e->config->rules, device, explain_sensor, e);
        explain_sensor(e, SV_TEXT(OTHER));
    }
    explain_rules(e);
    sv_rules_named(e->config->rules, device, warn_of_command, e);
    sv_textbuf_add_char(e->out, '\n');
}

static void explain_next(void *arg, sv_text device) {
    explainer *e = arg;
    if (++e->devices <= GW_EXPLAIN_DEVICES_MAX) {
        explain_device(e, device);
    }
}

void gw_explain(const gw_config *config, const char *device, const char *sensor, sv_textbuf *out) {
    explainer e = { .config = config, .sensor = sensor, .out = out };
    if (device != NULL) {
        explain_device(&e, sv_text_of(device));
        return;
    }
    sv_rules_devices(config->rules, explain_next, &e);
    if (e.devices > GW_EXPLAIN_DEVICES_MAX) {
        sv_textbuf_addf(out, "and %zu more devices that the file names: ask with --device\n\n",
                        e.devices - GW_EXPLAIN_DEVICES_MAX);
    }
    explain_device(&e, SV_TEXT(OTHER));
}
