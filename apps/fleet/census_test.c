#include "census.h"

#include "fleet_fixture.h"

static sv_device *admit(fixture *f, int number) {
    sv_device *device = NULL;
    char id[32];
    (void) snprintf(id, sizeof id, "n-%05d", number);
    assert_int_equal(sv_registry_admit(f->fleet.registry, sv_text_of(id),
                                       number % 4 == 0 ? SV_TEXT("south") : SV_TEXT("north"), 1,
                                       &device, NULL),
                     SV_OK);
    return device;
}

static int64_t online(fixture *f, const char *sites) {
    sv_census_look(&f->fleet);
    return sv_census_of_sites(&f->fleet, sites).online;
}

/// What is seen of a large fleet is a little old, never by more than that. [running-8]
static void
a_small_fleet_is_counted_when_it_is_asked_and_a_large_one_from_time_to_time(void **state) {
    fixture *f = *state;
    sv_device *last = NULL;
    for (int i = 0; i < SV_CENSUS_AT_ONCE; i++) {
        last = admit(f, i);
    }
    assert_int_equal(online(f, ""), 0);
    last->online = true;
    assert_int_equal(online(f, ""), 1);
    (void) admit(f, SV_CENSUS_AT_ONCE);
    last->online = false;
    assert_int_equal(online(f, ""), 1);
    fixture_now_us += SV_CENSUS_US - 1;
    assert_int_equal(online(f, ""), 1);
    fixture_now_us++;
    assert_int_equal(online(f, ""), 0);
    const sv_tally all = sv_census_of_sites(&f->fleet, "");
    const sv_tally south = sv_census_of_sites(&f->fleet, "[\"south\"]");
    const sv_site *north = sv_registry_site(f->fleet.registry, SV_TEXT("north"));
    assert_int_equal(all.devices, SV_CENSUS_AT_ONCE + 1);
    assert_int_equal(south.devices, SV_CENSUS_AT_ONCE / 4 + 1);
    assert_int_equal(sv_census_of_site(&f->fleet, north).devices, all.devices - south.devices);
    assert_int_equal(sv_census_of_sites(&f->fleet, "[]").devices, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_small_fleet_is_counted_when_it_is_asked_and_a_large_one_from_time_to_time,
            fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
