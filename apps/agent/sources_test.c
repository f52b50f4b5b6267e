#include "sources.h"

#include "fake_root.h"

#include <math.h>

static sv_agent_config config_at(const char *root) {
    sv_agent_config config = { .source_count = 2 };
    (void) snprintf(config.root, sizeof config.root, "%s", root);
    config.sources[0] = (sv_agent_source){ .kind = SV_AGENT_HWMON, .scale = 1, .interval_us = 5 };
    config.sources[1] = (sv_agent_source){ .kind = SV_AGENT_THERMAL, .scale = 1, .interval_us = 7 };
    return config;
}

static void what_the_kernel_shows_is_found_and_named_within_the_grammar(void **state) {
    const char *root = *state;
    fake_file(root, "sys/class/hwmon/hwmon0/name", "nct6775\n");
    fake_file(root, "sys/class/hwmon/hwmon0/temp1_input", "41500\n");
    fake_file(root, "sys/class/hwmon/hwmon0/temp1_label", "SYS/TIN 1+\n");
    fake_file(root, "sys/class/hwmon/hwmon0/fan1_input", "900\n");
    fake_file(root, "sys/class/hwmon/hwmon0/fan1_alarm", "0\n");
    fake_file(root, "sys/class/hwmon/hwmon0/intrusion0_input", "0\n");
    fake_file(root, "sys/class/thermal/thermal_zone0/type", "x86 pkg#temp\n");
    fake_file(root, "sys/class/thermal/thermal_zone0/temp", "38000\n");
    fake_file(root, "sys/class/thermal/cooling_device0/type", "fan\n");
    static sv_agent_config config;
    static sv_agent_sensors found;
    config = config_at(root);
    sv_agent_sensors_find(&config, &found);

    assert_int_equal(found.count, 3);
    assert_string_equal(found.items[0].name, "nct6775_fan1");
    assert_string_equal(found.items[0].unit, "RPM");
    assert_string_equal(found.items[1].name, "nct6775_SYS_TIN_1");
    assert_string_equal(found.items[2].name, "thermal_x86_pkg_temp");
    assert_int_equal(found.items[2].interval_us, 7);
    double value = 0;
    assert_int_equal(sv_agent_sensor_read(&found.items[1], &value, NULL), SV_OK);
    assert_true(fabs(value - 41.5) < 1e-9);
}

static void two_sensors_never_share_a_name(void **state) {
    const char *root = *state;
    for (int i = 0; i < 3; i++) {
        char path[96];
        (void) snprintf(path, sizeof path, "sys/class/thermal/thermal_zone%d/type", i);
        fake_file(root, path, "acpitz\n");
    }
    static sv_agent_config config;
    static sv_agent_sensors found;
    config = config_at(root);
    sv_agent_sensors_find(&config, &found);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.items[0].name, "thermal_acpitz");
    assert_string_equal(found.items[1].name, "thermal_acpitz-2");
    assert_string_equal(found.items[2].name, "thermal_acpitz-3");
}

#define TOO_LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static void any_text_becomes_a_name_of_the_grammar(void **state) {
    (void) state;
    static const char *const TEXTS[] = { "",       "__", "-a",   "\xc3\xa4",
                                         "a/b#c+", "$x", "....", TOO_LONG };
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        char name[SV_ID_ROOM];
        sv_agent_name_clean(sv_text_of(TEXTS[i]), name);
        assert_true(sv_id_is_valid(sv_text_of(name)));
    }
}

static void a_file_that_holds_no_number_is_told_with_its_content(void **state) {
    const char *root = *state;
    sv_agent_sensor sensor = { .name = "level", .scale = 2 };
    (void) snprintf(sensor.path, sizeof sensor.path, "%s/level", root);
    double value = 7;
    sv_why why;
    assert_int_equal(sv_agent_sensor_read(&sensor, &value, &why), SV_ERR_IO);
    static const char *const BROKEN[] = { "wet\n", "1e999\n", "nan\n", "1 2\n", "0x10\n" };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        fake_file(root, "level", BROKEN[i]);
        assert_int_equal(sv_agent_sensor_read(&sensor, &value, &why), SV_ERR_INVALID);
    }
    assert_true(value == 7);
    assert_non_null(strstr(why.text, "holds \"0x10\", which is not a number"));
    fake_file(root, "level", " 1.25 \n");
    assert_int_equal(sv_agent_sensor_read(&sensor, &value, &why), SV_OK);
    assert_true(value == 2.5);
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, fake_root_make, fake_root_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOT(what_the_kernel_shows_is_found_and_named_within_the_grammar),
        IN_ROOT(two_sensors_never_share_a_name),
        cmocka_unit_test(any_text_becomes_a_name_of_the_grammar),
        IN_ROOT(a_file_that_holds_no_number_is_told_with_its_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
