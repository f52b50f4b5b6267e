
#include <base/test.h>
#include <base/time.h>
#include <ddi/gate.h>

#define DEADLINE_US (5 * SV_TIME_MINUTE_US)

static const sv_ddi_seen GOOD = {
    .connected = true, .polled = true, .script_passed = true, .script = ""
};

static void who_lacks_nothing_is_healthy_at_once(void **state) { // [ddid-11]
    (void) state;
    assert_int_equal(sv_ddi_gate(&GOOD, 0, DEADLINE_US, NULL), SV_DDI_HEALTHY);
    assert_int_equal(sv_ddi_gate(&GOOD, 2 * DEADLINE_US, DEADLINE_US, NULL), SV_DDI_HEALTHY);
}

static void whatever_is_missing_is_waited_for_and_then_named(void **state) { // [ddid-11]
    (void) state;
    sv_ddi_seen lacking[4] = { GOOD, GOOD, GOOD, GOOD };
    static const char *const NAMES[] = {
        "it is not connected to its gateway (after 5m)",
        "no poll of it was answered (after 5m)",
        "its health is critical: CPU overheating (after 5m)",
        "its health script '/x/y' ended with 3 (after 5m)",
    };
    lacking[0].connected = false;
    lacking[1].polled = false;
    lacking[2].critical = "CPU overheating";
    lacking[3].script_passed = false;
    lacking[3].script = "'/x/y' ended with 3";
    for (size_t i = 0; i < SV_COUNT(lacking); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_ddi_gate(&lacking[i], DEADLINE_US - 1, DEADLINE_US, &why), SV_DDI_WAIT);
        assert_int_equal(sv_ddi_gate(&lacking[i], DEADLINE_US, DEADLINE_US, &why),
                         SV_DDI_UNHEALTHY);
        assert_string_equal(why.text, NAMES[i]);
    }
}

static void a_script_that_has_not_ended_has_not_passed(void **state) {
    (void) state;
    sv_ddi_seen seen = GOOD;
    sv_why why = { 0 };
    seen.script_passed = false;
    assert_int_equal(sv_ddi_gate(&seen, DEADLINE_US, DEADLINE_US, &why), SV_DDI_UNHEALTHY);
    assert_non_null(strstr(why.text, "has not ended"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_lacks_nothing_is_healthy_at_once),
        cmocka_unit_test(whatever_is_missing_is_waited_for_and_then_named),
        cmocka_unit_test(a_script_that_has_not_ended_has_not_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
