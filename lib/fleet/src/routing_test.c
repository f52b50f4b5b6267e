#include <base/test.h>
#include <fleet/routing.h>
#include <stdio.h>
#include <string.h>

static sv_zone *zone_of(const char *name) {
    char path[128];
    char bytes[SV_ZONE_BYTES_MAX];
    sv_zone *zone = NULL;
    (void) snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        skip();
    }
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void) fclose(file);
    assert_int_equal(sv_zone_parse((sv_text){ .at = bytes, .len = len }, &zone, NULL), SV_OK);
    return zone;
}

static int64_t at(const char *text) {
    int64_t at_us = 0;
    assert_int_equal(sv_time_parse(sv_text_of(text), &at_us), SV_OK);
    return at_us;
}

static void a_star_stands_for_any_number_of_characters(void **state) {
    (void) state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } CASES[] = {
        { "press-1", "press-1", true },
        { "press-1", "press-10", false },
        { "press-*", "press-", true },
        { "press-*", "press-17", true },
        { "*-1", "press-1", true },
        { "*-1", "press-1-2", false },
        { "*s*-*", "press-1", true },
        { "*", "", true },
        { "", "a", false },
        { "a*b*c", "axbxbxc", true },
        { "a*b*c", "axbxbx", false },
        { "**", "x", true },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(sv_pattern_fits(CASES[i].pattern, sv_text_of(CASES[i].text)),
                         CASES[i].fits);
    }
}

static void parts_of_a_day_are_read_and_others_refused(void **state) {
    (void) state;
    static const char *const BAD[] = { "",
                                       "22:00",
                                       "22-06",
                                       "24:00-06:00",
                                       "25:00-06:00",
                                       "22:60-06:00",
                                       "06:00-06:00",
                                       "-1:00-06:00",
                                       "22:00-24:01",
                                       "022:0-06:00" };
    sv_hours hours = { 0 };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        assert_int_equal(sv_hours_parse(sv_text_of(BAD[i]), &hours, NULL), SV_ERR_INVALID);
    }
    assert_int_equal(sv_hours_parse(SV_TEXT("22:00 - 06:30"), &hours, NULL), SV_OK);
    assert_int_equal(hours.from, 22 * 60);
    assert_int_equal(hours.to, 6 * 60 + 30);
    assert_int_equal(sv_hours_parse(SV_TEXT("00:00-24:00"), &hours, NULL), SV_OK);
}

static sv_route_case alert_of(const char *site, const char *device, sv_severity severity) {
    return (sv_route_case){ .site = sv_text_of(site),
                            .device = sv_text_of(device),
                            .type = SV_TEXT("press"),
                            .alert = SV_ALERT_HIGH,
                            .severity = severity };
}

static void set_patterns(sv_patterns *patterns, const char *pattern) {
    (void) snprintf(patterns->list[patterns->count++], SV_ID_ROOM, "%s", pattern);
}

/// [notify-3]
static void a_route_fits_only_when_everything_it_names_does(void **state) {
    (void) state;
    sv_route route = { .least = SV_SEVERITY_WARNING };
    int64_t now_us = at("2026-11-27T12:00:00Z"); // a Friday
    sv_route_case what = alert_of("pune", "press-1", SV_SEVERITY_WARNING);
    assert_true(sv_route_fits(&route, &what, now_us));
    what.severity = SV_SEVERITY_INFO;
    assert_false(sv_route_fits(&route, &what, now_us));
    what.severity = SV_SEVERITY_CRITICAL;
    set_patterns(&route.sites, "oslo");
    assert_false(sv_route_fits(&route, &what, now_us));
    set_patterns(&route.sites, "pu*");
    set_patterns(&route.devices, "press-*");
    set_patterns(&route.types, "press");
    assert_true(sv_route_fits(&route, &what, now_us));
    what.type = SV_TEXT("");
    assert_false(sv_route_fits(&route, &what, now_us));
    what.type = SV_TEXT("press");
    route.alerts = 1U << SV_ALERT_LOW;
    assert_false(sv_route_fits(&route, &what, now_us));
    route.alerts |= 1U << SV_ALERT_HIGH;
    route.days = 1U << 4;
    assert_true(sv_route_fits(&route, &what, now_us));
    assert_false(sv_route_fits(&route, &what, now_us + SV_TIME_DAY_US));
}

