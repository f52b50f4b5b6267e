#include "fleet_fixture.h"

#include "uplink.h"
#include "views.h"

#define EPOCH "0123456789abcdef0123456789abcdef"

static sv_err post(fixture *f, sv_uplink_fn *take, const char *gateway, const char *body,
                   char answer[SV_UPLINK_ANSWER_MAX]) {
    sv_textbuf out = { .at = answer, .cap = SV_UPLINK_ANSWER_MAX };
    return take(&f->fleet, fixture_gateway(f, gateway), sv_text_of(body), &out, NULL);
}

static const char BATCH[] =
    "{\"epoch\":\"" EPOCH "\",\"items\":["
    "{\"seq\":1,\"kind\":\"average\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
    "\"unit\":\"Cel\",\"at\":1800000000000000,\"value\":21.5},"
    "{\"seq\":2,\"kind\":\"summary\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
    "\"at\":1799999940000000,\"count\":3,\"min\":20,\"mean\":21,\"max\":22},"
    "{\"seq\":3,\"kind\":\"average\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
    "\"at\":1800000001000000,\"value\":91.2}]}";

// [uplink-1]
static void a_batch_sent_again_is_counted_once(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(post(f, sv_uplink_readings, "gw-a", BATCH, answer), SV_OK);
        assert_string_equal(answer, "{\"epoch\":\"" EPOCH "\",\"seq\":3}");
        assert_int_equal(fixture_count(f, "SELECT sum(n) FROM point WHERE kind = 0"), 2);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 3);
    }
    assert_int_equal(f->fleet.counts.points_stored, 3);
    assert_int_equal(f->fleet.counts.points_repeated, 6);
    sv_fleet_drop(&f->fleet); // and after a restart
    fixture_start(f);
    assert_int_equal(post(f, sv_uplink_readings, "gw-a", BATCH, answer), SV_OK);
    assert_string_equal(answer, "{\"epoch\":\"" EPOCH "\",\"seq\":3}");
    assert_int_equal(f->fleet.counts.points_stored, 0);
}

