#include <base/test.h>
#include <math.h>
#include <model/health.h>

static sv_health well(void) {
    return (sv_health){ .metrics = { .device_id = "press-1",
                                     .at_us = INT64_C(1795328104123456),
                                     .cpu_percent = 90,
                                     .memory_percent = 85,
                                     .disk_percent = 90,
                                     .net_sent_bytes = 123456789012,
                                     .net_recv_bytes = 7,
                                     .temperature_c = 80,
                                     .uptime_s = 3600,
                                     .firmware_version = "2.4.0",
                                     .slot = "A",
                                     .boot_state = "confirmed" } };
}

// [health-2] [health-3]
static void a_check_speaks_strictly_above_its_bound_and_in_order(void **state) {
    (void) state;
    sv_health health = well();
    sv_health_check(&health);
    assert_int_equal(health.alert_count, 0);
    assert_string_equal(sv_health_status(&health), "healthy");

    health.metrics.memory_percent = 85.01;
    sv_health_check(&health);
    assert_string_equal(sv_health_status(&health), "warning");

    health.metrics.cpu_percent = nextafter(90, 91);
    health.metrics.disk_percent = nextafter(90, 91);
    health.metrics.temperature_c = nextafter(80, 81);
    sv_health_check(&health);
    static const char *const MESSAGES[] = { "High CPU usage", "High memory usage", "Disk space low",
                                            "CPU overheating" };
    assert_int_equal(health.alert_count, SV_COUNT(MESSAGES));
    for (size_t i = 0; i < SV_COUNT(MESSAGES); i++) {
        assert_string_equal(health.alerts[i].message, MESSAGES[i]);
        assert_int_equal(health.alerts[i].level,
                         i < 2 ? SV_SEVERITY_WARNING : SV_SEVERITY_CRITICAL);
    }
    assert_string_equal(sv_health_status(&health), "critical");
}

static void an_unknown_number_raises_nothing(void **state) {
    (void) state;
    sv_health health = well();
    health.metrics.cpu_percent = SV_NAN;
    health.metrics.temperature_c = SV_NAN;
    sv_health_check(&health);
    assert_int_equal(health.alert_count, 0);
}

// [health-1]
static void a_report_reads_back_as_it_was_written(void **state) {
    (void) state;
    sv_health health = well();
    health.metrics.disk_percent = 91.25;
    health.metrics.temperature_c = SV_NAN;
    health.metrics.slot[0] = '\0';
    health.metrics.certificate_end_us = INT64_C(1795901592000000);
    health.metrics.renewal_us = INT64_C(1795801592000000);
    sv_health_check(&health);
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_HEALTH_BYTES_MAX);
    sv_health_format(&health, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_string_equal(
        out.at,
        "{\"status\":\"critical\",\"alerts\":[{\"level\":\"critical\",\"message\":\"Disk space "
        "low\"}],\"metrics\":{\"device_id\":\"press-1\",\"timestamp\":\"2026-11-22T06:15:04."
        "123456Z\",\"cpu_usage\":90,\"memory_usage\":85,\"disk_usage\":91.25,\"temperature\":null,"
        "\"uptime\":3600,\"network\":{\"bytes_sent\":123456789012,\"bytes_recv\":7},"
        "\"firmware_version\":\"2.4.0\",\"slot\":null,\"boot_state\":\"confirmed\",\"certificate\":"
        "{\"ends\":\"2026-11-28T21:33:12Z\",\"renews\":\"2026-11-27T17:46:32Z\"}}}");
    sv_health back;
    assert_int_equal(sv_health_parse(sv_textbuf_text(&out), SV_TEXT("press-1"), &back, NULL),
                     SV_OK);
    assert_true(isnan(back.metrics.temperature_c));
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_HEALTH_BYTES_MAX);
    sv_health_format(&back, &again);
    assert_int_equal(sv_textbuf_end(&again), SV_OK);
    assert_string_equal(again.at, out.at);
}

