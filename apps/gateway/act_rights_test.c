#include "act_rights.h"

#include "config.h"
#include <base/test.h>
#include <base/time.h>
#include <stdio.h>

#define REST                                                                                       \
    "\nid: gw-1\nsite: north\ntls: {ca: a, cert: b, key: c}\nstore: {path: /tmp/gateway.db}\n"

static void read_commands(const char *commands, gw_config *out) {
    char yaml[1024];
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
    (void) snprintf(yaml, sizeof yaml, "%s%s", commands, REST);
    if (gw_config_read(sv_text_of(yaml), out, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
}

static bool is_listed(const gw_config *config, const char *device, const char *name) {
    return gw_command_is_listed(&config->commands, sv_text_of(device), sv_text_of(name));
}

// [command-3]
static void what_is_not_listed_is_not_allowed(void **state) {
    (void) state;
    SV_DEFER(gw_config_drop) gw_config config = { .id = "" };
    read_commands("", &config);
    assert_false(is_listed(&config, "press-1", "stop"));
    assert_false(is_listed(&config, "press-1", ""));
    assert_int_equal(config.commands.fleet, GW_FLEET_ANY);
    assert_int_equal(config.commands.per_minute, 6);
    assert_int_equal(config.commands.within_us, SV_TIME_MINUTE_US);
}

// [command-3]
static void a_devices_own_list_wins_whole_over_the_default(void **state) {
    (void) state;
    SV_DEFER(gw_config_drop) gw_config config = { .id = "" };
    read_commands("commands: {allow: {default: [stop], devices: {press-1: [slow], press-2: []}}, "
                  "fleet: listed, rate: 2, within: 10s}",
                  &config);
    assert_true(is_listed(&config, "press-9", "stop"));
    assert_false(is_listed(&config, "press-9", "slow"));
    assert_false(is_listed(&config, "press-9", "sto"));
    assert_false(is_listed(&config, "press-9", "stop1"));
    assert_true(is_listed(&config, "press-1", "slow"));
    assert_false(is_listed(&config, "press-1", "stop"));
    assert_false(is_listed(&config, "press-2", "stop"));
    assert_false(is_listed(&config, "press-2", ""));
    assert_int_equal(config.commands.fleet, GW_FLEET_LISTED);
}

// [command-3]
static void a_list_that_cannot_be_meant_is_refused_with_a_sentence(void **state) {
    static const char *const CASES[][2] = {
        { "commands: {allow: [stop]}", "write {default" },
        { "commands: {allow: {default: stop}}", "write a list of commands" },
        { "commands: {allow: {default: [stop/now]}}", "\"stop/now\"" },
        { "commands: {allow: {default: ['']}}", "command" },
        { "commands: {allow: {default: [[stop]]}}", "command" },
        { "commands: {allow: {devices: [press-1]}}", "write <device>: [stop, slow]" },
        { "commands: {allow: {devices: {'+': [stop]}}}", "\"+\"" },
        { "commands: {allow: {devices: {press-1: {stop: yes}}}}", "write a list of commands" },
        { "commands: {allow: {groups: {a: [stop]}}}", "none of default, devices" },
        { "commands: {fleet: none}", "none" },
        { "commands: {rate: 0}", "rate" },
        { "commands: {rate: 61}", "rate" },
        { "commands: {within: 0s}", "within" },
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char yaml[1024];
        gw_config config = { .id = "" };
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "test" };
        (void) snprintf(yaml, sizeof yaml, "%s%s", CASES[i][0], REST);
        assert_int_equal(gw_config_read(sv_text_of(yaml), &config, &faults), SV_ERR_INVALID);
        if (strstr(faults.text.at, CASES[i][1]) == NULL) {
            fail_msg("%s: %s", CASES[i][0], faults.text.at);
        }
    }
}

// [command-4]
static void in_no_minute_are_there_more_than_the_rate(void **state) {
    (void) state;
    for (int64_t per_minute = 1; per_minute <= GW_RATE_MAX; per_minute++) {
        gw_rate rate = { .next = 0 };
        int64_t given[4096];
        size_t count = 0;
        size_t refused = 0;
        uint64_t chance = (uint64_t) per_minute;
        for (int64_t now_us = 1; now_us < 10 * SV_TIME_MINUTE_US && count < SV_COUNT(given);) {
            if (gw_rate_take(&rate, now_us, per_minute)) {
                given[count++] = now_us;
            } else {
                refused++;
            }
            chance = chance * UINT64_C(6364136223846793005) + 1;
            now_us += (int64_t) (chance >> 33) % (SV_TIME_MINUTE_US / per_minute / 4);
        }
        size_t limit = (size_t) per_minute;
        for (size_t i = limit; i < count; i++) {
            assert_true(given[i] - given[i - limit] >= SV_TIME_MINUTE_US);
        }
        assert_true(count >= 8 * limit && refused > 0); // and not fewer than it says
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_listed_is_not_allowed),
        cmocka_unit_test(a_devices_own_list_wins_whole_over_the_default),
        cmocka_unit_test(a_list_that_cannot_be_meant_is_refused_with_a_sentence),
        cmocka_unit_test(in_no_minute_are_there_more_than_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
