#include "zone_rule.h"

#include <base/test.h>
#include <base/zone.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static bool load(const char *name, sv_zone **out) {
    char path[128];
    char bytes[SV_ZONE_BYTES_MAX];
    (void) snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void) fclose(file);
    sv_why why = { 0 };
    if (sv_zone_parse((sv_text){ .at = bytes, .len = len }, out, &why) != SV_OK) {
        fail_msg("%s: %s", name, why.text);
    }
    return true;
}

static const char *const ZONES[] = { "UTC",
                                     "Europe/Berlin",
                                     "Europe/London",
                                     "Europe/Dublin",
                                     "Asia/Kolkata",
                                     "Asia/Tehran",
                                     "America/New_York",
                                     "America/St_Johns",
                                     "America/Sao_Paulo",
                                     "America/Nuuk",
                                     "Africa/Casablanca",
                                     "Australia/Lord_Howe",
                                     "Pacific/Apia",
                                     "Pacific/Auckland",
                                     "Antarctica/Troll" };

/// Every 47 minutes from 1971 to 2110: libc is the judge. [notify-4]
static void local_time_is_what_libc_says_in_every_zone_and_year(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(ZONES); i++) {
        SV_DEFER(sv_zone_drop) sv_zone *zone = NULL;
        if (!load(ZONES[i], &zone)) {
            continue; // a machine without tzdata
        }
        assert_int_equal(setenv("TZ", ZONES[i], 1), 0);
        tzset();
        for (int64_t at_s = 31536000; at_s < INT64_C(4420000000); at_s += INT64_C(47) * 60 * 7) {
            time_t at = (time_t) at_s;
            struct tm want;
            assert_non_null(localtime_r(&at, &want));
            sv_local have = sv_zone_local(zone, at_s * SV_TIME_SECOND_US);
            if (have.minute != want.tm_hour * 60 + want.tm_min
                || have.weekday != (want.tm_wday + 6) % 7) {
                fail_msg("%s at %lld: minute %d, libc says %02d:%02d", ZONES[i], (long long) at_s,
                         have.minute, want.tm_hour, want.tm_min);
            }
        }
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void without_a_zone_it_is_utc(void **state) {
    (void) state;
    sv_local at = sv_zone_local(NULL, INT64_C(1795932904000000)); // 2026-11-29T06:15:04Z, a Sunday
    assert_int_equal(at.weekday, 6);
    assert_int_equal(at.minute, 6 * 60 + 15);
    at = sv_zone_local(NULL, -1);
    assert_int_equal(at.day, -1);
    assert_int_equal(at.weekday, 2);
    assert_int_equal(at.minute, SV_MINUTES_A_DAY - 1);
}

static void rules_of_every_form_are_read_and_damaged_ones_are_not(void **state) {
    (void) state;
    static const char *const GOOD[] = { "UTC0",
                                        "IST-5:30",
                                        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                        "EST5EDT,M3.2.0,M11.1.0",
                                        "AAA3BBB2,J60/1:30:15,300/-167",
                                        "XXX3EDT4,0/0,J365/23" };
    static const char *const BAD[] = {
        "",
        "A0",
        "UTC",
        "UTC27",
        "UTC0x",
        "<AAA0",
        "CET-1CEST",
        "CET-1CEST,M13.1.0,M1.1.0",
        "CET-1CEST,M1.6.0,M1.1.0",
        "CET-1CEST,M1.1.7,M1.1.0",
        "CET-1CEST,J0,J1",
        "CET-1CEST,366,J1",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-1:60",
    };
    zone_rule rule;
    for (size_t i = 0; i < SV_COUNT(GOOD); i++) {
        assert_true(zone_rule_parse(sv_text_of(GOOD[i]), &rule));
    }
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        if (zone_rule_parse(sv_text_of(BAD[i]), &rule)) {
            fail_msg("taken: '%s'", BAD[i]);
        }
    }
}

static void names_cannot_leave_the_folder(void **state) {
    (void) state;
    static const char *const BAD[] = {
        "",   "/etc/passwd", "../x", "Europe/../x",       "Europe//Oslo",
        "a/", "a b",         "a\nb", "Europe/Osl\xc3\xb8"
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        assert_int_equal(sv_zone_name_check(sv_text_of(BAD[i]), NULL), SV_ERR_INVALID);
    }
    assert_int_equal(sv_zone_name_check(SV_TEXT("America/Argentina/Buenos_Aires"), NULL), SV_OK);
    assert_int_equal(sv_zone_name_check(SV_TEXT("Etc/GMT+5"), NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_time_is_what_libc_says_in_every_zone_and_year),
        cmocka_unit_test(without_a_zone_it_is_utc),
        cmocka_unit_test(rules_of_every_form_are_read_and_damaged_ones_are_not),
        cmocka_unit_test(names_cannot_leave_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