static sv_err post_numbers(fixture *f, int64_t from, int64_t first, int64_t last) {
    char room[32768];
    char answer[SV_UPLINK_ANSWER_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_textbuf_addf(&body, "{\"epoch\":\"" EPOCH "\",\"from\":%lld,\"items\":[", (long long) from);
    for (int64_t seq = first; seq <= last; seq++) {
        int64_t at_us = 1800000000000000 + seq * 1000;
        sv_textbuf_addf(&body,
                        "%s{\"seq\":%lld,\"kind\":\"average\",\"device_id\":\"press-1\","
                        "\"sensor\":\"temperature\",\"at\":%lld,\"value\":1}",
                        seq == first ? "" : ",", (long long) seq, (long long) at_us);
    }
    sv_textbuf_add_str(&body, "]}");
    assert_int_equal(sv_textbuf_end(&body), SV_OK);
    return post(f, sv_uplink_readings, "gw-a", room, answer);
}

static void numbers_are(fixture *f, const char *text) {
    sv_stmt *stmt;
    assert_int_equal(sv_db_stmt(f->fleet.db, "SELECT numbers FROM received", &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_true(sv_text_is(sv_stmt_text(stmt, 0), text));
    sv_stmt_reset(stmt);
}

// [uplink-1]
static void what_is_new_overtakes_what_waited_and_each_counts_once(void **state) {
    fixture *f = *state;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(post_numbers(f, 101, 101, 105), SV_OK);
        assert_int_equal(post_numbers(f, 1, 1, 10), SV_OK);
        assert_int_equal(post_numbers(f, 106, 106, 107), SV_OK);
        assert_int_equal(fixture_count(f, "SELECT sum(n) FROM point"), 17);
        numbers_are(f, "1-10,101-107");
    }
    assert_int_equal(post_numbers(f, 11, 9, 100), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT sum(n) FROM point"), 107);
    numbers_are(f, "1-107");
}

// [uplink-1]
static void what_the_gateway_dropped_is_no_gap(void **state) {
    fixture *f = *state;
    assert_int_equal(post_numbers(f, 1, 8, 9), SV_OK);
    numbers_are(f, "1-9");
    assert_int_equal(post_numbers(f, 10, 500, 500), SV_OK);
    numbers_are(f, "1-500");
    assert_int_equal(fixture_count(f, "SELECT sum(n) FROM point"), 3);
}

// [uplink-1]
static void a_batch_that_fails_leaves_nothing_behind_and_can_be_sent_again(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(sv_db_exec(f->fleet.db,
                                "CREATE TRIGGER broken BEFORE INSERT ON received BEGIN"
                                " SELECT RAISE(ABORT, 'no'); END",
                                NULL),
                     SV_OK);
    assert_int_equal(post(f, sv_uplink_readings, "gw-a", BATCH, answer), SV_ERR_IO);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM device"), 0);
    assert_int_equal(sv_db_exec(f->fleet.db, "DROP TRIGGER broken", NULL), SV_OK);
    assert_int_equal(post(f, sv_uplink_readings, "gw-a", BATCH, answer), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 3);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM device"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM stream"), 1);
}

// [uplink-4]
static void a_device_of_another_site_is_refused_and_the_others_are_taken(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(post(f, sv_uplink_readings, "gw-a", BATCH, answer), SV_OK);
    assert_int_equal(
        post(f, sv_uplink_readings, "gw-b",
             "{\"epoch\":\"" EPOCH "\",\"items\":["
             "{\"seq\":1,\"kind\":\"average\",\"device_id\":\"press-1\",\"sensor\":\"temperature\","
             "\"at\":1,\"value\":1},"
             "{\"seq\":2,\"kind\":\"average\",\"device_id\":\"lathe-9\",\"sensor\":\"temperature\","
             "\"at\":1,\"value\":1}]}",
             answer),
        SV_OK);
    assert_string_equal(answer, "{\"epoch\":\"" EPOCH "\",\"seq\":2,\"refused\":1}");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 4);
    assert_int_equal(
        post(f, sv_uplink_alert, "gw-b",
             "{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"deviceId\":\"press-1\","
             "\"alertType\":\"HIGH\",\"severity\":\"warning\",\"message\":\"m\",\"data\":{"
             "\"timestamp\":1800000000000,\"deviceId\":\"press-1\",\"sensor\":\"temperature\","
             "\"value\":1,\"raw\":1},\"timestamp\":\"2027-01-15T08:00:00Z\",\"event\":\"raised\"}",
             answer),
        SV_OK);
    assert_non_null(strstr(answer, "\"refused\":1"));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert"), 0);
}

// [uplink-4]
static void a_broken_item_costs_only_itself(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(
        post(f, sv_uplink_readings, "gw-a",
             "{\"epoch\":\"" EPOCH "\",\"items\":[7,{\"seq\":0},"
             "{\"seq\":1,\"kind\":\"average\",\"device_id\":\"a/b\",\"sensor\":\"t\",\"at\":1,"
             "\"value\":1},"
             "{\"seq\":2,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":\"t\",\"at\":-1,"
             "\"value\":1},"
             "{\"seq\":3,\"kind\":\"summary\",\"device_id\":\"a\",\"sensor\":\"t\",\"at\":1,"
             "\"count\":0,\"min\":1,\"mean\":1,\"max\":1},"
             "{\"seq\":4,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":\"t\",\"at\":1,"
             "\"unit\":\"much-too-long-a-unit\",\"value\":1},"
             "{\"seq\":5,\"kind\":\"average\",\"device_id\":\"a\",\"sensor\":\"t\",\"at\":1,"
             "\"value\":1}]}",
             answer),
        SV_OK);
    assert_string_equal(answer, "{\"epoch\":\"" EPOCH "\",\"seq\":5,\"refused\":6}");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 1);
}

