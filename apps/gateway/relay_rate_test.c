#include "relay_rate.h"

#include <base/test.h>
#include <stdio.h>

enum { START_US = 1000000, ADDRESS_ROOM = 48 };

static size_t taken(gw_rate *rate, const char *address, int64_t now_us, size_t asked) {
    size_t count = 0;
    for (size_t i = 0; i < asked; i++) {
        count += gw_rate_takes(rate, address, now_us);
    }
    return count;
}

static void an_address_has_a_burst_and_then_its_pace(void **state) { // [relay-13]
    (void) state;
    static gw_rate rate;
    int64_t now_us = START_US;
    assert_int_equal(taken(&rate, "192.0.2.7", now_us, 1000), GW_RATE_BURST);
    assert_int_equal(taken(&rate, "192.0.2.7", now_us + GW_RATE_INTERVAL_US - 1, 10), 0);
    assert_int_equal(taken(&rate, "192.0.2.7", now_us + GW_RATE_INTERVAL_US, 10), 1);
    assert_int_equal(taken(&rate, "192.0.2.8", now_us, 1000), GW_RATE_BURST);
    now_us += 3600 * INT64_C(1000000);
    assert_int_equal(taken(&rate, "192.0.2.7", now_us, 1000), GW_RATE_BURST);
}

static void what_one_host_can_have_many_of_is_one_address(void **state) { // [relay-13]
    (void) state;
    static gw_rate rate;
    char address[ADDRESS_ROOM];
    size_t count = 0;
    for (unsigned i = 0; i < 1000; i++) {
        (void) snprintf(address, sizeof address, "2001:db8:0:7:%x::1", i);
        count += gw_rate_takes(&rate, address, START_US);
    }
    assert_int_equal(count, GW_RATE_BURST);
    assert_true(gw_rate_takes(&rate, "2001:db8:0:8::1", START_US));
    assert_int_equal(taken(&rate, "192.0.2.7", START_US, GW_RATE_BURST), GW_RATE_BURST);
    assert_false(gw_rate_takes(&rate, "::ffff:192.0.2.7", START_US));
    assert_int_equal(taken(&rate, "", START_US, 1000), GW_RATE_BURST);
}

static void a_flood_from_many_addresses_frees_nobody_who_has_asked_much(void **state) {
    (void) state; // [relay-13]
    static gw_rate rate;
    char address[ADDRESS_ROOM];
    assert_int_equal(taken(&rate, "192.0.2.7", START_US, 1000), GW_RATE_BURST);
    for (unsigned i = 0; i < 60000; i++) {
        (void) snprintf(address, sizeof address, "10.0.%u.%u", i / 256, i % 256);
        assert_true(gw_rate_takes(&rate, address, START_US));
    }
    assert_int_equal(taken(&rate, "192.0.2.7", START_US, 1000), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_a_burst_and_then_its_pace),
        cmocka_unit_test(what_one_host_can_have_many_of_is_one_address),
        cmocka_unit_test(a_flood_from_many_addresses_frees_nobody_who_has_asked_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
