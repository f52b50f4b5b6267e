#include "asks_fixture.h"
#include "series_ask.h"

static gw_event_end ask(fixture *f, int64_t id, const char *sensor) {
    char question[256];
    (void) snprintf(question, sizeof question,
                    "{\"device\":\"press-1\",\"sensor\":\"%s\",\"from\":0,\"to\":%lld,"
                    "\"points\":10}",
                    sensor, (long long) f->now_ms + 60000);
    return ask_so(f, id, "series", f->now_ms + 60000, question);
}

// [ask-3]
static void readings_as_they_came_are_the_answer(void **state) {
    fixture *f = *state;
    say(f, "heat", 20);
    say(f, "heat", 90.25);
    assert_int_equal(ask(f, 1, "heat"), GW_EVENT_DONE);
    turn_until(f, 1);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text id;
    double last = 0;
    assert_int_equal(sv_json_parse(sv_text_of(f->answer), &root, NULL, NULL), SV_OK);
    assert_true(sv_json_text(sv_json_get(root, "id"), &id) && sv_text_is(id, ID));
    const sv_json *points = sv_json_get(sv_json_get(root, "answer"), "points");
    assert_int_equal(sv_json_count(points), 2);
    assert_true(sv_json_number(sv_json_at(sv_json_at(points, 1), 1), &last));
    assert_true(last > 90.2 && last < 90.3);
    turn_a_little(f);
    assert_int_equal(f->answers, 1);
    assert_int_equal(ask(f, 1, "heat"), GW_EVENT_REPEATED);
    assert_int_equal(ask(f, 2, "nothing"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_non_null(strstr(f->answer, "\"status\":404"));
}

// [ask-4]
static void what_never_leaves_the_site_is_refused_also_when_that_changes_meanwhile(void **state) {
    fixture *f = *state;
    say(f, "badge", 4711);
    say(f, "heat", 4711);
    assert_int_equal(ask(f, 1, "badge"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":403,\"why\":\"badge of press-1 never leaves"));
    assert_null(strstr(f->answer, "4711"));
    gw_config fresh;
    assert_int_equal(ask(f, 2, "heat"), GW_EVENT_DONE);
    read_config(f, "uplink: {default: never}", &fresh);
    sv_rules *old = f->g.config.rules;
    f->g.config.rules = fresh.rules;
    fresh.rules = old;
    gw_ingest_rules(&f->g);
    gw_config_drop(&fresh);
    turn_until(f, 2);
    assert_non_null(strstr(f->answer, "\"status\":403"));
    assert_null(strstr(f->answer, "4711"));
}

// [ask-3]
static void who_asks_and_asks_does_not_keep_the_store_from_being_packed(void **state) {
    fixture *f = *state;
    bool busy = false;
    say(f, "heat", 20);
    gw_series_turn(&f->g, &busy);
    f->g.series.free_us -= GW_SERIES_HELD_US - SV_TIME_SECOND_US;
    assert_int_equal(ask(f, 1, "heat"), GW_EVENT_DONE);
    assert_non_null(f->g.series.asked);
    gw_series_turn(&f->g, &busy); // held up
    f->g.series.free_us -= SV_TIME_SECOND_US;
    assert_int_equal(ask(f, 2, "heat"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_null(f->g.series.asked);
    assert_int_equal(ask(f, 3, "heat"), GW_EVENT_DONE);
    turn_until(f, 3);
    assert_non_null(strstr(f->answer, "\"status\":503"));
    gw_series_turn(&f->g, &busy);
    assert_int_equal(ask(f, 4, "heat"), GW_EVENT_DONE);
    turn_until(f, 4);
    assert_non_null(strstr(f->answer, "\"points\""));
}

// [ask-1]
static void what_is_late_broken_or_unknown_is_not_answered_or_says_so(void **state) {
    fixture *f = *state;
    static const char *const BROKEN[] = {
        "null",
        "{}",
        "{\"device\":\"press/1\",\"sensor\":\"heat\",\"from\":0,\"to\":1,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"\",\"from\":0,\"to\":1,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":2,\"to\":1,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":-1,\"to\":1,\"points\":1}",
        "{\"device\":\"p\",\"sensor\":\"h\",\"from\":0,\"to\":9223372036854775807,\"points\":1}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":0,\"to\":1,\"points\":0}",
        "{\"device\":\"press-1\",\"sensor\":\"heat\",\"from\":0,\"to\":1,\"points\":2001}",
    };
    int64_t id = 1;
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_equal(ask_so(f, id++, "series", f->now_ms + 60000, BROKEN[i]), GW_EVENT_REFUSED);
    }
    assert_int_equal(ask_so(f, id++, "series", f->now_ms - 1000, "{}"), GW_EVENT_IDLE);
    turn_a_little(f);
    assert_int_equal(f->answers, 0);
    assert_int_equal(ask_so(f, id++, "weather", f->now_ms + 60000, "{}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":501"));
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(readings_as_they_came_are_the_answer),
        EACH(what_never_leaves_the_site_is_refused_also_when_that_changes_meanwhile),
        EACH(who_asks_and_asks_does_not_keep_the_store_from_being_packed),
        EACH(what_is_late_broken_or_unknown_is_not_answered_or_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