// [health-1]
static void a_certificate_that_is_renewed_by_hand_has_an_end_alone(void **state) {
    (void) state;
    sv_health health = well();
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_HEALTH_BYTES_MAX);
    health.metrics.certificate_end_us = INT64_C(1795901592000000);
    sv_health_format(&health, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_non_null(strstr(out.at, "{\"ends\":\"2026-11-28T21:33:12Z\",\"renews\":null}"));
    sv_health back;
    assert_int_equal(sv_health_parse(sv_textbuf_text(&out), SV_TEXT("press-1"), &back, NULL),
                     SV_OK);
    assert_int_equal(back.metrics.certificate_end_us, health.metrics.certificate_end_us);
    assert_int_equal(back.metrics.renewal_us, 0);
}

#define WHO "\"device_id\":\"d\",\"timestamp\":\"2026-11-22T06:15:04\""

static void a_short_report_is_enough_and_strange_members_are_passed_over(void **state) {
    (void) state;
    sv_health health;
    assert_int_equal(sv_health_parse(SV_TEXT("{\"metrics\":{" WHO ",\"fans\":[1,2]},\"x\":{}}"),
                                     SV_TEXT("d"), &health, NULL),
                     SV_OK);
    assert_true(isnan(health.metrics.cpu_percent) && isnan(health.metrics.net_sent_bytes));
    assert_string_equal(sv_health_status(&health), "healthy");
}

static void every_broken_report_is_refused_with_its_sentence(void **state) {
    (void) state;
#define ALERT "{\"level\":\"info\",\"message\":\"m\"}"
    static const struct {
        const char *payload, *told;
    } CASES[] = {
        { "", "not JSON" },
        { "[]", "health: metrics is missing or not an object" },
        { "{\"metrics\":7}", "health: metrics is missing or not an object" },
        { "{\"metrics\":{}}", "health: device_id is missing or not a text" },
        { "{\"metrics\":{\"device_id\":\"a/b\"}}", "health: device_id \"a/b\" is not valid" },
        { "{\"metrics\":{\"device_id\":\"e\"}}", "health: device_id \"e\" is not \"d\"" },
        { "{\"metrics\":{\"device_id\":\"d\"}}", "health: timestamp is missing or not a time" },
        { "{\"metrics\":{" WHO ",\"cpu_usage\":\"9\"}}",
          "health: cpu_usage is neither a number nor null" },
        { "{\"metrics\":{" WHO ",\"network\":{\"bytes_sent\":true}}}",
          "health: bytes_sent is neither a number nor null" },
        { "{\"metrics\":{" WHO ",\"slot\":1}}", "health: slot is not a text of at most 63 bytes" },
        { "{\"metrics\":{" WHO "},\"alerts\":{}}", "health: alerts is not an array" },
        { "{\"metrics\":{" WHO "},\"alerts\":[1]}", "health: an alert needs level" },
        { "{\"metrics\":{" WHO "},\"alerts\":[{\"level\":\"bad\",\"message\":\"m\"}]}",
          "health: an alert needs level" },
        { "{\"metrics\":{" WHO "},\"alerts\":[" ALERT "," ALERT "," ALERT "," ALERT "," ALERT
          "," ALERT "," ALERT "," ALERT "," ALERT "]}",
          "health: 9 alerts; at most 8 are taken" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_health health = { .alert_count = 99 };
        sv_why why = { 0 };
        assert_int_equal(sv_health_parse(sv_text_of(CASES[i].payload), SV_TEXT("d"), &health, &why),
                         SV_ERR_INVALID);
        assert_non_null(strstr(why.text, CASES[i].told));
        assert_int_equal(health.alert_count, 99);
    }
    static char large[SV_HEALTH_BYTES_MAX + 2];
    memset(large, ' ', sizeof large - 1);
    sv_health health;
    sv_why why = { 0 };
    assert_int_equal(sv_health_parse(sv_text_of(large), SV_TEXT("d"), &health, &why),
                     SV_ERR_INVALID);
    assert_string_equal(why.text, "health: 4097 bytes; at most 4096 are taken");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_speaks_strictly_above_its_bound_and_in_order),
        cmocka_unit_test(an_unknown_number_raises_nothing),
        cmocka_unit_test(a_report_reads_back_as_it_was_written),
        cmocka_unit_test(a_certificate_that_is_renewed_by_hand_has_an_end_alone),
        cmocka_unit_test(a_short_report_is_enough_and_strange_members_are_passed_over),
        cmocka_unit_test(every_broken_report_is_refused_with_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
