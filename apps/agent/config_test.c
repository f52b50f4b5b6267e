#include "config.h"

#include <base/test.h>

#define HEAD "id: press-1\ngateway: {host: gw}\ntls: {ca: a, cert: b, key: c}\n"

static sv_agent_config config;

static void what_is_left_out_has_its_default(void **state) {
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
    assert_int_equal(sv_agent_config_read(SV_TEXT(HEAD), &config, &faults), SV_OK);
    assert_int_equal(config.gateway.port, 8883);
    assert_int_equal(config.health.interval_us, 10000000);
    assert_string_equal(config.spool.path, "");
    assert_int_equal(config.spool.bytes, 128 << 20);
    assert_int_equal(config.spool.free, 64 << 20);
    assert_int_equal(config.spool.age_us, INT64_C(30) * 86400 * 1000000);
    assert_int_equal(config.spool.every_us, 2000000);
    assert_int_equal(config.spool.rate, 200);
    assert_int_equal(config.enrolment.renew, SV_AGENT_RENEW_AUTOMATIC);
    assert_string_equal(config.enrolment.host, "gw");
    assert_int_equal(config.enrolment.port, 8444);
    assert_true(config.machine);
    assert_int_equal(config.source_count, 2);
    assert_int_equal(config.sources[0].kind, SV_AGENT_HWMON);
    assert_int_equal(config.sources[1].kind, SV_AGENT_THERMAL);
}

static void the_door_for_renewal_may_be_named(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *host;
        uint16_t port;
    } CASES[] = {
        { HEAD "enrolment: {at: fleet.example}\n", "fleet.example", 8444 },
        { HEAD "enrolment: {at: 'fleet.example:9000'}\n", "fleet.example", 9000 },
        { HEAD "enrolment: {at: '[::1]:9000', renew: off}\n", "::1", 9000 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
        assert_int_equal(sv_agent_config_read(sv_text_of(CASES[i].yaml), &config, &faults), SV_OK);
        assert_string_equal(config.enrolment.host, CASES[i].host);
        assert_int_equal(config.enrolment.port, CASES[i].port);
    }
    assert_int_equal(config.enrolment.renew, SV_AGENT_RENEW_OFF);
}

static void updates_are_off_until_the_updater_is_named(void **state) { // [ddid-18]
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
    assert_int_equal(sv_agent_config_read(SV_TEXT(HEAD), &config, &faults), SV_OK);
    assert_string_equal(config.update.socket, "");
    assert_string_equal(config.update.door, "https://gw:8444");
    assert_int_equal(config.update.poll_us, INT64_C(300) * 1000000);
    assert_int_equal(config.update.rate, 0);
    assert_int_equal(config.update.health.deadline_us, INT64_C(300) * 1000000);
    assert_int_equal(sv_agent_config_read(
                         SV_TEXT("id: press-1\ngateway: {host: '::1'}\n"
                                 "tls: {ca: a, cert: b, key: c}\n"
                                 "update: {socket: /run/u.sock, rate: 100kB, health: {deadline: "
                                 "20s, script: /etc/check}}\n"),
                         &config, &faults),
                     SV_OK);
    assert_string_equal(config.update.door, "https://[::1]:8444");
    assert_int_equal(config.update.rate, 100000);
    assert_int_equal(config.update.health.deadline_us, 20000000);
}

static void a_door_without_tls_or_with_a_path_is_none(void **state) { // [ddid-18]
    (void) state;
    static const char *const BAD[] = {
        HEAD "update: {door: 'http://gw:8444'}\n",
        HEAD "update: {door: 'https://gw:8444/default'}\n",
        HEAD "update: {door: 'gw:8444'}\n",
        HEAD "update: {socket: updater.sock}\n",
        HEAD "update: {health: {script: check.sh}}\n",
        HEAD "update: {health: {deadline: 0s}}\n",
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
        assert_int_equal(sv_agent_config_read(sv_text_of(BAD[i]), &config, &faults),
                         SV_ERR_INVALID);
        assert_int_equal(faults.count, 1);
    }
}

static void a_rate_so_low_that_the_updater_gives_up_is_refused(void **state) { // [ddid-8]
    (void) state;
    static const struct {
        const char *yaml;
        sv_err err;
    } CASES[] = { { HEAD "update: {rate: 1}\n", SV_ERR_INVALID },
                  { HEAD "update: {rate: 4095}\n", SV_ERR_INVALID },
                  { HEAD "update: {rate: 4KiB}\n", SV_OK },
                  { HEAD "update: {rate: 0}\n", SV_OK } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
        assert_int_equal(sv_agent_config_read(sv_text_of(CASES[i].yaml), &config, &faults),
                         CASES[i].err);
        assert_int_equal(faults.count, CASES[i].err == SV_OK ? 0 : 1);
    }
}

static void an_empty_list_of_sources_means_none(void **state) {
    (void) state;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
    assert_int_equal(sv_agent_config_read(SV_TEXT(HEAD "sources: []\n"), &config, &faults), SV_OK);
    assert_int_equal(config.source_count, 0);
}

static void a_broken_value_is_told_with_its_place(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *told;
    } CASES[] = {
        { HEAD "sources: [{kind: file}]\n", "a.yaml:4:11: sources: a file needs its path" },
        { HEAD "sources:\n  - {kind: hwmon, path: /x}\n",
          "a.yaml:5:5: sources: path and sensor belong to kind file; hwmon finds its own" },
        { HEAD "enrolment: {at: 'gw:0'}\n", "a.yaml:4:17: " },
        { HEAD "enrolment: {renew: never}\n", "a.yaml:4:20: " },
        { HEAD "spool: {bytes: 64KiB}\n", "a.yaml:4:16: " },
        { HEAD "spool: {every: 0}\n", "a.yaml:4:16: " },
        { HEAD "sources: hwmon\n", "a.yaml:4:10: sources: write a list" },
        { HEAD "sources: [{kind: file, path: /x, sensor: a/b}]\n", "the id \"a/b\" is not valid" },
        { HEAD "sources: [{kind: can}]\n", "a.yaml:4:18: " },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "a.yaml" };
        assert_int_equal(sv_agent_config_read(sv_text_of(CASES[i].yaml), &config, &faults),
                         SV_ERR_INVALID);
        assert_int_equal(sv_textbuf_end(&faults.text), SV_OK);
        assert_non_null(strstr(faults.text.at, CASES[i].told));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(the_door_for_renewal_may_be_named),
        cmocka_unit_test(updates_are_off_until_the_updater_is_named),
        cmocka_unit_test(a_door_without_tls_or_with_a_path_is_none),
        cmocka_unit_test(a_rate_so_low_that_the_updater_gives_up_is_refused),
        cmocka_unit_test(an_empty_list_of_sources_means_none),
        cmocka_unit_test(a_broken_value_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