static bool is_in_canary(const sv_route_case *what, sv_text group) {
    return sv_text_is(what->device, "press-1") && sv_text_is(group, "canary");
}

/// [notify-3] [campaign-8]
static void a_route_for_groups_fits_who_is_in_one_of_them(void **state) {
    (void) state;
    sv_route route = { .least = SV_SEVERITY_INFO };
    sv_route_case what = alert_of("pune", "press-1", SV_SEVERITY_WARNING);
    set_patterns(&route.groups, "c*");
    what.is_in = is_in_canary;
    assert_false(sv_route_fits(&route, &what, 0)); // names, no patterns
    set_patterns(&route.groups, "canary");
    assert_true(sv_route_fits(&route, &what, 0));
    what.device = SV_TEXT("press-2");
    assert_false(sv_route_fits(&route, &what, 0));
    what.is_in = NULL;
    assert_false(sv_route_fits(&route, &what, 0));
}

/// [notify-3]
static void hours_over_midnight_belong_to_the_day_they_began_on(void **state) {
    (void) state;
    sv_hours night = { .set = true, .from = 22 * 60, .to = 6 * 60 };
    unsigned friday = 1U << 4;
    assert_true(sv_hours_hold(&night, friday, NULL, at("2026-11-27T22:00:00Z")));
    assert_true(sv_hours_hold(&night, friday, NULL, at("2026-11-28T05:59:59Z")));
    assert_false(sv_hours_hold(&night, friday, NULL, at("2026-11-28T06:00:00Z")));
    assert_false(sv_hours_hold(&night, friday, NULL, at("2026-11-28T22:00:00Z")));
    assert_false(sv_hours_hold(&night, friday, NULL, at("2026-11-27T05:00:00Z")));
}

/// [notify-3]
static void the_first_that_fits_or_all_of_them(void **state) {
    (void) state;
    static sv_route routes[3];
    size_t picked[SV_ROUTES_MAX];
    set_patterns(&routes[0].sites, "oslo");
    sv_route_case what = alert_of("pune", "press-1", SV_SEVERITY_INFO);
    assert_int_equal(sv_routes_pick(routes, 3, false, &what, 0, picked), 1);
    assert_int_equal(picked[0], 1);
    assert_int_equal(sv_routes_pick(routes, 3, true, &what, 0, picked), 2);
    assert_int_equal(picked[1], 2);
}

/// Every third minute of a year: what is released is outside of the quiet hours, and nothing
/// outside is held. [notify-4]
static void quiet_hours_end_in_the_morning_also_when_clocks_change(void **state) {
    (void) state;
    static const char *const ZONES[] = { "Europe/Berlin", "America/St_Johns", "Asia/Kolkata",
                                         "Australia/Lord_Howe" };
    static const char *const HOURS[] = { "22:00-06:00", "01:30-02:30", "02:00-03:00", "23:30-00:10",
                                         "06:00-05:59" };
    for (size_t z = 0; z < SV_COUNT(ZONES); z++) {
        SV_DEFER(sv_zone_drop) sv_zone *zone = zone_of(ZONES[z]);
        for (size_t h = 0; h < SV_COUNT(HOURS); h++) {
            sv_hours quiet = { 0 };
            assert_int_equal(sv_hours_parse(sv_text_of(HOURS[h]), &quiet, NULL), SV_OK);
            for (int64_t us = at("2026-01-01T00:00:30Z"); us < at("2027-01-01T00:00:00Z");
                 us += 3 * SV_TIME_MINUTE_US) {
                bool holds = sv_hours_hold(&quiet, 0, zone, us);
                int64_t out_us = sv_hours_end_us(&quiet, zone, us);
                assert_true(holds ? out_us > us : out_us == us);
                if (sv_hours_hold(&quiet, 0, zone, out_us)) {
                    fail_msg("%s %s: still quiet at %lld", ZONES[z], HOURS[h], (long long) out_us);
                }
                assert_true(out_us - us <= 25 * SV_TIME_HOUR_US);
            }
        }
    }
}