static void a_body_cut_anywhere_is_refused_whole(void **state) {
    fixture *f = *state;
    for (size_t len = 0; len < sizeof BATCH - 1; len++) {
        char room[SV_UPLINK_ANSWER_MAX];
        sv_textbuf answer = SV_TEXTBUF(room);
        sv_text cut = { .at = BATCH, .len = len };
        sv_gateway *gateway = fixture_gateway(f, "gw-a");
        assert_int_equal(sv_uplink_readings(&f->fleet, gateway, cut, &answer, NULL),
                         SV_ERR_INVALID);
        assert_int_equal(sv_uplink_health(&f->fleet, gateway, cut, &answer, NULL), SV_ERR_INVALID);
        assert_int_equal(sv_uplink_alert(&f->fleet, gateway, cut, &answer, NULL), SV_ERR_INVALID);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM point"), 0);
}

// [uplink-3]
static void a_device_is_offline_when_its_gateway_falls_silent(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(post(f, sv_uplink_health, "gw-a",
                          "{\"gateway\":{\"version\":\"0\",\"uptime_s\":1,\"readings_in\":5,"
                          "\"readings_per_s\":40,\"bytes_in\":1,\"bytes_up\":1,\"refused\":0,"
                          "\"spool\":0},\"devices\":[{\"device_id\":\"press-1\",\"online\":true,"
                          "\"since\":1,\"last_seen\":1,\"type\":\"press\"}]}",
                          answer),
                     SV_OK);
    assert_string_equal(answer, "{}");
    const sv_device *device = sv_registry_device(f->fleet.registry, SV_TEXT("press-1"));
    assert_non_null(device);
    assert_true(device->online);
    assert_string_equal(device->type, "press");
    fixture_now_us += SV_FLEET_HEARD_US;
    sv_fleet_judge(&f->fleet);
    assert_true(device->online);
    fixture_now_us += 1;
    sv_fleet_judge(&f->fleet);
    assert_false(device->online);
}

static int64_t number_of_first_gateway(fixture *f, const char *section, const char *key) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(&text);
    int64_t value = -1;
    assert_int_equal(sv_view_overview(&f->fleet, "", &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    const sv_json *site = sv_json_at(sv_json_get(root, "sites"), 0);
    const sv_json *gateway = sv_json_at(sv_json_get(site, "gateways"), 0);
    const sv_json *from = section == NULL ? gateway : sv_json_get(gateway, section);
    assert_true(sv_json_int(sv_json_get(from, key), &value));
    return value;
}

// [spool-3]
static void what_a_gateway_had_to_drop_is_shown_with_its_site(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(number_of_first_gateway(f, "dropped", "averages"), 0);
    assert_int_equal(post(f, sv_uplink_health, "gw-a",
                          "{\"gateway\":{\"spool\":7,\"spool_fill\":1,\"full\":true,\"dropped\":{"
                          "\"averages\":3,\"minutes\":2,\"alerts\":1}},\"devices\":[]}",
                          answer),
                     SV_OK);
    assert_int_equal(number_of_first_gateway(f, NULL, "spool"), 7);
    assert_int_equal(number_of_first_gateway(f, NULL, "spool_fill"), 1);
    assert_int_equal(number_of_first_gateway(f, "dropped", "averages"), 3);
    assert_int_equal(number_of_first_gateway(f, "dropped", "minutes"), 2);
    assert_int_equal(number_of_first_gateway(f, "dropped", "alerts"), 1);
}

static void must_show_available(fixture *f, const char *told, double of_gateway, double of_site) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(&text);
    char body[128];
    char answer[SV_UPLINK_ANSWER_MAX];
    (void) snprintf(body, sizeof body, "{\"gateway\":{%s},\"devices\":[]}", told);
    assert_int_equal(post(f, sv_uplink_health, "gw-a", body, answer), SV_OK);
    assert_int_equal(sv_view_overview(&f->fleet, "", &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    const sv_json *site = sv_json_at(sv_json_get(root, "sites"), 0);
    double shown[2] = { 0 };
    (void) sv_json_number(sv_json_get(sv_json_at(sv_json_get(site, "gateways"), 0), "available"),
                          &shown[0]);
    (void) sv_json_number(sv_json_get(site, "available"), &shown[1]);
    assert_true(shown[0] == of_gateway && shown[1] == of_site);
}

// [uplink-3]
static void how_long_devices_were_served_is_shown_of_gateway_and_site(void **state) {
    fixture *f = *state;
    must_show_available(f, "", 0, 0);
    must_show_available(f, "\"available\":0.75", 0.75, 0.75);
    sv_gateway *other = fixture_gateway(f, "gw-b");
    sv_site *elsewhere = other->site;
    other->available = 0.25;
    must_show_available(f, "\"available\":0.75", 0.75, 0.75);
    other->site = fixture_gateway(f, "gw-a")->site;
    must_show_available(f, "\"available\":0.75", 0.75, 0.5);
    other->site = elsewhere;
}

// [reading-9]
static void what_its_gateway_corrected_is_kept_as_such(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(post(f, sv_uplink_readings, "gw-a",
                          "{\"epoch\":\"" EPOCH "\",\"items\":[{\"seq\":1,\"kind\":\"average\","
                          "\"device_id\":\"press-1\",\"sensor\":\"t\",\"at\":1800000000000000,"
                          "\"value\":1,\"corrected\":true},{\"seq\":2,\"kind\":\"average\","
                          "\"device_id\":\"press-1\",\"sensor\":\"t\",\"at\":1800000001000000,"
                          "\"value\":1}]}",
                          answer),
                     SV_OK);
    assert_int_equal(fixture_count(f, "SELECT at_ms FROM point WHERE corrected"), 1800000000000);
}

static void post_clock(fixture *f, const char *member) {
    char body[256];
    char answer[SV_UPLINK_ANSWER_MAX];
    (void) snprintf(body, sizeof body,
                    "{\"gateway\":{},\"devices\":[{\"device_id\":\"press-1\",\"online\":true%s}]}",
                    member);
    assert_int_equal(post(f, sv_uplink_health, "gw-a", body, answer), SV_OK);
}

// [reading-8]
static void how_far_a_clock_is_off_is_shown_until_it_is_not(void **state) {
    static const struct {
        const char *member;
        int64_t shown_ms;
    } CASES[] = {
        { ",\"clock_ahead\":-5400000000", -5400000 },
        { "", 0 },
        { ",\"clock_ahead\":6000000", 6000 },
        { ",\"clock_ahead\":-9223372036854775808", 0 },
        { ",\"clock_ahead\":\"late\"", 0 },
    };
    fixture *f = *state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_json_out out = SV_JSON_OUT(&text);
        int64_t shown_ms = 0;
        post_clock(f, CASES[i].member);
        sv_view_device(&f->fleet, sv_registry_device(f->fleet.registry, SV_TEXT("press-1")), false,
                       &out);
        assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
        assert_non_null(sv_json_get(root, "clock_ahead"));
        (void) sv_json_int(sv_json_get(root, "clock_ahead"), &shown_ms);
        assert_int_equal(shown_ms, CASES[i].shown_ms);
    }
}

static void what_is_shown_is_json_without_a_key_twice(void **state) {
    fixture *f = *state;
    char answer[SV_UPLINK_ANSWER_MAX];
    assert_int_equal(post(f, sv_uplink_readings, "gw-a", BATCH, answer), SV_OK);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
    SV_DEFER(sv_json_drop) sv_json *overview = NULL;
    SV_DEFER(sv_json_drop) sv_json *whole = NULL;
    sv_json_out out = SV_JSON_OUT(&text);
    assert_int_equal(sv_view_overview(&f->fleet, "", &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &overview, NULL, NULL), SV_OK);
    assert_int_equal(sv_json_count(sv_json_get(overview, "sites")), 2);

    sv_textbuf_clear(&text);
    out = SV_JSON_OUT(&text);
    const sv_device *device = sv_registry_device(f->fleet.registry, SV_TEXT("press-1"));
    assert_int_equal(sv_view_device_whole(&f->fleet, device, &out, NULL), SV_OK);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &whole, NULL, NULL), SV_OK);
    double value = 0;
    const sv_json *sensor = sv_json_at(sv_json_get(whole, "sensors"), 0);
    assert_true(sv_json_number(sv_json_get(sensor, "value"), &value));
    assert_true(value == 91.2);
    assert_true(sv_json_is_array(sv_json_get(whole, "alerts")));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_batch_sent_again_is_counted_once),
        TEST(what_is_new_overtakes_what_waited_and_each_counts_once),
        TEST(what_the_gateway_dropped_is_no_gap),
        TEST(a_batch_that_fails_leaves_nothing_behind_and_can_be_sent_again),
        TEST(a_device_of_another_site_is_refused_and_the_others_are_taken),
        TEST(a_broken_item_costs_only_itself),
        TEST(a_body_cut_anywhere_is_refused_whole),
        TEST(a_device_is_offline_when_its_gateway_falls_silent),
        TEST(what_a_gateway_had_to_drop_is_shown_with_its_site),
        TEST(how_long_devices_were_served_is_shown_of_gateway_and_site),
        TEST(what_its_gateway_corrected_is_kept_as_such),
        TEST(how_far_a_clock_is_off_is_shown_until_it_is_not),
        TEST(what_is_shown_is_json_without_a_key_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
