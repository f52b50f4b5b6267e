#include "machine_health.h"

#include <base/test.h>

static sv_machine machine_of(unsigned number, uint64_t seed, double fault_after_s) {
    sv_machine machine;
    sv_machine_start(
        &machine,
        &(sv_machine_setup){ .number = number, .seed = seed, .fault_after_s = fault_after_s });
    return machine;
}

static void only_one_with_a_sure_fault_gets_hot_and_only_in_its_time(void **state) {
    (void) state;
    for (unsigned number = 1; number <= 40; number++) {
        sv_machine machine = machine_of(number, number, number == 1 ? 12 : -1);
        for (int second = 0; second < 4 * 3600; second++) {
            sv_health health;
            sv_machine_health(&machine, second, &health);
            int in_turn_s = second % SV_MACHINE_HOT_EVERY_S - SV_MACHINE_HOT_FROM_S;
            bool hot = number == 1 && in_turn_s >= 0 && in_turn_s < SV_MACHINE_HOT_S;
            assert_int_equal(health.alert_count, hot);
            assert_string_equal(sv_health_status(&health), hot ? "critical" : "healthy");
            assert_true(health.metrics.cpu_percent > 5 && health.metrics.memory_percent > 5);
            assert_true(health.metrics.disk_percent > 5 && health.metrics.temperature_c > 20);
        }
    }
    sv_machine calm = machine_of(1, 1, -1);
    sv_health health;
    sv_machine_health(&calm, SV_MACHINE_HOT_FROM_S + 1, &health);
    assert_int_equal(health.alert_count, 0);
}

static void the_same_seed_gives_the_same_report_and_another_another(void **state) {
    (void) state;
    sv_machine left = machine_of(2, 5, -1);
    sv_machine right = machine_of(2, 5, -1);
    sv_machine other = machine_of(2, 6, -1);
    sv_health a;
    sv_health b;
    sv_health c;
    sv_machine_health(&left, 61, &a);
    sv_machine_health(&right, 61, &b);
    sv_machine_health(&other, 61, &c);
    assert_true(a.metrics.cpu_percent == b.metrics.cpu_percent
                && a.metrics.temperature_c == b.metrics.temperature_c);
    assert_true(a.metrics.memory_percent != c.metrics.memory_percent);
}

static void the_report_is_one_a_gateway_takes(void **state) {
    (void) state;
    sv_machine machine = machine_of(3, 1, -1);
    sv_health health;
    sv_machine_health(&machine, 10, &health);
    (void) strcpy(health.metrics.device_id, "compressor-03");
    health.metrics.at_us = 1700000000000000;
    char room[SV_HEALTH_BYTES_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_health_format(&health, &out);
    sv_health back;
    assert_int_equal(sv_health_parse(sv_textbuf_text(&out), SV_TEXT("compressor-03"), &back, NULL),
                     SV_OK);
    assert_true(back.metrics.uptime_s == health.metrics.uptime_s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_with_a_sure_fault_gets_hot_and_only_in_its_time),
        cmocka_unit_test(the_same_seed_gives_the_same_report_and_another_another),
        cmocka_unit_test(the_report_is_one_a_gateway_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
