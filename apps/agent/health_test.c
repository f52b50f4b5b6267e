#include "health.h"

#include "fake_root.h"

#include <math.h>

static void the_processor_is_judged_by_what_changed_since_the_last_look(void **state) {
    const char *root = *state;
    sv_agent_cpu cpu = { 0 };
    fake_file(root, "proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n");
    assert_true(isnan(sv_agent_cpu_percent(root, &cpu)));
    fake_file(root, "proc/stat", "cpu  120 0 105 855 20 0 0 0 7 7\n");
    assert_true(sv_agent_cpu_percent(root, &cpu) == 25.0);
    assert_true(isnan(sv_agent_cpu_percent(root, &cpu)));
}

static void a_counter_that_runs_backwards_gives_no_number(void **state) {
    const char *root = *state;
    sv_agent_cpu cpu = { 0 };
    fake_file(root, "proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n");
    (void) sv_agent_cpu_percent(root, &cpu);
    fake_file(root, "proc/stat", "cpu  90 0 100 900 0 0 0 0 0 0\n");
    assert_true(isnan(sv_agent_cpu_percent(root, &cpu)));
    fake_file(root, "proc/stat", "cpu  x\n");
    assert_true(isnan(sv_agent_cpu_percent(root, &cpu)));
}

static void memory_in_use_is_what_is_not_available(void **state) {
    const char *root = *state;
    fake_file(root, "proc/meminfo",
              "MemTotal:        1000 kB\nMemFree:  10 kB\nMemAvailable:    250 kB\n");
    assert_true(sv_agent_memory_percent(root) == 75.0);
    fake_file(root, "proc/meminfo", "MemTotal:        1000 kB\n");
    assert_true(isnan(sv_agent_memory_percent(root)));
    fake_file(root, "proc/meminfo", "MemTotal: 0 kB\nMemAvailable: 0 kB\n");
    assert_true(isnan(sv_agent_memory_percent(root)));
}

static void network_is_the_sum_over_interfaces(void **state) {
    const char *root = *state;
    fake_file(root, "proc/net/dev",
              "Inter-|   Receive                    |  Transmit\n"
              " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
              "    lo:      10       1    0    0    0     0          0         0     20       1\n"
              "  eth0:    1000       1    0    0    0     0          0         0   3000       1\n");
    fake_file(root, "proc/uptime", "12.5 20.0\n");
    sv_health_metrics metrics = { 0 };
    sv_agent_health_collect(root, &metrics);
    assert_true(metrics.net_recv_bytes == 1010);
    assert_true(metrics.net_sent_bytes == 3020);
    assert_true(metrics.uptime_s == 12.5);
    assert_true(metrics.disk_percent >= 0 && metrics.disk_percent <= 100);
}

static void temperature_is_coretemp_then_a_processor_zone_then_unknown(void **state) {
    const char *root = *state;
    sv_health_metrics metrics = { 0 };
    fake_file(root, "sys/class/thermal/thermal_zone0/type", "acpitz\n");
    fake_file(root, "sys/class/thermal/thermal_zone0/temp", "20000\n");
    sv_agent_health_collect(root, &metrics);
    assert_true(isnan(metrics.temperature_c));

    fake_file(root, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
    fake_file(root, "sys/class/thermal/thermal_zone1/temp", "50000\n");
    sv_agent_health_collect(root, &metrics);
    assert_true(fabs(metrics.temperature_c - 50) < 1e-9);

    fake_file(root, "sys/class/hwmon/hwmon3/name", "coretemp\n");
    fake_file(root, "sys/class/hwmon/hwmon3/temp1_input", "61000\n");
    sv_agent_health_collect(root, &metrics);
    assert_true(fabs(metrics.temperature_c - 61) < 1e-9);
}

static void a_machine_that_tells_nothing_is_unknown_not_zero(void **state) {
    sv_health_metrics metrics = { 0 };
    sv_agent_health_collect(*state, &metrics);
    assert_true(isnan(metrics.memory_percent));
    assert_true(isnan(metrics.net_sent_bytes));
    assert_true(isnan(metrics.temperature_c));
    assert_true(isnan(metrics.uptime_s));
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, fake_root_make, fake_root_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOT(the_processor_is_judged_by_what_changed_since_the_last_look),
        IN_ROOT(a_counter_that_runs_backwards_gives_no_number),
        IN_ROOT(memory_in_use_is_what_is_not_available),
        IN_ROOT(network_is_the_sum_over_interfaces),
        IN_ROOT(temperature_is_coretemp_then_a_processor_zone_then_unknown),
        IN_ROOT(a_machine_that_tells_nothing_is_unknown_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