/// [notify-4]
static void the_night_of_the_change_ends_at_six_on_the_wall(void **state) {
    (void) state;
    SV_DEFER(sv_zone_drop) sv_zone *zone = zone_of("Europe/Berlin");
    sv_route route = { .zone = zone, .quiet = { .set = true, .from = 22 * 60, .to = 6 * 60 } };
    // 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00.
    assert_int_equal(sv_route_release_us(&route, SV_SEVERITY_WARNING, at("2026-03-28T22:30:00Z")),
                     at("2026-03-29T04:00:00Z"));
    assert_int_equal(sv_route_release_us(&route, SV_SEVERITY_WARNING, at("2026-10-24T21:30:00Z")),
                     at("2026-10-25T05:00:00Z"));
    assert_int_equal(sv_route_release_us(&route, SV_SEVERITY_CRITICAL, at("2026-10-24T21:30:00Z")),
                     at("2026-10-24T21:30:00Z"));
}

/// Every 17th minute of a year, on all days and on two: what is said to be the beginning is one,
/// and soon. [campaign-21]
static void a_window_begins_on_the_wall_also_when_clocks_change(void **state) {
    (void) state;
    static const char *const ZONES[] = { "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe" };
    static const char *const HOURS[] = { "22:00-06:00", "01:30-02:30", "02:00-03:00",
                                         "23:30-00:10" };
    enum { MONDAY_AND_SUNDAY = 65 };
    for (size_t i = 0; i < SV_COUNT(ZONES) * SV_COUNT(HOURS) * 2; i++) {
        SV_DEFER(sv_zone_drop) sv_zone *zone = zone_of(ZONES[i % SV_COUNT(ZONES)]);
        sv_hours hours = { 0 };
        unsigned days = i % 2 == 0 ? 0 : MONDAY_AND_SUNDAY;
        sv_text text = sv_text_of(HOURS[i / 2 % SV_COUNT(HOURS)]);
        assert_int_equal(sv_hours_parse(text, &hours, NULL), SV_OK);
        for (int64_t us = at("2026-01-01T00:00:30Z"); us < at("2027-01-01T00:00:00Z");
             us += 17 * SV_TIME_MINUTE_US) {
            int64_t in_us = sv_hours_begin_us(&hours, days, zone, us);
            bool holds = sv_hours_hold(&hours, days, zone, us);
            assert_true(holds ? in_us == us : in_us > us);
            assert_true(sv_hours_hold(&hours, days, zone, in_us));
            assert_true(holds || !sv_hours_hold(&hours, days, zone, in_us - 1));
            assert_true(in_us - us <= (days == 0 ? 49 : 8 * 24) * SV_TIME_HOUR_US);
        }
    }
    sv_hours none = { 0 };
    assert_int_equal(sv_hours_begin_us(&none, 1, NULL, at("2026-11-29T12:00:00Z")),
                     at("2026-11-30T00:00:00Z")); // a Sunday, a Monday
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_for_any_number_of_characters),
        cmocka_unit_test(parts_of_a_day_are_read_and_others_refused),
        cmocka_unit_test(a_route_fits_only_when_everything_it_names_does),
        cmocka_unit_test(a_route_for_groups_fits_who_is_in_one_of_them),
        cmocka_unit_test(hours_over_midnight_belong_to_the_day_they_began_on),
        cmocka_unit_test(the_first_that_fits_or_all_of_them),
        cmocka_unit_test(quiet_hours_end_in_the_morning_also_when_clocks_change),
        cmocka_unit_test(the_night_of_the_change_ends_at_six_on_the_wall),
        cmocka_unit_test(a_window_begins_on_the_wall_also_when_clocks_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
