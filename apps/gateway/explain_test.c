#include "explain.h"
#include <base/test.h>
#include <string.h>

#define DETECT "    detect    normal, alerts once it is known for 1d  (by itself)\n"

static const char HEAD[] = "id: gw-1\nsite: pune\nlisten: {port: 8883}\n"
                           "tls: {ca: a, cert: b, key: c}\nstore: {path: /tmp/x.db}\n";

static void expect(const char *rules, const char *device, const char *sensor, const char *told) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(1 << 20);
    SV_DEFER(gw_config_drop) gw_config config = { .id = "" };
    sv_textbuf_addf(&yaml, "%s%s", HEAD, rules);
    if (gw_config_read(sv_textbuf_text(&yaml), &config, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
    gw_explain(&config, device, sensor, &out);
    assert_string_equal(out.at, told);
}

// [edge-6] [edge-14]
static void each_device_that_the_file_names_and_any_other_is_explained(void **state) {
    (void) state;
    expect("groups: {pumps: [pump-1]}\n"
           "thresholds: {sensors: {p: {low: 2}}}\n"
           "uplink: {devices: {press-1: {sensors: {badge: never}}}}\n"
           "mute: [{groups: [pumps], from: '22:00', to: '06:00'}]\n"
           "commands: {allow: {devices: {press-1: [stop]}}}\n"
           "rules:\n"
           "  groups: {pumps: {dry: {when: p < 1 and a > 5, then: {command: stop}}}}\n"
           "  devices: {press-1: {jam: {when: a > 9, then: {command: stop}}}}\n",
           NULL, NULL,
           "press-1\n"
           "  p\n"
           "    threshold low 2, warning  (thresholds.sensors.p, line 7)\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "  badge\n"
           "    change    1  (by itself)\n"
           "    uplink    never: nothing of it leaves the site  "
           "(uplink.devices.press-1.sensors.badge, line 8)\n" DETECT "  a\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "  any other sensor\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "  rule      jam: a > 9, warning, ANOMALY, then stop  (rules.devices.press-1, line 13)\n"
           "\n"
           "pump-1 (groups: pumps)\n"
           "  p\n"
           "    threshold low 2, warning  (thresholds.sensors.p, line 7)\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "    mute      at times  (mute, line 9)\n"
           "  a\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "    mute      at times  (mute, line 9)\n"
           "  any other sensor\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "    mute      at times  (mute, line 9)\n"
           "  rule      dry: p < 1 and a > 5, warning, ANOMALY, then stop  "
           "(rules.groups.pumps, line 12)\n"
           "  warning: rule dry asks pump-1 to stop, which commands.allow does not list: it will "
           "be refused\n"
           "\n"
           "any other device\n"
           "  p\n"
           "    threshold low 2, warning  (thresholds.sensors.p, line 7)\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT
           "  any other sensor\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT "\n");
}

// [edge-6]
static void those_meant_by_a_pattern_are_explained_together(void **state) {
    (void) state;
    expect(
        "groups: {pumps: ['pump-*']}\nuplink: {groups: {pumps: never}}\n", NULL, NULL,
        "pump-* (groups: pumps)\n  any other sensor\n    change    1  (by itself)\n"
        "    uplink    never: nothing of it leaves the site  (uplink.groups.pumps, line 7)\n" DETECT
        "\n"
        "any other device\n  any other sensor\n    change    1  (by itself)\n"
        "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT "\n");
}

// [edge-6]
static void one_sensor_of_one_device_is_explained(void **state) {
    (void) state;
    expect("thresholds: {devices: {d: {high: 5, sensors: {x: {high: 7}}}}}\n", "d", "x",
           "d\n"
           "  x\n"
           "    threshold high 7, warning  (thresholds.devices.d.sensors.x, line 6)\n"
           "    change    1  (by itself)\n"
           "    uplink    change: averages that differ, and minutes  (by itself)\n" DETECT "\n");
}

// [edge-6]
static void a_file_that_names_very_many_devices_is_cut_with_a_word(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(1 << 20);
    static const char LINES[] = "  any other sensor\n    change    1  (by itself)\n"
                                "    uplink    never: nothing of it leaves the site  ";
    sv_textbuf_add_str(&yaml, "uplink:\n  devices:\n");
    for (int i = 0; i < GW_EXPLAIN_DEVICES_MAX + 3; i++) {
        sv_textbuf_addf(&yaml, "    d%d: never\n", i);
        if (i < GW_EXPLAIN_DEVICES_MAX) {
            sv_textbuf_addf(&told, "d%d\n%s(uplink.devices.d%d, line %d)\n" DETECT "\n", i, LINES,
                            i, i + 8);
        }
    }
    sv_textbuf_add_str(&told, "and 3 more devices that the file names: ask with --device\n\n"
                              "any other device\n  any other sensor\n    change    1  (by itself)\n"
                              "    uplink    change: averages that differ, and minutes  (by "
                              "itself)\n" DETECT "\n");
    expect(yaml.at, NULL, NULL, told.at);
}

// [edge-20]
static void a_group_of_the_fleet_server_is_no_matter_of_a_gateways_file(void **state) {
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "gateway.yaml" };
    SV_DEFER(gw_config_drop) gw_config config = { .id = "" };
    char room[1024];
    sv_textbuf yaml = SV_TEXTBUF(room);
    sv_textbuf_addf(&yaml, "%sgroups: {own: [press-1], canary: {group: pilots}}\n", HEAD);
    assert_int_equal(gw_config_read(sv_textbuf_text(&yaml), &config, &faults), SV_ERR_INVALID);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text.at, "gateway.yaml:6:"));
    assert_non_null(strstr(faults.text.at, "groups: canary: who is in a group of the fleet"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_device_that_the_file_names_and_any_other_is_explained),
        cmocka_unit_test(those_meant_by_a_pattern_are_explained_together),
        cmocka_unit_test(one_sensor_of_one_device_is_explained),
        cmocka_unit_test(a_file_that_names_very_many_devices_is_cut_with_a_word),
        cmocka_unit_test(a_group_of_the_fleet_server_is_no_matter_of_a_gateways_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
