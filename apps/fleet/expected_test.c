// What was expected, as gateways tell it and as series show it.
#include "fleet_fixture.h"

#include "expected.h"
#include "uplink.h"

#define EPOCH "0123456789abcdef0123456789abcdef"

static const int64_t START_MS = INT64_C(1800000000000), MINUTE_MS = 60000;

static void post_minute(fixture *f, int64_t seq, int64_t at_ms, const char *more) {
    char room[1024];
    char answer[SV_UPLINK_ANSWER_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_textbuf out = { .at = answer, .cap = sizeof answer };
    sv_textbuf_addf(&body,
                    "{\"epoch\":\"" EPOCH "\",\"items\":[{\"seq\":%lld,\"kind\":\"summary\","
                    "\"device_id\":\"press-1\",\"sensor\":\"t\",\"at\":%lld000,\"count\":3,"
                    "\"min\":1,\"mean\":2,\"max\":3%s}]}",
                    (long long) seq, (long long) at_ms, more);
    assert_int_equal(sv_uplink_readings(&f->fleet, fixture_gateway(f, "gw-a"),
                                        sv_textbuf_text(&body), &out, NULL),
                     SV_OK);
}

/// The members `expected` and `scores` of the series.
static void expect_series(fixture *f, int64_t from_ms, int64_t to_ms, size_t points,
                          const char *told) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 16);
    sv_json_out out = SV_JSON_OUT(&text);
    const sv_device *device = sv_registry_device(f->fleet.registry, SV_TEXT("press-1"));
    sv_series_range range = { .from_ms = from_ms, .to_ms = to_ms, .points = points };
    assert_int_equal(
        sv_series_write(f->fleet.db, sv_device_stream(device, SV_TEXT("t")), &range, &out, NULL),
        SV_OK);
    const char *from = strstr(text.at, "\"expected\":");
    assert_non_null(from);
    assert_string_equal(from, told);
}

// [uplink-14] [detect-11]
static void bands_and_scores_are_shown_where_they_were_told(void **state) {
    fixture *f = *state;
    post_minute(f, 1, START_MS, ",\"expected\":[52.5,64]");
    post_minute(f, 2, START_MS + MINUTE_MS, "");
    post_minute(f, 3, START_MS + 2 * MINUTE_MS, ",\"score\":87");
    post_minute(f, 4, START_MS + 3 * MINUTE_MS, ",\"score\":12,\"expected\":[53,65]");
    expect_series(f, START_MS, START_MS + 10 * MINUTE_MS, 100,
                  "\"expected\":[[1800000000000,52.5,64],[1800000180000,53,65]],"
                  "\"scores\":[[1800000120000,87],[1800000180000,12]]}");
}

// [detect-11]
static void the_band_before_the_range_holds_for_an_hour(void **state) {
    fixture *f = *state;
    post_minute(f, 1, START_MS - 2 * MINUTE_MS, ",\"expected\":[40,41],\"score\":30");
    post_minute(f, 2, START_MS, ",\"expected\":[52,64],\"score\":30");
    expect_series(f, START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS, 100,
                  "\"expected\":[[1800000000000,52,64]],\"scores\":[]}");
    expect_series(f, START_MS + 66 * MINUTE_MS, START_MS + 70 * MINUTE_MS, 100,
                  "\"expected\":[],\"scores\":[]}");
}

// [detect-11]
static void of_many_the_last_band_and_the_highest_score_of_each_stretch_are_shown(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        char more[64];
        (void) snprintf(more, sizeof more, ",\"expected\":[%d,%d],\"score\":%d", i, i + 5,
                        i % 10 == 4 ? 90 : 20);
        post_minute(f, i + 1, START_MS + i * MINUTE_MS, more);
    }
    expect_series(f, START_MS, START_MS + 20 * MINUTE_MS - 1, 2,
                  "\"expected\":[[1800000540000,9,14],[1800001140000,19,24]],"
                  "\"scores\":[[1800000240000,90],[1800000840000,90]]}");
}

// [uplink-14]
static void two_parts_of_a_minute_are_one(void **state) {
    fixture *f = *state;
    post_minute(f, 1, START_MS, ",\"score\":40,\"expected\":[1,2]");
    post_minute(f, 2, START_MS, ",\"score\":30");
    expect_series(f, START_MS, START_MS + 1, 10,
                  "\"expected\":[[1800000000000,1,2]],\"scores\":[[1800000000000,40]]}");
}

// [uplink-14]
static void what_is_broken_of_it_is_left_out_and_the_minute_is_taken(void **state) {
    fixture *f = *state;
    static const char *const BROKEN[] = {
        ",\"score\":101",    ",\"score\":\"high\"",     ",\"expected\":[2,1]",
        ",\"expected\":[1]", ",\"expected\":[1,\"2\"]", ",\"expected\":{\"0\":1}",
        ",\"score\":0",      ",\"expected\":[1,1]"
    };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        post_minute(f, (int64_t) i + 1, START_MS + (int64_t) i * MINUTE_MS, BROKEN[i]);
    }
    expect_series(f, START_MS, START_MS + 100 * MINUTE_MS, 100, "\"expected\":[],\"scores\":[]}");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), SV_COUNT(BROKEN));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM expected"), 0);
}

// [detect-11]
static void it_is_forgotten_with_the_points(void **state) {
    fixture *f = *state;
    int64_t cursor = 0;
    post_minute(f, 1, START_MS, ",\"expected\":[1,2]");
    post_minute(f, 2, START_MS + MINUTE_MS, ",\"expected\":[3,4]");
    sv_registry_settle(f->fleet.registry, true);
    assert_int_equal(sv_series_prune(f->fleet.db, START_MS + 1, &cursor, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM expected"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(bands_and_scores_are_shown_where_they_were_told),
        TEST(the_band_before_the_range_holds_for_an_hour),
        TEST(of_many_the_last_band_and_the_highest_score_of_each_stretch_are_shown),
        TEST(two_parts_of_a_minute_are_one),
        TEST(what_is_broken_of_it_is_left_out_and_the_minute_is_taken),
        TEST(it_is_forgotten_with_the_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
